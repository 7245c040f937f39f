"""Patches of installed code: none are found where there are none, and they are lost when they are taken back."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any
from unittest import mock

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from interpretune.analysis.cache.digests.patches import class_patches, module_patches, torch_patches  # noqa: E402
from interpretune.analysis.cache.digests.registry import find_encoder  # noqa: E402
from interpretune.analysis.cache.digests.walk import Walk  # noqa: E402

#: Looks through all that was loaded by a process in which nobody patched anything, before and after models were made.
SEARCH = """
import sys, types, warnings
warnings.simplefilter("ignore")
import torch, torch._dynamo, transformers
from transformers.models.bert import modeling_bert
from transformers.models.gpt2 import modeling_gpt2
from transformers.models.llama import modeling_llama
from interpretune.analysis.cache.digests.patches import class_patches, module_patches, torch_patches
from interpretune.analysis.cache.digests.registry import find_encoder
from interpretune.analysis.cache.digests.walk import Walk

def patches():
    found = [name for name, _ in (*torch_patches(), *module_patches(list(sys.modules)))]
    modules = [module for module in list(sys.modules.values()) if type(module) is types.ModuleType]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    walk = Walk("value", find_encoder)
    return found + [name for cls in classes for name, _ in class_patches(cls, walk)], len(classes)

found, number = patches()
transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=8)).eval()
later, _ = patches()
print(number > 1000, found, later)
"""


def test_nothing_is_found_in_a_process_without_patches() -> None:
    run = subprocess.run([sys.executable, "-c", SEARCH], capture_output=True, text=True, check=True)
    assert run.stdout == "True [] []\n"


def double(states: Any) -> Any:
    return states * 2


def in_class(cls: type) -> list[str]:
    return [name for name, _ in class_patches(cls, Walk("value", find_encoder))]


@pytest.mark.parametrize(
    "stands_for",
    [
        lambda self, states: states * 2,
        staticmethod(double),
        functools.partial(double),
        functools.partialmethod(lambda self, states: states * 2),
        functools.partial(torch.nn.functional.leaky_relu, negative_slope=0.5),
        torch.no_grad()(double),
        torch.nn.Identity.forward,
        torch.nn.ReLU.extra_repr,
        torch.nn.functional.silu,
        torch.tanh,
        torch.nn.Tanh(),
        mock.MagicMock(),
    ],
)
def test_a_method_in_the_place_of_a_layers_is_found_and_lost(stands_for: Any) -> None:
    assert in_class(torch.nn.ReLU) == []
    with mock.patch.object(torch.nn.ReLU, "forward", stands_for):
        assert in_class(torch.nn.ReLU) == ["ReLU.forward"]
    assert in_class(torch.nn.ReLU) == []


def test_what_a_class_inherits_is_found() -> None:
    with mock.patch.object(torch.nn.Module, "__call__", lambda self, states: states):
        assert in_class(torch.nn.ReLU) == ["Module.__call__"]


def test_code_put_into_a_function_is_found() -> None:
    function, before = torch.nn.ReLU.extra_repr, torch.nn.ReLU.extra_repr.__code__
    assert in_class(torch.nn.ReLU) == []
    function.__code__ = (lambda self: "mine").__code__
    try:
        assert in_class(torch.nn.ReLU) == ["ReLU.extra_repr"]
    finally:
        function.__code__ = before
    assert in_class(torch.nn.ReLU) == []


@pytest.mark.parametrize(
    ("holder", "name", "stands_for"),
    [
        ("torch", "relu", double),
        ("torch", "relu", torch.tanh),
        ("torch.nn.functional", "gelu", double),
        ("torch.nn.functional", "gelu", torch.nn.functional.silu),
        ("torch.Tensor", "relu", double),
        ("torch.Tensor", "relu", torch.Tensor.tanh),
    ],
)
def test_a_function_in_the_place_of_torchs_is_found_and_lost(holder: str, name: str, stands_for: Any) -> None:
    assert torch_patches() == ()
    with mock.patch(f"{holder}.{name}", stands_for):
        assert torch_patches() == ((f"{holder}.{name}", stands_for),)
    assert torch_patches() == ()


def test_a_users_module_in_the_place_of_a_librarys_is_found_and_lost() -> None:
    place = "torch.nn.modules.linear"
    with mock.patch(f"{place}.F", sys.modules[__name__]):
        assert module_patches([place]) == ((f"{place}.F", sys.modules[__name__]),)
    assert module_patches([place]) == ()
