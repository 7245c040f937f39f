"""Taking what a step gives, batch by batch: copied at once, as the step may fill its rows and buffers again.

The copies are encoded by the thread that writes them, so that the step waits for as little as can be. Encoding costs
much per call and little per row, so small batches wait for each other and are encoded together. What is of a kind that
is not known here, or has many Python objects to be copied, is encoded at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from types import NoneType
from typing import Any

import numpy as np

from .errors import RowError
from .recycling import SMALL_BYTES, RecycledMemory
from .rows import EncodedRows, RowEncoder, describe

__all__ = ["Gathered", "Gathering"]

#: Seconds of computing and rows that wait at most: what a crash costs beyond what is on its way to the disk.
WAIT_SECONDS, WAIT_ROWS = 0.05, 1000
#: Bytes of a batch that waits for no other.
LARGE_BYTES = 2**20
#: Python objects that a row may hold to be copied: more take longer to copy than the time that is saved.
SMALL_ROW = 4096
_UNCHANGING = frozenset({NoneType, bool, int, float, complex, date, datetime, timedelta, clock_time, Decimal})


@dataclass(frozen=True)
class Gathered:
    """The rows of one or several batches, as they were when the step gave them.

    Args:
        rows: copies that nobody changes, or the same encoded.
        batch_rows: how many of the rows each batch has.
        seconds: time spent computing each batch.
        first_row: number of the first row, for messages.
        nbytes: about how many bytes they hold.
    """

    rows: Sequence[dict[str, Any]] | EncodedRows
    batch_rows: tuple[int, ...]
    seconds: tuple[float, ...]
    first_row: int
    nbytes: int

    def encoded(self, encoder: RowEncoder) -> Iterator[tuple[EncodedRows, float]]:
        """Give the rows encoded, with the seconds that computing them took.

        Args:
            encoder: encodes the rows.

        Raises:
            RowError: a row does not fit; the batches before it were given.
        """
        if isinstance(self.rows, EncodedRows):
            yield self.rows, sum(self.seconds)
            return
        try:
            together = encoder.encode(self.rows, first_row=self.first_row, own=False)
        except RowError:
            # Up to the wrong one, the batches are right; and what is wrong may be only that they were put together.
            start = 0
            for count, seconds in zip(self.batch_rows, self.seconds, strict=True):
                rows = self.rows[start : start + count]
                yield encoder.encode(rows, first_row=self.first_row + start, own=False), seconds
                start += count
        else:
            yield replace(together, batch_rows=self.batch_rows), sum(self.seconds)

    def now_encoded(self, encoder: RowEncoder) -> Iterator[Gathered]:
        """Give the same, encoded here and now.

        Args:
            encoder: encodes the rows.

        Raises:
            RowError: a row does not fit; the batches before it were given.
        """
        first = self.first_row
        for rows, seconds in self.encoded(encoder):
            yield Gathered(rows, rows.batch_rows, (seconds,), first, rows.nbytes)
            first += rows.rows


class Gathering:
    """Takes what a step gives for each batch and hands it over, in order.

    Args:
        encoder: encodes what is not copied.
        hand_over: takes the rows of one or several batches.
        first_row: number of the first row, for messages.
        max_bytes: about how many bytes may wait; what a shard holds.
    """

    def __init__(
        self, encoder: RowEncoder, hand_over: Callable[[Gathered], None], *, first_row: int, max_bytes: int
    ) -> None:
        self._encoder = encoder
        self._hand_over = hand_over
        self._large_bytes = min(LARGE_BYTES, max_bytes)
        self._waiting: list[tuple[list[dict[str, Any]], float]] = []
        self._waiting_since = 0.0
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._next_row = first_row
        self._began = time.perf_counter()

    def add(self, produced: Any) -> None:
        """Take what a step returned for a batch.

        Args:
            produced: one row, or an iterable of rows; it is gone through here, so that a generator computes them now.

        Raises:
            RowError: a row does not fit, as far as that is seen here; those before it were handed over or wait.
        """
        if isinstance(produced, Mapping):
            produced = [produced]
        elif isinstance(produced, (str, bytes)) or not isinstance(produced, Iterable):
            wanted = "a row (a mapping from column names to values) or an iterable of rows"
            raise RowError(self._next_row, "", wanted, describe(produced))
        encoded, copies, nbytes = self._take(produced)
        now = time.perf_counter()
        seconds = now - self._began
        if encoded is not None:
            self.flush()
            self._next_row += encoded.rows
            first = self._next_row - encoded.rows
            self._hand_over(Gathered(encoded, encoded.batch_rows, (seconds,), first, encoded.nbytes))
        else:
            if nbytes >= self._large_bytes:
                self.flush()  # put together with others, its elements would have to be copied once more
            self._waiting_since = self._waiting_since if self._waiting else now
            self._waiting.append((copies, seconds))
            self._waiting_rows += len(copies)
            self._waiting_bytes += nbytes
            self._next_row += len(copies)
            is_late = now - self._waiting_since + seconds >= WAIT_SECONDS
            if is_late or self._waiting_rows >= WAIT_ROWS or self._waiting_bytes >= self._large_bytes:
                self.flush()
        self._began = time.perf_counter()

    def flush(self) -> None:
        """Hand over what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        first, nbytes = self._next_row - self._waiting_rows, self._waiting_bytes
        self._waiting_rows = self._waiting_bytes = 0
        rows = [row for copies, _ in waiting for row in copies]
        batch_rows = tuple(len(copies) for copies, _ in waiting)
        self._hand_over(Gathered(rows, batch_rows, tuple(seconds for _, seconds in waiting), first, nbytes))

    def _take(self, produced: Iterable[Any]) -> tuple[EncodedRows | None, list[dict[str, Any]], int]:
        """Give copies of the rows of a batch and their bytes, or the rows encoded where one cannot be copied."""
        copies: list[dict[str, Any]] = []
        pieces: list[EncodedRows] = []
        first, nbytes = self._next_row, 0
        for row in produced:
            copied = _Copy(self._encoder.memory).of_row(row)
            if copied is not None:
                copies.append(copied[0])
                nbytes += copied[1]
                continue
            if isinstance(produced, Sequence):
                return self._encoder.encode(produced, first_row=first), [], 0
            # A generator may fill this row again for the next one.
            for several in (copies, [row]):
                pieces.append(self._encoder.encode(several, first_row=first))
                first += len(several)
            copies = []
        if pieces:
            return EncodedRows.join([*pieces, self._encoder.encode(copies, first_row=first)]), [], 0
        return None, copies, nbytes


