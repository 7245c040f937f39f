"""The arguments of `materialize` and `dataset_from_generator`, checked before anything is hashed or computed."""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import datasets
import numpy as np

__all__ = [
    "check_callable",
    "iterated",
    "read_features",
    "read_inputs",
    "read_limit",
    "read_name",
    "read_split",
    "split_in_key",
    "visible_order",
]


def check_callable(value: Any, name: str) -> None:
    """Make sure that an argument can be called.

    Raises:
        TypeError: it cannot.
    """
    if not callable(value):
        raise TypeError(f"{name} must be a function, not {type(value).__name__}")


def read_features(features: Any) -> datasets.Features:
    """Give the features of the rows.

    Args:
        features: `datasets.Features`, or a mapping from column names to feature types.

    Raises:
        TypeError: they are neither, or a column has the name of a type and no feature.
    """
    if not isinstance(features, Mapping):
        raise TypeError(
            f"features must be datasets.Features, not {type(features).__name__}; "
            'as in Features({"logits": List(Value("float32"))})'
        )
    for name, feature in features.items():
        if isinstance(feature, str):
            raise TypeError(f"features: {name!r} is the text {feature!r}; write datasets.Value({feature!r})")
    return features if isinstance(features, datasets.Features) else datasets.Features(features)


def read_inputs(inputs: Any, name: str) -> dict[str, Any]:
    """Give the named inputs of a run.

    Args:
        inputs: a mapping from names to values, or None.
        name: what the argument is called.

    Raises:
        TypeError: it is no mapping, or a name is no text.
        ValueError: a name holds a character that dotted paths are made with.
    """
    if inputs is None:
        return {}
    if not isinstance(inputs, Mapping):
        raise TypeError(f"{name} must be a mapping from names to values, not {type(inputs).__name__}")
    for key in inputs:
        if not isinstance(key, str):
            raise TypeError(f"{name}: {key!r} is {type(key).__name__}; names are text")
        if not key or set(key) & set(".[]*"):
            raise ValueError(f"{name}: {key!r} is no name; it must not be empty or contain '.', '[', ']' or '*'")
    return dict(inputs)


def read_limit(limit: Any) -> int | None:
    """Give the number of batches asked for; None for all of them.

    Raises:
        TypeError: it is no whole number; a bool is none.
        ValueError: it is negative.
    """
    if limit is None:
        return None
    try:
        if isinstance(limit, (bool, np.bool_)):
            raise TypeError
        number = operator.index(limit)
    except TypeError:
        raise TypeError(f"limit must be a whole number of batches or None, not {type(limit).__name__}") from None
    if number < 0:
        raise ValueError(f"limit is {number}; give a number of batches from 0 on, or None for all of them")
    return min(number, sys.maxsize)  # more than any stream has, and than `islice` takes


def read_split(split: Any) -> str | None:
    """Give the name of the split as text; Hugging Face `datasets` has a class of its own for it.

    Raises:
        TypeError: it is neither.
    """
    if split is None:
        return None
    if not isinstance(split, (str, datasets.NamedSplit)):
        raise TypeError(f"split must be a name, not {type(split).__name__}")
    return str(split)


def read_name(name: Any, function: Callable[..., Any]) -> str:
    """Give the name of an analysis, that of its function where none is given.

    Raises:
        TypeError: it is no text.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be text, not {type(name).__name__}")
    while isinstance(function, partial):
        function = function.func
    return name or str(getattr(function, "__name__", type(function).__name__)).strip("<>")


def iterated(given: Any, name: str) -> Any:
    """Give what a function gave that is to be gone through.

    Args:
        given: what it gave.
        name: what the function is called among the arguments.

    Raises:
        TypeError: it cannot be gone through.
    """
    if not isinstance(given, Iterable) and not hasattr(given, "__getitem__"):
        raise TypeError(f"{name} gave {type(given).__name__} when it was called; it must give an iterable")
    return given


def split_in_key(split: str | None) -> str | None:
    """Give what the split of a generator's rows counts as: `datasets` calls it ``"train"`` where none is named."""
    return None if split == str(datasets.Split.TRAIN) else split


def visible_order(function: Callable[..., Any], keywords: Mapping[str, Any]) -> list[str]:
    """Give the names of the keywords that a function takes as ``**``, if it can see in which order they were given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # nothing is known of what it takes
        return []
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return []
    named = {parameter.name for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD}
    order = [name for name in keywords if name not in named]
    return order if len(order) > 1 else []
