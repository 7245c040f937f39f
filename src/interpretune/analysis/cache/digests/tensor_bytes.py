"""The bytes of plain tensors, hashed in threads.

The bytes are cut into chunks of `CHUNK_BYTES`, a constant of the key format; each chunk gets a one-shot xxh3-128, and
the chunk digests together make the tensor's. xxhash lets go of the GIL, so chunks are hashed in threads, as many as the
machine has processors; the result does not depend on how many. Contiguous CPU memory is hashed in place; anything else
is copied slab by slab, `SLAB_BYTES` at a time and thread.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch
import xxhash

from .walk import frame

__all__ = ["CHUNK_BYTES", "SLAB_BYTES", "Leaf", "start"]

#: Bytes per leaf digest. Another value gives other keys, so a change needs a new `KEY_VERSION`.
CHUNK_BYTES = 8 * 2**20
#: Bytes copied at a time, per thread, of a tensor that is no contiguous CPU memory.
SLAB_BYTES = 4 * 2**20
#: Columns copied at a time where a tensor is not stored row by row.
TILE = 128
#: Below so many bytes in all, starting threads costs more than they save.
SMALL_BYTES = 2**20
MAX_THREADS = 8

#: Reading a view as integers of the same width keeps every bit and works for dtypes that have no copy kernel.
_RAW_DTYPES = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass
class Leaf:
    """A plain tensor on its way to a token.

    Args:
        tensor: strided, with data, of torch's own class.
    """

    tensor: torch.Tensor
    chunks: list[bytes] = field(default_factory=list)
    error: Exception | None = None

    def tasks(self) -> list[Callable[[], None]]:
        """Give what is left to do, as pieces that may run at the same time."""
        tensor = self.tensor.detach()
        if tensor.device.type != "cpu" or not tensor.is_contiguous() or tensor.is_conj() or tensor.is_neg():
            return [self._hash_copies]
        memory = _memory(tensor)
        self.chunks = [b""] * -(-memory.nbytes // CHUNK_BYTES)
        return [lambda index=index: self._hash_chunk(memory, index) for index in range(len(self.chunks))]  # type: ignore[misc]

    def _hash_chunk(self, memory: memoryview, index: int) -> None:
        self.chunks[index] = xxhash.xxh3_128_digest(memory[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES])

    def _hash_copies(self) -> None:
        hasher, room = xxhash.xxh3_128(), CHUNK_BYTES
        for data in _copies(self.tensor.detach()):
            while len(data):
                piece, data = data[:room], data[room:]
                hasher.update(piece)
                room -= len(piece)
                if not room:
                    self.chunks.append(hasher.digest())
                    hasher, room = xxhash.xxh3_128(), CHUNK_BYTES
        if room < CHUNK_BYTES:
            self.chunks.append(hasher.digest())

    def token(self) -> bytes:
        """Give the token, once all tasks are done."""
        shape = ",".join(map(str, self.tensor.shape))
        return frame("tensor", str(self.tensor.dtype).encode(), shape.encode(), *self.chunks)


def _copies(tensor: torch.Tensor) -> Iterator[memoryview]:
    """Give the bytes of a tensor in row-major order, a slab at a time; each overwrites the one before."""
    if not (tensor.is_conj() or tensor.is_neg()):
        tensor = tensor.view(_RAW_DTYPES.get(tensor.itemsize, tensor.dtype))
    buffer = torch.empty(min(tensor.numel(), SLAB_BYTES // tensor.itemsize), dtype=tensor.dtype, device="cpu")
    for slab in _slabs(tensor):
        copy = buffer[: slab.numel()]
        _copy(slab, copy.view(slab.shape))
        yield _memory(copy)


def _copy(source: torch.Tensor, target: torch.Tensor) -> None:
    if source.device.type != "cpu" or source.dim() == 0 or source.stride(-1) == 1:
        target.copy_(source)
        return
    # Down a transposed tensor each element lies on another page of memory: narrow tiles stay in the processor's cache.
    for narrow_target, narrow_source in zip(target.split(TILE, -1), source.split(TILE, -1), strict=True):
        narrow_target.copy_(narrow_source)


def _memory(tensor: torch.Tensor) -> memoryview:
    # A tensor of one element may have any stride and still be contiguous; `as_strided` gives it the one that counts.
    memory: memoryview = tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8).numpy().data
    return memory


def _slabs(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    if tensor.numel() * tensor.itemsize <= SLAB_BYTES or tensor.dim() == 0:
        yield tensor
        return
    rows = SLAB_BYTES // (tensor.numel() // tensor.shape[0] * tensor.itemsize)
    if rows:
        yield from torch.split(tensor, rows)
        return
    for row in tensor.unbind():
        yield from _slabs(row)


def start(leaves: list[Leaf]) -> Callable[[], None]:
    """Hash leaves in threads; the function returned waits for them."""
    tasks: deque[tuple[Leaf, Callable[[], None]]] = deque()
    for leaf in leaves:
        try:
            tasks.extend((leaf, task) for task in leaf.tasks())
        except (RuntimeError, TypeError, NotImplementedError) as error:
            leaf.error = error

    def work() -> None:
        while tasks:
            try:
                leaf, task = tasks.popleft()
            except IndexError:  # another thread took the last one
                return
            try:
                task()
            except (RuntimeError, TypeError, NotImplementedError) as error:
                leaf.error = error

    if sum(leaf.tensor.numel() * leaf.tensor.itemsize for leaf in leaves) <= SMALL_BYTES:
        return work
    # A pool per call: one that is kept would not survive a fork, and its threads cost less than a millisecond.
    threads = min(MAX_THREADS, _processors(), len(tasks))
    pool = ThreadPoolExecutor(threads, thread_name_prefix="tensor-digests")
    running = [pool.submit(work) for _ in range(threads)]
    pool.shutdown(wait=False)

    def wait() -> None:
        for future in running:
            future.result()

    return wait


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
