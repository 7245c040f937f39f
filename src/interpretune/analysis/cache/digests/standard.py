"""What objects of the standard library mean: each is told as a plain value that is equal for equal objects.

Only the exact classes are known here. A subclass may hold more than its base shows (a pandas timestamp is a `datetime`
with nanoseconds), so it is not taken for it.
"""

from __future__ import annotations

import decimal
import random
import re
import sys
from collections.abc import Callable
from pathlib import PurePath, PureWindowsPath
from typing import Any

from .instances import class_token
from .tokens import frame
from .values import encode_mapping, item_tokens
from .walk import Walk

__all__ = ["encode_mapping_proxy", "encode_path", "encode_standard", "encode_view"]


def _array(value: Any) -> tuple[Any, ...]:
    if value.typecode in ("u", "w"):
        return value.typecode, value.tounicode()
    if sys.byteorder == "big":
        value = value[:]
        value.byteswap()
    return value.typecode, value.itemsize, value.tobytes()


def _moment(value: Any) -> tuple[Any, ...]:
    return value.hour, value.minute, value.second, value.microsecond, value.fold, value.tzinfo


def _date(value: Any) -> tuple[int, ...]:
    return value.year, value.month, value.day


def _pattern(value: re.Pattern[Any]) -> tuple[Any, ...]:
    return value.pattern, value.flags


def _context_variable(value: Any) -> Any:
    try:
        return "is", value.get()
    except LookupError:
        return ()


def _random(value: random.Random) -> Any:
    return value.getstate()


def _address(value: Any) -> Any:
    # Two addresses may differ in the zone only, which is no number.
    return int(value), getattr(value, "scope_id", None)


def _network(value: Any) -> Any:
    return _address(value.network_address), value.prefixlen


def _precision(value: decimal.Context) -> tuple[Any, ...]:
    # Its flags tell what happened until now.
    trapped = sorted(signal.__name__ for signal, on in value.traps.items() if on)
    return value.prec, value.rounding, value.Emin, value.Emax, value.capitals, value.clamp, trapped


#: By name of the class: what a value of it is, told in values that are already understood.
_TOLD: dict[str, Callable[[Any], Any]] = {
    "range": lambda value: (value.start, value.stop, value.step),
    "slice": lambda value: (value.start, value.stop, value.step),
    "Decimal": lambda value: (value.as_tuple().sign, value.as_tuple().digits, value.as_tuple().exponent),
    "Fraction": lambda value: (value.numerator, value.denominator),
    "UUID": lambda value: value.int,
    "date": _date,
    "time": _moment,
    "datetime": lambda value: (_date(value), _moment(value)),
    "timedelta": lambda value: (value.days, value.seconds, value.microseconds),
    "timezone": lambda value: (value.utcoffset(None), value.tzname(None)),
    "ZoneInfo": lambda value: value.key,
    "Pattern": _pattern,
    "array": _array,
    "Random": _random,
    "ContextVar": _context_variable,
    **dict.fromkeys(("IPv4Address", "IPv6Address"), _address),
    **dict.fromkeys(("IPv4Network", "IPv6Network"), _network),
    **dict.fromkeys(("IPv4Interface", "IPv6Interface"), lambda value: (_address(value.ip), value.network.prefixlen)),
    "Template": lambda value: value.template,
    "Struct": lambda value: value.format,
    "Context": _precision,
    # What a floating-point or integer type can hold follows from the type, in numpy and in torch.
    **dict.fromkeys(("finfo", "iinfo"), lambda value: (type(value).__module__.partition(".")[0], str(value.dtype))),
}


def encode_standard(value: Any, walk: Walk) -> bytes:
    """Encode an object of the standard library that is a value: a range, a decimal, a date, a pattern, ..."""
    kind = type(value).__name__
    told = _TOLD[kind](value)
    if kind == "ZoneInfo" and told is None:
        walk.refuse(value, "a time zone that was read from a file has no name")
    with walk.summarised():
        token = frame(kind, walk.child(told))
    walk.part(token, kind if kind in ("Random", "ContextVar") else str(value))
    return token


def encode_mapping_proxy(value: Any, walk: Walk) -> bytes:
    """Encode a read-only view of a dictionary."""
    return frame("mappingproxy", encode_mapping(dict(value), walk))


def encode_view(value: Any, walk: Walk) -> bytes:
    """Encode the keys, values or items of a dictionary, in the order in which whoever holds them goes through them."""
    token = frame(type(value).__name__, *item_tokens(list(value), walk))
    if not value:
        walk.part(token, f"{type(value).__name__} of 0 items")
    return token


def encode_path(value: PurePath, walk: Walk) -> bytes:
    """Encode a path as written: neither resolved nor followed, as the place is not what lies there."""
    text = value.as_posix()
    token = frame(
        "windows path" if isinstance(value, PureWindowsPath) else "path", text.encode("utf-8", "surrogatepass")
    )
    walk.part(token, text)
    if type(value).__module__.partition(".")[0] == "pathlib":
        return token
    return frame("instance", class_token(type(value), walk), token, walk.child(getattr(value, "__dict__", {})))
