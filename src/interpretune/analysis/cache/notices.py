"""Telling a person of trouble of the cache, which must not become trouble of the analysis."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial

__all__ = ["Warner", "notice", "warner_here", "warning_by"]

log = logging.getLogger("interpretune.analysis.cache")

_HERE = os.path.join(os.path.dirname(__file__), "")

#: Warns with a text, at a line of its own.
Warner = Callable[[str], None]

#: What warns in a thread of ours, to which no line outside of this package led.
_of_thread = threading.local()


def notice(text: str) -> None:
    """Warn, at the line outside of this package that led here; where warnings are errors, log it and go on.

    Args:
        text: what is wrong, what becomes of it, and what to do.
    """
    try:
        (getattr(_of_thread, "warner", None) or warner_here())(text)
    except Exception:  # the filters make it an error, or somebody's `showwarning` fails
        log.warning("%s", text, extra={"was_to_be_a_warning": True})


def warner_here() -> Warner:
    """Give what warns at the line outside of this package that led here, also later and in another thread."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_HERE, contextlib.__file__)):
        frame = frame.f_back
    return partial(
        warnings.warn_explicit,
        category=UserWarning,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=frame.f_globals.get("__name__", "<string>"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


@contextlib.contextmanager
def warning_by(warner: Warner) -> Iterator[None]:
    """Let what is to be told in this thread within the block be told by a warner of another one."""
    before = getattr(_of_thread, "warner", None)
    _of_thread.warner = warner
    try:
        yield
    finally:
        _of_thread.warner = before
