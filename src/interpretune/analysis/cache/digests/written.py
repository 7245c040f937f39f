"""Attributes that are known by what Python writes down of them: looked at once in a process.

The blocks of a model have equal attributes, and each op of a session asks for the key of one model again. Where all
attributes of an object are numbers, texts, None, or lists, tuples and dictionaries of these, their ``repr`` tells them
apart as exactly as their tokens do: `1`, `1.0`, `True` and `"1"` are written differently, as are `-0.0` and `0.0`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .results import Part
from .values import encode_mapping, encode_scalar, encode_sequence
from .walk import Walk

__all__ = ["MET", "Written"]

#: Objects that are remembered: more than the largest models and their configs have, few enough not to be noticed.
MAX_KNOWN = 1024
#: Characters of the longest text that is remembered.
MAX_WRITTEN = 8_000
#: How deep containers are looked into.
MAX_DEPTH = 4


class _Met:
    """Stands for an attribute of which only counts that it is there; written as no number or text is."""

    def __repr__(self) -> str:
        return "<met>"


MET = _Met()

_known: dict[tuple[type, str], tuple[Any, tuple[tuple[str, Part], ...]]] = {}


class Written:
    """What one walk may take from, and leave for, the others of this process.

    Args:
        walk: takes part unless the user left paths out, which may lie in one object and not in its equal, or said what
            plain values mean.
    """

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._scalars: set[type] = set()
        self._containers: set[type] = set()
        if not walk.policy.ignore:
            examples: tuple[Any, ...] = (None, True, 1, 1.0, "text", (), [], {})
            found = {type(example): walk.find_encoder(example) for example in examples}
            self._scalars = {kind for kind, encoder in found.items() if encoder is encode_scalar}
            self._containers = {kind for kind, encoder in found.items() if encoder in (encode_sequence, encode_mapping)}

    def once(self, kind: type, attributes: Mapping[str, Any], encode: Callable[[], Any]) -> Any:
        """Give what `encode` gives, from an earlier object of the same class and attributes where there was one.

        The parts that were recorded then are recorded here too, below the walk's current path.

        Args:
            kind: the object's class.
            attributes: the attributes that count, by name; `MET` for one that only has to be there.
            encode: gives what depends on the class and these attributes alone.
        """
        written = self._written_down(attributes)
        if not written:
            return encode()
        walk = self._walk
        known = _known.get((kind, written))
        if known is not None:
            walk.record(known[1])
            return known[0]
        first = walk.mark()
        result = encode()
        parts = walk.recorded_since(first)
        if parts is not None:
            if len(_known) >= MAX_KNOWN:
                _known.clear()
            _known[kind, written] = (result, parts)
        return result

    def _written_down(self, attributes: Mapping[str, Any]) -> str:
        """Give a text that is the same for attributes of the same meaning only; empty where there is none."""
        if not all(value is MET or self._is_plain(value, MAX_DEPTH) for value in attributes.values()):
            return ""
        try:
            written = repr(attributes)
        except ValueError:  # an integer with more digits than Python writes down
            return ""
        return written if len(written) <= MAX_WRITTEN else ""

    def _is_plain(self, value: Any, depth: int) -> bool:
        kind = type(value)
        if kind in self._scalars:
            return True
        if kind not in self._containers or not depth:
            return False
        if kind is dict:
            return all(self._is_plain(item, depth - 1) for pair in value.items() for item in pair)
        return all(self._is_plain(item, depth - 1) for item in value)
