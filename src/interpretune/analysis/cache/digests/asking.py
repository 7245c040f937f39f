"""Asking objects of the user's, which answer as they like: `__getattr__` may raise `KeyError`, a property anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import AnalysisCacheError, UnfingerprintableError

__all__ = ["PASSED_ON", "asked", "refusal", "refusing"]

#: Errors that say themselves what is wrong, or have nothing to do with the object that is being looked at.
PASSED_ON = (AnalysisCacheError, MemoryError, RecursionError)
#: Characters of another error's text that a message takes over.
_MAX_TEXT = 200


def asked(value: Any, name: str, default: Any = None) -> Any:
    """Give an attribute that code has and other objects need not have, such as ``__wrapped__`` or ``__self__``.

    Args:
        value: any object; one that raises when it is asked has no such attribute.
        name: the attribute.
        default: what to give where there is none.
    """
    try:
        return getattr(value, name, default)
    except Exception:
        return default


def refusal(
    error: Exception, path: str, value: Any, *, where: str = "", hint: str | None = None
) -> UnfingerprintableError:
    """Give the error that refuses an object because another one was raised while it was looked at.

    Args:
        error: what was raised.
        path: the dotted path of the object.
        value: the object.
        where: the place in it, as an end of the sentence.
        hint: what the user can do, instead of the general ways out.
    """
    try:
        text = " ".join(str(error).split())[:_MAX_TEXT]
    except Exception:
        text = ""
    reason = f"looking at it raised {type(error).__name__}" + (f" ({text})" if text else "") + where
    kind = type(value)
    return UnfingerprintableError(path, reason, type_name=f"{kind.__module__}.{kind.__qualname__}", hint=hint)


@contextmanager
def refusing(path: str, value: Any, hint: str | None = None) -> Iterator[None]:
    """Turn what is raised while an object is looked at into the error that refuses it.

    Args:
        path: the dotted path of the object.
        value: the object.
        hint: what the user can do, instead of the general ways out.
    """
    try:
        yield
    except PASSED_ON:
        raise
    except Exception as error:
        raise refusal(error, path, value, hint=hint) from error
