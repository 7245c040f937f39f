"""Copies of the rows that a step gives, made at once, as it may fill its rows and buffers again.

Nothing of this is in the processor's cache when a step has computed for milliseconds, so what copying costs beyond the
bytes is how much code and how many objects it touches: to get memory, and a tensor that lies in it, costs as much as
copying a megabyte. So the thread that writes makes those ready for the next rows, where rows are alike.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from types import NoneType
from typing import Any

import numpy as np

from .recycling import SMALL_BYTES, RecycledMemory

__all__ = ["RowCopier"]

#: Python objects that a row may hold to be copied: more take longer to copy than the time that is saved.
SMALL_ROW = 4096
#: Bytes that are made ready at most for the next rows; copying larger rows takes so long that the rest hardly counts.
READY_BYTES = 8 * 2**20
_UNCHANGING = frozenset({NoneType, bool, int, float, complex, date, datetime, timedelta, clock_time, Decimal})

#: By column, where the elements of its next tensor or array are to go, and how many bytes they have.
_Places = dict[str, tuple[Any, int]]


class RowCopier:
    """Copies rows, with the help of another thread.

    Args:
        memory: where the elements of large tensors and arrays are copied to.
    """

    def __init__(self, memory: RecycledMemory) -> None:
        self._memory = memory
        #: Each for one row. Appended to by one thread and taken from by another.
        self._ready: deque[_Places] = deque()
        self._form: dict[str, tuple[Any, ...]] = {}

    def copy(self, row: Any) -> tuple[dict[str, Any], int] | None:
        """Give a copy of a row and about how many bytes it holds; None where it cannot be copied quickly.

        Args:
            row: what a step gave; for anything but a mapping the answer is None.
        """
        if not isinstance(row, Mapping):
            return None  # the encoder says what is wrong
        try:
            places = self._ready.popleft()
        except IndexError:
            places = {}
        return _Copy(self._memory).of_row(row, places)

    def make_ready(self, copied: Mapping[str, Any]) -> None:
        """Make memory ready for rows like this one, if the last was like it too. For the thread that writes.

        Args:
            copied: a row from `copy`.
        """
        large = {name: value for name, value in copied.items() if _nbytes(value) >= SMALL_BYTES}
        form = {name: (type(value), value.dtype, value.shape) for name, value in large.items()}
        if form != self._form:
            self._form = form
            self._ready.clear()
            return
        row_bytes = sum(value.nbytes for value in large.values())
        while large and (len(self._ready) + 1) * row_bytes <= READY_BYTES:
            self._ready.append({name: (_place(self._memory, value), value.nbytes) for name, value in large.items()})


def _place(memory: RecycledMemory, like: Any) -> Any:
    """Give an array or tensor of another's form, its elements yet to be written, in memory that is used again."""
    buffer = memory.allocate(like.nbytes)
    if type(like) is np.ndarray:
        return np.frombuffer(buffer, dtype=like.dtype).reshape(like.shape)
    return sys.modules["torch"].frombuffer(buffer, dtype=like.dtype).view(like.shape)


def _is_plain(tensor: Any) -> bool:
    strided = tensor.layout is sys.modules["torch"].strided
    return strided and not tensor.is_quantized and not tensor.is_nested


def _nbytes(value: Any) -> int:
    """Bytes of the elements of an array or tensor; 0 for all else."""
    torch = sys.modules.get("torch")
    if isinstance(value, np.ndarray) or (torch is not None and isinstance(value, torch.Tensor)):
        return int(value.nbytes)
    return 0


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

    def of_row(self, row: Mapping[str, Any], places: _Places) -> tuple[dict[str, Any], int] | None:
        """Give a copy of a row and about how many bytes it holds; None where it cannot be copied quickly.

        Args:
            row: the row.
            places: made ready for a row like this one; those of other columns, or of another form, are left alone.
        """
        copies = {}
        try:
            for name in row:
                value = row[name]
                place, nbytes = places.get(name, (None, 0))
                if place is not None and _fill(place, value):
                    copies[name] = place
                    self._nbytes += nbytes
                else:
                    copies[name] = self._of(value)
        except (_NotCopied, RecursionError):
            return None
        return copies, self._nbytes

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
            if value.nbytes < SMALL_BYTES or value.dtype.kind not in "biufc":
                return value.copy()
            copy = _place(self._memory, value)
            np.copyto(copy, value)
            return copy
        if kind is str or kind is bytes:
            self._count(0, len(value))
            return value
        torch = sys.modules.get("torch")
        if torch is not None and kind is torch.Tensor and _is_plain(value):
            self._count(0, value.nbytes)
            try:
                return self._of_tensor(value.detach())
            except NotImplementedError:  # torch: a meta tensor, or a dtype that it cannot copy
                raise _NotCopied from None
        raise _NotCopied

    def _of_tensor(self, value: Any) -> Any:
        if not value.is_cpu:
            return value.cpu()
        if value.nbytes < SMALL_BYTES:
            return value.clone()
        return _place(self._memory, value).copy_(value)

    def _count(self, objects: int, nbytes: int) -> None:
        self._nbytes += nbytes
        self._room -= objects
        if self._room < 0:
            raise _NotCopied


def _fill(place: Any, value: Any) -> bool:
    """Copy the elements of an array or tensor to where they go, if they are of that form."""
    if type(value) is not type(place) or value.dtype != place.dtype or value.shape != place.shape:
        return False
    if type(place) is np.ndarray:
        np.copyto(place, value)
        return True
    if value.layout != place.layout or value.is_meta:
        return False
    place.copy_(value.detach())
    return True
