"""Arrow lists over the memory of tensors and numpy arrays: offsets and buffers, nothing taken apart in Python.

What cannot be built so, as it is of another kind or would need a conversion that ``datasets`` makes in its own way, is
answered with None.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from .recycling import RecycledMemory

__all__ = ["as_blocks", "from_blocks", "from_nested", "list_levels", "missing_mask"]

_MAX_OFFSET = 2**31 - 1
_KEPT_OFFSETS = 1024  # longer ones are not worth their memory


def list_levels(pa_type: pa.DataType) -> list[pa.DataType]:
    """The list types around a type's innermost values, outermost first."""
    levels = []
    while pa.types.is_list(pa_type) or pa.types.is_large_list(pa_type) or pa.types.is_fixed_size_list(pa_type):
        levels.append(pa_type)
        pa_type = pa_type.value_type
    return levels


def from_nested(levels: list[pa.DataType], items: Sequence[Any], *, copies: RecycledMemory | None) -> pa.Array | None:
    """Build lists, possibly ragged, whose items at some depth are tensors or arrays."""
    blocks, fresh = as_blocks(items)
    if blocks is not None:
        return from_blocks(levels, blocks, copies=None if fresh else copies)
    if len(levels) == 1 or not all(item is None or isinstance(item, (list, tuple)) for item in items):
        return None
    values = from_nested(levels[1:], list(chain.from_iterable(item for item in items if item)), copies=copies)
    if values is None:
        return None
    lengths = [0 if item is None else len(item) for item in items]
    return _wrap(levels[0], lengths, [1] * len(lengths), missing_mask(items), values)


def as_blocks(items: Sequence[Any]) -> tuple[list[np.ndarray[Any, Any] | None] | None, bool]:
    """All items as numpy arrays of one numeric dtype, or None if there is none or one of another kind among them.

    Also tells whether all of these arrays are fresh: copies of which nobody else knows.
    """
    blocks: list[np.ndarray[Any, Any] | None] = []
    dtype, all_fresh = None, True
    for item in items:
        if item is None:
            blocks.append(None)
            continue
        block, fresh = _as_numpy(item)
        if block is None or (dtype is not None and block.dtype != dtype):
            return None, False
        dtype, all_fresh = block.dtype, all_fresh and fresh
        blocks.append(block)
    return (blocks, all_fresh) if dtype is not None else (None, False)


