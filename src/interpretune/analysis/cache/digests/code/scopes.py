"""Which names belong to which part of a function: the rules of the language about local names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from .syntax import arguments_of
from .values import Atoms, join

__all__ = ["COMPREHENSIONS", "Scope", "local_names"]

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Scope:
    """The names of a function, a comprehension or a class body, and what they may denote."""

    def __init__(self, local: Iterable[str], parent: Scope | None, is_class: bool = False) -> None:
        self.local = frozenset(local)
        self.parent = parent
        self.is_class = is_class
        self.names: dict[str, Atoms] = {}
        #: What the function gives back; it leaves what can be followed where the function does.
        self.returns: Atoms = ()
        self.escapes = False
        #: By name, the containers of which what it stands for has the order, or in which it lies: see `ordering`.
        self.kept: dict[str, dict[Any, Any]] = {}

    def holder(self, name: str) -> Scope | None:
        """Give the scope that a name used here belongs to, or None for a global, builtin or captured one."""
        scope: Scope | None = self
        while scope is not None:
            # The names of a class body are not seen from the functions inside it.
            if name in scope.local and (not scope.is_class or scope is self):
                return scope
            scope = scope.parent
        return None

    def add(self, name: str, atoms: Atoms) -> bool:
        """Let a name also denote these; tell whether that is news."""
        before = self.names.get(name, ())
        after = join(before, atoms)
        self.names[name] = after
        return len(after) > len(before)


@lru_cache(maxsize=8192)
def local_names(node: ast.AST) -> frozenset[str]:
    """Give the names that are local to a function, lambda, comprehension or class body."""
    found: set[str] = set()
    elsewhere: set[str] = set()
    if isinstance(node, _FUNCTIONS):
        found.update(argument.arg for argument in arguments_of(node))
    if isinstance(node, COMPREHENSIONS):
        for generator in node.generators:
            found.update(part.id for part in ast.walk(generator.target) if isinstance(part, ast.Name))
        return frozenset(found)
    for part in _own_parts(_body(node)):
        if isinstance(part, ast.Name) and isinstance(part.ctx, (ast.Store, ast.Del)):
            found.add(part.id)
        elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(part.name)
        elif isinstance(part, (ast.Import, ast.ImportFrom)):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in part.names)
        elif isinstance(part, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and part.name:
            found.add(part.name)
        elif isinstance(part, ast.MatchMapping) and part.rest:
            found.add(part.rest)
        elif isinstance(part, (ast.Global, ast.Nonlocal)):
            elsewhere.update(part.names)
    return frozenset(found - elsewhere)


def _body(node: ast.AST) -> list[ast.AST]:
    body = getattr(node, "body", [])
    return list(body) if isinstance(body, list) else [body]


def _own_parts(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Walk a body without what has names of its own."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            pending += [*getattr(node, "decorator_list", ()), *getattr(node, "bases", ())]
            pending += [keyword.value for keyword in getattr(node, "keywords", ())]
            arguments = getattr(node, "args", None)
            if isinstance(arguments, ast.arguments):
                pending += [default for default in (*arguments.defaults, *arguments.kw_defaults) if default is not None]
        elif isinstance(node, COMPREHENSIONS):
            # Only an assignment expression binds a name outside of the comprehension.
            pending += [part.target for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
        else:
            pending += ast.iter_child_nodes(node)
