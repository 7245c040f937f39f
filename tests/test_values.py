"""Plain values count by type and content, exactly; everything else about them is noise."""

from __future__ import annotations

import argparse
import array
import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import json
import logging
import math
import os
import pathlib
import random
import re
import runpy
import string
import struct
import subprocess
import sys
import threading
import time
import types
import uuid
import zoneinfo
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import pytest

from interpretune.analysis.cache.digests import registry
from interpretune.analysis.cache.digests.config_suffix import config_suffix
from interpretune.analysis.cache.digests.policy import Policy
from interpretune.analysis.cache.digests.registry import find_encoder, register_encoder
from interpretune.analysis.cache.digests.results import WalkResult
from interpretune.analysis.cache.digests.walk import Walk
from interpretune.analysis.cache.errors import UnfingerprintableError

GOLDEN = Path(__file__).parent / "golden" / "values.py"


def walked(value: Any, **policy: Any) -> WalkResult:
    walk = Walk("value", find_encoder, Policy(**policy))
    return walk.finish(walk.child(value))


def digest(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple(walked(value).components.items())


def all_differ(values: list[Any]) -> bool:
    return len({digest(value) for value in values}) == len(values)


def all_alike(values: list[Any]) -> bool:
    return len({digest(value) for value in values}) == 1


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class OtherColor(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    ONE = 1


class Name(str, enum.Enum):
    A = "a"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Config:
    rate: float = 0.5
    layers: Any = None
    seed: int = dataclasses.field(default=0, compare=False, repr=False)
    made: int = dataclasses.field(init=False, default=3)


@dataclasses.dataclass
class OtherConfig:
    rate: float = 0.5
    layers: Any = None
    seed: int = dataclasses.field(default=0, compare=False, repr=False)
    made: int = dataclasses.field(init=False, default=3)


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any = 1


@dataclasses.dataclass
class SlottedConfig:
    __slots__ = ("x", "y")
    x: int
    y: int


class Point(NamedTuple):
    x: Any
    y: Any


class Words(list):  # type: ignore[type-arg]
    pass


class OtherWords(list):  # type: ignore[type-arg]
    pass


class Text(str):
    def __str__(self) -> str:
        return "something else"


class Number(int):
    def __int__(self) -> int:
        return 0


class Measure(float):
    pass


class Table(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        return ()


class Settings(collections.UserDict):  # type: ignore[type-arg]
    pass


class Plain:
    def __init__(self, x: int) -> None:
        self.x = x


class Told:
    def __init__(self, x: Any) -> None:
        self.x = x
        self.lock = threading.Lock()

    def __fingerprint__(self) -> Any:
        return self.x


class ToldTable(dict):  # type: ignore[type-arg]
    def __fingerprint__(self) -> Any:
        return "always the same"


NAN = float("nan")
OTHER_NAN = struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\xff")[0]

#: No two mean the same, by themselves or inside of anything.
DISTINCT = [
    *(
        None,
        ...,
        NotImplemented,
        False,
        True,
        0,
        1,
        -1,
        2,
        10,
        16,
        2**31,
        2**63,
        -(2**63),
        2**64,
        10**5000,
        10**5000 + 1,
    ),
    *(0.0, -0.0, 1.0, 0.1, math.inf, -math.inf, NAN, 5e-324, float(2**63), 0j, 1 + 0j, -0j, complex(0, -0.0)),
    *("", "0", "1", "None", "True", "a", "é", "e\u0301", "\ud800", "\udc00\ud800", "\x00", "a" * 300, "a" * 301),
    *(
        b"",
        b"1",
        b"a",
        b"a" * 300,
        bytearray(b"a"),
        memoryview(b"a"),
        memoryview(b"abcd"),
        memoryview(b"abcd").cast("I"),
    ),
    *([], [None], [1], [1.0], [True], ["1"], [[]], [[], []], [[[]]], [1, 2], [2, 1], [[1], 2], [1, [2]], ["ab", "c"]),
    *(["a", "bc"], ["abc"], (), (1,), (1, 2), ((1, 2),), (1, (2,)), [1, None], [None, 1]),
    *(set(), {1}, {1.0}, {"1"}, {1, 2}, frozenset(), frozenset({1}), {frozenset({1})}, {(1, 2)}),
    *(
        {},
        {1: None},
        {"1": None},
        {"a": 1},
        {"a": 1.0},
        {"a": 1, "b": 2},
        {"a": 2, "b": 1},
        {"ab": 1},
        {1: {2: 3}},
        {(1, 2): 3},
    ),
    *(range(3), range(0, 3, 2), range(1, 3), slice(3), slice(0, 3), slice(None)),
    *(
        decimal.Decimal("1"),
        decimal.Decimal("1.0"),
        decimal.Decimal("-0"),
        decimal.Decimal("NaN"),
        decimal.Decimal("Infinity"),
    ),
    *(fractions.Fraction(1), fractions.Fraction(1, 3), uuid.UUID(int=1), uuid.UUID(int=2)),
    *(datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2), datetime.datetime(2024, 1, 2, fold=1)),
    datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
    datetime.datetime(2024, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    *(
        datetime.time(1),
        datetime.timedelta(1),
        datetime.timedelta(0, 1),
        datetime.timezone(datetime.timedelta(hours=1)),
    ),
    *(re.compile("a"), re.compile("b"), re.compile("a", re.I), re.compile(b"a")),
    *(pathlib.PurePosixPath("a"), pathlib.PurePosixPath("a/b"), pathlib.PurePosixPath("/a")),
    *(
        types.MappingProxyType({"a": 1}),
        types.SimpleNamespace(a=1),
        argparse.Namespace(a=1),
        types.SimpleNamespace(a=2),
    ),
    *(collections.OrderedDict(a=1), collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)),
    *(collections.defaultdict(None, a=1), collections.defaultdict(int, a=1), collections.defaultdict(list, a=1)),
    *(collections.Counter("a"), collections.Counter("aa"), collections.deque([1]), collections.deque([1], 2)),
    *(collections.UserDict(a=1), Settings(a=1), collections.UserList([1]), collections.ChainMap({"a": 1})),
    *(array.array("i", [1]), array.array("l", [1]), array.array("f", [1.0]), array.array("i", [2])),
    *(Color.RED, Color.BLUE, OtherColor.RED, Level.ONE, Name.A, Access.READ, Access.WRITE, Access.READ | Access.WRITE),
    *(Config(), Config(rate=0.25), Config(layers=[1]), Config(seed=1), OtherConfig(), Frozen(), Frozen(2), Frozen("1")),
    *(SlottedConfig(1, 2), SlottedConfig(2, 1), Point(1, 2), Point(2, 1), Point(1, 2.0)),
    *(collections.namedtuple("Point", "x z")(1, 2), collections.namedtuple("Pair", "x y")(1, 2)),
    *(Words([1]), OtherWords([1]), Words(), Text("a"), Text("b"), Number(1), Number(2), Measure(1.0), Measure(-0.0)),
    *(Table(a=1), Table(a=2), Told(1), Told(2), ToldTable(a=1)),
    *(np.float32(1), np.float64(1), np.int64(1), np.int32(1), np.bool_(True), np.str_("a"), np.bytes_(b"a")),
    *(np.datetime64("2024-01-02"), np.datetime64("2024-01-02", "s"), np.datetime64("NaT", "s"), np.timedelta64(1, "s")),
    *(
        np.dtype("f4"),
        np.dtype("f8"),
        np.dtype("U3"),
        np.dtype([("a", "f4")]),
        np.dtype([("b", "f4")]),
        np.dtype(("f4", 2)),
    ),
    *(
        np.array(1.0),
        np.array([1.0]),
        np.array([[1.0]]),
        np.zeros(0),
        np.zeros((0, 2)),
        np.zeros((2, 0)),
        np.zeros(0, "i4"),
    ),
    *(np.arange(6), np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2), np.arange(6, dtype="i4"), np.arange(6.0)),
    *(np.array([0.0]), np.array([-0.0]), np.array([NAN]), np.array([True]), np.array([1], "u1"), np.array([1], "i1")),
    *(np.array(["a"]), np.array(["a", "b"]), np.array(["a"], "U2"), np.array([b"a"]), np.array([1j])),
    *(np.array([1, "a"], object), np.array(["a", 1], object), np.array([None], object), np.array([[1]], object)),
    np.array([(1, 2)], [("a", "i4"), ("b", "i4")]),
    np.array([(2, 1)], [("a", "i4"), ("b", "i4")]),
    np.rec.array([(1, 2)], [("a", "i4"), ("b", "i4")]),
    *(
        np.ma.masked,
        np.ma.masked_array([1, 2], [0, 1]),
        np.ma.masked_array([1, 2], [0, 0]),
        np.ma.masked_array([1, 2], [0, 1], fill_value=7),
    ),
    *(np.random.RandomState(1), np.random.RandomState(2), np.random.default_rng(1), np.random.default_rng(2)),
    *(np.random.PCG64(1), np.random.MT19937(1), np.random.SeedSequence(1), np.random.SeedSequence(2)),
    *(random.Random(1), random.Random(2)),
    *(ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("10.0.0.2"), ipaddress.ip_address(10 << 24 | 1 << 100)),
    *(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("10.0.0.0/9"), ipaddress.ip_interface("10.0.0.1/8")),
    *(ipaddress.ip_address("fe80::1"), ipaddress.ip_address("fe80::1%1"), ipaddress.ip_interface("fe80::1/9")),
    *(string.Template("$a"), string.Template("$b")),
]


def test_no_two_of_these_mean_the_same() -> None:
    seen: dict[Any, Any] = {}
    for value in DISTINCT:
        found = digest(value)
        assert found not in seen, f"{value!r} and {seen[found]!r} have one digest"
        seen[found] = value


def test_nor_do_they_inside_of_others() -> None:
    holders = [
        lambda value: [value],
        lambda value: (0, value, 0),
        lambda value: {"key": value},
        lambda value: {1: [{"deep": (value,)}]},
        lambda value: Config(layers=value),
        lambda value: [0] * 100 + [value],
        lambda value: {**dict.fromkeys(range(1000), 0), "key": value},
        lambda value: types.SimpleNamespace(value=value),
        lambda value: Point(value, value),
        lambda value: collections.deque([value]),
    ]
    for hold in holders:
        assert all_differ([hold(value) for value in DISTINCT])


@pytest.mark.parametrize(
    "values",
    [
        [NAN, OTHER_NAN, -NAN, math.nan],
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
        [{1: "x", "1": "y"}, {"1": "y", 1: "x"}],
        [{3, 1, 2}, {2, 3, 1}, {1, 2, 3, 4} - {4}],
        [{"a", "b", "c"}, set("cba")],
        [{Color.RED: 1, Color.BLUE: 2}, {Color.BLUE: 2, Color.RED: 1}],
        [{frozenset({1, 2}), frozenset({3})}, {frozenset({3}), frozenset({2, 1})}],
        [{"k": [1, {"b": 2, "a": 1}]}, {"k": [1, {"a": 1, "b": 2}]}],
        [[[1], [1]], [[1]] * 2, (lambda shared: [shared, shared])([1])],
        ["abc", "".join(["a", "bc"])],
        [10**30, int("1" + "0" * 30)],
        [Config(layers=[1]), Config(layers=[1])],
        [collections.Counter("ab"), collections.Counter("ba")],
        [collections.defaultdict(int, a=1, b=2), collections.defaultdict(int, b=2, a=1)],
        [pathlib.PurePosixPath("a/b"), pathlib.PurePosixPath("a//b/"), pathlib.PurePosixPath("./a/b")],
        [re.compile("a|b"), re.compile("a|b", 0)],
        [memoryview(b"abcd")[::2], memoryview(b"ac")],
        [np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))],
        [np.arange(0, 20, 2), np.arange(20)[::2], np.arange(18, -2, -2)[::-1]],
        [np.arange(3, dtype="<i4"), np.arange(3, dtype=">i4")],
        [np.dtype("<f8"), np.dtype(">f8"), np.dtype(float)],
        [np.array(["a", "b"], "<U1"), np.array(["a", "b"], ">U1")],
        [np.broadcast_to(np.float32(3), (2, 2)), np.full((2, 2), 3, "f4")],
        [np.array([(1, 2.0)], [("a", "i1"), ("b", "f8")]),
         np.array([(1, 2.0)], np.dtype([("a", "i1"), ("b", "f8")], align=True)),
         np.array([(1, 2.0)], [("a", "i1"), ("b", ">f8")])],
        [np.array([1, "a", None], object), np.array([1, 5, "a", 5, None], object)[::2]],
        [np.random.default_rng(3), np.random.default_rng(3)],
        [random.Random(3), random.Random(3)],
        [Told(1), Told(1)],
        [ToldTable(a=1), ToldTable(b=2)],
    ],
    ids=lambda values: str(type(values[0]).__name__),
)  # fmt: skip
def test_these_mean_the_same(values: list[Any]) -> None:
    assert all_alike(values)


