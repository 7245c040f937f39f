"""The shard writer: what it writes, plain `datasets` reads; what does not fit, it names."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest
import xxhash
from datasets import (
    Array2D,
    Array3D,
    ClassLabel,
    Dataset,
    Features,
    Image,
    LargeList,
    List,
    Sequence,
    Translation,
    TranslationVariableLanguages,
    Value,
)

from interpretune.analysis.cache.errors import RowError
from interpretune.analysis.cache.rows import RowEncoder
from interpretune.analysis.cache.writer import ShardStats, ShardWriter

FEATURES = Features(
    {
        "logits": Array3D(shape=(None, 2, 5), dtype="float32"),
        "tokens": Array2D(shape=(None, 3), dtype="int64"),
        "prompts": List(Value("string")),
        "attribution": List(List(Value("float32"))),
        "loss": Value("float64"),
    }
)


def make_row(index: int, batch: int = 4) -> dict:
    random = np.random.default_rng(index)
    return {
        "logits": random.standard_normal((batch, 2, 5), dtype=np.float32),
        "tokens": random.integers(0, 100, (batch, 3)),
        "prompts": [f"prompt {index}.{i}" for i in range(batch)],
        "attribution": [random.standard_normal(i, dtype=np.float32) for i in range(batch)],
        "loss": float(random.standard_normal()),
    }


def write(path: Path, features: Features, *calls: list[dict]) -> ShardStats:
    writer = ShardWriter(path, features)
    try:
        for rows in calls:
            writer.write(rows)
        return writer.close()
    except BaseException:
        writer.abort()
        raise


def reference(tmp_path: Path, features: Features, rows: list[dict]) -> Dataset:
    return Dataset.from_generator(lambda: iter(rows), features=features, cache_dir=str(tmp_path / "hf"))


def test_a_shard_equals_what_from_generator_writes(tmp_path):
    rows = [make_row(index, batch=1 + index % 3) for index in range(20)]
    stats = write(tmp_path / "shard.arrow", FEATURES, rows[:1], rows[1:2], rows[2:])
    ours, theirs = Dataset.from_file(str(tmp_path / "shard.arrow")), reference(tmp_path, FEATURES, rows)
    assert ours.features == theirs.features == FEATURES
    assert ours.data.table.combine_chunks() == theirs.data.table.combine_chunks()
    assert ours[:] == theirs[:]
    assert stats.rows == 20


def test_a_process_without_this_library_reads_a_shard(tmp_path):
    write(tmp_path / "shard.arrow", FEATURES, [make_row(0)])
    code = (
        "import sys; from datasets import Dataset; rows = Dataset.from_file(sys.argv[1]);"
        "assert not any(name.split('.')[0] == 'interpretune' for name in sys.modules);"
        "print(rows.features['logits'].shape, rows[0]['prompts'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-c", code, str(tmp_path / "shard.arrow")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "(None, 2, 5) ['prompt 0.0', 'prompt 0.1', 'prompt 0.2', 'prompt 0.3']"


def test_a_shard_without_rows_has_the_features(tmp_path):
    stats = write(tmp_path / "shard.arrow", FEATURES)
    rows = Dataset.from_file(str(tmp_path / "shard.arrow"))
    assert (len(rows), stats.rows, rows.features) == (0, 0, FEATURES)


def test_a_call_without_rows_writes_none(tmp_path):
    assert write(tmp_path / "shard.arrow", FEATURES, [], [make_row(0)], []).rows == 1


def test_the_statistics_are_those_of_the_file(tmp_path):
    path = tmp_path / "shard.arrow"
    large = make_row(0) | {"logits": np.ones((40_000, 2, 5), dtype=np.float32)}
    stats = write(path, FEATURES, [make_row(1), large], [make_row(2)])
    content = path.read_bytes()
    assert stats == ShardStats(3, len(content), xxhash.xxh3_128(content).hexdigest())


def test_rows_and_bytes_grow_while_writing(tmp_path):
    writer = ShardWriter(tmp_path / "shard.arrow", FEATURES)
    seen = [(writer.rows, writer.bytes)]
    for index in range(3):
        writer.write([make_row(index, batch=10)])
        seen.append((writer.rows, writer.bytes))
    assert [rows for rows, _ in seen] == [0, 1, 2, 3]
    assert sorted({size for _, size in seen}) == [size for _, size in seen]
    assert writer.close().bytes >= seen[-1][1]


def test_small_rows_share_record_batches_and_large_ones_do_not_wait(tmp_path):
    features = Features({"x": List(Value("float32"))})
    small = [[{"x": np.full(3, index, dtype=np.float32)}] for index in range(2500)]
    write(tmp_path / "small.arrow", features, *small)
    with pa.memory_map(str(tmp_path / "small.arrow")) as source:
        assert [batch.num_rows for batch in pa.ipc.open_stream(source)] == [1000, 1000, 500]
    assert Dataset.from_file(str(tmp_path / "small.arrow"))[2499] == {"x": [2499.0] * 3}

    writer = ShardWriter(tmp_path / "large.arrow", features)
    writer.write([{"x": np.zeros(2**20, dtype=np.float32)}])
    assert (tmp_path / "large.arrow").stat().st_size > 2**22
    writer.abort()


def test_small_and_large_rows_stay_in_order(tmp_path):
    features = Features({"x": List(Value("int64"))})
    sizes = [1, 2, 300_000, 3, 4, 200_000, 5]
    write(tmp_path / "shard.arrow", features, *[[{"x": np.arange(size)}] for size in sizes])
    rows = Dataset.from_file(str(tmp_path / "shard.arrow"))
    assert [len(value) for value in rows.data.table.column("x")] == sizes


@pytest.mark.parametrize("size", [3, 300_000])
def test_a_step_may_use_its_buffer_again(tmp_path, size):
    features = Features({"x": List(Value("float32")), "deep": {"y": List(List(Value("int64")))}})
    buffer, deep = np.zeros(size, dtype=np.float32), np.zeros((1, 2), dtype=np.int64)
    writer = ShardWriter(tmp_path / "shard.arrow", features)
    for index in range(4):
        buffer[:], deep[:] = index, index
        writer.write([{"x": buffer, "deep": {"y": [deep[0]]}}])
    writer.close()
    rows = Dataset.from_file(str(tmp_path / "shard.arrow"))
    assert [row["x"][0] for row in rows] == [0, 1, 2, 3]
    assert [row["deep"]["y"] for row in rows] == [[[index] * 2] for index in range(4)]


def test_encoded_rows_hold_memory_of_their_own():
    rows = [make_row(0)]
    encoded = RowEncoder(FEATURES).encode(rows)
    before = encoded.batches[0].to_pydict()
    rows[0]["logits"][:] = 0
    rows[0]["attribution"][3][:] = 0
    assert encoded.batches[0].to_pydict() == before
    assert (encoded.rows, encoded.nbytes) == (1, encoded.batches[0].nbytes)


def test_encoded_rows_are_written_like_rows(tmp_path):
    rows = [make_row(index) for index in range(5)]
    write(tmp_path / "rows.arrow", FEATURES, rows)
    encoder = RowEncoder(FEATURES)
    writer = ShardWriter(tmp_path / "encoded.arrow", FEATURES)
    for row in rows:
        writer.write_encoded(encoder.encode([row]))
    writer.close()
    assert (tmp_path / "rows.arrow").read_bytes() == (tmp_path / "encoded.arrow").read_bytes()


def test_many_large_rows_of_one_call_become_several_record_batches():
    features = Features({"x": List(Value("uint8"))})
    block = np.zeros(40 * 2**20, dtype=np.uint8)
    encoded = RowEncoder(features).encode([{"x": block}] * 3, own=False)
    assert [batch.num_rows for batch in encoded.batches] == [1, 1, 1]


def test_an_existing_file_is_not_overwritten(tmp_path):
    (tmp_path / "shard.arrow").write_text("mine")
    with pytest.raises(FileExistsError):
        ShardWriter(tmp_path / "shard.arrow", FEATURES)
    assert (tmp_path / "shard.arrow").read_text() == "mine"


def test_the_file_honours_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "shard.arrow", FEATURES)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "shard.arrow").stat().st_mode) == 0o640


def test_abort_removes_the_file_and_can_be_repeated(tmp_path):
    writer = ShardWriter(tmp_path / "shard.arrow", FEATURES)
    writer.write([make_row(0)])
    writer.abort()
    writer.abort()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="closed"):
        writer.write([make_row(0)])


def test_abort_without_a_file_does_not_raise(tmp_path):
    writer = ShardWriter(tmp_path / "shard.arrow", FEATURES)
    (tmp_path / "shard.arrow").unlink()
    writer.abort()


def test_a_closed_shard_is_final(tmp_path):
    writer = ShardWriter(tmp_path / "shard.arrow", FEATURES)
    writer.close()
    for call in (writer.close, lambda: writer.write([make_row(0)])):
        with pytest.raises(ValueError, match="closed"):
            call()
    writer.abort()
    assert (tmp_path / "shard.arrow").exists()


def test_features_without_columns_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no column"):
        ShardWriter(tmp_path / "shard.arrow", Features({}))
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_file_system_reaches_the_caller(tmp_path):
    code = f"""
