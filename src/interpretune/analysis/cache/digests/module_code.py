"""What the code of module classes says about their attributes: which are read, which only written, and who patched it.

Methods are looked at through their compiled code, which is there also where the source is not. What was found is
remembered by class as long as the class has the same methods with the same code: notebooks and tests patch classes
while they live.
"""

from __future__ import annotations

import ast
import dis
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from operator import is_
from typing import Any
from weakref import WeakKeyDictionary

from torch.nn.modules.module import Module

from .code.source import find_source
from .distributions import class_origin, function_origin
from .patches import ADDED

__all__ = ["BESIDE", "DYNAMIC", "ClassCode", "ClassCodes", "names_in", "read_names", "records", "user_classes"]

#: Methods that run before the first forward, or print.
BESIDE = frozenset({"__init__", "extra_repr", "__repr__", "_init_weights", "reset_parameters"})
#: Methods that put something into a container and give nothing back.
_PUTTING = frozenset({"append", "add", "appendleft"})
#: Names by which code reaches attributes that it does not name.
DYNAMIC = frozenset({"getattr", "__dict__", "vars", "__getattribute__", "attrgetter", "eval", "exec"})


@dataclass(frozen=True, eq=False)
class ClassCode:
    """The functions that one class defines itself, without those of its bases."""

    cls: type
    #: Attribute names and functions, those below ``__wrapped__`` and in properties included.
    functions: tuple[tuple[str, types.FunctionType], ...]

    @cached_property
    def words(self) -> frozenset[str]:
        """All names and texts in the code; what is read by name is among them."""
        return frozenset(word for _, function in self.functions for word in _words(function.__code__))

    @cached_property
    def foreign(self) -> tuple[tuple[str, types.FunctionType], ...]:
        """Functions that come from another library than the class; a user's in an installed one: see `patches`."""
        home = self.cls.__module__.partition(".")[0]
        installed = not class_origin(self.cls).user
        return tuple(
            (f"{self.cls.__qualname__}.{name}", function)
            for name, function in self.functions
            if (self.cls.__module__, f"{self.cls.__qualname__}.{name}") not in ADDED
            and not (installed and function_origin(function).user)
            and str(function.__globals__.get("__name__", "")).partition(".")[0] not in (home, "torch")
        )

    @cached_property
    def dropping(self) -> frozenset[str]:
        """Names with "drop" in them, outside of the constructor."""
        return frozenset(
            word
            for name, function in self.functions
            if name != "__init__"
            for word in _words(function.__code__)
            if "drop" in word and word.isidentifier()
        )

    @cached_property
    def hands_itself_on(self) -> bool:
        """Whether a method uses ``self`` for anything but its attributes."""
        return any(_escapes(function.__code__) for name, function in self.functions if name not in BESIDE)

    @cached_property
    def left_by_forward(self) -> frozenset[str]:
        """Names of attributes, of any object, that `forward` writes and no other method but the constructor does."""
        written: dict[bool, set[str]] = {True: set(), False: set()}
        for name, function in self.functions:
            if name != "__init__":
                written[name == "forward"] |= _uses(function)[0]
        return frozenset(written[True] - written[False])

    @cached_property
    def read(self) -> frozenset[str]:
        """Names of attributes that are read or deleted, of any object, and texts that may name one."""
        names = set().union(*(_uses(function)[1] for _, function in self.functions))
        codes = (code for _, function in self.functions for code in _codes(function.__code__))
        return frozenset(names | {text for code in codes for text in code.co_consts if isinstance(text, str)})


class _Seen:
    """A class as it was when its code was looked at, to tell cheaply whether it still is the same."""

    def __init__(self, cls: type) -> None:
        self.code = ClassCode(cls, tuple(_functions(cls)))
        self._names = tuple(cls.__dict__)
        self._values = tuple(cls.__dict__.values())
        self._functions = [function for _, function in self.code.functions]
        self._codes = [function.__code__ for function in self._functions]
        self._wrapped = list(self._wrapped_now())

    def still_holds(self, cls: type) -> bool:
        """Tell whether the class has the same attributes, and its functions the same code."""
        return (
            self._names == tuple(cls.__dict__)
            and all(map(is_, self._values, cls.__dict__.values()))
            and all(function.__code__ is code for function, code in zip(self._functions, self._codes, strict=True))
            and all(map(is_, self._wrapped, self._wrapped_now()))
        )

    def _wrapped_now(self) -> Iterator[Any]:
        return map(getattr, self._functions, repeat("__wrapped__"), repeat(None))


_known: WeakKeyDictionary[Any, _Seen] = WeakKeyDictionary()


