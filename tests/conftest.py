"""What all tests share: no network, a base of their own, and a process left as it was found."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Read when `datasets` is first imported, which is after this file.
os.environ["HF_HUB_OFFLINE"] = "1"

# A slow machine is no failure; in CI the same examples on each run, so that a red build stays red until it is mended.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def base(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test an empty base, which the processes that it starts see as well.

    The toggle, the settings and Hugging Face's own caching switch are put back afterwards.
    """
    import datasets

    from interpretune.analysis.cache import settings as cache_settings

    for name in list(os.environ):
        if name.startswith(("IT_ANALYSIS_CACHE", "IT_ANALYSISSTORE_CACHING")):
            monkeypatch.delenv(name)
    directory = tmp_path_factory.mktemp("base")
    monkeypatch.setenv("IT_ANALYSIS_CACHE", str(directory))
    # Where the cache falls back to when its base cannot be used: never the developer's own.
    monkeypatch.setenv("XDG_CACHE_HOME", str(directory.with_name(f"{directory.name}-fallback")))
    monkeypatch.setattr(cache_settings, "_state", cache_settings._State())
    hugging_face = datasets.is_caching_enabled()
    datasets.enable_caching()
    yield directory
    (datasets.enable_caching if hugging_face else datasets.disable_caching)()


@pytest.fixture
def threads_begun(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[threading.Thread]]:
    """Let the system start so many threads from now on and no more; gives those that were started."""

    def allow(most: int) -> list[threading.Thread]:
        begun: list[threading.Thread] = []
        start = threading.Thread.start

        def refuse(self: threading.Thread) -> None:
            if len(begun) == most:
                raise RuntimeError("can't start new thread")
            begun.append(self)
            start(self)

        monkeypatch.setattr(threading.Thread, "start", refuse)
        return begun

    return allow


@pytest.fixture(autouse=True)
def _unwanted_warnings(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that meets unexpected trouble of the cache: where warnings are errors, it is only logged."""
    found: list[str] = []
    handler = logging.Handler()
    handler.addFilter(lambda record: hasattr(record, "was_to_be_a_warning"))
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("interpretune.analysis.cache")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    assert not found or request.node.get_closest_marker("warnings_as_errors"), found
