"""Claim: a run is not slower with the cache on, and what it computed a hit in a new process gives back in milliseconds.

First the demo on the model with the 124 million parameters of GPT-2: the first run, the second in a new process, one
weight changed, fewer batches.

Then its analysis in one process, three ways in turn: the steps alone, whose rows go nowhere; without a cache, where
`Dataset.from_generator` stores the rows; and a first run with the cache, the making of its key included. What storing
costs a step is measured by `cold_write.py`: the runs of a real model on two threads differ among themselves by more
than that, so all that is asked for here is that no more than that difference is seen.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import datasets
import torch
from _claims import Claim, best_seconds, report

from interpretune.analysis.cache.demo.analysis import (
    BATCH_SIZE,
    SIZES,
    answer_step,
    build_model,
    declared,
    tokenized,
)
from interpretune.analysis.cache.demo.text import Vocabulary
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.settings import analysisstore_caching

ALONE, OFF, ON = "steps alone", "from_generator", "cache"
#: By what ratio two runs of the same differ on a machine that does other things too.
SAME = 1.1


def show_demo(size: str, sentences: int) -> list[str]:
    with tempfile.TemporaryDirectory() as base:
        words = ["demo", "--size", size, "--sentences", str(sentences), "--base", base]
        command = [sys.executable, "-m", "interpretune.analysis.cache", *words]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    return done.stdout.splitlines()


def measure_first_run(base: Path, size: str, sentences: int, repeat: int) -> dict[str, float]:
    vocabulary = Vocabulary()
    model = build_model(size, len(vocabulary))
    rows = tokenized(vocabulary, sentences)
    features = declared(len(rows[0]["input_ids"]), SIZES[size][1])
    layer = SIZES[size][0] // 2
    step = answer_step(model, layer, vocabulary)
    number = count()

    def loader() -> torch.utils.data.DataLoader:
        return torch.utils.data.DataLoader(rows, batch_size=BATCH_SIZE)

    def generated() -> Iterator[dict[str, Any]]:
        for index, batch in enumerate(loader()):
            yield from step(batch, index)

    def alone() -> None:
        for _ in generated():
            pass

    def without_cache() -> None:
        # Named, as its own hash of the generator would read the model; that is the key of a cache again.
        name = f"run-{next(number)}"
        made = datasets.Dataset.from_generator(
            generated, features=features, cache_dir=str(base / name), fingerprint=name
        )
        assert len(made) == sentences

    def first_run() -> None:
        with analysisstore_caching(base=base / f"run-{next(number)}"):
            made = materialize(step, loader(), features=features, inputs={"model": model, "layer": layer})
        assert len(made) == sentences

    return best_seconds({ALONE: alone, OFF: without_cache, ON: first_run}, repeat)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", default="gpt2", choices=tuple(SIZES))
    options.add_argument("--sentences", type=int, default=160)
    options.add_argument("--repeat", type=int, default=7, help="timed rounds, of which the best counts")
    options.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = options.parse_args()
    datasets.disable_progress_bars()
    table = show_demo(arguments.size, arguments.sentences)
    with tempfile.TemporaryDirectory() as base:
        seconds = measure_first_run(Path(base), arguments.size, arguments.sentences, arguments.repeat)
    print(f"\n{'':20}{'seconds':>10}")
    for way, taken in seconds.items():
        print(f"{way:20}{taken:10.3f}")
    claims = [
        Claim("first run, times as long as its steps alone", seconds[ON] / seconds[ALONE], at_most=SAME),
        Claim("first run, times as long as without a cache", seconds[ON] / seconds[OFF], at_most=SAME),
    ]
    report("end_to_end", {"demo": table, "first run": seconds}, claims, arguments.json)


if __name__ == "__main__":
    main()
