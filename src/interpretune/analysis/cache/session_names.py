"""Which names the code of an analysis reads, and whether it carries something from one batch to the next.

A session's module holds much that no analysis looks at: loggers, identifiers, counters. What counts of it is what some
code that takes part can read. `names_read` collects these names from compiled code, following user code into its
helpers; `carries_state` looks for code that leaves something behind on the module or in its own module's globals.
"""

from __future__ import annotations

import ast
import dis
import functools
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from .digests.code.source import find_source
from .digests.distributions import class_origin, function_origin

__all__ = [
    "HOST",
    "LOOKED_UP",
    "OUTSIDE_OF_BATCHES",
    "carries_state",
    "codes_in",
    "functions_of",
    "names_called",
    "names_read",
    "plain_function",
    "put_into_host",
    "reachable",
    "texts_in",
    "user_classes",
]

#: The package of the host.
HOST = "interpretune"
_READS = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_GLOBAL", "LOAD_NAME", "IMPORT_FROM"})
#: What is used to get at something by a text.
LOOKED_UP = frozenset({"getattr", "get_op", "attrgetter", "methodcaller", "compile_ops", "globals", "vars", "__dict__"})
#: Methods of containers that change them; tensors mark theirs with an underscore at the end.
_MUTATORS = frozenset(
    {"append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "remove", "discard", "clear",
     "appendleft", "extendleft", "popleft"}
)  # fmt: skip
#: What runs before the first batch or after the last: what it stores does not pass from batch to batch.
OUTSIDE_OF_BATCHES = frozenset(
    {"__init__", "setup", "prepare_data", "configure_optimizers", "auto_model_init", "model_init", "load_metric",
     "post_auto_model_init", "_before_it_cfg_init", "init_classification_mapping", "on_analysis_start",
     "on_analysis_end", "on_session_end"}
)  # fmt: skip


def user_classes(obj: Any) -> list[type]:
    """Give the classes of an object that are neither installed code nor the host's nor made at run time by the host."""
    return [
        cls
        for cls in type(obj).__mro__
        if cls is not object and not _is_host(cls.__module__) and class_origin(cls).user
    ]


def _is_host(module: str | None) -> bool:
    return module is not None and (module == HOST or module.startswith(f"{HOST}."))


def functions_of(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Give the functions in a class's own body by name, those of properties and class methods included."""
    for name, value in vars(cls).items():
        for member in (value.fget, value.fset) if isinstance(value, property) else (value,):
            function = plain_function(member)
            if function is not None:
                yield name, function


def put_into_host(obj: Any) -> Iterator[tuple[str, FunctionType]]:
    """Give the functions that somebody has put into classes of the host, of which an object is one, by name."""
    for cls in type(obj).__mro__:
        for name, value in vars(cls).items() if _is_host(cls.__module__) else ():
            # What a wrapper says of itself is copied from what it wraps, but it sees the names of its own module.
            if not isinstance(value, FunctionType) or _is_host(value.__globals__.get("__name__")):
                continue
            if function_origin(value).user:
                yield name, value


def plain_function(value: Any) -> FunctionType | None:
    """Give the Python function behind a method, a partial or a wrapper, or None where there is none."""
    while True:
        if isinstance(value, FunctionType):
            inner = value.__dict__.get("__wrapped__")
            if inner is None:
                return value
            value = inner
        elif isinstance(value, (MethodType, staticmethod, classmethod)):
            value = value.__func__
        elif isinstance(value, functools.partial):
            value = value.func
        elif isinstance(value, functools._lru_cache_wrapper):
            value = value.__wrapped__
        else:
            return None


def names_read(functions: Iterable[Any]) -> frozenset[str]:
    """Give the names of attributes and globals that functions read, and the texts in them that could name one.

    Args:
        functions: where to begin; user functions and classes that they name are followed.
    """
    names: set[str] = set()
    for function in reachable(functions):
        names |= _names_in(function.__code__) | texts_in(function.__code__)
    return frozenset(names)


def names_called(functions: Iterable[Any]) -> frozenset[str]:
    """Give the names by which functions may call something: as `names_read`, with texts only where they are looked up.

    Args:
        functions: where to begin; user functions and classes that they name are followed.
    """
    names: set[str] = set()
    for function in reachable(functions):
        read = _names_in(function.__code__)
        names |= read
        if not LOOKED_UP.isdisjoint(read):
            names |= texts_in(function.__code__)
    return frozenset(names)


def reachable(functions: Iterable[Any]) -> Iterator[FunctionType]:
    """Give functions of the user, and those that they name, also by classes and partials."""
    seen: set[int] = set()
    pending = [value for value in functions if value is not None]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, functools.partial):
            pending += [*value.args, *value.keywords.values()]
        if isinstance(value, type):
            if class_origin(value).user and not _is_host(value.__module__):
                pending += [function for _, function in functions_of(value)]
                pending += [base for base in value.__bases__ if base is not object]
            continue
        function = plain_function(value)
        if function is None or _is_host(function.__module__) or not function_origin(function).user:
            continue
        seen.add(id(function))
        yield function
        pending += _named_values(function)


