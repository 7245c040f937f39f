"""An analysis that stands for an expensive one: how surprising each letter of a sentence is after the one before."""

from __future__ import annotations

import math
import os
from collections import Counter
from itertools import pairwise

from datasets import Features, List, Value

FEATURES = Features({"sentence": Value("string"), "surprise": List(Value("float64"))})
SENTENCES = [
    ["the lamp on the landing burns all night", "nobody remembers who lit it"],
    ["a heron waits where the stream bends", "the stream does not wait"],
    ["she kept the letters in a biscuit tin", "he kept the tin and lost the letters"],
]
#: Weight of a pair of letters for each further sentence that holds it.
DECAY = 0.5


def pair_weights(sentences: list[str]) -> Counter[str]:
    """Give a weight to each pair of neighbouring letters."""
    weights: Counter[str] = Counter()
    for sentence in sentences:
        for first, second in pairwise(sentence):
            weights[first + second] += DECAY if first + second in weights else 1.0
    return weights


def surprise(batch: list[str], batch_idx: int) -> list[dict[str, object]]:
    """Give, for each sentence of a batch, the surprise of its letters in bits."""
    count_call()
    weights = pair_weights([sentence for group in SENTENCES for sentence in group])
    total = sum(weights.values())
    return [
        {
            "sentence": sentence,
            "surprise": [-math.log2(weights[a + b] / total) for a, b in pairwise(sentence)],
        }
        for sentence in batch
    ]


class CallCounter:
    """Writes a line for each call, so that one can see how often the analysis ran; no part of what it means."""

    def __fingerprint__(self) -> str:
        return "counts calls"

    def __call__(self) -> None:
        """Count one call, if somebody asked for it."""
        path = os.environ.get("DOWNSTREAM_SUITE_CALLS")
        if path:
            with open(path, "a", encoding="utf-8") as file:
                file.write("call\n")


count_call = CallCounter()
