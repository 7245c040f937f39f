"""The long campaigns against the store; each prints a seed, which ``campaigns.py`` takes again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("name", "size"), [("kill", 300), ("resume", 50), ("together", 20), ("lying", 20), ("flip", 1000)]
)
def test_campaign(name, size):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, str(TESTS / "campaigns.py"), name, str(size)], env=environment, check=True)


def test_every_call_fails_once_with_each_error_and_dies_once():
    environment = {**os.environ, "ALL_FAULTS": "1", "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--timeout", "3000", str(TESTS / "test_faults.py")],
        env=environment,
        check=True,
    )
