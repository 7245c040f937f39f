"""Steps that are methods of torch modules: they count by what they read of the module."""

from __future__ import annotations

import logging
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from code_runner import digest, digest_of_text  # noqa: E402
from interpretune.analysis.cache.errors import UnfingerprintableError  # noqa: E402


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


HANDLES = """
import torch
torch.manual_seed(0)
model, kept = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()), []
def hook(module, args, output): return output * 2
class Held: pass
held = Held()
held.model, held.handles = model, []
captured = model[0].register_forward_hook(hook)
handles = [captured]
def op(b):
    %s
"""


@pytest.mark.parametrize(
    "body",
    [
        "h = model.register_forward_hook(hook)\n    y = model(b)\n    h.remove()\n    return y",
        "hs = [layer.register_forward_hook(hook) for layer in model]\n    y = model(b)\n"
        "    for h in hs: h.remove()\n    return y",
        "held.h = held.model.register_forward_hook(hook)\n    y = held.model(b)\n    held.h.remove()\n    return y",
        "held.handles.append(model.register_forward_hook(hook))\n    y = model(b)\n"
        "    for h in held.handles: h.remove()\n    held.handles.clear()\n    return y",
        "with model.register_forward_hook(hook):\n        return model(b)",
    ],
)
def test_a_step_takes_away_hooks_that_it_registered_itself(body: str) -> None:
    before = key_of_text(HANDLES % body)
    assert key_of_text(HANDLES % body) == before
    assert key_of_text((HANDLES % body).replace("output * 2", "output * 3")) != before


@pytest.mark.parametrize("body", ["captured.remove()", "for h in handles: h.remove()", "handles[0].remove()"])
def test_a_step_that_takes_away_a_hook_it_did_not_register_is_refused(body: str) -> None:
    # A handle does not tell of which module the hook is, and later batches run without it.
    with pytest.raises(UnfingerprintableError, match="RemovableHandle"):
        digest_of_text(HANDLES % f"{body}\n    return model(b)")


def key_of_text(text: str) -> str:
    return digest_of_text(text).components["op.implementation"]
