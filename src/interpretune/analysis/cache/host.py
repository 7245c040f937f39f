"""In the host: its analyses cached, without a change of its code.

While caching is enabled, one function of the host is replaced, the one that makes the dataset of an analysis, and
`Dataset.from_generator` takes note of generators over a session of the host. Both are the original objects again when
caching is disabled. The function is found by name: where a future host has moved it, there is a warning and no harm.
This module is light; what does the work is loaded when an analysis runs.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from .notices import notice

__all__ = ["answered_by_cache", "install", "toggle", "uninstall"]

#: Where the host makes datasets, and the function that does.
RUNNERS = "interpretune.runners.analysis"
FUNCTION = "generate_analysis_dataset"
#: What our function needs beside it.
NEEDED = (FUNCTION, "analysis_store_generator", "run_step")

#: Marks a function that asks the cache.
_ANSWERED = "__answered_by_cache__"

_lock = threading.RLock()
#: Each replaced attribute: the object that has it, its name, what was there, what is there now.
_replaced: list[tuple[Any, str, Any, Any]] = []


def toggle(enabled: bool) -> None:
    """Put the hooks in place, or take them out.

    Args:
        enabled: whether caching is on.
    """
    install() if enabled else uninstall()


def install() -> None:
    """Put the hooks in place: now where the host's runner is loaded, else as soon as it is."""
    with _lock:
        if not any(place[1] == "from_generator" for place in _replaced):
            _hook_from_generator()
        runners = sys.modules.get(RUNNERS)
        if runners is None or not hasattr(runners, NEEDED[-1]):
            _watch()
        else:
            _hook_runner(runners)


def uninstall() -> None:
    """Take the hooks out: the host and `datasets` have their own functions again."""
    with _lock:
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Watcher)]
        while _replaced:
            owner, name, original, ours = _replaced.pop()
            # What somebody else has put over ours stays; ours passes everything on while caching is off.
            if vars(owner).get(name) is ours:
                setattr(owner, name, original)


def _replace(owner: Any, name: str, ours: Any) -> None:
    _replaced.append((owner, name, vars(owner)[name], ours))
    setattr(owner, name, ours)


def _hook_runner(runners: ModuleType) -> None:
    if any(place[0] is runners for place in _replaced):
        return
    missing = [name for name in NEEDED if not callable(getattr(runners, name, None))]
    if missing:
        notice(
            f"this version of interpretune has no {', '.join(missing)} in {RUNNERS}, so its analyses run uncached. "
            "Update interpretune-analysis-cache, or use `materialize`."
        )
        return
    original = getattr(runners, FUNCTION)
    if not getattr(original, _ANSWERED, False):  # a host that asks by itself needs no hook
        _replace(runners, FUNCTION, answered_by_cache(original))


def answered_by_cache(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the host's function that makes the dataset of an analysis ask the cache first, while caching is enabled.

    Args:
        function: ``generate_analysis_dataset``; the module that it lies in has the host's generator and step beside it.
    """

    @functools.wraps(function)
    def answered(*args: Any, **kwargs: Any) -> Any:
        from .host_run import cached

        return cached(sys.modules[function.__module__], function, args, kwargs)

    setattr(answered, _ANSWERED, True)
    return answered


def _hook_from_generator() -> None:
    from datasets import Dataset

    original: Callable[..., Any] = Dataset.from_generator

    @functools.wraps(original)
    def from_generator(*args: Any, **kwargs: Any) -> Any:
        if RUNNERS.partition(".")[0] not in sys.modules:
            return original(*args, **kwargs)
        from .host_generator import with_meaning

        return original(*args, **with_meaning(original, args, kwargs))

    _replace(Dataset, "from_generator", staticmethod(from_generator))


# ------------------------------------------------------------------------------- waiting for the host to be imported


def _watch() -> None:
    if not any(isinstance(finder, _Watcher) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watcher())


class _Watcher(importlib.abc.MetaPathFinder):
    """Lets the hook be put in place right after the host's runner was imported; answers for nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != RUNNERS:
            return None
        with _lock:
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """The host's own loader, and then the hook."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module keeps the loader that it would have had: `inspect` and `linecache` ask it for the source.
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        from .settings import is_analysisstore_caching_enabled

        if is_analysisstore_caching_enabled():
            with _lock:
                _hook_runner(module)
