"""Data loaders of torch: the rows, how they are batched and in which order they come.

What does not count: prefetching, pinning, time-outs, and workers unless random numbers are drawn in them. A sampler
that shuffles without a generator of its own takes its order from a global one, which makes the run stochastic.

Datasets and samplers of a user's own classes count by what their methods read (``__getitem__``, ``__iter__``, ...);
those of installed classes by their class and their attributes.
"""

from __future__ import annotations

import os
from copy import copy
from typing import Any

import torch
from torch.utils import data

from .attributes import counted, encode_object, objects_understood
from .code.encoders import encode_called
from .distributions import class_origin
from .instances import encode_instance
from .results import SHUFFLING, WORKERS
from .tensors import tensor_digests
from .tokens import frame
from .walk import Walk

__all__ = [
    "encode_collator",
    "encode_generator",
    "encode_loader",
    "encode_sampler",
    "encode_torch_dataset",
]

#: Attributes of a loader that were counted by themselves or do not count, each with the reason.
_LOADER_ATTRIBUTES: dict[str, str] = {
    "dataset": "the rows",
    **dict.fromkeys(("batch_size", "sampler", "batch_sampler", "drop_last"), "the order"),
    **dict.fromkeys(("collate_fn", "worker_init_fn", "num_workers", "in_order"), "counted where they matter"),
    "generator": "counted with the sampler that draws from it",
    **dict.fromkeys(("prefetch_factor", "persistent_workers", "timeout"), "says how workers are kept busy"),
    **dict.fromkeys(("pin_memory", "pin_memory_device"), "says where a batch lies before it is used"),
    "_DataLoader__multiprocessing_context": "says how workers are started",
    **dict.fromkeys(
        ("_DataLoader__initialized", "_dataset_kind", "_iterator", "_IterableDataset_len_called"), "a record"
    ),
}

#: Methods by which a loader uses a dataset, and a sampler.
_DATASET_METHODS = ("__getitem__", "__getitems__", "__len__", "__iter__")
_SAMPLER_METHODS = ("__iter__", "__len__")


def encode_loader(value: data.DataLoader[Any], walk: Walk) -> bytes:
    """Give the token of a `torch.utils.data.DataLoader` and file its rows as a component of their own.

    Args:
        value: the loader.
        walk: where it was met; its rows are filed as ``<path>.rows``.

    Raises:
        UnfingerprintableError: the dataset, the sampler or the collate function cannot be understood.
    """
    walk.use("torch")
    with walk.component(".rows"):
        rows = _rows(value.dataset, walk, ".dataset")
    pieces = [
        walk.file(".rows", rows),
        walk.code(type(value), ".__class__"),
        _batches(value, walk),
        encode_called(value.collate_fn, walk, ".collate_fn"),
    ]
    if value.num_workers > 0:
        walk.circumstance(_workers(value, walk))
        if getattr(value.collate_fn, "seed", None) is not None:
            # A collator of transformers that masks draws in each worker by a seed of that worker's own.
            pieces.append(walk.child(value.num_workers, ".num_workers"))
        if value.worker_init_fn is not None:
            pieces.append(walk.child(value.worker_init_fn, ".worker_init_fn"))
        if isinstance(value.dataset, data.IterableDataset):
            # Each worker iterates over a copy of its own, and their rows come in turns.
            pieces.append(walk.child(value.num_workers, ".num_workers"))
        if not getattr(value, "in_order", True):
            walk.stochastic(f"{walk.path}: batches come in the order in which workers finish them")
    for name in sorted(set(value.__dict__) - set(_LOADER_ATTRIBUTES)):
        pieces += (name.encode(), walk.child(value.__dict__[name], f".{name}"))
    return frame("loader", *pieces)


def _workers(loader: data.DataLoader[Any], walk: Walk) -> str:
    """Tell how many workers there are and what seeds them, which matters where rows are drawn at random in them."""
    told = f"{WORKERS}{loader.num_workers}"
    if loader.generator is None:
        return told
    with walk.summarised():
        return f"{told}, seeded by {walk.child(loader.generator, '.generator').hex()}"