def test_padding_of_long_doubles_does_not_count() -> None:
    first, second = np.empty(2, np.longdouble), np.empty(2, np.longdouble)
    first.view(np.uint8)[:] = 0
    second.view(np.uint8)[:] = 255
    first[:] = second[:] = [1, 2]
    assert all_alike([first, second])
    assert all_differ([first, first * 2])


def test_a_mapped_array_is_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.arange(10))
    assert all_alike([np.arange(10), np.load(tmp_path / "array.npy", mmap_mode="r")])


def test_drawing_from_a_generator_changes_it() -> None:
    for make, draw in [
        (lambda: np.random.default_rng(0), lambda rng: rng.random()),
        (lambda: np.random.RandomState(0), lambda rng: rng.rand()),
        (lambda: random.Random(0), lambda rng: rng.random()),
        (lambda: np.random.SeedSequence(0), lambda rng: rng.spawn(1)),
        (lambda: np.random.default_rng(0), lambda rng: rng.bit_generator.seed_seq.spawn(1)),
    ]:
        rng = make()
        before = digest(rng)
        assert digest(rng) == before, "looking does not draw"
        draw(rng)
        assert digest(rng) != before
        assert digest(make()) == before


# Instances


def test_each_attribute_of_an_instance_counts() -> None:
    config, other = Config(), Config()
    other.made = 4
    assert all_differ([config, other])
    other = Config()
    other.extra = 1  # type: ignore[attr-defined]
    assert all_differ([config, other])

    words, other_words = Words([1]), Words([1])
    other_words.note = "x"  # type: ignore[attr-defined]
    assert all_differ([words, other_words])

    settings, other_settings = Settings(a=1), Settings(a=1)
    other_settings.strict = True  # type: ignore[attr-defined]
    assert all_differ([settings, other_settings])


