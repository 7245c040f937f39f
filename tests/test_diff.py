"""A diff names the smallest thing that changed: the tensor, function, field, column, version."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from lab.config import RunConfig
from lab.helpers import density, keep
from lab.probes import BaseProbe, Probe
from lab.rows import COLUMNS, build_dataset

import interpretune.analysis.cache as package
from interpretune.analysis.cache import AnalysisStoreHasher
from meaning import install

SOURCE = Path(package.__file__).resolve().parents[3]


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[str]]:
    """Give the parts that differ, by component."""
    hasher = AnalysisStoreHasher()
    found = hasher.fingerprint(**before).diff(hasher.fingerprint(**after))
    return {difference.component: [path for path, _, _ in difference.parts] for difference in found}


def test_equal_runs_differ_in_nothing() -> None:
    run = {"inputs": {"cfg": RunConfig()}, "data": build_dataset()}
    assert changed(run, copy.deepcopy(run)) == {}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda cfg: setattr(cfg, "scale", 3.0), "inputs.cfg.scale"),
        (lambda cfg: setattr(cfg.probe, "gain", 9.0), "inputs.cfg.probe.gain"),
        (lambda cfg: cfg.probe.weights.update(long=4.0), "inputs.cfg.probe.weights['long']"),
        (lambda cfg: cfg.layers.__setitem__(1, 7), "inputs.cfg.layers[1]"),
        (lambda cfg: cfg.tags.add("up"), "inputs.cfg.tags"),
        (lambda cfg: setattr(cfg, "note", "x"), "inputs.cfg.note"),
    ],
)
def test_a_field(change: Callable[[RunConfig], None], path: str) -> None:
    cfg = RunConfig()
    change(cfg)
    assert changed({"inputs": {"cfg": RunConfig()}}, {"inputs": {"cfg": cfg}}) == {"inputs.cfg": [path]}


@pytest.mark.parametrize("column", ["text", "label", "weight"])
def test_a_column(column: str) -> None:
    values = list(reversed(COLUMNS[column]))
    other = datasets.Dataset.from_dict({**COLUMNS, column: values})
    assert changed({"data": build_dataset()}, {"data": other}) == {"data.rows": [f"data.rows['{column}']"]}


def test_a_column_s_type() -> None:
    other = build_dataset().cast_column("label", datasets.Value("int32"))
    found = changed({"data": build_dataset()}, {"data": other})
    assert found["data.schema"] == ["data.schema['label']"]
    assert set(found) <= {"data.schema", "data.rows"}
    assert found.get("data.rows", ["data.rows['label']"]) == ["data.rows['label']"]


def test_a_format() -> None:
    other = build_dataset().with_format("numpy")
    assert changed({"data": build_dataset()}, {"data": other}) == {"data.format": ["data.format['type']"]}


def test_a_feature_of_the_result() -> None:
    wide = datasets.Features(a=datasets.Value("float64"), b=datasets.Value("string"))
    narrow = datasets.Features(a=datasets.Value("float32"), b=datasets.Value("string"))
    assert changed({"features": wide}, {"features": narrow}) == {"schema": ["schema['a']"]}


def step_of(probe: Probe) -> Any:
    def step(batch: Any, i: int) -> Any:
        return [probe.measure(word) for word in batch if keep(word)]

    return step


def test_a_function_two_modules_away(monkeypatch: pytest.MonkeyPatch) -> None:
    step = step_of(Probe(RunConfig().probe))
    hasher = AnalysisStoreHasher()
    before = hasher.fingerprint(step=step)

    def other(word: str) -> float:
        return len(word) / 2

    monkeypatch.setattr(density, "__code__", other.__code__)
    (difference,) = before.diff(hasher.fingerprint(step=step))
    assert difference.component == "op.implementation"
    assert all("density" in path or "vowels" in path.lower() for path, _, _ in difference.parts)
    assert any("density" in path for path, _, _ in difference.parts)
    assert difference.total > 10


def test_a_class_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    step = step_of(Probe(RunConfig().probe))
    hasher = AnalysisStoreHasher()
    before = hasher.fingerprint(step=step)
    monkeypatch.setattr(BaseProbe, "bias", 0.5)
    (difference,) = before.diff(hasher.fingerprint(step=step))
    assert [(path, older.text, newer.text) for path, older, newer in difference.parts if older and newer] == [
        ("op.implementation.probe.bias", "0.125", "0.5")
    ]


def test_what_a_person_reads_is_the_value() -> None:
    hasher = AnalysisStoreHasher()
    (difference,) = hasher.fingerprint(inputs={"k": [1, 2]}).diff(hasher.fingerprint(inputs={"k": [1, 3]}))
    ((path, older, newer),) = difference.parts
    assert (path, older.text, newer.text) == ("inputs.k[1]", "2", "3")


def test_added_and_removed() -> None:
    hasher = AnalysisStoreHasher()
    one, two = hasher.fingerprint(inputs={"a": 1}), hasher.fingerprint(inputs={"b": 1})
    assert [(found.component, found.kind) for found in one.diff(two)] == [
        ("inputs.a", "removed"),
        ("inputs.b", "added"),
    ]


def test_a_tensor() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    other = copy.deepcopy(model)
    other[0].bias.data[1] += 1
    assert changed({"inputs": {"model": model}}, {"inputs": {"model": other}}) == {
        "inputs.model.weights": ["inputs.model.0.bias"]
    }
    other = copy.deepcopy(model)
    other[1].running_var[0] = 3
    assert changed({"inputs": {"model": model}}, {"inputs": {"model": other}}) == {
        "inputs.model.weights": ["inputs.model.1.running_var"]
    }


def test_an_attribute_of_a_module() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.LayerNorm(3), torch.nn.LayerNorm(3))
    other = copy.deepcopy(model)
    other[1].eps = 1e-3
    assert changed({"inputs": {"model": model}}, {"inputs": {"model": other}}) == {
        "inputs.model.structure": ["inputs.model.1.eps"]
    }


def test_a_version(tmp_path: Path) -> None:
    """An op from an installed distribution counts by name and version, wherever it is installed."""
    script = (
        "import json, lab.text\nfrom interpretune.analysis.cache import AnalysisStoreHasher\n"
        "found = AnalysisStoreHasher().fingerprint(step=lambda batch, i: lab.text.vowels(batch))\n"
        "print(json.dumps([found.hexdigest, dict(found.components)]))"
    )
    answers = []
    for place, version in [("one", "1.0"), ("two", "1.0"), ("three", "1.1")]:
        project = install.lay_out_project(tmp_path / place / "project", version)
        python = install.environment(tmp_path / place / "environment")
        install.install(python, str(project))
        (tmp_path / place / "ask.py").write_text(script, encoding="utf-8")
        finished = subprocess.run(
            [python, "ask.py"],
            cwd=tmp_path / place,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": version[-1]},
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, finished.stderr
        answers.append(json.loads(finished.stdout))
    (one, first), (two, _), (three, last) = answers
    assert one == two
    assert one != three
    assert [name for name in last if last[name] != first.get(name)] == ["runtime.lab-project"]
