"""Assertions on what the cache did, for test suites; pytest rewrites them, so a failure shows what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interpretune.analysis.cache import Outcome

__all__ = ["assert_hit", "assert_miss"]


def assert_hit(outcome: Outcome | None) -> None:
    """Make sure that a request computed nothing.

    Args:
        outcome: what `last_outcome` gave.

    Raises:
        AssertionError: there was no request, or it computed; the message says what differs from the nearest entry.
    """
    assert outcome is not None, "no request was made in this thread"
    assert outcome.status == "hit", f"{outcome}\n{outcome.explain()}"


def assert_miss(outcome: Outcome | None, because: str | None = None) -> None:
    """Make sure that a request was computed from the first batch on, and why.

    Args:
        outcome: what `last_outcome` gave.
        because: name of a component that must differ from the nearest entry, such as ``"model.weights"``: whole, or
            without its beginning or its end. None for whatever reason.

    Raises:
        AssertionError: there was no request, it was not a miss, or the component does not differ.
    """
    assert outcome is not None, "no request was made in this thread"
    assert outcome.status == "miss", str(outcome)
    if because is not None:
        changed = [difference.component for difference in outcome.differences()]
        assert any(f".{because}." in f".{component}." for component in changed), outcome.explain()
