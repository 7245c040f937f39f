"""Rows, as a step gives them, to Arrow record batches; or the first wrong row, with its number and column."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Features

from .columns import Column
from .errors import RowError
from .kinds import MixedKinds
from .recycling import RecycledMemory

__all__ = ["EncodedRows", "RowEncoder", "describe", "estimate_bytes"]

# Rows that bring more than this many bytes in tensors become several record batches: what is built at once stays small
# beside them, and the 32-bit offsets of Arrow's lists suffice.
_BATCH_BYTES = 64 * 2**20


@dataclass(frozen=True)
class EncodedRows:
    """Rows in Arrow's memory.

    Args:
        batches: record batches of the features' schema, in the order of the rows.
        rows: how many rows they hold together.
        nbytes: how many bytes they hold together.
        batch_rows: how many of the rows each batch of the run has.
    """

    batches: tuple[pa.RecordBatch, ...]
    rows: int
    nbytes: int
    batch_rows: tuple[int, ...]

    @classmethod
    def join(cls, pieces: Sequence[EncodedRows]) -> EncodedRows:
        """Give rows that were encoded one after the other as those of one batch."""
        batches = tuple(batch for piece in pieces for batch in piece.batches)
        rows = sum(piece.rows for piece in pieces)
        return cls(batches, rows, sum(piece.nbytes for piece in pieces), (rows,))


class RowEncoder:
    """Encodes rows for declared features.

    Rows are taken as ``Dataset.from_generator`` takes them, and encode to equal values, with these exceptions: a row
    that lacks a declared column (which ``datasets`` would fill with None) or has another one (which it would drop) is
    refused, and so are arrays that have not the shape that an ``Array2D`` to ``Array5D`` declares.
    Halves beside integers in a list keep their fractions, which Arrow drops there.
    bfloat16 tensors become float32 before they are fitted to their feature, in ``datasets`` as here; other dtypes that
    Arrow lacks (complex, float8, quantised) are refused.

    Args:
        features: features of the rows; at least one column.

    Attributes:
        memory: where rows are copied to.
    """

    def __init__(self, features: Features) -> None:
        if not features:
            raise ValueError("the features declare no column; a dataset of rows needs at least one")
        self.features = features
        self._columns = [Column(name, feature) for name, feature in features.items()]
        fields = [pa.field(column.name, column.type) for column in self._columns]
        self.schema: pa.Schema = pa.schema(fields, metadata=features.arrow_schema.metadata)
        self._names = set(features)
        self.memory = RecycledMemory()

    def encode(
        self, rows: Sequence[Mapping[str, Any]], *, first_row: int = 0, own: bool = True, as_alone: bool = False
    ) -> EncodedRows:
        """Turn rows into record batches.

        Args:
            rows: mappings from each column's name to its value.
            first_row: index of ``rows[0]`` in the dataset, for messages.
            own: whether the result must hold memory of its own. False lets it share the memory of the rows' tensors:
                cheaper, and wrong as soon as the step uses its buffers again.
            as_alone: whether each row must become what it becomes alone.

        Returns:
            All of the rows, encoded, as those of one batch.

        Raises:
            MixedKinds: ``as_alone`` cannot be promised for these rows together.
            RowError: a row does not fit the features; none of the rows is encoded then.
        """
        for position, row in enumerate(rows):
            self._check_columns(row, first_row + position)
        batches = []
        start = 0
        for stop in _chunk_ends(rows):
            batches.append(self._encode_batch(rows[start:stop], first_row + start, own=own, as_alone=as_alone))
            start = stop
        return EncodedRows(tuple(batches), len(rows), sum(batch.nbytes for batch in batches), (len(rows),))

    def _check_columns(self, row: Any, index: int) -> None:
        if not isinstance(row, Mapping):
            raise RowError(index, "", "a mapping from column names to values", describe(row))
        if row.keys() == self._names:
            return
        for name in self.features:
            if name not in row:
                raise RowError(index, name, repr(self.features[name]), f"no such column; the row has {_names(row)}")
        extra = next(name for name in row if name not in self._names)
        raise RowError(index, str(extra), f"only the declared columns {_names(self.features)}", "a column beyond them")

    def _encode_batch(
        self, rows: Sequence[Mapping[str, Any]], first_row: int, *, own: bool, as_alone: bool
    ) -> pa.RecordBatch:
        arrays = []
        for column in self._columns:
            values = [row[column.name] for row in rows]
            try:
                arrays.append(column.build(values, copies=self.memory if own else None, as_alone=as_alone))
            except (MemoryError, MixedKinds):
                raise
            except Exception as error:
                position, cause = _first_wrong(column, values, error)
                got = f"{describe(values[position])} ({_reason(cause)})"
                raise RowError(first_row + position, column.name, repr(column.feature), got) from cause
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def estimate_bytes(row: Any) -> int:
    """Bytes of the tensors and arrays that a row or value holds, to two levels of lists and dictionaries."""
    return _tensor_bytes(row, levels=3)


def _tensor_bytes(value: Any, levels: int) -> int:
    if isinstance(value, Mapping):
        return sum(_tensor_bytes(item, levels - 1) for item in value.values()) if levels else 0
    if isinstance(value, (list, tuple)):
        # Lists of plain values end here: what the first item is, the others are.
        if not levels or not value or isinstance(value[0], (int, float, str, bytes)):
            return 0
        return sum(_tensor_bytes(item, levels - 1) for item in value)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return int(value.numel() * value.element_size())  # nbytes raises for sparse ones
    return int(value.nbytes) if isinstance(value, np.ndarray) else 0


def _chunk_ends(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Where to cut the rows so that no record batch is much larger than the limit."""
    if len(rows) == 1:
        return [1]
    ends: list[int] = []
    size = 0
    for position, row in enumerate(rows):
        row_size = estimate_bytes(row)
        if size and size + row_size > _BATCH_BYTES:
            ends.append(position)
            size = 0
        size += row_size
    return [*ends, len(rows)] if rows else []