def _as_numpy(value: Any) -> tuple[np.ndarray[Any, Any] | None, bool]:
    """The value as a numpy array of a dtype that Arrow has, and whether it is a copy; None for any other value."""
    torch, fresh = sys.modules.get("torch"), False
    if torch is not None and isinstance(value, torch.Tensor):
        try:
            tensor = value.detach()
            if tensor.is_cpu and tensor.dtype != torch.bfloat16:
                value = tensor.numpy()
            else:
                # numpy has no bfloat16; datasets stores these as float32, which holds each of their values exactly.
                value = (tensor.to(torch.float32) if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
                fresh = True
        except (TypeError, RuntimeError):
            return None, False  # sparse, quantised, meta: datasets says what it thinks of them
    # Subclasses (masked arrays, matrices) mean more than their memory shows.
    if type(value) is not np.ndarray and type(value) is not np.memmap:
        return None, False
    holds = value.dtype.kind in "biuf" and value.dtype.isnative and value.dtype.itemsize <= 8
    return (value if holds else None), fresh


def from_blocks(
    levels: list[pa.DataType], blocks: list[np.ndarray[Any, Any] | None], *, copies: RecycledMemory | None
) -> pa.Array | None:
    """Build nested lists from arrays that have as many dimensions as there are levels."""
    present = [block for block in blocks if block is not None]
    if any(block.ndim != len(levels) for block in present):
        return None
    values = _leaf(levels[-1].value_type, present, copies=copies)
    for depth in reversed(range(1, len(levels))):
        if values is None:
            return None
        # Each block holds as many lists at this depth as its outer dimensions have places, all of one length.
        counts = [math.prod(block.shape[:depth]) for block in present]
        values = _wrap(levels[depth], [block.shape[depth] for block in present], counts, None, values)
    if values is None:
        return None
    lengths = [0 if block is None else len(block) for block in blocks]
    return _wrap(levels[0], lengths, [1] * len(lengths), missing_mask(blocks), values)


def _leaf(
    pa_type: pa.DataType, blocks: list[np.ndarray[Any, Any]], *, copies: RecycledMemory | None
) -> pa.Array | None:
    """Lay the arrays' elements one after the other, converted as Arrow converts safely; None where it would not."""
    dtype = blocks[0].dtype
    source = _source_type(dtype, pa_type)
    if source is None:
        return None
    count = sum(block.size for block in blocks)
    if pa.types.is_boolean(source):
        return pa.array(np.concatenate([block.reshape(-1) for block in blocks]))  # packs bits, so always a copy
    converts = source != pa_type
    if len(blocks) == 1 and blocks[0].flags.c_contiguous and (converts or copies is None):
        # Where it is converted, that makes the copy.
        buffer = pa.py_buffer(blocks[0].reshape(-1))
    else:
        nbytes = count * dtype.itemsize
        buffer = pa.allocate_buffer(nbytes) if copies is None or converts else copies.allocate(nbytes)
        target, end = np.frombuffer(buffer, dtype=np.uint8).view(dtype), 0
        for block in blocks:
            start, end = end, end + block.size
            np.copyto(target[start:end].reshape(block.shape), block)
    values = pa.Array.from_buffers(source, count, [None, buffer])
    if not converts:
        return values
    try:
        return values.cast(pa_type)
    except pa.ArrowException:
        return None  # datasets refuses these as well, or knows a way


@lru_cache(maxsize=256)
def _source_type(dtype: np.dtype[Any], pa_type: pa.DataType) -> pa.DataType | None:
    """The type of arrays of a dtype in Arrow, where its values are of the kind that the other type holds."""
    source = pa.from_numpy_dtype(dtype)
    # Between these kinds datasets converts according to the first value that it meets; it does so itself.
    kinds = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)
    return source if any(kind(source) and kind(pa_type) for kind in kinds) else None


def _wrap(
    pa_type: pa.DataType, lengths: list[int], counts: list[int], missing: pa.Array | None, values: pa.Array
) -> pa.Array | None:
    """One level of lists around the values; None where lists of a fixed length are missing or of another length.

    ``counts`` tells how many lists there are in a row of each of the lengths.
    """
    if pa.types.is_fixed_size_list(pa_type):
        size = pa_type.list_size
        other = any(length != size for length, count in zip(lengths, counts, strict=True) if count)
        if other or not size or missing is not None:
            return None
        return pa.FixedSizeListArray.from_arrays(values, type=pa_type)
    large = pa.types.is_large_list(pa_type)
    if not large and len(values) > _MAX_OFFSET:
        raise ValueError(f"{len(values)} elements are more than one list can hold; declare the column as LargeList")
    count = sum(counts)
    if len(set(lengths)) == 1 and count <= _KEPT_OFFSETS:
        offsets = _even_offsets(count, lengths[0], large=large)
    else:
        ends = np.cumsum(np.repeat(lengths, counts), dtype=np.int64)
        offsets = pa.array(np.concatenate([[0], ends]).astype(np.int64 if large else np.int32))
    array = pa.LargeListArray if large else pa.ListArray
    return array.from_arrays(offsets, values, type=pa_type, mask=missing)


@lru_cache(maxsize=256)
def _even_offsets(count: int, length: int, *, large: bool) -> pa.Array:
    # Rows of one shape ask for the same offsets again and again; Arrow arrays do not change, so they can share them.
    return pa.array(np.arange(count + 1, dtype=np.int64 if large else np.int32) * length)


def missing_mask(items: Sequence[Any]) -> pa.Array | None:
    """A mask of the items that are None, or None if there are none."""
    missing = [item is None for item in items]
    return pa.array(missing) if any(missing) else None
