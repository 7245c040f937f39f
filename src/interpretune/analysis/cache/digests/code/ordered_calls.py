"""Calls and returns where the order of a captured dictionary goes on to whoever is called, or calls."""

from __future__ import annotations

import ast
import collections
import functools
from dataclasses import replace
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..asking import asked
from .lookup import is_followed, unwrap
from .ordering import Ordered, count_order, go_through, ordered
from .random import installed_name
from .source import find_source
from .syntax import arguments_of
from .values import Atom, Bound, Known, Local

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["give_order_back", "is_free", "let_go", "read_order"]

#: What gives the same whatever the order of its arguments' elements; with a `key`, equal ones keep their order.
_FREE: tuple[Any, ...] = (set, frozenset, any, all, len, sorted, min, max, isinstance, type, id, hash, callable)
_COMPARING: tuple[Any, ...] = (sorted, min, max)
#: What hands elements on, so that it is for whoever takes them to go by their order.
_HANDING: tuple[Any, ...] = (list, tuple, iter, reversed, filter, map)
#: What goes through what it is given.
_THROUGH: tuple[Any, ...] = (
    *(*_HANDING, *_COMPARING, sum, enumerate, zip),
    *(collections.deque, collections.OrderedDict, functools.reduce),
)
#: What writes down what it is given, with all that lies inside; the frames of pandas have columns in that order.
_WRITING = frozenset({"builtins.str", "builtins.repr", "builtins.format", "json.dumps", "json.dump"})
_FRAMES = frozenset({"pandas.DataFrame", "pandas.Series"})
_THROUGH_METHODS = frozenset({"join", "extend", "extendleft", "fromkeys", "from_iterable", "writelines"})
#: Methods that take a view without going by its order, or by which the order is kept: see `ordering`.
_FREE_METHODS = frozenset(
    {
        *("update", "union", "issubset", "issuperset", "intersection", "difference", "isdisjoint"),
        *("symmetric_difference", "difference_update", "intersection_update", "symmetric_difference_update"),
    }
)
#: Methods of a dictionary by which its order may get out.
_ASKING_ORDER = frozenset({"items", "values", "keys", "copy", "popitem"})
_ROOT = "op.implementation"


def is_free(reader: Reader, node: ast.expr) -> bool:
    """Tell whether nothing goes by the order of what a comprehension gives."""
    return isinstance(node, ast.SetComp) or node in reader.unordered or _keeps_keys(node)


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


def let_go(reader: Reader, callees: tuple[Atom, ...], node: ast.Call) -> None:
    """Remember arguments of a call, which is about to be read, of which nothing goes by the order.

    Args:
        reader: the reading of the function that the call stands in.
        callees: what is called.
        node: the call.
    """
    handed_on = node in reader.unordered and _is_one_of(callees, _HANDING)
    if (handed_on or _is_free_call(callees, node)) and not (_is_one_of(callees, (map,)) and len(node.args) > 2):
        reader.unordered.update(node.args)


def read_order(reader: Reader, node: ast.Call) -> None:
    """Let the function depend on the order of the dictionaries that a call, which was read, goes through.

    Args:
        reader: the reading of the function that the call stands in.
        node: the call.
    """
    callees = reader.told.get(node.func, ())
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    for part in node.args:
        if isinstance(part, ast.Starred):
            go_through(reader, part.value)
    if method == "popitem" and isinstance(node.func, ast.Attribute):
        go_through(reader, node.func.value)
    if node in reader.unordered or _is_free_call(callees, node):
        return
    writes = _writes_down(callees, node)
    through = writes or method in _THROUGH_METHODS or _is_one_of(callees, _THROUGH) or _is_iterator(callees)
    places: dict[int | str, ast.expr] = dict(enumerate(node.args))
    places.update((word.arg, word.value) for word in node.keywords if word.arg)
    for place, part in places.items():
        for one in ordered(reader, part):
            if writes:
                count_order(reader, replace(one, inside=True))
            if through:
                if not (_is_one_of(callees, (sum,)) and _adds_exactly(one)):
                    count_order(reader, one)
            elif (one.view and not _takes_views(callees, method)) or _goes_by_order(reader, callees, place, part, one):
                count_order(reader, one)
    for word in node.keywords:
        if word.arg is None and any(_may_go_through(callee, "**") for callee in callees):
            go_through(reader, word.value)


def give_order_back(reader: Reader, node: ast.expr) -> None:
    """Let the function depend on the order of what it gives back, unless that is the row of a step, which has none."""
    if reader.scope is reader.top and reader.graph.is_root(reader.node) and reader.graph.walk.root == _ROOT:
        return
    told = reader.told.get(node, ())
    for one in ordered(reader, node):
        if isinstance(one.known, str):
            reader.graph.given_back.add((reader.function.__name__, one.known, one.inside))
        elif one.known not in told:
            count_order(reader, one)


