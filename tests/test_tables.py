"""Datasets count by what their rows hold, not by the way they came."""

from __future__ import annotations

import datetime
import decimal
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import (
    Array2D,
    ClassLabel,
    Dataset,
    DatasetDict,
    DatasetInfo,
    Features,
    Image,
    IterableDataset,
    LargeList,
    List,
    Split,
    Value,
    concatenate_datasets,
    load_from_disk,
)

from interpretune.analysis.cache.digests import file_digests
from interpretune.analysis.cache.digests.file_digests import remember_in
from interpretune.analysis.cache.digests.policy import Policy
from interpretune.analysis.cache.digests.registry import find_encoder
from interpretune.analysis.cache.digests.results import WalkResult
from interpretune.analysis.cache.digests.walk import Walk
from interpretune.analysis.cache.errors import UnfingerprintableError

FEATURES = Features(
    {
        "number": Value("int64"),
        "text": Value("string"),
        "label": ClassLabel(names=["no", "yes"]),
        "flag": Value("bool"),
        "tokens": List(Value("int32")),
        "pairs": List(Value("float32"), length=2),
        "matrix": Array2D((None, 2), "float32"),
        "nested": {"inner": List({"name": Value("string"), "score": Value("float64")}), "raw": Value("binary")},
        "when": Value("timestamp[us]"),
        "price": Value("decimal128(10, 2)"),
    }
)


def rows(count: int = 50) -> list[dict[str, Any]]:
    return [
        {
            "number": index,
            "text": None if index % 7 == 3 else f"row {index}" * (index % 4),
            "label": index % 2,
            "flag": None if index % 11 == 5 else index % 3 == 0,
            "tokens": None if index % 5 == 4 else list(range(index % 6)),
            "pairs": [index / 2, -0.0],
            "matrix": [[float(index), 1.0]] * (index % 3 + 1),
            "nested": None
            if index % 9 == 8
            else {"inner": [{"name": f"n{index}", "score": None}] * (index % 2), "raw": bytes([index])},
            "when": datetime.datetime(2024, 1, 1, second=index),
            "price": decimal.Decimal(index) / 4,
        }
        for index in range(count)
    ]


@pytest.fixture
def dataset() -> Dataset:
    return Dataset.from_list(rows(), features=FEATURES)


def walked(value: Any, **policy: Any) -> WalkResult:
    walk = Walk("data", find_encoder, Policy(**policy))
    return walk.finish(walk.child(value))


def components(value: Any) -> dict[str, str]:
    return walked(value).components


def differing(one: Any, other: Any) -> set[str]:
    first, second = components(one), components(other)
    assert first.keys() == second.keys()
    return {name for name in first if first[name] != second[name]}


# One content by many routes


def by_from_dict(dataset: Dataset, path: Path) -> Dataset:
    found = rows()
    return Dataset.from_dict({name: [row[name] for row in found] for name in FEATURES}, features=FEATURES)


def by_disk(dataset: Dataset, path: Path) -> Dataset:
    dataset.save_to_disk(path, num_shards=3)
    return load_from_disk(path)


def by_copied_directory(dataset: Dataset, path: Path) -> Dataset:
    dataset.save_to_disk(path / "first")
    shutil.copytree(path / "first", path / "second")
    return load_from_disk(path / "second")


def by_parquet(dataset: Dataset, path: Path) -> Dataset:
    path.mkdir()
    dataset.to_parquet(path / "rows.parquet")
    return Dataset.from_parquet(str(path / "rows.parquet"), cache_dir=str(path / "cache"))


def by_select(dataset: Dataset, path: Path) -> Dataset:
    return dataset.select(range(len(dataset)))


