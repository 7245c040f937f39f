"""Trouble of the cache on the way through the host: the analysis goes on, and its rows are those of the host alone."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

from test_host_standin import play, statuses

NO_HOME = {"IT_ANALYSIS_CACHE": "~no-such-user-here/base"}  # as where one's own home is not known
VARIANTS: dict[str, dict[str, Any]] = {
    "alone": {"caching": False},
    # Warnings that are errors, where the cache has something to say.
    "field, strict": {"not_understood": "field", "warnings_are_errors": True},
    "not kept, strict": {"enable_datasets_cache": False, "warnings_are_errors": True},
    "no home, strict": {"environment": NO_HOME, "warnings_are_errors": True},
    # An object that raises something else than `AttributeError` for what it does not have.
    "raising": {"not_understood": "raising"},
    "raising, again": {"not_understood": "raising"},
    "raising, strict": {"not_understood": "raising", "warnings_are_errors": True},
    # No place for the base.
    "no home": {"environment": NO_HOME},
    "no home, own base": {"environment": NO_HOME, "run": {"cache_dir": "own base"}},
    "no home, own base, again": {"environment": NO_HOME, "run": {"cache_dir": "own base"}},
    # A base that belongs to somebody else, and to which everybody may write.
    "foreign base": {"foreign_base": True},
    "foreign base, strict": {"foreign_base": True, "warnings_are_errors": True},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    made = tmp_path_factory.mktemp("trouble")
    return play(made / "work", made / "base", VARIANTS, seed=1)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_analysis_goes_on(runs: dict[str, dict[str, Any]], name: str) -> None:
    assert runs[name]["error"] is None
    assert runs[name]["stores"][0]["content"] == runs["alone"]["stores"][0]["content"]


def test_where_warnings_are_errors_the_outcome_tells(runs: dict[str, dict[str, Any]]) -> None:
    assert statuses(runs["field, strict"]) == ["bypassed"]
    assert statuses(runs["not kept, strict"]) == ["temporary"]
    assert statuses(runs["no home, strict"]) == ["temporary"]


def test_an_object_that_raises_is_told_once_by_its_path(runs: dict[str, dict[str, Any]]) -> None:
    assert [statuses(runs[f"raising{how}"]) for how in ("", ", again", ", strict")] == [["bypassed"]] * 3
    (warning,) = runs["raising"]["warnings"]
    for part in ("`module.it_cfg.future_knob`", "looking at it raised KeyError ('label')", "ignore=", "runs uncached"):
        assert part in warning
    assert not runs["raising, again"]["warnings"]


def test_without_a_home_rows_are_temporary_and_one_warning_says_so(runs: dict[str, dict[str, Any]]) -> None:
    found = runs["no home"]
    assert statuses(found) == ["temporary"]
    (warning,) = found["warnings"]
    for part in ("no home directory is known", "set IT_ANALYSIS_CACHE", "goes on without"):
        assert part in warning


def test_a_base_of_somebody_elses_is_not_used_and_one_warning_says_so(runs: dict[str, dict[str, Any]]) -> None:
    assert [statuses(runs[name]) for name in ("foreign base", "foreign base, strict")] == [["temporary"]] * 2
    (warning,) = runs["foreign base"]["warnings"]
    assert "it belongs to another user" in warning


def test_without_a_home_a_directory_that_the_run_names_is_the_base(runs: dict[str, dict[str, Any]]) -> None:
    names = ("no home, own base", "no home, own base, again")
    assert [statuses(runs[name]) for name in names] == [["miss"], ["hit"]]
    assert not any(runs[name]["warnings"] for name in names)
