"""The tree of a torch module: which submodules there are, by which names, and what in them depends on training mode."""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from torch.nn.modules.module import Module

__all__ = ["Node", "foreign_functions", "grow", "passes_on", "plain_class", "randomness", "training_matters"]

#: Wrappers that run the module inside them and change no value, with the name under which they hold it.
_TRANSPARENT = {
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
}


@dataclass(frozen=True)
class Node:
    """One place in the tree."""

    #: Dotted and with a leading dot, such as ``.transformer.h.0``; empty for the root.
    path: str
    module: Module
    #: Transparent wrappers around the module, outermost first; they hold hooks of their own.
    wrappers: tuple[Module, ...] = ()
    #: Where the same module stands further up, if it contains itself; its inside is then not given again.
    inside: str | None = None


def grow(module: Module) -> list[Node]:
    """Give all places of a tree, parents before children, siblings in order of registration.

    A module that is registered twice stands at both places, as two modules of equal content would.

    Args:
        module: the root.
    """
    return list(_grow(module, "", {}))


def _grow(module: Module, path: str, above: dict[int, str]) -> Iterator[Node]:
    wrappers = []
    while (inner := _inner(module)) is not None:
        wrappers.append(module)
        module = inner
    if id(module) in above:
        yield Node(path, module, inside=above[id(module)])
        return
    yield Node(path, module, tuple(wrappers))
    above = {**above, id(module): path}
    for name, child in module._modules.items():
        if child is not None:
            yield from _grow(child, f"{path}.{name}", above)


def _inner(module: Module) -> Module | None:
    name = _TRANSPARENT.get(f"{type(module).__module__}.{type(module).__qualname__}")
    return None if name is None else module._modules[name]


def plain_class(module: Module) -> type:
    """Give the class of a module, without the layer that torch's parametrizations put over it."""
    cls = type(module)
    # The layer is made anew for each module; what it adds are the parametrizations, which stand in the tree.
    return cls.__bases__[0] if torch.nn.utils.parametrize.is_parametrized(module) else cls


# --- code of classes


@lru_cache(maxsize=4096)
def foreign_functions(cls: type) -> tuple[tuple[str, types.FunctionType], ...]:
    """Give the functions in a module class and its bases that come from another library: patches, often by a user.

    Args:
        cls: a subclass of `torch.nn.Module`.

    Returns:
        Pairs of the qualified attribute name and the function.
    """
    found = []
    for base in _own_bases(cls):
        home = base.__module__.partition(".")[0]
        for name, function in _functions(base):
            origin = str(function.__globals__.get("__name__", "")).partition(".")[0]
            if origin not in (home, "torch"):
                found.append((f"{base.__qualname__}.{name}", function))
    return tuple(found)


def _own_bases(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if base is not Module and base is not object]


def _functions(cls: type) -> Iterator[tuple[str, types.FunctionType]]:
    for name, value in cls.__dict__.items():
        for member in (value.fget, value.fset) if isinstance(value, property) else (value,):
            function = getattr(member, "__func__", member)
            seen: set[int] = set()
            while isinstance(function, types.FunctionType) and id(function) not in seen:
                seen.add(id(function))
                yield name, function
                function = getattr(function, "__wrapped__", None)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _words(code: types.CodeType) -> Iterator[str]:
    for part in _codes(code):
        yield from part.co_names
        yield from (constant for constant in part.co_consts if isinstance(constant, str))


# --- training mode


def _always(module: Any) -> bool:
    return True


def _never(module: Any) -> bool:
    return False


def _drops(module: Any) -> bool:
    return bool(module.p > 0)


def _drops_between_layers(module: Any) -> bool:
    return bool(module.dropout > 0)


#: Torch's own layers that read the training flag, each with when it makes a difference. `MultiheadAttention` and the
#: `Transformer` layers take another, faster path in evaluation mode, whose results differ in the last bits.
_TRAINING_MATTERS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
        _drops,
    ),
    **dict.fromkeys(("RNNBase", "RNN", "LSTM", "GRU"), _drops_between_layers),
    **dict.fromkeys(
        ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
        lambda module: module.running_mean is not None,
    ),
    **dict.fromkeys(
        ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
        lambda module: bool(module.track_running_stats),
    ),
    "RReLU": lambda module: bool(module.lower != module.upper),
    **dict.fromkeys(
        ("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer", "TransformerEncoder"), _always
    ),
    **dict.fromkeys(("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Identity"), _never),
}