def by_indices(dataset: Dataset, path: Path) -> Dataset:
    mixed = dataset.select([*range(0, 50, 2), *range(1, 50, 2)])
    return mixed.select([index // 2 + 25 * (index % 2) for index in range(50)])


def by_shuffle(dataset: Dataset, path: Path) -> Dataset:
    order = np.random.default_rng(0).permutation(len(dataset))
    return dataset.select(order.tolist()).select(np.argsort(order).tolist())


def by_flattened_indices(dataset: Dataset, path: Path) -> Dataset:
    return by_shuffle(dataset, path).flatten_indices()


def by_concatenation(dataset: Dataset, path: Path) -> Dataset:
    return concatenate_datasets([dataset.select(range(0, 17)), dataset.select(range(17, 50))])


def by_small_chunks(dataset: Dataset, path: Path) -> Dataset:
    table = dataset.data.table
    return Dataset(pa.concat_tables([table.slice(start, 3) for start in range(0, 50, 3)]))


def by_copied_chunks(dataset: Dataset, path: Path) -> Dataset:
    batches = dataset.data.table.combine_chunks().to_batches(max_chunksize=9)
    return Dataset(pa.Table.from_batches(batches, dataset.data.table.schema))


def by_larger_table(dataset: Dataset, path: Path) -> Dataset:
    return concatenate_datasets([dataset, dataset, dataset]).select(range(50, 100))


def by_generator(dataset: Dataset, path: Path) -> Dataset:
    return Dataset.from_generator(lambda: iter(rows()), features=FEATURES, cache_dir=str(path))


def by_map(dataset: Dataset, path: Path) -> Dataset:
    return dataset.map(lambda row: row, batch_size=7, load_from_cache_file=False)


ROUTES = [value for name, value in list(globals().items()) if name.startswith("by_")]


@pytest.mark.parametrize("route", ROUTES)
def test_the_same_rows_by_another_route_have_the_same_digests(dataset: Dataset, tmp_path: Path, route: Any) -> None:
    other = route(dataset, tmp_path / "route")
    assert other.to_list() == dataset.to_list()
    assert differing(dataset, other) == set()


def test_wide_offsets_hold_the_same_rows_as_narrow_ones() -> None:
    narrow = Features({"text": Value("string"), "raw": Value("binary"), "items": List(Value("string"))})
    wide = Features({"text": Value("large_string"), "raw": Value("large_binary"), "items": LargeList(Value("string"))})
    content = {"text": ["a", None, "bc"], "raw": [b"x", b"", None], "items": [["u"], [], None]}
    assert differing(Dataset.from_dict(content, features=narrow), Dataset.from_dict(content, features=wide)) == set()
    assert components(narrow) != components(wide), "declared features count as declared"


def test_what_lies_under_a_null_does_not_count() -> None:
    mask = pa.py_buffer(b"\x05")
    values = [pa.array(held, pa.int64()).buffers()[1] for held in ([1, 2, 3], [1, 99, 3])]
    first, second = (Dataset(pa.table({"n": pa.Array.from_buffers(pa.int64(), 3, [mask, held])})) for held in values)
    assert first.to_list() == second.to_list() == [{"n": 1}, {"n": None}, {"n": 3}]
    assert differing(first, second) == set()

    offsets = pa.py_buffer(np.array([0, 1, 3, 4], "<i4").tobytes())
    hidden = pa.Array.from_buffers(pa.string(), 3, [mask, offsets, pa.py_buffer(b"aXXb")])
    assert differing(Dataset(pa.table({"t": hidden})), Dataset.from_dict({"t": ["a", None, "b"]})) == set()

    items = pa.ListArray.from_buffers(pa.list_(pa.int64()), 3, [mask, offsets], children=[pa.array([1, 7, 8, 2])])
    assert differing(Dataset(pa.table({"l": items})), Dataset.from_dict({"l": [[1], None, [2]]})) == set()


@pytest.mark.parametrize("started", [0, 1])
def test_rows_have_their_digest_where_no_thread_is_to_be_had(
    started: int, monkeypatch: pytest.MonkeyPatch, threads_begun: Callable[[int], list[threading.Thread]]
) -> None:
    large = Dataset.from_dict({name: np.arange(300_000) + index for index, name in enumerate("abcd")})
    expected = components(large)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    begun = threads_begun(started)
    assert components(large) == expected
    assert len(begun) == started


def test_blocks_do_not_show_in_the_digest(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from interpretune.analysis.cache.digests import arrow_content

    large = concatenate_datasets([dataset] * 40).shuffle(seed=3)
    before = components(large)
    monkeypatch.setattr(arrow_content, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(arrow_content, "SMALL_BYTES", 0)
    assert components(large) == before
    assert components(large.flatten_indices()) == before


# Every change shows, and in the right component


@pytest.mark.parametrize("column", list(FEATURES))
def test_one_cell_changes_the_rows(dataset: Dataset, column: str) -> None:
    changed = rows()
    changed[20][column] = rows(60)[51][column]
    other = Dataset.from_list(changed, features=FEATURES)
    assert differing(dataset, other) == {"data.rows"}
    parts, others = walked(dataset).parts["data.rows"], walked(other).parts["data.rows"]
    assert [path for path in parts if parts[path] != others[path]] == [f"data.rows[{column!r}]"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d.select([1, 0, *range(2, 50)]), {"data.rows"}),
        (lambda d: d.select(range(49)), {"data.rows"}),
        (lambda d: concatenate_datasets([d, d.select([0])]), {"data.rows"}),
        (lambda d: d.rename_column("text", "prose"), {"data.rows", "data.schema"}),
        (lambda d: d.remove_columns("flag"), {"data.rows", "data.schema"}),
        (lambda d: d.cast_column("number", Value("int32")), {"data.rows", "data.schema"}),
        (lambda d: d.cast_column("label", ClassLabel(names=["no", "maybe"])), {"data.schema"}),
        (lambda d: d.select_columns([*list(FEATURES)[1:], "number"]), {"data.schema"}),
        (lambda d: d.with_format("numpy"), {"data.format"}),
        (lambda d: d.with_format(columns=["number"]), {"data.format"}),
        (lambda d: d.with_format(columns=["number"], output_all_columns=True), {"data.format"}),
        (lambda d: d.with_format("numpy", dtype="float32"), {"data.format"}),
        (lambda d: d.with_format(columns=d.column_names), set()),
        (lambda d: d.with_format("numpy").with_format(None), set()),
    ],
)
def test_a_change_shows_in_its_component(dataset: Dataset, change: Any, where: set[str]) -> None:
    assert differing(dataset, change(dataset)) == where


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([["ab", "c"]], [["a", "bc"]]),
        ([[], ["a"]], [["a"], []]),
        ([None, []], [[], None]),
        ([None, ["a"]], [["a"], None]),
        ([[None], ["a"]], [["a"], [None]]),
        ([["a", "b"]], [["a"], ["b"]]),
        (["", None], [None, ""]),
        ([0.0], [-0.0]),
        ([0.0], [None]),
        ([float("nan")], [None]),
        ([{"a": 1, "b": None}], [{"a": None, "b": 1}]),
        ([None, {"a": 1}], [{"a": None}, {"a": 1}]),
        ([True, None], [True, False]),
        ([1], [True]),
        ([1], ["1"]),
        (["1"], [b"1"]),
    ],
)
def test_neighbouring_contents_differ(one: list[Any], other: list[Any]) -> None:
    assert (
        components(Dataset.from_dict({"x": one}))["data.rows"]
        != components(Dataset.from_dict({"x": other}))["data.rows"]
    )


