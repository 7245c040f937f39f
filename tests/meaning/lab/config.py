"""The configuration of a run."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Mode(enum.Enum):
    MEAN = "mean"
    SUM = "sum"


@dataclass
class ProbeConfig:
    gain: float = 1.5
    letters: tuple[str, ...] = ("x", "y")
    weights: dict[str, float] = field(default_factory=lambda: {"short": 1.0, "long": 3.0})

    def weight(self, word):
        return self.weights["long" if len(word) > 5 else "short"]


@dataclass
class RunConfig:
    scale: float = 2.0
    mode: Mode = Mode.MEAN
    layers: list[int] = field(default_factory=lambda: [0, 1])
    tags: set[str] = field(default_factory=lambda: {"north", "south", "east", "west"})
    note: str | None = None
    probe: ProbeConfig = field(default_factory=ProbeConfig)
