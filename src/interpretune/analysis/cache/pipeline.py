"""Work handed to a second thread through a bounded queue, so that computing and writing overlap.

The division of labour, as measured: the computing thread copies its rows (at memory speed; the step is free to use its
buffers again), the second thread encodes, hashes and writes them. Hashing and writing go on without the interpreter's
lock. Where the second thread is behind, the first encodes as well, instead of waiting. Where the system gives no second
thread, the first does everything.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

__all__ = ["Pipeline"]

T = TypeVar("T")

log = logging.getLogger("interpretune.analysis.cache")

#: Bytes of rows that wait for the writer at most, by default: the memory that overlapping costs. Enough for a step to
#: go on while a shard is brought to the disk; more would have left the processor's cache when it is written.
QUEUE_BYTES = 16 * 2**20


class Pipeline(Generic[T]):
    """A bounded queue and one thread that consumes its items in their order, from the first ``put`` on.

    The first error of ``consume`` ends the thread. It is raised by the next call of ``put``, ``flush`` or ``close``, as
    it was raised there, with the traceback of the thread; items that still wait are dropped. Where no thread can be
    had, ``put`` consumes its item itself.

    One thread puts, flushes and closes; ``cancel`` may be called from any. A pipeline that is neither closed nor
    cancelled keeps its thread, which is a daemon: an interpreter that exits does not wait for it. A process forked from
    this one has the object and no thread: there, ``cancel`` does nothing and everything else raises ``RuntimeError``.

    As a context manager it closes where the block ends well and cancels where it raises.

    Args:
        consume: what to do with each item, in the second thread.
        max_bytes: how many bytes may wait or be in work before ``put`` blocks. An item that is larger is taken when
            nothing else waits, so at most this many bytes or one item.
        size_of: bytes of an item.
        name: name of the thread, for debuggers and messages.
    """

    def __init__(
        self, consume: Callable[[T], None], *, max_bytes: int = QUEUE_BYTES, size_of: Callable[[T], int], name: str
    ) -> None:
        self._consume = consume
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._name = name
        self._items: deque[tuple[T, int]] = deque()
        self._held_items = 0  # waiting or in work
        self._held_bytes = 0
        self._open = True
        self._ended = False  # the thread consumes no more,
        self._closed = False  # and its error was raised
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None
        self._changed = threading.Condition()
        self._pid = os.getpid()
        #: Not started here: Ctrl-C between that and the caller's `try` would leave it for ever.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._runs = False  # the thread was started, for sure
        self._alone = False  # it cannot be

    def put(self, item: T) -> None:
        """Hand an item over, waiting while the queue is full.

        Raises:
            ValueError: the pipeline is closed or cancelled.
            RuntimeError: this process was forked from the one that made the pipeline.
            BaseException: the error that ended the second thread.
        """
        size = self._size_of(item)
        self._require_thread()
        self._start()
        with self._changed:
            while True:
                self._raise_error()
                if not self._open:
                    raise ValueError(f"{self._name} is closed and takes no more items")
                if self._alone or not self._held_items or self._held_bytes + size <= self._max_bytes:
                    break
                self._changed.wait()
            self._items.append((item, size))
            self._held_items += 1
            self._held_bytes += size
            self._changed.notify_all()
        if self._alone:
            del item  # the queue has it, and lets go of it as the thread would
            self._consume_items()
            with self._changed:
                self._raise_error()

    @property
    def is_behind(self) -> bool:
        """Whether items wait for the thread, which is at work on an earlier one."""
        return bool(self._items)

    def flush(self) -> None:
        """Wait until every item handed over is consumed.

        Raises:
            RuntimeError: this process was forked from the one that made the pipeline.
            BaseException: the error that ended the second thread.
        """
        self._require_thread()
        with self._changed:
            self._changed.wait_for(lambda: self._alone or not self._held_items)
            self._raise_error()

    def close(self) -> None:
        """Wait until every item is consumed and end the thread. Closing again, or after ``cancel``, does nothing.

        Where Ctrl-C ends the waiting, the thread goes on, and closing again waits again.

        Raises:
            RuntimeError: this process was forked from the one that made the pipeline.
            BaseException: the error that ended the second thread.
        """
        if self._closed:
            return
        self._require_thread()
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._join()
        self._closed = True
        with self._changed:
            self._raise_error()

    def cancel(self) -> None:
        """Drop what waits and end the thread when the item in work is done. Never raises; errors are dropped too."""
        if self._pid != os.getpid():
            return
        with self._changed:
            self._open = False
            self._drop_waiting()
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._join()
        self._closed = True

    def __enter__(self) -> Pipeline[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self.close()
        else:
            self.cancel()

    def _join(self) -> None:
        if not self._runs:
            return  # or Ctrl-C met its start: then it finds nothing to do, and ends
        # Not `Thread.join` alone: up to Python 3.12, one that Ctrl-C interrupted takes the thread for ended.
        with self._changed:
            self._changed.wait_for(lambda: self._ended)
        self._thread.join()

    def _start(self) -> None:
        if self._runs or self._alone or not self._open:
            return
        try:
            self._thread.start()
            self._runs = True
        except RuntimeError as error:  # too many threads or processes, or the interpreter is about to exit
            self._alone = True
            log.warning("%s goes without a thread of its own, so the step waits for it: %s", self._name, error)

    def _run(self) -> None:
        try:
            self._consume_items()
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _consume_items(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._alone or not self._open)
                if not self._items or (self._alone and threading.current_thread() is self._thread):
                    return
                item, size = self._items.popleft()
            try:
                self._consume(item)
            except BaseException as error:
                with self._changed:
                    # Kept apart, as each raising of the error adds to the traceback that it carries.
                    self._error, self._traceback = error, error.__traceback__
                    self._drop_waiting()
                    self._release(size)
                return
            # The item's memory must be gone when its bytes are given free for others.
            del item
            with self._changed:
                self._release(size)

    def _release(self, size: int) -> None:
        self._held_items -= 1
        self._held_bytes -= size
        self._changed.notify_all()

    def _drop_waiting(self) -> None:
        self._held_items -= len(self._items)
        self._held_bytes -= sum(size for _, size in self._items)
        self._items.clear()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(self._traceback)

    def _require_thread(self) -> None:
        if self._pid != os.getpid():
            raise RuntimeError(f"{self._name} was made before this process was forked; make one in the process itself")