class _NotCopied(Exception):
    """A row holds too much to be copied, or what is not known here."""


class _Copy:
    """Makes the copy of one row.

    Args:
        memory: where the elements of large tensors and arrays are copied to.
    """

    def __init__(self, memory: RecycledMemory) -> None:
        self._memory = memory
        self._room = SMALL_ROW
        self._nbytes = 0

    def of_row(self, row: Any) -> tuple[dict[str, Any], int] | None:
        """Give a copy of a row and about how many bytes it holds; None where it cannot be copied quickly."""
        if not isinstance(row, Mapping):
            return None  # the encoder says what is wrong
        try:
            return {name: self._of(row[name]) for name in row}, self._nbytes
        except _NotCopied:
            return None

    def _of(self, value: Any) -> Any:
        kind = type(value)
        self._count(1, 8)
        if kind in _UNCHANGING or isinstance(value, np.generic):
            return value
        if kind is list or kind is tuple:
            self._count(len(value), 0)
            return kind([self._of(item) for item in value])
        if kind is dict:
            return {name: self._of(item) for name, item in value.items()}
        if kind is np.ndarray and value.dtype.kind in "biufcSUMm":
            self._count(0, value.nbytes)
            return self._of_array(value)
        if kind is str or kind is bytes:
            self._count(0, len(value))
            return value
        torch = sys.modules.get("torch")
        if torch is not None and kind is torch.Tensor and value.layout is torch.strided and not value.is_quantized:
            nbytes = value.numel() * value.element_size()
            self._count(0, nbytes)
            return self._of_tensor(value.detach(), nbytes)
        raise _NotCopied

    def _of_array(self, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if value.nbytes < SMALL_BYTES or value.dtype.kind not in "biufc":
            return value.copy()
        copy = np.frombuffer(self._memory.allocate(value.nbytes), dtype=value.dtype).reshape(value.shape)
        np.copyto(copy, value)
        return copy

    def _of_tensor(self, value: Any, nbytes: int) -> Any:
        if not value.is_cpu:
            return value.cpu()
        try:
            held = value.numpy() if nbytes >= SMALL_BYTES else None
        except (TypeError, RuntimeError):  # of a dtype that numpy lacks
            held = None
        return value.clone() if held is None else sys.modules["torch"].from_numpy(self._of_array(held))

    def _count(self, objects: int, nbytes: int) -> None:
        self._nbytes += nbytes
        self._room -= objects
        if self._room < 0:
            raise _NotCopied
