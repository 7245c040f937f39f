"""One key over ten processes, whatever else happened in them.

Importing torch and transformers is most of what a process costs, so the ten answer everything that is asked of ten.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import interpretune.analysis.cache as package

pytest.importorskip("torch")
pytest.importorskip("transformers")

SOURCE = Path(package.__file__).resolve().parents[3]
TESTS = Path(__file__).resolve().parent
PROCESSES = 10
#: What a process may have done before it asks; the first one asks at once, and so does each before it does more.
DEEDS = {
    "pickle": "pickle.dumps([model, tokenizer, cfg, head]); pickle.loads(pickle.dumps(model))",
    "deepcopy": "copy.deepcopy([model, tokenizer, cfg, head])",
    "torch.save": "torch.save(model, 'model.pt'); torch.save(model.state_dict(), 'state.pt')",
    "forward": "model(torch.tensor([[1, 2, 3]])); head(torch.ones(2, 16))",
    "generate": "model.generate(torch.tensor([[1, 2]]), max_new_tokens=3, do_sample=False)",
    "tokenizer call": "tokenizer(['the cat', 'sun'], padding='max_length', truncation=True, max_length=5)",
    "save_pretrained": "model.save_pretrained('model'); tokenizer.save_pretrained('tokenizer')",
    "the step": "step(next(iter(loader)), 0)",
    "datasets' own hasher": "datasets.fingerprint.Hasher.hash(tokenizer); datasets.fingerprint.Hasher.hash(cfg)",
    "another model through AutoModel": "transformers.AutoModelForCausalLM.from_config(model.config)",
    "train and eval": "model.train(); model.eval()",
}
SCRIPT = """
import copy, json, pickle, sys
from pathlib import Path
import datasets, torch, transformers
from interpretune.analysis.cache import AnalysisStoreHasher
from lab.config import RunConfig
from lab.deep import *
from lab.rows import *
from lab.session import Session

model, head, tokenizer, dataset = build_model(), build_head(), build_tokenizer(), build_dataset()
loader, cfg = build_loader(tokenizer, dataset), RunConfig()
step = make_deep_step(Session(cfg, model, tokenizer), head)

number, deeds = int(sys.argv[1]), json.loads(sys.argv[2])


def components():
    import test_models, test_tokenizers

    gpt2, fast, slow = test_models.gpt2(), test_tokenizers.fast(), test_tokenizers.slow(Path("vocabulary"))
    if number % 2:
        pickle.dumps(gpt2), copy.deepcopy(gpt2), test_tokenizers.called(fast), test_tokenizers.called(slow)
    if number % 3:
        (test_models.forward if number % 3 == 1 else test_models.generate)(gpt2)
    return [test_models.key(gpt2), test_tokenizers.key(fast), test_tokenizers.key(slow)]


def keys():
    hasher = AnalysisStoreHasher()
    return [
        hasher.fingerprint(step=step, data=loader, features=FEATURES).hexdigest,
        hasher.fingerprint(inputs={"model": model, "tokenizer": tokenizer, "cfg": cfg}).hexdigest,
    ]


found, parts = {"": keys()}, components()
for name, deed in deeds.items():
    try:
        exec(deed)
    except (AttributeError, TypeError):  # after a forward transformers 5 leaves hooks that cannot be pickled
        pass
    found[name] = keys()
print(json.dumps([found, parts]))
"""


def ask(number: int, directory: Path) -> tuple[dict[str, list[str]], list[dict[str, str]]]:
    """Ask in a process of its own; each does the deeds in another order."""
    names = list(DEEDS)
    order = names[number:] + names[:number]
    (directory / str(number)).mkdir()
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(number), json.dumps({name: DEEDS[name] for name in order})],
        cwd=directory / str(number),
        env={
            **os.environ,
            "PYTHONHASHSEED": str(number * 1009),
            "PYTHONPATH": os.pathsep.join([str(SOURCE), str(TESTS), str(TESTS / "meaning")]),
            "PYTHONWARNINGS": "ignore",
            "TOKENIZERS_PARALLELISM": "false",
        },
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert finished.returncode == 0, finished.stderr
    found, parts = json.loads(finished.stdout)
    return found, parts


@pytest.mark.timeout(300)
def test_ten_processes_have_one_key_whatever_they_did(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda number: ask(number, tmp_path), range(PROCESSES)))
    first = answers[0][0][""]
    different = {
        (number, name): keys
        for number, (found, _) in enumerate(answers)
        for name, keys in found.items()
        if keys != first
    }
    assert not different
    parts = answers[0][1]
    assert [next(iter(each)).split(".")[:2] for each in parts] == [["inputs", "m"], ["inputs", "t"], ["inputs", "t"]]
    assert all(other == parts for _, other in answers)
