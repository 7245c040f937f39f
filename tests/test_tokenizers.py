"""The digest of a tokenizer: what turns text into ids, not what a call leaves behind nor where it came from."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: E402

from interpretune.analysis.cache.digests.policy import Policy  # noqa: E402
from interpretune.analysis.cache.digests.registry import find_encoder  # noqa: E402
from interpretune.analysis.cache.digests.results import WalkResult  # noqa: E402
from interpretune.analysis.cache.digests.walk import Walk  # noqa: E402
from interpretune.analysis.cache.errors import UnfingerprintableError  # noqa: E402

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s"]
TEXTS = ["the cat sat", "the"]


def walked(value: Any, **policy: Any) -> WalkResult:
    walk = Walk("inputs.t", find_encoder, Policy(**policy))
    return walk.finish(walk.child(value))


def key(value: Any, **policy: Any) -> dict[str, str]:
    return walked(value, **policy).components


def backend(words: list[str] | None = None) -> Any:
    made = Tokenizer(models.WordPiece({word: n for n, word in enumerate(words or WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def fast(words: list[str] | None = None, **options: Any) -> Any:
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend(words), unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", **options
    )


def slow(directory: Path, words: list[str] | None = None, **options: Any) -> Any:
    from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "vocab.txt"
    file.write_text("\n".join(words or WORDS))
    return BertTokenizerLegacy(str(file), **options)


def called(tokenizer: Any) -> Any:
    tokenizer(TEXTS, padding="max_length", truncation=True, max_length=4)
    tokenizer(TEXTS, padding=True, return_tensors="pt")
    tokenizer.decode(tokenizer(TEXTS[0])["input_ids"])
    return tokenizer


NO_OPS: dict[str, Callable[[Any], Any]] = {
    "called": called,
    "pickled": lambda tokenizer: pickle.loads(pickle.dumps(tokenizer)),
    "deep-copied": copy.deepcopy,
    "called and deep-copied": lambda tokenizer: copy.deepcopy(called(tokenizer)),
    "another origin": lambda tokenizer: setattr(tokenizer, "name_or_path", "/elsewhere") or tokenizer,
    "verbose": lambda tokenizer: setattr(tokenizer, "verbose", True) or tokenizer,
}

MUTATIONS: dict[str, Callable[[Any], Any]] = {
    "padding side": lambda tokenizer: setattr(tokenizer, "padding_side", "left"),
    "truncation side": lambda tokenizer: setattr(tokenizer, "truncation_side", "left"),
    "model input names": lambda tokenizer: setattr(tokenizer, "model_input_names", ["input_ids"]),
    "maximal length": lambda tokenizer: setattr(tokenizer, "model_max_length", 5),
    "another special token": lambda tokenizer: setattr(tokenizer, "pad_token", "[SEP]"),
    "chat template": lambda tokenizer: setattr(tokenizer, "chat_template", "{{ messages }}"),
    "clean-up": lambda tokenizer: setattr(
        tokenizer, "clean_up_tokenization_spaces", not tokenizer.clean_up_tokenization_spaces
    ),
    "split special tokens": lambda tokenizer: setattr(tokenizer, "split_special_tokens", True),
    "an added token": lambda tokenizer: tokenizer.add_tokens(["dog"]),
    "an added special token": lambda tokenizer: tokenizer.add_special_tokens({"eos_token": "<end>"}),
}


@pytest.mark.parametrize("no_op", NO_OPS)
def test_fast_keeps_its_key(no_op: str) -> None:
    assert key(NO_OPS[no_op](fast())) == key(fast())


@pytest.mark.parametrize("no_op", NO_OPS)
def test_slow_keeps_its_key(no_op: str, tmp_path: Path) -> None:
    assert key(NO_OPS[no_op](slow(tmp_path / "a"))) == key(slow(tmp_path / "b"))


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_fast_changes_its_key(mutation: str) -> None:
    tokenizer = fast()
    MUTATIONS[mutation](tokenizer)
    assert key(tokenizer) != key(fast())


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_slow_changes_its_key(mutation: str, tmp_path: Path) -> None:
    tokenizer = slow(tmp_path)
    MUTATIONS[mutation](tokenizer)
    assert key(tokenizer) != key(slow(tmp_path))


@pytest.mark.parametrize("first_called", [False, True])
def test_saved_and_reloaded_from_elsewhere(tmp_path: Path, first_called: bool) -> None:
    tokenizer = fast()
    if first_called:
        called(tokenizer)
    for name in ("one", "other"):
        tokenizer.save_pretrained(tmp_path / name)
        assert key(type(tokenizer).from_pretrained(tmp_path / name)) == key(fast())
    legacy = slow(tmp_path / "a")
    legacy.save_pretrained(tmp_path / "b")
    assert key(type(legacy).from_pretrained(tmp_path / "b")) == key(slow(tmp_path / "c"))


def parts_of_the_backend() -> dict[str, Any]:
    def template(tokenizer: Any) -> None:
        tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])

    return {
        "normalizer": lambda tokenizer: setattr(tokenizer, "normalizer", normalizers.NFC()),
        "pre_tokenizer": lambda tokenizer: setattr(tokenizer, "pre_tokenizer", pre_tokenizers.ByteLevel()),
        "post_processor": template,
        "added_tokens": lambda tokenizer: tokenizer.add_tokens(["dog"]),
    }


@pytest.mark.parametrize("name", parts_of_the_backend())
def test_parts_of_the_backend_are_named(name: str) -> None:
    tokenizer, before = fast(), walked(fast())
    parts_of_the_backend()[name](tokenizer.backend_tokenizer)
    after = walked(tokenizer)
    assert before.components != after.components
    mine, theirs = before.parts["inputs.t"], after.parts["inputs.t"]
    assert {path for path in mine if mine[path] != theirs[path]} == {f"inputs.t._tokenizer.{name}"}


def test_vocabulary() -> None:
    swapped = [*WORDS[:5], "cat", "the", *WORDS[7:]]
    assert key(fast(swapped)) != key(fast())
    assert key(fast([*WORDS, "more"])) != key(fast())


def test_a_backend_by_itself_has_its_own_padding() -> None:
    padded = backend()
    padded.enable_padding(length=7)
    assert key(backend()) == key(backend())
    assert len({str(key(one)) for one in (backend(), padded, fast())}) == 3


def test_dropping_merges_at_random_is_told() -> None:
    made = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")], dropout=0.1))
    assert walked(made).stochastic == ["inputs.t: the tokenizer drops merges at random"]
    assert walked(backend()).stochastic == []


def test_a_part_in_python_is_refused() -> None:
    class Own:
        def pre_tokenize(self, pretok: Any) -> None: ...

    tokenizer = fast()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Own())
    with pytest.raises(UnfingerprintableError, match="cannot be written down") as error:
        key(tokenizer)
    assert error.value.path == "inputs.t._tokenizer"


def test_collators_count_with_their_tokenizer() -> None:
    def collator(**options: Any) -> Any:
        return transformers.DataCollatorWithPadding(fast(), **options)

    used = collator()
    used([dict(fast()(text)) for text in TEXTS])
    assert key(collator()) == key(used)
    assert key(collator()) != key(collator(pad_to_multiple_of=8))
    other = collator()
    other.tokenizer.padding_side = "left"
    assert key(other) != key(used)
