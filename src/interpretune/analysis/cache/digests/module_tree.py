"""The tree of a torch module: which submodules there are, and by which names."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch.nn.modules.module import Module

__all__ = ["Node", "grow"]

#: Wrappers that run the module inside them and change no value, with the name under which they hold it.
_TRANSPARENT = {
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
}


class Node(NamedTuple):
    """One place in the tree."""

    #: Dotted and with a leading dot, such as ``.transformer.h.0``; empty for the root.
    path: str
    module: Module
    #: Transparent wrappers around the module, outermost first; they hold hooks of their own.
    wrappers: tuple[Module, ...]
    #: Its class, without the layer that torch puts over it anew for each module.
    cls: type
    #: Where the same module stands further up, if it contains itself; its inside is then not given again.
    inside: str | None = None


def grow(module: Module) -> list[Node]:
    """Give all places of a tree, parents before children, siblings in order of registration.

    A module that is registered twice stands at both places, as two modules of equal content would.

    Args:
        module: the root.
    """
    nodes: list[Node] = []
    _grow(module, "", {}, nodes)
    return nodes


def _grow(module: Module, path: str, above: dict[int, str], nodes: list[Node]) -> None:
    wrappers = []
    while (inner := _inner(module)) is not None:
        wrappers.append(module)
        module = inner
    inside = above.get(id(module))
    nodes.append(Node(path, module, () if inside is not None else tuple(wrappers), _plain_class(module), inside))
    if inside is None and module._modules:
        above[id(module)] = path
        for name, child in module._modules.items():
            if child is not None:
                _grow(child, f"{path}.{name}", above, nodes)
        del above[id(module)]


def _inner(module: Module) -> Module | None:
    kind: Any = type(module)
    name = _wrapped_name(kind)
    return None if name is None else module._modules[name]


def _plain_class(module: Module) -> type:
    cls = type(module)
    # What the layers add stands in the tree: parametrizations as modules, the program of a traced module as its graph.
    layered = "parametrizations" in module._modules and torch.nn.utils.parametrize.is_parametrized(module)
    return cls.__bases__[0] if layered or cls.__qualname__.endswith(".GraphModuleImpl") else cls


@lru_cache(maxsize=4096)
def _wrapped_name(cls: type) -> str | None:
    return _TRANSPARENT.get(f"{cls.__module__}.{cls.__qualname__}")
