"""What the tests of the store share: features, rows that tell their batch, entries made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from datasets import Array2D, Features, List, Value

from interpretune.analysis.cache.commit import Plan
from interpretune.analysis.cache.entry import Entry
from interpretune.analysis.cache.store import AnalysisCache, Location

KEY = "0123456789abcdef" * 2
LOCATION = Location("sst2", "d" * 32, "GPT2LMHeadModel", "logit_diff")
FEATURES = Features({"a": Array2D(shape=(None, 4), dtype="float32"), "b": Value("string"), "c": List(Value("int64"))})


def rows_of(batch: int) -> list[dict[str, Any]]:
    """Give the rows of a batch: none, one or two, telling which batch they are of."""
    row = {"a": np.full((batch % 2 + 1, 4), batch, "float32"), "b": f"batch {batch}", "c": list(range(batch))}
    return [{**row, "b": f"batch {batch} row {index}"} for index in range(batch % 3)]


def texts(batches: int) -> list[str]:
    """Give what column ``b`` of the first batches holds."""
    return [row["b"] for batch in range(batches) for row in rows_of(batch)]


def plan(key: str = KEY, **changes: Any) -> Plan:
    """Give a plan for these rows."""
    return Plan(**{"key": key, "key_version": 1, "features": FEATURES, "components": {"op": "0" * 32}, **changes})


def store(cache: AnalysisCache, batches: int, *, key: str = KEY, complete: bool = False, **changes: Any) -> Entry:
    """Store so many batches and give the entry."""
    with cache.writing(LOCATION, plan(key, **changes)) as writer:
        for batch in range(writer.batches_done, batches):
            writer.append(rows_of(batch), seconds=0.5)
        if complete:
            writer.complete()
    entry = cache.find(key, LOCATION)
    assert entry is not None
    return entry


def names(directory: Path) -> set[str]:
    """Give the names of what lies in a directory."""
    return {path.name for path in directory.iterdir()}