def _first_wrong(column: Column, values: list[Any], error: Exception) -> tuple[int, Exception]:
    """Find the first value that does not fit, alone or together with those before it; and what is wrong with it."""
    for position in range(len(values)):
        cause = _refusal(column, values[position : position + 1])
        if cause is not None:
            return position, cause
    fitting, wrong = 0, len(values)
    while wrong - fitting > 1:
        middle = (fitting + wrong) // 2
        cause = _refusal(column, values[:middle])
        fitting, wrong, error = (middle, wrong, error) if cause is None else (fitting, middle, cause)
    return wrong - 1, error


def _refusal(column: Column, values: list[Any]) -> Exception | None:
    try:
        column.build(values, copies=None)
    except Exception as cause:
        return cause
    return None


def describe(value: Any) -> str:
    """A value in a few words: its type, and what of its size or content tells most."""
    kind = type(value).__name__
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        shape = "that differs by row" if value.is_nested else tuple(value.shape)
        return f"{kind} of shape {shape} and dtype {value.dtype}"
    if isinstance(value, np.ndarray):
        return f"{kind} of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, Mapping):
        return f"{kind} with keys {_names(value)}"
    if isinstance(value, (list, tuple)):
        told = f"{kind} of length {len(value)}"
        if not value:
            return told
        first = value[0]
        # Not deeper than that: a list may hold itself.
        inside = (
            f"{type(first).__name__} of length {len(first)}" if isinstance(first, (list, tuple)) else describe(first)
        )
        return f"{told}, its first item {inside}"
    if isinstance(value, (str, bytes, int, float, bool)):
        text = repr(value)
        return f"{kind} {text if len(text) <= 60 else text[:57] + '...'}"
    return "None" if value is None else kind


def _names(row: Mapping[Any, Any]) -> str:
    names = [repr(name) for name in row]
    return ", ".join(names[:10] + ["..."] * (len(names) > 10)) or "none"


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= 200 else lines[0][:197] + "..."
