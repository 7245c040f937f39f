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
from typing import TYPE_CHECKING, Any

from .code_apply import Arguments, apply_each
from .code_descriptions import describe, documentation, fields, text_of
from .code_imports import import_module
from .code_lookup import Absent, find_attribute, is_users_code
from .code_operations import attribute, count_length, count_variable, iterate, operate
from .code_targets import is_definite
from .code_values import Atom, Atoms, Each, Instance, Items, Known, Literal, Super, join
from .walk import frame

if TYPE_CHECKING:
    from .code_reads import Reader

__all__ = ["HARMLESS", "SPECIAL", "certain_text", "read_environment", "read_super"]


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
    if isinstance(node, ast.Name) and is_definite(reader, node):
        atoms = reader.load(node.id)
        if len(atoms) == 1 and isinstance(atoms[0], Literal):
            return atoms[0].value
        if len(atoms) == 1 and isinstance(atoms[0], Known) and isinstance(atoms[0].value, str):
            reader.consume(atoms)
            return atoms[0].value
    return None


def _getattr(reader: Reader, node: ast.Call) -> Atoms:
    atoms = reader.evaluate(node.args[0]) if node.args else ()
    name = certain_text(reader, node.args[1]) if len(node.args) > 1 else None
    given: Atoms = ()
    for part in node.args[2:]:
        given = join(given, reader.evaluate(part))
    if name is not None:
        return join(attribute(reader, atoms, name), given)
    for part in node.args[1:2]:
        reader.use(part)
    if atoms:
        _dynamic(reader, node)
        reader.consume(atoms)
    return given


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
        return _passed_on(reader, node)
    given: list[Atom] = []
    for atom in reader.evaluate(node.args[0]):
        if isinstance(atom, Known):
            given.append(atom.step(type(atom.value), ".__class__"))
        elif isinstance(atom, Instance):
            given.append(Known(atom.cls, "<new>.__class__", reader.node.path))
    return tuple(given)


def _len(reader: Reader, node: ast.Call) -> Atoms:
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known) and type(atom.value) in (list, tuple, dict, set, frozenset):
            count_length(reader, atom)
        else:
            operate(reader, (atom,), ("__len__",))
    return ()


def _enumerate(reader: Reader, node: ast.Call) -> Atoms:
    elements = iterate(reader, reader.evaluate(node.args[0])) if node.args else ()
    for part in (*node.args[1:], *(word.value for word in node.keywords)):
        reader.use(part)
    return (Each((Items(((), elements)),)),) if elements else ()


def _zip(reader: Reader, node: ast.Call) -> Atoms:
    if any(isinstance(part, ast.Starred) for part in node.args):
        return _passed_on(reader, node)
    columns = tuple(iterate(reader, reader.evaluate(part)) for part in node.args)
    return (Each((Items(columns),)),) if any(columns) else ()


def _same_elements(reader: Reader, node: ast.Call) -> Atoms:
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        return _passed_on(reader, node)
    return _each(iterate(reader, reader.evaluate(node.args[0])))


def _next(reader: Reader, node: ast.Call) -> Atoms:
    given = iterate(reader, reader.evaluate(node.args[0])) if node.args else ()
    return join(given, *(reader.evaluate(part) for part in node.args[1:]))


def _map(reader: Reader, node: ast.Call) -> Atoms:
    called = _call_with_elements(reader, node)
    return _passed_on(reader, node) if called is None else _each(called[0])


def _filter(reader: Reader, node: ast.Call) -> Atoms:
    called = _call_with_elements(reader, node)
    if called is None:
        return _passed_on(reader, node)
    reader.consume(called[0])
    return _each(called[1])


def _call_with_elements(reader: Reader, node: ast.Call) -> tuple[Atoms, Atoms] | None:
    """Follow the first argument, called with the elements of the others; give what comes back, and the elements."""
    if len(node.args) < 2 or any(isinstance(part, ast.Starred) for part in node.args):
        return None
    functions = reader.evaluate(node.args[0])
    columns = [iterate(reader, reader.evaluate(part)) for part in node.args[1:]]
    return apply_each(reader, functions, Arguments(columns)), columns[0]