def test_a_format_with_a_function_counts_by_its_code(dataset: Dataset) -> None:
    def scaled(batch: dict[str, Any]) -> dict[str, Any]:
        return {"number": [value * 2 for value in batch["number"]]}

    def scaled_otherwise(batch: dict[str, Any]) -> dict[str, Any]:
        return {"number": [value * 3 for value in batch["number"]]}

    assert components(dataset.with_transform(scaled)) == components(dataset.with_transform(scaled))
    assert components(dataset.with_transform(scaled)) != components(dataset.with_transform(scaled_otherwise))


class Scaled:
    def __init__(self, factor: int) -> None:
        self.factor = factor
        self.unknown = object()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"number": [value * self.factor for value in batch["number"]]}


def test_a_format_with_an_object_counts_by_what_its_call_reads(dataset: Dataset) -> None:
    two, three = dataset.with_transform(Scaled(2)), dataset.with_transform(Scaled(3))
    assert components(two) == components(dataset.with_transform(Scaled(2)))
    assert differing(two, three)


def test_a_column_can_be_ignored(dataset: Dataset) -> None:
    other = dataset.remove_columns("number").add_column("number", [0] * 50, feature=Value("int64"))
    other = other.select_columns(dataset.column_names)
    ignore = ("data.rows['number']",)
    first, second = walked(dataset, ignore=ignore), walked(other, ignore=ignore)
    assert first.components == second.components
    assert first.ignored == list(ignore)
    assert differing(dataset, other) == {"data.rows"}


