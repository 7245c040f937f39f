"""The writer of one shard: rows to an Arrow stream file that ``datasets`` opens without this library.

Bytes are hashed on their way to the file, so that a shard's checksum costs no second reading of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash
from datasets import Features

from .rows import EncodedRows, RowEncoder, estimate_bytes

__all__ = ["ShardStats", "ShardWriter"]

# Batches below this size are gathered before they are written: a file of many tiny record batches is slow to open and
# to take rows from.
_GATHER_BYTES = 1 * 2**20
_GATHER_ROWS = 1000
# Hashed and written in slices that stay in the processor's cache between the two.
_SLICE_BYTES = 4 * 2**20
_SCRAP_BYTES = 4096
# Brought to the disk in the background from then on.
_SYNC_BYTES = 2 * 2**20
# glibc and musl have it, Python does not; see sync_file_range(2).
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None) if sys.platform == "linux" else None
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_SYNC_FILE_RANGE_WRITE = 2


@dataclass(frozen=True)
class ShardStats:
    """What a finished shard holds.

    Args:
        rows: number of rows.
        bytes: size of the file.
        xxh3_128: checksum of the whole file, 32 hex digits.
    """

    rows: int
    bytes: int
    xxh3_128: str


class ShardWriter:
    """Writes rows into one new Arrow stream file.

    The file holds the features in its schema as ``datasets`` puts them there, so that ``Dataset.from_file`` restores
    them. A shard without rows is a valid file. One thread at a time may use a writer.

    Args:
        path: the file to make; it must not exist.
        features: features of the rows.
        first_row: index of the shard's first row in the dataset, for messages.

    Attributes:
        rows: rows taken so far.

    Raises:
        FileExistsError: there is such a file already.
    """

    def __init__(self, path: Path, features: Features, *, first_row: int = 0) -> None:
        self.path = Path(path)
        self.rows = 0
        self._first_row = first_row
        self._encoder = RowEncoder(features)
        self._gathered: list[pa.RecordBatch] = []
        self._gathered_rows = 0
        self._gathered_bytes = 0
        self._closed = False
        self._file = _HashedFile(self.path)
        # Arrow writes a record batch as many scraps of few bytes and its large buffers, which are passed on uncopied.
        # The scraps are put together out of Python: each call would need the interpreter's lock, as the step does.
        self._sink = pa.BufferedOutputStream(pa.PythonFile(self._file, mode="w"), _SCRAP_BYTES)
        self._stream = pa.ipc.new_stream(self._sink, self._encoder.schema)

    @property
    def bytes(self) -> int:
        """Bytes taken so far: those in the file, and those gathered for its next record batch."""
        return self._file.size + self._gathered_bytes

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows; the caller may change their tensors as soon as this returns.

        Args:
            rows: mappings from each column's name to its value.

        Raises:
            RowError: a row does not fit the features. None of these rows is written then, all earlier ones stay.
            OSError: the file could not be written. The writer is of no more use then than to be aborted.
        """
        # Small rows wait to be gathered and need memory of their own; large ones are written from the tensors' memory.
        gather = sum(map(estimate_bytes, rows)) < _GATHER_BYTES
        self._append(self._encoder.encode(rows, first_row=self._first_row + self.rows, own=gather), gather=gather)

    def write_encoded(self, encoded: EncodedRows) -> None:
        """Append rows that were encoded before, for the same features and with memory of their own.

        Args:
            encoded: the rows, from ``RowEncoder.encode(..., own=True)``.

        Raises:
            OSError: the file could not be written. The writer is of no more use then than to be aborted.
        """
        self._append(encoded, gather=True)

    def _append(self, encoded: EncodedRows, *, gather: bool) -> None:
        if self._closed:
            raise ValueError(f"the shard {str(self.path)!r} is closed; rows need a new one")
        for batch in encoded.batches:
            # Asking Arrow goes through all of its buffers.
            nbytes = encoded.nbytes if len(encoded.batches) == 1 else batch.nbytes
            if not gather or nbytes >= _GATHER_BYTES:
                self._write_gathered()
                self._stream.write_batch(batch)
                continue
            self._gathered.append(batch)
            self._gathered_rows += batch.num_rows
            self._gathered_bytes += nbytes
            if self._gathered_bytes >= _GATHER_BYTES or self._gathered_rows >= _GATHER_ROWS:
                self._write_gathered()
        self.rows += encoded.rows

    def _write_gathered(self) -> None:
        if self._gathered:
            table = pa.Table.from_batches(self._gathered).combine_chunks()
            self._gathered, self._gathered_rows, self._gathered_bytes = [], 0, 0
            self._stream.write_table(table)

    def close(self) -> ShardStats:
        """Finish the file and bring it to the disk.

        Returns:
            The shard's rows, size and checksum.

        Raises:
            OSError: the file could not be written; ``abort`` removes it.
            ValueError: the writer was closed or aborted before.
        """
        if self._closed:
            raise ValueError(f"the shard {str(self.path)!r} is closed already")
        self._write_gathered()
        self._stream.close()
        self._sink.flush()
        checksum = self._file.finish()
        self._closed = True
        return ShardStats(self.rows, self._file.size, checksum)

    def abort(self) -> None:
        """Give the shard up and remove its file. Never raises; does nothing after ``close``."""
        if self._closed:
            return
        self._closed = True
        self._gathered = []
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self.path.unlink()


class _HashedFile:
    """A new file whose checksum and size are known when it is complete; what Arrow needs of a file to write to."""

    def __init__(self, path: Path) -> None:
        self._raw = open(path, "xb", buffering=0)  # noqa: SIM115 - closed by its owner
        self._hash = xxhash.xxh3_128()
        self.size = 0
        self._syncing = 0  # up to there it is on its way to the disk
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _SLICE_BYTES):
            self._put(view[start : start + _SLICE_BYTES])
        return len(view)

    def _put(self, part: memoryview) -> None:
        self._hash.update(part)
        self.size += len(part)
        while part:
            part = part[self._raw.write(part) :]
        if self.size - self._syncing >= _SYNC_BYTES:
            _begin_to_sync(self._raw.fileno(), self._syncing, self.size - self._syncing)
            self._syncing = self.size

    def flush(self) -> None:
        """Nothing to do: nothing is held back here."""

    def tell(self) -> int:
        """Give the number of bytes written."""
        return self.size

    def finish(self) -> str:
        """Bring everything to the disk, close the file and return its checksum."""
        os.fsync(self._raw.fileno())
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        self.closed = True
        self._raw.close()


def _begin_to_sync(descriptor: int, offset: int, nbytes: int) -> None:
    """Let the system begin to bring a part of a file to the disk, so that little is left when the file is synced.

    Linux only, and only a hint: nothing is promised of when it is done, and what goes wrong is told when the file is
    synced. Elsewhere the sync at the end has all to do.

    Args:
        descriptor: of the file, open for writing.
        offset: where the part begins,
        nbytes: and how long it is.
    """
    if _sync_file_range is not None:
        _sync_file_range(descriptor, offset, nbytes, _SYNC_FILE_RANGE_WRITE)