def _sorted(reader: Reader, node: ast.Call) -> Atoms:
    elements = _looked_at_by_key(reader, node)
    return _passed_on(reader, node) if elements is None else _each(elements)


def _extreme(reader: Reader, node: ast.Call) -> Atoms:
    elements = _looked_at_by_key(reader, node)
    return _passed_on(reader, node) if elements is None else elements


def _looked_at_by_key(reader: Reader, node: ast.Call) -> Atoms | None:
    """Give the elements of what is put in order by a key: they are only looked at through it."""
    keys = [word.value for word in node.keywords if word.arg == "key"]
    if len(node.args) != 1 or isinstance(node.args[0], ast.Starred) or not keys:
        return None
    elements = iterate(reader, reader.evaluate(node.args[0]))
    reader.consume(apply_each(reader, reader.evaluate(keys[0]), Arguments([elements])))
    for word in node.keywords:
        if word.arg != "key":
            reader.use(word.value)
    return elements


def _each(elements: Atoms) -> Atoms:
    return (Each(elements),) if elements else ()


def _text(reader: Reader, node: ast.Call) -> Atoms:
    if len(node.args) != 1 or node.keywords:
        return _passed_on(reader, node)
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


def _import(reader: Reader, node: ast.Call) -> Atoms:
    name = certain_text(reader, node.args[0]) if node.args else None
    if name is None:
        _dynamic(reader, node)
        return _passed_on(reader, node)
    module = import_module(reader, name)
    return (Known(module, f"import {name}", reader.node.path),) if module is not None else ()


def _globals(reader: Reader, node: ast.Call) -> Atoms:
    """Any function or class of the module may be meant."""
    _dynamic(reader, node)
    names = reader.function.__globals__
    for name in sorted(name for name in names if isinstance(name, str)):
        value = names[name]
        if is_users_code(value) and getattr(value, "__module__", None) == names.get("__name__"):
            reader.consume((Known(value, f"globals().{name}", f"{reader.node.path}.{name}"),))
    return ()


def _unfollowable(reader: Reader, node: ast.Call) -> Atoms:
    _dynamic(reader, node)
    return _passed_on(reader, node)


def _passed_on(reader: Reader, node: ast.Call) -> Atoms:
    reader.arguments(node).consume(reader)
    return ()


def _dynamic(reader: Reader, node: ast.AST) -> None:
    name = reader.function.__qualname__
    reader.graph.note(f"dynamic lookup in function `{name}` cannot be followed: `{ast.unparse(node)}`")


_HANDLERS: tuple[tuple[Any, Callable[[Reader, ast.Call], Atoms]], ...] = (
    (getattr, _getattr), (hasattr, _hasattr), (setattr, _setattr), (delattr, _setattr), (object.__setattr__, _setattr),
    (isinstance, _isinstance), (type, _type), (callable, _callable), (typing.cast, _cast), (str, _text), (repr, _text),
    (len, _len), (enumerate, _enumerate), (zip, _zip), (next, _next), (map, _map), (filter, _filter),
    (list, _same_elements), (tuple, _same_elements), (reversed, _same_elements), (iter, _same_elements),
    (sorted, _sorted), (min, _extreme), (max, _extreme),
    (inspect.signature, describe), (inspect.getfullargspec, describe), (inspect.get_annotations, describe),
    (typing.get_type_hints, describe), (dataclasses.fields, fields), (inspect.getdoc, documentation),
    (inspect.getsource, text_of), (inspect.getsourcelines, text_of),
    (os.getenv, read_environment), (importlib.import_module, _import),
    (builtins.__import__, _unfollowable), (eval, _unfollowable), (exec, _unfollowable), (globals, _globals),
    (locals, _unfollowable), (vars, _unfollowable),
)  # fmt: skip
#: By identity, as the name may be bound to anything.
SPECIAL: dict[int, Callable[[Reader, ast.Call], Atoms]] = {id(function): handler for function, handler in _HANDLERS}
#: Inside a message these make text of their arguments and do nothing else.
HARMLESS = frozenset(map(id, (str, repr, format, len, type, id, int, float, round, sorted, list, tuple, min, max, sum)))
