"""Faults at each file-system call of the cache: the call fails, or the process dies before it, or both in turn.

A death is played inside the process: from that call on, every further call raises as well, so no clean-up can touch the
disk, just as after SIGKILL. What is on the disk then is what a real death leaves.
"""

from __future__ import annotations

import builtins
import gc
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interpretune.analysis.cache import leftovers, locks, opening, writer

#: Functions of `os` that the cache uses, each with the positions of its arguments that are paths.
CALLS = {
    **dict.fromkeys(["open", "mkdir", "unlink", "rmdir", "stat", "lstat", "listdir", "scandir", "utime"], (0,)),
    **dict.fromkeys(["replace", "rename", "link"], (0, 1)),
    **dict.fromkeys(["write", "fsync"], ()),
}


class Death(BaseException):
    """The process is no more."""


class Faults:
    """Counts the calls below a base, and lets one of them go wrong.

    Args:
        base: paths below it count.
        fails_at: number of the call that fails; None for none.
        error: what it raises.
        dies_at: number of the call before which the process dies; None for none.
    """

    def __init__(
        self, base: Path, *, fails_at: int | None = None, error: OSError | None = None, dies_at: int | None = None
    ) -> None:
        self.base = f"{base}{os.sep}"
        self.fails_at = fails_at
        self.error = error
        self.dies_at = dies_at
        self.made: list[str] = []
        self.is_dead = False
        self._lock = threading.Lock()

    def call(self, name: str, paths: tuple[Any, ...], act: Callable[[], Any]) -> Any:
        """Carry out a call, or not."""
        if paths and not any(isinstance(path, (str, os.PathLike)) and self._is_below(path) for path in paths):
            return act()
        with self._lock:
            if self.is_dead:
                raise Death
            number = len(self.made)
            self.made.append(f"{name} {' '.join(os.path.basename(os.fspath(path)) for path in paths)}")
        if number == self.dies_at:
            self.is_dead = True
            raise Death
        if number == self.fails_at and self.error is not None:
            raise type(self.error)(*self.error.args)
        return act()

    def _is_below(self, path: str | os.PathLike[str]) -> bool:
        return os.path.abspath(os.fspath(path)).startswith(self.base)


class _RawFile:
    """A file opened for a shard, whose writes and name count."""

    def __init__(self, faults: Faults, raw: Any) -> None:
        self._faults, self._raw = faults, raw

    def write(self, data: Any) -> int:
        return self._faults.call("file.write", (), lambda: self._raw.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


@contextmanager
def injected(faults: Faults) -> Iterator[Faults]:
    """Let the calls of a block go through `Faults`; afterwards the process is as if newly started."""
    with pytest.MonkeyPatch.context() as patch:
        for name, positions in CALLS.items():
            patch.setattr(os, name, _wrapped(faults, name, getattr(os, name), positions))
        plain_open = io.open

        def opened(file: Any, *args: Any, **kwargs: Any) -> Any:
            return faults.call("open", (file,), lambda: plain_open(file, *args, **kwargs))

        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        patch.setattr(
            writer, "open", lambda file, *args, **kwargs: _RawFile(faults, opened(file, *args, **kwargs)), raising=False
        )
        patch.setattr(opening, "_map_shard", _wrapped(faults, "map", opening._map_shard, (0,)))
        try:
            yield faults
        finally:
            if faults.is_dead:
                leftovers.own_marks.clear()
                locks._held.clear()
                gc.collect()  # closes the lock's file


def _wrapped(faults: Faults, name: str, function: Callable[..., Any], positions: tuple[int, ...]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        paths = tuple(_path(args[position], kwargs.get("dir_fd")) for position in positions if position < len(args))
        if positions and None in paths:
            return function(*args, **kwargs)
        return faults.call(name, paths, lambda: function(*args, **kwargs))

    return call


def _path(given: Any, directory: int | None) -> Any:
    """Give the path that a call means, by name or, as in `shutil.rmtree`, by descriptor; None where it is not known."""
    if not isinstance(given, int) and directory is None:
        return given
    try:
        opened = os.readlink(f"/proc/self/fd/{given if isinstance(given, int) else directory}")
    except OSError:
        return None
    return opened if isinstance(given, int) else os.path.join(opened, os.fspath(given))
