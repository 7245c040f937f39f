"""What plain containers hold: which of it counts, and how an entry is reached."""

from __future__ import annotations

import functools
import os
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..tokens import frame
from .lookup import is_user_class
from .values import Atoms, Each, Items, Known

if TYPE_CHECKING:
    from .reads import Reader

__all__ = [
    "count_length",
    "count_presence",
    "count_variable",
    "elements_of",
    "entry_of",
    "entry_step",
    "holds_objects",
    "is_namespace",
]

_SCALARS = (int, float, str, bool, type(None))
_CALLABLES = (FunctionType, MethodType, functools.partial, type)


def count_variable(reader: Reader, name: str) -> None:
    """Let the function depend on a variable of the environment."""
    value = os.environ.get(name)
    pieces = () if value is None else (value.encode("utf-8", "surrogateescape"),)
    reader.record(f"os.environ[{name}]", frame("environ", *pieces))


def count_presence(reader: Reader, name: str) -> None:
    """Let the function depend on whether a variable of the environment is there."""
    reader.record(f"{name} in os.environ", b"yes" if name in os.environ else b"no")


def count_length(reader: Reader, known: Known) -> None:
    """Let the function depend on how many elements a container has, and of what kind it is."""
    reader.record(f"len({known.label})", frame("length", type(known.value).__name__.encode(), b"%d" % len(known.value)))


def holds_objects(reader: Reader, value: Any) -> bool:
    """Tell whether a container holds something that is better followed than counted."""
    find_encoder = reader.graph.walk.find_encoder
    return any(
        type(item) not in _SCALARS
        and (type(item) in _CALLABLES or is_user_class(type(item)) or find_encoder(item) is None)
        for item in value
    )


def entry_of(reader: Reader, known: Known, key: Any) -> Atoms:
    """Tell what an entry of a plain container denotes; with an unknown key, any of its entries."""
    value = known.value
    if type(key) in (str, int):
        place = id(value), entry_step(key)
        if place in reader.by_hooks and key in value:
            # Whether hooks are taken away before it is told by code that may not be read yet.
            reader.node.stored_by_hooks[known.label + place[1]] = known.step(value[key], place[1]), reader.line
        if place in reader.assigned:
            return reader.assigned[place]
        try:
            return (known.step(value[key], entry_step(key)),)
        except (KeyError, IndexError, TypeError):
            reader.record(known.label + entry_step(key), frame("absent"))
            return ()
    held = value.values() if isinstance(value, dict) else value
    if is_namespace(value):
        reader.consume((known,))
        return ()
    if not holds_objects(reader, held) or (isinstance(value, dict) and not all(type(name) is str for name in value)):
        reader.consume((known,))
        return ()
    if isinstance(value, dict):
        _count_names(reader, known)
        return tuple(known.step(item, entry_step(name)) for name, item in value.items())
    count_length(reader, known)
    return tuple(known.step(item, entry_step(index)) for index, item in enumerate(value))


def is_namespace(value: Any) -> bool:
    """Tell whether a dictionary holds the names of a module."""
    return type(value) is dict and "__name__" in value and "__builtins__" in value


def entry_step(key: str | int) -> str:
    """Give how an entry is reached from its container."""
    return f"['{key}']" if isinstance(key, str) else f"[{key}]"


def _count_names(reader: Reader, known: Known) -> None:
    names = sorted(name.encode("utf-8", "surrogatepass") for name in known.value)
    reader.record(f"keys({known.label})", frame("keys", *names))


def elements_of(reader: Reader, known: Known, paired: bool) -> Atoms | None:
    """Tell what the values (or the pairs) of a plain dictionary denote, or None where it may count as a whole."""
    held = known.value
    if not holds_objects(reader, held.values()) or not all(type(name) is str for name in held):
        return None
    _count_names(reader, known)
    elements = tuple(known.step(value, entry_step(name)) for name, value in held.items())
    return (Each((Items(((), elements)),) if paired else elements),)
