"""Claim: finding one entry costs the same among 10,000 as among ten; listing 10,000 takes less than two seconds.

Entries are copies of one real entry under keys of their own. Found are keys drawn at random; ``it-cache ls`` is timed
as a whole process.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from _claims import Claim, report
from datasets import Features, Value

from interpretune.analysis.cache.commit import Plan
from interpretune.analysis.cache.manifest import MANIFEST_NAME
from interpretune.analysis.cache.store import AnalysisCache, Location

HELP, FIND, LIST, LS = "it-cache --help, s", "find one of {:,}, ms", "list {:,}, s", "it-cache ls of {:,}, s"


def fill(base: Path, count: int) -> tuple[AnalysisCache, list[tuple[str, Location]]]:
    """Fill a base with so many entries, spread over ten data sets and ten models."""
    cache = AnalysisCache(base)
    drawn = random.Random(0)
    places = []
    template = None
    for index in range(count):
        key = f"{drawn.getrandbits(128):032x}"
        location = Location(f"config{index % 10}", f"{index % 100 // 10:032x}", f"Model{index % 10}", "op")
        places.append((key, location))
        if template is None:
            with cache.writing(location, Plan(key, 1, Features({"x": Value("int64")}))) as writer:
                writer.append([{"x": 1}])
                writer.complete()
            template = cache.find(key, location)
            assert template is not None
            continue
        path = base / location.directory(key)
        shutil.copytree(template.path, path)
        (path / MANIFEST_NAME).write_bytes(replace(template.manifest, key=key).to_bytes())
    return cache, places


def find_ms(cache: AnalysisCache, places: list[tuple[str, Location]], repeat: int) -> float:
    taken = []
    for key, location in random.Random(1).choices(places, k=repeat):
        began = time.perf_counter()
        assert cache.find(key, location) is not None
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def list_seconds(cache: AnalysisCache, count: int, repeat: int = 3) -> float:
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        assert sum(1 for _ in cache.entries()) == count
        taken.append(time.perf_counter() - began)
    return min(taken)


def process_seconds(*words: str, repeat: int = 5) -> float:
    code = "from interpretune_analysis_cache.command import main; main()"
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, *words], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = options.parse_args()
    figures: dict[str, float] = {HELP: process_seconds("--help")}
    for count in (10, 1_000, 10_000):
        with tempfile.TemporaryDirectory() as directory:
            cache, places = fill(Path(directory), count)
            find_ms(cache, places, 100)
            figures[FIND.format(count)] = find_ms(cache, places, 1_000)
            figures[LIST.format(count)] = list_seconds(cache, count)
            figures[LS.format(count)] = process_seconds("ls", "-q", "--base", directory, repeat=3)
    for name, figure in figures.items():
        print(f"{name:32}{figure:10.3f}")
    claims = [
        Claim(
            "finding one of 10,000 over one of 10", figures[FIND.format(10_000)] / figures[FIND.format(10)], at_most=1.5
        ),
        Claim("listing 10,000, s", figures[LIST.format(10_000)], at_most=2.0),
        Claim("it-cache ls of 10,000, s", figures[LS.format(10_000)], at_most=2.0),
        Claim("it-cache ls of 1,000, s", figures[LS.format(1_000)], at_most=0.7),
        Claim("it-cache --help, s", figures[HELP], at_most=0.35),
    ]
    report("entries", figures, claims, arguments.json)


if __name__ == "__main__":
    main()