#: Modules of other libraries that give their input back, and that are taken out and put in anew around a forward.
_PASSING_ON = frozenset({"transformer_lens.hook_points.HookPoint"})


def passes_on(value: Any) -> bool:
    """Tell whether an object is a module that only gives its input back; as an attribute it is a name for a place."""
    return f"{type(value).__module__}.{type(value).__qualname__}" in _PASSING_ON


def training_matters(module: Module) -> bool:
    """Tell whether a module's own `training` flag can change what it computes (its submodules have their own).

    Torch's layers are known one by one. Of any other class, the flag counts if a method names it or hands the module on
    to code that could read it there.
    """
    cls = plain_class(module)
    if cls.__module__.startswith("torch.nn.modules."):
        matters = _TRAINING_MATTERS.get(cls.__name__)
        return matters(module) if matters is not None else _names_training(cls)
    if passes_on(module):
        return False
    return _names_training(cls) or _hands_itself_on(cls)


@lru_cache(maxsize=4096)
def _names_training(cls: type) -> bool:
    return any("training" in _words(function.__code__) for base in _own_bases(cls) for _, function in _functions(base))


@lru_cache(maxsize=4096)
def _hands_itself_on(cls: type) -> bool:
    """Tell whether a method uses ``self`` for anything but its attributes."""
    for base in _own_bases(cls):
        for name, function in _functions(base):
            if name in ("__init__", "extra_repr", "__repr__", "_init_weights", "reset_parameters"):
                continue  # they run before the first forward, or print
            if not function.__code__.co_varnames or _escapes(function.__code__):
                return True
    return False


def _escapes(code: types.CodeType) -> bool:
    """Tell whether the first argument is used otherwise than as ``self.name``."""
    if not code.co_argcount:
        return True
    first = code.co_varnames[0]
    if first in code.co_cellvars:
        # A nested function, or `super()`, which stores `self` apart: nothing is known about what happens there.
        return True
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("EXTENDED_ARG", "CACHE", "NOP")]
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if first not in names or "FAST" not in step.opname:
            continue
        is_last = names[-1] == first and first not in names[:-1]
        reads = after is not None and after.opname in ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR")
        if not (is_last and reads):
            return True
    return False


# --- randomness

_RANDOM_ALWAYS = ("FractionalMaxPool2d", "FractionalMaxPool3d")
_RANDOM_IN_TRAINING = ("RReLU", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout",
                       "RNNBase", "RNN", "LSTM", "GRU")  # fmt: skip


def randomness(module: Module) -> str | None:
    """Say why a forward of this module (without its submodules) draws random numbers, or None.

    Args:
        module: any module. Its code is read for names with "drop" in them; other sources of randomness in a user's own
            code are not looked for here.
    """
    cls = plain_class(module)
    if cls.__module__.startswith("torch.nn.modules."):
        if cls.__name__ in _RANDOM_ALWAYS and getattr(module, "_random_samples", None) is None:
            return f"{cls.__name__} draws its regions at random"
        if not module.training:
            return None
        if cls.__name__ in _RANDOM_IN_TRAINING and training_matters(module):
            return f"{cls.__name__} in training mode"
        if cls.__name__ == "MultiheadAttention" and cast("float", module.dropout) > 0:
            return "attention dropout in training mode"
        return None
    if not module.training or not training_matters(module):
        return None
    for name in _dropping_names(cls):
        value = module.__dict__.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if value > 0:
                return f"{name} = {value} in training mode"
        elif name not in module.__dict__ and name not in module._modules and _calls_dropout(name):
            return f"{name} in training mode"
    return None


def _calls_dropout(name: str) -> bool:
    return name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")


@lru_cache(maxsize=4096)
def _dropping_names(cls: type) -> tuple[str, ...]:
    names = {
        word
        for base in _own_bases(cls)
        for name, function in _functions(base)
        if name != "__init__"
        for word in _words(function.__code__)
        if "drop" in word and word.isidentifier()
    }
    return tuple(sorted(names))