def test_an_unset_slot_is_neither_none_nor_an_error() -> None:
    class Sparse(tuple):  # type: ignore[type-arg]
        pass

    @dataclasses.dataclass
    class Late:
        x: int = dataclasses.field(init=False)

    unset, none = Late(), Late()
    none.x = None  # type: ignore[assignment]
    assert all_differ([unset, none, Sparse()])


def test_a_cached_property_does_not_change_its_owner() -> None:
    @dataclasses.dataclass
    class Lazy:
        x: int

        @functools.cached_property
        def doubled(self) -> int:
            return self.x * 2

    value = Lazy(2)
    before = digest(value)
    assert value.doubled == 4
    assert digest(value) == before


def test_a_copied_or_pickled_value_is_the_same() -> None:
    import copy
    import pickle

    for value in [Config(layers=[1]), Point(1, 2), Words([1]), Color.RED, collections.OrderedDict(a=1), Frozen((1, 2))]:
        before = digest(value)
        assert digest(copy.deepcopy(value)) == before
        assert digest(pickle.loads(pickle.dumps(value))) == before
        assert digest(value) == before, "being pickled leaves nothing behind that counts"


def test_methods_of_a_users_class_count() -> None:
    def make(factor: str) -> Any:
        namespace: dict[str, Any] = {"dataclasses": dataclasses}
        source = "@dataclasses.dataclass\nclass C:\n    x: int = 1\n    def scaled(self):\n        return self.x * "
        exec(source + factor, namespace)
        return namespace["C"]()

    assert all_alike([make("2"), make("2")])
    assert all_differ([make("2"), make("3")])


