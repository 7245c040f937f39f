"""What Arrow columns hold, apart from how they hold it.

A column is taken apart into *streams* along its type: the positions of its nulls, the lengths of its texts and lists,
and the bytes of its values, each hashed by a streaming xxh3-128. Streams know no chunks, so the digest does not depend
on how the column is cut, on offsets of slices, on what lies under a null, or on whether offsets are 32 or 64 bits wide.
Numbers and texts without nulls are hashed in place; what has to be copied is copied `BLOCK_BYTES` at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from .tokens import frame

__all__ = ["ColumnDigest", "column_digests", "type_token"]

#: Bytes of a column that are looked at, and if need be copied, at a time.
BLOCK_BYTES = 32 * 2**20
#: Below so many bytes in all, starting threads costs more than they save.
SMALL_BYTES = 4 * 2**20
MAX_THREADS = 4

_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_list_view, pa.types.is_large_list_view)


def type_token(kind: pa.DataType) -> bytes:
    """Give the token of an Arrow type by the values it can hold.

    Text is text whether its offsets have 32 or 64 bits, a list is a list, and dictionary or run-end encoding does not
    count. Neither do the names of list items, nor whether nulls are allowed.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return frame("extension", kind.extension_name.encode(), type_token(kind.storage_type))
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return type_token(kind.value_type)
    if _is_text(kind):
        return b"text"
    if _is_binary(kind):
        return b"binary"
    if any(is_list(kind) for is_list in _LISTS):
        return frame("list", type_token(kind.value_type))
    if pa.types.is_fixed_size_list(kind):
        return frame("list", type_token(kind.value_type), str(kind.list_size).encode())
    if pa.types.is_map(kind):
        return frame("map", type_token(kind.key_type), type_token(kind.item_type))
    if pa.types.is_struct(kind):
        fields = (kind.field(index) for index in range(kind.num_fields))
        return frame("struct", *sorted(frame("field", field.name.encode(), type_token(field.type)) for field in fields))
    # Arrow's numbers of types are part of its specification of interfaces; the names that Python shows are not.
    details = [kind.id, getattr(kind, "unit", ""), getattr(kind, "tz", "") or ""]
    details += [getattr(kind, "precision", ""), getattr(kind, "scale", "")]
    details.append(kind.byte_width if pa.types.is_fixed_size_binary(kind) else "")
    return frame("type", *(str(detail).encode() for detail in details))


class ColumnDigest:
    """Collects the digest of one column, array by array.

    Args:
        media: whether structs of ``bytes`` and ``path`` are media, which a row shows decoded: what they contain counts,
            read from the file where the bytes are not given, and not where that file lies.
    """

    def __init__(self, *, media: bool = False) -> None:
        self.rows = 0
        self._media = media
        self._files: dict[str, bytes] = {}
        self._streams: dict[str, xxhash.xxh3_128] = {}
        self._counts: dict[str, int] = {}

    def feed(self, array: pa.Array) -> None:
        """Take in the next rows of the column.

        Raises:
            TypeError: the values are of a type that cannot be taken apart.
            OSError: a file of media cannot be read.
        """
        self.rows += len(array)
        self._values(array, "")

    def token(self) -> bytes:
        """Give the token of all rows fed so far; the type is not in it."""
        streams = (frame("stream", name.encode(), hasher.digest()) for name, hasher in sorted(self._streams.items()))
        return frame("column", str(self.rows).encode(), *streams)

    def _add(self, stream: str, data: Any) -> None:
        if len(data):
            self._streams.setdefault(stream, xxhash.xxh3_128()).update(data)

    def _values(self, array: pa.Array, at: str) -> None:
        array = _decoded(array)
        first = self._counts.get(at, 0)
        self._counts[at] = first + len(array)
        if array.null_count:
            nulls = np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).astype("<i8") + first
            self._add(f"{at}?", nulls.view(np.uint8))
            array = array.drop_null()
        kind = array.type
        if len(array) == 0 or pa.types.is_null(kind):
            return
        if pa.types.is_struct(kind):
            self._struct(array, at)
        elif pa.types.is_fixed_size_list(kind):
            self._values(array.flatten(), f"{at}/")
        elif pa.types.is_map(kind):
            pairs = pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])
            self._lengths(array.offsets, at)
            self._values(pa.ListArray.from_arrays(array.offsets, pairs).flatten(), f"{at}/")
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            self._lengths(array.offsets, at)
            self._values(array.flatten(), f"{at}/")
        elif _is_text(kind) or _is_binary(kind):
            self._texts(array, at)
        elif pa.types.is_boolean(kind):
            self._add(at, _buffer(array.cast(pa.uint8())))
        else:
            self._add(at, _buffer(array))

    def _struct(self, array: pa.StructArray, at: str) -> None:
        kind = array.type
        fields = {kind.field(index).name: column for index, column in enumerate(array.flatten())}
        if len(fields) != kind.num_fields:
            raise TypeError(f"two fields of {kind} have one name")
        if self._media and fields.keys() == {"bytes", "path"}:
            for data, path in zip(fields["bytes"], fields["path"], strict=True):
                self._add(f"{at}/media", self._content(data.as_buffer() if data.is_valid else None, path.as_py()))
            return
        for name, column in fields.items():
            self._values(column, f"{at}/{len(name)}:{name}")

    def _content(self, data: pa.Buffer | None, path: str | None) -> bytes:
        """Give the digest of what one row of media contains."""
        if data is not None:
            return xxhash.xxh3_128_digest(data)
        if path is None:
            return bytes(xxhash.xxh3_128().digest_size)
        if path not in self._files:
            hasher = xxhash.xxh3_128()
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    hasher.update(block)
            self._files[path] = hasher.digest()
        return self._files[path]

    def _texts(self, array: pa.Array, at: str) -> None:
        wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
        _, offsets, data = array.buffers()
        ends = np.frombuffer(offsets, "<i8" if wide else "<i4")[array.offset : array.offset + len(array) + 1]
        self._lengths(ends, at)
        if data is not None:
            self._add(at, memoryview(data)[int(ends[0]) : int(ends[-1])])

    def _lengths(self, offsets: Any, at: str) -> None:
        self._add(f"{at}#", np.diff(np.asarray(offsets)).astype("<i8").view(np.uint8))


