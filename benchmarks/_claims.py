"""What the benchmarks share: rounds in turn, the best of them, and figures held against their targets."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["Claim", "best_seconds", "report"]


@dataclass(frozen=True)
class Claim:
    """A figure, usually a ratio of two that were measured in turn, and what it has to be.

    Args:
        what: the figure, for people.
        value: as measured.
        at_most: its upper limit, or None.
        at_least: its lower limit, or None.
    """

    what: str
    value: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the figure is what it has to be."""
        return not (
            (self.at_most is not None and self.value > self.at_most)
            or (self.at_least is not None and self.value < self.at_least)
        )

    def __str__(self) -> str:
        target = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"
        return f"{'met   ' if self.is_met else 'MISSED'}  {self.what}: {self.value:.3g} (target: {target})"


def best_seconds(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Time several ways, one after the other in each round, so that what else the machine does meets all of them.

    Args:
        ways: what to call, by name.
        rounds: timed rounds; one more goes before them, to warm up.

    Returns:
        The least seconds of each: what the machine can do when it is left alone.
    """
    best = dict.fromkeys(ways, float("inf"))
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            taken = time.perf_counter() - began
            if number:
                best[name] = min(best[name], taken)
    return best


def report(benchmark: str, figures: Any, claims: list[Claim], path: Path | None) -> None:
    """Print how the figures compare with their targets, and write everything as JSON where a path is given."""
    print()
    for claim in claims:
        print(claim)
    if path is None:
        return
    versions = {"python": platform.python_version()}
    for distribution in ("datasets", "joblib", "pyarrow", "torch", "transformers", "xxhash"):
        try:
            versions[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    written = {
        "benchmark": benchmark,
        "versions": versions,
        "figures": figures,
        "claims": [{**asdict(claim), "met": claim.is_met} for claim in claims],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
