"""What happened to a request: found, extended, computed, and why."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .hasher import Fingerprint

__all__ = ["Outcome", "Status", "last_outcome", "record"]

log = logging.getLogger("interpretune.analysis.cache")

Status = Literal["hit", "extended", "miss", "bypassed", "temporary"]

_latest = threading.local()


@dataclass(frozen=True)
class Outcome:
    """What happened to one request for rows.

    Args:
        status: ``"hit"``: all rows were there. ``"extended"``: some were, the missing ones were computed. ``"miss"``:
            all were computed and kept. ``"bypassed"``: computed without a key, as an input could not be understood.
            ``"temporary"``: computed, and kept until the process ends only, as caching is off or the rows could not be
            kept.
        key: the key; None where there is none.
        path: directory of the entry or of the temporary files; None where the rows are in memory.
        reason: why, for people.
        rows: rows that the caller got.
        batches: batches that these are of.
        seconds: time that the request took.
        seconds_saved: time that computing the rows that were there took when they were computed.
        batches_computed: batches for which the step ran.
        name: name of the analysis.
        fingerprint: all components of the key; None where there is none.
    """

    status: Status
    key: str | None
    path: Path | None
    reason: str
    rows: int
    batches: int
    seconds: float
    seconds_saved: float = 0.0
    batches_computed: int = 0
    name: str = ""
    fingerprint: Fingerprint | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        saved = f", saved {_duration(self.seconds_saved)}" if self.seconds_saved else ""
        computed = f" ({self.batches_computed} computed)" if self.status == "extended" else ""
        where = f", in {str(self.path)!r}" if self.path is not None else ""
        return (
            f"{self.status}: {self.name or 'analysis'}, {self.rows} rows in {self.batches} batches{computed}, "
            f"took {_duration(self.seconds)}{saved}{where} ({self.reason})"
        )


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def record(outcome: Outcome) -> None:
    """Make an outcome this thread's last one, and log it in one line."""
    _latest.outcome = outcome
    log.info("%s", outcome)


def last_outcome() -> Outcome | None:
    """Give what happened to this thread's last request; None before the first."""
    return getattr(_latest, "outcome", None)
