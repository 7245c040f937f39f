"""What Hugging Face datasets mean: their rows, their columns' types, and the format in which a step sees them.

Rows count by their logical content. How they came to be does not: chunks, slices, indices mappings, files, times, and
the ``_fingerprint`` that `datasets` derives from the way the dataset was made.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, DatasetDict, Features, IterableDataset, List
from datasets.features.features import require_decoding

from .arrow_content import column_digests, type_token
from .code.encoders import encode_called
from .file_digests import remembered_digests
from .instances import class_token
from .tokens import frame
from .walk import Walk

__all__ = [
    "encode_arrow",
    "encode_column",
    "encode_dataset",
    "encode_dataset_dict",
    "encode_feature",
    "encode_features",
    "encode_iterable_dataset",
    "encode_split",
]

#: Types that store the same values in another way; rows read the same through either.
_SAME_DTYPE = {"large_string": "string", "string_view": "string", "large_binary": "binary", "binary_view": "binary"}


def encode_features(value: Features, walk: Walk) -> bytes:
    """Encode the features of a dataset: names, types and order of its columns, exactly as declared."""
    return _features_token(value, walk, exact=True)


def encode_feature(value: Any, walk: Walk) -> bytes:
    """Encode a single feature type, such as ``Value("int64")``, exactly as declared."""
    return _feature_token(value, walk, exact=True)


def encode_dataset(value: Dataset, walk: Walk) -> bytes:
    """Encode a dataset as three components: ``.rows``, ``.schema`` and ``.format``."""
    indices = value._indices
    rows = None if indices is None else indices.column(0).to_numpy().astype(np.int64, copy=False)
    with walk.component(".rows"), walk.at(".rows"):
        rows_token = _rows_token(value.data.table, value.features, rows, walk)
    with walk.component(".schema"), walk.at(".schema"):
        schema_token = _features_token(value.features, walk, exact=False)
    with walk.component(".format"), walk.at(".format"):
        format_token = _format_token(value, walk)
    pieces = [walk.file(".rows", rows_token), walk.file(".schema", schema_token), walk.file(".format", format_token)]
    if type(value) is not Dataset:
        pieces.append(class_token(type(value), walk))
    return frame("dataset", *pieces)


def encode_dataset_dict(value: DatasetDict, walk: Walk) -> bytes:
    """Encode a dictionary of datasets by the names of its splits."""
    return frame(
        "datasets", *(p for name in sorted(value) for p in (name.encode(), walk.child(value[name], f"[{name!r}]")))
    )


def encode_column(value: Any, walk: Walk) -> bytes:
    """Encode a column of a dataset, such as ``dataset["text"]``, which is read when it is asked for."""
    source = value.source
    if isinstance(source, Dataset):
        return frame("column of", walk.child(source.select_columns([value.column_name])))
    return frame("field of", value.column_name.encode(), walk.child(source))


def encode_split(value: Any, walk: Walk) -> bytes:
    """Encode a split's name as the text that it is equal to."""
    return walk.child(str(value))


def encode_iterable_dataset(value: IterableDataset, walk: Walk) -> bytes:
    """Encode a streamed dataset, which has no content to look at, by the ``__fingerprint__`` that its user gave it."""
    told = value.__dict__.get("__fingerprint__")
    if told is None:
        walk.refuse(
            value,
            "a streamed dataset has no content that could be looked at before it is read",
            'Give it a name for its content, `dataset.__fingerprint__ = "my corpus, version 3"`, '
            "or load it without `streaming=True`.",
        )
    return frame("stream", walk.child(told() if callable(told) else told, ".__fingerprint__"))


def encode_arrow(value: Any, walk: Walk) -> bytes:
    """Encode what is pyarrow's, by logical content: a table, record batch, array, scalar, schema, field or type."""
    if isinstance(value, pa.DataType):
        return frame("arrow type", type_token(value))
    if isinstance(value, pa.Field):
        return frame("arrow field", value.name.encode(), type_token(value.type))
    if isinstance(value, pa.Schema):
        return frame("arrow schema", *(walk.child(field, f".{field.name}") for field in value))
    if isinstance(value, pa.Scalar):
        return frame("arrow scalar", walk.child(pa.array([value.as_py()], value.type)))
    if isinstance(value, pa.RecordBatch):
        value = pa.Table.from_batches([value])
    if isinstance(value, pa.Array):
        value = pa.chunked_array([value])
    if isinstance(value, pa.ChunkedArray):
        return frame("arrow array", type_token(value.type), _digested({"": value}, None, {}, walk)[""])
    columns = {str(index): column for index, column in enumerate(value.columns)}
    digests = _digested(columns, None, {}, walk)
    return frame("arrow table", walk.child(value.schema), *(digests[name] for name in columns))


