"""Making room: a plan that can be looked at, and carrying it out so that a crash leaks and never half-removes.

A plan names what would go and how much that frees; nothing happens until `RemovalPlan.carry_out`. Then each entry is
removed alone: under its lock, if nobody used it since the plan was made, references first (the note of where its key
lies), then the directory, which is renamed aside before its files go. A reader that has the rows mapped keeps them.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import settings
from .bases import DEPTH, KEYS, directories_at
from .derived import derived_directories, is_derived, unfinished
from .entry import INFO_NAME, PARTS_NAME, PIN_NAME, Entry
from .errors import AnalysisCacheError, LockTimeoutError
from .files import TRASH, is_abandoned, refuse_links, remove, remove_empty_parents, replace_atomically, size_on_disk
from .leftovers import find_leftovers
from .locks import LOCKS, KeyLock, NestedLockError
from .manifest import MANIFEST_NAME
from .paths import DIGESTS
from .quarantine import QUARANTINE
from .statistics import STATS, merge_statistics
from .store import AnalysisCache

log = logging.getLogger("interpretune.analysis.cache")

__all__ = ["RemovalPlan", "keep_within_limits", "pin", "plan_prune", "plan_removal", "unpin"]

#: Seconds after its last use for which an entry counts as just opened, and is left alone by `plan_prune`.
JUST_USED = 300.0
#: Seconds for which the digest of a file is remembered.
REMEMBERED = 90 * 86400.0
_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)
#: Files that a writer puts beside its first shard, before there is a manifest.
_FIRST_FILES = frozenset({INFO_NAME, PARTS_NAME})
#: Seconds for which a damaged entry can be looked at in the quarantine.
LOOKED_AT = 7 * 24 * 3600.0
#: Seconds for which a file without an owner is left alone: it may belong to a writer that is about to name it.
JUST_WRITTEN = 3600.0


@dataclass(frozen=True)
class RemovalPlan:
    """What would be removed.

    Args:
        cache: where.
        entries: the entries that would go.
        leftovers: files and directories that crashes left, and notes that lead nowhere.
        frees: bytes that this frees, as far as can be told now.
        spared: entries that what was asked for goes for as well, and that stay: pinned or, when pruning, just used.
        sizes: bytes of each of the entries, by key.
        used: when each was last used, by key, as the plan was made.
    """

    cache: AnalysisCache
    entries: tuple[Entry, ...] = ()
    leftovers: tuple[Path, ...] = ()
    frees: int = 0
    spared: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict, repr=False)
    used: Mapping[str, float] = field(default_factory=dict, repr=False)

    def carry_out(self) -> list[Entry]:
        """Remove what is planned.

        Returns:
            The entries that were removed. Those that somebody uses, writes or pinned since the plan was made stay.

        Raises:
            OSError: something could not be removed; what came before it is gone, the rest is as it was.
        """
        removed = [entry for entry in self.entries if self._remove(entry)]
        for path in self.leftovers:
            _remove_leftover(self.cache.base, path)
        with suppress(OSError):
            merge_statistics(self.cache.base)
        return removed

    def _remove(self, entry: Entry) -> bool:
        if entry.is_pinned or entry.last_used > self.used.get(entry.key, float("inf")):
            return False
        if unfinished(entry.path, at_work=True):  # `datasets` maps its rows, and would miss the directory
            return False
        base = self.cache.base
        with _locked(base, entry.key) as is_free:
            if not is_free:
                return False
            with suppress(FileNotFoundError):
                remove(base, base / KEYS / entry.key[:2] / entry.key)
            is_removed = remove(base, entry.path)
        remove_empty_parents(base, entry.path.parent)
        return is_removed


class _locked:
    """Try for the lock of a key, without waiting; tells whether nobody else is at work on it."""

    def __init__(self, base: Path, key: str) -> None:
        self._lock = KeyLock(base, key)

    def __enter__(self) -> bool:
        try:
            self._lock.acquire(timeout=0)
        except (LockTimeoutError, NestedLockError):
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def plan_removal(cache: AnalysisCache, entries: Iterable[Entry]) -> RemovalPlan:
    """Plan to remove named entries; pinned ones stay.

    Args:
        cache: where they lie.
        entries: the entries.
    """
    entries = list(entries)
    chosen = tuple(entry for entry in entries if not entry.is_pinned)
    spared = len(entries) - len(chosen)
    sizes = {entry.key: entry.nbytes for entry in chosen}
    return RemovalPlan(cache, chosen, (), sum(sizes.values()), spared, sizes, _uses(chosen))


def plan_prune(cache: AnalysisCache, *, max_size: int | None = None, max_age: float | None = None) -> RemovalPlan:
    """Plan to remove what crashes left, and entries by age and by size, least recently used first.

    Pinned entries, and those used in the last five minutes, stay whatever is asked for.

    Args:
        cache: where.
        max_size: bytes that may be left; None for any number.
        max_age: seconds since the last use after which an entry goes; None for never.
    """
    now = time.time()
    entries = sorted(cache.entries(), key=lambda entry: (entry.last_used, entry.key))
    derived = sorted(derived_directories(cache.base), key=lambda found: found[1])
    sizes = {entry.path: entry.nbytes for entry in entries} | {path: size_on_disk(path) for path, _ in derived}
    total = sum(sizes.values())
    unneeded: list[Path] = []
    for path, used in derived:  # first, as it is soon made again
        is_old = now - used > (REMEMBERED if max_age is None else min(max_age, REMEMBERED))
        is_in_use = abs(now - used) < JUST_USED or unfinished(path, at_work=True)
        if not is_in_use and (is_old or (max_size is not None and total > max_size)):
            unneeded.append(path)
            total -= sizes[path]
    chosen: list[Entry] = []
    spared = 0
    for entry in entries:
        age = now - entry.last_used
        is_old = max_age is not None and age > max_age
        is_too_much = max_size is not None and total > max_size
        if not (is_old or is_too_much):
            continue
        # A time to come says that a clock was set back, and nothing of the entry.
        if entry.is_pinned or abs(age) < JUST_USED:
            spared += 1
            continue
        chosen.append(entry)
        total -= sizes[entry.path]
    leftovers = list(_leftovers(cache, now))
    frees = sum(sizes[path] for path in (*unneeded, *(entry.path for entry in chosen)))
    frees += sum(map(size_on_disk, leftovers))
    of_chosen = {entry.key: sizes[entry.path] for entry in chosen}
    return RemovalPlan(cache, tuple(chosen), (*unneeded, *leftovers), frees, spared, of_chosen, _uses(chosen))


def keep_within_limits(cache: AnalysisCache) -> None:
    """Make room as the settings `max_size` and `max_age` ask for, if they do; never fails."""
    limits = settings.current()
    if limits.max_size is None and limits.max_age is None:
        return
    try:
        plan = plan_prune(cache, max_size=limits.max_size, max_age=limits.max_age)
        for entry in plan.carry_out():
            log.info("removed the entry %r to make room", str(entry.path))
    except (OSError, AnalysisCacheError) as error:
        log.warning("no room could be made in %r: %s", str(cache.base), error)


def pin(cache: AnalysisCache, entry: Entry) -> None:
    """Keep an entry whatever is pruned, until `unpin`."""
    refuse_links(cache.base, entry.path / PIN_NAME)
    replace_atomically(entry.path / PIN_NAME, b"", sync=False)


def unpin(cache: AnalysisCache, entry: Entry) -> None:
    """Let an entry go again when room is made; does nothing where it is not pinned."""
    with suppress(FileNotFoundError):
        remove(cache.base, entry.path / PIN_NAME)


def _uses(entries: Iterable[Entry]) -> dict[str, float]:
    return {entry.key: entry.last_used for entry in entries}


def _leftovers(cache: AnalysisCache, now: float) -> Iterator[Path]:
    """Give what no entry needs, and nobody can be about to need."""

    def is_settled(path: Path) -> bool:
        with suppress(OSError):
            return now - path.lstat().st_mtime > JUST_WRITTEN
        return False

    base = cache.base
    yield from _listed(base / TRASH)
    yield from (place for place in _listed(base / QUARANTINE) if now - _moved(place) > LOOKED_AT)
    places = [Path(name) for name in directories_at(base, DEPTH)]
    ours = [place for place in places if _KEY.fullmatch(place.name.rpartition("-")[2])]
    keys = {place.name[-32:] for place in ours if os.path.lexists(place / MANIFEST_NAME)}
    for place in ours:
        if place.name[-32:] in keys:
            with suppress(OSError):
                yield from (place / name for name in find_leftovers(place))
                yield from unfinished(place, at_work=False)
        elif _is_abandoned(place):
            yield place
    yield from (path for place in (base, base / STATS) for path in _listed(place) if is_abandoned(path.name))
    for directory in _listed(base / KEYS):
        for note in _listed(directory):
            if is_abandoned(note.name) or (note.name not in keys and is_settled(note)):
                yield note
    for remembered in _listed(base / DIGESTS):
        with suppress(OSError):
            if is_abandoned(remembered.name) or now - remembered.lstat().st_mtime > REMEMBERED:
                yield remembered
    for lock in _listed(base / LOCKS):
        if lock.stem not in keys and is_settled(lock):
            yield lock


def _moved(place: Path) -> float:
    """Give when a directory got its present name, in seconds since the epoch."""
    with suppress(OSError):
        return place.lstat().st_ctime
    return float("inf")


def _is_abandoned(place: Path) -> bool:
    """Tell whether a directory without a manifest holds nothing but what dead writers left.

    And what `datasets` made of rows whose entry was removed while a process had them; it makes the directory again.
    """
    try:
        names = {name for name in os.listdir(place) if not is_derived(name)}
        return names <= {*find_leftovers(place), *_FIRST_FILES} and not unfinished(place, at_work=True)
    except OSError:
        return False


def _remove_leftover(base: Path, path: Path) -> None:
    """Remove a leftover, unless somebody is at work there by now."""
    parts = path.relative_to(base).parts
    if parts[0].startswith("."):
        # Of a lock's file this may let two in at once, which costs double work and nothing else.
        with suppress(FileNotFoundError):
            remove(base, path)
    else:
        with _locked(base, parts[DEPTH - 1][-32:]) as is_free, suppress(OSError):
            left = [*find_leftovers(path.parent), *(file.name for file in unfinished(path.parent, at_work=False))]
            is_still_left = _is_abandoned(path) if len(parts) == DEPTH else path.name in left
            if is_free and is_still_left:
                remove(base, path)
    remove_empty_parents(base, path.parent)


def _listed(directory: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(directory.iterdir())
    return []
