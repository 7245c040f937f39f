"""Functions of the language whose calls are understood, instead of taking their arguments as a whole."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import importlib
import inspect
import os
import typing
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..tokens import frame
from .descriptions import describe, documentation, fields, text_of
from .entries import count_presence, count_variable
from .imports import import_module
from .iterating import ITERATING, passed_on
from .lookup import Absent, find_attribute, is_user_class
from .operations import attribute, operate
from .targets import is_definite
from .values import Atom, Atoms, Instance, Known, Literal, Super, join

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["HARMLESS", "SPECIAL", "asks_environment", "certain_text", "read_environment", "read_super"]


def read_super(reader: Reader, node: ast.Call) -> Atoms:
    """Tell what a call of `super` denotes."""
    if node.args:
        named, second = (reader.evaluate(part) for part in node.args[:2])
        classes = [atom.value for atom in named if isinstance(atom, Known) and isinstance(atom.value, type)]
        receivers: Atoms = second
    else:
        cell = reader.cells.get("__class__")
        classes = [cell.cell_contents] if cell is not None else []
        first = reader.function.__code__.co_varnames[:1]
        receivers = reader.top.names.get(first[0], ()) if first else ()
    return tuple(Super(cls, atom) for cls in classes for atom in receivers if isinstance(atom, (Known, Instance)))


def certain_text(reader: Reader, node: ast.expr) -> str | None:
    """Give the text that an expression certainly is."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return _joined([_written(reader, part) for part in node.values])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined([certain_text(reader, node.left), certain_text(reader, node.right)])
    if isinstance(node, (ast.Name, ast.Attribute)) and is_definite(reader, node):
        atoms = reader.evaluate(node)
        if len(atoms) == 1 and isinstance(atoms[0], Literal):
            return atoms[0].value
        if len(atoms) == 1 and isinstance(atoms[0], Known) and isinstance(atoms[0].value, str):
            reader.consume(atoms)
            return atoms[0].value
    return None


def _written(reader: Reader, part: ast.expr) -> str | None:
    """Give what a part of an f-string certainly comes to."""
    if isinstance(part, ast.FormattedValue):
        return certain_text(reader, part.value) if part.conversion == -1 and part.format_spec is None else None
    return certain_text(reader, part)


def _joined(parts: list[str | None]) -> str | None:
    texts = [part for part in parts if part is not None]
    return "".join(texts) if len(texts) == len(parts) else None


def _getattr(reader: Reader, node: ast.Call) -> Atoms:
    atoms = reader.evaluate(node.args[0]) if node.args else ()
    name = certain_text(reader, node.args[1]) if len(node.args) > 1 else None
    given: Atoms = ()
    for part in node.args[2:]:
        given = join(given, reader.evaluate(part))
    if name is not None:
        if not isinstance(node.args[1], ast.Constant):
            # The name may be another one by the time the code runs.
            reader.consume(tuple(_class_of(atom) for atom in atoms if _is_users_object(atom)))
        return join(attribute(reader, atoms, name), given)
    for part in node.args[1:2]:
        reader.use(part)
    if atoms:
        _dynamic(reader, node)
        reader.consume(atoms)
    return given


def _is_users_object(atom: Atom) -> bool:
    return isinstance(atom, Known) and is_user_class(type(atom.value)) and not isinstance(atom.value, type)


def _class_of(atom: Any) -> Known:
    return Known(type(atom.value), f"{atom.label}.__class__", f"{atom.path}.__class__")


def _hasattr(reader: Reader, node: ast.Call) -> Atoms:
    atoms = reader.evaluate(node.args[0]) if node.args else ()
    name = certain_text(reader, node.args[1]) if len(node.args) > 1 else None
    for atom in atoms:
        if isinstance(atom, Known) and name is not None:
            there = not isinstance(find_attribute(atom.value, name), Absent)
            reader.record(f"hasattr({atom.label}, {name})", b"yes" if there else b"no")
        else:
            reader.consume((atom,))
    if name is None and atoms:
        _dynamic(reader, node)
    return ()


def _setattr(reader: Reader, node: ast.Call) -> Atoms:
    for index, part in enumerate(node.args):
        atoms = reader.evaluate(part)
        if index:
            reader.consume(atoms)
    return ()


def _isinstance(reader: Reader, node: ast.Call) -> Atoms:
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known):
            names = [base.__qualname__ for base in type(atom.value).__mro__]
            reader.record(f"isinstance({atom.label})", frame("mro", *(name.encode() for name in names)))
        else:
            reader.consume((atom,))
    for part in node.args[1:]:
        reader.use(part)
    return ()


def _type(reader: Reader, node: ast.Call) -> Atoms:
    if len(node.args) != 1:
        return passed_on(reader, node)
    given: list[Atom] = []
    for atom in reader.evaluate(node.args[0]):
        if isinstance(atom, Known):
            given.append(atom.step(type(atom.value), ".__class__"))
        elif isinstance(atom, Instance):
            given.append(Known(atom.cls, "<new>.__class__", reader.node.path))
    return tuple(given)


def _text(reader: Reader, node: ast.Call) -> Atoms:
    if len(node.args) != 1 or node.keywords:
        return passed_on(reader, node)
    operate(reader, reader.evaluate(node.args[0]), ("__str__", "__repr__"))
    return ()


