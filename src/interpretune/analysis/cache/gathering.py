"""Encoding what a step gives, batch by batch: small batches wait for each other and are encoded together.

Encoding costs much per call and little per row, so a generator of small rows would spend most of its time on it. What
waits is copied first, as a step may fill its rows and buffers again for the next ones. What is too large for that, or
of a kind that is not known here, is encoded at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from types import NoneType
from typing import Any

import numpy as np

from .errors import RowError
from .rows import EncodedRows, RowEncoder, describe

__all__ = ["Gathering"]

#: Seconds of computing and rows that wait at most: what a crash costs beyond what is on its way to the disk.
WAIT_SECONDS, WAIT_ROWS = 0.05, 1000
#: Values that a row may hold to be copied: more take longer to copy than the time that is saved.
SMALL_ROW = 4096
_UNCHANGING = frozenset({NoneType, bool, int, float, complex, date, datetime, timedelta, clock_time, Decimal})


class Gathering:
    """Takes what a step gives for each batch and hands it over encoded, in order.

    Args:
        encoder: encodes the rows.
        hand_over: takes the rows of one or several batches, with memory of their own, and the seconds that computing
            them took.
        first_row: number of the first row, for messages.
        max_bytes: about how many bytes may wait; what a shard holds.
    """

    def __init__(
        self, encoder: RowEncoder, hand_over: Callable[[EncodedRows, float], None], *, first_row: int, max_bytes: int
    ) -> None:
        self._encoder = encoder
        self._hand_over = hand_over
        self._max_bytes = max_bytes
        self._waiting: list[tuple[list[dict[str, Any]], float]] = []
        self._waiting_since = 0.0
        self._waiting_rows = 0
        self._waiting_values = 0
        self._next_row = first_row
        self._began = time.perf_counter()

    def add(self, produced: Any) -> None:
        """Take what a step returned for a batch.

        Args:
            produced: one row, or an iterable of rows; it is gone through here, so that a generator computes them now.

        Raises:
            RowError: a row of this or of a waiting batch does not fit; those before it were handed over.
        """
        if isinstance(produced, Mapping):
            produced = [produced]
        elif isinstance(produced, (str, bytes)) or not isinstance(produced, Iterable):
            wanted = "a row (a mapping from column names to values) or an iterable of rows"
            raise RowError(self._next_row, "", wanted, describe(produced))
        large, copies = self._take(produced)
        now = time.perf_counter()
        seconds = now - self._began
        if large is not None:
            self.flush()
            self._next_row += large.rows
            self._hand_over(large, seconds)
        else:
            self._waiting_since = self._waiting_since if self._waiting else now
            self._waiting.append((copies, seconds))
            self._waiting_rows += len(copies)
            self._next_row += len(copies)
            is_late = now - self._waiting_since + seconds >= WAIT_SECONDS
            if is_late or self._waiting_rows >= WAIT_ROWS or self._waiting_values * 8 >= self._max_bytes:
                self.flush()
        self._began = time.perf_counter()

    def flush(self) -> None:
        """Hand over what waits.

        Raises:
            RowError: a row does not fit; the batches before it were handed over.
        """
        waiting, self._waiting = self._waiting, []
        row = self._next_row - self._waiting_rows
        self._waiting_rows = self._waiting_values = 0
        if not waiting:
            return
        try:
            together = self._encoder.encode([row for copies, _ in waiting for row in copies], first_row=row)
        except RowError:
            # Up to the wrong one, the batches are right; and what is wrong may be only that they were put together.
            for copies, seconds in waiting:
                self._hand_over(self._encoder.encode(copies, first_row=row), seconds)
                row += len(copies)
            return
        batch_rows = tuple(len(copies) for copies, _ in waiting)
        self._hand_over(replace(together, batch_rows=batch_rows), sum(seconds for _, seconds in waiting))

    def _take(self, produced: Iterable[Any]) -> tuple[EncodedRows | None, list[dict[str, Any]]]:
        """Give the rows of a batch encoded where one of them is large, else copies of them all."""
        rows, copies, pieces = iter(produced), [], []
        first, values = self._next_row, 0
        for row in rows:
            copied = _copy(row)
            if copied is not None:
                copies.append(copied[0])
                values += copied[1]
                continue
            if isinstance(produced, Sequence):
                return self._encoder.encode(produced, first_row=first), []
            # A generator may fill this row again for the next one.
            for several in (copies, [row]):
                pieces.append(self._encoder.encode(several, first_row=first))
                first += len(several)
            copies = []
        if pieces:
            return EncodedRows.join([*pieces, self._encoder.encode(copies, first_row=first)]), []
        self._waiting_values += values
        return None, copies


class _Large(Exception):
    """A row holds too much to be copied, or what is not known here."""


def _copy(row: Any) -> tuple[dict[str, Any], int] | None:
    """Give a copy of a small row and about how many values it holds; None where it is not small."""
    if not isinstance(row, Mapping):
        return None  # the encoder says what is wrong
    room = [SMALL_ROW]
    try:
        return {name: _copied(row[name], room) for name in row}, SMALL_ROW - room[0]
    except _Large:
        return None


def _copied(value: Any, room: list[int]) -> Any:
    kind = type(value)
    torch = sys.modules.get("torch")
    size = 1
    copied = value
    if kind is str or kind is bytes:
        size += len(value) // 8
    elif kind is list or kind is tuple:
        _take_room(room, len(value))
        return kind([_copied(item, room) for item in value])
    elif kind is dict:
        return {name: _copied(item, room) for name, item in value.items()}
    elif kind is np.ndarray and value.dtype.kind in "biufcSUMm":
        size += value.size
        copied = value.copy() if size <= room[0] else value
    elif torch is not None and kind is torch.Tensor and value.layout is torch.strided and not value.is_quantized:
        size += value.numel()
        copied = value.detach().clone() if size <= room[0] else value
    elif kind not in _UNCHANGING and not isinstance(value, np.generic):
        raise _Large
    _take_room(room, size)
    return copied


def _take_room(room: list[int], size: int) -> None:
    room[0] -= size
    if room[0] < 0:
        raise _Large
