"""Taking what a step gives, batch by batch: copied at once, as the step may fill its rows and buffers again.

The copies are encoded by the thread that writes them, so that the step waits for as little as can be. Waking that
thread costs much per call and little per row, as does encoding, so batches wait for each other; small ones are encoded
together too. What is of a kind that cannot be copied, or has many Python objects to be copied, is encoded at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from .copying import RowCopier
from .errors import RowError
from .kinds import MixedKinds
from .rows import EncodedRows, RowEncoder, describe
from .sink import RowSink

__all__ = ["Gathered", "Gathering", "Work", "do_work"]

#: Seconds of computing and rows that wait at most: what a crash costs beyond what is on its way to the disk.
WAIT_SECONDS, WAIT_ROWS = 0.1, 1000
#: Bytes from which on a batch is large: it is put together with others only where their tensors are of one kind.
LARGE_BYTES = 2**20
#: Bytes of large batches that wait at most. Encoding them takes the interpreter's lock, for which the step waits, so it
#: is done for several at once; that their elements are copied once more for this happens without that lock.
WAIT_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Gathered:
    """The rows of one or several batches, as they were when the step gave them.

    Args:
        rows: copies that nobody changes, or the same encoded.
        batch_rows: how many of the rows each batch has.
        seconds: time spent computing each batch.
        first_row: number of the first row, for messages.
        nbytes: about how many bytes they hold.
    """

    rows: Sequence[dict[str, Any]] | EncodedRows
    batch_rows: tuple[int, ...]
    seconds: tuple[float, ...]
    first_row: int
    nbytes: int

    def encoded(self, encoder: RowEncoder) -> Iterator[tuple[EncodedRows, float]]:
        """Give the rows encoded, with the seconds that computing them took.

        Args:
            encoder: encodes the rows.

        Raises:
            RowError: a row does not fit; the batches before it were given.
        """
        if isinstance(self.rows, EncodedRows):
            yield self.rows, sum(self.seconds)
            return
        together = self._encoded_together(self.rows, encoder)
        if together is not None:
            yield together, sum(self.seconds)
            return
        start = 0
        for count, seconds in zip(self.batch_rows, self.seconds, strict=True):
            rows = self.rows[start : start + count]
            yield encoder.encode(rows, first_row=self.first_row + start, own=len(rows) > 1), seconds
            start += count

    def _encoded_together(self, rows: Sequence[dict[str, Any]], encoder: RowEncoder) -> EncodedRows | None:
        is_large = self.nbytes >= LARGE_BYTES * len(self.batch_rows)
        if is_large and (len(self.batch_rows) == 1 or not _are_alike(rows)):
            return None
        try:
            # The elements of several tensors have to be copied anyway: into memory that is used again.
            together = encoder.encode(rows, first_row=self.first_row, own=len(rows) > 1, as_alone=True)
        except (RowError, MixedKinds):
            # Up to the wrong one, the batches are right; and what is wrong may be only that they were put together.
            return None
        return replace(together, batch_rows=self.batch_rows)

    def now_encoded(self, encoder: RowEncoder) -> Iterator[Gathered]:
        """Give the same, encoded here and now.

        Args:
            encoder: encodes the rows.

        Raises:
            RowError: a row does not fit; the batches before it were given.
        """
        first = self.first_row
        for rows, seconds in self.encoded(encoder):
            yield Gathered(rows, rows.batch_rows, (seconds,), first, rows.nbytes)
            first += rows.rows


def _are_alike(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the columns of all rows hold values of the same kind and dtype, which makes one array quickly."""
    forms = ({name: (type(value), getattr(value, "dtype", None)) for name, value in row.items()} for row in rows)
    first = next(forms, {})
    return all(form == first for form in forms)


