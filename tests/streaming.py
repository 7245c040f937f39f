"""What the tests of getting and computing share: batches of several sizes, a step that counts its calls, its rows."""

from __future__ import annotations

from typing import Any

from datasets import Features, List, Value

FEATURES = Features({"text": Value("string"), "numbers": List(Value("int64"))})
#: One of them is empty.
BATCHES = [[1, 2], [3], [], [4, 5, 6], [7], [8, 9], [10], [11], [12, 13], [14]]


class Calls:
    """Counts calls without being part of what the step means."""

    def __init__(self) -> None:
        self.indices: list[int] = []

    def __fingerprint__(self) -> str:
        return "calls"

    def take(self) -> list[int]:
        """Give the calls since last time."""
        taken, self.indices = self.indices, []
        return taken


def make_step(calls: Calls) -> Any:
    """Give a step that notes the batches it is called for."""

    def step(batch: list[int], index: int) -> list[dict[str, Any]]:
        calls.indices.append(index)
        return [{"text": f"{number}", "numbers": [index, number]} for number in batch]

    return step


def expected(limit: int | None) -> list[dict[str, Any]]:
    """Give the rows of the first batches."""
    return [
        {"text": f"{number}", "numbers": [index, number]}
        for index, batch in enumerate(BATCHES[:limit])
        for number in batch
    ]
