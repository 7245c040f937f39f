"""Every kind of feature that the installed `datasets` has: stored as `from_generator` stores it, or refused by both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import datasets
import numpy as np
import pytest
from datasets import Dataset, Features, LargeList, List, Value
from datasets.exceptions import DatasetGenerationError
from datasets.features.features import _FEATURE_TYPES

from interpretune.analysis.cache.errors import RowError
from interpretune.analysis.cache.writer import ShardWriter

MOMENT = dt.datetime(2024, 1, 2, 3, 4, 5)
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
VALUES: dict[str, Sequence[Any]] = {
    "null": [None],
    "bool": [True, np.bool_(False)],
    **dict.fromkeys(INTEGERS, (7, np.int8(3), True, 2.0)),
    **dict.fromkeys(["float16", "float32", "float64", "float", "double"], (0.5, 1, np.float32(3), float("-inf"))),
    **{f"time32[{unit}]": [dt.time(1, 2, 3)] for unit in ("s", "ms")},
    **{f"time64[{unit}]": [dt.time(1, 2, 3, 4)] for unit in ("us", "ns")},
    **{f"timestamp[{unit}]": [MOMENT] for unit in ("s", "ms", "us", "ns")},
    "timestamp[us, tz=Europe/Berlin]": [MOMENT.replace(tzinfo=dt.timezone.utc)],
    **dict.fromkeys(["date32", "date64"], (MOMENT.date(),)),
    **{f"duration[{unit}]": [dt.timedelta(seconds=5)] for unit in ("s", "ms", "us", "ns")},
    "decimal128(10, 2)": [Decimal("1.25")],
    "decimal256(40, 2)": [Decimal("-1.25")],
    **dict.fromkeys(["binary", "large_binary", "binary_view"], (b"x", bytearray(b"\0y"))),
    **dict.fromkeys(["string", "large_string", "string_view"], ("x", np.str_("é"), "")),
}
#: Kinds whose parameters and values are tried elsewhere; what is left holds a file's bytes and path, or any JSON.
ELSEWHERE = {"Array2D", "Array3D", "Array4D", "Array5D", "ClassLabel", "LargeList", "List", "Value"}
ELSEWHERE |= {"Translation", "TranslationVariableLanguages"}


@pytest.fixture(scope="module", autouse=True)
def _no_progress_bars():
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def check(tmp_path, features: Features, rows: list[dict[str, Any]]) -> None:
    theirs: Any = "refused"
    try:
        made = Dataset.from_generator(lambda: iter(rows), features=features, cache_dir=str(tmp_path / "hf"))
        theirs = made.features, made.data.table.combine_chunks()
    except DatasetGenerationError:
        pass
    writer = ShardWriter(tmp_path / "shard.arrow", features)
    try:
        writer.write(rows)
    except RowError:
        writer.abort()
        assert theirs == "refused"
        return
    writer.close()
    ours = Dataset.from_file(str(tmp_path / "shard.arrow"))
    assert (ours.features, ours.data.table.combine_chunks()) == theirs


@pytest.mark.parametrize("dtype", VALUES)
def test_values_of_each_dtype(tmp_path, dtype):
    try:
        value = Value(dtype)
    except ValueError:
        pytest.skip(f"this version of datasets has no {dtype}")
    features = Features(
        {"x": value, "l": List(value), "g": LargeList(List(value)), "d": {"a": value, "b": List(value)}}
    )
    rows = [
        {"x": item, "l": [item, None], "g": [[item], None, []], "d": {"a": item, "b": [item]}}
        for item in [*VALUES[dtype], None]
    ]
    check(tmp_path, features, [*rows, dict.fromkeys(features)])


@pytest.mark.parametrize("name", sorted(set(_FEATURE_TYPES) - ELSEWHERE))
def test_files_and_json(tmp_path, name):
    kind = _FEATURE_TYPES[name]()
    features = Features({"x": kind, "l": List(kind), "d": {"a": kind}})
    items = [{"bytes": b"abc", "path": None}, {"bytes": None, "path": "/x/y.bin"}, "a/b.bin", None]
    for number, chosen in enumerate([items, [None], *([item] for item in items)]):
        directory = tmp_path / str(number)
        directory.mkdir()
        check(directory, features, [{"x": item, "l": [item, None], "d": {"a": item}} for item in chosen])
