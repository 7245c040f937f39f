"""An `AnalysisCache` that remembers what was asked of it, for test suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from .outcome import Outcome, before_computing, observe
from .store import AnalysisCache

__all__ = ["ObservedCache"]


class ObservedCache(AnalysisCache):
    """The entries of a base, and the outcomes of requests made while it was observing.

    Attributes:
        outcomes: in the order in which the requests ended.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outcomes: list[Outcome] = []

    @property
    def hits(self) -> int:
        """Number of requests that computed nothing."""
        return sum(outcome.status == "hit" for outcome in self.outcomes)

    @property
    def misses(self) -> int:
        """Number of requests that were computed from the first batch on, and kept."""
        return sum(outcome.status == "miss" for outcome in self.outcomes)

    @contextmanager
    def observing(self, on_miss: Callable[[str], None] | None = None) -> Iterator[ObservedCache]:
        """Take down the outcomes of the requests made within the block, in any thread of this process.

        Args:
            on_miss: called with an explanation before something is computed; what it raises ends the request.
        """
        with ExitStack() as stack:
            stack.callback(observe(self.outcomes.append))
            if on_miss is not None:
                stack.callback(before_computing(lambda outcome: on_miss(outcome.explain())))
            yield self
