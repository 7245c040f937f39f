"""Digests of columns that lie in unchanged, memory-mapped files, remembered across processes.

A column is remembered by where its bytes lie: for each of its buffers the place in a mapped file, and for each file
path, device, inode, size, modification and change times. So whatever leads to the same bytes (a slice, a selection,
another process) finds the digest, and whatever has bytes in memory is read.

A mapping outlives its name: a file may be replaced while a dataset still shows the old one. Hence a file is only
believed to be the one under its path if the kernel says that both mappings have the same inode, which takes
``/proc/self/maps``; where there is none (macOS), every column is read. A file that was touched within the last
`SETTLED_SECONDS` is not remembered, as a second change could leave the same times. What is not seen: writes through
another process's mapping that the kernel has not yet dated.
"""

from __future__ import annotations

import bisect
import json
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..paths import aside_name
from .tokens import frame, hex_digest

__all__ = ["remember_in", "remembered_digests"]

#: Part of each name in the store; grows when columns get other digests.
VERSION = 1
#: Tables with fewer bytes are read faster than looked up.
MIN_BYTES = 16 * 2**20
SETTLED_SECONDS = 2.0
MAPS = Path("/proc/self/maps")

_directory: ContextVar[tuple[Path, int] | None] = ContextVar("directory of remembered digests", default=None)


@contextmanager
def remember_in(directory: Path | None, *, min_bytes: int = MIN_BYTES) -> Iterator[None]:
    """Remember digests in a directory within a ``with`` block; outside of one, nothing is remembered.

    Args:
        directory: where the small files are kept; made when first needed. None remembers nothing.
        min_bytes: tables with fewer bytes are always read.
    """
    token = _directory.set(None if directory is None else (directory, min_bytes))
    try:
        yield
    finally:
        _directory.reset(token)


def remembered_digests(
    columns: Mapping[str, pa.ChunkedArray], rows: np.ndarray[Any, Any] | None
) -> tuple[dict[str, bytes], Callable[[Mapping[str, bytes]], None]]:
    """Look up the tokens of columns, and prepare to remember those that are not found.

    Args:
        columns: the columns by name.
        rows: which of their rows are meant, in which order; None for all as they are.

    Returns:
        The tokens found, by column name, and a function that takes the tokens computed for the others.
    """
    place = _directory.get()
    if place is None or not MAPS.exists() or sum(column.nbytes for column in columns.values()) < place[1]:
        return {}, lambda tokens: None
    directory = place[0]
    mapped = _Mapped()
    names: dict[str, str] = {}
    chosen = frame("all rows") if rows is None else frame("rows", np.ascontiguousarray(rows, "<i8").tobytes())
    for name, column in columns.items():
        layout = mapped.layout(column)
        if layout is not None:
            names[name] = hex_digest(frame("mapped column", str(VERSION).encode(), layout, chosen))
    found = {}
    for name, stored in names.items():
        token = _read(directory / stored)
        if token is not None:
            found[name] = token

    def remember(tokens: Mapping[str, bytes]) -> None:
        missing = {name: stored for name, stored in names.items() if name not in found and name in tokens}
        if missing and mapped.settled():
            with suppress(OSError):
                directory.mkdir(parents=True, exist_ok=True)
                for name, stored in missing.items():
                    _write(directory / stored, tokens[name])

    return found, remember


