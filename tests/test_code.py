"""What of code counts, and what does not: each row in two fresh processes, through the walk."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from code_rows import MUTATIONS, NO_OPS, PROGRAM
from code_small_rows import HELPER, SMALL, Small

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src"


def edited(row: tuple[str, str, str, str]) -> dict[str, str]:
    _, file, before, after = row
    assert before in PROGRAM[file], row
    return {**PROGRAM, file: PROGRAM[file].replace(before, after)}


def run_elsewhere(sources: dict[str, dict[str, str]], seed: int, folder: Path, python: str = sys.executable) -> Any:
    """Give the key of each source, taken in a fresh process with its own hash seed and working directory."""
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join((str(SOURCE), str(HERE)))}
    done = subprocess.run(
        [python, str(HERE / "code_runner.py")],
        input=json.dumps(sources), capture_output=True, text=True, cwd=folder, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The key of the program and of each edit of it, in two processes."""
    sources = {"program": PROGRAM, **{f"mutation: {row[0]}": edited(row) for row in MUTATIONS}}
    sources |= {f"no-op: {row[0]}": edited(row) for row in NO_OPS}
    backwards = dict(reversed(sources.items()))
    return [
        run_elsewhere(sources, 1, tmp_path_factory.mktemp("one")),
        run_elsewhere(backwards, 2, tmp_path_factory.mktemp("other")),
    ]


def test_the_program_has_one_key(keys: list[dict[str, str]]) -> None:
    assert keys[0]["program"] == keys[1]["program"]
    assert len(keys[0]["program"]) == 32, keys[0]["program"]


@pytest.mark.parametrize("name", [row[0] for row in MUTATIONS])
def test_mutation_is_seen(keys: list[dict[str, str]], name: str) -> None:
    mutated = keys[1][f"mutation: {name}"]
    assert len(mutated) == 32, mutated
    assert mutated != keys[0]["program"]
    assert mutated == keys[0][f"mutation: {name}"]


def test_mutations_have_different_keys(keys: list[dict[str, str]]) -> None:
    found = [keys[0][f"mutation: {row[0]}"] for row in MUTATIONS]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", [row[0] for row in NO_OPS])
def test_no_op_keeps_the_key(keys: list[dict[str, str]], name: str) -> None:
    assert keys[1][f"no-op: {name}"] == keys[0]["program"]


def edited_small(row: Small) -> dict[str, dict[str, str]]:
    """Give the program of a small row and each of its edits, by what is to come of it."""
    sources = {"program": {"ops": row.source, "helpers_x": HELPER}}
    for kind in ("changed", "kept"):
        for before, after in getattr(row, kind):
            assert before in row.source, (row.name, before)
            sources[f"{kind}: {before} -> {after}"] = {"ops": row.source.replace(before, after), "helpers_x": HELPER}
        for before, after in getattr(row, f"helper_{kind}"):
            sources[f"{kind}: {before} -> {after}"] = {"ops": row.source, "helpers_x": HELPER.replace(before, after)}
    return sources


@pytest.fixture(scope="module")
def small_keys(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The key of each small program and of each edit of it, in two processes."""
    sources = {f"{row.name}: {name}": files for row in SMALL for name, files in edited_small(row).items()}
    backwards = dict(reversed(sources.items()))
    return [
        run_elsewhere(sources, 3, tmp_path_factory.mktemp("one")),
        run_elsewhere(backwards, 4, tmp_path_factory.mktemp("other")),
    ]


@pytest.mark.parametrize("row", SMALL, ids=lambda row: row.name)
def test_small_program(small_keys: list[dict[str, str]], row: Small) -> None:
    first, second = ({name: keys[f"{row.name}: {name}"] for name in edited_small(row)} for keys in small_keys)
    assert first == second
    assert all(len(key) == 32 for key in first.values()), first
    wrong = {name: key for name, key in first.items() if (key == first["program"]) == name.startswith("changed")}
    assert not wrong


def test_the_keys_of_all_python_versions_stay() -> None:
    computed = runpy.run_path(str(HERE / "golden" / "code.py"))["computed"]()
    assert computed == json.loads((HERE / "golden" / "code.json").read_text(encoding="utf-8"))