import resource, sys
from pathlib import Path
import numpy as np
from datasets import Features, List, Value
from interpretune.analysis.cache.writer import ShardWriter
path = Path({str(tmp_path / "shard.arrow")!r})
writer = ShardWriter(path, Features({{"x": List(Value("float32"))}}))
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    writer.write([{{"x": np.zeros(2**20, dtype=np.float32)}}])
except OSError as error:
    print(error.errno)
writer.abort()
print(path.exists())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["27", "False"]  # EFBIG
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 2**20


WRONG = {
    "missing column": (lambda row: row.pop("loss"), "loss", "Value('float64')", "no such column"),
    "extra column": (lambda row: row.update(gain=1.0), "gain", "only the declared columns", "beyond"),
    "shape": (lambda row: row.update(tokens=np.zeros((4, 2), int)), "tokens", "Array2D", "shape (4, 2)"),
    "transposed": (lambda row: row.update(tokens=np.zeros((3, 4), int)), "tokens", "Array2D", "shape (3, 4)"),
    "shape of lists": (lambda row: row.update(tokens=[[1, 2]]), "tokens", "Array2D", "list of length 1"),
    "ragged array": (lambda row: row.update(tokens=[[1, 2, 3], [1]]), "tokens", "Array2D", "list of length 2"),
    "hole in an array": (lambda row: row.update(tokens=[[1, 2, None]]), "tokens", "Array2D", "None"),
    "dimensions": (lambda row: row.update(attribution=np.zeros(3)), "attribution", "List(List(", "shape (3,)"),
    "type": (lambda row: row.update(loss="high"), "loss", "Value('float64')", "str 'high'"),
    "list for a value": (lambda row: row.update(loss=[1.0, 2.0]), "loss", "Value('float64')", "list of length 2"),
    "value for a list": (lambda row: row.update(prompts=3), "prompts", "List(Value('string'))", "int 3"),
    "complex": (lambda row: row.update(attribution=np.zeros((1, 1), complex)), "attribution", "List", "complex128"),
    "an object": (lambda row: row.update(loss=object()), "loss", "Value('float64')", "object"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_row_is_named_and_what_was_written_stays(tmp_path, kind):
    change, column, expected, got = WRONG[kind]
    wrong = make_row(12)
    change(wrong)
    writer = ShardWriter(tmp_path / "shard.arrow", FEATURES, first_row=10)
    writer.write([make_row(10)])
    with pytest.raises(RowError) as caught:
        writer.write([make_row(11), wrong, make_row(13)])
    assert (caught.value.row, caught.value.column) == (12, column)
    assert expected in caught.value.expected
    assert got in caught.value.got
    assert writer.rows == 1
    writer.write([make_row(11)])
    writer.close()
    assert len(Dataset.from_file(str(tmp_path / "shard.arrow"))) == 2


def test_a_row_that_is_no_mapping_is_named(tmp_path):
    with pytest.raises(RowError, match=r"row 1: expected a mapping .* got list of length 2") as caught:
        write(tmp_path / "shard.arrow", FEATURES, [make_row(0), [1, 2]])
    assert (caught.value.row, caught.value.column) == (1, "")


def test_rows_that_fit_alone_but_not_together_are_refused(tmp_path):
    features = Features({"x": List(Value("int64"))})
    rows = [{"x": [True]}, {"x": [2]}]
    write(tmp_path / "first.arrow", features, rows[:1])
    write(tmp_path / "second.arrow", features, rows[1:])
    with pytest.raises(RowError) as caught:
        write(tmp_path / "shard.arrow", features, rows)
    assert (caught.value.row, caught.value.column) == (1, "x")


def test_the_first_of_many_rows_that_do_not_fit_together_is_named(tmp_path):
    features = Features({"x": List(Value("int64"))})
    rows = [{"x": [True]}] * 700 + [{"x": [2]}] * 300
    with pytest.raises(RowError) as caught:
        write(tmp_path / "shard.arrow", features, rows)
    assert (caught.value.row, caught.value.column) == (700, "x")


def test_a_large_list_takes_what_a_list_takes(tmp_path):
    features = Features({"x": LargeList(LargeList(Value("float32")))})
    rows = [{"x": np.eye(3, dtype=np.float32)}, {"x": [np.ones(2, dtype=np.float32), np.ones(0, dtype=np.float32)]}]
    write(tmp_path / "shard.arrow", features, rows)
    ours = Dataset.from_file(str(tmp_path / "shard.arrow"))
    assert ours.features == features
    assert ours[:] == reference(tmp_path, features, rows)[:]


OTHERS: dict[str, tuple[object, list]] = {
    "class label": (ClassLabel(names=["no", "yes"]), ["yes", 0, "1", None, -1]),
    "translation": (Translation(languages=["de", "en"]), [{"de": "ja", "en": "yes"}, None]),
    "languages": (TranslationVariableLanguages(languages=["de", "en"]), [{"en": ["yes", "yea"], "de": "ja"}]),
    "null": (Value("null"), [None, None]),
    "list as it was written once": ([Value("int32")], [[1, 2], [], None, (3,)]),
    "sequence of dictionaries": (
        Sequence({"a": Value("int64"), "b": Value("string")}),
        [{"a": [1, 2], "b": ["x", "y"]}],
    ),
    "list of dictionaries": (List({"a": Value("int64")}), [[{"a": 1}, None, {}], []]),
    "list of arrays": (
        List(Array2D(shape=(1, 2), dtype="int8")),
        [[[[1, 2]], [[3, 4]]], [], None],
    ),
    "array of lists": (Array2D(shape=(None, 2), dtype="float32"), [[[1, 2.5]], [], [np.ones(2)], None]),
    "fixed length": (List(Value("float32"), length=2), [np.ones(2, np.float32), None, [1, 2]]),
    "fixed length inside": (List(List(Value("int64"), length=2)), [np.ones((3, 2), int), [], np.ones((1, 2), int)]),
    "nested dictionaries": ({"a": {"b": List(Value("int64")), "c": Value("string")}}, [{"a": {"b": np.arange(3)}}, {}]),
    "numpy times": (List(Value("timestamp[ns]")), [np.array(["2024-01-01T00:00:00"], "datetime64[ns]"), None]),
    "time": (Value("timestamp[ns]"), [datetime(2024, 1, 1), None]),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_every_kind_of_feature_is_stored_as_datasets_stores_it(tmp_path, kind):
    feature, values = OTHERS[kind]
    features = Features({"x": feature})
    rows = [{"x": value} for value in values]
    write(tmp_path / "shard.arrow", features, rows)
    ours, theirs = Dataset.from_file(str(tmp_path / "shard.arrow")), reference(tmp_path, features, rows)
    assert ours.features == theirs.features
    assert ours.data.table.combine_chunks() == theirs.data.table.combine_chunks()


def test_images_are_stored_as_datasets_stores_them(tmp_path):
    PIL = pytest.importorskip("PIL.Image")
    features = Features({"x": Image(decode=False), "y": List(Image(decode=False))})
    image = PIL.fromarray(np.zeros((2, 3), np.uint8))
    rows = [{"x": image, "y": [image]}, {"x": np.ones((2, 2), np.uint8), "y": None}, {"x": "a.png", "y": []}]
    write(tmp_path / "shard.arrow", features, rows)
    assert Dataset.from_file(str(tmp_path / "shard.arrow"))[:] == reference(tmp_path, features, rows)[:]


def test_json_is_stored_as_datasets_stores_it(tmp_path):
    Json = getattr(datasets, "Json", None)
    if Json is None:
        pytest.skip("this version of datasets has no Json feature")
    features = Features({"x": Json(), "y": List(Json())})
    rows = [{"x": {"a": [1, None]}, "y": [{"b": 1}, 2, "text"]}, {"x": None, "y": []}]
    write(tmp_path / "shard.arrow", features, rows)
    assert Dataset.from_file(str(tmp_path / "shard.arrow"))[:] == reference(tmp_path, features, rows)[:]
