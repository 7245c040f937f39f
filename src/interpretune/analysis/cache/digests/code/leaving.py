"""Context managers whose body may be left by an error, after which the code goes on as if nothing had happened."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

from .lookup import find_class_attribute, is_user_class, is_user_function, wrapped_by_installed
from .source import find_source
from .syntax import body_of
from .values import Atoms, Instance, Known

__all__ = ["may_swallow"]


def may_swallow(managers: Atoms, called: Atoms) -> bool:
    """Tell whether a context manager may keep an error from its body to itself.

    Args:
        managers: what the expression behind ``with`` denotes.
        called: where it is a call, what it calls.
    """
    for atom in (*managers, *called):
        value: Any = atom.cls if isinstance(atom, Instance) else atom.value if isinstance(atom, Known) else None
        value = getattr(atom, "function", value)
        if _is_swallowing(value if isinstance(value, type) else type(value)):
            return True
        inside = wrapped_by_installed(value)
        if inside is not None and any(map(_catches, _yielding(_text_of(inside)))):
            return True
    return False


def _is_swallowing(cls: type) -> bool:
    # What is put on a stack may be one that does.
    if issubclass(cls, (contextlib.suppress, contextlib.ExitStack, contextlib.AsyncExitStack)):
        return True
    if not is_user_class(cls):
        return False
    found = (getattr(find_class_attribute(cls, name), "function", None) for name in ("__exit__", "__aexit__"))
    return any(_may_give_true(_text_of(function)) for function in found)


def _text_of(function: Any) -> list[ast.stmt]:
    source = find_source(function.__code__, function.__globals__) if is_user_function(function) else None
    return body_of(source.node) if source is not None else []


def _may_give_true(body: list[ast.stmt]) -> bool:
    given = (part.value for part in _parts(body) if isinstance(part, ast.Return) and part.value is not None)
    return any(not (isinstance(value, ast.Constant) and not value.value) for value in given)


def _yielding(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements that a generator stands in where it gives the body its turn."""
    for part in _parts(body):
        if isinstance(part, (ast.Try, ast.With, ast.AsyncWith)) and any(
            isinstance(inside, ast.Yield) for inside in _parts(part.body)
        ):
            yield part


def _catches(statement: ast.stmt) -> bool:
    """Tell whether a statement around a `yield` may keep an error to itself."""
    if isinstance(statement, ast.Try):
        return any(not isinstance(handler.body[-1], ast.Raise) for handler in statement.handlers)
    items = statement.items if isinstance(statement, (ast.With, ast.AsyncWith)) else []
    return any("suppress" in ast.unparse(item.context_expr) for item in items)


def _parts(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        yield from ast.walk(statement)
