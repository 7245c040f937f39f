"""A short form of `tests/soak/values.py`, which holds 100,000 pairs against each other."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parent / "soak" / "values.py"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_collision_and_no_split(seed: int) -> None:
    different, values = runpy.run_path(str(SOAK))["campaign"](1000, seed)
    assert different > 800
    assert values > 1000
