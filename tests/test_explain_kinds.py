"""Why did it miss? One change of each kind in a real run, and the sentence by which outcome and command name it."""

from __future__ import annotations

import dataclasses
import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
from click.testing import CliRunner

from interpretune.analysis.cache import enable_analysisstore_caching, last_outcome, materialize
from interpretune.analysis.cache.__main__ import main

HELPERS = """
    FLOOR = 1


    def scale(value):
        return value * 0.5


    class Clip:
        ceiling = 100

        def __call__(self, value):
            return min(value, self.ceiling)
"""
OPS = """
    from measures import helpers


    def step(batch, batch_idx):
        clip = helpers.Clip()
        for value in batch["x"]:
            yield {"y": clip(helpers.scale(value)) + helpers.FLOOR}
"""


@dataclasses.dataclass
class Config:
    top_k: int = 5
    mode: str = "mean"
    layers: tuple[int, ...] = (1, 2)


@dataclasses.dataclass
class Run:
    """All that a run is made of; each test changes one thing of it."""

    directory: Path
    sources: dict[str, str]
    columns: dict[str, list[Any]]
    config: Config
    inputs: dict[str, Any]
    features: datasets.Features
    split: str = "train"

    def __call__(self) -> str:
        """Run it and give the explanation."""
        package = self.directory / "measures"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        for name, source in self.sources.items():
            (package / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        for name in [name for name in sys.modules if name.partition(".")[0] == "measures"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        ops = importlib.import_module("measures.ops")
        rows = datasets.Dataset.from_dict(self.columns)
        materialize(
            ops.step,
            lambda: rows.iter(2),
            features=self.features,
            inputs={"cfg": self.config, **self.inputs},
            split=self.split,
        )
        outcome = last_outcome()
        assert outcome is not None
        return outcome.explain()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.syspath_prepend(str(tmp_path))
    # A module that is written anew within the same second would otherwise be taken from its compiled file.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    enable_analysisstore_caching()
    yield Run(
        directory=tmp_path,
        sources={"helpers": HELPERS, "ops": OPS},
        columns={"x": [1, 2, 3], "text": ["a", "b", "c"]},
        config=Config(),
        inputs={},
        features=datasets.Features({"y": datasets.Value("float64")}),
    )
    for name in [name for name in sys.modules if name.partition(".")[0] == "measures"]:
        del sys.modules[name]


def source(name: str, before: str, after: str) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        assert before in run.sources[name]
        run.sources[name] = run.sources[name].replace(before, after)

    return change


def column(name: str, values: list[Any]) -> Callable[[Run], None]:
    return lambda run: run.columns.update({name: values})


def config(**fields: Any) -> Callable[[Run], None]:
    return lambda run: setattr(run, "config", dataclasses.replace(run.config, **fields))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            source("helpers", "0.5", "0.7"),
            "op.implementation: constant 0.5 became 0.7 in function `scale` (helpers.py)",
        ),
        (
            source("ops", "+ helpers.FLOOR", "- helpers.FLOOR"),
            "op.implementation: `yield {'y': clip(helpers.scale(value)) + helpers.FLOOR}` became "
            "`yield {'y': clip(helpers.scale(value)) - helpers.FLOOR}` in function `step` (ops.py)",
        ),
        (source("helpers", "FLOOR = 1", "FLOOR = 2"), "op.implementation: helpers.FLOOR: 1 became 2"),
        (source("helpers", "ceiling = 100", "ceiling = 50"), "op.implementation: helpers.Clip.ceiling: 100 became 50"),
        (config(top_k=6), "inputs.cfg: top_k: 5 became 6"),
        (config(mode="max"), "inputs.cfg: mode: mean became max"),
        (config(layers=(1, 3)), "inputs.cfg: layers[1]: 2 became 3"),
        (column("x", [1, 2, 4]), "data.rows.rows: 1 of 2 columns differs (x)"),
        (column("text", ["a", "b", "d"]), "data.rows.rows: 1 of 2 columns differs (text)"),
        (lambda run: setattr(run, "split", "test"), "run.split: train became test"),
        (lambda run: run.inputs.update(more=1), "inputs.more: takes part now, and did not before"),
        (
            lambda run: setattr(run, "features", datasets.Features({"y": datasets.Value("float32")})),
            "schema: y: Value('float64') became Value('float32')",
        ),
    ],
    ids=[
        "a helper's constant",
        "the step",
        "a module's constant",
        "a class attribute",
        "an integer",
        "a text",
        "an element",
        "a cell",
        "a text in a cell",
        "the split",
        "one input more",
        "a feature",
    ],
)
def test_one_change_is_named(run: Run, change: Callable[[Run], None], sentence: str) -> None:
    assert run().startswith("miss: ")
    change(run)
    explanation = run()
    first, *sentences = explanation.splitlines()
    assert first.startswith("miss: ")
    assert "; against the entry " in first
    print(explanation)
    assert len(sentences) == 1
    assert sentence in sentences[0]
    key = getattr(last_outcome(), "key", "")
    told = CliRunner().invoke(main, ["explain", key])
    assert told.exit_code == 0, told.output
    assert sentences[0].strip() in told.stdout


def weight(model: Any) -> None:
    model.transformer.h[0].mlp.c_fc.weight.data[3, 4] += 1.0


def two_weights(model: Any) -> None:
    weight(model)
    model.transformer.wte.weight.data[5, 6] += 1.0


def attribute(model: Any) -> None:
    model.transformer.ln_f.eps = 0.5


def setting(model: Any) -> None:
    model.config.layer_norm_epsilon = 0.25


def hook(model: Any) -> None:
    model.transformer.wte.register_forward_hook(lambda module, args, output: output * 2)


def training(model: Any) -> None:
    model.transformer.h[1].mlp.dropout.train()


def determinism(model: Any) -> None:
    import torch

    torch.use_deterministic_algorithms(True)


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        (weight, ["inputs.model.weights: 1 of 29 tensors differs (transformer.h.0.mlp.c_fc.weight)"]),
        (
            two_weights,
            ["inputs.model.weights: 3 of 29 tensors differ (lm_head.weight, transformer.h.0.mlp.c_fc.weight, "],
        ),
        (attribute, ["inputs.model.structure: transformer.ln_f.eps: 1e-05 became 0.5"]),
        (setting, ["inputs.model.config: layer_norm_epsilon: 1e-05 became 0.25"]),
        (hook, ["inputs.model.hooks: takes part now, and did not before"]),
        (
            training,
            [
                "inputs.model.training: transformer.h.1.mlp.dropout.training: False became True",
                "rng: takes part now, and did not before",
                "run.limit: takes part now, and did not before",
            ],
        ),
        (determinism, ["numerics: deterministic"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_one_change_of_a_model_is_named(change: Callable[[Any], None], sentences: list[str]) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=2, n_embd=32, n_head=2, vocab_size=64, n_positions=16)
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config).eval()
    features = datasets.Features({"y": datasets.Value("int64")})
    enable_analysisstore_caching()

    def explanation() -> str:
        materialize(lambda batch, batch_idx: {"y": batch}, [1, 2], features=features, inputs={"model": model})
        outcome = last_outcome()
        assert outcome is not None
        return outcome.explain()

    try:
        explanation()
        change(model)
        first, *told = explanation().splitlines()
    finally:
        torch.use_deterministic_algorithms(False)
    assert first.startswith("miss: ")
    print("\n".join(told))
    assert len(told) == len(sentences)
    for line, sentence in zip(told, sentences, strict=True):
        assert line.strip().startswith(sentence)
