"""Where computed rows go, whatever happens to the place where they are to be kept.

Rows go into the entry as long as it can be written. When it cannot (a full disk, lost permissions, a base that
vanished, another process writing the same entry), they go on in this process's temporary directory, and when that fails
as well, they stay in memory. Nothing that was computed is lost: what a place has committed is mapped at once, so it
stays readable even if its file goes, and what it has not is kept in memory until it has.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import datasets
import pyarrow as pa
from datasets.table import InMemoryTable, Table

from .commit import EntryWriter, Plan
from .notices import notice
from .opening import assemble, map_shards
from .rows import EncodedRows

__all__ = ["RowSink", "temporary_writer"]

log = logging.getLogger("interpretune.analysis.cache")


def temporary_writer(directory: Path, plan: Plan) -> EntryWriter:
    """Give a writer whose rows end with the process.

    Args:
        directory: the process's temporary directory.
        plan: what is to be written.
    """
    return EntryWriter(directory, directory / f"analysis-{uuid.uuid4().hex[:12]}", replace(plan, parts=None))


class RowSink:
    """Takes the rows of one run, batch by batch, and gives them back as a dataset.

    Args:
        writer: takes the rows as long as it can; its committed batches come first in the dataset. None to keep them in
            memory.
        fall_back: gives the writer that takes over when that fails; None where it is a temporary one already.
        features: features of the rows.

    Attributes:
        trouble: why rows are not, or not all, where they were to be kept; empty where they are.
    """

    def __init__(
        self,
        writer: EntryWriter | None,
        fall_back: Callable[[], EntryWriter] | None,
        features: datasets.Features,
    ) -> None:
        self.features = features
        self._schema = features.arrow_schema
        self.trouble = ""
        self._writer = writer
        self._fall_back = fall_back
        self._tables: list[Table] = []
        self._mapped = 0
        #: Appended, and not yet in a committed shard.
        self._pending: deque[tuple[EncodedRows, float]] = deque()
        self._map_committed()

    def append(self, encoded: EncodedRows, seconds: float) -> None:
        """Take the rows of the next batch, or of several.

        Args:
            encoded: the rows, with memory of their own.
            seconds: time spent computing them.
        """
        self._pending.append((encoded, seconds))
        self._attempt(lambda writer: writer.append(encoded, seconds=seconds))

    def commit(self) -> None:
        """Commit what was appended: the run ends here, perhaps before its time."""
        self._attempt(lambda writer: writer.commit())

    def finish(self, *, complete: bool) -> None:
        """Commit what was appended, and that the run went well even if there was nothing.

        Args:
            complete: whether nothing will follow.
        """
        self._attempt(lambda writer: writer.complete() if complete else writer.commit_even_if_empty())

    def close(self) -> None:
        """Let go of the writers; the rows stay readable."""
        if self._writer is not None:
            self._writer.close()

    @property
    def path(self) -> Path | None:
        """Directory of the rows that were written last; None where they stay in memory."""
        return None if self._writer is None else self._writer.path

    @property
    def rows(self) -> int:
        """Rows that there are, those that were committed before included."""
        mapped: int = sum(table.num_rows for table in self._tables)
        return mapped + sum(encoded.rows for encoded, _ in self._pending)

    def dataset(self, *, split: str | None, fingerprint: str | None) -> datasets.Dataset:
        """Give all rows in order, those that were committed before included.

        Args:
            split: name of the dataset's split.
            fingerprint: what Hugging Face `datasets` is to take as its fingerprint; None for a random one.
        """
        in_memory = [batch for encoded, _ in self._pending for batch in encoded.batches]
        tables = [*self._tables]
        if in_memory:
            tables.append(InMemoryTable(pa.Table.from_batches(in_memory, schema=self.features.arrow_schema)))
        return assemble(tables, self.features, split=split, fingerprint=fingerprint)

    def _attempt(self, act: Callable[[EntryWriter], None]) -> None:
        if self._writer is None:
            return
        try:
            act(self._writer)
            self._map_committed()
        except OSError as error:
            self._take_over(self._writer, error)

    def _take_over(self, failed: EntryWriter, error: OSError) -> None:
        """Go on elsewhere with what the failed writer has not committed."""
        try:
            self._map_committed()
        except OSError as unreadable:
            error = unreadable
        failed.close()
        self._writer, self._mapped = None, 0
        self.trouble = self.trouble or f"{str(failed.path)!r} cannot be written: {error}"
        fall_back, self._fall_back = self._fall_back, None
        if fall_back is None:
            log.warning("rows stay in memory, as %r cannot be written either: %s", str(failed.path), error)
            return
        text = (
            f"the cache entry {self.trouble}. The analysis goes on and loses no row, but what was not committed before "
            "is kept only until this process ends. Run it again once that is mended, to keep the rest."
        )
        notice(text)
        try:
            self._writer = fall_back()
        except OSError as unwritable:
            log.warning("rows stay in memory, as there is no temporary directory: %s", unwritable)
            return
        for encoded, seconds in list(self._pending):
            self._attempt(partial(EntryWriter.append, rows=encoded, seconds=seconds))

    def _map_committed(self) -> None:
        """Map the shards committed since last time; their batches need not be kept in memory any longer."""
        if self._writer is None:
            return
        entry = self._writer.entry
        for shard in entry.manifest.shards[self._mapped :]:
            self._tables += map_shards([(entry.path / shard.file, shard.rows)], self._schema)
            self._mapped += 1
            # What was there before this run was never pending.
            batches = shard.batches
            while batches > 0 and self._pending:
                encoded, _ = self._pending.popleft()
                batches -= len(encoded.batch_rows)