class Gathering:
    """Takes what a step gives for each batch and hands it over, in order.

    Args:
        encoder: encodes what is not copied.
        copier: copies the rest.
        hand_over: takes the rows of one or several batches.
        first_row: number of the first row, for messages.
        max_bytes: about how many bytes may wait; what a shard holds.
    """

    def __init__(
        self,
        encoder: RowEncoder,
        copier: RowCopier,
        hand_over: Callable[[Gathered], None],
        *,
        first_row: int,
        max_bytes: int,
    ) -> None:
        self._encoder = encoder
        self._copier = copier
        self._hand_over = hand_over
        self._large_bytes = min(LARGE_BYTES, max_bytes)
        self._wait_bytes = min(WAIT_BYTES, max_bytes)
        self._large_wait = False  # those that wait are either all large or all small
        self._waiting: list[tuple[list[dict[str, Any]], float]] = []
        self._waiting_since = 0.0
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._next_row = first_row
        self._began = time.perf_counter()

    def add(self, produced: Any) -> None:
        """Take what a step returned for a batch.

        Args:
            produced: one row, or an iterable of rows; it is gone through here, so that a generator computes them now.

        Raises:
            RowError: a row does not fit, as far as that is seen here; those before it were handed over or wait.
        """
        if isinstance(produced, Mapping):
            produced = [produced]
        elif isinstance(produced, (str, bytes)) or not isinstance(produced, Iterable):
            wanted = "a row (a mapping from column names to values) or an iterable of rows"
            raise RowError(self._next_row, "", wanted, describe(produced))
        encoded, copies, nbytes = self._take(produced)
        now = time.perf_counter()
        seconds = now - self._began
        if encoded is not None:
            self.flush()
            self._next_row += encoded.rows
            first = self._next_row - encoded.rows
            self._hand_over(Gathered(encoded, encoded.batch_rows, (seconds,), first, encoded.nbytes))
        else:
            is_large = nbytes >= self._large_bytes
            if is_large != self._large_wait:
                self.flush()
                self._large_wait = is_large
            self._waiting_since = self._waiting_since if self._waiting else now
            self._waiting.append((copies, seconds))
            self._waiting_rows += len(copies)
            self._waiting_bytes += nbytes
            self._next_row += len(copies)
            is_late = now - self._waiting_since + seconds >= WAIT_SECONDS
            enough = self._wait_bytes if is_large else self._large_bytes
            if is_late or self._waiting_rows >= WAIT_ROWS or self._waiting_bytes >= enough:
                self.flush()
        self._began = time.perf_counter()

    def flush(self) -> None:
        """Hand over what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        first, nbytes = self._next_row - self._waiting_rows, self._waiting_bytes
        self._waiting_rows = self._waiting_bytes = 0
        rows = [row for copies, _ in waiting for row in copies]
        batch_rows = tuple(len(copies) for copies, _ in waiting)
        self._hand_over(Gathered(rows, batch_rows, tuple(seconds for _, seconds in waiting), first, nbytes))

    def _take(self, produced: Iterable[Any]) -> tuple[EncodedRows | None, list[dict[str, Any]], int]:
        """Give copies of the rows of a batch and their bytes, or the rows encoded where one cannot be copied."""
        copies: list[dict[str, Any]] = []
        pieces: list[EncodedRows] = []
        first, nbytes = self._next_row, 0
        for row in produced:
            copied = self._copier.copy(row)
            if copied is not None:
                copies.append(copied[0])
                nbytes += copied[1]
                continue
            if isinstance(produced, (list, tuple)):
                return self._encoder.encode(produced, first_row=first), [], 0
            # A generator may fill this row again for the next one.
            for several in (copies, [row]):
                pieces.append(self._encoder.encode(several, first_row=first))
                first += len(several)
            copies = []
        if pieces:
            return EncodedRows.join([*pieces, self._encoder.encode(copies, first_row=first)]), [], 0
        return None, copies, nbytes


#: What the writer's thread is given: rows, or what to do with those before, such as to commit them.
Work = Gathered | Callable[[], None]


def do_work(work: Work, encoder: RowEncoder, copier: RowCopier, sink: RowSink) -> None:
    """Do what the writer's thread is given.

    Args:
        work: rows to be encoded and stored, or a function to be called.
        encoder: encodes the rows.
        copier: copied them, and is helped with the next ones.
        sink: takes them. Where anything fails, it commits what came before.
    """
    try:
        if not isinstance(work, Gathered):
            work()
            return
        for rows, seconds in work.encoded(encoder):
            sink.append(rows, seconds)
        if work.rows and not isinstance(work.rows, EncodedRows):
            copier.make_ready(work.rows[-1])
    except BaseException:
        with suppress(Exception):  # what failed is to be told
            sink.commit()
        raise
