"""The long form of `programs.py`."""

from __future__ import annotations

import random
import time

import pytest
from programs import PROGRAMS, campaign, random_programs


@pytest.mark.parametrize("torch", [False, True], ids=["plain", "torch"])
def test_a_number_changed_anywhere_in_a_program_gives_another_key(torch: bool) -> None:
    seed = time.time_ns() % 2**32
    print(f"seed {seed}")
    rng = random.Random(seed)
    run = campaign(random_programs(PROGRAMS // (3 if torch else 1), rng, torch=torch), rng)
    assert (run.stale, run.missed, run.refused) == ([], [], [])
    assert run.changed > PROGRAMS // 2
    assert run.broken < PROGRAMS // 50
