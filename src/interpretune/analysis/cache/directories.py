"""The directory of an analysis of the host: `get_analysis_cache_dir`, with the host's signature."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import settings
from .digests.file_digests import remember_in
from .digests.registry import find_encoder
from .digests.walk import Walk
from .paths import BASE_VARIABLE, digests_directory, resolve_base, safe_name, temporary_directory

__all__ = ["analysed_dataset", "get_analysis_cache_dir", "rows_digest"]

#: What was found for a module, so that the host's call per batch costs a look-up: the objects that decide (compared by
#: identity, held weakly) and the directory.
_known: weakref.WeakKeyDictionary[Any, tuple[tuple[Any, ...], Path]] = weakref.WeakKeyDictionary()


def get_analysis_cache_dir(module: Any, explicit_cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Give the directory for an analysis of a module, created.

    Args:
        module: the host's module; its ``datamodule`` gives the rows.
        explicit_cache_dir: the directory to use instead of any other.

    Returns:
        ``explicit_cache_dir`` where given. With caching on here and in `datasets`,
        ``<base>/<dataset_config>/<dataset_fingerprint>/<module>``, where the fingerprint is our digest of the rows'
        content. Otherwise, and where the rows cannot be found or understood, this process's temporary directory.
    """
    if explicit_cache_dir is not None:
        directory = Path(explicit_cache_dir)
        directory.mkdir(parents=True, exist_ok=True)
        return directory
    if not settings.is_persistent():
        return temporary_directory()
    decisive = _decisive(module)
    known = _known.get(module)
    if (
        known is not None
        and len(known[0]) == len(decisive)
        and all(_same(then(), now) for then, now in zip(known[0], decisive, strict=True))
    ):
        return known[1]
    directory = _directory(module)
    _known[module] = (tuple(_weakly(value) for value in decisive), directory)
    return directory


def analysed_dataset(datamodule: Any) -> Any:
    """Give the dataset whose rows the host's runner goes through, or None where there is none yet.

    That is the one behind ``test_dataloader()``, which need not be one of the splits of ``datamodule.dataset``.
    """
    loader = getattr(datamodule, "test_dataloader", None)
    try:
        return None if loader is None else getattr(loader(), "dataset", None)
    except Exception:  # the data module is not set up yet, and says so in its own way
        return None


def rows_digest(dataset: Any) -> str:
    """Give the digest of a dataset's rows: of their content where it is a Hugging Face `Dataset`, not of its format.

    Args:
        dataset: a `datasets.Dataset`, or any other object that the cache can fingerprint.

    Returns:
        32 hexadecimal digits.

    Raises:
        UnfingerprintableError: the dataset cannot be understood.
    """
    with remember_in(digests_directory()):
        walk = Walk("data", find_encoder)
        components = walk.finish(walk.child(dataset)).components
    return components.get("data.rows", components["data"])


def _directory(module: Any) -> Path:
    dataset = analysed_dataset(getattr(module, "datamodule", None))
    if dataset is None:
        return temporary_directory()
    try:
        rows = rows_digest(dataset)
    except Exception:
        # Said, with the path, when the run itself is fingerprinted; rows without a name have no lasting place.
        return temporary_directory()
    name = getattr(type(module), "_orig_module_name", None) or type(module).__name__
    config = safe_name(getattr(dataset, "config_name", None))
    try:
        directory = resolve_base() / config / rows / safe_name(str(name))
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:  # said when the rows are looked for
        return temporary_directory()
    return directory


def _decisive(module: Any) -> tuple[Any, ...]:
    dataset = getattr(getattr(module, "datamodule", None), "dataset", None)
    splits = tuple(dataset.values()) if isinstance(dataset, dict) else ()
    return (dataset, settings.current().base, os.environ.get(BASE_VARIABLE), *splits)


def _weakly(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:  # None, a string, a path: small, so kept
        return lambda: value


def _same(then: Any, now: Any) -> bool:
    return then is now or (isinstance(now, (str, Path)) and bool(then == now))
