"""Memory for copies of rows, used again as soon as nobody holds what was copied there.

Fresh memory costs more than the copying: the system hands it out page by page and cleared, at the first touch of each
page. Arrow's pool, from which it comes here, gives what nobody uses back to the system after milliseconds, so a step
that gives a row now and then would pay for fresh pages each time.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["SMALL_BYTES", "RecycledMemory"]

#: Smaller pieces are not worth the bookkeeping; Arrow's own pool has them.
SMALL_BYTES = 256 * 2**10
#: Free memory that is kept at most: what a shard of the default size and the writer's queue hold together.
KEPT_BYTES = 96 * 2**20
#: A piece is taken for another of at least this part of its size.
LEAST_USED = 0.5


class RecycledMemory:
    """A pool of memory whose pieces come back by themselves. Any thread may take them and let go of them."""

    def __init__(self) -> None:
        self._taking = threading.Lock()
        #: Appended to by whichever thread lets go, perhaps in the middle of anything: so there is no lock to wait for.
        self._returned: deque[np.ndarray[Any, Any]] = deque()
        self._free: list[np.ndarray[Any, Any]] = []

    def allocate(self, nbytes: int) -> pa.Buffer:
        """Give writable memory. It comes back to the pool when the buffer and all that was made of it are gone.

        Args:
            nbytes: how many bytes.
        """
        if nbytes < SMALL_BYTES:
            return pa.allocate_buffer(nbytes)
        with self._taking:
            memory = self._take(nbytes)
        if memory is None:
            memory = np.frombuffer(pa.allocate_buffer(nbytes), dtype=np.uint8)
        lent = memory[:nbytes]
        weakref.finalize(lent, self._returned.append, memory).atexit = False
        return pa.py_buffer(lent)

    def _take(self, nbytes: int) -> np.ndarray[Any, Any] | None:
        while self._returned:
            self._free.append(self._returned.popleft())
        # The last to come back is the likeliest to be in the processor's cache still.
        for index in reversed(range(len(self._free))):
            if nbytes <= self._free[index].nbytes <= nbytes / LEAST_USED:
                return self._free.pop(index)
        while sum(memory.nbytes for memory in self._free) > KEPT_BYTES:
            self._free.pop(0)
        return None
