"""Files that are whole or not there: atomic replacement, exclusive publication, removal, all without following links.

Everything in the base is written aside, under a name of its own, brought to the disk and then renamed or linked to
where it belongs. So a reader sees the old content or the new, a crash leaves at most an aside file, and two processes
that write at the same time cannot mix what they write, whether or not file locks work.

What is not promised: nothing here protects from another process of the same user that changes files in place.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import time
import uuid
from contextlib import suppress
from pathlib import Path

import xxhash

from .errors import CorruptEntryError
from .paths import ASIDE_PREFIX, aside_name

__all__ = [
    "create_exclusively",
    "digest_file",
    "is_abandoned",
    "is_alive",
    "make_directories",
    "mark_used",
    "read_bounded",
    "refuse_links",
    "remove",
    "remove_empty_parents",
    "replace_atomically",
    "size_on_disk",
    "sync_directory",
    "sync_parents",
]

TRASH = ".trash"
#: Seconds between two records of use; more often would cost a write per hit and tell nothing.
USE_RESOLUTION = 60.0
_CHUNK = 8 * 2**20
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
#: How file systems without hard links answer `os.link`.
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES})
_ASIDE = re.compile(re.escape(ASIDE_PREFIX) + r"([0-9]{1,10})-[0-9a-z_]+", re.ASCII)


def is_alive(pid: int) -> bool:
    """Tell whether a process of this machine runs; another user's counts as running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def is_abandoned(name: str) -> bool:
    """Tell whether a name is that of a file that was written aside by a process of this machine that died since.

    A process of another machine counts as dead. So this is for files whose loss is no harm: their writer makes no more
    of it than of a disk that is full.
    """
    found = _ASIDE.fullmatch(name)
    return found is not None and not is_alive(int(found.group(1)))


def sync_directory(directory: Path) -> None:
    """Bring a directory's names to the disk, so that a rename survives a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and FUSE file systems cannot sync a directory; they order names on their own terms.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
    finally:
        os.close(descriptor)


def sync_parents(base: Path, directory: Path) -> None:
    """Bring to the disk that a directory is there: the names of all levels between it and the base."""
    while directory != base:
        directory = directory.parent
        sync_directory(directory)


def _write_new(path: Path, data: bytes, *, sync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, 0o666)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_atomically(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a file so that others see its old content or its new one, never a part.

    Args:
        path: the file; a symbolic link there is replaced, not followed.
        data: the new content.
        sync: bring it to the disk before it gets its name; leave out for what can be made again. That the name itself
            survives a loss of power takes a `sync_directory` of the caller's.

    Raises:
        OSError: it could not be written; the old content stands.
    """
    aside = path.with_name(aside_name())
    try:
        _write_new(aside, data, sync=sync)
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)
        raise


def create_exclusively(aside: Path, path: Path) -> bool:
    """Publish a finished file under a name that nobody else has taken.

    Args:
        aside: the finished file, in the same directory; it is gone afterwards if this succeeds.
        path: the name to publish it under.

    Returns:
        False where the name is taken; the file is then still aside.
    """
    try:
        os.link(aside, path, follow_symlinks=False)
    except FileExistsError:
        return False
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LINKS:
            raise
        # Without hard links the name is claimed by creating it, which only one can do, and the file renamed over it.
        try:
            _write_new(path, b"", sync=False)
        except FileExistsError:
            return False
        os.replace(aside, path)
        return True
    with suppress(OSError):  # two names of one file; the next writer removes the one aside
        os.unlink(aside)
    return True


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a whole regular file, but no link and nothing larger than a limit.

    Args:
        path: the file.
        limit: bytes that it may have.

    Raises:
        FileNotFoundError: it is not there.
        CorruptEntryError: it is a link, no regular file, or too large.
        OSError: it cannot be read: nothing is known about it.
    """
    try:
        # O_NONBLOCK: opening a named pipe that somebody put there must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _NOFOLLOW | _CLOEXEC)
    except NotADirectoryError as error:
        raise FileNotFoundError(*error.args) from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
            raise CorruptEntryError(path, "it is no regular file") from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CorruptEntryError(path, "it is no regular file")
        if status.st_size > limit:
            raise CorruptEntryError(path, f"it has {status.st_size} bytes, at most {limit} are expected")
        pieces, room = [], limit + 1
        while room > 0 and (piece := os.read(descriptor, min(room, _CHUNK))):
            pieces.append(piece)
            room -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def mark_used(path: Path) -> None:
    """Remember in a file's or directory's modification time that it was used now.

    Args:
        path: the file or directory; not what a link leads to.

    Raises:
        OSError: it is gone, or another user's.
    """
    if abs(time.time() - os.stat(path, follow_symlinks=False).st_mtime) > USE_RESOLUTION:
        os.utime(path, follow_symlinks=False)


def digest_file(path: Path) -> str:
    """Give the xxh3-128 of a file's bytes, 32 hexadecimal digits."""
    hasher = xxhash.xxh3_128()
    descriptor = os.open(path, os.O_RDONLY | _NOFOLLOW | _CLOEXEC)
    try:
        while piece := os.read(descriptor, _CHUNK):
            hasher.update(piece)
    finally:
        os.close(descriptor)
    return hasher.hexdigest()


def size_on_disk(path: str | os.PathLike[str]) -> int:
    """Give the bytes of a file, or of all files below a directory; links are not followed; 0 where it is gone."""
    try:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            return status.st_size
        names = os.listdir(path)
    except OSError:
        return 0
    return sum(size_on_disk(f"{os.fspath(path)}{os.sep}{name}") for name in names)


def make_directories(base: Path, directory: Path) -> None:
    """Create a directory below the base, one level after the other, none of them a symbolic link.

    Args:
        base: the root; it must be there, and may itself be reached through links.
        directory: a directory below it.

    Raises:
        OSError: a level is a link or a file, or cannot be created.
    """
    current = base
    for part in directory.relative_to(base).parts:
        current = current / part
        try:
            os.mkdir(current)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(current).st_mode):
                raise NotADirectoryError(
                    errno.ENOTDIR, "a link or file stands where the cache needs a directory; remove it", str(current)
                ) from None


def refuse_links(base: Path, path: Path) -> None:
    """Make sure that no directory between the base and a path is a symbolic link.

    Raises:
        OSError: one is, so what lies at the path may not lie in the base.
    """
    current = base
    for part in path.relative_to(base).parts[:-1]:
        current = current / part
        if stat.S_ISLNK(os.lstat(current).st_mode):
            raise OSError(errno.ELOOP, "a symbolic link inside the cache base is not followed; remove it", str(current))


def remove(base: Path, path: Path) -> bool:
    """Remove a file or a directory of the base; a directory is renamed aside first, so it is never half there.

    Args:
        base: the root, which holds the place where removed directories wait.
        path: what to remove; a symbolic link goes, not what it points to.

    Returns:
        False where it was not there. What a crash leaves behind waits in ``.trash`` for the next prune.

    Raises:
        OSError: it cannot be removed, or a link leads to it.
    """
    try:
        refuse_links(base, path)
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return True
        trash = base / TRASH
        make_directories(base, trash)
        aside = trash / uuid.uuid4().hex
        os.rename(path, aside)
    except FileNotFoundError:
        return False
    with suppress(OSError):
        sync_directory(path.parent)
    shutil.rmtree(aside, ignore_errors=True)
    return True


def remove_empty_parents(base: Path, directory: Path) -> None:
    """Remove a directory and those above it, up to the base, as far as they are empty."""
    with suppress(OSError, ValueError):
        for _ in directory.relative_to(base).parts:
            os.rmdir(directory)
            directory = directory.parent
