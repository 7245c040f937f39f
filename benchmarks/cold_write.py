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

The second table is of whole runs whose step computes for a while: how much longer one takes when its rows are stored
than the step takes alone, whose rows go nowhere. The least of several runs, with and without, as what else the machine
does costs as much as storing. Beside it stand what writing as many rows takes by itself, on this disk, and the same
run as it is without a cache, where `from_generator` stores the rows between the steps; once each.
Storing holds a step up by what copying 1.6 MB takes, at the memory's speed, and some switching of threads. Of a step
that is hardly longer than the writing that is more than 3 %. A run whose rows take longer to be written than to be
computed waits for the disk: it is in the table to show it, and has no target against the step alone.
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
#: Milliseconds that a step computes.
STEPS = (3, 5, 10, 20, 50)
OVER_FROM_GENERATOR = 4.0
OVER_RAW = 1.6
SLOWER = 0.03


def from_generator(directory: Path, features: Features, rows: Callable[[], Iterator[dict]]) -> Path:
    made = Dataset.from_generator(rows, features=features, cache_dir=str(directory))
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
        "from_generator": lambda directory: from_generator(directory, features, lambda: iter(rows)),
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


def measure_overlap(base: Path, milliseconds: float, repeat: int) -> dict:
    feature, shape = KINDS["Array3D (4, 2, 50257) float32"]
    features = Features({"x": feature})
    torch.set_num_threads(1)
    count = round(RUN_SECONDS / milliseconds * 1e3)
    rows = partial(computing, shape, milliseconds / 1e3, count)
    no_steps = partial(computing, shape, 0.0, count)
    writing = timed(lambda directory: whole_run(directory, features, no_steps, count), base, fsync=True)
    off = timed(lambda directory: from_generator(directory, features, rows), base, fsync=True)
    alone, stored = [], []
    for _ in range(repeat):
        began = time.perf_counter()
        for _ in rows():
            pass
        alone.append(time.perf_counter() - began)
        stored.append(timed(lambda directory: whole_run(directory, features, rows, count), base, fsync=True))
    return {
        "step_ms": milliseconds,
        "rows": count,
        "writing_ms": writing / count * 1e3,
        "alone": min(alone),
        "stored": min(stored),
        "cache_off": off,
        "slower": min(stored) / min(alone) - 1,
        "over_cache_off": min(stored) / off,
    }


def show_overlap(table: list[dict]) -> list[Claim]:
    titles = ("step, ms", "writing, ms", "rows", "alone, s", "stored, s", "slower by", "cache off, s")
    print("\n" + "".join(f"{title:>13}" for title in titles))
    claims = []
    for run in table:
        print(
            f"{run['step_ms']:13.0f}{run['writing_ms']:13.2f}{run['rows']:13}{run['alone']:13.3f}{run['stored']:13.3f}"
            f"{run['slower']:13.1%}{run['cache_off']:13.3f}"
        )
        step = f"a step of {run['step_ms']:.0f} ms"
        if run["step_ms"] > run["writing_ms"]:
            claims.append(Claim(f"{step}, slower than alone by", run["slower"], at_most=SLOWER))
        claims.append(Claim(f"{step}, times as long as without a cache", run["over_cache_off"], at_most=1.0))
    return claims


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
        overlap = [measure_overlap(base, milliseconds, arguments.repeat) for milliseconds in STEPS]
    claims += show_overlap(overlap)
    report("cold_write", {"writing": tables, "overlap": overlap}, claims, arguments.json)


if __name__ == "__main__":
    main()
