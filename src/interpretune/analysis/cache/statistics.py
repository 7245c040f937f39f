"""How often the cache served: counted in memory, written by each process to a file of its own.

A hit writes nothing and waits for nobody. What a process counted is written when it exits, and at most once a minute
before that, to ``<base>/.stats/<random>.json``; no other process writes there. Adding up all files gives the base's
figures. A process that is killed loses at most its last minute of counting, which decides nothing.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path

from .files import make_directories, read_bounded, remove, replace_atomically

__all__ = ["Statistics", "count", "merge_statistics", "process_statistics", "read_statistics"]

STATS = ".stats"
#: Seconds between two writes of a process.
INTERVAL = 60.0
_MAX_BYTES = 4096


@dataclass
class Statistics:
    """What was counted: outcomes by status, rows and bytes served, seconds that hits saved."""

    hits: int = 0
    extended: int = 0
    misses: int = 0
    bypassed: int = 0
    temporary: int = 0
    rows_served: int = 0
    bytes_served: int = 0
    seconds_computed: float = 0.0
    seconds_saved: float = 0.0

    def add(self, other: Statistics) -> None:
        """Add another's figures to these."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def as_json(self) -> dict[str, int | float]:
        """Give the figures by name; seconds are rounded to milliseconds."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in vars(self).items()}


#: The field that a status is counted in.
_FIELD = {"hit": "hits", "extended": "extended", "miss": "misses", "bypassed": "bypassed", "temporary": "temporary"}


@dataclass
class _Counted:
    """What this process counted for one base, and the file that it is written to."""

    name: str = field(default_factory=lambda: f"{uuid.uuid4().hex}.json")
    figures: Statistics = field(default_factory=Statistics)
    written: float = field(default_factory=time.monotonic)
    is_new: bool = False


_guard = threading.Lock()
_counted: dict[Path, _Counted] = {}


def count(
    base: Path,
    status: str,
    *,
    rows: int = 0,
    nbytes: int = 0,
    seconds_computed: float = 0.0,
    seconds_saved: float = 0.0,
) -> None:
    """Count one outcome; never fails and never waits for another process.

    Args:
        base: root of the entries.
        status: ``hit``, ``extended``, ``miss``, ``bypassed`` or ``temporary``.
        rows: rows given to the caller.
        nbytes: bytes of the entry.
        seconds_computed: seconds that computing took.
        seconds_saved: seconds of computing that were not needed.
    """
    with _guard:
        mine = _counted.setdefault(base, _Counted())
        name = _FIELD[status]
        setattr(mine.figures, name, getattr(mine.figures, name) + 1)
        mine.figures.add(
            Statistics(
                rows_served=rows, bytes_served=nbytes, seconds_computed=seconds_computed, seconds_saved=seconds_saved
            )
        )
        mine.is_new = True
        is_due = time.monotonic() - mine.written >= INTERVAL
    if is_due:
        _write(base, mine)


def process_statistics(base: Path) -> Statistics:
    """Give what this process counted for a base."""
    total = Statistics()
    with _guard:
        if base in _counted:
            total.add(_counted[base].figures)
    return total


def read_statistics(base: Path) -> Statistics:
    """Add up what all processes counted for a base; files that cannot be read are left out."""
    total = process_statistics(base)
    mine = _counted[base].name if base in _counted else None
    for path in _files(base):
        if path.name != mine:
            total.add(_read(path))
    return total


def merge_statistics(base: Path, keep: int = 100) -> None:
    """Put many files into one, so that their number stays bounded; whoever prunes calls this, alone.

    Args:
        base: root of the entries.
        keep: do nothing while there are at most so many files.
    """
    paths = [path for path in _files(base) if time.time() - path.stat().st_mtime > 24 * 3600]
    if len(paths) <= keep:
        return
    total = Statistics()
    for path in paths:
        total.add(_read(path))
    # Written first: a crash in between counts twice, which decides nothing, and loses nothing.
    replace_atomically(base / STATS / f"{uuid.uuid4().hex}.json", json.dumps(total.as_json()).encode(), sync=False)
    for path in paths:
        remove(base, path)


def _files(base: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(path for path in (base / STATS).iterdir() if path.suffix == ".json" and path.is_file())
    return []


def _read(path: Path) -> Statistics:
    found = Statistics()
    try:
        data = json.loads(read_bounded(path, _MAX_BYTES))
        for each in fields(Statistics):
            value = data[each.name]
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return Statistics()
            setattr(found, each.name, value)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Statistics()
    return found


def _write(base: Path, mine: _Counted) -> None:
    with suppress(OSError):
        with _guard:
            data = json.dumps(mine.figures.as_json()).encode()
            mine.written, mine.is_new = time.monotonic(), False
        make_directories(base, base / STATS)
        replace_atomically(base / STATS / mine.name, data, sync=False)


def _write_all() -> None:
    for base, mine in list(_counted.items()):
        if mine.is_new and base.is_dir():
            _write(base, mine)


def _forget_in_child() -> None:
    """A forked child counts for itself: what its parent counted, the parent writes."""
    global _guard
    _guard = threading.Lock()
    _counted.clear()


atexit.register(_write_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