def _callable(reader: Reader, node: ast.Call) -> Atoms:
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known):
            reader.record(f"callable({atom.label})", b"yes" if callable(atom.value) else b"no")
    return ()


def _cast(reader: Reader, node: ast.Call) -> Atoms:
    return reader.evaluate(node.args[1]) if len(node.args) == 2 else ()


def read_environment(reader: Reader, node: ast.Call) -> Atoms:
    """Count the variable of the environment that is asked for."""
    name = certain_text(reader, node.args[0]) if node.args else None
    if name is None:
        _dynamic(reader, node)
    else:
        count_variable(reader, name)
    for part in node.args[1:]:
        reader.use(part)
    return ()


def asks_environment(reader: Reader, name: ast.expr, container: ast.expr) -> bool:
    """Count the variable where code asks whether the environment has it; tell whether that is what it asks."""
    atoms = reader.evaluate(container) if isinstance(container, (ast.Name, ast.Attribute)) else ()
    if len(atoms) != 1 or not isinstance(atoms[0], Known) or atoms[0].value is not os.environ:
        return False
    text = certain_text(reader, name)
    if text is not None:
        count_presence(reader, text)
    return text is not None


def _import(reader: Reader, node: ast.Call) -> Atoms:
    name = certain_text(reader, node.args[0]) if node.args else None
    if name is None:
        _dynamic(reader, node)
        return passed_on(reader, node)
    module = import_module(reader, name)
    return (Known(module, f"import {name}", reader.node.path),) if module is not None else ()


def _globals(reader: Reader, node: ast.Call) -> Atoms:
    """The names of the module, of which one may be asked for by its name."""
    return (Known(reader.function.__globals__, "globals()", reader.node.path),)


def _vars(reader: Reader, node: ast.Call) -> Atoms:
    if len(node.args) != 1:
        return _unfollowable(reader, node)
    given: Atoms = ()
    for atom in reader.evaluate(node.args[0]):
        if isinstance(atom, Known) and (isinstance(atom.value, ModuleType) or is_user_class(type(atom.value))):
            given = join(given, attribute(reader, (atom,), "__dict__"))
        else:
            _dynamic(reader, node)
            reader.consume((atom,))
    return given


def _asking(*names: str) -> Callable[[Reader, ast.Call], Atoms]:
    """Give what follows a call that asks its one argument for special methods."""

    def ask(reader: Reader, node: ast.Call) -> Atoms:
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            return passed_on(reader, node)
        operate(reader, reader.evaluate(node.args[0]), names)
        return ()

    return ask


def _evaluate(reader: Reader, node: ast.Call) -> Atoms:
    """A text that is certain is read as if it stood in the code."""
    text = certain_text(reader, node.args[0]) if len(node.args) == 1 and not node.keywords else None
    body = _parsed(text) if text is not None else None
    if body is None:
        return _unfollowable(reader, node)
    if len(body) == 1 and isinstance(body[0], ast.Expr):
        return reader.evaluate(body[0].value)
    reader.run_body(body)
    return ()


@lru_cache(maxsize=1024)
def _parsed(text: str) -> list[ast.stmt] | None:
    # The same each time it is read, as names and functions in it are known by their place in the tree.
    try:
        return ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError):
        return None


def _unfollowable(reader: Reader, node: ast.Call) -> Atoms:
    _dynamic(reader, node)
    return passed_on(reader, node)


def _dynamic(reader: Reader, node: ast.AST) -> None:
    name = reader.function.__qualname__
    reader.graph.note(f"dynamic lookup in function `{name}` cannot be followed: `{ast.unparse(node)}`")


_HANDLERS: tuple[tuple[Any, Callable[[Reader, ast.Call], Atoms]], ...] = (
    *ITERATING,
    (getattr, _getattr), (hasattr, _hasattr), (setattr, _setattr), (delattr, _setattr), (object.__setattr__, _setattr),
    (isinstance, _isinstance), (type, _type), (callable, _callable), (typing.cast, _cast), (str, _text), (repr, _text),
    (inspect.signature, describe), (inspect.getfullargspec, describe), (inspect.get_annotations, describe),
    (typing.get_type_hints, describe), (dataclasses.fields, fields), (inspect.getdoc, documentation),
    (inspect.getsource, text_of), (inspect.getsourcelines, text_of),
    (os.getenv, read_environment), (importlib.import_module, _import),
    (builtins.__import__, _unfollowable), (eval, _evaluate), (exec, _evaluate), (globals, _globals),
    (locals, _unfollowable), (vars, _vars), (hash, _asking("__hash__")), (abs, _asking("__abs__")),
    (int, _asking("__int__", "__index__", "__trunc__")), (float, _asking("__float__", "__index__")),
    (complex, _asking("__complex__", "__float__", "__index__")), (round, _asking("__round__")),
    (format, _asking("__format__", "__str__", "__repr__")), (bytes, _asking("__bytes__", "__iter__", "__index__")),
)  # fmt: skip
#: By identity, as the name may be bound to anything.
SPECIAL: dict[int, Callable[[Reader, ast.Call], Atoms]] = {id(function): handler for function, handler in _HANDLERS}
#: Inside a message these make text of their arguments and do nothing else.
HARMLESS = frozenset(map(id, (str, repr, format, len, type, id, int, float, round, sorted, list, tuple, min, max, sum)))
