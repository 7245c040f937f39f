"""Hooks that only watch: they count calls or note what passes by, and change nothing about a forward.

Whoever counts forwards, or logs the shapes of activations, does it with a hook, whose counters differ in each process.
A hook is taken for a mere observer only where its source shows that it is one: it gives nothing back, calls nothing but
the few builtins below, and stores only into numbers and containers of its own. Everything else counts as a hook.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict, deque
from inspect import getattr_static
from types import FunctionType, MethodType
from typing import Any

from .code_source import find_source

__all__ = ["is_observer"]

#: Builtins that look at their arguments only.
_LOOKING = {"id": id, "type": type, "isinstance": isinstance, "len": len, "print": print, "str": str, "tuple": tuple}
#: Methods that put something into a container, and the containers that have them.
_PUTTING = frozenset({"append", "add", "appendleft"})
_CONTAINERS = (list, set, dict, deque, Counter, defaultdict)
#: What counters are made of; anything else that is stored into could be part of a model.
_OWN = (int, float, bool, str, type(None), tuple, *_CONTAINERS)
_PLAIN = (
    ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.If, ast.Pass, ast.Nonlocal, ast.Global, ast.Return,
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.IfExp,
    ast.Tuple, ast.List, ast.JoinedStr, ast.FormattedValue, ast.Call, ast.Starred, ast.BinOp,
    ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop,
)  # fmt: skip


def is_observer(hook: Any) -> bool:
    """Tell whether a hook can be seen to change nothing about the forward that it is called in.

    Args:
        hook: a function or bound method that is registered on a module.
    """
    function = getattr(hook, "__func__", hook)
    if not isinstance(function, FunctionType) or not isinstance(hook, (FunctionType, MethodType)):
        return False
    source = find_source(function.__code__, function.__globals__)
    if source is None or not isinstance(source.node, (ast.FunctionDef, ast.Lambda)):
        return False
    return _Reader(function, getattr(hook, "__self__", None), source.node).watches_only()


class _Reader:
    """Reads the source of one hook."""

    def __init__(self, function: FunctionType, receiver: Any, node: ast.FunctionDef | ast.Lambda) -> None:
        self._node = node
        self._receiver = receiver
        self._self = (
            function.__code__.co_varnames[0] if receiver is not None and function.__code__.co_argcount else None
        )
        self._outer: dict[str, Any] = dict(function.__globals__)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self._outer[name] = cell.cell_contents
            except ValueError:  # not filled yet: what it will hold is not known
                self._outer[name] = object()
        self._own = set(function.__code__.co_varnames)

    def watches_only(self) -> bool:
        if isinstance(self._node, ast.Lambda):
            # A lambda gives back what its body gives; only putting something into a container gives nothing.
            return self._is_putting(self._node.body) and self._is_plain(self._node.body)
        body = self._node.body
        return all(self._is_plain(statement) for statement in body) and not self._node.decorator_list

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
            if isinstance(inner, (ast.AugAssign, ast.AnnAssign)) and not self._may_change(inner.target):
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

    def _value(self, node: ast.expr) -> Any:
        """Give the live object that an expression names, or something that is nothing of the hook's own."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self._self:
            return getattr_static(self._receiver, node.attr, object())
        if isinstance(node, ast.Name) and node.id not in self._own:
            return self._outer.get(node.id, object())
        return object()


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)
