"""What happened to a request: found, extended, computed, and why."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from . import html
from .explain import nearest, sentences, stored_fingerprint
from .hasher import Difference, Fingerprint
from .store import AnalysisCache

__all__ = ["Outcome", "Status", "announce", "before_computing", "last_outcome", "observe", "record"]

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
        seconds: time that the request took, from the call to the rows: making the key, waiting for others, computing.
        seconds_saved: time that computing the rows that were there took when they were computed.
        batches_computed: batches for which the step ran.
        name: name of the analysis.
        fingerprint: all components of the key; None where there is none.
        context: facts for people: op, model class, dataset, versions.
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
    context: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def differences(self) -> list[Difference]:
        """Tell in what this run differs from the nearest other entry: of the same op, model class and dataset.

        Returns:
            One `Difference` per component; empty where there is no other entry, or no key.
        """
        return self._against_nearest()[1]

    def explain(self) -> str:
        """Tell why this was not found, in lines for a person: what differs from the nearest other entry, and notes."""
        if self.fingerprint is None:
            return f"there is no key: {self.reason}"
        other, differences = self._against_nearest()
        against = f"against the entry {other}:" if other else "there is no other entry to hold it against"
        lines = [f"{self.status}: {self.reason}; {against}", *(f"  {sentence}" for sentence in sentences(differences))]
        return "\n".join([*lines, *(f"note: {note}" for note in self.fingerprint.notes)])

    def _against_nearest(self) -> tuple[str | None, list[Difference]]:
        if self.fingerprint is None:
            return None, []
        entries = AnalysisCache().entries(readonly=True)
        other = nearest(self.fingerprint.components, self.context, entries, key=self.key or "")
        return (None, []) if other is None else (other.key, stored_fingerprint(other).diff(self.fingerprint))

    def _repr_html_(self) -> str:
        rows = [
            *(("status", self.status), ("analysis", self.name), ("reason", self.reason), ("key", self.key or "none")),
            *(("path", str(self.path or "in memory")), ("rows", f"{self.rows:,}")),
            ("batches", f"{self.batches:,} ({self.batches_computed:,} computed)"),
            *(("took", _duration(self.seconds)), ("saved", _duration(self.seconds_saved))),
        ]
        return html.page(f"{self.status}: {self.name}", html.table(rows))

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


_observers: list[Callable[[Outcome], None]] = []
_announced: list[Callable[[Outcome], None]] = []


def observe(callback: Callable[[Outcome], None]) -> Callable[[], None]:
    """Call a function with each outcome of this process, in the thread that made the request.

    Returns:
        A function that ends it.
    """
    _observers.append(callback)
    return lambda: _observers.remove(callback)


def before_computing(callback: Callable[[Outcome], None]) -> Callable[[], None]:
    """Call a function before something is computed that could have been there; what it raises ends the request.

    Args:
        callback: called with the outcome as far as it is known: status ``miss`` or ``extended``, no rows yet.

    Returns:
        A function that ends it.
    """
    _announced.append(callback)
    return lambda: _announced.remove(callback)


def announce(outcome: Outcome) -> None:
    """Tell those who asked (`before_computing`) that something is about to be computed."""
    for callback in list(_announced):
        callback(outcome)


def record(outcome: Outcome) -> None:
    """Make an outcome this thread's last one, log it in one line, and tell those who observe."""
    _latest.outcome = outcome
    log.info("%s", outcome)
    for callback in list(_observers):
        callback(outcome)


def last_outcome() -> Outcome | None:
    """Give what happened to this thread's last request; None before the first."""
    return getattr(_latest, "outcome", None)
