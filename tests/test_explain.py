"""Differences in sentences: the smallest thing that a person can act on."""

from __future__ import annotations

from dataclasses import dataclass

from datasets import Features, Value

from interpretune.analysis.cache.digests.policy import Policy
from interpretune.analysis.cache.digests.results import Part
from interpretune.analysis.cache.explain import sentences
from interpretune.analysis.cache.hasher import AnalysisStoreHasher, Fingerprint
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.settings import enable_analysisstore_caching


def fingerprint(**parts: dict[str, str]) -> Fingerprint:
    """Give a fingerprint whose components have the given parts; a part's text stands for its digest."""
    named = {name.replace("__", "."): texts for name, texts in parts.items()}
    return Fingerprint(
        components={name: str(sorted(texts.items())) for name, texts in named.items()},
        parts={name: {path: Part(text, text) for path, text in texts.items()} for name, texts in named.items()},
    )


def tell(older: Fingerprint, newer: Fingerprint) -> list[str]:
    return sentences(older.diff(newer))


def test_equal_fingerprints_have_nothing_to_say():
    assert tell(fingerprint(op={"x": "1"}), fingerprint(op={"x": "1"})) == []


def test_tensors_are_counted_and_named():
    names = [f"model.weights.h.{index}" for index in range(6)]
    older = fingerprint(model__weights=dict.fromkeys(names, "float32 (2,)"))
    newer = fingerprint(model__weights={name: "float32 (2,)" if name[-1] < "2" else "other" for name in names})
    assert tell(older, newer) == ["model.weights: 4 of 6 tensors differ (h.2, h.3, h.4, …)"]


def test_a_constant_in_a_helper():
    older = fingerprint(op__implementation={"helper `scale` (ops.py)": "def scale(x):\n    return x * 0.5"})
    newer = fingerprint(op__implementation={"helper `scale` (ops.py)": "def scale(x):\n    return x * 0.7"})
    assert tell(older, newer) == ["op.implementation: constant 0.5 became 0.7 in helper `scale` (ops.py)"]


def test_a_changed_line_of_code():
    older = fingerprint(op__implementation={"step": "def step(x):\n    y = x + 1\n    return y"})
    newer = fingerprint(op__implementation={"step": "def step(x):\n    y = x - 1\n    return y"})
    assert tell(older, newer) == ["op.implementation: `y = x + 1` became `y = x - 1` in step"]


def test_code_that_lies_in_another_file_now_is_told_only_where_it_changed():
    steps = {"helper `scale`": "def scale(x):\n    return x * 0.5", "helper `same`": "def same(x):\n    return x"}
    older = fingerprint(op__implementation={f"{name} (ops.py)": text for name, text in steps.items()})
    newer = fingerprint(
        op__implementation={f"{name} (new.py)": text.replace("0.5", "0.7") for name, text in steps.items()}
    )
    assert tell(older, newer) == ["op.implementation: constant 0.5 became 0.7 in helper `scale` (new.py)"]


def test_a_version_a_value_and_a_field():
    older = fingerprint(runtime__torch={"runtime.torch": "'2.12'"}, inputs__cfg={"inputs.cfg.top_k": "5"})
    newer = fingerprint(runtime__torch={"runtime.torch": "'2.13'"}, inputs__cfg={"inputs.cfg.top_k": "6"})
    assert tell(older, newer) == ["inputs.cfg: top_k: 5 became 6", "runtime: torch 2.12 became 2.13"]


def test_components_that_come_and_go():
    assert tell(fingerprint(), fingerprint(hooks={"x": "1"})) == ["hooks: takes part now, and did not before"]
    assert tell(fingerprint(hooks={"x": "1"}), fingerprint()) == ["hooks: took part before, and does not now"]


def test_long_values_are_cut():
    [sentence] = tell(fingerprint(run={"run.text": "a" * 500}), fingerprint(run={"run.text": "b" * 500}))
    assert len(sentence) < 200


def test_a_component_that_is_one_value_is_named_once():
    assert tell(fingerprint(inputs__layer={"inputs.layer": "1"}), fingerprint(inputs__layer={"inputs.layer": "3"})) == [
        "inputs.layer: 1 became 3"
    ]


def test_many_changes_are_counted_once_each_and_soon():
    paths = [f"inputs.cfg.table[{number}].weight" for number in range(20_000)]
    reached_twice = {"inputs.cfg.Clip.size": "0", "inputs.cfg.size": "0"}
    older = fingerprint(inputs__cfg={**dict.fromkeys(paths, "0"), **reached_twice})
    newer = fingerprint(inputs__cfg={**dict.fromkeys(paths, "1"), **dict.fromkeys(reached_twice, "1")})
    [sentence] = tell(older, newer)
    assert sentence.startswith("inputs.cfg: 20001 of 20002 parts differ (Clip.size, table[0].weight, ")


@dataclass
class Config:
    run_label: str = "a"
    layers: tuple[int, ...] = (1, 2)


def notes(ignore: tuple[str, ...] = (), include: tuple[str, ...] = ()) -> tuple[str, ...]:
    return AnalysisStoreHasher(Policy(ignore, include)).fingerprint(inputs={"cfg": Config()}).notes


def test_a_path_that_nothing_has_is_told_with_the_one_that_may_be_meant():
    assert notes(ignore=("inputs.cfg.run_labl",)) == (
        "nothing has the path 'inputs.cfg.run_labl' of `ignore`; is 'inputs.cfg.run_label' meant?",
    )
    assert notes(ignore=("module.*",)) == ("nothing has the path 'module.*' of `ignore`",)
    assert notes(ignore=("input.cfg", "inputs.cfg.run_label")) == (
        "nothing has the path 'input.cfg' of `ignore`; is 'inputs.cfg' meant?",
    )
    assert notes(include=("inputs.cfg.logger",)) == (
        "nothing that is taken for noise has the path 'inputs.cfg.logger' of `include`",
    )


def test_paths_that_something_has_are_not_told_of():
    for ignore in ("inputs.cfg", "inputs.*", "*.run_label", "inputs.cfg.layers[1]"):
        assert notes(ignore=(ignore,)) == ()
    assert notes(ignore=("inputs.*", "inputs.cfg")) == (), "two that stand for the same"
    assert notes(ignore=("inputs.cfg", "inputs.cfg.run_label")) == (), "one below another is not looked for"
    hasher = AnalysisStoreHasher(Policy(("inputs.cfg.run_label",)))
    assert hasher.fingerprint(inputs={"cfg": Config()}).notes == ()
    assert len(hasher.fingerprint(inputs={"layer": 1}).notes) == 1, "each run is asked by itself"


def test_an_outcome_explains_which_path_nothing_has():
    enable_analysisstore_caching()
    materialize(
        lambda batch, index: {"x": batch},
        [1],
        features=Features({"x": Value("int64")}),
        inputs={"cfg": Config()},
        ignore=("inputs.cfg.run_labl",),
    )
    assert "\nnote: nothing has the path 'inputs.cfg.run_labl' of `ignore`; is" in last_outcome().explain()
