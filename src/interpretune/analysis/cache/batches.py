"""The batches of a run from a given one on, without making those before where that can be spared."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import datasets

from .arguments import iterated

__all__ = ["Batches", "batches_from", "count_batches", "require_repeatable"]

Batches = Iterable[Any] | Callable[[], Iterable[Any]]


def require_repeatable(batches: Any) -> None:
    """Make sure that batches can be gone through from the first one on, in one order, each time that it is asked for.

    Raises:
        TypeError: they are an iterator, which can be gone through once, a set, whose order differs from process to
            process, a mapping, whose order does not count, or cannot be iterated over at all.
    """
    _require_order(batches)
    if isinstance(batches, Iterator):
        raise TypeError(
            f"batches is a {type(batches).__name__}, which can be gone through once only. Pass what it was made of, "
            "or a function without arguments that makes it."
        )
    if not isinstance(batches, Iterable) and not hasattr(batches, "__getitem__") and not callable(batches):
        raise TypeError(f"batches must be an iterable or a function that gives one, not {type(batches).__name__}")


def _require_order(batches: Any) -> None:
    if isinstance(batches, Mapping):
        raise TypeError(
            f"batches is a {type(batches).__name__}, whose order does not count in the key. Pass `list(batches)`, or "
            "`list(batches.items())`."
        )
    if isinstance(batches, (set, frozenset)):
        raise TypeError(
            f"batches is a {type(batches).__name__}, whose order differs from process to process. Pass them in an "
            "order of your own, as `sorted(batches)`."
        )


def count_batches(batches: Any) -> int | None:
    """Tell how many batches there are, where that is known for sure before going through them."""
    if _is_plain_loader(batches) and isinstance(batches.dataset, _torch_class("IterableDataset")):
        return None  # its length is what somebody said
    if isinstance(batches, (Sequence, datasets.Dataset)) or _is_plain_loader(batches):
        try:
            return len(batches)
        except TypeError:  # a sampler without a length
            return None
    return None


def batches_from(batches: Any, start: int) -> Iterator[Any]:
    """Go through the batches from a given one on.

    Sequences and Hugging Face datasets are entered at that place. A torch ``DataLoader`` over a dataset with indices
    draws the indices of the batches before, so that its sampler's order stays what it is, but neither reads nor
    collates them. Everything else makes the batches before and drops them.

    Args:
        batches: an iterable, or a function without arguments that gives one.
        start: how many batches to pass over.
    """
    if not isinstance(batches, Iterable) and callable(batches):
        batches = iterated(batches(), "batches")
        _require_order(batches)
    if not start:
        return iter(batches)
    if isinstance(batches, Sequence):
        return (batches[index] for index in range(start, len(batches)))
    if isinstance(batches, datasets.Dataset):
        return iter(batches.select(range(start, len(batches)))) if start < len(batches) else iter(())
    if _is_plain_loader(batches) and not isinstance(batches.dataset, _torch_class("IterableDataset")):
        return _loader_from(batches, start)
    return islice(iter(batches), start, None)


def _torch_class(name: str) -> Any:
    return getattr(sys.modules["torch.utils.data"], name)


def _is_plain_loader(batches: Any) -> bool:
    """Tell whether this is torch's own ``DataLoader``: a subclass may iterate in another way."""
    return "torch.utils.data" in sys.modules and type(batches) is _torch_class("DataLoader")


class _Rest:
    """What a sampler gives after its first items."""

    def __init__(self, sampler: Iterable[Any], start: int) -> None:
        self._sampler = sampler
        self._start = start

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self._sampler), self._start, None)


def _loader_from(loader: Any, start: int) -> Iterator[Any]:
    if loader.batch_sampler is not None:
        indices: dict[str, Any] = {"batch_sampler": _Rest(loader.batch_sampler, start)}
    else:
        indices = {"batch_size": None, "sampler": _Rest(loader.sampler, start)}
    rest = type(loader)(
        loader.dataset,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        generator=loader.generator,
        prefetch_factor=loader.prefetch_factor,
        **indices,
    )
    return iter(rest)
