"""The hook into the host: put in place when caching is enabled, and gone without a trace when it is disabled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

HERE = Path(__file__).resolve().parent


#: Each is answered in a fork of one process, which has imported nothing but libraries.
QUESTIONS = [
    "after_the_host",
    "in_a_host_that_moved_it",
    "in_a_host_that_moved_it_where_warnings_are_errors",
    "by_itself",
    "under_somebody_elses_patch",
    "direct_with_keywords",
]


def ask_all(questions: list[str], workdir: Path, base: Path, **environment: str) -> list[dict[str, Any]]:
    paths = os.pathsep.join([str(HERE / "standin"), str(HERE.parent / "src")])
    variables = {**os.environ, "PYTHONPATH": paths, "IT_ANALYSIS_CACHE": str(base), **environment}
    done = subprocess.run(
        [sys.executable, str(HERE / "standin" / "hooking.py"), str(workdir), *questions],
        capture_output=True,
        text=True,
        env=variables,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def ask(question: str, workdir: Path, base: Path, **environment: str) -> dict[str, Any]:
    """Ask in a process of its own."""
    (found,) = ask_all([question], workdir, base, **environment)
    return found


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    found = ask_all(QUESTIONS, tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("base"))
    return dict(zip(QUESTIONS, found, strict=True))


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("base")


@pytest.fixture(scope="module")
def first(directories: tuple[Path, Path]) -> dict[str, Any]:
    return ask("direct", *directories, PYTHONHASHSEED="1")


def test_host_and_datasets_have_their_own_objects_again_when_disabled(answers: dict[str, dict[str, Any]]) -> None:
    assert answers["after_the_host"] == {"during": [True, True], "after": [True, True], "watchers": 0}


def test_enabling_before_the_host_is_imported_is_the_same(tmp_path: Path, base: Path) -> None:
    found = ask("before_the_host", tmp_path, base, IT_ANALYSISSTORE_CACHING="1")
    assert found == {
        "hooked": True,
        "loader": ["SourceFileLoader", "SourceFileLoader"],
        "restored": True,
        "watchers": 0,
        "runner": "AnalysisRunner",
    }


def test_a_host_that_moved_the_function_is_left_alone_with_a_warning(answers: dict[str, dict[str, Any]]) -> None:
    found = answers["in_a_host_that_moved_it"]
    assert found["names"]
    (warning,) = found["warnings"]
    assert "generate_analysis_dataset" in warning
    assert "uncached" in warning


def test_such_a_host_is_no_error_where_warnings_are(answers: dict[str, dict[str, Any]]) -> None:
    assert answers["in_a_host_that_moved_it_where_warnings_are_errors"] == {"names": True, "warnings": []}


def test_a_host_that_asks_by_itself_is_not_hooked(answers: dict[str, dict[str, Any]]) -> None:
    assert answers["by_itself"] == {"during": True, "after": True}


def test_what_somebody_else_put_over_the_hook_stays(answers: dict[str, dict[str, Any]]) -> None:
    assert answers["under_somebody_elses_patch"] == {"stays": True, "wrapped": True}


def test_direct_form_finds_the_files_of_datasets_in_a_second_process(
    directories: tuple[Path, Path], first: dict[str, Any]
) -> None:
    second = ask("direct", *directories, PYTHONHASHSEED="2")
    changed = ask("direct_changed", *directories)
    assert first["runs"] == 2  # once more for the fingerprint that the caller gave
    assert second["runs"] == 0
    assert second["file"] == first["file"]
    assert second["rows"] == first["rows"]
    assert first["split"] == "test"
    assert first["called"] == second["called"]
    assert first["called"][1] == first["rows"]
    assert changed["called"][0] != first["called"][0]
    assert changed["file"] != first["file"]
    assert changed["rows"] != first["rows"]


def test_direct_form_counts_the_order_of_keywords_that_a_generator_sees(answers: dict[str, dict[str, Any]]) -> None:
    found = answers["direct_with_keywords"]
    assert found["ba"][0] == ["b", "a"]
    assert found["ab"][0] == ["a", "b"]
    assert found["ab"] == found["ab again"]
    assert found["ab"][1] != found["ba"][1]
    assert found["one"] == found["one, train"] == found["one, Split.TRAIN"]
    assert found["one"][1] != found["one, test"][1]


def test_other_uses_of_datasets_are_left_alone(first: dict[str, Any]) -> None:
    assert first["unrelated"]
    assert "mine" in first["given"]
