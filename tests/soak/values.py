"""Random nested values: one change anywhere gives another digest, the same value written otherwise gives the same.

    python tests/soak/values.py                     100,000 pairs
    python tests/soak/values.py --pairs 3000 --seed 7

Besides, all values of a campaign are held against each other: two with one digest must be the same value, and one value
must not have two digests.
"""

from __future__ import annotations

import argparse
import datetime
import enum
import math
import pathlib
import random
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from interpretune.analysis.cache import AnalysisStoreHasher

PAIRS = 100_000
LETTERS = "ab:,'\\\0\n\u00e9\u0301\ud800int"


class Mode(enum.Enum):
    ONE = 1
    TWO = 2


@dataclass
class Left:
    first: Any
    second: Any = None


@dataclass
class Right:
    first: Any
    second: Any = None


def make(rng: random.Random, depth: int = 0) -> Any:
    """Give a random value."""
    if depth > 4 or rng.random() < 0.35:
        return leaf(rng)
    size = rng.choice([0, 1, 1, 2, 3, 5])
    kind = rng.randrange(7)
    if kind == 0:
        return [make(rng, depth + 1) for _ in range(size)]
    if kind == 1:
        return tuple(make(rng, depth + 1) for _ in range(size))
    if kind in (2, 3):
        return {key(rng): make(rng, depth + 1) for _ in range(size)}
    if kind == 4:
        return rng.choice([set, frozenset])(key(rng) for _ in range(size))
    if kind == 5:
        return rng.choice([Left, Right])(make(rng, depth + 1), make(rng, depth + 1))
    return array(rng)


def leaf(rng: random.Random) -> Any:
    return rng.choice(LEAVES)(rng)


LEAVES: list[Callable[[random.Random], Any]] = [
    lambda rng: None,
    lambda rng: rng.random() < 0.5,
    lambda rng: rng.randint(-3, 3),
    lambda rng: rng.choice([1, -1]) * rng.getrandbits(rng.choice([8, 63, 64, 65, 300])),
    lambda rng: rng.choice([0.0, -0.0, 1.0, 2.0, math.nan, math.inf, -math.inf, 1e-300]),
    lambda rng: struct.unpack("<d", rng.randbytes(8))[0],
    lambda rng: complex(rng.choice([0.0, -0.0, 1.0]), rng.choice([0.0, -0.0, 1.0])),
    lambda rng: "".join(rng.choices(LETTERS, k=rng.randrange(5))),
    lambda rng: rng.choice(["1", "1.0", "True", "None", "[1]", "@", "int:1", "mean"]),
    lambda rng: bytes(rng.choices(b"ab\0", k=rng.randrange(4))),
    lambda rng: rng.choice(list(Mode)),
    lambda rng: pathlib.PurePosixPath(rng.choice(["a", "a/b", "b"])),
    lambda rng: datetime.date(2024, 1, rng.randint(1, 9)),
    lambda rng: np.float32(rng.choice([0.0, 1.0])),
    lambda rng: np.int64(rng.randint(0, 2)),
    lambda rng: range(rng.randint(0, 3)),
]


def key(rng: random.Random) -> Any:
    """Give a random value that can be a key or a member of a set."""
    if rng.random() < 0.2:
        return tuple(key(rng) for _ in range(rng.randrange(3)))
    if rng.random() < 0.1:
        return frozenset(key(rng) for _ in range(rng.randrange(3)))
    return leaf(rng)


def array(rng: random.Random) -> Any:
    shape = tuple(rng.choice([0, 1, 2, 3]) for _ in range(rng.randrange(4)))
    numbers = np.array([rng.randrange(2) for _ in range(math.prod(shape))]).reshape(shape)
    return numbers.astype(rng.choice(["i1", "i4", "i8", "f4", "f8", "?", "U1"]))


def meaning(value: Any) -> Any:
    """Give what is equal for two values exactly when they mean the same, by another way than the package's."""
    kind = type(value)
    name = kind.__name__
    if kind is float:
        return name, "nan" if math.isnan(value) else value.hex()
    if kind is complex:
        return name, meaning(value.real), meaning(value.imag)
    if kind in (list, tuple):
        return name, *map(meaning, value)
    if kind in (set, frozenset):
        return name, frozenset(map(meaning, value))
    if kind is dict:
        return name, frozenset((meaning(one), meaning(item)) for one, item in value.items())
    if kind in (Left, Right):
        return name, meaning(value.first), meaning(value.second)
    if kind is np.ndarray:
        return name, str(value.dtype), value.shape, tuple(map(meaning, value.ravel().tolist()))
    return name, str(value) if isinstance(value, (np.generic, enum.Enum)) else value


