"""Get or compute: one request, from looking its key up to the dataset that the caller gets.

A request knows how to produce rows from any batch on, and what its key is. Where the entry of the key covers the
batches that are asked for, they are mapped. Where it covers some, the missing ones are produced and appended. Where
nothing can be kept, all are produced into this process's temporary directory. No trouble of the cache fails a request;
what the step itself raises reaches the caller as it was raised, and what was computed before it is kept.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import datasets

from . import settings
from .commit import EntryWriter, Plan
from .computing import Computing
from .entry import Entry, dataset_fingerprint
from .errors import AnalysisCacheError
from .eviction import keep_within_limits
from .hasher import KEY_VERSION, Fingerprint
from .locks import NestedLockError, NotNeededError
from .manifest import GENERATION
from .notices import notice
from .outcome import Outcome, Status, announce, record
from .paths import temporary_directory
from .settings import HF_DISABLED_ADVICE
from .sink import RowSink, temporary_writer
from .statistics import count
from .store import AnalysisCache, Location

__all__ = ["Request", "get_or_compute"]

#: Keys that were computed anew in this process, as the mode ``refresh`` asks for.
_refreshed: set[str] = set()
#: The key of rows that have none; it is never looked up.
NO_KEY = "0" * 32


@dataclass(frozen=True)
class Request:
    """What is asked for, and how it is computed.

    Args:
        produce: gives an item for each batch, from the batch of the given number on.
        step: makes one row or an iterable of rows of an item; the item itself is that if not given.
        features: features of the rows.
        fingerprint: all that can change the rows; None where that is not known.
        location: names under which a new entry is put.
        limit: batches that are asked for; None for all that there are.
        split: name of the dataset's split.
        total: batches that there probably are, for the progress bar.
        not_resumable: why an incomplete entry cannot be continued and is begun anew; empty where it can be.
        unkept: why the rows are not to be kept beyond the process; empty where they are.
        status: what to call the outcome where they are not.
        context: facts for people, kept with the entry.
        name: name of the analysis.
        base: root under which the entry lies; None for the configured one.
        started: when it was asked for, as `time.perf_counter` tells; what making the key takes counts from there.

    Raises:
        ValueError: `datasets` takes no such name for a split.
    """

    produce: Callable[[int], Iterable[Any]]
    features: datasets.Features
    fingerprint: Fingerprint | None
    location: Location = field(default_factory=Location)
    limit: int | None = None
    split: str | None = None
    total: int | None = None
    not_resumable: str = ""
    unkept: str = ""
    status: Status = "temporary"
    context: Mapping[str, Any] = field(default_factory=dict)
    name: str = "analysis"
    base: Path | None = None
    step: Callable[[Any], Any] = lambda produced: produced
    started: float = field(default_factory=time.perf_counter, compare=False)

    def __post_init__(self) -> None:
        if self.split is not None:
            datasets.NamedSplit(self.split)

    @property
    def key(self) -> str | None:
        """The key, or None where there is none."""
        return None if self.fingerprint is None else self.fingerprint.hexdigest

    @property
    def expected(self) -> int | None:
        """Batches that the result probably has; None where that is not known."""
        return min((count for count in (self.limit, self.total) if count is not None), default=None)

    def plan(self, *, anew: bool = False) -> Plan:
        """Give what is to be written.

        Args:
            anew: whether the rows may be others than those that were there under the same key.
        """
        configured = settings.current()
        fingerprint = self.fingerprint or Fingerprint({})
        return Plan(
            key=self.key or NO_KEY,
            key_version=KEY_VERSION,
            features=self.features,
            components=fingerprint.components,
            context={**self.context, GENERATION: uuid.uuid4().hex} if anew else self.context,
            parts=fingerprint.stored_parts(),
            split=self.split,
            shard_bytes=configured.shard_bytes,
            shard_seconds=configured.shard_seconds,
        )


def get_or_compute(request: Request) -> datasets.Dataset:
    """Answer a request, and record the outcome.

    Args:
        request: what is asked for.

    Returns:
        The rows of all batches that were asked for.

    Raises:
        RowError: a computed row does not fit the features.
        Exception: what producing the rows raised.
    """
    return _Answer(request).give()


class _Answer:
    """The answer to one request, being made."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._cache: AnalysisCache | None = None
        self._found: tuple[Entry, datasets.Dataset] | None = None
        self._seconds_computed = 0.0

    def give(self) -> datasets.Dataset:
        request = self._request
        if not settings.is_persistent():
            off = not settings.is_analysisstore_caching_enabled()
            return self._compute_unkept("caching is switched off" if off else HF_DISABLED_ADVICE, "temporary")
        if request.fingerprint is None or request.unkept:
            return self._compute_unkept(request.unkept, request.status)
        with ExitStack() as stack:
            try:
                cache = self._cache = AnalysisCache(request.base)
                key = request.fingerprint.hexdigest
                anew = settings.current().mode == "refresh" and key not in _refreshed
                if not anew and self._suffices():
                    return self._hit("all batches were there")
                writer = stack.enter_context(
                    cache.writing(
                        request.location,
                        request.plan(anew=anew),
                        fresh=bool(request.not_resumable),
                        anew=anew,
                        unless=(lambda: False) if anew else self._suffices,
                    )
                )
                entry = writer.entry
                sink = RowSink(writer, self._temporary_writer, writer.features)
            except NotNeededError:
                return self._hit("another thread or process has computed them meanwhile")
            except NestedLockError:
                reason, advice = "the step asks for the very rows that it computes", ""
            except (OSError, AnalysisCacheError) as error:
                reason = str(error)
                where = "" if self._cache is None else f" in {str(self._cache.base)!r}"
                advice = f"the analysis cache{where} cannot be used: {reason.rstrip()} The analysis goes on without it."
            else:
                self._announce(entry)
                dataset = self._compute_missing(sink, writer)
                if anew:
                    _refreshed.add(key)
                stack.close()
                keep_within_limits(cache)
                return dataset
        # Outside of the handler, so that an error of the step has no trouble of the cache as its context.
        if advice:
            notice(advice)
        return self._compute_unkept(reason, "temporary")

    def _suffices(self) -> bool:
        """Open what is committed, if it has all that is asked for."""
        request = self._request
        if self._cache is not None and request.key is not None:
            self._found = self._cache.open(request.key, request.location, batches=request.limit, split=request.split)
        return self._found is not None

    def _hit(self, reason: str) -> datasets.Dataset:
        assert self._found is not None
        limit, (entry, dataset) = self._request.limit, self._found
        batches = entry.batches if limit is None else min(entry.batches, limit)
        saved = entry.manifest.seconds_in(batches)
        self._record("hit", reason, dataset, batches, entry.path, saved=saved)
        return dataset

    def _compute_missing(self, sink: RowSink, writer: EntryWriter) -> datasets.Dataset:
        start, saved = writer.batches_done, writer.entry.manifest.seconds
        batches, dataset = self._compute(sink, start, writer.rows_done, writer.generation)
        status: Status
        if sink.trouble:
            status, reason = "temporary", sink.trouble
        elif writer.batches_dropped:
            status = "miss"
            why = self._request.not_resumable or "the mode is `refresh`"
            reason = f"{writer.batches_dropped} batches were begun anew: {why}"
        elif not start:
            status, reason = "miss", "nothing was stored under this key"
        elif start == batches:
            status, reason = "hit", "the stream ends where the stored batches do"
        else:
            status, reason = "extended", f"{start} batches were there"
        self._record(status, reason, dataset, batches, sink.path, saved=saved, computed=batches - start)
        return dataset

    def _compute_unkept(self, reason: str, status: Status) -> datasets.Dataset:
        writer: EntryWriter | None = None
        try:
            writer = self._temporary_writer()
        except OSError as error:
            notice(f"there is no temporary directory, so the rows stay in memory: {error}")
        sink = RowSink(writer, None, self._request.features)
        batches, dataset = self._compute(sink, 0, 0)
        self._record(status, reason, dataset, batches, sink.path, computed=batches)
        return dataset

    def _temporary_writer(self) -> EntryWriter:
        return temporary_writer(temporary_directory(), self._request.plan())

    def _compute(self, sink: RowSink, start: int, first_row: int, generation: str = "") -> tuple[int, datasets.Dataset]:
        """Produce the batches from one on into a sink.

        Returns:
            How many batches there are now, and all of their rows.
        """
        request = self._request
        try:
            computing = Computing(sink, name=request.name, start=start, first_row=first_row, expected=request.expected)
            computing.run(self._produced(start), request.step, limit=request.limit)
            self._seconds_computed = computing.seconds
            fingerprint = None if request.key is None else dataset_fingerprint(request.key, sink.rows, generation)
            return computing.batches, sink.dataset(split=request.split, fingerprint=fingerprint)
        finally:
            sink.close()

    def _produced(self, start: int) -> Iterator[Any]:
        """Give the items of the missing batches."""
        limit = self._request.limit
        if limit is None:
            return iter(self._request.produce(start))
        return iter(()) if limit <= start else islice(self._request.produce(start), limit - start)

    def _announce(self, entry: Entry) -> None:
        status: Status = "extended" if entry.batches else "miss"
        announce(self._outcome(status, "it is about to be computed", rows=entry.rows, batches=entry.batches))

    def _record(
        self,
        status: Status,
        reason: str,
        dataset: datasets.Dataset,
        batches: int,
        path: Path | None,
        *,
        saved: float = 0.0,
        computed: int = 0,
    ) -> None:
        seconds = time.perf_counter() - self._request.started
        if self._cache is not None:
            count(
                self._cache.base,
                status,
                rows=len(dataset),
                nbytes=dataset.data.nbytes,
                seconds_computed=self._seconds_computed,
                seconds_saved=saved,
            )
        record(
            self._outcome(
                status,
                reason,
                rows=len(dataset),
                batches=batches,
                path=path,
                seconds=seconds,
                seconds_saved=saved,
                batches_computed=computed,
            )
        )

    def _outcome(self, status: Status, reason: str, *, path: Path | None = None, **figures: Any) -> Outcome:
        request = self._request
        return Outcome(
            status=status,
            key=request.key,
            path=path,
            reason=reason,
            name=request.name,
            fingerprint=request.fingerprint,
            context=request.context,
            **{"seconds": 0.0, **figures},
        )
