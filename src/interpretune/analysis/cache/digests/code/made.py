"""Which names stand for results that the code computed itself, and not for something that it found in an object."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from .lookup import is_users_code
from .random import is_module_class
from .syntax import called_name
from .values import Bound, Known

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["assigned", "is_made"]

#: Methods and builtins that give what they found.
_FINDING = frozenset(
    {
        *("get", "pop", "setdefault", "popitem", "items", "values", "parameters", "named_parameters", "modules"),
        *("named_modules", "children", "named_children", "get_parameter", "get_submodule", "state_dict"),
        *("next", "getattr", "vars", "dict", "list", "tuple", "iter", "min", "max", "sorted", "zip", "map", "filter"),
    }
)


def is_made(reader: Reader, node: ast.expr) -> bool:
    """Tell whether an expression begins with something that the code computed, such as the result of a model.

    Args:
        reader: the reading of the function that it stands in.
        node: the expression.
    """
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    given: list[ast.expr | None] = [node]
    if isinstance(node, ast.Name) and reader.node.source is not None:
        given = list(assigned(reader.node.source.node).get(node.id, ()))
    return bool(given) and all(_computes(reader, value) for value in given)


def _computes(reader: Reader, node: ast.expr | None) -> bool:
    if isinstance(node, ast.BinOp):
        return True
    if not isinstance(node, ast.Call):
        return False
    if called_name(node) in _FINDING:
        return False
    for atom in reader.evaluate(node.func):
        if isinstance(atom, Bound) and is_users_code(atom.function):
            return False
        if isinstance(atom, Known) and not is_module_class(type(atom.value)) and not atom.installed:
            return False
    return True


@lru_cache(maxsize=8192)
def assigned(definition: ast.AST) -> dict[str, tuple[ast.expr | None, ...]]:
    """Give what each name of a function is assigned; None for what it is given in another way, as by a loop."""
    found: dict[str, tuple[ast.expr | None, ...]] = {}
    simple: set[int] = set()
    for part in ast.walk(definition):
        for target in part.targets if isinstance(part, ast.Assign) else ():
            if isinstance(target, ast.Name):
                simple.add(id(target))
                found[target.id] = (*found.get(target.id, ()), part.value)  # type: ignore[attr-defined]
    for part in ast.walk(definition):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and id(part) not in simple:
            found[part.id] = (None,)
    return found
