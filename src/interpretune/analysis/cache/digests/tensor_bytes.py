"""The bytes of plain tensors, hashed in threads.

The bytes are cut into chunks of `CHUNK_BYTES`, a constant of the key format; each chunk gets a one-shot xxh3-128, and
the chunk digests together make the tensor's. xxhash lets go of the GIL, so chunks are hashed in threads, as many as the
machine has processors; the result does not depend on how many. Contiguous CPU memory is hashed in place; anything else
is copied slab by slab, `SLAB_BYTES` at a time and thread.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from operator import attrgetter
from threading import Thread

import torch
import xxhash

from .tokens import frame

__all__ = ["CHUNK_BYTES", "SLAB_BYTES", "Hashing", "Leaf"]

#: Bytes per leaf digest. Another value gives other keys, so a change needs a new `KEY_VERSION`.
CHUNK_BYTES = 256 * 2**20
#: Bytes copied at a time, per thread, of a tensor that is no contiguous CPU memory.
SLAB_BYTES = 4 * 2**20
#: Columns copied at a time where a tensor is not stored row by row.
TILE = 128
#: Below so many bytes in all, starting threads costs more than they save.
SMALL_BYTES = 2**20
MAX_THREADS = 8
#: xxhash lets go of the interpreter's lock from about 100 kB on.
SMALL_LEAF = 128 * 2**10

#: Whose memory Python can view as bytes by itself, which is the quickest way to it.
_PLAIN_DTYPES = frozenset({torch.float16, torch.float32, torch.float64, torch.uint8, torch.int32, torch.int64})
#: What torch raises where a tensor's bytes cannot be had.
_UNREADABLE = (RuntimeError, TypeError, NotImplementedError)
#: Reading a view as integers of the same width keeps every bit and works for dtypes that have no copy kernel.
_RAW_DTYPES = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Leaf:
    """A plain tensor on its way to a token.

    Args:
        tensor: strided, with data, of torch's own class.
    """

    __slots__ = ("_memory", "chunks", "error", "nbytes", "tensor")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.nbytes = tensor.numel() * tensor.itemsize
        self.chunks: list[bytes] = []
        self.error: Exception | None = None
        self._memory: memoryview | None = None

    def pieces(self) -> list[tuple[Leaf, int]]:
        """Give what is left to do, as pieces that may be done at the same time: this leaf and where each begins."""
        data = self.tensor.detach()
        if not data.is_cpu or not data.is_contiguous() or data.is_conj() or data.is_neg():
            return [(self, 0)]
        try:
            self._memory = _memory(data)
        except _UNREADABLE as error:
            self.error = error
            return []
        self.chunks = [b""] * -(-self.nbytes // CHUNK_BYTES)
        return [(self, at) for at in range(0, self.nbytes, CHUNK_BYTES)]

    def do(self, at: int) -> None:
        """Do one piece; what goes wrong is kept as the leaf's error."""
        try:
            if self._memory is None:
                self._hash_copies()
            else:
                self.chunks[at // CHUNK_BYTES] = xxhash.xxh3_128_digest(self._memory[at : at + CHUNK_BYTES])
        except _UNREADABLE as error:
            self.error = error

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
        return frame("tensor", *_kind(self.tensor.dtype, self.tensor.shape), *self.chunks)


@lru_cache(maxsize=4096)
def _kind(dtype: torch.dtype, shape: torch.Size) -> tuple[bytes, bytes]:
    return str(dtype).encode(), ",".join(map(str, shape)).encode()


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
    if tensor.dtype in _PLAIN_DTYPES and tensor.numel():
        return memoryview(tensor.numpy()).cast("B")
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


class Hashing:
    """Leaves being hashed in threads, and in the end by the caller too.

    A leaf has its chunks or its error once `wait` has returned.
    """

    def __init__(self) -> None:
        self._most = min(MAX_THREADS, _processors()) - 1  # the caller's thread is one of them
        # Threads per call: a pool that is kept would not survive a fork, and these cost less than a millisecond.
        self._threads: list[Thread] = []
        self._errors: list[BaseException] = []
        self._waiting: deque[tuple[Leaf, int]] = deque()
        self._large: list[Leaf] = []
        #: Hashed without letting go of the interpreter's lock, so that threads would only wait for each other.
        self._small: list[Leaf] = []

    def add(self, leaf: Leaf) -> None:
        """Take a leaf; the first large one keeps a thread busy while others are made ready."""
        if leaf.nbytes < SMALL_LEAF:
            self._small.append(leaf)
        elif leaf.nbytes > SMALL_BYTES and not self._threads:
            self._waiting += leaf.pieces()
            self._start()
        else:
            self._large.append(leaf)

    def begin(self) -> None:
        """Begin with all leaves taken until now, the largest first."""
        is_much = bool(self._threads) or sum(leaf.nbytes for leaf in self._large) > SMALL_BYTES
        for leaf in sorted(self._large, key=attrgetter("nbytes"), reverse=True):
            self._waiting += leaf.pieces()
        self._large.clear()
        if is_much:
            self._start()

    def _start(self) -> None:
        idle = self._most - sum(thread.is_alive() for thread in self._threads)
        with suppress(RuntimeError):  # no thread is to be had: the caller's does what the others leave
            for _ in range(min(idle, len(self._waiting))):
                thread = Thread(target=self._run, name="tensor-digests")
                thread.start()
                self._threads.append(thread)

    def wait(self) -> None:
        """Hash what is left, together with the threads."""
        for leaf in self._small:  # first, as the threads have the large ones to do meanwhile
            for _, at in leaf.pieces():
                leaf.do(at)
        self._work()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # what `Leaf.do` knows nothing of, such as memory that is not to be had
            self._errors.append(error)

    def _work(self) -> None:
        while True:
            try:
                leaf, at = self._waiting.popleft()
            except IndexError:  # nothing is left, or another thread took the last one
                return
            leaf.do(at)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
