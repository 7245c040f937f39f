"""Into which of several objects a hook writes, where the step holds more than one of the kind.

A hook that is made for a container (``make_hook(first)``) says nothing of which one it was given, and what is in it
does not count. The step that reads ``first`` and ``second`` gives other rows when the two are exchanged. So the object
that a hook holds counts by the way on which the step reaches it, unless both have one name for it or there is but one.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

from torch.nn.modules.module import Module

from .code.lookup import captured, is_user_class, is_user_function

__all__ = ["HeldByStep", "held_in"]

#: As many objects are looked at on the way from a step, at most.
_LOOKED_AT = 20_000
_CONTAINERS = (list, dict, set, deque)


class HeldByStep:
    """The containers and objects of the user's that a step reaches, by the way there.

    Args:
        step: the step, or None.
    """

    def __init__(self, step: Any) -> None:
        self._step = step
        self._ways: dict[int, tuple[str, Any]] | None = None
        self._kinds: dict[type, int] = {}

    def ways(self, hook: Any) -> Iterator[str]:
        """Give how the step reaches what a hook holds, where the hook itself does not say it.

        Args:
            hook: a function, bound method or partial that is registered on a module.
        """
        held = list(_held(hook))
        if self._step is None or not held:
            return
        if self._ways is None:
            self._ways = {}
            self._look()
        for name, value in held:
            way, _ = self._ways.get(id(value), ("", None))
            if way and way.rpartition(".")[2] != name and self._kinds[type(value)] > 1:
                yield f"{name} is {way}"

    def _look(self) -> None:
        assert self._ways is not None
        pending: deque[tuple[str, Any]] = deque([("step", self._step)])
        while pending and len(self._ways) < _LOOKED_AT:
            way, value = pending.popleft()
            if id(value) not in self._ways:
                self._ways[id(value)] = way, value
                if _is_target(value):
                    self._kinds[type(value)] = self._kinds.get(type(value), 0) + 1
                pending += ((f"{way}.{name}", inner) for name, inner in held_in(value))


def _is_target(value: Any) -> bool:
    """Tell whether something is a container, or an object of the user's, that can be written to."""
    return type(value) in _CONTAINERS or (is_user_class(type(value)) and not isinstance(value, (type, Module)))


def _held(hook: Any) -> Iterator[tuple[str, Any]]:
    """Give what a hook was given when it was made, and by which names it has it."""
    if isinstance(hook, MethodType):
        yield from ((name, value) for name, value in (("self", hook.__self__),) if _is_target(value))
        hook = hook.__func__
    if isinstance(hook, functools.partial):
        held = [*((str(index), value) for index, value in enumerate(hook.args)), *sorted(hook.keywords.items())]
        yield from ((name, value) for name, value in held if _is_target(value))
        hook = hook.func
    if isinstance(hook, FunctionType):
        yield from ((name, value) for name, value in captured(hook) if _is_target(value))


def held_in(value: Any) -> Iterator[tuple[str, Any]]:
    """Give what an object leads to, in an order that is the same in each process."""
    if isinstance(value, MethodType):
        yield from (("self", value.__self__), ("", value.__func__))
    elif isinstance(value, functools.partial):
        yield from (("", value.func), ("", value.args), ("", value.keywords))
    elif isinstance(value, FunctionType) and is_user_function(value):
        yield from captured(value)
        names = value.__globals__
        yield from ((name, names[name]) for name in value.__code__.co_names if name in names)
        yield from (value.__kwdefaults__ or {}).items()
        yield from _numbered(value.__defaults__ or ())
        yield from ((name, part) for name, part in vars(value).items() if name == "__wrapped__")
    elif isinstance(value, dict):
        yield from ((name, value[name]) for name in sorted(name for name in value if type(name) is str))
    elif isinstance(value, (list, tuple)):
        yield from _numbered(value)
    elif not isinstance(value, (type, ModuleType)) and is_user_class(type(value)):
        yield from sorted(getattr(value, "__dict__", {}).items())


def _numbered(values: Any) -> Iterator[tuple[str, Any]]:
    """Give values with their numbers, as far as there may be something in them."""
    return (
        (str(index), value) for index, value in enumerate(values) if not isinstance(value, (int, float, str, bytes))
    )
