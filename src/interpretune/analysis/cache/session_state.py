"""Whether the code of an analysis carries something from one batch to the next.

Batches that do not depend on each other may be sliced, extended and resumed. `carries_state` looks for code that leaves
something behind: on the module, in its own module's globals, in an object of the user's that the module or the code
holds, or in the model, by its own layers or by hooks.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any

from .digests.code.lookup import captured
from .digests.code.source import find_source
from .session_names import OUTSIDE_OF_BATCHES, codes_in, functions_of, names_in, plain_function, reachable, user_classes

__all__ = ["carries_state"]

#: Methods of containers that change them; tensors mark theirs with an underscore at the end.
_MUTATORS = frozenset(
    {"append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "remove", "discard", "clear",
     "appendleft", "extendleft", "popleft"}
)  # fmt: skip
#: Methods that code calls without naming them.
_UNNAMED = frozenset(
    {"__call__", "forward", "__next__", "__iter__", "__enter__", "__exit__", "__iadd__", "__setitem__", "__getitem__"}
)
#: How many items of a container are looked at, and how far into objects that hold objects.
_MOST, _DEEPEST = 100, 5
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def carries_state(functions: Iterable[Any], holders: Iterable[Any] = (), models: Iterable[Any] = ()) -> str | None:
    """Say why the rows of one batch may depend on the batches before it, or None where no sign of it is found.

    Args:
        functions: the user's code that runs for each batch; what it calls is followed.
        holders: what the functions reach by attributes, as the host's module; methods are found by their names, also
            those of the user's objects that are held there.
        models: torch modules that run, whose layers and hooks may be the user's.
    """
    methods: dict[str, list[FunctionType]] = {}
    attributes: dict[str, Any] = {}
    for holder in holders:
        for cls in user_classes(holder):
            for name, function in functions_of(cls):
                methods.setdefault(name, []).append(function)
        own = getattr(holder, "__dict__", {})
        attributes.update({**own, **own.get("_modules", {})})
    held, seen = _Held(), set[int]()
    pending = [(function, False) for function in reachable(functions)]
    loaded: set[str] = set()
    in_objects: list[FunctionType] = []
    while pending:
        function, in_object = pending.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        if function.__name__ in OUTSIDE_OF_BATCHES:
            continue
        if in_object:
            in_objects.append(function)
        elif (reason := _keeps(function)) is not None:
            return reason
        names = names_in(function.__code__)
        loaded |= _loaded(function)
        held.add({name: attributes[name] for name in names & attributes.keys()} | _around(function, names))
        for name in names:
            pending += [(found, in_object) for found in reachable(methods.get(name, ()))]
            pending += [(found, True) for found in reachable(held.methods.get(name, ()))]
    for function in in_objects:
        # An object's method may leave there what nobody reads; what somebody reads may be of the batch before.
        reason = _keeps(function, lambda target: _attribute(target) in loaded)
        if reason is not None:
            return reason
    # What a layer or hook writes over in each batch, and a step reads, is none of the batch before.
    inside = (function for model in models for function in reachable(_run_in(model)))
    return next((reason for function in inside if (reason := _accumulates(function)) is not None), None)


class _Held:
    """Methods of the user's objects that code can reach, by the names by which it calls them."""

    def __init__(self) -> None:
        self.methods: dict[str, list[FunctionType]] = {}
        self._seen: set[int] = set()

    def add(self, named: Mapping[str, Any]) -> None:
        """Add the methods of objects that are held under names, and of those that these hold."""
        pending = [(name, value, 0) for name, value in named.items()]
        while pending:
            name, value, depth = pending.pop()
            if id(value) in self._seen or isinstance(value, (type, ModuleType)) or plain_function(value) is not None:
                continue
            self._seen.add(id(value))
            if type(value) in (dict, list, tuple):
                items = value.values() if isinstance(value, dict) else value
                pending += [(name, item, depth + 1) for item in islice(items, _MOST)]
            elif depth < _DEEPEST and (classes := user_classes(value)):
                for cls in classes:
                    for method, function in functions_of(cls):
                        if method != "forward" or not hasattr(value, "_modules"):  # layers are looked at where they run
                            self.methods.setdefault(name if method in _UNNAMED else method, []).append(function)
                pending += [(inner, item, depth + 1) for inner, item in getattr(value, "__dict__", {}).items()]


def _around(function: FunctionType, names: Iterable[str]) -> dict[str, Any]:
    """Give what a function's globals and closure hold under the names that it uses."""
    found = {name: function.__globals__[name] for name in names if name in function.__globals__}
    return found | dict(captured(function))


