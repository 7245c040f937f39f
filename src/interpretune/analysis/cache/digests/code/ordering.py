"""The order of captured dictionaries: it counts where code goes through one, and nowhere else.

A dictionary that is only looked up, handed on as a whole or put in order is free of it. So that dictionaries whose keys
happen to stand in the order of their tokens keep their keys, that order is the one that adds nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..asking import asked
from .lookup import unwrap
from .orders import has_order, nests, order_of
from .syntax import called_name
from .values import Atom, Atoms, Bound, Known, Local

if TYPE_CHECKING:
    from .reads import Reader
    from .scopes import Scope

__all__ = [
    "RETURNED",
    "SAME",
    "VIEWS",
    "Ordered",
    "count_if_drawn",
    "count_order",
    "count_orders",
    "count_whole",
    "elements_in",
    "go_through",
    "held_in",
    "keep",
    "keep_order",
    "label_of_order",
    "ordered",
]

VIEWS = frozenset({"items", "values", "keys"})
_VIEWING = tuple(f".{name}" for name in sorted(VIEWS))  # as a label ends
_LOOKING = frozenset({"get", "get_nowait", "pop", "popleft", "setdefault"})
#: Names of what gives the elements of its arguments in their order; more is not needed to know where elements are from.
SAME = frozenset(
    {
        *("dict", "list", "tuple", "iter", "reversed", "enumerate", "zip", "filter", "copy", "deepcopy", "cast"),
        *("OrderedDict", "MappingProxyType", "UserDict", "ChainMap", "Counter", "defaultdict"),
        *("SimpleNamespace", "Namespace", "tqdm", "islice", "chain", "vars"),
    }
)
#: Stands among the names of a function inside this one for what it gives back.
RETURNED = "return"
#: In how many containers of the code's own something is told to lie; in more than that, all of them are taken for it.
_DEEPEST = 3
_HOLDING = (ast.List, ast.Tuple, ast.Set)
_HOLDING_EACH = (ast.ListComp, ast.SetComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Ordered:
    """A known container of which something has the order.

    Args:
        known: the container; or the name of an attribute, where it is not known of which object, or of a function that
            gives it back.
        inside: True where something that lies in it has, and not it.
        view: True where it is a view, which is there to be gone through.
        held: in how many containers of the code's own making it lies, such as a list of dictionaries: elements of them
            are it, or hold it.
    """

    known: Known | str
    inside: bool = False
    view: bool = False
    held: int = 0

    @property
    def key(self) -> tuple[str, bool, bool, int]:
        """What tells it apart from others in one function."""
        label = self.known.label if isinstance(self.known, Known) else f".{self.known}"
        return label, self.inside, self.view, self.held


def go_through(reader: Reader, node: ast.expr, inside: bool = False) -> None:
    """Let the function depend on the order of the dictionaries that an expression, which it goes through, is made of.

    Args:
        reader: the reading of the function that it stands in.
        node: the expression, which was evaluated.
        inside: True where what lies inside them is gone through too, as when they are made into a text.
    """
    for one in ordered(reader, node):
        if inside:
            count_whole(reader, one)
        else:
            count_order(reader, one)


def keep_order(reader: Reader, target: ast.expr, node: ast.expr, element: bool = False, nested: bool = False) -> None:
    """Remember of which containers something that is given a name has the order, or lies in.

    Args:
        reader: the reading of the function that does so.
        target: what is given a value.
        node: the value.
        element: True where it is given one element of the value after the other.
        nested: True where the value lies in a tuple that the code writes down, so that the name need not denote it.
    """
    if isinstance(target, (ast.Tuple, ast.List)) and not element:
        if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) == len(target.elts):
            for name, part in zip(target.elts, node.elts, strict=True):
                keep_order(reader, name, part, nested=True)
            return
        go_through(reader, node)
        element = True
    found = ordered(reader, node)
    if isinstance(target, ast.Name) and reader.scope.holder(target.id) is None:
        for one in found:
            count_whole(reader, one)  # a global, of which others have the order
    if element:
        found = [one for one in elements_in(found) if _may_hold(one)]
    elif not nested:
        # Where it is the container itself, the name denotes that anyway.
        found = [one for one in found if one.inside or one.held or one.view or one.known not in _told(reader, node)]
    if not found or not isinstance(target, (ast.Name, ast.Tuple, ast.List, ast.Starred)):
        return
    for word in (part.id for part in ast.walk(target) if isinstance(part, ast.Name)):
        holder = reader.scope.holder(word)
        if holder is not None:
            keep(reader, holder, word, found)


def _may_hold(one: Ordered) -> bool:
    """Tell whether there are containers in it, where elements of it are meant."""
    return not one.inside or isinstance(one.known, str) or nests(one.known.value)


def keep(reader: Reader, holder: Scope, word: str, found: Iterable[Ordered]) -> None:
    """Remember of which containers what a name stands for has the order, or in which it lies."""
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
    if isinstance(node, ast.Attribute) and node.attr == "__dict__":
        return told or ordered(reader, node.value)
    if isinstance(node, ast.Attribute) and not any(isinstance(atom, Known) for atom in _told(reader, node)):
        return [*told, Ordered(reader.mangled(node.attr))]
    if isinstance(node, ast.Subscript):
        return told or elements_in(ordered(reader, node.value))
    if isinstance(node, ast.Call):
        return told or _of_call(reader, node)
    if isinstance(node, (ast.DictComp, *_HOLDING_EACH)):
        return _of_comprehension(reader, node)
    holding = node.elts if isinstance(node, _HOLDING) else node.values if isinstance(node, ast.Dict) else []
    held = held_in(one for part in holding for one in ordered(reader, part))
    return [*told, *held, *(one for part in _parts(node) for one in ordered(reader, part))]


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
    callees = _told(reader, method)
    name = called_name(node)
    if name in VIEWS and isinstance(method, ast.Attribute):
        # As `D.values()`, or as `dict.values(D)`.
        return [replace(one, view=True) for one in ordered(reader, node.args[0] if node.args else method.value)]
    for callee in callees:
        if isinstance(callee, Local):
            return list(callee.scope.kept.get(RETURNED, {}).values())
        if isinstance(callee, Bound) and isinstance(callee.receiver, Known) and callee.label.endswith(_VIEWING):
            return [Ordered(callee.receiver, view=True)] if has_order(callee.receiver) else []
    given = [one for part in node.args for one in ordered(reader, part)]
    if name in _LOOKING and isinstance(method, ast.Attribute):
        others = [one for part in node.args[1:] for one in ordered(reader, part)]
        return [*elements_in(ordered(reader, method.value)), *others]
    if name == "copy" and isinstance(method, ast.Attribute) and not node.args:
        return ordered(reader, method.value)
    if name in ("next", "min", "max"):
        return elements_in(given)
    if name in SAME:
        given += [one for word in node.keywords if word.arg is None for one in ordered(reader, word.value)]
        return [replace(one, view=one.view and name != "dict") for one in given]
    named = {reader.mangled(name), *(str(asked(unwrap(_function_of(callee)), "__name__", "")) for callee in callees)}
    return [Ordered(called) for called in sorted(named) if called]


def _function_of(callee: Atom) -> Any:
    return callee.value if isinstance(callee, Known) else callee.function if isinstance(callee, Bound) else None


def _of_comprehension(reader: Reader, node: Any) -> list[Ordered]:
    """Give what a comprehension has the order of, which of all but dictionaries was counted, and what it holds."""
    found = ordered(reader, node.generators[0].iter)
    before, reader.scope = reader.scope, reader.inner_scope(node)
    for generator in node.generators[1:]:
        found = [*found, *ordered(reader, generator.iter)]
    held = ordered(reader, node.value if isinstance(node, ast.DictComp) else node.elt)
    reader.scope = before
    own = [replace(one, view=False) for one in found] if isinstance(node, ast.DictComp) else []
    return own + held_in(held)


def held_in(found: Iterable[Ordered]) -> list[Ordered]:
    """Give what a container of the code's own holds, where these are put into it."""
    return [replace(one, held=min(one.held + 1, _DEEPEST)) for one in found]


