"""From the inputs of a run to its fingerprint: `AnalysisStoreHasher`.

The hasher knows what the inputs are and what they mean; it knows nothing of where results are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .digests.registry import find_encoder
from .digests.walk import Part, Policy, Walk, WalkResult, frame, hex_digest

__all__ = ["KEY_VERSION", "AnalysisStoreHasher", "Difference", "Fingerprint"]

#: Part of every key. It grows when the same inputs would get other digests, so old entries are missed and not misread.
KEY_VERSION = 1


@dataclass(frozen=True)
class Difference:
    """One component in which two fingerprints differ."""

    component: str
    #: ``"changed"``, ``"added"`` (only in the newer) or ``"removed"`` (only in the older).
    kind: str
    #: The parts that differ, as ``(path, older part or None, newer part or None)``.
    parts: tuple[tuple[str, Part | None, Part | None], ...] = ()


@dataclass(frozen=True)
class Fingerprint:
    """All components of a run; the digest of their map is the key."""

    components: Mapping[str, str]
    parts: Mapping[str, Mapping[str, Part]] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def hexdigest(self) -> str:
        """The key: xxh3-128 of the key version and the sorted component map, 32 hexadecimal digits."""
        pieces = [piece.encode() for item in sorted(self.components.items()) for piece in item]
        return hex_digest(frame("key", str(KEY_VERSION).encode(), *pieces))

    def diff(self, other: Fingerprint) -> list[Difference]:
        """Tell in which components another (newer) fingerprint differs from this one, smallest parts included.

        Args:
            other: the fingerprint to hold against this one.

        Returns:
            One `Difference` per component that differs, sorted by name; empty where the keys are equal.
        """
        found = []
        for name in sorted({*self.components, *other.components}):
            older, newer = self.components.get(name), other.components.get(name)
            if older == newer:
                continue
            kind = "added" if older is None else "removed" if newer is None else "changed"
            mine, theirs = self.parts.get(name, {}), other.parts.get(name, {})
            parts = tuple(
                (path, mine.get(path), theirs.get(path))
                for path in sorted({*mine, *theirs})
                if (mine[path].digest if path in mine else None) != (theirs[path].digest if path in theirs else None)
            )
            found.append(Difference(name, kind, parts))
        return found