def test_attrs_classes_count_by_their_fields() -> None:
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Slots:
        x: int
        y: Any = attrs.field(default=None, eq=False)

    @attrs.frozen(slots=False)
    class Loose:
        x: int

    assert all_alike([Slots(1), Slots(1)])
    assert all_differ([Slots(1), Slots(2), Slots(1, y=3), Loose(1), Loose(2)])


def test_functions_inside_of_values_count_by_their_code() -> None:
    def make(step: int) -> Any:
        return lambda value: value + step

    assert all_alike([{"f": make(1)}, {"f": make(1)}])
    assert all_differ([{"f": make(1)}, {"f": make(2)}, {"f": len}, {"f": max}, {"f": None}])
    first, second = make(1), make(2)
    assert all_differ([{"a": first, "b": second}, {"a": second, "b": first}])
    assert all_differ([{first, second}, {first}, {second}, {make(3), first}])
    assert all_alike([{first, second}, {make(2), make(1)}])
    assert all_differ([{first: 1, second: 2}, {first: 2, second: 1}])


# Ways out


@pytest.fixture(autouse=True)
def forget_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


def test_a_fingerprint_method_says_what_an_object_means() -> None:
    assert all_differ([Told(1), Told(2), Told([1]), 1, [1]])
    with pytest.raises(UnfingerprintableError, match=r"value\['a'\]\.__fingerprint__\(\)"):
        digest({"a": Told(threading.Lock())})