def _is_one_of(callees: tuple[Atom, ...], functions: tuple[Any, ...]) -> bool:
    return any(isinstance(callee, Known) and any(callee.value is one for one in functions) for callee in callees)


def _writes_down(callees: tuple[Atom, ...], node: ast.Call) -> bool:
    """Tell whether a call makes a text, or a frame, of all that it is given."""
    method = node.func
    if isinstance(method, ast.Attribute) and method.attr == "format" and isinstance(method.value, ast.Constant):
        return True
    names = {installed_name(callee.value, callee.installed) for callee in callees if isinstance(callee, Known)}
    is_sorted = any(
        word.arg == "sort_keys" and isinstance(word.value, ast.Constant) and word.value.value is True
        for word in node.keywords
    )
    return not names.isdisjoint(_FRAMES) or (not names.isdisjoint(_WRITING) and not is_sorted)


def _is_iterator(callees: tuple[Atom, ...]) -> bool:
    """Tell whether something of `itertools` is called."""
    return any(
        isinstance(callee, Known)
        and "itertools" in (asked(callee.value, "__module__"), asked(callee.value, "__name__"))
        for callee in callees
    )


def _is_free_call(callees: tuple[Atom, ...], node: ast.Call) -> bool:
    if len(callees) != 1 or not _is_one_of(callees, _FREE):
        return False
    return not _is_one_of(callees, _COMPARING) or all(
        word.arg != "key" or _tells_keys_apart(node, word.value) for word in node.keywords
    )


def _tells_keys_apart(node: ast.Call, key: ast.expr) -> bool:
    """Tell whether items are put in order by what is in front of each: no two are equal."""
    (given,) = node.args if len(node.args) == 1 else (None,)
    if not isinstance(given, ast.Call) or not isinstance(given.func, ast.Attribute) or given.func.attr != "items":
        return False
    if not isinstance(key, ast.Lambda) or not isinstance(key.body, ast.Subscript):
        return False
    index = key.body.slice
    return isinstance(key.body.value, ast.Name) and isinstance(index, ast.Constant) and index.value == 0


def _takes_views(callees: tuple[Atom, ...], method: str) -> bool:
    return method in _FREE_METHODS or _is_one_of(callees, (dict,))


def _adds_exactly(one: Ordered) -> bool:
    """Tell whether the sum of a dictionary's values is the same in any order, as that of integers is."""
    value = one.known.value if isinstance(one.known, Known) else None
    return not one.inside and isinstance(value, dict) and all(type(item) in (int, bool) for item in value.values())


def _goes_by_order(reader: Reader, callees: tuple[Atom, ...], place: int | str, part: ast.expr, one: Ordered) -> bool:
    """Tell whether a user's function may go through an argument that it does not know by name."""
    if one.known in reader.told.get(part, ()):
        return False  # it is read with it
    return any(_may_go_through(callee, place) for callee in callees)


def _may_go_through(callee: Atom, place: int | str) -> bool:
    definition: Any = None
    if isinstance(callee, Local):
        definition = callee.node
    elif isinstance(callee, (Known, Bound)):
        function: Any = unwrap(callee.value if isinstance(callee, Known) else callee.function)
        bound = isinstance(callee, Bound) or isinstance(function, MethodType)
        function = function.__func__ if isinstance(function, MethodType) else function
        if isinstance(function, type):
            function, bound = function.__dict__.get("__init__"), True
        if not is_followed(function):
            return False
        if not isinstance(function, FunctionType) or "__wrapped__" in vars(function):
            return True
        source = find_source(function.__code__, function.__globals__)
        definition = source.node if source is not None else None
        place = place + bound if isinstance(place, int) else place
    if definition is None:
        return isinstance(callee, (Known, Bound, Local))
    if place == "**":
        catching = definition.args.kwarg
        return catching is not None and not _only_looked_up(definition, catching.arg)
    names = [argument.arg for argument in arguments_of(definition)]
    if isinstance(place, int):
        place = names[place] if place < len(definition.args.posonlyargs) + len(definition.args.args) else ""
    return place not in names or not _only_looked_up(definition, place)


@functools.lru_cache(maxsize=8192)
def _only_looked_up(definition: ast.AST, name: str) -> bool:
    """Tell whether a function only looks entries of a parameter up, and asks which there are."""
    looked_up: set[int] = set()
    for part in ast.walk(definition):
        if isinstance(part, ast.Subscript) or (isinstance(part, ast.Attribute) and part.attr not in _ASKING_ORDER):
            looked_up.add(id(part.value))
        elif isinstance(part, ast.Compare):
            looked_up.update(map(id, part.comparators))
        elif isinstance(part, ast.keyword) and part.arg is None:
            looked_up.add(id(part.value))
    return all(id(part) in looked_up for part in ast.walk(definition) if isinstance(part, ast.Name) and part.id == name)
