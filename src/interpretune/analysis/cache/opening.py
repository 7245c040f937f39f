"""Arrow files as a `datasets.Dataset`, and features as they are written down; what needs `datasets` to be imported."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
from datasets.table import InMemoryTable, MemoryMappedTable, Table, concat_tables

from .errors import CorruptEntryError

__all__ = ["assemble", "check_split", "info_bytes", "map_shards", "read_features", "schema_of"]


def info_bytes(features: datasets.Features) -> bytes:
    """Give the ``dataset_info.json`` with which `datasets.load_from_disk` learns the features."""
    info = {name: value for name, value in asdict(datasets.DatasetInfo()).items() if value is not None}
    info["features"] = features.to_dict()
    return json.dumps(info, indent=2, sort_keys=False).encode()


def read_features(described: Mapping[str, Any], where: Path) -> datasets.Features:
    """Make features from their description in a manifest.

    Raises:
        CorruptEntryError: it describes no features, or names a type that `datasets` does not have.
    """
    _check_feature_types(described, where)
    try:
        return datasets.Features.from_dict(dict(described))
    except Exception as error:  # whatever a description of any kind makes `datasets` raise
        raise CorruptEntryError(where, f"its features cannot be read: {str(error)[:200]}") from error


def schema_of(features: datasets.Features, where: Path) -> pa.Schema:
    """Give the Arrow schema of features that a manifest describes.

    Raises:
        CorruptEntryError: Arrow has no such types or names.
    """
    try:
        return features.arrow_schema
    except Exception as error:  # as above: the parameters of the types may be of any kind as well
        raise CorruptEntryError(where, f"its features cannot be used: {str(error)[:200]}") from error


def check_split(name: str | None, where: Path) -> None:
    """Make sure that `datasets` takes a name that a manifest gives for a split.

    Raises:
        CorruptEntryError: it does not.
    """
    try:
        datasets.NamedSplit(name or "train")
    except ValueError as error:
        raise CorruptEntryError(where, f"{ascii(name)[:80]} is no name of a split") from error


def _check_feature_types(described: Any, where: Path) -> None:
    # `Features.from_dict` looks an unknown `_type` up among the globals of a module of `datasets`. Only registered
    # feature types may be named.
    known = datasets.features.features._FEATURE_TYPES
    pending = [described]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            kind = value.get("_type")
            if isinstance(kind, str) and kind not in known and kind != "Sequence":
                raise CorruptEntryError(where, f"its features name the unknown type {kind[:80]!r}")
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def map_shards(shards: Iterable[tuple[Path, int]], schema: pa.Schema) -> list[Table]:
    """Map Arrow files.

    Args:
        shards: the files, each with the number of rows that it must hold.
        schema: the schema that each must have, with the metadata to go by.

    Raises:
        CorruptEntryError: one is missing, is no Arrow stream, or holds something else.
        OSError: one cannot be opened: nothing is known about it.
    """
    written = pa.ipc.read_message(schema.serialize()).metadata
    return [_map_shard(path, rows, schema, written) for path, rows in shards]


def _map_shard(path: Path, rows: int, schema: pa.Schema, written: pa.Buffer) -> Table:
    try:
        batches = _batches(path, schema, written)
    except (OSError, EOFError, pa.ArrowException, ValueError) as error:
        # Arrow gives what it cannot make sense of without an error number; one with a number says something of the
        # machine, such as too many open files.
        if getattr(error, "errno", None) is not None and not isinstance(error, FileNotFoundError):
            raise
        raise CorruptEntryError(path, f"it cannot be opened: {error}") from error
    if batches is None:
        raise CorruptEntryError(path, "its columns are not those of the stated features")
    # The file's own metadata is dropped, here and, by `Dataset`, where the table is opened again after pickling: only
    # the checked features say what the columns mean.
    table = pa.Table.from_batches(batches, schema)
    if table.num_rows != rows:
        raise CorruptEntryError(path, f"it holds {table.num_rows} rows, {rows} are stated")
    return MemoryMappedTable(table, str(path))


def _batches(path: Path, schema: pa.Schema, written: pa.Buffer) -> list[pa.RecordBatch] | None:
    """Map the record batches of an Arrow stream; None where they are of another schema.

    Reading a schema costs more than mapping all that follows it, as each extension type is made anew by Python code. A
    file that begins with the very bytes that the expected schema is written as need not be asked.
    """
    with pa.memory_map(os.fsencode(path)) as file:  # closed, the map lasts as long as the batches that lie in it
        # What is read from a mapped file Arrow asks the kernel to load, here all of it. So only a byte is read, and the
        # rest pointed to: it is loaded as far as somebody asks for its rows.
        first = file.read_buffer(1)
        mapped = pa.foreign_buffer(first.address, file.size(), base=first)
    messages = list(pa.ipc.MessageReader.open_stream(mapped))
    if messages and messages[0].metadata.equals(written):
        batches = messages[1:]
        if all(message.type == "record batch" for message in batches):
            return [pa.ipc.read_record_batch(message, schema) for message in batches]
    stream = pa.ipc.open_stream(mapped)
    return list(stream) if stream.schema.equals(schema, check_metadata=False) else None


def assemble(
    tables: Sequence[Table],
    features: datasets.Features,
    *,
    rows: int | None = None,
    split: str | None = None,
    fingerprint: str | None = None,
) -> datasets.Dataset:
    """Give tables that follow each other as one dataset, without copying.

    Args:
        tables: tables of these features, perhaps none.
        features: the features.
        rows: give only the first so many rows; None for all.
        split: name of the split.
        fingerprint: what Hugging Face `datasets` is to take as the dataset's fingerprint; None for a random one.
    """
    table = concat_tables(list(tables)) if tables else InMemoryTable(features.arrow_schema.empty_table())
    if rows is not None and rows < table.num_rows:
        table = table.slice(0, rows)
    return datasets.Dataset(
        table,
        info=datasets.DatasetInfo(features=features),
        split=None if split is None else datasets.NamedSplit(split),
        fingerprint=fingerprint,
    )