def test_splits_count_by_name(dataset: Dataset) -> None:
    small = dataset.select(range(5))
    splits = DatasetDict({"train": dataset, "test": small})
    assert components(splits) == components(DatasetDict({"test": small, "train": dataset}))
    swapped = components(DatasetDict({"train": small, "test": dataset}))
    assert components(splits)["data['train'].rows"] == swapped["data['test'].rows"]
    assert components(splits)["data['train'].rows"] != swapped["data['train'].rows"]


# Features


def test_features_count_as_declared() -> None:
    def token(**columns: Any) -> str:
        return components(Features(columns))["data"]

    base = token(a=Value("int64"), b=List(Value("string")))
    assert base == token(a=Value("int64"), b=[Value("string")])
    assert (
        base
        == components(Features.from_dict(Features({"a": Value("int64"), "b": List(Value("string"))}).to_dict()))["data"]
    )
    others = [
        token(b=List(Value("string")), a=Value("int64")),
        token(a=Value("int32"), b=List(Value("string"))),
        token(a=Value("int64"), c=List(Value("string"))),
        token(a=Value("int64"), b=List(Value("string"), length=2)),
        token(a=Value("int64"), b=LargeList(Value("string"))),
        token(a=Value("int64"), b=List(List(Value("string")))),
        token(a=Value("int64")),
    ]
    assert len({base, *others}) == len(others) + 1


def test_shapes_are_the_same_after_a_file(tmp_path: Path) -> None:
    features = Features({"m": Array2D((2, 2), "int8"), "n": {"y": Value("int8"), "x": Value("int8")}})
    again = Features.from_dict(features.to_dict())
    assert components(features) == components(again)
    assert components(Features({"m": Array2D((4, 1), "int8"), "n": features["n"]})) != components(features)


# Media, streams, what cannot be read


def pictures(*paths: Path | None) -> Dataset:
    return dataset_of([None if path is None else {"bytes": None, "path": str(path)} for path in paths])


def dataset_of(stored: list[dict[str, Any] | None]) -> Dataset:
    table = pa.table({"picture": pa.array(stored, Image().pa_type)})
    return Dataset(table, info=DatasetInfo(features=Features({"picture": Image()})))


def test_a_row_that_names_a_file_counts_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"first")
    dataset = pictures(path, None)
    before = components(dataset)
    path.write_bytes(b"second")
    assert components(dataset) != before
    path.write_bytes(b"first")
    assert components(dataset) == before
    other = tmp_path / "elsewhere.png"
    other.write_bytes(b"first")
    stored = [{"bytes": b"first", "path": name} for name in (None, "a.png")] + [None]
    inside = [dataset_of([row, None]) for row in stored]
    assert components(pictures(other, None)) == before, "where a file lies says nothing"
    assert components(inside[0]) == components(inside[1]) == before != components(inside[2])
    as_path = dataset.cast_column("picture", Image(decode=False))
    before = components(as_path)
    path.unlink()
    assert components(as_path) == before, "without decoding a step sees the name only"
    with pytest.raises(UnfingerprintableError, match=r"picture\.png.*cannot be read"):
        components(dataset)


def test_a_selection_reads_no_files_of_other_rows(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"content")
    assert components(pictures(tmp_path / "gone.png", path).select([1])) == components(pictures(path))


