"""Damaged entries: moved to ``.quarantine`` below the base, where they can be looked at and are never served."""

from __future__ import annotations

import os
from pathlib import Path

from .entry import open_entry
from .errors import CorruptEntryError, LockTimeoutError
from .files import make_directories, refuse_links
from .locks import KeyLock, NestedLockError
from .manifest import ForeignFormatError
from .notices import notice

__all__ = ["QUARANTINE", "quarantine", "try_quarantine"]

QUARANTINE = ".quarantine"


def try_quarantine(base: Path, key: str, path: Path, verify: str, error: CorruptEntryError) -> None:
    """Move a damaged entry aside, unless somebody is at work on it; see `quarantine`."""
    lock = KeyLock(base, key)
    try:
        lock.acquire(timeout=0)
    except (LockTimeoutError, NestedLockError):
        return  # whoever holds the lock sees to it
    try:
        quarantine(base, key, path, verify, error)
    finally:
        lock.release()


def quarantine(base: Path, key: str, path: Path, verify: str, error: CorruptEntryError) -> Path | None:
    """Move a damaged entry to the quarantine, with one warning.

    The caller holds the key's lock. The entry is looked at once more, as another process may have replaced it. One of
    another format is left where it is: the version that wrote it may still use it.

    Args:
        base: the root of the entries.
        key: the key that the entry must have.
        path: its directory.
        verify: ``"size"`` or ``"full"``, how closely to look.
        error: what is wrong with it.

    Returns:
        Where it is now; None where it stayed, is gone, or is whole again.
    """
    try:
        open_entry(path, key=key, verify=verify).dataset()
    except FileNotFoundError:
        return None
    except ForeignFormatError as found:
        notice(str(found))
        return None
    except CorruptEntryError as found:
        error = found
    else:
        return None
    target = base / QUARANTINE / path.name
    try:
        refuse_links(base, path)
        make_directories(base, target.parent)
        number = 0
        while os.path.lexists(target):
            number += 1
            target = target.with_name(f"{path.name}.{number}")
        os.rename(path, target)
    except OSError as trouble:
        notice(f"{error} It could not be moved aside: {trouble}.")
        return None
    notice(
        f"cache entry file {str(error.path)!r} is damaged: {error.reason}. Its entry is not served; it was moved to "
        f"{str(target)!r}, and its rows are computed again."
    )
    return target
