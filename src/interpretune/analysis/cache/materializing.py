"""The faces for those who do not use the host: `materialize` and `dataset_from_generator`.

    rows = materialize(step, loader, features=features, inputs={"model": model, "layer": 5}, split="test")

computes ``step(batch, batch_idx)`` for each batch the first time, and maps the stored rows in any later process, as
long as nothing changed that can change them: the step's code and what it captured, the inputs, the batches, the
features.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from itertools import islice
from typing import Any, Literal

import datasets

from .arguments import (
    check_callable,
    iterated,
    read_features,
    read_inputs,
    read_limit,
    read_name,
    read_split,
    split_in_key,
    visible_order,
)
from .batches import Batches, batches_from, count_batches, require_repeatable
from .digests.policy import Policy
from .digests.results import Part
from .errors import UnfingerprintableError
from .hasher import AnalysisStoreHasher, Fingerprint
from .notices import notice
from .paths import digests_directory
from .request import Request, get_or_compute
from .settings import is_persistent
from .store import Location

__all__ = ["dataset_from_generator", "materialize", "run_context", "with_limit"]

Step = Callable[[Any, int], "Mapping[str, Any] | Iterable[Mapping[str, Any]]"]


def materialize(
    step: Step,
    batches: Batches,
    *,
    features: datasets.Features,
    inputs: Mapping[str, Any] | None = None,
    session: Any = None,
    limit: int | None = None,
    split: str | None = None,
    name: str | None = None,
    on_unfingerprintable: Literal["raise", "bypass"] = "raise",
    ignore: Sequence[str] = (),
    include: Sequence[str] = (),
    runtime: Literal["strict", "exact", "ignore"] = "strict",
    device: Literal["strict", "portable"] = "strict",
    trust_versions: bool = False,
) -> datasets.Dataset:
    """Get the rows that a step makes of batches: computed once, mapped from disk ever after.

    The number of batches asked for does not count: fewer are a slice of what is there, more compute only what is
    missing, and a run that was killed goes on after its last committed batch. It counts, and a killed run is begun
    anew, where the run draws random numbers, as its batches then depend on each other.

    Args:
        step: ``step(batch, batch_idx)`` returns one row, a mapping from column names to values, or an iterable of rows.
            It must not depend on earlier batches.
        batches: what can be gone through again and again (a list, a `datasets.Dataset`, a torch ``DataLoader``), or a
            function without arguments that gives it.
        features: features of the rows.
        inputs: what the step depends on, by name, such as ``{"model": model, "layer": 5}``. What the step captured
            counts as well.
        session: the host's session, where the step runs in one.
        limit: how many batches to give the rows of; None for all.
        split: name of the dataset's split.
        name: name for people, part of the entry's directory; the step's own if not given.
        on_unfingerprintable: ``"raise"``, or ``"bypass"`` to compute without keeping what cannot be understood.
        ignore: dotted paths, with ``*`` as wildcard, that do not count.
        include: dotted paths, with ``*`` as wildcard, that count although they are taken for noise.
        runtime: how closely the versions of libraries count: ``"strict"``, ``"exact"`` or ``"ignore"``.
        device: ``"strict"``, the type of device counts, or ``"portable"``.
        trust_versions: reuse the digests of tensors whose version counter did not change.

    Returns:
        The rows, memory-mapped. `last_outcome` tells whether they were found or computed.

    Raises:
        UnfingerprintableError: an input cannot be understood; the error has its dotted path.
        RowError: a row does not fit the features; the batches before it are kept.
        Exception: what the step or the batches raised; the batches before it are kept.
        TypeError: ``batches`` is an iterator, which can be gone through once only, or another argument is of a kind
            that it cannot be.
        ValueError: an argument has a value that it cannot have, such as a negative ``limit``.
    """
    check_callable(step, "step")
    require_repeatable(batches)
    features, inputs = read_features(features), read_inputs(inputs, "inputs")
    limit, split = read_limit(limit), read_split(split)

    request = Request(
        produce=lambda start: enumerate(batches_from(batches, start), start),
        step=lambda numbered: step(numbered[1], numbered[0]),
        features=features,
        fingerprint=None,
        limit=limit,
        split=split,
        total=count_batches(batches),
        name=read_name(name, step),
    )
    return _answer(
        request,
        Policy(ignore, include, runtime, device, trust_versions),
        on_unfingerprintable,
        {
            "session": session,
            "inputs": inputs,
            "step": step,
            "data": batches,
            "features": features,
            "run": {"split": split},
        },
    )


def dataset_from_generator(
    generator: Callable[..., Iterable[Mapping[str, Any]]],
    features: datasets.Features,
    *,
    gen_kwargs: Mapping[str, Any] | None = None,
    split: str | None = None,
    session: Any = None,
    name: str | None = None,
    on_unfingerprintable: Literal["raise", "bypass"] = "raise",
    ignore: Sequence[str] = (),
    include: Sequence[str] = (),
    runtime: Literal["strict", "exact", "ignore"] = "strict",
    device: Literal["strict", "portable"] = "strict",
    trust_versions: bool = False,
) -> datasets.Dataset:
    """Get the rows that a generator yields: ``Dataset.from_generator`` with a key of what the generator means.

    The generator's code, what it captured and its arguments count, by meaning, in every process the same. A generator
    cannot be entered in its middle, so one that was killed is begun anew.

    Args:
        generator: called with ``gen_kwargs``, gives rows: mappings from column names to values.
        features: features of the rows.
        gen_kwargs: its keyword arguments. Their order counts only among those that the generator takes as ``**``, where
            it can see it.
        split: name of the dataset's split; ``"train"`` if not given, as with ``Dataset.from_generator``.
        session: the host's session, where the generator runs in one.
        name: name for people, part of the entry's directory; the generator's own if not given.
        on_unfingerprintable: ``"raise"``, or ``"bypass"`` to compute without keeping what cannot be understood.
        ignore: dotted paths, with ``*`` as wildcard, that do not count.
        include: dotted paths, with ``*`` as wildcard, that count although they are taken for noise.
        runtime: how closely the versions of libraries count: ``"strict"``, ``"exact"`` or ``"ignore"``.
        device: ``"strict"``, the type of device counts, or ``"portable"``.
        trust_versions: reuse the digests of tensors whose version counter did not change.

    Returns:
        The rows, memory-mapped. `last_outcome` tells whether they were found or computed.

    Raises:
        UnfingerprintableError: something that counts cannot be understood; the error has its dotted path.
        RowError: a row does not fit the features.
        Exception: what the generator raised.
        TypeError: an argument is of a kind that it cannot be.
        ValueError: an argument has a value that it cannot have.
    """
    check_callable(generator, "generator")
    features, gen_kwargs = read_features(features), read_inputs(gen_kwargs, "gen_kwargs")
    split = read_split(split)
    run: dict[str, Any] = {"split": split_in_key(split)}
    order = visible_order(generator, gen_kwargs)
    if order:
        run["keyword_order"] = order
    request = Request(
        # A row is a batch. Rows before the first missing one would be computed only to be dropped.
        produce=lambda start: islice(iter(iterated(generator(**gen_kwargs), "generator")), start, None),
        features=features,
        fingerprint=None,
        split="train" if split is None else split,
        not_resumable="a generator cannot be entered in its middle",
        name=read_name(name, generator),
    )
    return _answer(
        request,
        Policy(ignore, include, runtime, device, trust_versions),
        on_unfingerprintable,
        {"session": session, "inputs": gen_kwargs, "step": generator, "features": features, "run": run},
    )


def _answer(
    request: Request, policy: Policy, on_unfingerprintable: str, meaning: Mapping[str, Any]
) -> datasets.Dataset:
    """Fingerprint what a request means, and answer it."""
    if on_unfingerprintable not in ("raise", "bypass"):
        raise ValueError(f"on_unfingerprintable is {on_unfingerprintable!r}; it must be 'raise' or 'bypass'")
    if not is_persistent():
        return get_or_compute(request)
    hasher = AnalysisStoreHasher(policy, remember=digests_directory())
    try:
        fingerprint = hasher.fingerprint(**meaning)
    except UnfingerprintableError as error:
        if on_unfingerprintable == "raise":
            raise
        notice(f"{error} The analysis is computed, and its rows are kept only until this process ends.")
        return get_or_compute(replace(request, unkept=str(error), status="bypassed"))
    not_resumable = request.not_resumable
    if fingerprint.stochastic:
        # The batches of a stochastic run depend on how many random numbers were drawn before them.
        fingerprint = with_limit(fingerprint, hasher, request.limit)
        not_resumable = f"the run draws random numbers ({', '.join(fingerprint.stochastic)})"
    location = Location(
        config=_config_of(meaning.get("data")),
        data=_data_digest(fingerprint),
        module=_module_of(meaning),
        op=request.name,
    )
    return get_or_compute(
        replace(
            request,
            fingerprint=fingerprint,
            location=location,
            not_resumable=not_resumable,
            context=run_context(location, fingerprint),
        )
    )


def with_limit(fingerprint: Fingerprint, hasher: AnalysisStoreHasher, limit: int | None) -> Fingerprint:
    """Let the number of batches count: those of a run that draws random numbers are no part of a longer run."""
    digest = hasher.digest(limit)
    return replace(
        fingerprint,
        components=dict(sorted({**fingerprint.components, "run.limit": digest}.items())),
        parts={**fingerprint.parts, "run.limit": {"run.limit": Part(digest, repr(limit))}},
    )


def _config_of(data: Any) -> str | None:
    dataset = getattr(data, "dataset", data)
    name = getattr(dataset, "config_name", None)
    return name if isinstance(name, str) else None


def _data_digest(fingerprint: Fingerprint) -> str:
    """Give the digest of the rows that the batches come from, or of whatever stands for them."""
    names = [name for name in fingerprint.components if name.split(".")[0] == "data"]
    rows = next((name for name in names if name.endswith(".rows")), None)
    return fingerprint.components[rows or names[0]] if names else ""


def _module_of(meaning: Mapping[str, Any]) -> str:
    """Give the name of the class of the model that takes part."""
    session = meaning.get("session")
    candidates = [] if session is None else [getattr(session, "module", session)]
    inputs = meaning.get("inputs") or {}
    candidates += [inputs["model"]] if "model" in inputs else []
    candidates += [value for value in inputs.values() if any(c.__name__ == "Module" for c in type(value).__mro__)]
    for candidate in candidates:
        return str(getattr(type(candidate), "_orig_module_name", None) or type(candidate).__name__)
    return ""


def run_context(location: Location, fingerprint: Fingerprint) -> dict[str, Any]:
    """Give facts for people about a run: names and versions, nothing of the user or the machine."""
    context: dict[str, Any] = {"op": location.op, "module": location.module, "dataset": location.config}
    versions = {"python": platform.python_version(), "datasets": datasets.__version__}
    for distribution in ("torch", "transformers", "interpretune"):
        if distribution in sys.modules:
            with suppress(metadata.PackageNotFoundError):
                versions[distribution] = metadata.version(distribution)
    context["versions"] = versions
    for name in ("notes", "ignored", "stochastic"):
        if getattr(fingerprint, name):
            context[name] = list(getattr(fingerprint, name))
    return context