def column_digests(
    columns: Mapping[str, pa.ChunkedArray],
    rows: np.ndarray[Any, Any] | None = None,
    media: frozenset[str] = frozenset(),
) -> dict[str, ColumnDigest]:
    """Digest columns in parallel.

    Args:
        columns: the columns by name, of equal lengths.
        rows: which rows to take, in which order; all as they are where None.
        media: names of columns of media; see `ColumnDigest`.

    Raises:
        TypeError: a column is of a type that cannot be taken apart.
        OSError: a file of media cannot be read.
    """

    def digest(name: str) -> ColumnDigest:
        found = ColumnDigest(media=name in media)
        for array in _blocks(columns[name], rows):
            found.feed(array)
        return found

    threads = min(len(columns), os.cpu_count() or 1, MAX_THREADS)
    if threads < 2 or sum(column.nbytes for column in columns.values()) < SMALL_BYTES:
        return {name: digest(name) for name in columns}
    try:
        with ThreadPoolExecutor(threads, thread_name_prefix="it-cache-columns") as pool:
            return dict(zip(columns, pool.map(digest, columns), strict=True))
    except RuntimeError:  # the system starts no more threads
        return {name: digest(name) for name in columns}


def _blocks(column: pa.ChunkedArray, rows: np.ndarray[Any, Any] | None) -> Iterator[pa.Array]:
    """Give a column's rows in order, in arrays of about `BLOCK_BYTES`."""
    size = max(1, BLOCK_BYTES * len(column) // max(column.nbytes, 1))
    if rows is not None:
        chunks = [_storage(chunk) for chunk in column.chunks]
        ends = np.cumsum([len(chunk) for chunk in chunks])
        for start in range(0, len(rows), size):
            yield _taken(chunks, ends, rows[start : start + size])
        return
    for chunk in column.chunks:
        for start in range(0, len(chunk), size):
            yield chunk.slice(start, size)


def _taken(chunks: list[pa.Array], ends: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> pa.Array:
    # Arrow's own `take` puts all chunks of a text column together first, which is a copy of the column for each block.
    holding = np.searchsorted(ends, rows, side="right")
    order = np.argsort(holding, kind="stable")
    used, firsts = np.unique(holding[order], return_index=True)
    pieces = []
    for chunk, positions in zip(used, np.split(order, firsts[1:]), strict=True):
        pieces.append(_decoded(chunks[chunk].take(pa.array(rows[positions] - (ends[chunk] - len(chunks[chunk]))))))
    places = np.empty(len(rows), np.int64)
    places[order] = np.arange(len(rows))
    return pa.concat_arrays(pieces).take(pa.array(places))


def _storage(array: pa.Array) -> pa.Array:
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _decoded(array: pa.Array) -> pa.Array:
    """Give the array in a type that can be taken apart, with equal values."""
    while isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _decoded(array.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return _decoded(pc.run_end_decode(array))
    if pa.types.is_string_view(kind):
        return array.cast(pa.large_string())
    if pa.types.is_binary_view(kind):
        return array.cast(pa.large_binary())
    plain = _plain_type(kind)
    return array if plain == kind else pa.array(array.to_pylist(), plain)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Give the type itself, or one that stores the same values without views and encodings inside."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _plain_type(kind.value_type)
    if any(is_list(kind) for is_list in _LISTS):
        item = _plain_type(kind.value_type)
        viewed = pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)
        return pa.large_list(item) if viewed or item != kind.value_type else kind
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        plain = [_plain_type(field.type) for field in fields]
        if any(new != field.type for new, field in zip(plain, fields, strict=True)):
            return pa.struct([(field.name, new) for field, new in zip(fields, plain, strict=True)])
    return kind


def _buffer(array: pa.Array) -> memoryview:
    """Give the bytes of an array without nulls whose values all have one width."""
    try:
        width = array.type.bit_width // 8
    except ValueError:
        raise TypeError(f"values of Arrow type {array.type} cannot be taken apart") from None
    buffers = array.buffers()
    if len(buffers) != 2 or width == 0:
        raise TypeError(f"values of Arrow type {array.type} cannot be taken apart")
    return memoryview(buffers[1])[array.offset * width : (array.offset + len(array)) * width]


def _is_text(kind: pa.DataType) -> bool:
    return any(is_text(kind) for is_text in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _is_binary(kind: pa.DataType) -> bool:
    return any(is_data(kind) for is_data in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view))
