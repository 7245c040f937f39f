"""By which names a class and its bases go: how classes of libraries are told that may not be imported here."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["base_names"]


def base_names(cls: type) -> tuple[str, ...]:
    """Give the dotted names of a class and of its bases, in the order in which attributes are looked up."""
    return _names(cls)


@lru_cache(maxsize=4096)
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
