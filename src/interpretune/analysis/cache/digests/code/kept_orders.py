"""Where dictionaries are put of which the order may count: into containers, attributes, what functions give back."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..tokens import frame
from .ordering import RETURNED, Ordered, count_whole, elements_in, held_in, keep, label_of_order, ordered
from .orders import order_of
from .values import Known

if TYPE_CHECKING:
    from ..walk import Walk
    from .nodes import Node
    from .reads import Reader

__all__ = [
    "all_gone_through",
    "count_drawn_orders",
    "keep_matched",
    "keep_return",
    "orders_gone_through",
    "orders_held",
    "put_order",
    "store_order",
]


def keep_return(reader: Reader, name: str, node: ast.expr, yielded: bool) -> None:
    """Remember which containers lie in what a function gives back, where somebody may go through them.

    Args:
        reader: the reading of the function.
        name: the function.
        node: what it gives back.
        yielded: True where that is one element of what it gives.
    """
    given = ordered(reader, node)
    found = held_in(given) if yielded else given
    if reader.scope is not reader.top:
        keep(reader, reader.scope, RETURNED, found)
    else:
        _store(reader, name, [one for one in found if one.held])


def keep_matched(reader: Reader, statement: ast.Match) -> None:
    """Remember of which containers that a statement matches the names in its patterns may have the order.

    Args:
        reader: the reading of the function that it stands in.
        statement: the statement, of which the subject was evaluated.
    """
    given = ordered(reader, statement.subject)
    inside = elements_in(given)
    found = [*given, *inside, *elements_in(inside)]
    for part in (part for case in statement.cases for part in ast.walk(case.pattern)):
        word = getattr(part, "rest" if isinstance(part, ast.MatchMapping) else "name", None)
        if word is not None and (holder := reader.scope.holder(word)) is not None:
            keep(reader, holder, word, found)


def put_order(reader: Reader, target: ast.expr, node: ast.expr, held: bool = True) -> None:
    """Remember of which containers the order, or they themselves, are put into another one.

    Args:
        reader: the reading of the function that does so.
        target: what it is put into.
        node: what is put, which was evaluated.
        held: False where its elements are put there, and not itself.
    """
    given = ordered(reader, node)
    found = held_in(given) if held else given
    while isinstance(target, (ast.Subscript, ast.Call)):
        # As in `x[name].append(D)` and `x.setdefault(name, []).append(D)`.
        method = target.func if isinstance(target, ast.Call) else target
        target = method.value if isinstance(method, (ast.Attribute, ast.Subscript)) else method
        found = held_in(found)
    holder = reader.scope.holder(target.id) if isinstance(target, ast.Name) else None
    if holder is not None and isinstance(target, ast.Name):
        keep(reader, holder, target.id, found)
    elif isinstance(target, ast.Attribute):
        _store(reader, reader.mangled(target.attr), found)
    else:
        for one in found:
            count_whole(reader, one)


def store_order(reader: Reader, name: str, node: ast.expr) -> None:
    """Remember the order of what is stored in an attribute, which somebody may go through there.

    Args:
        reader: the reading of the function that does so.
        name: the attribute.
        node: the value, which was evaluated.
    """
    _store(reader, name, ordered(reader, node))


def _store(reader: Reader, name: str, found: Iterable[Ordered]) -> None:
    for one in found:
        for below, inside in ((one.held > 0, one.inside), (True, True)):
            known, stored = one.known, replace(one, inside=inside)
            if isinstance(known, Known) and (token := order_of(reader.graph.walk, known.value, known.path, inside)):
                reader.node.stored_orders[f"{label_of_order(stored)} in {name}:{below}"] = (name, below), token


def all_gone_through(names: set[tuple[str, bool]], given: Collection[tuple[str, str, bool]]) -> set[tuple[str, bool]]:
    """Give the names of attributes that code goes through, also where a function gives them to whoever does.

    Args:
        names: names that are gone through themselves, each with whether it is only what lies inside.
        given: by name of a function, which attributes it gives back, or something inside them.
    """
    found, before = set(names), 0
    while len(found) > before:
        before = len(found)
        found |= {
            (name, inside or within) for function, name, inside in given for told, within in found if told == function
        }
    return found


def orders_gone_through(
    nodes: Iterable[Node], names: Collection[tuple[str, bool]]
) -> Iterator[tuple[Node, str, bytes]]:
    """Give the orders of stored dictionaries that any code goes through, by the functions that store them.

    Args:
        nodes: all functions and classes.
        names: see `all_gone_through`.
    """
    for node in nodes:
        for label, (name, token) in node.stored_orders.items():
            if name in names:
                yield node, label, token


def count_drawn_orders(nodes: Collection[Node]) -> None:
    """Let count in what order functions make rows key by key, where any code draws random numbers.

    Args:
        nodes: all functions and classes.
    """
    if any(node.is_drawing for node in nodes):
        for node in nodes:
            node.reads.update(node.drawn_orders)


def orders_held(walk: Walk, names: Collection[tuple[str, bool]]) -> list[bytes]:
    """Give the orders of dictionaries in attributes of the objects that a walk met, where code goes through them.

    Args:
        walk: the walk.
        names: see `all_gone_through`.
    """
    found = set()
    for path, value in walk.held:
        name = path.rpartition(".")[2]
        pieces = [order_of(walk, value, path, inside) if (name, inside) in names else b"" for inside in (False, True)]
        if any(pieces):
            found.add(frame("held", path[len(walk.root) :].encode(), name.encode(), *pieces))
    return sorted(found)
