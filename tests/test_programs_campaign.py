"""A short form of `tests/soak/programs.py`, which makes 3,000 programs, and each way that it knows once."""

from __future__ import annotations

import os
import random
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parent / "soak" / "programs.py"


@pytest.fixture(scope="module")
def programs() -> dict:
    return runpy.run_path(str(SOAK))


@pytest.mark.parametrize("torch", [False, True], ids=["plain", "torch"])
def test_each_way_to_reach_a_number_is_followed(programs: dict, torch: bool) -> None:
    if torch:
        pytest.importorskip("torch")
    ways = programs["each_way"](torch=torch)
    run = programs["campaign"](ways, random.Random(1))
    assert (run.stale, run.missed, run.refused) == ([], [], [])
    assert run.changed > 0.9 * len(ways)


@pytest.mark.parametrize("torch", [False, True], ids=["plain", "torch"])
def test_ways_are_followed_through_each_other(programs: dict, torch: bool) -> None:
    if torch:
        pytest.importorskip("torch")
    rng = random.Random(3)
    run = programs["campaign"](programs["random_programs"](40, rng, torch=torch), rng)
    assert (run.stale, run.missed, run.refused) == ([], [], [])
    assert run.changed > 80
    assert run.broken < 4


def test_every_process_gives_a_program_the_same_key() -> None:
    said = []
    for seed in ("1", "2"):
        command = [sys.executable, "-W", "ignore", str(SOAK), "--programs", "30", "--seed", "5", "--keys"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        said.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert said[0] == said[1]
    assert said[0].count("\n") > 30