class ClassCodes(dict[type, ClassCode]):
    """What the code of each class says, looked up once; made anew for each walk, as classes may change in between."""

    def __missing__(self, cls: type) -> ClassCode:
        seen = _known.get(cls)
        if seen is None or not seen.still_holds(cls):
            seen = _known[cls] = _Seen(cls)
        self[cls] = seen.code
        return seen.code

    def own(self, cls: type) -> list[ClassCode]:
        """Give the code of a module class and its bases, without `torch.nn.Module` and `object`."""
        return [self[base] for base in cls.__mro__ if base is not Module and base is not object]


def records(classes: Iterable[type], codes: ClassCodes) -> dict[type, frozenset[str]]:
    """Give the attributes that a forward leaves behind and nothing in a tree reads, by class.

    Only for a user's classes: their code is all there is to say about such an attribute. Where code of theirs reaches
    attributes that it does not name, nothing is left out.

    Args:
        classes: those of all modules in the tree.
        codes: of this walk.
    """
    classes = list(classes)
    every = {code.cls: code for cls in classes for code in codes.own(cls)}
    users = {cls: code for cls, code in every.items() if class_origin(cls).user}
    if not users or any(not DYNAMIC.isdisjoint(code.words) for code in users.values()):
        return {}
    read: set[str] = set().union(*(code.read if cls in users else code.words for cls, code in every.items()))
    found = {}
    for cls in classes:
        left = set().union(*(code.left_by_forward for code in codes.own(cls) if code.cls in users))
        found[cls] = frozenset(left - read)
    return found


def _functions(cls: type) -> Iterator[tuple[str, types.FunctionType]]:
    for name, value in cls.__dict__.items():
        for member in (value.fget, value.fset) if isinstance(value, property) else (value,):
            function = getattr(member, "__func__", member)
            seen: set[int] = set()
            while isinstance(function, types.FunctionType) and id(function) not in seen:
                seen.add(id(function))
                yield name, function
                function = getattr(function, "__wrapped__", None)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def names_in(code: types.CodeType) -> Iterator[str]:
    """Give the names of globals and attributes in a function's code, nested functions included."""
    for part in _codes(code):
        yield from part.co_names


def read_names(function: types.FunctionType) -> frozenset[str]:
    """Give the names of globals and attributes that a function reads, and the texts in it, which may name one.

    A global that is only written is among them, an attribute that is only written is not.
    """
    written, read = _uses(function)
    return frozenset(_words(function.__code__)) - (written - read)


def _words(code: types.CodeType) -> Iterator[str]:
    for part in _codes(code):
        yield from part.co_names
        yield from (constant for constant in part.co_consts if isinstance(constant, str))


def _steps(code: types.CodeType) -> Iterator[dis.Instruction]:
    for part in _codes(code):
        yield from dis.get_instructions(part)


def _uses(function: types.FunctionType) -> tuple[set[str], set[str]]:
    """Give the names of attributes, of any object, that a function writes and that it reads or deletes.

    To count an attribute up (``self.calls += 1``) or to put something into it (``self.kept["a"] = x``) is no reading.
    """
    source = find_source(function.__code__, function.__globals__)
    if source is None:
        steps = list(_steps(function.__code__))
        written = {str(step.argval) for step in steps if step.opname == "STORE_ATTR"}
        reading = [step for step in steps if "METHOD" in step.opname or "ATTR" in step.opname]
        return written, {str(step.argval) for step in reading if step.opname != "STORE_ATTR"}
    nodes = list(ast.walk(source.node))
    filled = [node.value for node in nodes if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)]
    for node in nodes:
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _PUTTING:
            filled.append(call.func.value)
    into = {id(node) for node in filled}
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    written = {node.attr for node in attributes if isinstance(node.ctx, ast.Store) or id(node) in into}
    return written, {node.attr for node in attributes if not isinstance(node.ctx, ast.Store) and id(node) not in into}


def _escapes(code: types.CodeType) -> bool:
    """Tell whether the first argument is used otherwise than as ``self.name``."""
    if not code.co_argcount:
        return True
    first = code.co_varnames[0]
    if first in code.co_cellvars:
        # A nested function, or `super()`, which stores `self` apart: nothing is known about what happens there.
        return True
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("EXTENDED_ARG", "CACHE", "NOP")]
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if first not in names or "FAST" not in step.opname:
            continue
        is_last = names[-1] == first and first not in names[:-1]
        reads = after is not None and after.opname in ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR")
        if not (is_last and reads):
            return True
    return False


def user_classes(classes: Iterable[type]) -> set[type]:
    """Give the classes of the user's among module classes and their bases."""
    return {base for cls in set(classes) for base in cls.__mro__ if class_origin(base).user}
