"""Telling a person of trouble of the cache, which must not become trouble of the analysis."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings

__all__ = ["notice"]

log = logging.getLogger("interpretune.analysis.cache")

_HERE = os.path.join(os.path.dirname(__file__), "")


def notice(text: str) -> None:
    """Warn, at the line outside of this package that led here; where warnings are errors, log it and go on.

    Args:
        text: what is wrong, what becomes of it, and what to do.
    """
    try:
        warnings.warn(text, UserWarning, stacklevel=_level_outside())
    except Exception:  # the filters make it an error, or somebody's `showwarning` fails
        log.warning("%s", text, extra={"was_to_be_a_warning": True})


def _level_outside() -> int:
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_HERE, contextlib.__file__)):
        frame, level = frame.f_back, level + 1
    return level