def _run_in(model: Any) -> Iterator[Any]:
    """Give the user's code that runs in a torch module: forwards of layers, and hooks."""
    kinds: set[type] = set()
    for layer in model.modules() if hasattr(model, "modules") and hasattr(model, "_modules") else ():
        if type(layer) not in kinds:
            kinds.add(type(layer))
            yield from _methods_called(layer, "forward")
        for hook in (hook for hooks in _HOOKS for hook in list(getattr(layer, hooks, {}).values())):
            yield hook
            yield from _methods_called(hook, "__call__")


def _methods_called(value: Any, name: str) -> Iterator[FunctionType]:
    return (function for cls in user_classes(value) for method, function in functions_of(cls) if method == name)


# ----------------------------------------------------------------------------------------------- what one function does


def _keeps(function: FunctionType, counts: Callable[[ast.expr], bool] | None = None) -> str | None:
    source = find_source(function.__code__, function.__globals__)
    if source is None:  # what `dataclass` writes changes nothing when it is named
        return f"the source of `{function.__qualname__}` cannot be read" if counts is None else None
    lasting = _lasting(function)
    codes = list(codes_in(function.__code__))
    inside = {name for code in codes for name in (*code.co_varnames, *code.co_cellvars)}
    for node in ast.walk(source.node):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            return f"`{function.__qualname__}` changes {node.names[0]!r}, which outlives it"
        for target in _changed(node):
            name = _root(target)
            if name is None or isinstance(target, ast.Name) or (counts is not None and not counts(target)):
                continue
            is_call = isinstance(node, ast.Call) and isinstance(function.__globals__.get(name), ModuleType)
            if (name in lasting or name not in inside) and not is_call:  # `torch.add(…)` changes nothing in torch
                return f"`{function.__qualname__}` changes `{ast.unparse(target)}`, which outlives it"
    return None


def _accumulates(function: FunctionType) -> str | None:
    """Say what a function makes of what it left there itself the time before, or None."""
    source = find_source(function.__code__, function.__globals__)
    if source is None:
        return None  # no more is known about such a layer or hook than about one of a library
    nodes = list(ast.walk(source.node))
    changes = [(node, target) for node in nodes for target in _changed(node)]
    # `kept.append(row)` reads `kept` only to change it.
    aside = {id(target.value) for node, target in changes if _is_method(node) and isinstance(target, ast.Subscript)}
    filled = {id(inner) for node in nodes if isinstance(node, ast.If) for inner in _filled_once(node)}
    reads: dict[str, list[int]] = {}
    for node in nodes:
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", None), ast.Load) and id(node) not in aside:
            reads.setdefault(ast.unparse(node), []).append(node.lineno)
    lasting = _lasting(function)
    for node, target in changes:
        if isinstance(target, ast.Name) or _root(target) not in lasting or id(node) in filled:
            continue
        text, lines = _place(node, target), reads.get(_place(node, target), [])
        # What is written over and then read is of this batch; what a loop brings back is taken for that, too.
        last = node.end_lineno if isinstance(node, ast.Assign) else None
        if any(last is None or line <= last for line in lines):
            return f"`{function.__qualname__}` changes `{text}`, from which it goes on"
    return None


def _place(node: ast.AST, target: ast.expr) -> str:
    return ast.unparse(target.value if _is_method(node) and isinstance(target, ast.Subscript) else target)


def _is_method(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def _filled_once(node: ast.If) -> Iterator[ast.AST]:
    """Give what runs below `if x is None`, where it sets just that."""
    test = node.test
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is):
        for statement in node.body:
            if ast.unparse(test.left) in map(ast.unparse, _changed(statement)):
                yield statement


def _lasting(function: FunctionType) -> set[str]:
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    lasting = {name for name in arguments if name in ("self", "cls", "module")}
    is_method = "." in function.__qualname__.rpartition("<locals>.")[2]
    if is_method and arguments:
        lasting.add(arguments[0])
    return lasting | set(function.__code__.co_freevars)


def _loaded(function: FunctionType) -> set[str]:
    """Give the names of attributes that a function reads, without those that it only counts up."""
    source = find_source(function.__code__, function.__globals__)
    nodes = () if source is None else ast.walk(source.node)
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}


def _attribute(target: ast.expr) -> str | None:
    while isinstance(target, (ast.Subscript, ast.Starred)):
        target = target.value
    return target.attr if isinstance(target, ast.Attribute) else None


def _changed(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, (ast.Assign, ast.Delete)):
        yield from node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        yield node.target
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _mutates(node.func.attr):
        # `pending.append(row)`: what is changed is the thing before the dot, named as if it were an item of itself.
        yield ast.Subscript(node.func.value, ast.Constant(...), ast.Store())
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr" and node.args:
        yield ast.Subscript(node.args[0], ast.Constant(...), ast.Store())


def _mutates(method: str) -> bool:
    return method in _MUTATORS or (method.endswith("_") and not method.startswith("_"))


def _root(target: ast.expr) -> str | None:
    while isinstance(target, (ast.Attribute, ast.Subscript, ast.Starred)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None
