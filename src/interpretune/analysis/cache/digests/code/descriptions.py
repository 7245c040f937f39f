"""Calls that ask what code looks like: its annotations, documentation or text, which count only where they are read."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from dataclasses import replace
from types import FunctionType
from typing import TYPE_CHECKING

from ..tokens import frame
from .lookup import is_user_class, unwrap
from .operations import attribute
from .values import Atoms, Known

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["describe", "documentation", "fields", "text_of"]


def describe(reader: Reader, node: ast.Call) -> Atoms:
    """`inspect.signature` and its like also tell the annotations of a function or class."""
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known) and isinstance(unwrap(atom.value), FunctionType):
            reader.consume(attribute(reader, (replace(atom, value=unwrap(atom.value)),), "__annotations__"))
        elif isinstance(atom, Known):
            _count_annotations(reader, atom)
    reader.arguments(node).consume(reader)
    return ()


def fields(reader: Reader, node: ast.Call) -> Atoms:
    """`dataclasses.fields` tells the annotations and metadata to those who ask a field for its type or metadata."""
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known) and _asks_for(reader, "type"):
            _count_annotations(reader, atom)
        if isinstance(atom, Known) and dataclasses.is_dataclass(atom.value) and _asks_for(reader, "metadata"):
            for field in dataclasses.fields(atom.value):
                step = f".{field.name}.metadata"
                reader.consume((Known(dict(field.metadata), atom.label + step, atom.path + step),))
    reader.arguments(node).consume(reader)
    return ()


def _asks_for(reader: Reader, name: str) -> bool:
    source = reader.node.source
    return source is None or any(
        isinstance(part, ast.Attribute) and part.attr == name for part in ast.walk(source.node)
    )


def _count_annotations(reader: Reader, atom: Known) -> None:
    cls = atom.value if isinstance(atom.value, type) else type(atom.value)
    for index, base in enumerate(cls.__mro__):
        if is_user_class(base):
            known = Known(base, f"{atom.label}.__mro__[{index}]", atom.path)
            reader.consume(attribute(reader, (known,), "__annotations__"))


def documentation(reader: Reader, node: ast.Call) -> Atoms:
    """`inspect.getdoc` tells a documentation string."""
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known):
            reader.consume(attribute(reader, (replace(atom, value=unwrap(atom.value)),), "__doc__"))
    reader.arguments(node).consume(reader)
    return ()


def text_of(reader: Reader, node: ast.Call) -> Atoms:
    """`inspect.getsource` tells all of the text, comments included."""
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known):
            try:
                text = inspect.getsource(atom.value)
            except (OSError, TypeError):
                text = ""
            reader.record(f"source of {atom.label}", frame("source", text.encode("utf-8", "surrogatepass")))
    reader.arguments(node).consume(reader)
    return ()