def test_a_method_given_later_is_used() -> None:
    class Late:
        pass

    with pytest.raises(UnfingerprintableError):
        digest(Late())
    Late.__fingerprint__ = lambda self: "now known"  # type: ignore[attr-defined]
    assert digest(Late())


def test_a_registered_encoder_says_what_objects_of_a_class_mean() -> None:
    class Derived(Plain):
        pass

    with pytest.raises(UnfingerprintableError):
        digest(Plain(1))
    register_encoder(Plain, lambda value: value.x)
    register_encoder(Plain, lambda value: value.x)
    assert all_alike([Plain(1), Plain(1)])
    assert all_differ([Plain(1), Plain(2), Derived(1), 1])
    register_encoder(Derived, lambda value: ["derived", value.x])
    assert digest(Derived(2)) != digest(Plain(2))


def test_a_registered_encoder_holds_for_builtin_types_also_in_long_lists() -> None:
    before = digest([0.1] * 100)
    register_encoder(float, lambda value: int(value * 10))
    assert digest([0.1] * 100) != before
    assert all_alike([[0.1] * 100, [0.11] * 100])
    assert all_alike([{"a": 0.1}, {"a": 0.11}])


def test_an_ignored_path_does_not_count_and_is_told() -> None:
    ignore = ("value['label']", "value['deep'].rate")
    first = walked({"label": "a", "x": 1, "deep": Config(rate=1.0)}, ignore=ignore)
    second = walked({"label": threading.Lock(), "x": 1, "deep": Config(rate=2.0)}, ignore=ignore)
    third = walked({"label": "a", "x": 2, "deep": Config(rate=1.0)}, ignore=ignore)
    assert first.components == second.components != third.components
    assert first.ignored == sorted(ignore)


def test_an_ignored_path_is_left_out_there_only() -> None:
    ignore = ("value['a'][0]",)
    shared, other = [1, 2], [3, 2]
    both = walked({"a": shared, "b": shared}, ignore=ignore).components
    assert both == walked({"a": [1, 2], "b": [1, 2]}, ignore=ignore).components
    assert both == walked({"a": other, "b": shared}, ignore=ignore).components
    assert both != walked({"a": other, "b": other}, ignore=ignore).components


