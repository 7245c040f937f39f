"""Functions of the language that go through elements: what they look at is followed element by element."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .apply import Arguments, apply_each
from .entries import count_length
from .operations import iterate, operate
from .values import Atoms, Each, Items, Known, join

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["ITERATING", "passed_on"]


def passed_on(reader: Reader, node: ast.Call) -> Atoms:
    """A call of which nothing is known but its arguments."""
    reader.arguments(node).consume(reader)
    return ()


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
        return passed_on(reader, node)
    columns = tuple(iterate(reader, reader.evaluate(part)) for part in node.args)
    return (Each((Items(columns),)),) if any(columns) else ()


def _same_elements(reader: Reader, node: ast.Call) -> Atoms:
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        return passed_on(reader, node)
    return _each(iterate(reader, reader.evaluate(node.args[0])))


def _next(reader: Reader, node: ast.Call) -> Atoms:
    given = iterate(reader, reader.evaluate(node.args[0])) if node.args else ()
    return join(given, *(reader.evaluate(part) for part in node.args[1:]))


def _map(reader: Reader, node: ast.Call) -> Atoms:
    called = _call_with_elements(reader, node)
    return passed_on(reader, node) if called is None else _each(called[0])


def _filter(reader: Reader, node: ast.Call) -> Atoms:
    called = _call_with_elements(reader, node)
    if called is None:
        return passed_on(reader, node)
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
    return passed_on(reader, node) if elements is None else _each(elements)


def _extreme(reader: Reader, node: ast.Call) -> Atoms:
    elements = _looked_at_by_key(reader, node)
    return passed_on(reader, node) if elements is None else elements


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


def _use_elements(reader: Reader, node: ast.Call) -> Atoms:
    if not node.args or isinstance(node.args[0], ast.Starred):
        return passed_on(reader, node)
    reader.consume(iterate(reader, reader.evaluate(node.args[0])))
    for part in (*node.args[1:], *(word.value for word in node.keywords)):
        reader.use(part)
    return ()


#: The functions, each with what follows a call of it.
ITERATING: tuple[tuple[Any, Callable[[Reader, ast.Call], Atoms]], ...] = (
    *((function, _same_elements) for function in (list, tuple, reversed, iter)),
    *((function, _use_elements) for function in (sum, any, all, set, frozenset)),
    *((function, _extreme) for function in (min, max)),
    (len, _len),
    (enumerate, _enumerate),
    (zip, _zip),
    (next, _next),
    (map, _map),
    (filter, _filter),
    (sorted, _sorted),
)
