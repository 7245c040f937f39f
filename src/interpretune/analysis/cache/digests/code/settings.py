"""Settings of libraries that code goes by without naming them, where they are others than at the beginning.

How many digits a `decimal` number has, how numpy and torch write an array down, whether numpy raises an error. Each
counts only for code that may see it.
"""

from __future__ import annotations

import ast
import decimal
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..tokens import frame

if TYPE_CHECKING:
    from .nodes import Node

__all__ = ["settings_seen"]

#: Calls that write something down as text.
_WRITING = frozenset({"str", "repr", "format", "array2string", "array_str", "array_repr"})
_OF_NUMPY = {
    **{"edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8, "suppress": False, "sign": "-"},
    **{"linewidth": 75, "nanstr": "nan", "infstr": "inf", "legacy": False},
}
_OF_TORCH = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_OF_DECIMALS = {"prec": 28, "rounding": decimal.ROUND_HALF_EVEN, "Emin": -999999, "Emax": 999999, "capitals": 1}


def settings_seen(nodes: Iterable[Node]) -> Iterator[tuple[Node, str, bytes]]:
    """Give what counts of settings, by the function that may see it.

    Args:
        nodes: all functions and classes.
    """
    numpy, printed = sys.modules.get("numpy"), getattr(sys.modules.get("torch._tensor_str"), "PRINT_OPTS", None)
    found = {
        "decimals": _others(_OF_DECIMALS, {name: getattr(decimal.getcontext(), name) for name in _OF_DECIMALS}),
        "numpy's errors": _others(_ERRORS, numpy.geterr()) if numpy is not None else "",
        "numpy's text": _others(_OF_NUMPY, numpy.get_printoptions()) if numpy is not None else "",
        "torch's text": _others(_OF_TORCH, vars(printed)) if printed is not None else "",
    }
    if not any(found.values()):
        return
    for node in nodes:
        for name, setting in found.items():
            if setting and node.source is not None and _sees(node, name):
                yield node, f"the setting of {name}", frame("setting", setting.encode("utf-8", "surrogatepass"))


def _others(first: dict[str, Any], now: Any) -> str:
    """Write down the settings that are others than at first."""
    return ", ".join(f"{name}={now[name]!r}" for name in sorted(first) if name in now and now[name] != first[name])


def _sees(node: Node, name: str) -> bool:
    assert node.source is not None
    named = _named(node.source.node)
    if name == "decimals":
        held = getattr(node.value, "__globals__", {})
        return any("decimal" in (getattr(held.get(one), "__name__", ""), _module(held.get(one))) for one in named)
    return "FloatingPointError" in named if name == "numpy's errors" else not _WRITING.isdisjoint(named)


def _module(value: Any) -> str:
    return str(getattr(value if isinstance(value, type) else type(value), "__module__", ""))


@lru_cache(maxsize=8192)
def _named(definition: ast.AST) -> frozenset[str]:
    """Give the names in a function that it reads, and the attributes that it calls."""
    parts = list(ast.walk(definition))
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    called = {part.func.attr for part in parts if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute)}
    return frozenset(names | called)