def test_a_pattern_that_matches_nothing_changes_nothing() -> None:
    values = [list(range(1000)), {str(key): key for key in range(1000)}, {1, 2, 3}, [Config()] * 100, {Color.RED: 1}]
    for value in values:
        assert walked(value).components == walked(value, ignore=("elsewhere.*",)).components


# What is refused


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        logging.getLogger("x"),
        object(),
        Plain(1),
        (item for item in ()),
        iter([1]),
        random.SystemRandom(),
        threading.Thread(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_understood_is_refused_with_its_path(value: Any) -> None:
    places = [
        (value, "value"),
        ([value], "value[0]"),
        ({"cfg": [1, {"x": value}]}, "value['cfg'][1]['x']"),
        (Config(layers=(value,)), "value.layers[0]"),
        (Point(1, value), "value.y"),
        ({(1, 2): value}, None),
        (collections.UserDict(a=value), "value.data['a']"),
        (types.SimpleNamespace(a=value), "value.a"),
        ([0] * 1000 + [value], "value[1000]"),
        (np.array([value, None], object), None),
    ]
    for holder, path in places:
        with pytest.raises(UnfingerprintableError) as caught:
            digest(holder)
        assert path in (None, caught.value.path)
        assert type(value).__name__ in str(caught.value)


def test_cycles_are_refused() -> None:
    items: list[Any] = [1]
    items.append(items)
    table: dict[str, Any] = {}
    table["self"] = table
    config = Config()
    config.layers = [config]
    hashable = Frozen()
    object.__setattr__(hashable, "x", [hashable])
    told = Told(None)
    told.x = [told]
    for value in (items, table, config, hashable, told):
        with pytest.raises(UnfingerprintableError, match="contains itself"):
            digest(value)


def test_deep_nesting_is_understood_or_refused() -> None:
    def nested(depth: int) -> list[Any]:
        value: list[Any] = []
        for _ in range(depth):
            value = [value]
        return value

    assert all_differ([nested(60), nested(61)])
    with pytest.raises(UnfingerprintableError, match="nested too deeply"):
        digest(nested(100_000))


def test_a_shared_object_is_walked_once() -> None:
    value: Any = [1]
    for _ in range(60):
        value = [value, value]
    assert digest(value)


# Parts for a diff


def test_parts_name_the_leaves() -> None:
    config = {"a": 5, "b": 5, "c": {"d": [1.5, None]}, "e": Config(rate=0.25, layers=["x"])}
    parts = walked(config).parts["value"]
    assert {path: part.text for path, part in parts.items() if "__class__" not in path} == {
        "value['a']": "5",
        "value['b']": "5",
        "value['c']['d'][0]": "1.5",
        "value['c']['d'][1]": "None",
        "value['e'].rate": "0.25",
        "value['e'].layers[0]": "'x'",
        "value['e'].seed": "0",
        "value['e'].made": "3",
    }


def test_long_sequences_are_one_part() -> None:
    for value in (list(range(1000)), [[1, 2]] * 1000, [{"a": 1}] * 1000, set(range(1000)), np.arange(1000)):
        parts = walked({"x": value}).parts["value"]
        assert list(parts) == ["value['x']"], type(value)
    assert walked({"x": list(range(1000))}).parts["value"]["value['x']"].text == "list of 1,000 items"


def test_texts_of_parts_are_bounded() -> None:
    for value in ("x" * 10**6, b"x" * 10**6, 10**5000, {"a" * 10**6: 1}):
        for part in walked({"x": value}).parts["value"].values():
            assert len(part.text) < 10_000


# Goldens, processes, speed


def test_digests_are_what_they_were() -> None:
    computed = runpy.run_path(str(GOLDEN))["computed"]()
    stored = json.loads(GOLDEN.with_suffix(".json").read_text(encoding="utf-8"))
    assert computed == stored


def test_each_process_gives_the_same_digest(tmp_path: Path) -> None:
    outputs = set()
    for seed in range(4):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, str(GOLDEN)]
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs.add(done.stdout)
    assert outputs == {GOLDEN.with_suffix(".json").read_text(encoding="utf-8")}