def test_a_stream_needs_a_name_for_its_content() -> None:
    def stream() -> IterableDataset:
        return Dataset.from_dict({"x": [1, 2]}).to_iterable_dataset()

    with pytest.raises(UnfingerprintableError, match="__fingerprint__") as caught:
        components(stream())
    assert caught.value.path == "data"
    named, same, other = stream(), stream(), stream()
    named.__fingerprint__ = same.__fingerprint__ = "corpus 1"
    other.__fingerprint__ = "corpus 2"
    assert components(named) == components(same) != components(other)


def test_arrow_tables_count_by_content() -> None:
    table = pa.table({"a": [1, 2, 3], "t": ["x", None, "z"]})
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    encoded = table.set_column(1, "t", table.column("t").dictionary_encode())
    assert components(table) == components(chunked) == components(encoded)
    assert components(table) != components(table.rename_columns(["b", "t"]))
    assert components(pa.array([1, 2])) == components(pa.array([0, 1, 2]).slice(1))
    assert components(pa.array([1, 2])) != components(pa.array([1, 2], pa.int32()))
    assert components(pa.scalar(1)) != components(pa.scalar(2))
    assert components(pa.int64()) != components(pa.int32())


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[("a", 1)], None, [("b", 2), ("c", None)]], pa.map_(pa.string(), pa.int32())),
        pa.array(["a", None, "a longer text that is not inlined"], pa.string_view()),
        pa.array([[1], None, [2, 3]], pa.list_view(pa.int8())),
        pa.array([{"x": "a"}, None, {"x": "b"}], pa.struct([("x", pa.string_view())])),
        pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([1, 2])),
        pa.array([None, None], pa.null()),
        pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)),
        pa.array([1.5, None, 2.5], pa.float16()),
        pa.array([b"ab", None, b"cd"], pa.binary(2)),
    ],
    ids=lambda array: str(array.type)[:20],
)
def test_unusual_arrow_types_are_read_by_value(array: pa.Array) -> None:
    assert components(array) == components(pa.chunked_array([array.slice(0, 1), array.slice(1)]))
    assert components(array) != components(array.slice(1))
    assert components(array) != components(pa.concat_arrays([array, array]))


def test_a_type_that_cannot_be_taken_apart_is_refused() -> None:
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])
    with pytest.raises(UnfingerprintableError, match="cannot be taken apart"):
        components(union)


# Remembered digests

needs_maps = pytest.mark.skipif(not file_digests.MAPS.exists(), reason="the kernel does not tell what is mapped")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the columns whose content was read."""
    from interpretune.analysis.cache.digests import tables

    found: list[str] = []
    digest = tables.column_digests

    def counted(columns: Any, *rest: Any) -> Any:
        found.extend(columns)
        return digest(columns, *rest)

    monkeypatch.setattr(tables, "column_digests", counted)
    return found


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a minute have passed since the files were written."""
    now = time.time
    monkeypatch.setattr(file_digests.time, "time", lambda: now() + 60)


@needs_maps
@pytest.mark.usefixtures("later")
def test_a_mapped_file_is_read_once(dataset: Dataset, tmp_path: Path, reads: list[str]) -> None:
    dataset.save_to_disk(tmp_path / "data")
    mapped = load_from_disk(tmp_path / "data")
    expected = components(mapped)
    reads.clear()
    with remember_in(tmp_path / "digests", min_bytes=0):
        assert components(mapped) == expected
        assert set(reads) == set(FEATURES)
        reads.clear()
        assert components(load_from_disk(tmp_path / "data")) == expected
        assert reads == []
        selected = mapped.select([3, 1, 2])
        assert components(selected) == components(selected.flatten_indices())
        reads.clear()
        components(mapped.select([3, 1, 2]))
        assert reads == []
        assert components(mapped.select([3, 2, 1])) != components(selected)
        components(dataset)
        assert set(reads) == set(FEATURES), "what lies in memory is read each time"
    components(mapped)


