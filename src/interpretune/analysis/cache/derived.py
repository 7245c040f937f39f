"""Where Hugging Face `datasets` may put what it makes of an entry beside which it may not write.

What `map`, `filter`, `sort` and others make of a dataset `datasets` keeps in the directory of the dataset's first file,
and finds again there. For an entry of the base that is the entry's directory, as is right: nothing of an entry is
called ``cache-…``, and it goes with the entry. An entry of a read-only base, or in a directory of another user's, gets
a directory of links to its shards instead, ``<base>/.derived/<key>/<shards>/``, and the links are what is mapped.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import xxhash

from .files import make_directories, mark_used
from .manifest import Manifest

__all__ = ["DERIVED", "derived_directories", "derived_directory", "is_derived", "linked", "unfinished"]

DERIVED = ".derived"
#: Seconds after which a file that `datasets` has not finished belongs to a process that died.
UNFINISHED = 3600.0
#: What `datasets` calls what it makes of a dataset, and what that is called until it is finished.
_FINISHED, _UNFINISHED = re.compile(r"cache-.*\.arrow"), re.compile(r"tmp[a-z0-9_]{8}", re.ASCII)


def is_derived(name: str) -> bool:
    """Tell whether a file has a name that `datasets` gives to what it makes of a dataset."""
    return bool(_FINISHED.fullmatch(name) or _UNFINISHED.fullmatch(name))


def unfinished(directory: Path, *, at_work: bool) -> list[Path]:
    """Give what `datasets` has not finished in a directory.

    Args:
        directory: an entry's directory, or a derived one.
        at_work: give what somebody is writing; else what those who died left there.
    """
    found = []
    with suppress(OSError):
        for path in directory.iterdir():
            with suppress(OSError):
                if _UNFINISHED.fullmatch(path.name):
                    is_fresh = abs(time.time() - os.lstat(path).st_mtime) < UNFINISHED
                    found += [path] if is_fresh == at_work else []
    return found


def derived_directory(base: Path, entry: Path, manifest: Manifest) -> Path:
    """Give the directory for what is made of an entry; it need not be there.

    Args:
        base: the root that can be written to.
        entry: the entry's directory.
        manifest: its manifest; other shards have another directory, as `datasets` tells rows apart by their key only.
    """
    shards = xxhash.xxh3_64(os.fsencode(entry.absolute()))
    for shard in manifest.shards:
        shards.update(f"\0{shard.file}\0{shard.xxh3_128}".encode())
    return base / DERIVED / manifest.key / shards.hexdigest()


def linked(directory: Path, source: Path, names: Iterable[str]) -> Path:
    """Give a directory in which files can be mapped, and beside them something be written.

    Args:
        directory: what `derived_directory` gave.
        source: the entry's directory.
        names: names of its shards.

    Returns:
        ``directory``, with links to the files; ``source`` where no links can be made.
    """
    try:
        make_directories(directory.parents[2], directory)
        for name in names:
            _link(directory / name, os.path.abspath(source / name))
        mark_used(directory)
    except OSError:
        return source
    return directory


def _link(path: Path, target: str) -> None:
    try:
        os.symlink(target, path)
    except FileExistsError:
        if os.readlink(path) != target:
            raise OSError(errno.EEXIST, "a link of the cache leads elsewhere", str(path)) from None


def derived_directories(base: Path) -> Iterator[tuple[Path, float]]:
    """Give the directories that there are, with the time of their last use in seconds since the epoch."""
    with suppress(OSError):
        for key in sorted((base / DERIVED).iterdir()):
            with suppress(OSError):
                for directory in sorted(key.iterdir()):
                    with suppress(OSError):
                        yield directory, os.lstat(directory).st_mtime
