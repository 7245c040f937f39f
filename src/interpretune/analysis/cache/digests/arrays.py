"""What numpy's objects mean: arrays and scalars by dtype, shape and bytes; random generators by their state.

Memory layout does not count: a view equals its copy, big-endian equals little-endian, and padding inside of records or
of extended floats is no content. Values count by their bytes, so ``-0.0`` and ``0.0`` differ, and so do two nans with
different payloads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xxhash

from .instances import class_token
from .tokens import frame
from .walk import Walk

__all__ = ["encode_array", "encode_dtype", "encode_random_state"]

#: Elements that are copied at a time where an array's own memory cannot be read in order.
BLOCK = 1 << 20
#: x86 keeps the 80 bits of a long double in 16 bytes and leaves garbage in the rest.
_LONG_DOUBLE_BYTES = 10 if np.finfo(np.longdouble).nmant == 63 else np.dtype(np.longdouble).itemsize


def encode_dtype(value: np.dtype[Any], walk: Walk) -> bytes:
    """Encode a dtype by what it says about values; byte order, alignment and offsets do not count."""
    token = _dtype_token(value, walk)
    walk.part(token, str(value))
    return token


def encode_array(value: np.ndarray[Any, Any] | np.generic, walk: Walk) -> bytes:
    """Encode an array or a numpy scalar: dtype, shape, and bytes in the order of the indices."""
    if isinstance(value, np.generic):
        array = np.asarray(value)
        token = frame("numpy scalar", _dtype_token(array.dtype, walk), *_content(array, walk))
        walk.part(token, f"{array.dtype} {value}")
        return token
    array = np.asarray(value.data if isinstance(value, np.ma.MaskedArray) else value)
    shape = ",".join(map(str, array.shape)).encode()
    token = frame("array", _dtype_token(array.dtype, walk), shape, *_content(array, walk))
    if isinstance(value, np.ma.MaskedArray):
        # What lies under the mask counts too, as `.data` reads it.
        mask = walk.child(np.ma.getmaskarray(value), ".mask")
        token = frame("masked", token, mask, walk.child(np.asarray(getattr(value, "fill_value", None)), ".fill_value"))
    elif type(value) not in (np.ndarray, np.memmap):
        attributes = dict(getattr(value, "__dict__", {}))
        token = frame("subclass", class_token(type(value), walk), token, walk.child(attributes))
    walk.part(token, f"{array.dtype} {array.shape}")
    return token


def encode_random_state(value: Any, walk: Walk) -> bytes:
    """Encode a numpy random generator, bit generator or seed sequence by its state."""
    kind = type(value).__name__
    told: Any
    if isinstance(value, np.random.SeedSequence):
        told = value.state
    elif isinstance(value, np.random.RandomState):
        told = value.get_state(legacy=False)
    elif isinstance(value, np.random.Generator):
        told = value.bit_generator
    else:
        # The seed sequence decides about generators that are spawned from this one.
        told = (value.state, getattr(value, "seed_seq", None))
    with walk.summarised():
        token = frame("numpy random", kind.encode(), walk.child(told))
    walk.part(token, f"state of a {kind}")
    return token


def _dtype_token(dtype: np.dtype[Any], walk: Walk) -> bytes:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return frame("subarray", _dtype_token(base, walk), ",".join(map(str, shape)).encode())
    if dtype.names is not None:
        named = dtype.fields or {}
        return frame("record", *(p for n in dtype.names for p in (n.encode(), _dtype_token(named[n][0], walk))))
    if dtype.kind == "T":
        return frame("string dtype", walk.child(getattr(dtype, "na_object", None), ".na_object"))
    if dtype.kind == "V":
        # Extension types such as ml_dtypes' bfloat16 show as opaque bytes; their names tell them apart.
        return frame("dtype", dtype.str.encode(), dtype.name.encode())
    return frame("dtype", dtype.newbyteorder("<").str.encode())


def _content(array: np.ndarray[Any, Any], walk: Walk) -> list[bytes]:
    dtype = array.dtype
    if dtype.names is not None:
        return [frame("field", name.encode(), *_content(array[name], walk)) for name in dtype.names]
    if dtype.kind in "OT":
        return [walk.child(array.ravel(order="C").tolist(), ".values")]
    hasher = xxhash.xxh3_128()
    for block in _blocks(array):
        hasher.update(_memory(block))
    return [hasher.digest()]


def _blocks(array: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Give an array's elements in the order of their indices, as flat blocks, without a copy where memory allows."""
    if array.dtype.itemsize == 0 or array.size == 0:
        return
    little = array.dtype.newbyteorder("<")
    array = np.atleast_1d(array)  # `nditer` gives what has no dimension as it is, without the cast
    if array.flags.c_contiguous and little == array.dtype:
        yield array.reshape(-1)
        return
    flags, wanted = ["external_loop", "buffered"], ["readonly", "contig"]
    yield from np.nditer(array, flags, wanted, op_dtypes=[little], order="C", buffersize=BLOCK, casting="equiv")


def _memory(block: np.ndarray[Any, Any]) -> memoryview:
    raw = np.ascontiguousarray(block)
    if block.dtype.kind in "fc" and block.dtype.char in "gG":
        pieces = raw.view(np.longdouble).view(np.uint8).reshape(-1, np.dtype(np.longdouble).itemsize)
        raw = np.ascontiguousarray(pieces[:, :_LONG_DOUBLE_BYTES])
    return memoryview(raw.reshape(-1).view(np.uint8))