def encode_collator(value: Any, walk: Walk) -> bytes:
    """Give the token of a collator of transformers, some of which draw random numbers.

    Args:
        value: the collator.
        walk: where it was met.
    """
    bases = {base.__qualname__ for base in type(value).__mro__}
    masks = "DataCollatorForLanguageModeling" in bases and getattr(value, "mlm", True)
    if (masks and getattr(value, "seed", None) is None) or "DataCollatorForPermutationLanguageModeling" in bases:
        generator = "numpy" if getattr(value, "return_tensors", "pt") == "np" else "torch"
        walk.stochastic(f"{walk.path}: {type(value).__qualname__} masks at random", generator)
    made_in = getattr(value, "_generator_pid", None)
    if made_in is not None:
        # Its generator goes on where it was made, and is made anew in any other process, whichever that is.
        value = copy(value)
        value._generator_pid = made_in == os.getpid() or None
        value.generator = value.generator if value._generator_pid else None
    return encode_instance(value, walk)


def encode_generator(value: torch.Generator, walk: Walk) -> bytes:
    """Give the token of a random number generator: its device type and its state."""
    state = tensor_digests({".get_state()": value.get_state()}, walk)
    token = frame("torch.Generator", value.device.type.encode(), *state.values())
    walk.part(token, f"generator on {value.device.type}, seeded with {value.initial_seed()}")
    return token


# --- rows


def encode_torch_dataset(value: Any, walk: Walk) -> bytes:
    """Give the token of a `torch.utils.data.Dataset` as a whole: its class and all of its attributes."""
    with objects_understood(walk):
        return encode_object(value, walk)


def _rows(dataset: Any, walk: Walk, step: str) -> bytes:
    """Give the token of what a loader gets from a dataset."""
    with walk.at(step):
        if type(dataset) is data.Subset:
            return frame(
                "subset", _rows(dataset.dataset, walk, ".dataset"), walk.child(list(dataset.indices), ".indices")
            )
        if type(dataset) in (data.ConcatDataset, data.ChainDataset):
            members = enumerate(dataset.datasets)
            return frame("concatenated", *(_rows(member, walk, f".datasets[{index}]") for index, member in members))
        if isinstance(dataset, data.Dataset) and class_origin(type(dataset)).user:
            return _behaviour(dataset, _DATASET_METHODS, walk)
        return walk.child(dataset)


def _behaviour(value: Any, methods: tuple[str, ...], walk: Walk) -> bytes:
    """Give the token of an object by its methods, which lead to what they read of it."""
    pieces: list[bytes] = []
    for name in methods:
        method = getattr(value, name, None)
        if method is not None:
            pieces += (name.encode(), walk.child(method, f".{name}"))
    return frame("behaviour", *pieces)


# --- order


def _batches(loader: data.DataLoader[Any], walk: Walk) -> bytes:
    batches: Any = loader.batch_sampler
    if isinstance(loader.dataset, data.IterableDataset):
        # The dataset says the order itself; torch puts a sampler there that only counts to infinity.
        order, size, drop_last = b"as it comes", loader.batch_size, loader.drop_last
    elif batches is None:
        order, size, drop_last = _order(loader.sampler, walk, ".sampler"), None, False
    elif type(batches) is data.BatchSampler:
        order, size, drop_last = _order(batches.sampler, walk, ".sampler"), batches.batch_size, batches.drop_last
    else:
        return frame("batch sampler", _order(batches, walk, ".batch_sampler"))
    return frame("batches", order, walk.child(size, ".batch_size"), walk.child(drop_last, ".drop_last"))


def _order(sampler: Any, walk: Walk, step: str) -> bytes:
    """Give the token of the order that a loader gets from a sampler."""
    with walk.at(step):
        # Torch takes anything that can be iterated over for a sampler.
        strange = isinstance(sampler, data.Sampler) or walk.find_encoder(sampler) is None
        if strange and class_origin(type(sampler)).user:
            return _behaviour(sampler, _SAMPLER_METHODS, walk)
        return walk.child(sampler)


def encode_sampler(value: Any, walk: Walk) -> bytes:
    """Give the token of a sampler as a whole.

    The dataset that it was made for counts by its length, which is all that torch's samplers ask it for.
    """
    walk.use("torch")
    if type(value) is data.SequentialSampler:
        # The rows are counted by themselves; without a length they cannot be counted out and fail when they are used.
        size = len(value) if hasattr(type(value.data_source), "__len__") else -1
        return frame("in sequence", str(size).encode())
    if getattr(value, "generator", ...) is None:
        walk.stochastic(f"{walk.path}: {SHUFFLING}", "torch")
    pieces = [walk.code(type(value), ".__class__")]
    user = class_origin(type(value)).user
    with objects_understood(walk):
        for name, attribute in counted(value, walk):
            if name in ("data_source", "dataset") and not user:
                attribute = len(attribute)
            elif name == "_num_samples" and not user:
                attribute = value.num_samples
            pieces += (name.encode(), walk.child(attribute, f".{name}"))
    return frame("sampler", *pieces)
