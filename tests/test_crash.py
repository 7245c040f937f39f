"""Short forms of the long campaigns: kills at random moments, many processes at once, lying locks, flipped bits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGNS = Path(__file__).parent / "campaigns.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("name", "size"), [("kill", 15), ("resume", 10), ("together", 2), ("lying", 2), ("flip", 30)])
def test_campaign(name, size):
    done = subprocess.run(
        [sys.executable, str(CAMPAIGNS), name, str(size)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=280,
    )
    assert done.stdout.endswith("nothing wrong, nothing torn, nothing lost\n"), done.stdout + done.stderr
