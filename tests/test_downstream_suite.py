"""The example of a downstream suite does what its README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from test_plugin import INSTALLED

EXAMPLE = Path(__file__).parent.parent / "examples" / "downstream_suite"


def test_computed_once_then_never_and_readonly_names_a_change(tmp_path):
    pytest.importorskip("xdist")
    suite = tmp_path / "downstream_suite"
    shutil.copytree(EXAMPLE, suite, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    calls = tmp_path / "calls"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        plugin = [] if INSTALLED else ["-p", "interpretune_analysis_cache.pytest_plugin"]
        environment = {**os.environ, "DOWNSTREAM_SUITE_CALLS": str(calls)}
        command = [sys.executable, "-m", "pytest", "-p", "no:randomly", *plugin, *words]
        return subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True, timeout=200)

    def computed() -> int:
        count = len(calls.read_text().splitlines()) if calls.exists() else 0
        calls.unlink(missing_ok=True)
        return count

    first = run("-n", "4", "--analysisstore-cache-stats")
    assert first.returncode == 0, first.stdout
    assert re.search(r"analysis cache: \d+ hit, 0 extended, 1 miss", first.stdout), first.stdout
    assert computed() == 3
    second = run("-n", "4", "--analysisstore-cache-stats")
    assert second.returncode == 0, second.stdout
    assert "0 extended, 0 miss" in second.stdout
    assert computed() == 0
    source = suite / "downstream_suite" / "analysis.py"
    source.write_text(source.read_text().replace("DECAY = 0.5", "DECAY = 0.7"))
    third = run("--analysisstore-cache-mode=readonly")
    assert third.returncode == 1
    assert "forbids to compute it" in third.stdout
    assert re.search(r"op\.implementation: .*DECAY.*0\.5 became 0\.7", third.stdout), third.stdout
    assert computed() == 0
