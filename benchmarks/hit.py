"""Claim: a hit costs milliseconds, whatever the size of the entry: one manifest read and the mapping of its shards.

Entries of 640 MB and of 6.4 MB with as many shards are opened through `AnalysisCache.open`, and one Arrow file of
640 MB through `Dataset.from_file`: in turn, all in one process, from a warm page cache. The best of many rounds counts.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _claims import Claim, best_seconds, report
from datasets import Array2D, Dataset, Features

from interpretune.analysis.cache.commit import Plan
from interpretune.analysis.cache.store import AnalysisCache, Location
from interpretune.analysis.cache.writer import ShardWriter

SHARDS = 10
TARGET_OVER_FROM_FILE = 2.5
TARGET_OVER_SMALL = 1.2


def features(width: int) -> Features:
    return Features({"x": Array2D(shape=(None, width), dtype="float32")})


def store(cache: AnalysisCache, key: str, megabytes: float) -> Location:
    """Store an entry of so many MB in `SHARDS` shards of equal size."""
    width = 1000
    each = int(megabytes * 1e6 / SHARDS / 4 / width)
    row = {"x": np.random.default_rng(0).standard_normal((each, width), dtype="float32")}
    location = Location("bench", key[:8], "Model", "op")
    with cache.writing(location, Plan(key, 1, features(width), shard_bytes=2**40)) as writer:
        for _ in range(SHARDS):
            writer.append([row])
            writer.commit()
        writer.complete()
    return location


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repeat", type=int, default=200)
    options.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        cache = AnalysisCache(directory)
        large, small = "a" * 32, "b" * 32
        places = {large: store(cache, large, 640), small: store(cache, small, 6.4)}
        file = Path(directory) / "one.arrow"
        writer = ShardWriter(file, features(1000))
        for _ in range(SHARDS):
            writer.write([{"x": np.zeros((16_000, 1000), dtype="float32")}])
        writer.close()
        ways: dict[str, Callable[[], object]] = {
            "Dataset.from_file, 640 MB": lambda: Dataset.from_file(str(file)),
            "hit, 640 MB in 10 shards": lambda: cache.open(large, places[large]),
            "hit, 6.4 MB in 10 shards": lambda: cache.open(small, places[small]),
        }
        seconds = best_seconds(ways, arguments.repeat)
    print(f"{'':28}{'ms, best':>12}")
    for name, best in seconds.items():
        print(f"{name:28}{best * 1e3:12.2f}")
    from_file, hit, small_hit = seconds.values()
    claims = [
        Claim("hit of 640 MB over Dataset.from_file of as much", hit / from_file, at_most=TARGET_OVER_FROM_FILE),
        Claim("hit of 640 MB over hit of 6.4 MB", hit / small_hit, at_most=TARGET_OVER_SMALL),
    ]
    report("hit", {"seconds": seconds}, claims, arguments.json)


if __name__ == "__main__":
    main()
