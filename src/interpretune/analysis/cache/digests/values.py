"""What plain values mean: numbers, texts, lists, sets and dictionaries.

The encoding is type-tagged and exact: ``1``, ``1.0``, ``True`` and ``"1"`` differ, as do ``-0.0`` and ``0.0``; a nan
is a nan whatever its payload. Lists and tuples count in order. The order of sets and dictionaries does not count: it is
that of a salted hash for the ones and an accident of writing for the others. Nothing is pickled, no ``repr`` enters.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .code.random import TOLD
from .tokens import IGNORED, frame, hex_digest
from .walk import Walk, atomic

__all__ = [
    "encode_bytes_like",
    "encode_mapping",
    "encode_scalar",
    "encode_sequence",
    "encode_set",
    "item_tokens",
    "mapping_tokens",
    "set_tokens",
]

#: Longer sequences and sets are one part for a diff to name; below, each element is.
LONG_SEQUENCE = 64
#: The same for dictionaries, whose keys name their values.
LONG_MAPPING = 512
#: Texts and bytes beyond this many bytes enter a token as a digest.
LONG_TEXT = 256
#: Characters of a value that a part shows.
SHOWN = 2_000


def _float(value: float) -> bytes:
    return struct.pack("<d", value) if value == value else b"nan"


def _raw(tag: str, data: bytes) -> bytes:
    return frame(tag, data) if len(data) > LONG_TEXT else tag.encode() + b":" + data


#: Exact types whose token says it all. Integers are in hexadecimal, which has no limit of digits.
_SCALARS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"none",
    type(...): lambda _: b"ellipsis",
    type(NotImplemented): lambda _: b"notimplemented",
    bool: lambda value: b"bool:1" if value else b"bool:0",
    int: lambda value: b"int:%x" % value,
    float: lambda value: b"float:" + _float(value),
    complex: lambda value: b"complex:" + _float(value.real) + b"," + _float(value.imag),
    str: lambda value: _raw("str", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: _raw("bytes", value),
}


@atomic
def encode_scalar(value: Any, walk: Walk) -> bytes:
    """Encode None, ``...``, a bool, int, float, complex, str or bytes."""
    token = _SCALARS[type(value)](value)
    walk.part(token, _shown(value))
    return token


def encode_bytes_like(value: bytearray | memoryview, walk: Walk) -> bytes:
    """Encode a bytearray, or a memoryview by its format, shape and bytes."""
    if isinstance(value, memoryview):
        token = frame("memoryview", value.format.encode(), walk.child(value.shape), value.tobytes())
    else:
        token = frame("bytearray", bytes(value))
    walk.part(token, f"{type(value).__name__} of {len(value):,} items")
    return token


def encode_sequence(value: list[Any] | tuple[Any, ...], walk: Walk) -> bytes:
    """Encode a list or a tuple: its elements in order."""
    kind = type(value).__name__
    token = frame(kind, *item_tokens(value, walk))
    if not 0 < len(value) <= LONG_SEQUENCE:
        walk.part(token, f"{kind} of {len(value):,} items")
    return token


def encode_set(value: set[Any] | frozenset[Any], walk: Walk) -> bytes:
    """Encode a set or a frozenset: its elements, sorted by their tokens."""
    kind = type(value).__name__
    token = frame(kind, *set_tokens(value, walk))
    shown = f"{kind} of {len(value):,} items"
    if len(value) <= LONG_SEQUENCE and _all_plain(value, walk):
        shown = f"{kind} of {', '.join(sorted(map(_shown, value)))}"
    walk.part(token, shown)
    return token


def encode_mapping(value: dict[Any, Any], walk: Walk) -> bytes:
    """Encode a dictionary: its items, sorted by the tokens of their keys."""
    # In its config GPT-2 says so of a task, which no call of `generate` looks at.
    if dict.get(value, "do_sample") is True and "task_specific_params" not in walk.path:
        walk.circumstance(TOLD)
    token = frame("dict", *mapping_tokens(value, walk))
    if not 0 < len(value) <= LONG_MAPPING:
        walk.part(token, f"dict of {len(value):,} items")
    return token


def item_tokens(values: Sequence[Any], walk: Walk) -> list[bytes]:
    """Give the tokens of ordered elements, each one step deeper."""
    if len(values) <= LONG_SEQUENCE:
        return [walk.child(item, f"[{index}]") for index, item in enumerate(values)]
    if _all_plain(values, walk):
        return _scalar_tokens(values)
    with walk.summarised():
        return [walk.child(item, f"[{index}]") for index, item in enumerate(values)]


def set_tokens(values: Iterable[Any], walk: Walk) -> list[bytes]:
    """Give the sorted tokens of elements without an order.

    Such elements have no place that a path could name, so each is digested by itself with all the code it brings.
    """
    return sorted(_apart_tokens(list(values), walk, "{item}"))


def mapping_tokens(value: dict[Any, Any], walk: Walk, *, ordered: bool = False) -> list[bytes]:
    """Give the tokens of a dictionary's keys and values, alternating.

    Args:
        value: the dictionary; read by `dict.items`, which subclasses cannot change.
        walk: where it was met.
        ordered: whether the order of the items counts; else they are sorted by the keys' tokens.
    """
    items = list(dict.items(value))
    keys = [key for key, _ in items]
    tokens = _apart_tokens(keys, walk, "[key]")
    order: Iterable[int] = range(len(items)) if ordered else sorted(range(len(items)), key=tokens.__getitem__)
    if len(items) > LONG_MAPPING:
        values = [item for _, item in items]
        if _all_plain(values, walk) and len(set(tokens)) == len(tokens):
            found = _scalar_tokens(values)
            return [piece for index in order for piece in (tokens[index], found[index])]
        with walk.summarised():
            return _pair_tokens(items, tokens, order, walk, ordered)
    return _pair_tokens(items, tokens, order, walk, ordered)


def _pair_tokens(
    items: list[tuple[Any, Any]], tokens: list[bytes], order: Iterable[int], walk: Walk, ordered: bool
) -> list[bytes]:
    if len(set(tokens)) < len(tokens) and not ordered:
        # Keys that mean the same (two nans, two equal objects without equality): only the values tell the items apart.
        pairs = sorted((token, walk.apart(item, "[key]")) for token, (_, item) in zip(tokens, items, strict=True))
        return [piece for pair in pairs for piece in pair]
    pieces: list[bytes] = []
    for index in order:
        key, item = items[index]
        token = walk.child(item, f"[{_key_name(key, tokens[index])}]")
        pieces += (tokens[index], token) if token != IGNORED else ()
    return pieces


def _key_name(key: Any, token: bytes) -> str:
    # Components are filed by their path, so two keys never share a name. `ascii` of these types is exact and the same
    # on every Python version, which `repr` is not for characters that a newer Unicode made printable.
    if type(key) in _SCALARS and len(name := ascii(key)) <= LONG_TEXT:
        return name
    return f"<{type(key).__name__} {hex_digest(token)[:16]}>"


def _apart_tokens(values: list[Any], walk: Walk, step: str) -> list[bytes]:
    if _all_plain(values, walk):
        return _scalar_tokens(values)
    with walk.summarised():
        return [walk.apart(item, step) for item in values]


def _all_plain(values: Iterable[Any], walk: Walk) -> bool:
    # One example of each type is asked, as users may have registered encoders even for builtin types; and where a path
    # in here may be ignored, each element has to be asked.
    examples = dict(zip(map(type, values), values, strict=True))
    if walk.policy.may_ignore_below(walk.path):
        return False
    return all(kind in _SCALARS and walk.find_encoder(item) is encode_scalar for kind, item in examples.items())


def _scalar_tokens(values: Iterable[Any]) -> list[bytes]:
    # The same tokens as by way of `Walk.child`, at a tenth of the cost.
    return [_SCALARS[type(value)](value) for value in values]


def _shown(value: Any) -> str:
    """Give what a person reads; never part of a digest."""
    if type(value) is int and value.bit_length() > SHOWN:
        return f"{value:#x}"
    if type(value) in (str, bytes) and len(value) > SHOWN:
        return f"{value[:SHOWN]!r}… ({len(value):,} long)"
    return repr(value)
