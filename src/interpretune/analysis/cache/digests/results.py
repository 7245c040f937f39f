"""What a walk finds: digests by component, and the parts that explain them to a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .tokens import hex_digest

__all__ = ["SHUFFLING", "WORKERS", "Part", "WalkResult"]

#: Why a loader's order is random: it is drawn outside of the workers, and so does not depend on them.
SHUFFLING = "shuffling without a generator"
#: How the circumstance begins that tells of a loader's workers.
WORKERS = "workers: "


class Part(NamedTuple):
    """The smallest thing a diff can name: a tensor, a function, a field, a column."""

    #: Its token, or the digest of that. There are a thousand parts in a model, and where a result is found nobody asks
    #: for their digests, so these are made when they are asked for.
    token: bytes | str
    #: What a person reads: the value itself, ``float32 (768, 3072)``, or a function's normalised source.
    text: str = ""

    @property
    def digest(self) -> str:
        """32 hexadecimal digits."""
        return self.token if isinstance(self.token, str) else hex_digest(self.token)


@dataclass
class WalkResult:
    """What one walk found: digests in hex, by component name, and what explains them."""

    #: The walk's own name and the names of the components that were filed apart, each with its digest.
    components: dict[str, str]
    #: By component name, then by path below it.
    parts: dict[str, dict[str, Part]]
    notes: list[str]
    ignored: list[str]
    #: Names of the installed distributions whose code or objects take part.
    uses: set[str]
    #: Why the run draws random numbers; empty where it does not.
    stochastic: list[str] = field(default_factory=list)
    #: Which global generators it draws from: ``"numpy"``, ``"python"``, ``"torch"``.
    draws: set[str] = field(default_factory=set)
    #: What draws random numbers only in a circumstance, by that circumstance, which another walk may come upon.
    suspected: dict[str, list[str]] = field(default_factory=dict)
    circumstances: set[str] = field(default_factory=set)
    #: The models that were met, by their paths.
    models: dict[str, Any] = field(default_factory=dict)

    @property
    def drawing_workers(self) -> list[str]:
        """What is told of the workers of loaders in which random numbers may be drawn; empty where none are."""
        if all(reason.endswith(SHUFFLING) for reason in self.stochastic):
            return []
        return sorted(told.removeprefix(WORKERS) for told in self.circumstances if told.startswith(WORKERS))
