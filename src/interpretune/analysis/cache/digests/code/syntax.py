"""The normalised syntax tree of a function: what its text says, and nothing about how it is written down.

`ast.dump` and `ast.unparse` change with the Python version, so the fields are walked here: absent and empty ones are
passed over, as are annotations, docstrings, positions and everything else that cannot change what the code does.
"""

from __future__ import annotations

import ast
import copy
import struct
from typing import Any

from ..tokens import frame

__all__ = ["FunctionNode", "arguments_of", "body_of", "called_name", "readable", "scalar_token", "syntax_token"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

#: Fields that say nothing about what the code does.
_SILENT = frozenset({"kind", "type_comment", "annotation", "returns", "ctx", "type_params", "type_ignores", "simple"})
#: Fields of a function that belong to the place of its definition: their values are read from the live object.
_OUTER = frozenset({"name", "decorator_list", "args"})


def syntax_token(node: ast.AST) -> bytes:
    """Give the token of a function's or lambda's own text.

    Its name, decorators and the expressions of its defaults are left out: what they came to is read from the function.

    Args:
        node: the definition.
    """
    pieces = [_fields(node, _OUTER)]
    arguments = getattr(node, "args", None)
    if isinstance(arguments, ast.arguments):
        pieces.append(_fields(arguments, frozenset({"defaults", "kw_defaults"})))
    return frame("syntax", *pieces)


def called_name(node: ast.expr | None) -> str:
    """Give the last name of what a call calls, such as ``open`` of ``io.open(path)``; empty where it has none."""
    called = node.func if isinstance(node, ast.Call) else None
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def arguments_of(node: FunctionNode) -> list[ast.arg]:
    """Give all parameters of a definition, ``*args`` and ``**kwargs`` included."""
    spec = node.args
    named = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    return [*named, *(arg for arg in (spec.vararg, spec.kwarg) if arg is not None)]


def body_of(node: FunctionNode) -> list[ast.stmt]:
    """Give the statements of a definition; a lambda's expression is returned."""
    if isinstance(node, ast.Lambda):
        return [ast.copy_location(ast.Return(value=node.body), node.body)]
    return node.body


def readable(node: ast.AST) -> str:
    """Give the source of a definition for people: without comments, docstrings and annotations."""
    bare = _Bare().visit(copy.deepcopy(node))
    return ast.unparse(ast.fix_missing_locations(bare))


def scalar_token(value: Any) -> bytes:
    """Give the token of a literal, exact in type: ``1``, ``1.0``, ``True`` and ``-0.0``, ``0.0`` all differ."""
    if isinstance(value, float):
        return frame("float", struct.pack("<d", value))
    if isinstance(value, complex):
        return frame("complex", struct.pack("<dd", value.real, value.imag))
    if isinstance(value, str):
        return frame("str", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return frame("bytes", value)
    if isinstance(value, int) and not isinstance(value, bool):
        return frame("int", b"%x" % value)
    return frame("singleton", {None: b"None", True: b"True", False: b"False"}.get(value, b"Ellipsis"))


def _token(value: Any) -> bytes:
    if isinstance(value, ast.Constant):
        return scalar_token(value.value)
    if isinstance(value, ast.JoinedStr):
        return frame("JoinedStr", *map(_token, _merged(value.values)))
    if isinstance(value, ast.AnnAssign):
        # With its annotation gone it is an assignment.
        return frame("Assign", frame("targets", _token(value.target)), _token(value.value))
    if isinstance(value, ast.Assign):
        return frame("Assign", frame("targets", *map(_token, value.targets)), _token(value.value))
    if isinstance(value, ast.BinOp):
        return _sum(value)
    if isinstance(value, ast.If):
        return _branches(value)
    if isinstance(value, ast.AST):
        return _fields(value)
    if isinstance(value, list):
        return frame("list", *map(_token, value))
    return scalar_token(value)


def _sum(value: ast.BinOp) -> bytes:
    """Operations lean to the left, deeper than functions may call each other."""
    pieces = []
    left: ast.expr = value
    while isinstance(left, ast.BinOp):
        pieces += [_token(left.right), type(left.op).__name__.encode()]
        left = left.left
    return frame("BinOp", _token(left), *reversed(pieces))


def _branches(value: ast.If) -> bytes:
    """So do chains of ``elif``, to the right."""
    pieces = []
    branch = value
    while True:
        pieces += [_token(branch.test), _token(_effective(branch.body))]
        if len(branch.orelse) != 1 or not isinstance(branch.orelse[0], ast.If):
            return frame("If", *pieces, _token(_effective(branch.orelse)))
        branch = branch.orelse[0]


def _fields(node: ast.AST, skipped: frozenset[str] = frozenset()) -> bytes:
    pieces = []
    for name in sorted(node._fields):
        value = getattr(node, name, None)
        if name in _SILENT or name in skipped:
            continue
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            value = _effective(value)
        if isinstance(value, ast.JoinedStr) and not _merged(value.values):
            # An empty format spec is written by some Python versions and left out by others.
            continue
        # None is a value for a pattern that matches it, and absence everywhere else.
        if value == [] or (value is None and not isinstance(node, ast.MatchSingleton)):
            continue
        pieces += [name.encode(), _token(value)]
    return frame(type(node).__name__, *pieces)


def _effective(body: list[Any]) -> list[Any]:
    """Leave out docstrings and other statements that do nothing."""
    return [statement for statement in body if not _does_nothing(statement)]


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass) or (isinstance(statement, ast.AnnAssign) and statement.value is None)


def _merged(values: list[ast.expr]) -> list[ast.expr]:
    """Join neighbouring texts of an f-string and drop empty ones: Python versions divide them differently."""
    merged: list[ast.expr] = []
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            if not value.value:
                continue
            last = merged[-1] if merged else None
            if isinstance(last, ast.Constant) and isinstance(last.value, str):
                merged[-1] = ast.Constant(last.value + value.value)
                continue
        merged.append(value)
    return merged


class _Bare(ast.NodeTransformer):
    """Strips what does not count, for display."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = _effective(node.body) or [ast.Pass()]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)

    def _definition(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        node.body = _effective(node.body) or [ast.Pass()]
        for argument in arguments_of(node):
            argument.annotation = None
        return node  # type: ignore[no-any-return]
