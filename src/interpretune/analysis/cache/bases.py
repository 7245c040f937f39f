"""A base as a directory: whether it can be trusted, what marks it as a cache, and where in it a key's entry lies."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import UnsafeBaseError
from .files import make_directories, read_bounded, replace_atomically
from .paths import safe_name

__all__ = ["DEPTH", "KEYS", "Location", "check_safe", "directories_at", "place_of", "prepare", "record_place"]

ALLOW_VARIABLE = "IT_ANALYSIS_CACHE_ALLOW_SHARED"
KEYS = ".keys"
#: Levels of directories between the base and an entry.
DEPTH = 4
_TAG = b"""Signature: 8a477f597d28d172789f06886806bc55
# This directory holds a cache of analyses, made by interpretune.analysis.cache.
# What this file is for: https://bford.info/cachedir/
"""
_IGNORE = b"*\n"


@dataclass(frozen=True)
class Location:
    """The names for people under which an entry lies; any text, made safe as parts of a path.

    Args:
        config: name of the dataset's configuration; None for ``default``.
        data: digest or name of the dataset.
        module: name of the model's class.
        op: name of the analysis.
    """

    config: str | None = None
    data: str = ""
    module: str = ""
    op: str = ""

    def directory(self, key: str) -> PurePosixPath:
        """Give the entry's directory, relative to the base."""
        return PurePosixPath(
            safe_name(self.config),
            safe_name(self.data, "data"),
            safe_name(self.module, "module"),
            f"{safe_name(self.op, 'op')}-{key}",
        )


def check_safe(base: Path) -> None:
    """Make sure that nobody but its owner decides what lies in a base, or that its owner is this user.

    Args:
        base: the root; it need not be there.

    Raises:
        UnsafeBaseError: everybody may write to it, and it belongs to another user. Not raised where
            ``IT_ANALYSIS_CACHE_ALLOW_SHARED=1`` says that this is meant.
    """
    try:
        status = os.stat(base)
    except OSError:
        return  # whoever reads or writes there is told
    if not status.st_mode & stat.S_IWOTH or status.st_uid == os.geteuid():
        return
    if os.environ.get(ALLOW_VARIABLE, "").strip().lower() not in ("1", "true", "yes", "on"):
        raise UnsafeBaseError(base, "everybody may write to it, and it belongs to another user")


def prepare(base: Path) -> None:
    """Create a base, and mark it so that backups and version control leave it alone."""
    base.mkdir(parents=True, exist_ok=True)
    for name, content in (("CACHEDIR.TAG", _TAG), (".gitignore", _IGNORE)):
        if not os.path.lexists(base / name):
            with suppress(OSError):
                replace_atomically(base / name, content, sync=False)


def place_of(base: Path, key: str) -> Path | None:
    """Give the directory that is noted for a key; None where none is, or where the note leads out of the base."""
    try:
        text = read_bounded(base / KEYS / key[:2] / key, 4096).decode()
    except (OSError, UnicodeDecodeError):
        return None
    relative = PurePosixPath(text.strip("\n"))
    is_inside = (
        len(relative.parts) == DEPTH
        and not relative.is_absolute()
        and not any(part.startswith(".") or "\0" in part for part in relative.parts)
        and relative.name.endswith(f"-{key}")
    )
    return base / relative if is_inside else None


def record_place(base: Path, key: str, path: Path) -> None:
    """Note where the entry of a key lies; without the note it is found under the same names only, so nothing fails."""
    if place_of(base, key) == path:
        return
    with suppress(OSError):
        note = base / KEYS / key[:2] / key
        make_directories(base, note.parent)
        replace_atomically(note, (path.relative_to(base).as_posix() + "\n").encode(), sync=False)


def directories_at(directory: str | os.PathLike[str], depth: int) -> Iterator[str]:
    """Give the directories so many levels below another, without following links or hidden names."""
    try:
        with os.scandir(directory) as found:
            below = sorted(
                item.path for item in found if item.is_dir(follow_symlinks=False) and not item.name.startswith(".")
            )
    except OSError:
        return
    for path in below:
        if depth == 1:
            yield path
        else:
            yield from directories_at(path, depth - 1)
