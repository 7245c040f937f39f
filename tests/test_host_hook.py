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


def ask(question: str, workdir: Path, base: Path, **environment: str) -> dict[str, Any]:
    workdir.mkdir(exist_ok=True)
    paths = os.pathsep.join([str(HERE / "standin"), str(HERE.parent / "src")])
    variables = {**os.environ, "PYTHONPATH": paths, "IT_ANALYSIS_CACHE": str(base), **environment}
    done = subprocess.run(
        [sys.executable, str(HERE / "standin" / "hooking.py"), question, str(workdir)],
        capture_output=True,
        text=True,
        env=variables,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_host_and_datasets_have_their_own_objects_again_when_disabled(tmp_path: Path, base: Path) -> None:
    assert ask("after_the_host", tmp_path, base) == {"during": [True, True], "after": [True, True], "watchers": 0}


def test_enabling_before_the_host_is_imported_is_the_same(tmp_path: Path, base: Path) -> None:
    found = ask("before_the_host", tmp_path, base, IT_ANALYSISSTORE_CACHING="1")
    assert found == {
        "hooked": True,
        "loader": ["SourceFileLoader", "SourceFileLoader"],
        "restored": True,
        "watchers": 0,
        "runner": "AnalysisRunner",
    }


def test_a_host_that_moved_the_function_is_left_alone_with_a_warning(tmp_path: Path, base: Path) -> None:
    found = ask("in_a_host_that_moved_it", tmp_path, base)
    assert found["names"]
    (warning,) = found["warnings"]
    assert "generate_analysis_dataset" in warning
    assert "uncached" in warning


def test_such_a_host_is_no_error_where_warnings_are(tmp_path: Path, base: Path) -> None:
    found = ask("in_a_host_that_moved_it_where_warnings_are_errors", tmp_path, base)
    assert found == {"names": True, "warnings": []}


def test_a_host_that_asks_by_itself_is_not_hooked(tmp_path: Path, base: Path) -> None:
    assert ask("by_itself", tmp_path, base) == {"during": True, "after": True}


def test_what_somebody_else_put_over_the_hook_stays(tmp_path: Path, base: Path) -> None:
    assert ask("under_somebody_elses_patch", tmp_path, base) == {"stays": True, "wrapped": True}


def test_direct_form_finds_the_files_of_datasets_in_a_second_process(tmp_path: Path, base: Path) -> None:
    first = ask("direct", tmp_path, base, PYTHONHASHSEED="1")
    second = ask("direct", tmp_path, base, PYTHONHASHSEED="2")
    changed = ask("direct_changed", tmp_path, base)
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


def test_direct_form_counts_the_order_of_keywords_that_a_generator_sees(tmp_path: Path, base: Path) -> None:
    found = ask("direct_with_keywords", tmp_path, base)
    assert found["ba"][0] == ["b", "a"]
    assert found["ab"][0] == ["a", "b"]
    assert found["ab"] == found["ab again"]
    assert found["ab"][1] != found["ba"][1]
    assert found["one"] == found["one, train"] == found["one, Split.TRAIN"]
    assert found["one"][1] != found["one, test"][1]


def test_other_uses_of_datasets_are_left_alone(tmp_path: Path, base: Path) -> None:
    found = ask("direct", tmp_path, base)
    assert found["unrelated"]
    assert "mine" in found["given"]
