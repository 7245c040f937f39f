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


@pytest.mark.parametrize(
    ("file", "sizes"),
    [
        ("test_faults.py", {"ALL_FAULTS": "1"}),
        ("test_hostile.py", {"HOSTILE_EXAMPLES": "3000", "HOSTILE_BYTES": str(32 * 2**20)}),
        ("test_writer_properties.py", {"WRITER_EXAMPLES": "2000"}),
    ],
)
def test_the_long_form_of(file, sizes):
    environment = {**os.environ, **sizes, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--timeout", "3000", str(TESTS / file)], env=environment, check=True
    )


def test_fuzzing_the_manifest_reader():
    pytest.importorskip("atheris")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    fuzz = str(TESTS / "soak" / "fuzz_manifest.py")
    subprocess.run([sys.executable, fuzz, "-max_total_time=120"], env=environment, check=True)
