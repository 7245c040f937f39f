"""One process computes, the others wait: a lock per key, which saves work and decides nothing.

That what is stored is right comes from the renames in `files` alone. So a lock that cannot be had because the file
system has none is done without, and a file system whose locks lie costs double work and nothing else.

A lock belongs to the process that took it: a forked child never releases it (`filelock` sees to that), and when its
holder dies the operating system frees it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import LockTimeoutError
from .files import make_directories

__all__ = ["KeyLock", "NestedLockError", "NotNeededError"]

log = logging.getLogger("interpretune.analysis.cache")

LOCKS = ".locks"
#: Seconds of waiting before the first line about it, and between further lines.
FIRST_LINE, NEXT_LINE = 3.0, 60.0
#: Seconds of waiting between two looks whether it is still needed.
LOOK_SECONDS = 0.2

_guard = threading.Lock()
#: Locks that a thread of this process holds. A step that asks for the result it is part of would wait for itself.
_held: dict[Path, int] = {}


def _renew_guard() -> None:
    """Let a forked child begin with a guard that no thread of its parent holds."""
    global _guard
    _guard = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_guard)


class NestedLockError(RuntimeError):
    """The thread that asks for a lock holds it already: a step asked for the very result that it computes."""


class NotNeededError(RuntimeError):
    """What the lock was wanted for has come about while somebody else held it."""


class KeyLock:
    """The lock of one key.

    Args:
        base: the root of the entries.
        key: the key.
        describe_holder: gives a person's description of who holds the lock and how far it is.
    """

    def __init__(self, base: Path, key: str, describe_holder: Callable[[], str] = lambda: "another process") -> None:
        self.path = base / LOCKS / f"{key}.lock"
        self._base = base
        self._describe_holder = describe_holder
        self._lock: FileLock | None = None

    def acquire(self, timeout: float | None = None, *, unless: Callable[[], bool] = lambda: False) -> bool:
        """Take the lock, waiting for whoever holds it.

        Args:
            timeout: seconds to wait; None as long as it takes, 0 not at all.
            unless: asked now and then while waiting; true ends it. It raises nothing.

        Returns:
            False where the file system has no working locks, or nothing can be written there: go on without.

        Raises:
            LockTimeoutError: somebody else held it for longer.
            NestedLockError: this thread holds it already.
            NotNeededError: `unless` became true.
        """
        with _guard:
            if _held.get(self.path) == threading.get_ident():
                raise NestedLockError(f"the lock {self.path} is held by this very thread")
        try:
            self._wait(timeout, unless)
        except (LockTimeoutError, NotNeededError):
            self._lock = None
            raise
        except (OSError, NotImplementedError) as error:
            log.debug("no lock at %s (%s); going on without", self.path, error)
            self._lock = None
            return False
        with _guard:
            _held[self.path] = threading.get_ident()
        return True

    def _wait(self, timeout: float | None, unless: Callable[[], bool]) -> None:
        started = time.monotonic()
        line_after = FIRST_LINE
        make_directories(self._base, self.path.parent)
        # Shared by threads: whoever closes the writer, which may be another thread, releases it. Kept before it is had,
        # so that Ctrl-C right after that leaves it to `release`.
        lock = self._lock = FileLock(str(self.path), thread_local=False, fallback_to_soft=False)
        while True:
            waited = time.monotonic() - started
            remaining = float("inf") if timeout is None else timeout - waited
            try:
                lock.acquire(timeout=max(0.0, min(remaining, line_after - waited, LOOK_SECONDS)), poll_interval=0.05)
                return
            except Timeout:
                if unless():
                    raise NotNeededError(f"the lock {self.path} is not needed any more") from None
                waited = time.monotonic() - started
                if timeout is not None and waited >= timeout:
                    raise LockTimeoutError(self.path, waited, self._describe_holder()) from None
                if waited >= line_after:
                    log.info("waiting for %s, which computes the same rows", self._describe_holder())
                    line_after += NEXT_LINE

    def release(self) -> None:
        """Let the next one in; does nothing where the lock is not held."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        with _guard:
            # Who was interrupted while waiting has it not, and another thread of this process may.
            if lock.is_locked or _held.get(self.path) == threading.get_ident():
                _held.pop(self.path, None)
        try:
            lock.release()
        except (OSError, RuntimeError) as error:  # RuntimeError: in a forked child, whose parent keeps the lock
            log.debug("the lock %s could not be released: %s", self.path, error)
