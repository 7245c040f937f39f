"""Captured objects count by what the code reads of them."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from code_runner import digest, key_of
from code_session import Session, weigh
from code_steps import REFUSED, ROWS
from interpretune.analysis.cache.errors import UnfingerprintableError


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_reads(row: Any) -> None:
    _, make, changing, keeping = row
    key = key_of(make(Session()))
    assert key_of(make(Session())) == key
    for change in (*changing, *keeping):
        session = Session()
        change(session)
        assert (key_of(make(session)) != key) == (change in changing), change.__name__


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row[0])
def test_what_escapes_is_refused_with_its_path_and_line(row: Any) -> None:
    _, make, path = row
    with pytest.raises(UnfingerprintableError) as refused:
        key_of(make(Session()))
    assert refused.value.path == path
    if "partial" not in row[0]:
        assert "code_steps.py:" in str(refused.value)


def test_a_swap_of_two_objects_is_seen() -> None:
    def key(first: int, second: int) -> str:
        s = Session()
        s.model.weight, s.other.weight = first, second
        return key_of(lambda b: weigh(s.model, 1) - weigh(s.other, 1))

    assert key(1, 2) != key(2, 1)


def test_one_object_under_two_names_is_like_two_equal_ones() -> None:
    one, two = Session(), Session()
    one.other = one.model
    assert key_of(functools.partial(_choose, one)) == key_of(functools.partial(_choose, two))


def _choose(session: Session, batch: Any) -> Any:
    return (session.model if batch else session.other).weight


def test_the_error_quotes_the_line_that_lets_an_object_escape() -> None:
    session = Session()

    def op(batch: Any) -> Any:
        chosen = session.model
        return chosen  # here

    with pytest.raises(
        UnfingerprintableError, match=r"function `.*op`, .*test_code_reads.py:\d+: `return chosen  # here`"
    ):
        key_of(op)


def test_dynamic_lookups_are_noted() -> None:
    def op(batch: Any) -> Any:
        return eval(batch) + getattr(_choose, "__name__", batch)

    def other(batch: Any) -> Any:
        return getattr(_choose, batch)

    assert any("`eval(batch)`" in note for note in digest(op).notes)
    assert any("`getattr(_choose, batch)`" in note for note in digest(other).notes)


def test_an_environment_variable_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def op(batch: Any) -> Any:
        import os

        return os.environ["STEP_SIZE"], os.getenv("STEP_KIND"), os.environ.get("STEP_NAME", "x")

    keys = {key_of(op)}
    for name in ("STEP_SIZE", "STEP_KIND", "STEP_NAME"):
        monkeypatch.setenv(name, "1")
        keys.add(key_of(op))
        monkeypatch.setenv(name, "2")
        keys.add(key_of(op))
    assert len(keys) == 7


def test_a_repeated_fingerprint_is_cheap() -> None:
    import time

    session = Session()
    step = ROWS[0][1](session)
    key_of(step)
    start = time.process_time()
    for _ in range(50):
        key_of(step)
    # A few milliseconds of the processor are promised; a slow machine gets ten times that.
    assert (time.process_time() - start) / 50 < 0.05
