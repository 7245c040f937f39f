"""Where nothing goes by the order of elements: they are put in order, compared, or asked whether they are there."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from .ordering import count_if_drawn, count_order, go_through, ordered
from .orders import compare_alike
from .random import drawing_method, drawn_from, installed_name
from .scopes import COMPREHENSIONS
from .values import Atoms, Known

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["COMPARING", "FREE", "HANDING", "compares", "is_one_of", "let_go", "read_compared", "read_generator"]

#: What gives the same whatever the order of its arguments' elements.
FREE: tuple[Any, ...] = (
    *(set, frozenset, any, all, len, sorted, min, max, isinstance, issubclass, type, id, callable),
    *(bool, getattr, hasattr, vars),
)
#: Those of them that compare elements: with a `key`, or among nans, equal ones keep their order.
COMPARING: tuple[Any, ...] = (sorted, min, max)
#: What hands elements on, so that it is for whoever takes them to go by their order.
HANDING: tuple[Any, ...] = (list, tuple, iter, reversed, filter, map)
#: Methods that change what they belong to, for whatever comes next.
_LEAVING = frozenset(
    {
        *("append", "appendleft", "insert", "extend", "extendleft", "update", "setdefault", "remove"),
        *("pop", "popleft", "popitem", "send", "write"),
        # Of generators of random numbers.
        *("random", "normal", "standard_normal", "uniform", "integers", "randint", "randrange", "choice", "choices"),
        *("gauss", "sample", "shuffle", "permutation", "permuted", "exponential", "poisson", "binomial"),
    }
)
#: What gives numbers and texts, of which equal ones are alike.
_TELLING: tuple[Any, ...] = (len, str, repr, ord, hash, int, bool)


def is_one_of(callees: Atoms, functions: tuple[Any, ...]) -> bool:
    """Tell whether one of these functions is called."""
    return any(isinstance(callee, Known) and any(callee.value is one for one in functions) for callee in callees)


def let_go(reader: Reader, callees: Atoms, node: ast.Call) -> None:
    """Remember arguments of a call, which is about to be read, of which nothing goes by the order.

    Args:
        reader: the reading of the function that the call stands in.
        callees: what is called.
        node: the call.
    """
    compared = compares(reader, callees, node)
    if compared is not None and not (is_one_of(callees, (map,)) and len(node.args) > 2):
        reader.unordered.update(dict.fromkeys(node.args, compared))


def compares(reader: Reader, callees: Atoms, node: ast.Call) -> bool | None:
    """Tell whether a call only compares elements, where nothing goes by their order; None where something does."""
    if node in reader.unordered and is_one_of(callees, HANDING):
        return reader.unordered[node]
    if len(callees) != 1 or not is_one_of(callees, FREE) or (len(node.args) > 2 and is_one_of(callees, (type,))):
        return None
    if not is_one_of(callees, COMPARING):
        return False
    told_apart = all(word.arg != "key" or _tells_keys_apart(node, word.value) for word in node.keywords)
    return True if told_apart else None


def read_compared(reader: Reader, callees: Atoms, node: ast.Call) -> None:
    """Let the function depend on the order of what a call compares, unless equal elements are alike.

    Args:
        reader: the reading of the function that the call stands in.
        callees: what is called.
        node: the call.
    """
    if is_one_of(callees, (map,)):
        if not is_one_of(reader.told.get(node.args[0], ()), _TELLING):
            for part in node.args[1:]:
                go_through(reader, part)
        return
    for part in node.args:
        called = reader.told.get(part.func, ()) if isinstance(part, ast.Call) else ()
        # What hands elements on, and a comprehension, was read itself.
        if not isinstance(part, COMPREHENSIONS) and not is_one_of(called, HANDING):
            _compare(reader, part)


def read_generator(reader: Reader, node: Any, generator: ast.comprehension) -> None:
    """Let the function depend on the order of what a comprehension goes through, unless nothing goes by it.

    Args:
        reader: the reading of the function that it stands in.
        node: the comprehension.
        generator: one of its generators; all of the comprehension was evaluated.
    """
    compared = reader.unordered.get(node)
    if any(isinstance(part, ast.Call) for part in ast.walk(node)):
        for one in ordered(reader, generator.iter):
            count_if_drawn(reader, one)
    if any(_has_effects(reader, part) for part in ast.walk(node)):
        compared = None
    elif isinstance(node, ast.SetComp) or _keeps_keys(node):
        return
    if compared is None or (compared and len(node.generators) > 1):
        go_through(reader, generator.iter)
    elif compared and not _gives_alike(reader, node.elt):
        _compare_given(reader, node.elt, generator)


def _has_effects(reader: Reader, part: ast.AST) -> bool:
    """Tell whether a part of a comprehension leaves something behind for the next element, as far as its text says."""
    if not isinstance(part, ast.Call):
        return isinstance(part, ast.NamedExpr)
    callees = reader.told.get(part.func, ())
    names = [installed_name(callee.value, callee.installed) for callee in callees if isinstance(callee, Known)]
    method = part.func.attr if isinstance(part.func, ast.Attribute) else ""
    return method in _LEAVING or is_one_of(callees, (next,)) or any(map(drawn_from, names)) or drawing_method(method)


def _gives_alike(reader: Reader, node: ast.expr) -> bool:
    """Tell whether what an expression gives is alike wherever it is equal."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return is_one_of(reader.load(node.func.id), _TELLING)
    return isinstance(node, (ast.JoinedStr, ast.Constant, ast.Compare))


