"""Telling a person of trouble of the cache, which must not become trouble of the analysis."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Place", "asked_at", "notice", "place_outside"]

log = logging.getLogger("interpretune.analysis.cache")

_HERE = os.path.join(os.path.dirname(__file__), "")


#: Where a thread of ours says that its warnings come from: the line that asked for what it does.
_asked_at = threading.local()


@dataclass(frozen=True)
class Place:
    """A line outside of this package, as a warning shows it."""

    filename: str
    lineno: int
    module: str
    registry: dict[Any, Any]


def place_outside() -> Place:
    """Give the line outside of this package that led here."""
    frame = sys._getframe(_level_outside() - 1)
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__", "<string>"), registry)


@contextlib.contextmanager
def asked_at(place: Place) -> Iterator[None]:
    """Let the warnings of this thread show a place, as the thread itself was led here by no line of the user's."""
    before = getattr(_asked_at, "place", None)
    _asked_at.place = place
    try:
        yield
    finally:
        _asked_at.place = before


def notice(text: str) -> None:
    """Warn, at the line outside of this package that led here; where warnings are errors, log it and go on.

    Args:
        text: what is wrong, what becomes of it, and what to do.
    """
    place = getattr(_asked_at, "place", None)
    try:
        if place is None:
            warnings.warn(text, UserWarning, stacklevel=_level_outside())
        else:
            warnings.warn_explicit(text, UserWarning, place.filename, place.lineno, place.module, place.registry)
    except Exception:  # the filters make it an error, or somebody's `showwarning` fails
        log.warning("%s", text, extra={"was_to_be_a_warning": True})


def _level_outside() -> int:
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_HERE, contextlib.__file__)):
        frame, level = frame.f_back, level + 1
    return level