def _read(path: Path) -> bytes | None:
    # Whatever is not one of our small files is as good as none.
    try:
        stored = json.loads(path.read_bytes()[:1000])
        token = bytes.fromhex(stored["token"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return token if len(token) == 17 and token[:1] == b"@" else None


def _write(path: Path, token: bytes) -> None:
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=aside_name())
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump({"token": token.hex()}, file)
        os.replace(aside, path)
    except OSError:
        with suppress(OSError):
            os.unlink(aside)
        raise


@dataclass(frozen=True)
class _Region:
    """A stretch of this process's memory that shows a file."""

    start: int
    end: int
    offset: int
    device: str
    inode: str
    path: str


def _regions() -> list[_Region]:
    regions = []
    for line in MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[4] != "0":
            start, _, end = fields[0].partition("-")
            regions.append(_Region(int(start, 16), int(end, 16), int(fields[2], 16), fields[3], fields[4], fields[5]))
    return regions


@dataclass
class _Mapped:
    """The files that this process has mapped, and which buffers lie in them."""

    regions: list[_Region] = field(default_factory=_regions)
    #: By device and inode: path, and what `os.stat` said; None where the file is no longer the one under its path.
    files: dict[tuple[str, str], tuple[str, os.stat_result] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._starts = [region.start for region in self.regions]

    def layout(self, column: pa.ChunkedArray) -> bytes | None:
        """Give a token of where all bytes of a column lie; None where any lies outside of a known file."""
        pieces: list[str] = [str(column.type)]
        files: dict[tuple[str, str], int] = {}
        for chunk in column.chunks:
            for length, offset, buffers in _parts(chunk):
                if buffers is None:
                    return None
                pieces.append(f"{length},{offset}")
                for buffer in buffers:
                    if buffer is None or buffer.size == 0:
                        pieces.append("-")
                        continue
                    region = self._region(buffer)
                    if region is None:
                        return None
                    key = (region.device, region.inode)
                    number = files.setdefault(key, len(files))
                    place = buffer.address - region.start + region.offset
                    pieces.append(f"{number}:{place}:{buffer.size}")
        known = [self._file(key) for key in files]
        if not known or None in known:
            return None
        identities = [_identity(path, seen) for path, seen in filter(None, known)]
        return frame("layout", *identities, "\n".join(pieces).encode())

    def settled(self) -> bool:
        """Tell whether no file was touched lately, nor since it was first looked at."""
        now = time.time()
        for path, seen in filter(None, self.files.values()):
            try:
                again = os.stat(path)
            except OSError:
                return False
            if _identity(path, again) != _identity(path, seen):
                return False
            if now < max(seen.st_mtime, seen.st_ctime) + SETTLED_SECONDS:
                return False
        return True

    def _region(self, buffer: pa.Buffer) -> _Region | None:
        index = bisect.bisect_right(self._starts, buffer.address) - 1
        if index < 0 or buffer.address + buffer.size > self.regions[index].end:
            return None
        return self.regions[index]

    def _file(self, key: tuple[str, str]) -> tuple[str, os.stat_result] | None:
        if key not in self.files:
            path = next(region.path for region in self.regions if (region.device, region.inode) == key)
            self.files[key] = _same_file(path, key)
        return self.files[key]


def _same_file(path: str, key: tuple[str, str]) -> tuple[str, os.stat_result] | None:
    """Give path and status of a mapped file if it is still the file under its path."""
    # The kernel shows other device numbers than `os.stat` on some file systems, so a mapping is held against a mapping.
    with ExitStack() as stack:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            seen = os.fstat(descriptor)
            probe = stack.enter_context(mmap.mmap(descriptor, 1, prot=mmap.PROT_READ))
        except (OSError, ValueError):
            return None
        address = np.frombuffer(probe, np.uint8).ctypes.data
        for region in _regions():
            if region.start <= address < region.end:
                return (path, seen) if (region.device, region.inode) == key else None
    return None


def _identity(path: str, seen: os.stat_result) -> bytes:
    numbers = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    return frame("file", path.encode("utf-8", "surrogateescape"), *(str(number).encode() for number in numbers))


def _parts(array: pa.Array) -> Iterator[tuple[int, int, list[pa.Buffer | None] | None]]:
    """Give length, offset and own buffers of an array and of all that it is made of; no buffers where unknown."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        yield from _parts(array.storage)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield len(array), array.offset, array.buffers()[:2]
        yield from _parts(array.values)
    elif pa.types.is_fixed_size_list(kind):
        yield len(array), array.offset, array.buffers()[:1]
        yield from _parts(array.values)
    elif pa.types.is_struct(kind):
        yield len(array), array.offset, array.buffers()[:1]
        for index in range(kind.num_fields):
            yield from _parts(array.field(index))
    elif kind.num_fields or pa.types.is_dictionary(kind) or pa.types.is_null(kind):
        yield len(array), array.offset, None
    else:
        yield len(array), array.offset, array.buffers()
