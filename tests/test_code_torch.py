"""Steps that are methods of torch modules: they count by what they read of the module."""

from __future__ import annotations

import logging
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from code_runner import digest  # noqa: E402


class Inner(torch.nn.Module):  # type: ignore[name-defined, misc]
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        return scaled(self.linear(x))


class Module(torch.nn.Module):  # type: ignore[name-defined, misc]
    def __init__(self) -> None:
        super().__init__()
        self.model, self.other = Inner(), Inner()
        self.scale = 2.0
        self.note, self.lock, self.run = logging.getLogger("module"), threading.Lock(), uuid.uuid4()
        self.unknown = object()

    def halved(self, x: Any) -> Any:
        return x * self.scale / 2

    @torch.no_grad()
    def step(self, batch: Any) -> Any:
        self.note.info("run %s", self.run)
        with self.lock, torch.inference_mode():
            return torch.nn.functional.softmax(self.halved(self.model(batch)), dim=-1)


FACTOR = 3


def scaled(x: Any) -> Any:
    return x * FACTOR


def key(module: Module) -> dict[str, str]:
    return digest(module.step).components


def test_a_step_of_a_module_counts_by_what_it_reads() -> None:
    before = key(Module())
    assert key(Module()) == before
    other = Module()
    other.other.linear.weight.data.mul_(2)
    other.note = logging.getLogger("another")
    assert key(other) == before
    scale, weight = Module(), Module()
    scale.scale = 3.0
    weight.model.linear.weight.data.mul_(2)
    assert key(scale) != before
    assert {name for name in before if key(weight)[name] != before[name]} == {"op.implementation.self.model.weights"}


def test_a_helper_of_a_captured_module_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(Module())
    monkeypatch.setitem(globals(), "FACTOR", 4)
    assert key(Module()) != before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, on its first use
def test_compiling_a_step_changes_nothing() -> None:
    def op(batch: Any) -> Any:
        return torch.relu(batch)

    assert digest(torch.compile(op)).components == digest(op).components
    assert digest(op).uses == {"torch"}


def test_a_captured_tensor_counts_by_its_bytes() -> None:
    tensor = torch.ones(2)

    def op(batch: Any) -> Any:
        return batch * tensor

    before = digest(op).components
    tensor.data.mul_(2)
    assert digest(op).components != before


def test_a_file_that_is_opened_by_a_class_written_in_rust_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    from safetensors import safe_open

    def step(batch: Any) -> Any:
        with safe_open("vector.safetensors", framework="pt") as file:
            return batch * file.get_tensor("vector")

    def key_with(value: float) -> dict[str, str]:
        safetensors.save_file({"vector": torch.tensor([value])}, "vector.safetensors")
        return digest(step).components

    monkeypatch.chdir(tmp_path)
    before = key_with(2.0)
    assert key_with(2.0) == before
    assert key_with(3.0) != before
