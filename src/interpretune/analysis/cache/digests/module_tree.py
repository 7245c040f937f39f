"""The tree of a torch module: which submodules there are, and by which names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn.modules.module import Module

__all__ = ["Node", "grow", "plain_class"]

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
    """Give the class of a module, without the layer that torch puts over it anew for each module."""
    cls = type(module)
    # What the layers add stands in the tree: parametrizations as modules, the program of a traced module as its graph.
    layered = torch.nn.utils.parametrize.is_parametrized(module) or cls.__qualname__.endswith(".GraphModuleImpl")
    return cls.__bases__[0] if layered else cls
