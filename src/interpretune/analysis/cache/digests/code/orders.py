"""The orders of dictionaries: of one, and of all that lie in a container.

So that dictionaries whose keys happen to stand in the order of their tokens need no token, that order is the one that
has none.
"""

from __future__ import annotations

import argparse
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Iterator, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..registry import has_own_meaning
from ..tokens import frame
from .entries import is_namespace
from .syntax import scalar_token
from .values import Known

if TYPE_CHECKING:
    from ..walk import Walk

__all__ = ["compare_alike", "has_order", "nests", "order_of"]

_CONTAINERS = (dict, MappingProxyType, UserDict, ChainMap, list, tuple)
#: Objects that are there for the names that they hold, in the order in which these were given.
_NAMESPACES = (SimpleNamespace, argparse.Namespace)
_PLAIN = (str, bytes, int, float, bool, type(None))


def has_order(known: Known) -> bool:
    """Tell whether an object of the user's is a container of which the order, or that of what lies in it, may count."""
    value = known.value
    if known.installed or has_own_meaning(value) or is_namespace(value):
        return False
    if isinstance(value, MappingProxyType):
        return "__module__" not in value  # that of a class
    return isinstance(value, (dict, UserDict, ChainMap)) or type(value) in (list, tuple, *_NAMESPACES)


def compare_alike(value: Any, values: bool) -> bool:
    """Tell whether of the keys, or the values, of a mapping equal ones are alike and all can be put in order.

    Then it does not matter which of them comes first, as it does among nans, of ``0.0`` and ``-0.0``, or among objects.
    """
    items = list((value.values() if values else value.keys()) if isinstance(value, Mapping) else value)
    try:
        are_plain = all(leaf == leaf and type(leaf) in _PLAIN for item in items for leaf in _leaves(item))
        return are_plain and len(set(items)) == len(set(map(repr, items)))
    except TypeError:
        return False


def _leaves(item: Any) -> Iterator[Any]:
    if type(item) is tuple:
        for inner in item:
            yield from _leaves(inner)
    else:
        yield item


def nests(value: Any) -> bool:
    """Tell whether a container holds others."""
    value = _plain(value)
    held = dict.values(value) if isinstance(value, dict) else value.values() if isinstance(value, Mapping) else value
    return any(isinstance(item, _CONTAINERS) for item in held)


def order_of(walk: Walk, value: Any, path: str, inside: bool) -> bytes:
    """Give the order of a container, or of the dictionaries inside it; empty where it says nothing."""
    if walk.policy.ignores(path) or (isinstance(value, OrderedDict) and not inside):
        return b""  # left out, or of a kind whose order counts anyway
    with walk.standing(path), walk.summarised():
        return _order_inside(walk, value, path, set()) if inside else _own_order(_keys(walk, value, path))


def _plain(value: Any) -> Any:
    """Give the mapping that an object consists of."""
    return value.data if isinstance(value, UserDict) else vars(value) if type(value) in _NAMESPACES else value


def _step(value: Any, name: Any) -> str:
    """Give how an entry is reached from what holds it."""
    return f".{name}" if type(value) in _NAMESPACES else f"[{name!a}]"


def _keys(walk: Walk, value: Any, path: str) -> list[tuple[Any, Any]]:
    """Give the keys of a mapping in their order, each with what it is told by; of other containers, none."""
    of, value = value, _plain(value)
    if not isinstance(value, (dict, MappingProxyType, ChainMap)):
        return []
    names = list(dict.keys(value) if isinstance(value, dict) else value.keys())
    if walk.policy.may_ignore_below(path):
        names = [name for name in names if not walk.policy.ignores(path + _step(of, name))]
    kinds = set(map(type, names))
    if kinds == {int}:
        return [(name, name) for name in names]
    if kinds == {str}:
        return [(name.encode("utf-8", "surrogatepass"), name) for name in names]
    return [(scalar_token(name) if type(name) in _PLAIN else walk.apart(name, "[key]"), name) for name in names]


def _own_order(keys: list[tuple[Any, Any]]) -> bytes:
    """Give the order of keys, unless it is the one that has no token: that of the numbers, where all are integers."""
    tokens = [token for token, _ in keys]
    if tokens == sorted(tokens):
        return b""
    return frame("order", *(token if isinstance(token, bytes) else b"%d" % token for token in tokens))


def _order_inside(walk: Walk, value: Any, path: str, active: set[int]) -> bytes:
    """Give the orders of all dictionaries in a container, each by where it lies; empty where none says anything."""
    if id(value) in active:
        return b""
    active.add(id(value))
    pieces = []
    for place, item, step in _held(walk, value, path):
        own = b"" if isinstance(item, OrderedDict) else _own_order(_keys(walk, item, step))
        below = _order_inside(walk, item, step, active)
        if own or below:
            pieces.append(frame("at", place, own, below))
    active.discard(id(value))
    return frame("inside", *sorted(pieces)) if pieces else b""


def _held(walk: Walk, value: Any, path: str) -> Iterator[tuple[bytes, Any, str]]:
    """Give what a container holds, with the token of its place and its path, as far as it holds something itself."""
    if type(value) in (list, tuple):
        for index, item in enumerate(value):
            if isinstance(item, _CONTAINERS):
                yield b"%d" % index, item, f"{path}[{index}]"
        return
    held: Mapping[Any, Any] = _plain(value)
    for token, name in _keys(walk, value, path):
        place = token if isinstance(token, bytes) else b"%d" % token
        item = dict.__getitem__(held, name) if isinstance(held, dict) else held[name]
        if isinstance(item, _CONTAINERS):
            yield place, item, path + _step(value, name)