def _compare_given(reader: Reader, given: ast.expr, generator: ast.comprehension) -> None:
    """Read what a comprehension of one generator gives, and somebody compares."""
    target, gone_through = generator.target, generator.iter
    if isinstance(target, ast.Tuple) and len(target.elts) == 2 and _method_of(gone_through) == "items":
        first = given.elts[0] if isinstance(given, ast.Tuple) else given
        for name, values in zip(target.elts, (False, True), strict=True):
            # Of pairs, no two have one key.
            if _is_name(name, first) and not (values and isinstance(given, ast.Tuple)):
                _compare(reader, gone_through, values)
                return
    elif _is_name(target, given):
        _compare(reader, gone_through)
        return
    go_through(reader, gone_through)


def _is_name(target: ast.expr, given: ast.expr) -> bool:
    return isinstance(target, ast.Name) and isinstance(given, ast.Name) and target.id == given.id


def _method_of(node: ast.expr) -> str:
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


def _compare(reader: Reader, node: ast.expr, values: bool | None = None) -> None:
    """Let the function depend on the order of dictionaries whose elements are compared, unless equal ones are alike.

    Args:
        reader: the reading of the function that does so.
        node: what is gone through.
        values: whether values are compared, or keys; None where that follows from the expression.
    """
    for one in ordered(reader, node):
        known = one.known.value if isinstance(one.known, Known) and not one.inside else None
        are_values = values if values is not None else one.view and _method_of(node) not in ("items", "keys")
        if known is None or not compare_alike(known, are_values):
            count_order(reader, one)


def _keeps_keys(node: ast.expr) -> bool:
    """Tell whether a dictionary is made of another one key by key: it is then free of order as that is."""
    name = _named(node.key) if isinstance(node, ast.DictComp) else ""
    if not isinstance(node, ast.DictComp) or len(node.generators) != 1 or not name:
        return False
    (generator,) = node.generators
    target, gone_through = generator.target, generator.iter
    method = gone_through.func if isinstance(gone_through, ast.Call) else None
    paired = isinstance(method, ast.Attribute) and method.attr == "items"
    if isinstance(target, ast.Tuple) and paired:
        target = target.elts[0]
    if isinstance(method, ast.Attribute) and method.attr == "values":
        return False
    return isinstance(target, ast.Name) and target.id == name


def _named(key: ast.expr) -> str:
    """Give the name that a key is, or that stands in a text such as ``f"{name}_score"``, which makes no two equal."""
    if isinstance(key, ast.JoinedStr):
        (key, *others) = [part for part in key.values if not isinstance(part, ast.Constant)] or [key]
        if others or not isinstance(key, ast.FormattedValue) or key.conversion != -1 or key.format_spec is not None:
            return ""
        key = key.value
    return key.id if isinstance(key, ast.Name) else ""


def _tells_keys_apart(node: ast.Call, key: ast.expr) -> bool:
    """Tell whether items are put in order by what is in front of each: no two are equal."""
    (given,) = node.args if len(node.args) == 1 else (None,)
    if not isinstance(given, ast.Call) or not isinstance(given.func, ast.Attribute) or given.func.attr != "items":
        return False
    if not isinstance(key, ast.Lambda) or not isinstance(key.body, ast.Subscript):
        return False
    index = key.body.slice
    return isinstance(key.body.value, ast.Name) and isinstance(index, ast.Constant) and index.value == 0
