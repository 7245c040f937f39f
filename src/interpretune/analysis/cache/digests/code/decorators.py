"""Installed decorators around the user's functions: what they wrap, and what they were told.

A decorator keeps its settings where the function that it gives can see them, in its closure. What lies there counts as
far as it is understood: the dtype of an `autocast`, the mode of an `inference_mode`. What is not understood there, such
as the state of a thread, is noted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType
from typing import Any

from ...errors import UnfingerprintableError
from ..attributes import counted
from ..distributions import function_origin
from ..tokens import frame
from ..walk import Walk
from .lookup import captured, is_users_code, unwrap
from .noise import is_noise

__all__ = ["decorated_token"]

_LITERALS = (bool, int, float, complex, str, bytes, tuple, frozenset)


def decorated_token(function: FunctionType, walk: Walk) -> list[bytes]:
    """Give the tokens of what the user hid inside an installed function.

    Args:
        function: the installed function.
        walk: standing at it.

    Returns:
        Nothing where it is a plain installed function.
    """
    if _goes_by_its_name(function):
        return []
    decorates = _decorates(function) or _taken(function)
    pieces = []
    for name, content in captured(function):
        if is_users_code(content) or type(content) in _LITERALS:
            pieces.append(frame("cell", name.encode(), walk.child(content, f".{name}")))
        elif decorates and not is_noise(content):
            pieces += _setting(name, content, walk)
    wrapped = function.__dict__.get("__wrapped__")
    if wrapped is not None and (decorates or is_users_code(wrapped) or _decorates(unwrap(wrapped))):
        pieces.append(frame("wrapped", walk.child(wrapped, ".__wrapped__")))
    return pieces


def _goes_by_its_name(function: FunctionType) -> bool:
    """Tell whether a library put a wrapper over its own function, both reached by one name, with nobody's code in it.

    What such a wrapper holds follows from the version of the library; whether it is there at all may depend on what
    else was imported, as ``import torch._dynamo`` wraps `torch.manual_seed`.
    """
    inside = unwrap(function.__dict__.get("__wrapped__"))
    if not isinstance(inside, FunctionType) or _decorates(function) or not _is_held(function):
        return False
    return inside.__qualname__ == function.__qualname__ and function_origin(function) == function_origin(inside)


def _taken(function: FunctionType) -> bool:
    """Tell whether somebody put an installed decorator over an installed function and holds what came of it."""
    return _is_held(function.__dict__.get("__wrapped__")) and not _is_held(function)


def _is_held(function: Any) -> bool:
    """Tell whether the module that a function says it is from, or a package around that, holds it under its name."""
    if not isinstance(function, (FunctionType, BuiltinFunctionType)):
        return False
    parts = str(function.__module__).split(".")
    called = function.__qualname__ if isinstance(function, FunctionType) else function.__name__
    for length in range(1, len(parts) + 1):
        found: Any = sys.modules.get(".".join(parts[:length]))
        for name in called.split("."):
            found = getattr(found, "__dict__", {}).get(name)
        if function in (found, getattr(found, "__func__", None), getattr(found, "fget", None)):
            return True
    return False


def _decorates(function: Any) -> bool:
    """Tell whether an installed function holds what its library does not tell by its name.

    That is a function of the user's somewhere inside of it, or what it was made with: a function inside another one has
    no name of its own.
    """
    if isinstance(function, FunctionType) and "<locals>" in function.__qualname__ and function.__closure__:
        return True
    pending, seen = [function], set()
    while pending:
        held = unwrap(pending.pop())
        if not isinstance(held, FunctionType) or id(held) in seen:
            continue
        seen.add(id(held))
        inside = [content for _, content in captured(held)]
        if "__wrapped__" in held.__dict__:
            inside.append(held.__dict__["__wrapped__"])
        if any(is_users_code(content) for content in inside):
            return True
        pending += inside
    return False


def _setting(name: str, content: Any, walk: Walk) -> list[bytes]:
    if type(content) is dict and not all(type(key) is str for key in content):
        return []  # a cache, filled by calls; options go by names
    try:
        with _settings_understood(walk):
            return [frame("setting", name.encode(), walk.child(content, f".{name}"))]
    except UnfingerprintableError as error:
        _note(error, walk)
        return []


def _encode_settings(value: Any, walk: Walk) -> bytes:
    """Give the token of an object that a decorator keeps: its class, and its attributes as far as understood."""
    pieces = [walk.code(type(value), ".__class__")]
    for name, attribute in counted(value, walk):
        if not is_noise(attribute):
            pieces += _setting(name, attribute, walk)
    return frame("settings", *pieces)


@contextmanager
def _settings_understood(walk: Walk) -> Iterator[None]:
    before = walk.find_encoder
    with walk.understanding(lambda value: before(value) or _encode_settings):
        yield


def _note(error: UnfingerprintableError, walk: Walk) -> None:
    walk.note(f"{error.path}, which an installed decorator keeps, is not understood and does not count")