def elements_in(found: Iterable[Ordered]) -> list[Ordered]:
    """Give what the elements have the order of, or lie in."""
    given = []
    for one in found:
        given.append(replace(one, inside=one.inside or not one.held, view=False, held=max(one.held - 1, 0)))
        given += [one] if one.held == _DEEPEST else []
    return given


def _told(reader: Reader, node: ast.expr) -> Atoms:
    return reader.told.get(node, ())


def count_order(reader: Reader, one: Ordered) -> None:
    """Let the function depend on the order of a container, or of the dictionaries inside it, unless it is held."""
    if reader.quiet or one.held:
        return
    if isinstance(one.known, str):
        reader.graph.gone_through.add((one.known, one.inside))
    elif token := order_of(reader.graph.walk, one.known.value, one.known.path, one.inside):
        reader.record(label_of_order(one), token)


def count_if_drawn(reader: Reader, one: Ordered) -> None:
    """Let the function depend on the order of a known container where any code draws random numbers."""
    if isinstance(one.known, Known) and not reader.quiet and not one.held:
        token = order_of(reader.graph.walk, one.known.value, one.known.path, one.inside)
        reader.node.drawn_orders.update({label_of_order(one): token} if token else {})


def count_whole(reader: Reader, one: Ordered) -> None:
    """Let the function depend on the order of a container, held or not, and of the dictionaries inside it."""
    for inside in {one.inside, True}:
        count_order(reader, replace(one, inside=inside, held=0))


def count_orders(reader: Reader, atoms: Atoms) -> None:
    """Let the function depend on the orders of containers, and of all dictionaries inside them.

    Args:
        reader: the reading of the function that may go through them.
        atoms: what may be containers.
    """
    for atom in atoms:
        if isinstance(atom, Known) and has_order(atom):
            count_whole(reader, Ordered(atom))


def label_of_order(one: Ordered) -> str:
    """Give the name under which the order of a known container counts."""
    assert isinstance(one.known, Known)
    return f"order {'inside' if one.inside else 'of'} {one.known.label}"
