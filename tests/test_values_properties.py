"""Any value: written in another way it means the same, changed in one place it does not."""

from __future__ import annotations

import copy
import dataclasses
import math
import random
import struct
from collections import OrderedDict, deque
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from interpretune.analysis.cache.digests.policy import Policy
from interpretune.analysis.cache.digests.registry import find_encoder
from interpretune.analysis.cache.digests.walk import Walk

# Hypothesis keeps the text of what it builds, and a long list in it is meant.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


@dataclasses.dataclass
class Box:
    content: Any
    label: str = "box"


class Pair(NamedTuple):
    first: Any
    second: Any


def digest(value: Any, **policy: Any) -> tuple[tuple[str, str], ...]:
    walk = Walk("value", find_encoder, Policy(**policy))
    return tuple(walk.finish(walk.child(value)).components.items())


def exact(value: Any) -> Any:
    """Give a value that is equal for two values exactly when they mean the same, by a way of its own."""
    kind = type(value)
    if kind is float:
        return "float", "nan" if math.isnan(value) else struct.pack(">d", value)
    if kind is complex:
        return "complex", exact(value.real), exact(value.imag)
    if kind is np.ndarray:
        return "array", value.dtype.str, value.shape, tuple(map(exact, value.ravel().tolist()))
    if kind in (list, tuple, Pair):
        return kind.__name__, tuple(map(exact, value))
    if kind is deque:
        return "deque", value.maxlen, tuple(map(exact, value))
    if kind in (set, frozenset):
        return kind.__name__, frozenset(map(exact, value))
    if kind is dict:
        return "dict", frozenset((exact(key), exact(item)) for key, item in value.items())
    if kind is OrderedDict:
        return "OrderedDict", tuple((exact(key), exact(item)) for key, item in value.items())
    if kind in (Box, SimpleNamespace):
        return kind.__name__, exact(vars(value))
    return kind.__name__, value


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 3),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0, math.nan]),
    st.complex_numbers(),
    st.text(st.characters(), max_size=8),
    st.sampled_from(["", "1", "a", "ab", "\ud800"]),
    st.binary(max_size=8),
)
arrays = st.builds(
    lambda dtype, shape, seed: np.random.default_rng(seed).integers(0, 3, shape).astype(dtype),
    st.sampled_from(["i1", "i4", "<i8", "f4", "f8", "?", "U2", "M8[s]"]),
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    st.integers(0, 3),
)
hashables = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3)
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.lists(scalars, min_size=1, max_size=2).map(lambda items: items * 50),
        st.dictionaries(hashables, inner, max_size=4),
        st.dictionaries(st.text(max_size=3), inner, max_size=4),
        st.dictionaries(st.text(max_size=3), inner, max_size=4).map(OrderedDict),
        st.sets(hashables, max_size=4),
        st.builds(Box, inner),
        st.builds(Pair, inner, inner),
        st.builds(deque, st.lists(inner, max_size=3)),
        st.builds(lambda item: SimpleNamespace(item=item), inner),
    )


values = st.recursive(scalars | arrays, containers, max_leaves=12)


def written_otherwise(value: Any, rng: random.Random) -> Any:
    """Build the same value from other objects, in another order where order does not count, in another layout."""

    def again(item: Any) -> Any:
        return written_otherwise(item, rng)

    kind = type(value)
    if kind is str:
        return "".join(list(value))
    if kind is float and math.isnan(value):
        return struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000000 | rng.getrandbits(51) | 1))[0]
    if kind is np.ndarray:
        way = rng.randrange(3)
        if way == 0:
            return np.asfortranarray(value) if value.ndim else value.copy()
        if way == 1:
            return value.astype(value.dtype.newbyteorder(">"))
        return np.stack([value, value], axis=-1)[..., 0]
    if kind is list:
        return [again(item) for item in value]
    if kind is tuple:
        return tuple([again(item) for item in value])
    if kind is Pair:
        return Pair(*map(again, value))
    if kind is deque:
        return deque(map(again, value), value.maxlen)
    if kind in (set, frozenset):
        items = [again(item) for item in value]
        rng.shuffle(items)
        return kind(items)
    if kind is dict:
        pairs = [(again(key), again(item)) for key, item in value.items()]
        rng.shuffle(pairs)
        return dict(pairs)
    if kind is OrderedDict:
        return OrderedDict((again(key), again(item)) for key, item in value.items())
    if kind is Box:
        return Box(label=value.label, content=again(value.content))
    if kind is SimpleNamespace:
        return SimpleNamespace(**{name: again(item) for name, item in vars(value).items()})
    return copy.copy(value)