def _rows_token(table: pa.Table, features: Features, rows: np.ndarray[Any, Any] | None, walk: Walk) -> bytes:
    names = [name for name in table.column_names if not walk.policy.ignores(f"{walk.path}[{name!r}]")]
    walk.ignored += [f"{walk.path}[{name!r}]" for name in table.column_names if name not in names]
    columns = {name: table.column(name) for name in names}
    digests = _digested(columns, rows, features, walk)
    pieces = []
    count = table.num_rows if rows is None else len(rows)
    for name in sorted(columns):
        token = frame("column", name.encode(), type_token(columns[name].type), digests[name])
        walk.part(token, f"{columns[name].type}, {count:,} rows", name=f"{walk.path}[{name!r}]")
        pieces.append(token)
    return frame("rows", str(count).encode(), *pieces)


def _digested(
    columns: Mapping[str, pa.ChunkedArray], rows: np.ndarray[Any, Any] | None, features: Mapping[str, Any], walk: Walk
) -> dict[str, bytes]:
    """Give the tokens of columns' values."""
    media = frozenset(name for name in columns if name in features and require_decoding(features[name]))
    unread, remember = remembered_digests({n: c for n, c in columns.items() if n not in media}, rows)
    try:
        found = column_digests({name: columns[name] for name in columns if name not in unread}, rows, media)
    except (TypeError, pa.ArrowException) as error:
        walk.refuse(columns, f"the content of its columns cannot be read: {error}")
    except OSError as error:
        walk.refuse(
            columns,
            f"a row shows the content of file {error.filename!r}, which cannot be read: {error.strerror or error}",
            "Store the bytes in the dataset, or cast the column to one with `decode=False`.",
        )
    tokens = {name: digest.token() for name, digest in found.items()}
    remember(tokens)
    return {**unread, **tokens}


def _format_token(value: Dataset, walk: Walk) -> bytes:
    seen = value.format
    columns = [name for name in value.column_names if name in seen["columns"]]
    options = dict(seen["format_kwargs"])
    # A transform that is an object of the user's: of what it is, only what its `__call__` reads can show.
    called = [name for name, option in options.items() if callable(option) and walk.find_encoder(option) is None]
    tokens = [(name, encode_called(options.pop(name), walk, f"['format_kwargs'][{name!r}]")) for name in called]
    shown = {
        "type": seen["type"],
        "columns": None if columns == value.column_names else columns,
        "output_all_columns": seen["output_all_columns"],
        "format_kwargs": options,
    }
    plain = walk.child(shown)
    return frame("calling", plain, *(p for name, token in tokens for p in (name.encode(), token))) if tokens else plain


def _features_token(value: Mapping[str, Any], walk: Walk, *, exact: bool) -> bytes:
    pieces = []
    for name, feature in value.items():
        with walk.at(f"[{name!r}]"):
            with walk.summarised():
                token = _feature_token(feature, walk, exact)
            walk.part(token, str(feature))
        pieces += [name.encode(), token]
    return frame("features", *pieces)


def _feature_token(feature: Any, walk: Walk, exact: bool) -> bytes:
    if isinstance(feature, dict):
        # Rows give a dictionary for it, whose order does not count.
        return frame(
            "fields", *(p for n in sorted(feature) for p in (n.encode(), _feature_token(feature[n], walk, exact)))
        )
    if isinstance(feature, list) and len(feature) == 1:
        feature = List(feature[0])
    if not dataclasses.is_dataclass(feature):
        walk.refuse(feature, "it is no feature type of `datasets`")
    name = type(feature).__name__
    if not exact and name == "LargeList":
        name = "List"
    pieces = []
    for field in sorted(dataclasses.fields(feature), key=lambda field: field.name):
        held = getattr(feature, field.name, None)
        # Newer versions of `datasets` add fields; as long as those are left alone they say nothing.
        if field.name in ("id", "_type") or held == field.default:
            continue
        if field.name == "feature":
            held_token = _feature_token(held, walk, exact)
        elif field.name == "dtype" and not exact:
            held_token = walk.child(_SAME_DTYPE.get(str(held), held))
        else:
            # A shape is a tuple as written, and a list when it comes back from a file.
            held_token = walk.child(list(held) if isinstance(held, tuple) else held)
        pieces.append(frame("field", field.name.encode(), held_token))
    if type(feature).__module__.partition(".")[0] != "datasets":
        pieces.append(class_token(type(feature), walk))
    return frame(name, *pieces)