def _named_values(function: FunctionType) -> list[Any]:
    """Give what a function's globals and closure hold under the names that it reads, also one module further."""
    names = _names_in(function.__code__)
    found: list[Any] = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    for name in names:
        value = function.__globals__.get(name)
        found.append(value)
        if isinstance(value, ModuleType) and not _is_host(value.__name__):
            found += [vars(value)[inner] for inner in names if inner in vars(value)]
    return [value for value in found if isinstance(value, type) or plain_function(value) is not None]


@lru_cache(maxsize=4096)
def _names_in(code: CodeType) -> frozenset[str]:
    return frozenset(
        step.argval
        for part in codes_in(code)
        for step in dis.get_instructions(part)
        if step.opname in _READS and isinstance(step.argval, str)
    )


@lru_cache(maxsize=4096)
def texts_in(code: CodeType) -> frozenset[str]:
    """Give the texts in code that may be the name in a `getattr`, or a dotted path of names."""
    texts = (text for part in codes_in(code) for text in part.co_consts if isinstance(text, str) and len(text) < 200)
    return frozenset(name for text in texts for name in text.split(".") if name.isidentifier())


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Give code, and all that is nested in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)


def carries_state(functions: Iterable[Any], classes: Iterable[type] = ()) -> str | None:
    """Say why the rows of one batch may depend on the batches before it, or None where no sign of it is found.

    Args:
        functions: the user's code that runs for each batch; what it calls is followed.
        classes: classes whose methods the functions may call on the module.
    """
    methods: dict[str, list[FunctionType]] = {}
    for cls in classes:
        for name, function in functions_of(cls):
            methods.setdefault(name, []).append(function)
    seen: set[int] = set()
    pending = list(reachable(functions))
    while pending:
        function = pending.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        if function.__name__ in OUTSIDE_OF_BATCHES:
            continue
        reason = _keeps(function)
        if reason is not None:
            return reason
        for name in _names_in(function.__code__) & methods.keys():
            pending += reachable(methods[name])
    return None


def _keeps(function: FunctionType) -> str | None:
    source = find_source(function.__code__, function.__globals__)
    if source is None:
        return f"the source of `{function.__qualname__}` cannot be read"
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    lasting = {name for name in arguments if name in ("self", "cls", "module")}
    is_method = "." in function.__qualname__.rpartition("<locals>.")[2]
    if is_method and arguments:
        lasting.add(arguments[0])
    lasting |= set(function.__code__.co_freevars)
    inside = set(function.__code__.co_varnames)
    for node in ast.walk(source.node):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            return f"`{function.__qualname__}` changes {node.names[0]!r}, which outlives it"
        for target in _changed(node):
            name = _root(target)
            if name is None or isinstance(target, ast.Name):
                continue
            is_call = isinstance(node, ast.Call) and isinstance(function.__globals__.get(name), ModuleType)
            if (name in lasting or name not in inside) and not is_call:  # `torch.add(…)` changes nothing in torch
                return f"`{function.__qualname__}` changes `{ast.unparse(target)}`, which outlives it"
    return None


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