@given(values, st.randoms(use_true_random=False))
def test_a_value_written_otherwise_means_the_same(value: Any, rng: random.Random) -> None:
    assert digest(value) == digest(written_otherwise(value, rng))


@given(values, values)
def test_two_values_have_one_digest_exactly_when_they_mean_the_same(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (exact(one) == exact(other))


def places(value: Any) -> list[Any]:
    """Give functions that put something else into one place of a value, and what is there now."""
    if isinstance(value, list):
        return [(lambda new, i=i: value.__setitem__(i, new), item) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return [(lambda new, k=k: value.__setitem__(k, new), item) for k, item in value.items()]
    if isinstance(value, (Box, SimpleNamespace)):
        return [(lambda new, n=n: setattr(value, n, new), item) for n, item in vars(value).items()]
    return []


@given(values, scalars, st.randoms(use_true_random=False))
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_one_change_anywhere_is_seen(value: Any, new: Any, rng: random.Random) -> None:
    changed = copy.deepcopy(value)
    at = changed
    while True:
        found = places(at)
        assume(found)
        put, item = rng.choice(found)
        if not places(item) or rng.random() < 0.3:
            break
        at = item
    put(new)
    assert (digest(value) == digest(changed)) == (exact(value) == exact(changed))


@given(values)
def test_the_quick_way_and_the_careful_way_agree(value: Any) -> None:
    assert digest(value) == digest(value, ignore=("nothing.of.this.name",))


columns = st.one_of(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=12),
    st.lists(st.none() | st.floats(allow_nan=False), min_size=1, max_size=12),
    st.lists(st.none() | st.booleans(), min_size=1, max_size=12),
    st.lists(st.none() | st.text(max_size=4), min_size=1, max_size=12),
    st.lists(st.none() | st.lists(st.none() | st.integers(0, 3), max_size=3), min_size=1, max_size=12),
    st.lists(st.none() | st.lists(st.lists(st.text(max_size=1), max_size=2), max_size=2), min_size=1, max_size=12),
    st.lists(
        st.none() | st.fixed_dictionaries({"a": st.none() | st.integers(0, 3), "b": st.lists(st.text(max_size=1))}),
        min_size=1,
        max_size=12,
    ),
)


@given(columns, st.data())
def test_rows_count_however_they_are_cut(column: list[Any], data: st.DataObject) -> None:
    from datasets import concatenate_datasets

    whole = Dataset.from_dict({"x": column})
    cut = data.draw(st.integers(0, len(column) - 1))
    order = data.draw(st.permutations(range(len(column))))
    pieces = concatenate_datasets([whole.select(range(cut)), whole.select(range(cut, len(column)))])
    shuffled = Dataset.from_dict({"x": [column[index] for index in order]}, features=whole.features)
    restored = shuffled.select([order.index(index) for index in range(len(column))])
    assert digest(whole) == digest(pieces) == digest(restored)
    # As they are stored: a row's fields lie in the order of the features, whatever the order in its dictionary.
    same = repr(whole["x"][:]) == repr(shuffled["x"][:])
    assert (digest(whole) == digest(shuffled)) == same


@given(columns, columns)
@example([{"a": None, "b": []}], [{"b": [], "a": None}])
def test_two_columns_have_one_digest_exactly_when_they_are_equal(one: list[Any], other: list[Any]) -> None:
    first, second = Dataset.from_dict({"x": one}), Dataset.from_dict({"x": other})
    # `exact` knows no order of a row's fields, as features do not when they are compared.
    alike = first.features == second.features and exact(first["x"][:]) == exact(second["x"][:])
    assert (digest(first) == digest(second)) == alike
