"""What libraries leave behind in models, SAEs and bridges, and which changes no forward, is not in the key."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interpretune.analysis.cache import AnalysisStoreHasher

torch = pytest.importorskip("torch")

#: The ways of the library, in the names and in what a forward leaves behind; nothing in it is the library's code.
LIBRARY = """
import torch

class SAE(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.W_enc = torch.nn.Parameter(torch.eye(6))
        self.turn_on_forward_pass_hook_z_reshaping()

    def turn_on_forward_pass_hook_z_reshaping(self):
        def reshape_fn_in(x):
            self.d_head = x.shape[-1]
            self.reshape_fn_in = lambda x: x.flatten(-2)
            return x.flatten(-2)

        self.reshape_fn_in = reshape_fn_in
        self.reshape_fn_out = lambda x, d_head: x.unflatten(-1, (-1, d_head))

    def forward(self, x):
        return self.reshape_fn_out(self.reshape_fn_in(x) @ self.W_enc, self.d_head)
"""
CONVERSION = "transformer_lens.conversion_utils.conversion_steps.attention_auto_conversion"
CONVERTING = """
class AttentionAutoConversion:
    def __init__(self):
        self._conversion_state = {}
        self.config = {}
"""
TRACING = """
import weakref

class State:
    __slots__ = ("routes", "body", "original")

    def __init__(self, module):
        self.routes = [(weakref.ref(module), "model")]
        self.body = self.original = type(module).forward

class Controller:
    def __init__(self, module, state):
        self.module_ref, self.state = weakref.ref(module), state

    def __call__(self, *args):
        return self.state.body(self.module_ref(), *args)

def wrap(module):
    for part in module.modules():
        part.__dict__["__nnsight__"] = State(part)
        part.__dict__["forward"] = Controller(part, part.__dict__["__nnsight__"])
    return module
"""


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Give a function that writes the text of a module and imports it by a name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def imported(name: str, text: str) -> Any:
        place = tmp_path / f"{name.replace('.', '/')}.py"
        place.parent.mkdir(parents=True)
        place.write_text(text)
        return importlib.import_module(name)

    yield imported
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("sae_lens", "transformer_lens", "nnsight"):
            del sys.modules[name]


@pytest.fixture
def make_sae(imported: Callable[[str, str], Any]) -> Any:
    return imported("sae_lens.saes.sae", LIBRARY).SAE


def key_of(sae: Any, d_head: int = 3) -> str:
    model = SimpleNamespace(cfg=SimpleNamespace(d_head=d_head))
    held = SimpleNamespace(handle=sae)
    module = SimpleNamespace(it_cfg=SimpleNamespace(), model=model, saes=[held])
    return AnalysisStoreHasher().fingerprint(SimpleNamespace(module=module, datamodule=None)).hexdigest


def run(sae: Any, d_head: int = 3) -> Any:
    sae(torch.ones(1, 6 // d_head, d_head))
    return sae


def test_a_forward_leaves_the_key_as_it_was(make_sae: Any) -> None:
    used = run(make_sae())
    function = used.reshape_fn_in
    assert key_of(used) == key_of(make_sae())
    assert used.d_head == 3
    assert used.reshape_fn_in is function


def test_weights_count_after_a_forward(make_sae: Any) -> None:
    used = run(make_sae())
    with torch.no_grad():
        used.W_enc[0, 1] += 1
    assert key_of(used) != key_of(make_sae())


def test_heads_of_another_size_than_the_models_count(make_sae: Any) -> None:
    # This SAE would go on taking its heads apart by what it noted in another model.
    assert key_of(run(make_sae(), d_head=2)) != key_of(make_sae())


@pytest.mark.parametrize("name", ["reshape_fn_in", "reshape_fn_out", "turn_on_forward_pass_hook_z_reshaping"])
def test_functions_of_the_users_count(make_sae: Any, name: str) -> None:
    used, changed = run(make_sae()), run(make_sae())
    setattr(changed, name, lambda *arguments: arguments[0])
    assert key_of(changed) != key_of(used)


def test_the_controllers_of_a_tracer_mean_the_forwards_behind_them(imported: Callable[[str, str], Any]) -> None:
    def key(model: Any) -> str:
        return AnalysisStoreHasher().fingerprint(inputs={"model": model}).hexdigest

    def traced(module: Any, x: Any) -> Any:
        return type(module).forward(module, x)

    def doubled(module: Any, x: Any) -> Any:
        return 2 * type(module).forward(module, x)

    def model(original: Any = None, body: Any = None) -> Any:
        made = tracing.wrap(torch.nn.Sequential(torch.nn.Identity(), torch.nn.ReLU()))
        state = made[1].__dict__["__nnsight__"]
        state.original = original or state.original
        state.body = body or state.original
        return made

    tracing = imported("nnsight.intervention.source", TRACING)
    assert key(model()) == key(model()) == key(model(body=traced))
    assert key(model(original=doubled)) != key(model())


def test_the_tensors_that_went_through_a_conversion_do_not_count(imported: Callable[[str, str], Any]) -> None:
    def key(state: dict[int, Any], config: dict[str, int]) -> str:
        model = torch.nn.Identity()
        model.conversion_rule = conversion()
        model.conversion_rule._conversion_state = state
        model.conversion_rule.config = config
        return AnalysisStoreHasher().fingerprint(inputs={"model": model}).hexdigest

    conversion = imported(CONVERSION, CONVERTING).AttentionAutoConversion
    assert key({}, {}) == key({139884673176528: {"n_heads": 2}}, {}) != key({}, {"n_heads": 2})
