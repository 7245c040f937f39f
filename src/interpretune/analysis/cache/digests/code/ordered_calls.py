"""Calls and returns where the order of a captured dictionary goes on to whoever is called, or calls."""

from __future__ import annotations

import ast
import collections
import functools
from dataclasses import replace
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..asking import asked
from .comparing import COMPARING, FREE, HANDING, compares, is_one_of, read_compared
from .kept_orders import keep_return, put_order
from .lookup import is_followed, is_user_class, is_users_code, unwrap
from .ordering import SAME, VIEWS, Ordered, count_order, count_whole, elements_in, go_through, ordered
from .orders import has_order
from .source import find_source
from .syntax import arguments_of, called_name
from .values import Atom, Atoms, Bound, Items, Known, Local

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["give_order_back", "read_order"]

#: What calls its first argument with elements of the others.
_CALLING: tuple[Any, ...] = (filter, map, functools.reduce)
#: What goes through what it is given, and not through what lies inside.
_THROUGH: tuple[Any, ...] = (
    *(*HANDING, *COMPARING, sum, enumerate, zip),
    *(collections.deque, collections.OrderedDict, functools.reduce),
)
_THROUGH_METHODS = frozenset({"join", "extend", "extendleft", "fromkeys", "from_iterable", "writelines"})
#: Methods that take a view without going by its order, or by which the order is kept: see `ordering`.
_FREE_METHODS = frozenset(
    {
        *("update", "union", "issubset", "issuperset", "intersection", "difference", "isdisjoint"),
        *("symmetric_difference", "difference_update", "intersection_update", "symmetric_difference_update"),
    }
)
#: Installed functions and methods that only look entries of a dictionary up, or hand it on: see `ordering`.
_LOOKING = frozenset({"load_state_dict", "functional_call", "copy", "deepcopy", "cast"})
#: Methods that put what they are given into a container, as it is or element by element.
_PUTTING = frozenset({"append", "appendleft", "add", "insert", "setdefault", "put", "put_nowait"})
_PUTTING_EACH = frozenset({"update", "extend", "extendleft"})
#: Methods of a dictionary by which its order may get out.
_ASKING_ORDER = frozenset({*VIEWS, "copy", "popitem"})
_ITERATING = frozenset({"popitem", "__iter__", "__reversed__"})
_WRITING = frozenset({"__repr__", "__str__", "__format__"})
_ROOT = "op.implementation"


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
    if isinstance(node.func, ast.Attribute) and method in _ITERATING | _WRITING:
        go_through(reader, node.func.value, inside=method in _WRITING)
    compared = compares(reader, callees, node)
    if compared is not None:
        if compared:
            read_compared(reader, callees, node)
        return
    if isinstance(node.func, ast.Attribute) and not any(map(_is_users, callees)):
        for part in node.args if method in _PUTTING | _PUTTING_EACH else ():
            put_order(reader, node.func.value, part, held=method in _PUTTING)
    _read_arguments(reader, callees, node)
    for word in node.keywords:
        if word.arg is None and any(_may_go_through(callee, "**") for callee in callees):
            go_through(reader, word.value)


def _read_arguments(reader: Reader, callees: Atoms, node: ast.Call) -> None:
    """Read what a call is given, by position or by name."""
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    through = method in _THROUGH_METHODS or is_one_of(callees, _THROUGH) or _is_iterator(callees)
    whole = not through and _goes_by_all(reader, callees, node)
    free = method in _FREE_METHODS or is_one_of(callees, (dict,))
    places: dict[int | str, ast.expr] = dict(enumerate(node.args))
    places.update((word.arg, word.value) for word in node.keywords if word.arg)
    for place, part in places.items():
        for one in ordered(reader, part):
            if is_one_of(callees, (sum,)) and _adds_exactly(one):
                continue
            if whole:
                count_whole(reader, one)
            elif through or (one.view and not free):
                count_order(reader, one)
                if method == "from_iterable":
                    count_whole(reader, one)
            elif _is_passed(reader, callees, place, part, one):
                count_order(reader, replace(one, held=0))
    are_elements = is_one_of(callees, _CALLING) or method == "map"
    if not node.args or not (are_elements or method == "submit" or is_one_of(callees, (functools.partial,))):
        return
    called = reader.told.get(node.args[0], ())
    for index, part in enumerate(node.args[1:]):
        given = ordered(reader, part)
        if method == "map":
            go_through(reader, part)  # by a pool; of a dataset, only numbers and switches are given by position
        place = 0 if are_elements else index
        if any(_may_go_through(callee, place) or _is_unknown(callee) for callee in called):
            for one in elements_in(given) if are_elements else given:
                count_order(reader, replace(one, held=0))


