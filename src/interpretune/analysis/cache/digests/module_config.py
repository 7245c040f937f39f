"""Configs: what a model was built by, and what it generates by, where a module holds one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import partial
from typing import Any

import torch

from .attributes import counted
from .code.random import CONFIGURED
from .module_tree import Node
from .tokens import frame
from .walk import Encoder, Walk
from .written import Written

__all__ = ["configs_beside", "encode_config", "encode_configs", "encode_generation", "is_config", "is_generation"]

_CONFIG_NAMES = ("cfg", "config")


def encode_config(value: Any, walk: Walk) -> bytes:
    """Give the token of a config of transformers: its class and its fields, less what says where it came from.

    The attention implementation counts, resolved as the config holds it, also in configs inside; where its name stands
    for a function that a user registered, the function's code counts.
    """
    return _encode_config(value, walk, None)


def encode_configs(nodes: list[Node], walk: Walk) -> bytes | None:
    """Give the token of the configs that the modules of a tree hold; None where there is none."""
    return _held(nodes, walk, _CONFIG_NAMES, is_config)


def encode_generation(nodes: list[Node], walk: Walk) -> bytes | None:
    """Give the token of the generation configs that the modules of a tree hold; None where there is none."""
    return _held(nodes, walk, ("generation_config",), is_generation)


def is_config(name: str, value: Any) -> bool:
    """Whether a module's attribute is the config that it was built by."""
    return name in _CONFIG_NAMES and (is_dataclass(value) or hasattr(value, "to_dict"))


def is_generation(name: str, value: Any) -> bool:
    """Whether a module's attribute is the config that it generates by."""
    return name == "generation_config" and value is not None


@contextmanager
def configs_beside(nodes: list[Node], walk: Walk) -> Iterator[None]:
    """Let the dtype in a config not count where it only repeats that of the weights beside it.

    Args:
        nodes: the tree of the module that holds the weights.
        walk: the walk over it.
    """
    dtype, before = _main_dtype(nodes), walk.find_encoder

    def find_encoder(value: Any) -> Encoder | None:
        encoder = before(value)
        return partial(_encode_config, dtype=dtype) if encoder is encode_config else encoder

    with walk.understanding(find_encoder):
        yield


def _encode_config(value: Any, walk: Walk, dtype: torch.dtype | None) -> bytes:
    walk.use("transformers")
    if getattr(value, "do_sample", False):
        walk.circumstance(CONFIGURED)
    pieces = [walk.code(type(value), ".__class__")]
    attributes = dict(counted(value, walk))
    for name in ("dtype", "torch_dtype"):
        # Saving a model writes its dtype here as text, loading it writes the dtype itself.
        held = attributes.get(name)
        held = getattr(torch, held, held) if isinstance(held, str) else held
        if held is None or held is dtype:
            attributes.pop(name, None)
        else:
            attributes[name] = held
    pieces += Written(walk).once(type(value), attributes, lambda: _encode_fields(attributes, walk))
    for field in ("_attn_implementation", "_experts_implementation"):
        pieces += _implementation(getattr(value, field, None), field, walk)
    return frame("config", *pieces)


def _encode_fields(attributes: dict[str, Any], walk: Walk) -> tuple[bytes, ...]:
    return tuple(
        piece for name, attribute in attributes.items() for piece in (name.encode(), walk.child(attribute, f".{name}"))
    )


def _main_dtype(nodes: list[Node]) -> torch.dtype | None:
    parameters = (tensor for node in nodes for tensor in node.module._parameters.values() if tensor is not None)
    return next((tensor.dtype for tensor in parameters if tensor.dtype.is_floating_point), None)


def _implementation(name: Any, field: str, walk: Walk) -> list[bytes]:
    pieces = []
    for module, registry in (
        ("transformers.modeling_utils", "ALL_ATTENTION_FUNCTIONS"),
        ("transformers.masking_utils", "ALL_MASK_ATTENTION_FUNCTIONS"),
    ):
        functions = getattr(sys.modules.get(module), registry, None)
        if isinstance(name, str) and functions is not None and name in functions:
            pieces.append(walk.child(functions[name], f".{field}[{registry}]"))
    return pieces


def _held(nodes: list[Node], walk: Walk, names: tuple[str, ...], wanted: Any) -> bytes | None:
    pieces: list[bytes] = []
    met: dict[int, bytes] = {}
    for node in nodes:
        for name in names if node.inside is None else ():
            value = node.module.__dict__.get(name)
            if value is not None and wanted(name, value):
                # Mostly all submodules hold the one config of the model: it is looked at once.
                if id(value) not in met:
                    met[id(value)] = walk.child(value, f"{node.path}.{name}")
                pieces += (f"{node.path}.{name}".encode(), met[id(value)])
    return frame("configs", *pieces) if pieces else None
