"""What stands for code in the digest of an object: its own text at once, the code that it refers to when all is met."""

from __future__ import annotations

from typing import Any

from ..registry import has_own_meaning
from ..tokens import frame
from ..walk import Walk

__all__ = ["encode_called", "encode_code"]


def encode_code(value: Any, walk: Walk) -> bytes:
    """Give the token of a function, class or anything else that is code; what it refers to follows later.

    Args:
        value: the code.
        walk: the walk that met it.
    """
    return walk.code(value, "")


def encode_called(value: Any, walk: Walk, step: str = "") -> bytes:
    """Give the token of something of which it is known that it is only called, such as a step or a collate function.

    An object of the user's with a ``__call__`` then counts by what that reads of it.

    Args:
        value: what is called.
        walk: the walk that met it.
        step: how it is reached from the walk's current path.

    Raises:
        UnfingerprintableError: it is no code, or reads what is not understood.
    """
    if has_own_meaning(value) and callable(value):
        with walk.at(step):
            return frame("called", walk.child(value), walk.code(value, ""))
    if walk.find_encoder(value) is not None or not callable(value):
        return walk.child(value, step)
    with walk.at(step):
        return walk.code(value, "")
