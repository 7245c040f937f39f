"""Finding the entry of a key: where it may lie, whether it is whole, and whether it is what is asked for.

Nothing is locked for that. Shards never change and a manifest is replaced as a whole, so an entry that grows meanwhile
is read as it was or as it is. One that is removed and begun anew meanwhile might give its old manifest and new shards;
so what was opened counts only if the manifest still says the same of it afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from .bases import Location, place_of
from .derived import derived_directory
from .entry import Entry, open_entry, update_state
from .errors import CorruptEntryError
from .locks import KeyLock, NestedLockError
from .manifest import MANIFEST_NAME
from .notices import notice
from .quarantine import try_quarantine

__all__ = ["after_changes", "look_up"]

Found = TypeVar("Found")


def look_up(
    bases: Sequence[Path],
    key: str,
    location: Location | None,
    verify: str,
    want: Callable[[Entry], bool],
    use: Callable[[Entry], Found],
) -> Found | None:
    """Give what is made of the first entry of a key that is wanted.

    Args:
        bases: the roots, in the order in which they are searched. All but the first are only read.
        key: the key.
        location: the names under which it probably lies; saves reading where it lies.
        verify: ``"size"`` or ``"full"``, how closely to look.
        want: tells by its manifest whether an entry is what is asked for.
        use: makes something of one that is whole.

    Returns:
        What `use` gave; None where there is no such entry. A damaged one of the first base is moved to the quarantine
        with one warning.

    Raises:
        OSError: the first base cannot be read.
    """
    for base in bases:
        tried: set[Path] = set()
        for path in _candidates(base, key, location):
            if path in tried:
                continue
            tried.add(path)
            found = _use(base, key, path, verify, want, use, own=bases[0])
            if found is not None:
                return found
    return None


def after_changes(place: Callable[[], Path], ask: Callable[[], bool]) -> Callable[[], bool]:
    """Give a function that asks only where an entry's manifest is another than when it asked last, and else is false.

    Args:
        place: gives the entry's directory.
        ask: what to ask.
    """
    asked_at: tuple[int, ...] | None = None

    def ask_again() -> bool:
        nonlocal asked_at
        try:
            status = os.stat(place() / MANIFEST_NAME, follow_symlinks=False)
        except OSError:
            return False
        now = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        if now == asked_at:
            return False
        asked_at = now
        try:
            return ask()
        except OSError:  # whoever goes on to write there is told
            return False

    return ask_again


def _candidates(base: Path, key: str, location: Location | None) -> Iterator[Path]:
    if location is not None:
        yield base / location.directory(key)
    recorded = place_of(base, key)
    if recorded is not None:
        yield recorded


def _use(
    base: Path,
    key: str,
    path: Path,
    verify: str,
    want: Callable[[Entry], bool],
    use: Callable[[Entry], Found],
    *,
    own: Path,
) -> Found | None:
    is_own = base == own
    try:
        while True:
            # Who waits for an entry to grow asks again and again: not all of it is to be read each time.
            if verify == "full" and not want(open_entry(path, key=key, verify=None)):
                return None
            entry = open_entry(path, key=key, verify=verify)
            if not want(entry):
                return None
            if not (is_own and os.access(path, os.W_OK)):
                entry = replace(entry, derived=derived_directory(own, path, entry.manifest))
            found = use(entry)
            if entry.is_unreplaced():
                break
    except FileNotFoundError:
        return None
    except CorruptEntryError as error:
        if is_own:
            try_quarantine(base, key, path, verify, error)
        else:
            notice(f"{error} It lies in a read-only base and is passed over.")
        return None
    except OSError as error:
        if is_own:
            raise
        notice(f"the read-only cache base {str(base)!r} cannot be read ({error}) and is passed over.")
        return None
    if is_own:
        entry.record_use()
        if not entry.is_state_current:
            _bring_up_to_date(base, entry)
    return found


def _bring_up_to_date(base: Path, entry: Entry) -> None:
    """Write the ``state.json`` that a crash kept from being written, unless somebody is at work there."""
    lock = KeyLock(base, entry.key)
    with suppress(OSError, NestedLockError):
        lock.acquire(timeout=0)
        try:
            update_state(open_entry(entry.path, key=entry.key))
        finally:
            lock.release()
