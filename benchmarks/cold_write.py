"""Claim: a first run writes rows several times as fast as `Dataset.from_generator`, and hardly slower than Arrow can.

Rows of 1.6 MB, as tensors, into files on one file system, by

- `from_generator`, as `datasets` does it;
- `pyarrow.ipc`, streaming record batches that are ready in memory: the least that writing such a file costs;
- the shard writer, called as rows come;
- a whole run: rows copied by one thread and encoded, hashed and written by another, with locks, commits of shards and
  manifests, and the opened dataset. Its key is given.

The shard writer brings its file to the disk (fsync), `from_generator` and a plain Arrow stream do not. So all but the
first are timed with and without it, and like is compared with like. That a run copies its rows, as a step may use its
buffers again, costs a run without a disk; it is in the table and has no target.

The second table is of whole runs whose step computes for a while: how much longer one takes when its rows are stored.
The least of several runs, with and without, as what else the machine does costs as much as storing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import datasets
import pyarrow as pa
import torch
from _claims import Claim, report
from datasets import Array3D, Dataset, Features, List, Value

from interpretune.analysis.cache.hasher import Fingerprint
from interpretune.analysis.cache.request import Request, get_or_compute
from interpretune.analysis.cache.rows import RowEncoder
from interpretune.analysis.cache.settings import enable_analysisstore_caching
from interpretune.analysis.cache.writer import ShardWriter

KINDS: dict[str, tuple[object, tuple[int, ...]]] = {
    "Array3D (4, 2, 50257) float32": (Array3D(shape=(None, 2, 50257), dtype="float32"), (4, 2, 50257)),
    "List(List(float32)), 8 x 50257": (List(List(Value("float32"))), (8, 50257)),
}
WRITER, RUN = "shard writer", "whole run"
#: How long the runs of the second table compute: so long that what a run costs once, however many steps it has, counts
#: little (15 to 30 ms, most of it to bring the end of the last shard to the disk).
RUN_SECONDS = 10.0
OVER_FROM_GENERATOR = 4.0
OVER_RAW = 1.6
SLOWER = 0.03


def from_generator(directory: Path, features: Features, rows: list[dict]) -> Path:
    made = Dataset.from_generator(lambda: iter(rows), features=features, cache_dir=str(directory))
    return Path(made.cache_files[0]["filename"])


def raw(directory: Path, schema: pa.Schema, batches: list[pa.RecordBatch]) -> Path:
    path = directory / "raw.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for batch in batches:
            stream.write_batch(batch)
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    return path


def direct(directory: Path, features: Features, rows: list[dict]) -> Path:
    writer = ShardWriter(directory / "direct.arrow", features)
    for row in rows:
        writer.write([row])
    writer.close()
    return writer.path


def whole_run(directory: Path, features: Features, rows: Callable[[], Iterator[dict]], count: int) -> Path:
    made = get_or_compute(Request(lambda start: rows(), features, Fingerprint({"op": "0" * 32}), base=directory))
    assert len(made) == count
    return Path(made.cache_files[0]["filename"])


def timed(write: Callable[[Path], Path], base: Path, *, fsync: bool) -> float:
    """Seconds of one writing, into a directory that is new and gone afterwards."""
    with tempfile.TemporaryDirectory(dir=base) as directory, contextlib.ExitStack() as stack:
        os.sync()
        if not fsync:
            stack.enter_context(mock.patch("os.fsync", return_value=None))
            stack.enter_context(mock.patch("interpretune.analysis.cache.writer._begin_to_sync", return_value=None))
        began = time.perf_counter()
        write(Path(directory))
        return time.perf_counter() - began


def check_equal(base: Path, writes: list[Callable[[Path], Path]]) -> None:
    """All of the files must hold the same features and rows, else their times mean nothing."""
    with tempfile.TemporaryDirectory(dir=base) as directory:
        made = [Dataset.from_file(str(write(Path(directory)))) for write in writes]
        assert all(rows.features == made[0].features for rows in made)
        assert all(rows.data.table.combine_chunks() == made[0].data.table.combine_chunks() for rows in made)


def measure_writing(base: Path, name: str, count: int, repeat: int) -> dict:
    feature, shape = KINDS[name]
    features = Features({"x": feature})
    rows = [{"x": torch.randn(shape)} for _ in range(count)]
    encoder = RowEncoder(features)
    batches = [batch for row in rows for batch in encoder.encode([row]).batches]
    ways: dict[str, Callable[[Path], Path]] = {
        "from_generator": lambda directory: from_generator(directory, features, rows),
        "pyarrow.ipc": lambda directory: raw(directory, encoder.schema, batches),
        WRITER: lambda directory: direct(directory, features, rows),
    }
    check_equal(base, list(ways.values()))
    ways[RUN] = lambda directory: whole_run(directory, features, lambda: iter(rows), len(rows))
    variants = [(way, fsync) for way in ways for fsync in (False, True) if not (way == "from_generator" and fsync)]
    seconds: dict[tuple[str, bool], list[float]] = {variant: [] for variant in variants}
    # Round by round, so that what else the machine does meets all of them; the first round warms it up.
    for index in range(repeat + 1):
        for way, fsync in variants:
            taken = timed(ways[way], base, fsync=fsync)
            if index:
                seconds[way, fsync].append(taken)
    megabytes = count * rows[0]["x"].nbytes / 1e6
    best = [
        {"way": way, "fsync": fsync, "seconds": min(taken), "MB/s": megabytes / min(taken)}
        for (way, fsync), taken in seconds.items()
    ]
    return {"rows": name, "count": count, "megabytes": megabytes, "results": best}


def show_writing(table: dict) -> list[Claim]:
    best = {(result["way"], result["fsync"]): result["seconds"] for result in table["results"]}
    print(f"\n{table['count']} rows of {table['rows']}, {table['megabytes']:.0f} MB")
    print(f"{'':26}{'fsync':>6}{'seconds':>10}{'MB/s':>8}")
    for result in table["results"]:
        fsync = "yes" if result["fsync"] else "no"
        print(f"{result['way']:26}{fsync:>6}{result['seconds']:10.3f}{result['MB/s']:8.0f}")
    claims = []
    for ours, fsync in ((WRITER, False), (WRITER, True), (RUN, True)):
        how = f"{ours}, {'with' if fsync else 'without'} fsync"
        seconds = best[ours, fsync]
        faster, slower = best["from_generator", False] / seconds, seconds / best["pyarrow.ipc", fsync]
        claims += [
            Claim(f"{table['rows']}: times as fast as from_generator, {how}", faster, at_least=OVER_FROM_GENERATOR),
            Claim(f"{table['rows']}: times as long as pyarrow.ipc, {how}", slower, at_most=OVER_RAW),
        ]
    return claims


def computing(shape: tuple[int, ...], seconds: float, count: int) -> Iterator[dict]:
    """Rows of a step that computes on one thread for about so long, and returns the same buffer each time."""
    buffer = torch.zeros(shape)
    # Products that take a fraction of a millisecond, as in the layers of a small model.
    left, right = torch.randn(256, 256), torch.randn(256, 256)
    for index in range(count):
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            torch.mm(left, right)
        yield {"x": buffer.fill_(index)}


def measure_overlap(base: Path, seconds: float, repeat: int) -> dict:
    feature, shape = KINDS["Array3D (4, 2, 50257) float32"]
    features = Features({"x": feature})
    torch.set_num_threads(1)
    count = round(RUN_SECONDS / seconds)
    without, stored = [], []
    for _ in range(repeat):
        began = time.perf_counter()
        for _ in computing(shape, seconds, count):
            pass
        without.append(time.perf_counter() - began)
        rows = partial(computing, shape, seconds, count)
        stored.append(timed(lambda directory, rows=rows: whole_run(directory, features, rows, count), base, fsync=True))
    plain, kept = min(without), min(stored)
    return {"step_ms": seconds * 1e3, "rows": count, "without": plain, "stored": kept, "slower": kept / plain - 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200, help="rows per file")
    parser.add_argument("--repeat", type=int, default=7, help="timed rounds, of which the best counts")
    parser.add_argument("--dir", type=Path, default=None, help="directory on the file system to measure")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = parser.parse_args()
    datasets.disable_progress_bars()
    enable_analysisstore_caching()
    claims = []
    with tempfile.TemporaryDirectory(dir=arguments.dir) as directory:
        base = Path(directory)
        tables = [measure_writing(base, name, arguments.rows, arguments.repeat) for name in KINDS]
        for table in tables:
            claims += show_writing(table)
        steps = [measure_overlap(base, seconds, arguments.repeat) for seconds in (0.005, 0.01, 0.02, 0.05)]
    print(f"\n{'step of, ms':>12}{'rows':>6}{'without, s':>12}{'stored, s':>11}{'slower by':>11}")
    for step in steps:
        print(
            f"{step['step_ms']:12.0f}{step['rows']:6}{step['without']:12.3f}{step['stored']:11.3f}{step['slower']:11.1%}"
        )
        claims.append(Claim(f"a step of {step['step_ms']:.0f} ms, slower by", step["slower"], at_most=SLOWER))
    report("cold_write", {"writing": tables, "overlap": steps}, claims, arguments.json)


if __name__ == "__main__":
    main()
