"""What pandas objects mean: frames, series, indexes and their scalars, by labels, dtypes and values."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from .code.random import FRAMED
from .instances import class_token
from .tokens import frame
from .walk import Walk

__all__ = [
    "encode_extension_array",
    "encode_extension_dtype",
    "encode_frame",
    "encode_index",
    "encode_missing",
    "encode_moment",
    "encode_span",
]


def encode_frame(value: pd.DataFrame | pd.Series, walk: Walk) -> bytes:
    """Encode a data frame or a series: its columns in order, or its name, its index and its values."""
    walk.circumstance(FRAMED)
    pieces = [] if type(value) in (pd.DataFrame, pd.Series) else [class_token(type(value), walk)]
    pieces.append(walk.child(value.index, ".index"))
    if value.attrs:
        pieces.append(frame("attrs", walk.child(value.attrs, ".attrs")))
    if isinstance(value, pd.Series):
        return frame("series", walk.child(value.name, ".name"), _values(value, walk, ".values"), *pieces)
    # Columns may share a name, so they are taken by position.
    columns = (value.iloc[:, number] for number in range(value.shape[1]))
    pieces += [_values(column, walk, f"[{number}]") for number, column in enumerate(columns)]
    return frame("data frame", walk.child(value.columns, ".columns"), *pieces)


def encode_index(value: pd.Index, walk: Walk) -> bytes:
    """Encode an index by its names and its values; how it stores them (a range, an array) does not count."""
    levels = [value.get_level_values(level) for level in range(value.nlevels)]
    names = walk.child(list(value.names), ".names")
    return frame("index", names, *(_values(level, walk, f"[{number}]") for number, level in enumerate(levels)))


def encode_moment(value: pd.Timestamp | pd.Timedelta, walk: Walk) -> bytes:
    """Encode a timestamp or a difference of two by its exact count, unit and time zone."""
    told = (type(value).__name__, int(value.asm8.astype("int64")), value.unit, getattr(value, "tzinfo", None))
    with walk.summarised():
        token = frame("pandas moment", walk.child(told))
    walk.part(token, str(value))
    return token


def encode_missing(value: Any, walk: Walk) -> bytes:
    """Encode ``pandas.NA`` and ``pandas.NaT``, of which there is one each."""
    return frame("pandas missing", type(value).__name__.encode())


def encode_span(value: pd.Interval | pd.Period, walk: Walk) -> bytes:
    """Encode an interval by its ends, or a period by its number and frequency."""
    if isinstance(value, pd.Period):
        told: tuple[Any, ...] = ("period", value.ordinal, value.freqstr)
    else:
        told = ("interval", value.left, value.right, value.closed)
    with walk.summarised():
        token = frame("pandas span", walk.child(told))
    walk.part(token, str(value))
    return token


def encode_extension_dtype(value: Any, walk: Walk) -> bytes:
    """Encode a dtype of pandas' own by its class and by what tells two dtypes of that class apart."""
    pieces = [walk.child(getattr(value, name), f".{name}") for name in type(value)._metadata]
    token = frame("pandas dtype", class_token(type(value), walk), str(value).encode(), *pieces)
    walk.part(token, str(value))
    return token


def encode_extension_array(value: Any, walk: Walk) -> bytes:
    """Encode an array of pandas' own, such as a categorical, by its dtype and its values."""
    return frame("pandas array", _values(pd.Series(value, copy=False), walk, ""))


def _values(value: pd.Series | pd.Index, walk: Walk, step: str) -> bytes:
    dtype = value.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        pieces = [walk.child(value.array.codes, step), walk.child(dtype.categories, f"{step}.categories")]
        return frame("categories", str(dtype.ordered).encode(), *pieces)
    if not isinstance(dtype, pd.api.extensions.ExtensionDtype):
        return walk.child(value.to_numpy(), step)
    try:
        held = pa.array(value.array, from_pandas=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        with walk.at(step):
            walk.refuse(value.array, f"its values cannot be read: {error}")
    if isinstance(held, pa.ChunkedArray):
        held = held.combine_chunks()
    return frame("extension", str(dtype).encode(), walk.child(held, step))
