"""The demo tells what it promises, by processes of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import datasets
import pytest

COMMAND = [sys.executable, "-m", "interpretune.analysis.cache", "demo"]


def test_four_runs_and_what_came_of_them(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    command = [*COMMAND, "--size", "tiny", "--sentences", "64", "--base", str(tmp_path / "base")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()

    runs = [" ".join(line.split()) for line in lines if line[:1] in ("1", "2", "3", "4")]
    assert [run.split(" of ")[0] for run in runs[:2]] == ["1 first run miss 4", "2 the same again hit 0"]
    assert "hit 0 of 2" in runs[2]
    assert "one weight changed miss 4 of 4" in runs[3]
    assert "Runs 2 and 3 gave the same rows as run 1: yes." in lines

    after = lines[next(index for index, line in enumerate(lines) if line.startswith("Run 4 was not")) + 1 :]
    differences = after[: after.index("")]
    assert len(differences) == 1
    assert "inputs.model.weights: 1 of 29 tensors" in differences[0]
    assert "mlp.c_fc.weight" in differences[0]

    entry = next(line.strip() for line in lines if line.strip().startswith(str(tmp_path)))
    assert len(datasets.load_from_disk(entry)) == 64


@pytest.mark.skipif(bool(find_spec("torch") and find_spec("transformers")), reason="what the demo needs is installed")
def test_it_says_what_it_needs() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'interpretune-analysis-cache[demo]'" in done.stderr
