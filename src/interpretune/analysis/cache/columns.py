"""Arrow arrays for the columns of a batch of rows: over the memory of tensors and arrays, else as ``datasets`` does it.

``datasets`` takes every value apart in Python and lets Arrow put it together again. For large tensors that detour costs
most of a run's writing time, and the result is known beforehand: nested lists whose values are the tensor's bytes. So
columns of tensors and numpy arrays (also ragged lists of them, and dictionaries of these) are built from offsets and
buffers (`buffers`), and columns of Python values that need no conversion by Arrow alone. All other values go through
the encoding of ``datasets`` itself, so that the rows, the conversions and the refusals are its own.

Two kinds of values that ``datasets`` takes are refused here: arrays that do not have the shape that an ``Array2D`` to
``Array5D`` declares, and missing values inside of such an array. ``datasets`` writes both, and then either cannot read
them or gives them back in another shape.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence, Set
from itertools import chain
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Array2D, Array3D, Array4D, Array5D, Features, LargeList, List, Value
from datasets.arrow_writer import OptimizedTypedSequence
from datasets.table import table_cast

from .buffers import as_blocks, from_blocks, from_nested, list_levels, missing_mask
from .kinds import PYTHON_TYPES, MixedKinds, find_leaves, is_alone_as_together, names_of_floats
from .recycling import RecycledMemory

__all__ = ["Column"]

_ARRAYS = (Array2D, Array3D, Array4D, Array5D)
#: Not float16 and uint64: what ``datasets`` makes of Python values of these depends on the values.
_PLAIN: dict[str, type] = {
    "bool": bool,
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"), int),
    **dict.fromkeys(("float32", "float64"), float),
    **dict.fromkeys(("string", "large_string"), str),
}
# Newer versions of datasets tell their writer's typed sequences what to do with mixed types; older ones have no choice.
_MIXED_TYPES = (
    {"on_mixed_types": "use_json"} if "on_mixed_types" in inspect.signature(OptimizedTypedSequence).parameters else {}
)


class Column:
    """One column of the declared features, able to turn values into an Arrow array of the column's type.

    Args:
        name: name of the column.
        feature: its feature, of any kind that ``datasets`` has.
    """

    def __init__(self, name: str, feature: Any) -> None:
        self.name = name
        self._features = Features({name: feature})
        # Features normalises what it is given, such as [feature] to List(feature).
        self.feature: Any = self._features[name]
        self._schema = pa.schema({name: self._features.arrow_schema.field(name).type})
        self.type: pa.DataType = self._schema.field(0).type
        self._levels = list_levels(self.type.storage_type if isinstance(self.feature, _ARRAYS) else self.type)
        self._holds_arrays = _holds_arrays(self.feature)
        self._floats = set(names_of_floats(self.feature))
        self._plain = _plain_type(self.feature)
        self._fields: list[Column] = []
        if isinstance(self.feature, dict):
            self._fields = [Column(key, sub) for key, sub in self.feature.items()]
        self._others: dict[tuple[str, ...], Column] = {}

    def build(self, values: Sequence[Any], *, copies: RecycledMemory | None, as_alone: bool = False) -> pa.Array:
        """Turn one value per row into an array.

        Args:
            values: the column's values, None for a missing one.
            copies: gives memory for copies, so that the array shares none with the values, which the caller may change
                afterwards; None to let it share their memory.
            as_alone: whether each value must become what it becomes alone, and be refused if it is refused alone.

        Returns:
            An array of the type ``self.type``, as long as ``values``.

        Raises:
            MixedKinds: ``as_alone`` cannot be promised.
            Exception: what ``datasets`` raises for values that do not fit; ``ValueError`` for arrays of a wrong shape.
        """
        if self._is_struct(values):
            return self._build_struct(values, copies=copies, as_alone=as_alone)
        array = self._build_from_tensors(values, copies=copies)
        array = self._build_from_plain(values) if array is None else array
        return self._build_by_datasets(values, as_alone=as_alone) if array is None else array

    def _build_struct(self, values: Sequence[Any], *, copies: RecycledMemory | None, as_alone: bool) -> pa.Array:
        missing = missing_mask(values)
        children: dict[str, pa.Array] = {}
        for field in self._fields:
            items = [None if value is None else value.get(field.name) for value in values]
            child = None
            if field._is_struct(items):
                child = field._build_struct(items, copies=copies, as_alone=as_alone)
            child = field._build_from_tensors(items, copies=copies) if child is None else child
            if child is not None:
                children[field.name] = child
        others = tuple(field.name for field in self._fields if field.name not in children)
        if others:
            # Together and inside of a dictionary, as datasets encodes some values there otherwise than in a column.
            if others not in self._others:
                self._others[others] = Column(self.name, {name: self.feature[name] for name in others})
            array = self._others[others]._build_by_datasets(values, as_alone=as_alone)
            children |= {name: array.field(name) for name in others}
        arrays = [children[field.name] for field in self._fields]
        return pa.StructArray.from_arrays(arrays, fields=list(self.type), mask=missing)

    def _is_struct(self, values: Sequence[Any]) -> bool:
        return bool(self._fields) and all(value is None or type(value) is dict for value in values)

    def _build_from_tensors(self, values: Sequence[Any], *, copies: RecycledMemory | None) -> pa.Array | None:
        """Build the column over its tensors' or arrays' memory, or return None where ``datasets`` has to encode it."""
        if isinstance(self.feature, (List, LargeList)):
            return from_nested(self._levels, values, copies=copies)
        if not isinstance(self.feature, _ARRAYS):
            return None
        blocks, fresh = as_blocks(values)
        if blocks is None:
            return None
        for block in blocks:
            _check_shapes(self.feature, block)
        storage = from_blocks(self._levels, blocks, copies=None if fresh else copies)
        return None if storage is None else pa.ExtensionArray.from_storage(self.type, storage)

    def _build_from_plain(self, values: Sequence[Any]) -> pa.Array | None:
        """Build a column of Python values of the very type that it holds, which ``datasets`` would not convert."""
        if self._plain is None:
            return None
        leaves = values
        for _ in self._levels:
            if not all(item is None or type(item) is list for item in leaves):
                return None
            leaves = list(chain.from_iterable(item for item in leaves if item))
        if not {self._plain, NoneType}.issuperset(map(type, leaves)):
            return None
        try:
            return pa.array(values, type=self.type)
        except (pa.ArrowException, OverflowError, UnicodeError):
            return None  # datasets refuses these as well, or knows a way

    def _build_by_datasets(self, values: Sequence[Any], *, as_alone: bool) -> pa.Array:
        found = find_leaves(values) if self._floats or (as_alone and len(values) > 1) else {}
        if (
            as_alone
            and len(values) > 1
            and not all(is_alone_as_together(found[names], names in self._floats) for names in found)
        ):
            raise MixedKinds
        kinds = [{kind for kind, _ in found[names]} for names in self._floats & found.keys()]
        if not any("float16" in several for several in kinds):
            return self._encoded(values)
        array = self._encoded([_widened(value, self._floats) for value in values])
        if any("float16" in several and len(several) > 1 for several in kinds):
            self._check_halves(values)
        return array

    def _check_halves(self, values: Sequence[Any]) -> None:
        """Raise what ``datasets`` raises for one of the values alone: that halves are wider must make nothing fit."""
        try:
            self._encoded(values)
        except Exception:
            for value in values:
                self._encoded([value])

    def _encoded(self, values: Sequence[Any]) -> pa.Array:
        encoded = [self._features.encode_example({self.name: value})[self.name] for value in values]
        if self._holds_arrays:
            for value in encoded:
                _check_shapes(self.feature, value)
        array = pa.array(OptimizedTypedSequence(encoded, type=self.feature, col=self.name, **_MIXED_TYPES))
        table = table_cast(pa.Table.from_arrays([array], names=[self.name]), self._schema)
        array = table.column(0).combine_chunks()
        if isinstance(self.feature, _ARRAYS):
            _check_complete(array, encoded)
        return array


def _plain_type(feature: Any) -> type | None:
    """The Python type of whose values a column of (lists of) values is made, where Arrow takes them as they are."""
    while isinstance(feature, (List, LargeList)):
        feature = feature.feature
    return _PLAIN.get(feature.dtype) if isinstance(feature, Value) else None


def _widened(value: Any, floats: Set[tuple[str, ...]], names: tuple[str, ...] = ()) -> Any:
    """The value with halves in single precision: where one stands beside integers, Arrow takes it for an integer.

    Only below the names that lead to floats.
    """
    torch = sys.modules.get("torch")
    if type(value) is dict:
        return {name: _widened(item, floats, (*names, name)) for name, item in value.items()}
    if type(value) in (list, tuple) and not PYTHON_TYPES.issuperset(map(type, value)):
        return [_widened(item, floats, names) for item in value]
    if isinstance(value, (np.ndarray, np.float16)):
        return value.astype(np.float32) if value.dtype == np.float16 and names in floats else value
    if torch is not None and isinstance(value, torch.Tensor):
        return value.float() if value.dtype == torch.float16 and names in floats else value
    return value


def _holds_arrays(feature: Any) -> bool:
    if isinstance(feature, dict):
        return any(_holds_arrays(sub) for sub in feature.values())
    if isinstance(feature, (List, LargeList)):
        return _holds_arrays(feature.feature)
    return isinstance(feature, _ARRAYS)


def _check_shapes(feature: Any, value: Any) -> None:
    """Raise ValueError if an array in the value has another shape than the feature declares, or holes."""
    if value is None:
        return
    if isinstance(feature, _ARRAYS):
        _check_shape(feature.shape, value)
    elif isinstance(feature, dict):
        for name, sub in feature.items():
            _check_shapes(sub, value.get(name))
    elif isinstance(feature, (List, LargeList)) and _holds_arrays(feature.feature):
        for item in value:
            _check_shapes(feature.feature, item)


def _check_shape(shape: tuple[int | None, ...], value: Any) -> None:
    if isinstance(value, (list, tuple)):
        if any(item is None for item in value):
            raise ValueError("there is None inside of an array")
        found: tuple[int | None, ...] = (len(value), *shape[1:])
        if len(shape) > 1:
            for item in value:
                _check_shape(shape[1:], item)
    elif hasattr(value, "shape"):
        found = tuple(value.shape)
    else:
        raise ValueError(f"{type(value).__name__} is neither an array nor a list")
    if len(found) != len(shape) or any(want not in (None, have) for have, want in zip(found, shape, strict=True)):
        raise ValueError(f"the shape {_describe_shape(found)} does not fit {_describe_shape(shape)}")


def _check_complete(array: pa.Array, values: Sequence[Any]) -> None:
    """Raise ValueError if ``datasets`` left something out, as it does with tensors beside numpy arrays in one list."""
    level, missing = array.storage, sum(value is None for value in values)
    while list_levels(level.type):
        if level.null_count != missing:
            raise ValueError("a list inside of an array mixes numpy arrays with other kinds")
        level, missing = level.flatten(), 0


def _describe_shape(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