@needs_maps
def test_a_fresh_file_is_not_remembered(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save_to_disk(tmp_path / "data")
    with remember_in(tmp_path / "digests", min_bytes=0):
        components(load_from_disk(tmp_path / "data"))
    assert not (tmp_path / "digests").exists()


@needs_maps
@pytest.mark.usefixtures("later")
def test_a_changed_file_is_read_again(dataset: Dataset, tmp_path: Path, reads: list[str]) -> None:
    with remember_in(tmp_path / "digests", min_bytes=0):
        dataset.save_to_disk(tmp_path / "data")
        first = components(load_from_disk(tmp_path / "data"))
        file = next((tmp_path / "data").glob("*.arrow"))
        seen = file.stat()
        content = file.read_bytes()
        with file.open("r+b") as stream:
            stream.seek(content.index(b"row 21"))
            stream.write(b"ROW 21")
        os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        assert components(load_from_disk(tmp_path / "data")) != first, "size and modification time are as before"


@needs_maps
@pytest.mark.usefixtures("later")
def test_a_file_replaced_under_an_open_dataset_is_not_mistaken(dataset: Dataset, tmp_path: Path) -> None:
    with remember_in(tmp_path / "digests", min_bytes=0):
        dataset.save_to_disk(tmp_path / "data")
        opened = load_from_disk(tmp_path / "data")
        first = components(opened)
        changed = dataset.map(lambda row: {"number": row["number"] + 1})
        changed.save_to_disk(tmp_path / "other")
        for file in (tmp_path / "other").glob("*.arrow"):
            os.replace(file, tmp_path / "data" / file.name)
        second = components(load_from_disk(tmp_path / "data"))
        assert second == components(changed) != first
        assert components(opened) == first, "the open dataset still shows the old rows"


@needs_maps
@pytest.mark.usefixtures("later")
def test_damaged_memory_is_not_believed(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save_to_disk(tmp_path / "data")
    mapped = load_from_disk(tmp_path / "data")
    expected = components(mapped)
    with remember_in(tmp_path / "digests", min_bytes=0):
        components(mapped)
        files = sorted((tmp_path / "digests").iterdir())
        assert len(files) == len(FEATURES)
        for file, content in zip(
            files, [b"", b"{", b"[]", b'{"token": 3}', b'{"token": "zz"}', b"\xff"] * 2, strict=False
        ):
            file.write_bytes(content)
        assert components(mapped) == expected


@needs_maps
@pytest.mark.usefixtures("later")
def test_a_directory_that_cannot_be_written_costs_nothing(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save_to_disk(tmp_path / "data")
    (tmp_path / "file").write_text("in the way")
    with remember_in(tmp_path / "file" / "digests", min_bytes=0):
        assert components(load_from_disk(tmp_path / "data")) == components(dataset)


def test_rows_mean_the_same_in_another_process(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save_to_disk(tmp_path / "data")
    program = (
        "import sys, datasets\n"
        "from interpretune.analysis.cache.digests.registry import find_encoder\n"
        "from interpretune.analysis.cache.digests.walk import Walk\n"
        "walk = Walk('data', find_encoder)\n"
        "found = walk.finish(walk.child(datasets.load_from_disk(sys.argv[1]))).components\n"
        "print(sorted(found.items()))\n"
    )
    outputs = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-c", program, str(tmp_path / "data")]
        outputs.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip())
    assert outputs == {str(sorted(components(dataset).items()))}


def test_a_column_counts_by_its_rows_and_format(dataset: Dataset) -> None:
    def column(value: Any) -> Any:
        return value["number"]

    assert components(column(dataset)) == components(column(dataset.select(range(50)).remove_columns("text")))
    changed = dataset.map(lambda row: {"number": row["number"] + 1}, load_from_cache_file=False)
    assert components(column(dataset)) != components(column(changed))
    assert components(column(dataset)) != components(dataset["label"])
    assert components(dataset["nested"]["raw"]) != components(dataset["nested"]["inner"])


def test_a_split_is_its_name() -> None:
    assert components({"split": Split.TEST}) == components({"split": "test"})
