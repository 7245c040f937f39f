"""Arrow files as a `datasets.Dataset`, and features as they are written down; what needs `datasets` to be imported."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
from datasets.table import InMemoryTable, MemoryMappedTable, Table, concat_tables

from .errors import CorruptEntryError

__all__ = ["assemble", "info_bytes", "map_shard", "read_features"]


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
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptEntryError(where, f"its features cannot be read: {error}") from error


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


def map_shard(path: Path, rows: int, features: datasets.Features) -> Table:
    """Map one Arrow file.

    Args:
        path: the file.
        rows: the number of rows that it must hold.
        features: the features that it must have.

    Raises:
        CorruptEntryError: it is missing, is no Arrow stream, or holds something else.
    """
    schema = features.arrow_schema
    try:
        table = MemoryMappedTable.from_file(str(path))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise CorruptEntryError(path, f"it cannot be opened: {error}") from error
    if table.num_rows != rows:
        raise CorruptEntryError(path, f"it holds {table.num_rows} rows, {rows} are stated")
    if not table.schema.equals(schema, check_metadata=False):
        raise CorruptEntryError(path, "its columns are not those of the stated features")
    # The file's own metadata is dropped: only the features checked above say what the columns mean.
    return table.replace_schema_metadata(schema.metadata)


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
