"""Who may read what a hook writes: other hooks, the forward methods of a tree, the step.

A hook that gives nothing back decides about rows all the same where it tells others what to do: it says which unit is
ablated, or that it is their turn. So the names in the code that takes part in a run are followed to the objects behind
them, and what is found there is held against the places that hooks write to. More is found than is ever read: a hook
that is taken for one that others listen to counts by its source, which costs nothing but that its source counts.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import BuiltinMethodType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any

from torch.nn.modules.module import Module

from .code.lookup import is_user_class, is_user_function
from .distributions import module_origin
from .module_code import BESIDE, DYNAMIC, ClassCodes, names_in, read_names

__all__ = ["Place", "Readers"]

#: What is written to: a container or cell by its identity, or an object (a module's names, for a global) and a name.
Place = tuple[int, str]
_SCALARS = (int, float, complex, bool, str, bytes, type(None))
_CONTAINERS = (list, tuple, set, frozenset, deque)
_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
#: Kinds of functions that are bound to an object, written in Python or not.
_BOUND = (MethodType, BuiltinMethodType, MethodWrapperType)


class Readers:
    """What some code may read.

    Args:
        watching: functions that are taken for ones that nobody listens to; they are passed over where they are met.
    """

    def __init__(self, watching: Iterable[FunctionType]) -> None:
        self._watching = {id(function) for function in watching}
        #: By identity, all that was met; kept here, so that no identity is given away meanwhile.
        self._met: dict[int, Any] = {}
        self._holders: list[Any] = []
        self._names: set[str] = set()
        #: Whether code of the user's reaches attributes that it does not name.
        self._is_dynamic = False

    def add(self, *values: Any) -> None:
        """Take in functions and objects that take part, and all that they lead to."""
        self._meet(values)
        before = (-1, -1)
        while before != (now := (len(self._met), len(self._names))):
            # A name that one function reads may lead further in every object that was met.
            before = now
            for holder in list(self._holders):
                named = _attributes(holder)
                self._meet([value for name, value in named if name in self._names or _is_special(name)])

    def add_modules(self, modules: Iterable[Module], codes: ClassCodes) -> None:
        """Take in the modules of a tree: the methods of their classes, and what was put over them."""
        modules = list(modules)
        for code in {code.cls: code for module in modules for code in codes.own(type(module))}.values():
            if is_user_class(code.cls):
                self._meet([function for name, function in code.functions if name not in BESIDE])
            else:
                self._names |= code.words
        self._meet([value for module in modules for value in vars(module).values() if isinstance(value, FunctionType)])
        self.add(*modules)

    def listen(self, hook: Any) -> None:
        """Take in a hook that was passed over until now."""
        self._watching.discard(id(getattr(hook, "__func__", hook)))
        self.add(hook)

    def read(self, place: Place) -> bool:
        """Tell whether a place may be read."""
        holder, name = place
        return holder in self._met and (not name or name in self._names or self._is_dynamic)

    def met(self) -> list[Any]:
        """Give everything that was met."""
        return list(self._met.values())

    def _meet(self, values: Iterable[Any]) -> None:
        pending = list(values)
        while pending:
            value = pending.pop()
            if type(value) in _SCALARS:
                continue
            if type(value) is MethodType and id(value.__func__) in self._watching:
                continue
            if id(value) not in self._met and id(value) not in self._watching:
                self._met[id(value)] = value
                pending += self._inside(value)

    def _inside(self, value: Any) -> Iterable[Any]:
        kind = type(value)
        if kind is FunctionType:
            return self._in_function(value)
        if kind in _BOUND:
            return (getattr(value, "__func__", None), value.__self__)
        if kind is property:
            return (value.fget, value.fset)
        if kind in (classmethod, staticmethod):
            return (value.__func__,)
        if isinstance(value, functools.partial):
            return (value.func, value.args, value.keywords)
        if isinstance(value, functools.cached_property):
            return (value.func,)
        if isinstance(value, weakref.ref):
            return (value(),)
        if isinstance(value, ModuleType) and module_origin(value).user:
            self._met[id(vars(value))] = vars(value)
        if kind not in _CONTAINERS:
            self._holders.append(value)
        if isinstance(value, Module):
            # Its hooks too: those of a module outside of the tree may listen to what one in it says.
            return [*value._modules.values(), *(hook for kind in _HOOKS for hook in getattr(value, kind).values())]
        if isinstance(value, dict):
            return dict.values(value)
        return tuple(value) if kind in _CONTAINERS else ()

    def _in_function(self, function: FunctionType) -> Iterator[Any]:
        if not is_user_function(function):
            self._names.update(names_in(function.__code__))
        else:
            names, known = read_names(function), function.__globals__
            self._names |= names
            self._is_dynamic |= not DYNAMIC.isdisjoint(names)
            # The names of a module are a place to write to; of what they stand for, only what is named is followed.
            self._met[id(known)] = known
            yield from (known[name] for name in names if name in known)
            # What the function imports itself, by its whole name or below its package.
            package = known.get("__package__")
            yield from (sys.modules.get(name) for name in names)
            yield from (sys.modules.get(f"{package}.{name}") for name in names)
        for cell in function.__closure__ or ():
            self._met[id(cell)] = cell
            try:
                yield cell.cell_contents
            except ValueError:  # not filled yet
                continue
        yield from (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        yield getattr(function, "__wrapped__", None)


def _attributes(holder: Any) -> list[tuple[str, Any]]:
    """Give the names and values of an object with its class, of a class with its bases, or of a user's module."""
    if isinstance(holder, ModuleType):
        return list(vars(holder).items()) if module_origin(holder).user else []
    is_class = isinstance(holder, type)
    try:
        own: Mapping[str, Any] = {} if is_class else object.__getattribute__(holder, "__dict__")
    except AttributeError:  # it has slots only
        own = {}
    classes = (holder if is_class else type(holder)).__mro__
    return list(chain(own.items(), *(vars(cls).items() for cls in classes if is_user_class(cls))))


def _is_special(name: str) -> bool:
    """Tell whether the language itself may ask for a method."""
    return name.startswith("__") and name.endswith("__") and name not in BESIDE