def otherwise(value: Any, rng: random.Random) -> Any:
    """Write the same value otherwise: other objects, other order where there is none, other layout."""
    kind = type(value)
    if kind in (list, tuple):
        return kind([otherwise(item, rng) for item in value])
    if kind in (set, frozenset):
        return kind(rng.sample([otherwise(item, rng) for item in value], len(value)))
    if kind is dict:
        items = [(otherwise(one, rng), otherwise(item, rng)) for one, item in value.items()]
        return dict(rng.sample(items, len(items)))
    if kind in (Left, Right):
        return kind(second=otherwise(value.second, rng), first=otherwise(value.first, rng))
    if kind is np.ndarray:
        wide = np.repeat(value[..., np.newaxis], 2, axis=-1)
        return rng.choice([np.asfortranarray(value), wide[..., 1]]) if value.ndim else value.copy()
    if kind is str:
        return "".join(list(value))
    if kind is float and math.isnan(value):
        return math.inf - math.inf
    if kind is int:
        return int(hex(value), 16)
    return value


def changed(value: Any, rng: random.Random) -> Any:
    """Change a value in one place; the result may by chance mean the same, which `meaning` tells."""
    kind = type(value)
    if kind in (list, tuple) and value and rng.random() < 0.9:
        items = list(value)
        index = rng.randrange(len(items))
        way = rng.randrange(6)
        if way == 0:
            del items[index]
        elif way == 1:
            items.insert(index, leaf(rng))
        elif way == 2 and len(items) > 1:
            items[index - 1], items[index] = items[index], items[index - 1]
        elif way == 3:
            items[index : index + 2] = [items[index : index + 2]]
        else:
            items[index] = changed(items[index], rng)
        return kind(items)
    if kind is dict and value and rng.random() < 0.9:
        chosen = rng.choice(list(value))
        rest = {one: item for one, item in value.items() if one is not chosen}
        way = rng.randrange(3)
        if way == 0:
            return rest
        if way == 1:
            return {**rest, key(rng): value[chosen]}
        return {**rest, chosen: changed(value[chosen], rng)}
    if kind in (set, frozenset) and value and rng.random() < 0.9:
        return kind([*list(value)[1:], *([key(rng)] if rng.random() < 0.5 else [])])
    if kind in (Left, Right):
        way = rng.randrange(4)
        if way == 0:
            return (Right if kind is Left else Left)(value.first, value.second)
        if way == 1:
            return kind(value.second, value.first)
        return (
            kind(changed(value.first, rng), value.second) if way == 2 else kind(value.first, changed(value.second, rng))
        )
    if kind is np.ndarray and value.size:
        way = rng.randrange(4)
        if way == 0:
            return value.reshape(value.shape[::-1])
        if way == 1:
            return value.astype(rng.choice(["i2", "f8", "U1", "i4"]))
        if way == 2:
            return value.tolist()
        copy = value.copy()
        copy.flat[rng.randrange(copy.size)] = rng.randrange(2)
        return copy
    near = [bool, int, float, str, lambda it: [it], lambda it: (it,), repr, lambda it: -it, lambda it: it + 1]
    try:
        return rng.choice(near)(value) if rng.random() < 0.6 else leaf(rng)
    except (TypeError, ValueError, OverflowError):
        return leaf(rng)


def campaign(pairs: int, seed: int) -> tuple[int, int]:
    """Hold random pairs against each other.

    Returns:
        How many pairs were different values, and how many values there were in all.

    Raises:
        AssertionError: a collision or a split, with the values.
    """
    rng = random.Random(seed)
    hasher = AnalysisStoreHasher()
    by_digest: dict[str, Any] = {}
    by_meaning: dict[Any, str] = {}
    different = 0

    def note(value: Any) -> str:
        digest, means = hasher.digest(value), meaning(value)
        assert by_digest.setdefault(digest, means) == means, f"collision: {value!r} and {by_digest[digest]!r}"
        assert by_meaning.setdefault(means, digest) == digest, f"split: {value!r}"
        return digest

    for _ in range(pairs):
        value = make(rng)
        other, same = changed(value, rng), otherwise(value, rng)
        assert meaning(same) == meaning(value), f"the campaign is wrong about {value!r}"
        digest = note(value)
        assert note(same) == digest, f"split: {value!r} and {same!r}"
        different += note(other) != digest
    return different, len(by_digest)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seed", type=int, default=20261122)
    given = parser.parse_args()
    started = time.perf_counter()
    different, values = campaign(given.pairs, given.seed)
    seconds = time.perf_counter() - started
    print(f"{given.pairs} pairs, {different} changed, {values} values, no collision, no split, {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
