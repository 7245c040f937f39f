"""Whether values become the same whether they are encoded together or each alone.

Arrow and ``datasets`` look at all values that they are given before they say what these are, so what becomes of one may
depend on the others: an integer that single precision does not hold is refused alone and rounded beside a fraction,
and bytes beside numbers are taken for JSON. Which batches are encoded together depends on how long they take, and the
rows of a run must not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any

import numpy as np
from datasets import LargeList, List, Value

__all__ = ["FLOATS", "PYTHON_TYPES", "MixedKinds", "find_leaves", "is_alone_as_together", "names_of_floats"]

FLOATS = {"float16", "bfloat16", "float32", "float64", "float"}
#: Integers up to there are held by single precision.
_EXACT = 2**24
_NOTHING = ""  # the kind of what stands in an empty list
PYTHON_TYPES = frozenset({NoneType, bool, int, float, str, bytes})

#: By the names that lead there, and by kind and depth in lists. Lists of one type of Python's stay whole.
Leaves = dict[tuple[str, ...], dict[tuple[str, int], list[Any]]]


class MixedKinds(Exception):
    """Values are of several kinds, so that what Arrow makes of one may depend on the others."""


def names_of_floats(feature: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the names that lead to each float in a feature, through dictionaries and lists of them.

    Not to those in an ``Array2D`` to ``Array5D``: of these ``datasets`` makes arrays of their dtype, one by one.

    Args:
        feature: a feature of ``datasets``.
        names: those that lead to it.
    """
    if isinstance(feature, dict):
        for name, sub in feature.items():
            yield from names_of_floats(sub, (*names, name))
    elif isinstance(feature, (List, LargeList)):
        yield from names_of_floats(feature.feature, names)
    elif isinstance(feature, Value) and feature.dtype.startswith(("float", "double")):
        yield names


def find_leaves(values: Sequence[Any]) -> Leaves:
    """Find what stands in the values, but for None, through dictionaries, lists and tuples.

    Args:
        values: of one column, one per row.

    Returns:
        The arrays, tensors and single values, by the names that lead to them, and by their dtype or type and how deep
        in lists they are. A list in which all items are of one type of Python's is given as it is, for its items.
    """
    found: Leaves = {}
    waiting: list[tuple[tuple[str, ...], int, Any]] = [((), 0, value) for value in values]
    while waiting:
        names, depth, value = waiting.pop()
        if value is None:
            continue
        kind = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
        depth += getattr(value, "ndim", 0)
        if type(value) is dict:
            waiting.extend(((*names, name), depth, item) for name, item in value.items())
        elif type(value) in (list, tuple):
            types, depth = set(map(type, value)) - {NoneType}, depth + 1
            if len(types) > 1 or not PYTHON_TYPES.issuperset(types):
                waiting.extend((names, depth, item) for item in value)
                continue
            kind = types.pop().__name__ if types else _NOTHING
        found.setdefault(names, {}).setdefault((kind, depth), []).append(value)
    return found


def is_alone_as_together(leaves: dict[tuple[str, int], list[Any]], become_floats: bool) -> bool:
    """Whether Arrow and ``datasets`` make the same of these whether they come together or not.

    They may not of several kinds, except where floats are to be made of floats, and of integers that every float holds
    but the half, which is given by way of single precision. Other integers are taken beside a fraction, rounded, or
    beside a larger one, and refused else.

    Args:
        leaves: what `find_leaves` found under some names, in the values of several rows.
        become_floats: whether the feature there is a float.
    """
    kinds = {kind for kind, _ in leaves} - {_NOTHING}
    if len({depth for _, depth in leaves}) > 1:
        return False
    if not become_floats:
        return len(kinds) <= 1
    integers = [leaf for (kind, _), several in leaves.items() if "int" in kind for leaf in several]
    if not integers:
        return len(kinds) <= 1 or kinds <= FLOATS
    return all("int" in kind for kind in kinds - FLOATS) and all(map(_are_exact, integers))


def _are_exact(integers: Any) -> bool:
    array = np.asarray([item for item in integers if item is not None] if type(integers) is list else integers)
    if not array.size:
        return True
    # Python's integers of more than 64 bits make an array of objects.
    return array.dtype.kind in "iu" and int(array.min()) >= -_EXACT and int(array.max()) <= _EXACT
