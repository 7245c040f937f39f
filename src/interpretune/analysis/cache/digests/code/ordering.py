"""The order of captured dictionaries: it counts where code goes through one, and nowhere else.

A dictionary that is only looked up, handed on as a whole or put in order is free of it. So that dictionaries whose keys
happen to stand in the order of their tokens keep their keys, that order is the one that adds nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..tokens import frame
from .orders import has_order, nests, order_of
from .values import Atoms, Known

if TYPE_CHECKING:
    from ..walk import Walk
    from .nodes import Node
    from .reads import Reader

__all__ = [
    "Ordered",
    "all_gone_through",
    "count_order",
    "count_orders",
    "go_through",
    "keep_order",
    "ordered",
    "orders_gone_through",
    "orders_held",
    "store_order",
]

_VIEWS = frozenset({"items", "values", "keys"})
_LOOKING = frozenset({"get", "pop", "setdefault"})
#: Names of what gives the elements of its arguments in their order; more is not needed to know where elements are from.
_SAME = frozenset(
    {
        *("dict", "list", "tuple", "iter", "reversed", "enumerate", "zip", "filter", "copy", "deepcopy", "cast"),
        *("OrderedDict", "MappingProxyType", "tqdm", "islice", "chain"),
    }
)


@dataclass(frozen=True)
class Ordered:
    """A known container of which something has the order.

    Args:
        known: the container; or the name of an attribute, where it is not known of which object.
        inside: True where something that lies in it has, and not it.
        view: True where it is a view, which is there to be gone through.
    """

    known: Known | str
    inside: bool = False
    view: bool = False

    @property
    def key(self) -> tuple[str, bool, bool]:
        """What tells it apart from others in one function."""
        label = self.known.label if isinstance(self.known, Known) else f".{self.known}"
        return label, self.inside, self.view


def go_through(reader: Reader, node: ast.expr, inside: bool = False) -> None:
    """Let the function depend on the order of the dictionaries that an expression, which it goes through, is made of.

    Args:
        reader: the reading of the function that it stands in.
        node: the expression, which was evaluated.
        inside: True where what lies inside them is gone through too, as when they are made into a text.
    """
    for one in ordered(reader, node):
        count_order(reader, one)
        if inside:
            count_order(reader, replace(one, inside=True))


def keep_order(reader: Reader, target: ast.expr, node: ast.expr, element: bool = False) -> None:
    """Remember of which containers something that is given a name has the order, or lies in.

    Args:
        reader: the reading of the function that does so.
        target: what is given a value.
        node: the value.
        element: True where it is given one element of the value after the other.
    """
    if isinstance(target, (ast.Tuple, ast.List)) and not element:
        if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) == len(target.elts):
            for name, part in zip(target.elts, node.elts, strict=True):
                keep_order(reader, name, part)
            return
        go_through(reader, node)
        element = True
    found = ordered(reader, node)
    if element:
        found = [one for one in _inside(found) if isinstance(one.known, str) or nests(one.known.value)]
    else:
        # Where it is the container itself, the name denotes that anyway.
        found = [one for one in found if one.inside or one.known not in _told(reader, node)]
    if not found or not isinstance(target, (ast.Name, ast.Tuple, ast.List, ast.Starred)):
        return
    for word in (part.id for part in ast.walk(target) if isinstance(part, ast.Name)):
        holder = reader.scope.holder(word)
        if holder is not None:
            kept = holder.kept.setdefault(word, {})
            before = len(kept)
            kept.update((one.key, one) for one in found)
            reader.again |= len(kept) > before


def ordered(reader: Reader, node: ast.expr) -> list[Ordered]:
    """Tell of which known containers an expression has the order, or in which it lies.

    Args:
        reader: the reading of the function that it stands in.
        node: the expression, which was evaluated.
    """
    told = [Ordered(atom) for atom in _told(reader, node) if isinstance(atom, Known) and has_order(atom)]
    if isinstance(node, ast.Name):
        holder = reader.scope.holder(node.id)
        return told + list(holder.kept.get(node.id, {}).values() if holder is not None else ())
    if isinstance(node, ast.Attribute) and not any(isinstance(atom, Known) for atom in _told(reader, node)):
        return [*told, Ordered(reader.mangled(node.attr))]
    if isinstance(node, ast.Subscript):
        return told or _inside(ordered(reader, node.value))
    if isinstance(node, ast.Call):
        return told or _of_call(reader, node)
    if isinstance(node, ast.DictComp):
        return _of_comprehension(reader, node)
    return told + [one for part in _parts(node) for one in ordered(reader, part)]


def _parts(node: ast.expr) -> Iterable[ast.expr]:
    """Give what an expression hands on in its order."""
    if isinstance(node, (ast.NamedExpr, ast.Starred, ast.Await)):
        return (node.value,)
    if isinstance(node, ast.IfExp):
        return node.body, node.orelse
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return node.left, node.right
    if isinstance(node, ast.Dict):
        return [value for key, value in zip(node.keys, node.values, strict=True) if key is None]
    return ()


def _of_call(reader: Reader, node: ast.Call) -> list[Ordered]:
    method = node.func
    if isinstance(method, ast.Attribute) and method.attr in _VIEWS and not node.args:
        return [replace(one, view=True) for one in ordered(reader, method.value)]
    if isinstance(method, ast.Attribute) and method.attr in _LOOKING:
        others = [one for part in node.args[1:] for one in ordered(reader, part)]
        return [*_inside(ordered(reader, method.value)), *others]
    if isinstance(method, ast.Attribute) and method.attr == "copy" and not node.args:
        return ordered(reader, method.value)
    name = method.attr if isinstance(method, ast.Attribute) else method.id if isinstance(method, ast.Name) else ""
    given = [one for part in node.args for one in ordered(reader, part)]
    if name in ("next", "min", "max"):
        return _inside(given)
    if name in _SAME:
        return [replace(one, view=one.view and name != "dict") for one in given]
    return [Ordered(reader.mangled(name))] if isinstance(method, ast.Attribute) else []


def _of_comprehension(reader: Reader, node: ast.DictComp) -> list[Ordered]:
    found = ordered(reader, node.generators[0].iter)
    before, reader.scope = reader.scope, reader.inner_scope(node)
    for generator in node.generators[1:]:
        found = [*found, *ordered(reader, generator.iter)]
    reader.scope = before
    return [replace(one, view=False) for one in found]


def _inside(found: Iterable[Ordered]) -> list[Ordered]:
    return [replace(one, inside=True, view=False) for one in found]


def _told(reader: Reader, node: ast.expr) -> Atoms:
    return reader.told.get(node, ())


def count_order(reader: Reader, one: Ordered) -> None:
    """Let the function depend on the order of a container, or of the dictionaries inside it."""
    if reader.quiet:
        return
    if isinstance(one.known, str):
        reader.graph.gone_through.add((one.known, one.inside))
    elif token := order_of(reader.graph.walk, one.known.value, one.known.path, one.inside):
        reader.record(_label(one), token)


def count_orders(reader: Reader, atoms: Atoms) -> None:
    """Let the function depend on the orders of containers, and of all dictionaries inside them.

    Args:
        reader: the reading of the function that may go through them.
        atoms: what may be containers.
    """
    for atom in atoms:
        if isinstance(atom, Known) and has_order(atom):
            count_order(reader, Ordered(atom))
            count_order(reader, Ordered(atom, inside=True))


def store_order(reader: Reader, name: str, node: ast.expr) -> None:
    """Remember the order of what is stored in an attribute, which somebody may go through there.

    Args:
        reader: the reading of the function that does so.
        name: the attribute.
        node: the value, which was evaluated.
    """
    for one in ordered(reader, node):
        for below in (False, True):
            stored = one if not below else replace(one, inside=True)
            known = stored.known
            if isinstance(known, Known) and (
                token := order_of(reader.graph.walk, known.value, known.path, stored.inside)
            ):
                reader.node.stored_orders[f"{_label(stored)} in {name}:{below}"] = (name, below), token


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


def _label(one: Ordered) -> str:
    assert isinstance(one.known, Known)
    return f"order {'inside' if one.inside else 'of'} {one.known.label}"
