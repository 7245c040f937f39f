"""An analysis of the host: looked up, or computed by the host's own loop and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import datasets

from . import settings
from .batches import count_batches
from .digests.policy import Policy
from .errors import RowError, UnfingerprintableError
from .hasher import AnalysisStoreHasher, Fingerprint
from .host_call import HostCall
from .host_dataset import KeptDataset
from .host_warnings import warn_once, warn_unfingerprintable
from .manifest import read_manifest
from .materializing import run_context, with_limit
from .outcome import Outcome, Status, last_outcome, record
from .paths import digests_directory, resolve_base, temporary_directory
from .request import Request, get_or_compute
from .store import AnalysisCache, Location

__all__ = ["cached", "configured_hasher"]

#: The format that the host gives to its datasets.
FORMAT = "interpretune"
NOT_KEPT = (
    "analysis caching is enabled, but Hugging Face dataset caching is not, so this analysis is not kept. A data module "
    "of interpretune switches that off when it is built, unless `itdm_cfg.enable_datasets_cache` is set: set it to "
    "True, or call `datasets.enable_caching()` after building the session."
)


def cached(runners: ModuleType, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Stand for the host's function that makes the dataset of an analysis.

    Args:
        runners: the host's module that has the function.
        original: the function.
        args: the positional arguments of the call.
        kwargs: its keyword arguments.

    Returns:
        The rows of the analysis with the host's format, found or computed.
    """
    call = HostCall.read(runners, original, args, kwargs)
    reason = _why_not(call)
    if call is None or reason is not None:
        return _uncached(call, original, args, kwargs, "temporary", reason or "the call is of an unknown form")
    try:
        request = _request(call)
    except UnfingerprintableError as error:
        warn_unfingerprintable(error)
        return _uncached(call, original, args, kwargs, "bypassed", str(error))
    except Exception as error:  # trouble of the cache never fails an analysis
        text = f"{type(error).__name__}: {error}"
        warn_once(f"the key of the analysis {call.name!r} could not be made ({text}); it runs uncached.")
        return _uncached(call, original, args, kwargs, "bypassed", text)
    try:
        dataset = get_or_compute(request)
        call.finish()
    except RowError as error:
        # `datasets` may take what the cache does not; the analysis is the host's, so it decides.
        warn_once(f"the analysis {call.name!r} gives rows that the cache cannot keep: {error} It runs uncached.")
        call.begin_anew()
        return _uncached(call, original, args, kwargs, "bypassed", str(error))
    except Exception as error:
        call.fail(error)
    return _kept(dataset, request).with_format(FORMAT, **call.format)


def _why_not(call: HostCall | None) -> str | None:
    """Say why an analysis is left to the host, or None where it is looked up."""
    if not settings.is_analysisstore_caching_enabled():
        return "caching is switched off"
    if not settings.is_persistent():
        warn_once(NOT_KEPT)
        return NOT_KEPT
    if call is None:
        return None
    if not call.features:
        return "the step declares no columns; give the analysis config an `output_schema`"
    if call.run.max_epochs < 1 or call.run.limit == 0:
        return "no batch is asked for"
    return None


def _uncached(
    call: HostCall | None,
    original: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    status: Status,
    reason: str,
) -> Any:
    """Let the host make the dataset, and record why."""
    started = time.perf_counter()
    dataset = original(*args, **kwargs)
    if settings.is_analysisstore_caching_enabled():
        name = "analysis" if call is None else call.name
        seconds = time.perf_counter() - started
        record(Outcome(status, None, None, reason, len(dataset), len(dataset), seconds, name=name))
    return dataset


def _request(call: HostCall) -> Request:
    """Fingerprint an analysis, and say how it is computed.

    Raises:
        UnfingerprintableError: something in the session cannot be understood.
    """
    run, hasher = call.run, configured_hasher()
    fingerprint = hasher.fingerprint(run)
    limit, not_resumable = run.batches, ""
    if run.dependence is not None:
        # All rows of such a run are one piece, whose key holds how many batches were asked for.
        limit, not_resumable = None, run.dependence
    elif fingerprint.stochastic:
        fingerprint = with_limit(fingerprint, hasher, limit)
        not_resumable = f"the run draws random numbers ({', '.join(fingerprint.stochastic)})"
    module = type(call.module)
    location = Location(
        config=_text(getattr(getattr(run.loader, "dataset", None), "config_name", None)),
        data=_rows_digest(fingerprint),
        module=str(getattr(module, "_orig_module_name", None) or module.__name__),
        op=call.name,
    )
    return Request(
        produce=call.rows,
        features=datasets.Features(call.features),
        fingerprint=fingerprint,
        location=location,
        limit=limit,
        split=run.split,
        total=run.batches if run.batches is not None else count_batches(run.loader),
        not_resumable=not_resumable,
        context=run_context(location, fingerprint),
        name=call.name,
        base=_chosen_base(run.cfg),
    )


def configured_hasher() -> AnalysisStoreHasher:
    """Give the hasher for the host's analyses, with the policy that is configured for them."""
    chosen = settings.current()
    policy = Policy(chosen.ignore, chosen.include, chosen.runtime, chosen.device, chosen.trust_versions)
    return AnalysisStoreHasher(policy, remember=digests_directory())


def _rows_digest(fingerprint: Fingerprint) -> str:
    """Give the digest of the rows, by which `get_analysis_cache_dir` names the directory as well."""
    names = [name for name in fingerprint.components if name.split(".")[0] == "data" and name.endswith(".rows")]
    return fingerprint.components[names[0] if names else "data"]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _chosen_base(cfg: Any) -> Path | None:
    """Give the directory that the user chose for this analysis, or None where it is one that we gave to the host."""
    chosen = getattr(getattr(cfg, "output_store", None), "cache_dir", None)
    if chosen is None:
        return None
    try:
        path = Path(chosen).absolute()
        return None if any(path == place or place in path.parents for place in _own_places()) else path
    except OSError:  # a relative one, and the working directory is gone
        return None


def _own_places() -> Iterator[Path]:
    """Give the directories below which lie those that we gave to the host; one that is not to be had is passed over."""
    for place in (resolve_base, temporary_directory):
        with suppress(OSError):  # said when the rows are looked for
            yield place()


def _kept(dataset: datasets.Dataset, request: Request) -> datasets.Dataset:
    """Let a dataset know the shards that it was mapped from, if they are ours to link."""
    outcome = last_outcome()
    if outcome is None or outcome.path is None:
        return dataset
    try:
        if AnalysisCache(request.base).base not in outcome.path.parents:
            return dataset
        manifest = read_manifest(outcome.path)[0]
    except OSError:  # the base cannot be used, which was said when the rows were looked for
        return dataset
    return KeptDataset.of(dataset, tuple((outcome.path / shard.file, shard.rows) for shard in manifest.shards))