def test_long_lists_of_numbers_are_quick() -> None:
    values = list(range(1_000_000))
    started = time.perf_counter()
    digest(values)
    assert time.perf_counter() - started < 10, "a tenth of the machine that this was written on"


# The suffix of Hugging Face's config ids

FEATURES = datasets.Features(
    {
        "answer_logits": datasets.Array3D(shape=(None, 2, 50257), dtype="float32"),
        "prompts": datasets.List(datasets.Value("string")),
        "answer_indices": datasets.List(datasets.Value("int64")),
        "tokens": datasets.Array2D(shape=(None, 2), dtype="int64"),
    }
)


def test_the_hosts_worked_example() -> None:
    lock = threading.Lock()
    kwargs = {"features": FEATURES, "gen_kwargs": None, "generator": lambda: iter([lock]), "split": "test"}
    assert config_suffix(kwargs, FEATURES) == "7814d4bb675529bb"
    assert config_suffix(dict(reversed(kwargs.items())), FEATURES) == "7814d4bb675529bb"
    assert config_suffix({**kwargs, "generator": None}, FEATURES) == "7814d4bb675529bb"
    assert config_suffix({**kwargs, "split": "train"}, FEATURES) != "7814d4bb675529bb"


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"split": "test"},
        {"name": "x", "version": "1.0.0", "split": "test"},
        {"data_dir": None},
        {"data_dir": "a/../b", "limit": 3, "rate": 0.5, "flag": True},
        {"text": "a long text that is not written out any more", "number": 3},
        {"gen_kwargs": {"shards": ["a", "b"], "pair": (1, None)}},
    ],
)
@pytest.mark.parametrize("features", [None, FEATURES])
def test_plain_arguments_give_the_suffix_of_datasets(kwargs: dict[str, Any], features: Any) -> None:
    theirs = datasets.BuilderConfig("default").create_config_id(kwargs, features)
    assert config_suffix(kwargs, features) == theirs.removeprefix("default").removeprefix("-")


def test_other_arguments_count_by_meaning() -> None:
    def suffix(**kwargs: Any) -> str:
        return config_suffix({"gen_kwargs": kwargs}, FEATURES)

    assert suffix(cfg=Config()) == suffix(cfg=Config()) != suffix(cfg=Config(rate=2.0))
    assert suffix(names={"a", "b", "c"}) == suffix(names=set("cba"))
    with pytest.raises(UnfingerprintableError, match=r"config_kwargs\['gen_kwargs'\]\['lock'\]"):
        suffix(lock=threading.Lock())


# pandas


def test_pandas_objects_count_by_labels_dtypes_and_values() -> None:
    pd = pytest.importorskip("pandas")

    def frame(**columns: Any) -> Any:
        return pd.DataFrame(columns)

    assert all_alike([frame(a=[1, 2], b=["x", None]), frame(a=[1, 2], b=["x", None]).copy()])
    assert all_alike([frame(a=[1, 2, 3]), frame(a=[0, 1, 2, 3]).iloc[1:].reset_index(drop=True)])
    assert all_alike([pd.RangeIndex(3), pd.Index([0, 1, 2])])
    assert all_differ(
        [
            frame(a=[1, 2]),
            frame(a=[2, 1]),
            frame(b=[1, 2]),
            frame(a=[1, 2], b=[1, 2]),
            frame(b=[1, 2], a=[1, 2]),
            frame(a=[1.0, 2.0]),
            frame(a=["1", "2"]),
            frame(a=[1, "2"]),
            frame(a=pd.Categorical([1, 2])),
            frame(a=pd.Categorical([1, 2], categories=[2, 1])),
            frame(a=pd.Categorical([1, 2], ordered=True)),
            frame(a=pd.array([1, 2], dtype="Int64")),
            frame(a=pd.array([1, None], dtype="Int64")),
            frame(a=pd.to_datetime(["2024-01-01", "2024-01-02"])),
            frame(a=pd.to_datetime(["2024-01-01", "2024-01-02"]).tz_localize("UTC")),
            frame(a=[1, 2]).set_index(pd.Index([1, 2])),
            frame(a=[1, 2]).set_index(pd.Index([0, 1], name="n")),
            frame(a=[1, 2], b=[1, 2]).set_index(["a", "b"]),
            frame(a=[1, 2])["a"],
            pd.Series([1, 2]),
            pd.Index([1, 2]),
            pd.Timestamp("2024-01-01"),
            pd.Timestamp("2024-01-01T00:00:00.000000001"),
            pd.Timestamp("2024-01-01", tz="UTC"),
            pd.Timedelta(1, "s"),
            pd.NA,
            pd.NaT,
        ]
    )
    with pytest.raises(UnfingerprintableError):
        digest(frame(a=[threading.Lock()]))


