"""These tests run on the real host; without it there is nothing to collect."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def _has_host() -> bool:
    spec = importlib.util.find_spec("interpretune")
    # Without the host, `interpretune` is a namespace that holds this package alone.
    return spec is not None and spec.origin is not None and (Path(spec.origin).parent / "runners/analysis.py").exists()


@pytest.fixture(autouse=True)
def base() -> None:
    """Import nothing in this process: the tests run the host in processes of their own."""


if not _has_host():
    collect_ignore_glob = ["test_*.py"]
