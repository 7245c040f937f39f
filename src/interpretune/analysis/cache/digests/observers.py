"""Hooks that only watch: they count calls or keep what passes by, and change nothing about a forward.

Whoever counts forwards, or keeps activations, does it with a hook, whose counters and containers differ after each
forward. A hook is taken for a mere observer only where its source shows that it is one: it gives nothing back, calls
nothing but the few builtins below, and stores only into numbers and containers of its own.

An observer that stores nothing of what passes by does not count, unless somebody who takes part in the run may read
what it stores: see `written_places`. One that keeps something of what passes by, such as
``kept.append(output[:, position])``, may be where the rows come from: it counts by its source and by what it reads
(``position``), and only what it fills (``kept``) does not. Every other hook counts like any function.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from inspect import getattr_static
from types import FunctionType, MethodType
from typing import Any

from .code.source import find_source
from .code.syntax import syntax_token
from .hook_readers import Place
from .tokens import frame
from .walk import Walk

__all__ = ["is_observer", "keeper_token", "stored_entries", "written_places"]

#: Builtins that look at their arguments only.
_LOOKING = {"id": id, "type": type, "isinstance": isinstance, "len": len, "print": print, "str": str, "tuple": tuple}
#: Methods that put something into a container, and the containers that have them.
_PUTTING = frozenset({"append", "add", "appendleft"})
_CONTAINERS = (list, set, dict, deque, Counter, defaultdict)
#: What counters are made of; anything else that is stored into could be part of a model.
_OWN = (int, float, bool, str, type(None), tuple, *_CONTAINERS)
#: What a keeper may read from outside of itself.
_READ = (int, float, bool, str, bytes, type(None))
_UNKNOWN = object()
_PLAIN = (
    ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.If, ast.Pass, ast.Nonlocal, ast.Global, ast.Return,
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.IfExp,
    ast.Tuple, ast.List, ast.JoinedStr, ast.FormattedValue, ast.Call, ast.Starred, ast.BinOp,
    ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop,
)  # fmt: skip


def is_observer(hook: Any) -> bool:
    """Tell whether a hook can be seen to change nothing about a forward, and to keep nothing of it.

    Args:
        hook: a function or bound method that is registered on a module.
    """
    reader = _reader(hook)
    return reader is not None and reader.watches_only() and not reader.keeps_something()


def written_places(hook: Any) -> set[Place]:
    """Give the places that an observer writes to, where others may find what it wrote.

    Args:
        hook: one that `is_observer` took for an observer.
    """
    reader = _reader(hook)
    return reader.places() if reader is not None else set()


def stored_entries(hook: Any) -> Iterator[tuple[dict[Any, Any], Any]]:
    """Give the plain dictionaries, and the names in them, that a hook stores something under each time it is called.

    Args:
        hook: a function or bound method that is registered on a module.
    """
    reader = _reader(hook)
    if reader is not None:
        yield from reader.entries()


def keeper_token(hook: Any, walk: Walk) -> bytes | None:
    """Give the token of a hook that changes nothing about a forward but keeps something of it, or None for any other.

    Args:
        hook: a function or bound method that is registered on a module.
        walk: standing at the module.
    """
    reader = _reader(hook)
    read = reader.reads() if reader is not None and reader.watches_only() else None
    if reader is None or read is None:
        return None
    pieces = [piece for name, value in sorted(read.items()) for piece in (name.encode(), walk.child(value, f".{name}"))]
    return frame("keeper", syntax_token(reader.node), *pieces)


def _reader(hook: Any) -> _Reader | None:
    function = getattr(hook, "__func__", hook)
    if not isinstance(function, FunctionType) or not isinstance(hook, (FunctionType, MethodType)):
        return None
    source = find_source(function.__code__, function.__globals__)
    if source is None or not isinstance(source.node, (ast.FunctionDef, ast.Lambda)):
        return None
    return _Reader(function, getattr(hook, "__self__", None), source.node)


class _Reader:
    """Reads the source of one hook."""

    def __init__(self, function: FunctionType, receiver: Any, node: ast.FunctionDef | ast.Lambda) -> None:
        self.node = node
        self._receiver = receiver
        self._self = (
            function.__code__.co_varnames[0] if receiver is not None and function.__code__.co_argcount else None
        )
        self._globals = function.__globals__
        self._outer: dict[str, Any] = dict(function.__globals__)
        self._cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for name, cell in self._cells.items():
            try:
                self._outer[name] = cell.cell_contents
            except ValueError:  # not filled yet: what it will hold is not known
                self._outer[name] = _UNKNOWN
        self._own = set(function.__code__.co_varnames)
        self._has_defaults = bool(function.__defaults__ or function.__kwdefaults__)

    def watches_only(self) -> bool:
        if isinstance(self.node, ast.Lambda):
            # A lambda gives back what its body gives; only putting something into a container gives nothing.
            return self._is_putting(self.node.body) and self._is_plain(self.node.body)
        body = self.node.body
        return all(self._is_plain(statement) for statement in body) and not self.node.decorator_list

    def keeps_something(self) -> bool:
        """Tell whether what is stored comes from the hook's arguments, or from names that may hold them."""
        return any(
            isinstance(name, ast.Name) and name.id in self._own and name.id != self._self
            for value in self._stored()
            for name in _walked(value)
        )

    def reads(self) -> dict[str, Any] | None:
        """Give the values that the hook reads from outside of itself, by name.

        Returns:
            None where it reads something that it also fills, or something that is no plain number or text.
        """
        if self._has_defaults:
            return None
        places = list(self._filled())
        inside = {id(node) for place in (*places, *self._annotations()) for node in ast.walk(place)}
        filled = {self._place(place) for place in places}
        found: dict[str, Any] = {}
        for node in ast.walk(self.node):
            name = self._place(node)
            if name is None or id(node) in inside:
                continue
            value = self._value(node)
            if value is _UNKNOWN and _LOOKING.get(name) is not None:
                continue
            if name in filled or type(value) not in _READ:
                return None
            found[name] = value
        return found

    def places(self) -> set[Place]:
        """Give the places that are written to."""
        found: set[Place] = set()
        for node in self._filled():
            if (name := self._place(node)) is None:
                continue
            value = self._value(node)
            if type(value) in _CONTAINERS:
                found.add((id(value), ""))
            if isinstance(node, ast.Attribute):
                found.add((id(self._receiver), node.attr))
            elif name in self._cells:
                found.add((id(self._cells[name]), ""))
            else:
                found.add((id(self._globals), name))
        return found

    def entries(self) -> Iterator[tuple[dict[Any, Any], Any]]:
        """Give the plain dictionaries and names that something is certainly stored under."""
        if isinstance(self.node, ast.Lambda):
            yield from self._put(self.node.body)
        elif not self.node.decorator_list:
            for statement in self.node.body:
                if isinstance(statement, ast.Expr):
                    yield from self._put(statement.value)
                elif not isinstance(statement, ast.Assign):
                    return
                elif isinstance(target := statement.targets[0], ast.Subscript):
                    yield from self._under(target.value, [target.slice])

    def _put(self, call: ast.expr) -> Iterator[tuple[dict[Any, Any], Any]]:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            if call.func.attr == "__setitem__" and len(call.args) == 2:
                yield from self._under(call.func.value, call.args[:1])
            elif call.func.attr == "update":
                words = [ast.Constant(word.arg) for word in call.keywords if word.arg is not None]
                yield from self._under(call.func.value, words)

    def _under(self, holder: ast.expr, names: Iterable[ast.expr]) -> Iterator[tuple[dict[Any, Any], Any]]:
        held = self._value(holder)
        for part in names if type(held) is dict else ():
            if isinstance(part, ast.Constant) and type(part.value) in (str, int):
                yield held, part.value
            elif isinstance(part, ast.Name) and part.id in self._cells and type(self._value(part)) is str:
                # Captured when the hook was made: it stays, as an attribute or a global need not.
                yield held, self._value(part)

    def _stored(self) -> Iterator[ast.expr]:
        """Give the expressions whose values are put somewhere, or say where."""
        for node in ast.walk(self.node):
            if isinstance(node, (ast.Assign, ast.AugAssign)):
                yield node.value
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (target.slice for target in targets if isinstance(target, ast.Subscript))
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                yield node.value
            elif isinstance(node, ast.Call) and self._is_putting(node):
                yield from node.args

    def _filled(self) -> Iterator[ast.expr]:
        """Give the expressions that name what is stored into."""
        for node in ast.walk(self.node):
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
                targets = [node.target]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and self._is_putting(node):
                targets = [node.func.value]
            yield from (target.value if isinstance(target, ast.Subscript) else target for target in targets)

    def _annotations(self) -> Iterator[ast.expr]:
        """Give the annotations, which nothing reads while the hook runs."""
        for node in ast.walk(self.node):
            noted = getattr(node, "returns" if isinstance(node, ast.FunctionDef) else "annotation", None)
            if isinstance(noted, ast.expr):
                yield noted

    def _is_plain(self, node: ast.AST) -> bool:
        for inner in ast.walk(node):
            if not isinstance(inner, _PLAIN):
                return False
            if isinstance(inner, ast.Return) and not _is_none(inner.value):
                return False
            if isinstance(inner, ast.Call) and not (self._is_looking(inner) or self._is_putting(inner)):
                return False
            if isinstance(inner, ast.Assign) and not all(self._may_set(target) for target in inner.targets):
                return False
            if isinstance(inner, ast.AnnAssign) and not self._may_set(inner.target):
                return False
            if isinstance(inner, ast.AugAssign) and not self._may_change(inner.target):
                return False
        return True

    def _is_looking(self, call: ast.Call) -> bool:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        return name in _LOOKING and name not in self._own and self._outer.get(name, _LOOKING[name]) is _LOOKING[name]

    def _is_putting(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in _PUTTING:
            return False
        return type(self._value(node.func.value)) in _CONTAINERS

    def _may_set(self, target: ast.expr) -> bool:
        """Tell whether a name or a place of the hook's own is given another value."""
        if isinstance(target, ast.Name):
            return True
        return self._may_change(target)

    def _may_change(self, target: ast.expr) -> bool:
        """Tell whether what is changed in place is a number or container of the hook's own."""
        if isinstance(target, ast.Subscript):
            return type(self._value(target.value)) in _CONTAINERS
        return type(self._value(target)) in _OWN

    def _place(self, node: ast.AST) -> str | None:
        """Give the name of something outside of the hook: ``kept``, or ``self.kept`` for what it is a method of."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self._self:
            return f"self.{node.attr}"
        if isinstance(node, ast.Name) and node.id not in self._own:
            return node.id
        return None

    def _value(self, node: ast.AST) -> Any:
        """Give the live object that an expression names, or something that is nothing of the hook's own."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self._self:
            return getattr_static(self._receiver, node.attr, _UNKNOWN)
        if isinstance(node, ast.Name) and node.id not in self._own:
            return self._outer.get(node.id, _UNKNOWN)
        return _UNKNOWN


def _walked(node: ast.AST) -> Iterator[ast.AST]:
    """Go through an expression, but not into ``id(…)``: whose turn it is says nothing of what passes by."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "id":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _walked(child)


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)
