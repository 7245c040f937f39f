"""Computing what is missing: the step runs here, a second thread encodes and writes what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import datasets

from . import settings
from .copying import RowCopier
from .gathering import Gathered, Gathering, Work, do_work
from .notices import warner_here, warning_by
from .pipeline import Pipeline
from .rows import RowEncoder
from .sink import RowSink

__all__ = ["Computing"]


class Computing:
    """One run over the batches that are missing.

    Args:
        sink: takes the rows.
        name: name of the analysis.
        start: number of the first batch.
        first_row: number of its first row, for messages.
        expected: batches that there probably are; None where that is not known.

    Attributes:
        batches: batches that there are now, those before the first included.
        seconds: time spent computing them.
    """

    def __init__(self, sink: RowSink, *, name: str, start: int, first_row: int, expected: int | None) -> None:
        self.batches = start
        self.seconds = 0.0
        self._sink = sink
        self._name = name
        self._first_row = first_row
        self._expected = expected
        self._encoder = RowEncoder(sink.features)
        self._copier = RowCopier(self._encoder.memory)
        self._warner = warner_here()
        self._pipeline: Pipeline[Work] = Pipeline(
            self._do,
            size_of=lambda work: work.nbytes if isinstance(work, Gathered) else 0,
            name=f"writer of {name}",
        )

    def _do(self, work: Work) -> None:
        with warning_by(self._warner):
            do_work(work, self._encoder, self._copier, self._sink)

    def run(self, produced: Iterable[Any], step: Callable[[Any], Any], *, limit: int | None) -> None:
        """Take what the step gives until it ends, and commit it.

        Args:
            produced: an item for each batch.
            step: gives the rows of an item. Called here and in no generator, where its `StopIteration` would be another
                error, nor by `map`, where it would be the end.
            limit: batches after which it was to end; None where it ends with the stream.

        Raises:
            RowError: a row does not fit the features; what came before is committed.
            BaseException: what the step raised; what came before is committed.
        """
        try:
            self._gather(produced, step)
            self._pipeline.put(partial(self._sink.finish, complete=limit is None or self.batches < limit))
            self._pipeline.close()
        except BaseException:
            # Committed by the writer as well: Ctrl-C meets this thread, and must not tear what it commits. The writer's
            # own error is the one on its way, or comes after it; and where it was told to finish, it takes no more.
            with suppress(Exception):
                self._pipeline.put(self._sink.commit)
            with suppress(Exception):
                self._pipeline.close()
            raise
        finally:
            self._pipeline.cancel()  # nobody writes any more, also where a second Ctrl-C cut the waiting for it short

    def _gather(self, produced: Iterable[Any], step: Callable[[Any], Any]) -> None:
        gathering = Gathering(
            self._encoder,
            self._copier,
            self._hand_over,
            first_row=self._first_row,
            max_bytes=settings.current().shard_bytes,
        )
        with datasets.utils.tqdm(total=self._expected, initial=self.batches, desc=self._name, unit="batch") as bar:
            try:
                for each in produced:
                    gathering.add(step(each))
                    self.batches += 1
                    bar.update()
            except BaseException:
                with suppress(Exception):  # what came before is right, and what ended the run is to be told
                    gathering.flush()
                raise
            gathering.flush()

    def _hand_over(self, gathered: Gathered) -> None:
        self.seconds += sum(gathered.seconds)
        # Where writing takes longer than the step, that would only wait: so it has the time to encode.
        for part in gathered.now_encoded(self._encoder) if self._pipeline.is_behind else (gathered,):
            self._pipeline.put(part)
