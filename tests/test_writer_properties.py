"""For generated features and rows, a shard equals what `datasets` makes of them itself, or both refuse them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import datasets
import numpy as np
import pytest
from datasets import Array2D, Array3D, Array4D, ClassLabel, Dataset, Features, LargeList, List, Value
from datasets.exceptions import DatasetGenerationError
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interpretune.analysis.cache import copying
from interpretune.analysis.cache.copying import RowCopier
from interpretune.analysis.cache.errors import RowError
from interpretune.analysis.cache.gathering import Gathered, Gathering
from interpretune.analysis.cache.rows import EncodedRows, RowEncoder
from interpretune.analysis.cache.writer import ShardWriter

try:
    import torch
except ImportError:
    torch = None

EXAMPLES = int(os.environ.get("WRITER_EXAMPLES", "100"))  # more for a long campaign

NUMBERS = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NUMBERS += ["float16", "float32", "float64"]

PLAIN = {
    "string": st.text(max_size=5),
    "large_string": st.text(max_size=5),
    "binary": st.binary(max_size=5),
    "date32": st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    "timestamp[us]": st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    "timestamp[ms, tz=UTC]": st.datetimes(timezones=st.just(timezone.utc)),
    "duration[us]": st.timedeltas(timedelta(-1000), timedelta(1000)),
    "time64[us]": st.times(),
    "decimal128(10, 2)": st.decimals(-1000, 1000, places=2),
}


@pytest.fixture(scope="module", autouse=True)
def _no_progress_bars():
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def equal_or_both_refuse(features: Features, rows: list[dict[str, Any]]) -> str:
    with tempfile.TemporaryDirectory() as directory:
        ours = written(Path(directory) / "shard.arrow", features, rows)
        theirs = generated(directory, features, rows)
        if ours not in ("refused", theirs):
            # Of some rows datasets takes each alone and refuses them together, for what the first one looks like. And
            # Arrow takes halves beside integers for integers, so that their fractions are lost.
            theirs = one_by_one(directory, features, rows)
    assert ours == theirs
    return "refused" if ours == "refused" else "equal"


def widened(value: Any) -> Any:
    """Give a value with single precision in place of half precision."""
    if isinstance(value, dict):
        return {name: widened(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [widened(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype == np.float16:
        return value.astype(np.float32)
    return value.float() if torch is not None and getattr(value, "dtype", None) is torch.float16 else value


def one_by_one(directory: str, features: Features, rows: list[dict[str, Any]]) -> Any:
    for name, several in (("as it is", rows), ("widened", widened(rows))):
        each = [generated(f"{directory}/{position} {name}", features, [row]) for position, row in enumerate(several)]
        if "refused" in each:
            return "refused"
    return features, [content for _, (content,) in each]


def written(path: Path, features: Features, rows: list[dict[str, Any]]) -> Any:
    return finished(ShardWriter(path, features), lambda writer: writer.write(rows), len(rows))


def finished(writer: ShardWriter, write: Callable[[ShardWriter], None], rows: int) -> Any:
    try:
        write(writer)
    except RowError as error:
        writer.abort()
        return "refused" if error.row < rows and error.column else f"badly refused: {error}"
    stats = writer.close()
    assert (stats.rows, stats.bytes) == (rows, writer.path.stat().st_size)
    return content(Dataset.from_file(str(writer.path)))


def generated(directory: str, features: Features, rows: list[dict[str, Any]]) -> Any:
    try:
        made = Dataset.from_generator(lambda: iter(rows), features=features, cache_dir=directory)
    except DatasetGenerationError:
        return "refused"
    try:
        return content(made)
    except ValueError:  # arrays with holes: written, and never read again
        return "refused"


def content(rows: Dataset) -> Any:
    # As text, in which nan equals nan, -0.0 differs from 0.0, and 1 from 1.0 and True.
    rows.data.table.validate(full=True)
    return rows.features, [repr(rows[index]) for index in range(len(rows))]


def numbers(dtype: str) -> st.SearchStrategy:
    """Numbers as people write them, most of which fit the dtype."""
    if dtype == "bool":
        return st.booleans() | st.integers(0, 2)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return st.floats(width=kind.itemsize * 8) | st.integers(-5, 5)
    info = np.iinfo(kind)
    fitting = st.integers(int(info.min), int(info.max))
    return fitting | st.integers(0, 3) | st.booleans() | st.sampled_from([1.0, 1.5, "7"])


def scalars(dtype: str) -> st.SearchStrategy:
    if dtype not in NUMBERS:
        return PLAIN[dtype]
    forms = [numbers(dtype), hnp.arrays(dtype, ()).map(lambda array: array[()]), hnp.arrays(dtype, ())]
    if torch is not None:
        forms.append(hnp.arrays(dtype, ()).map(torch.from_numpy))
    return st.one_of(forms)


@st.composite
def blocks(draw: st.DrawFn, dtype: str, shape: tuple[int, ...]) -> Any:
    """Arrays and tensors in all the ways they may lie in memory; at times of another dtype than declared."""
    dtype = draw(st.just(dtype) | st.sampled_from(NUMBERS))
    array = draw(hnp.arrays(dtype, shape))
    form = draw(
        st.sampled_from(["plain", "transposed", "reversed", "strided", "frozen", "swapped", "tensor", "bfloat16"])
    )
    if form == "transposed":
        array = np.asfortranarray(array)
    elif form == "reversed":
        array = array[::-1]
    elif form == "strided":
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    elif form == "frozen":
        array.flags.writeable = False
    elif form == "swapped":
        array = array.astype(array.dtype.newbyteorder())
    elif torch is not None and form == "tensor":
        return torch.from_numpy(array).requires_grad_(dtype in ("float16", "float32", "float64"))
    elif torch is not None and form == "bfloat16":
        return torch.from_numpy(array).to(torch.bfloat16)
    return array


@st.composite
def nested(draw: st.DrawFn, dtype: str, lengths: tuple[int, ...], *, ragged: bool) -> Any:
    """Values for as many levels of lists as there are lengths, turning into an array at some depth or never."""
    if not lengths:
        return draw(scalars(dtype))
    if dtype in NUMBERS and draw(st.booleans()):
        return draw(blocks(dtype, lengths))
    count = draw(st.integers(0, 3)) if ragged else lengths[0]
    inner = nested(dtype, lengths[1:], ragged=ragged)
    return [draw(inner | st.none() if ragged else inner) for _ in range(count)]


sizes = st.integers(0, 3)


@st.composite
def columns(draw: st.DrawFn, depth: int = 2) -> tuple[Any, st.SearchStrategy]:
    """A feature, and values for it."""
    kind = draw(st.sampled_from(["value", "list", "list", "array", "array", "dict", "list of dict", "label"]))
    dtype = draw(st.sampled_from(NUMBERS + sorted(PLAIN)))
    if kind == "value":
        return Value(dtype), scalars(dtype)
    if kind == "list":
        lengths = tuple(draw(st.lists(sizes, min_size=1, max_size=3)))
        feature: Any = Value(dtype)
        for length in reversed(lengths):
            fixed = length if length and draw(st.integers(0, 3)) == 0 else -1
            feature = LargeList(feature) if draw(st.integers(0, 3)) == 0 else List(feature, length=fixed)
        return feature, nested(dtype, lengths, ragged=True) | nested(dtype, lengths, ragged=False)
    if kind == "array":
        dtype = draw(st.sampled_from(NUMBERS))
        array = draw(st.sampled_from([Array2D, Array3D, Array4D]))
        shape = tuple(draw(st.integers(1, 3)) for _ in range({Array2D: 2, Array3D: 3, Array4D: 4}[array]))
        if draw(st.booleans()):
            return array((None, *shape[1:]), dtype), sizes.flatmap(
                lambda first: nested(dtype, (first, *shape[1:]), ragged=False)
            )
        return array(shape, dtype), nested(dtype, shape, ragged=False)
    if kind == "label":
        return ClassLabel(names=["no", "yes"]), st.sampled_from([0, 1, -1, "yes", "no", "1", 2, "perhaps"])
    if depth == 0:
        return Value("int64"), scalars("int64")
    fields = {name: draw(columns(depth=depth - 1)) for name in draw(st.sampled_from(["a", "ab"]))}
    feature = {name: feature for name, (feature, _) in fields.items()}
    values = st.fixed_dictionaries({}, optional={name: value | st.none() for name, (_, value) in fields.items()})
    if kind == "dict":
        return feature, values
    return List(feature), st.lists(values | st.none(), max_size=2)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Features, list[dict[str, Any]]]:
    drawn = {name: draw(columns()) for name in draw(st.sampled_from(["x", "xy"]))}
    features = Features({name: feature for name, (feature, _) in drawn.items()})
    row = st.fixed_dictionaries({name: values | st.none() for name, (_, values) in drawn.items()})
    return features, draw(st.lists(row, min_size=1, max_size=3))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
def test_a_shard_equals_from_generator_or_both_refuse(table):
    event(equal_or_both_refuse(*table))


HALF = np.array([0.5], "float16")


@pytest.mark.parametrize("rows", [[np.array([16777217], "int32"), HALF], [[16777217], HALF], [[HALF[0], 3], [0.5]]])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("turn", [1, -1])
def test_halves_beside_integers_keep_their_fractions_and_make_nothing_fit(rows, dtype, turn):
    rows = [{"x": row} for row in rows[::turn]]
    equal_or_both_refuse(Features({"x": List(Value(dtype))}), rows)


INTEGERS = ("int8", "int32", "int64", "uint64")
WHOLE = [[3], [70_000], [2**24 + 1], [True], np.array([True])]
WHOLE += [np.array([n], d) for d in INTEGERS for n in (3, 70_000, 2**24 + 1) if n <= np.iinfo(d).max]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("other", [*WHOLE, np.array([1e300]), [0.5]])
@pytest.mark.parametrize("fraction", [HALF, HALF.astype("float32")])
@pytest.mark.parametrize("turn", [1, -1])
def test_numbers_of_two_kinds_in_one_list_are_as_datasets_makes_them_or_keep_their_halves(dtype, other, fraction, turn):
    equal_or_both_refuse(Features({"x": List(List(Value(dtype)))}), [{"x": [fraction, other][::turn]}])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("array", "outcome"),
    [
        ([[HALF[0]]], "equal"),
        (HALF.reshape(1, 1), "equal"),
        ([[HALF[0]], [np.int32(3)]], "refused"),
        ([HALF, np.array([3])], "refused"),
    ],
)
def test_halves_in_arrays_are_as_datasets_makes_them(array, outcome, dtype):
    feature = Array2D(shape=(None, 1), dtype=dtype)
    features = Features({"x": feature, "y": {"a": feature, "b": List(Value(dtype))}})
    rows = [{"x": array, "y": {"a": array, "b": [HALF[0], HALF[0]]}}] * 2
    assert equal_or_both_refuse(features, rows) == outcome


def overwrite(value: Any) -> None:
    """Do what a step does that uses its buffers again."""
    if isinstance(value, dict):
        for item in value.values():
            overwrite(item)
    elif isinstance(value, list):
        for item in value:
            overwrite(item)
    elif isinstance(value, np.ndarray) and value.flags.writeable:
        value[...] = 1 if value.dtype.kind == "b" else 77
    elif torch is not None and isinstance(value, torch.Tensor):
        value.detach().fill_(77)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
def test_rows_that_come_one_by_one_in_buffers_used_again_are_the_same(table):
    features, rows = table
    with tempfile.TemporaryDirectory() as directory:
        together = written(Path(directory) / "together.arrow", features, rows)

        def write(writer: ShardWriter) -> None:
            encoder = RowEncoder(features)
            for position, row in enumerate(rows):
                if position % 2:
                    writer.write([row])
                else:
                    writer.write_encoded(encoder.encode([row], first_row=position))
                overwrite(row)

        apart = finished(ShardWriter(Path(directory) / "apart.arrow", features), write, len(rows))
    if "refused" not in (together, apart):
        assert apart == together


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(), st.integers(1, 10_000), st.booleans(), st.booleans())
def test_rows_that_wait_for_each_other_are_what_each_is_alone(table, max_bytes, generated_by_step, made_ready):
    features, rows = table
    # Small arrays are copied as large ones are.
    as_large = mock.patch.multiple(copying, SMALL_BYTES=1, READY_BYTES=1000)
    with tempfile.TemporaryDirectory() as directory, as_large:

        def write_alone(writer: ShardWriter) -> None:
            for row in rows:
                writer.write([row])

        def write_gathered(writer: ShardWriter) -> None:
            given: list[Gathered] = []
            encoded: list[EncodedRows] = []
            encoder = RowEncoder(features)
            copier = RowCopier(encoder.memory)
            gathering = Gathering(encoder, copier, given.append, first_row=0, max_bytes=max_bytes)
            try:
                for row in rows:
                    copied = copier.copy(row) if made_ready else None
                    for _ in range(2 if copied else 0):
                        copier.make_ready(copied[0])
                    gathering.add(iter([row]) if generated_by_step else [row])
                    overwrite(row)
                gathering.flush()
            finally:
                # As the thread of a run does it: encoded later than the step has overwritten its rows.
                for gathered in given:
                    for each, _ in gathered.encoded(encoder):
                        writer.write_encoded(each)
                        encoded.append(each)
            assert [count for each in encoded for count in each.batch_rows] == [1] * len(rows)

        alone = finished(ShardWriter(Path(directory) / "alone.arrow", features), write_alone, len(rows))
        gathered = finished(ShardWriter(Path(directory) / "gathered.arrow", features), write_gathered, len(rows))
    assert gathered == alone
