"""Recomputes the digests in `values.json`: `python tests/golden/values.py` prints them, `--write` stores them.

Each is the digest of what a Python expression gives. They are the same on every Python version and in every process;
one that changes makes every entry that anybody has unfindable, so it takes a new `KEY_VERSION`.
"""

from __future__ import annotations

# ruff: noqa: F401  the expressions use what is imported
import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import pathlib
import re
import sys
import types
import typing
import uuid
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa

from interpretune.analysis.cache.digests.registry import find_encoder
from interpretune.analysis.cache.digests.walk import Walk

STORED = Path(__file__).with_suffix(".json")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Config:
    rate: float = 0.5
    layers: list[int] = dataclasses.field(default_factory=lambda: [1, 2])

    def doubled(self) -> float:
        return self.rate * 2


@dataclasses.dataclass(eq=False)
class Extended(Config):
    name: str = "extended"


class Point(typing.NamedTuple):
    x: int
    y: int = 0


class Words(list):  # type: ignore[type-arg]
    pass


class Told:
    def __fingerprint__(self) -> list[int]:
        return [1, 2, 3]


EXPRESSIONS = """
None; True; False; 0; 1; -1; 2**63; -(2**63); 10**5000; 1.0; -0.0; 0.0; float("nan"); float("inf"); 5e-324; 1j
"1"; ""; "é"; "\\ud800"; "x" * 1000; b""; b"1"; b"x" * 1000; ...; NotImplemented; bytearray(b"ab"); memoryview(b"ab")
[]; [1]; [1, [2]]; ["ab", "c"]; ["a", "bc"]; (); (1,); list(range(1000)); [None] * 100; [[i] for i in range(100)]
set(); {1, 2, 3}; {"a", "b", "c"}; frozenset({1}); {(1, 2), (3, 4)}; {None, ...}; {Color.RED, Color.BLUE}
{}; {"a": 1, "b": [2, 3]}; {1: "x", "1": "y", (1, 2): "z"}; {Color.RED: 1}; {str(i): i for i in range(1000)}
range(3); slice(1, None, 2); decimal.Decimal("1.0"); decimal.Decimal("1.00"); fractions.Fraction(1, 3); uuid.UUID(int=5)
datetime.date(2024, 1, 2); datetime.datetime(2024, 1, 2, 3, 4, 5, 6); datetime.timedelta(days=-1, seconds=5)
datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc); datetime.time(1, 2, fold=1)
re.compile("a+", re.I); pathlib.PurePosixPath("a/b"); pathlib.Path("a/b"); types.MappingProxyType({"a": 1})
types.SimpleNamespace(a=1); argparse.Namespace(a=1); collections.OrderedDict(a=1, b=2); collections.Counter("aab")
collections.defaultdict(list, a=[1]); collections.deque([1, 2], 5); collections.UserDict(a=1)
collections.ChainMap({"a": 1}, {"b": 2}); Point(1, 2); collections.namedtuple("Pair", "a b")(1, 2); Words([1, 2])
Color.RED; Level.HIGH; Access.READ | Access.WRITE; Config(); Config(rate=0.25); Extended(); Told()
np.float32(1.5); np.int64(3); np.bool_(True); np.datetime64("2024-01-02"); np.str_("ab")
np.dtype("f4"); np.dtype(">i8")
np.arange(6); np.arange(6).reshape(2, 3); np.arange(6, dtype=">i4"); np.zeros(0); np.zeros((0, 3)); np.array(1.0)
np.array([1.0, float("nan"), -0.0]); np.array(["a", "bcd"]); np.array([b"a", b"bc"])
np.array([1, "a", None], dtype=object)
np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]); np.ma.masked_array([1, 2], [False, True]); np.arange(3) * 1j
np.array(["2024-01-02", "NaT"], dtype="M8[D]"); np.asfortranarray(np.arange(6).reshape(2, 3)); np.array([True, False])
np.random.RandomState(3); np.random.MT19937(3); np.random.default_rng(3); np.random.SeedSequence(3)
datasets.Features({"a": datasets.Value("int64"), "b": datasets.List(datasets.Value("string"))})
datasets.Features({"m": datasets.Array2D((None, 2), "float32"), "c": datasets.ClassLabel(names=["x", "y"])})
datasets.Dataset.from_dict({"a": [1, None, 3], "t": ["x", "", None], "l": [[1], [], None]})
pa.table({"a": [1, 2], "b": ["x", None]}); pa.array([1.5, None]); pa.schema([("a", pa.int64())])
"""


def digest(expression: str) -> str:
    """Give the digests of all components of what an expression gives, as one text."""
    walk = Walk("value", find_encoder)
    found = walk.finish(walk.child(eval(expression))).components
    return " ".join(f"{name}={found[name]}" for name in sorted(found))


def computed() -> dict[str, str]:
    return {text: digest(text) for line in EXPRESSIONS.strip().splitlines() for text in line.split("; ")}


if __name__ == "__main__":
    content = json.dumps(computed(), indent=1) + "\n"
    if sys.argv[1:] == ["--write"]:
        STORED.write_text(content, encoding="utf-8")
    else:
        sys.stdout.write(content)
