"""The meaning of code whose source is not to be had: its compiled form, which is that of one Python version only."""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

from ..tokens import frame
from .syntax import scalar_token

__all__ = ["code_token"]


def code_token(code: CodeType) -> bytes:
    """Give the token of compiled code: instructions, constants and names, for this Python version only."""
    version = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
    return frame("compiled", version.encode(), _code(code))


def _code(code: CodeType) -> bytes:
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & 0x3FF)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return frame(
        "code",
        code.co_code,
        getattr(code, "co_exceptiontable", b""),
        _simple(counts),
        *(_simple(group) for group in names),
        *(_constant(constant) for constant in code.co_consts),
    )


def _simple(values: tuple[Any, ...]) -> bytes:
    return frame("tuple", *map(scalar_token, values))


def _constant(value: Any) -> bytes:
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, tuple):
        return frame("tuple", *map(_constant, value))
    if isinstance(value, frozenset):
        return frame("set", *sorted(map(_constant, value)))
    return scalar_token(value)
