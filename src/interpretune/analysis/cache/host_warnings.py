"""What the host's user is told, once each: why an analysis runs uncached, and what to do about it."""

from __future__ import annotations

import threading

from .errors import UnfingerprintableError
from .notices import notice

__all__ = ["warn_once", "warn_unfingerprintable"]

_lock = threading.Lock()
_said: set[str] = set()


def warn_once(text: str) -> None:
    """Warn, unless this process has been told the same before; where warnings are errors, log it and go on."""
    with _lock:
        if text in _said:
            return
        _said.add(text)
    notice(text)


def warn_unfingerprintable(error: UnfingerprintableError) -> None:
    """Say which field cannot be understood, and the ways out; the analysis goes on uncached."""
    how = " `enable_analysisstore_caching(ignore=…)` takes such paths." if "ignore=" in error.hint else ""
    warn_once(f"{error}{how} This analysis runs uncached.")
