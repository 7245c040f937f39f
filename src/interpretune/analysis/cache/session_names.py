"""Which names the code of an analysis reads.

A session's module holds much that no analysis looks at: loggers, identifiers, counters. What counts of it is what some
code that takes part can read. `names_read` collects these names from compiled code, following user code into its
helpers.
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from .digests.distributions import class_origin, function_origin

__all__ = [
    "HOST",
    "LOOKED_UP",
    "OUTSIDE_OF_BATCHES",
    "codes_in",
    "functions_of",
    "names_called",
    "names_in",
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
        names |= names_in(function.__code__) | texts_in(function.__code__)
    return frozenset(names)


def names_called(functions: Iterable[Any]) -> frozenset[str]:
    """Give the names by which functions may call something: as `names_read`, with texts only where they are looked up.

    Args:
        functions: where to begin; user functions and classes that they name are followed.
    """
    names: set[str] = set()
    for function in reachable(functions):
        read = names_in(function.__code__)
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
    names = names_in(function.__code__)
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
def names_in(code: CodeType) -> frozenset[str]:
    """Give the names of attributes and globals in code that it reads."""
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
