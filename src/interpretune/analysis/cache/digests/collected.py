"""The results of several walks, put together: one for each input of a run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from .code.random import generator_of
from .results import Part, WalkResult

__all__ = ["Collected"]

#: Distributions of which a step may make a model of its own.
_MAKING_MODULES = frozenset({"torch", "transformers", "transformer-lens", "sae-lens", "peft", "nnsight"})


class Collected:
    """What the walks over the inputs of one run found."""

    def __init__(self) -> None:
        self.components: dict[str, str] = {}
        self.parts: dict[str, Mapping[str, Part]] = {}
        self.notes: list[str] = []
        self.ignored: list[str] = []
        self.stochastic: list[str] = []
        self.draws: set[str] = set()
        self.uses: set[str] = set()
        self.suspected: list[tuple[str, str]] = []
        self.circumstances: set[str] = set()
        self.workers: set[str] = set()
        self.models: dict[str, Any] = {}

    def add(self, result: WalkResult) -> None:
        """Take in what one walk found."""
        self.components.update(result.components)
        self.parts.update(result.parts)
        self.notes += result.notes
        self.ignored += result.ignored
        self.stochastic += result.stochastic
        self.draws |= result.draws
        self.uses |= result.uses
        self.suspected += [(name, reason) for name, reasons in result.suspected.items() for reason in reasons]
        self.circumstances |= result.circumstances
        self.workers.update(result.drawing_workers)
        self.models.update(result.models)

    def unmet_hooks(self) -> Any:
        """Give torch's hooks of all modules, where modules may be made in the run and none was met; else None."""
        if self.uses.isdisjoint(_MAKING_MODULES) or "torch.nn.modules.module" not in sys.modules:
            return None
        from .module_hooks import MODULES, global_hooks

        return global_hooks() if MODULES not in self.circumstances else None

    def conclude(self) -> None:
        """Take for certain what one input does where another one says so, such as a model's generation config."""
        for circumstance, reason in self.suspected:
            if circumstance in self.circumstances:
                self.stochastic.append(f"{reason}: {circumstance}")
                self.draws.add(generator_of(circumstance))