def test_spans_arrays_and_dtypes_of_pandas_count_by_what_they_hold() -> None:
    pd = pytest.importorskip("pandas")

    assert all_alike([pd.array([1, None]), pd.array([1, None], dtype="Int64")])
    assert all_alike([pd.CategoricalDtype(["a"]), pd.CategoricalDtype(["a"], ordered=False)])
    assert all_differ(
        [
            pd.Interval(0, 1),
            pd.Interval(0, 1, closed="left"),
            pd.Interval(0, 2),
            pd.Interval(0.0, 1.0),
            pd.Period("2024", "D"),
            pd.Period("2024", "M"),
            pd.Period("2025", "M"),
            pd.array([1, None]),
            pd.array([1, 2]),
            pd.Series(pd.array([1, 2])),
            pd.Categorical(["a", "b"]),
            pd.Categorical(["a", "b"], categories=["b", "a"]),
            pd.CategoricalDtype(["a"]),
            pd.CategoricalDtype(["a"], ordered=True),
            pd.CategoricalDtype(["b"]),
            pd.Int64Dtype(),
            pd.Int32Dtype(),
            pd.DatetimeTZDtype(tz="UTC"),
            pd.DatetimeTZDtype(tz=zoneinfo.ZoneInfo("Europe/Berlin")),
        ]
    )


def test_small_things_of_the_standard_library_and_numpy_count_by_what_they_are() -> None:
    held = {"a": 1, "b": 2}
    used = decimal.Context(prec=5)
    used.divide(decimal.Decimal(1), decimal.Decimal(3))
    assert all_alike([held.keys(), dict(held).keys()])
    assert all_alike([decimal.Context(prec=5), used])
    assert all_alike([np.finfo(np.float32), np.finfo("f4")])
    assert all_differ(
        [
            held.keys(),
            held.values(),
            held.items(),
            {"b": 2, "a": 1}.keys(),
            {"a": 1, "b": 3}.values(),
            list(held),
            {}.keys(),
            {}.values(),
            np.finfo(np.float32),
            np.finfo(np.float64),
            np.iinfo(np.int32),
            struct.Struct("<i"),
            struct.Struct(">i"),
            decimal.Context(prec=5),
            decimal.Context(prec=6),
            decimal.Context(prec=5, rounding=decimal.ROUND_UP),
            contextlib.nullcontext(),
            contextlib.nullcontext(1),
            contextlib.suppress(ValueError),
            contextlib.suppress(KeyError),
            json.JSONEncoder(),
            json.JSONEncoder(sort_keys=True),
        ]
    )
    with pytest.raises(UnfingerprintableError):
        digest(contextlib.nullcontext(object()))


def test_finfo_of_torch_counts_by_its_type() -> None:
    torch = pytest.importorskip("torch")

    assert all_alike([torch.finfo(torch.float32), torch.finfo()])
    assert all_differ(
        [torch.finfo(torch.float32), torch.finfo(torch.bfloat16), torch.iinfo(torch.int8), np.finfo(np.float32)]
    )