def _is_unknown(callee: Atom) -> bool:
    """Tell whether code of a library is called, of which it is not known that it only looks entries up."""
    return not _is_users(callee) and not is_one_of((callee,), (*FREE, dict, list, tuple))


def _is_passed(reader: Reader, callees: Atoms, place: int | str, part: ast.expr, one: Ordered) -> bool:
    """Tell whether code of the user's gets an argument that it does not know by name, and may go through it."""
    told = reader.told.get(part, ())
    told += tuple(inner for atom in told if isinstance(atom, Items) for held in atom.elements for inner in held)
    return any((one.known not in told or _is_module(callee)) and _may_go_through(callee, place) for callee in callees)


def give_order_back(reader: Reader, node: ast.expr, yielded: bool = False) -> None:
    """Let the function depend on the order of what it gives back, unless that is the row of a step, which has none.

    Args:
        reader: the reading of the function.
        node: what it gives back.
        yielded: True where that is one element of what it gives.
    """
    if reader.scope is reader.top and reader.graph.is_root(reader.node) and reader.graph.walk.root == _ROOT:
        return
    told = reader.told.get(node, ())
    name = reader.function.__name__
    keep_return(reader, name, node, yielded)
    for one in ordered(reader, node):
        if isinstance(one.known, str):
            reader.graph.given_back.add((name, one.known, one.inside))
        elif one.known not in told:
            count_order(reader, one)


def _goes_by_all(reader: Reader, callees: Atoms, node: ast.Call) -> bool:
    """Tell whether installed code gets what a call is given, and may go by the order of it and of what lies inside."""
    method = node.func
    name = called_name(node)
    if name in SAME or name in _LOOKING or name in _FREE_METHODS or is_one_of(callees, (functools.partial,)):
        return False
    if any(
        word.arg == "sort_keys" and isinstance(word.value, ast.Constant) and word.value.value is True
        for word in node.keywords
    ):
        return False
    if (name == "format" and isinstance(method, ast.Attribute)) or _is_made_here(reader, name):
        return True
    if not callees and isinstance(method, ast.Attribute) and isinstance(method.value, ast.Call):
        # A method of what an installed class or function makes.
        callees = tuple(atom for atom in reader.told.get(method.value.func, ()) if isinstance(atom, Known))
    return any(not _is_users(callee) for callee in callees)


def _is_made_here(reader: Reader, name: str) -> bool:
    """Tell whether a class that the function defines, or a method of one, has this name: its calls are not followed."""
    made = (part for place in reader.scopes if isinstance(place, ast.ClassDef) for part in (place, *place.body))
    return any(isinstance(part, (ast.ClassDef, ast.FunctionDef)) and part.name == name for part in made)


def _is_users(callee: Atom) -> bool:
    """Tell whether calls lead to code of the user's, or to methods of a container, which are known by their names."""
    if isinstance(callee, Bound):
        receiver = callee.receiver
        return is_followed(callee.function) or (isinstance(receiver, Known) and has_order(receiver))
    if not isinstance(callee, Known):
        return True
    function = unwrap(callee.value)
    while isinstance(function, functools.partial):
        function = unwrap(function.func)
    return is_followed(function) or is_users_code(function) or is_user_class(type(function))


def _is_iterator(callees: tuple[Atom, ...]) -> bool:
    """Tell whether something of `itertools` is called."""
    return any(
        isinstance(callee, Known)
        and "itertools" in (asked(callee.value, "__module__"), asked(callee.value, "__name__"))
        for callee in callees
    )


def _adds_exactly(one: Ordered) -> bool:
    """Tell whether the sum of a dictionary's values is the same in any order, as that of integers is."""
    value = one.known.value if isinstance(one.known, Known) else None
    return not one.inside and isinstance(value, dict) and all(type(item) in (int, bool) for item in value.values())


def _is_module(callee: Atom) -> bool:
    """Tell whether an object is called whose method is called by installed code, as the forward of a torch module."""
    value = callee.value if isinstance(callee, Known) else None
    return is_user_class(type(value)) and not is_followed(asked(type(value), "__call__"))


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
        elif is_user_class(type(function)):
            methods = (asked(type(function), name) for name in ("__call__", "forward"))
            function, bound = next(filter(is_followed, methods), None), True
        if is_one_of((callee,), (*_THROUGH, str, repr)):
            return True
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
