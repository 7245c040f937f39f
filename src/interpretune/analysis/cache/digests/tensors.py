"""Tensors: dtype, shape and bytes, however they are stored.

A tensor's token covers its dtype, its shape and its elements in row-major order. Strides, memory format, device,
sharing of storage (but see `sharing`), `requires_grad`, `.grad` and version counters do not count. Elements are
compared by their bytes, so ``-0.0`` differs from ``0.0``, and a nan equals only a nan with the same bits.

The bytes are hashed in `tensor_bytes`; here is what surrounds them, and what tensors of other kinds are made of.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils.weak import WeakTensorKeyDictionary

from .attributes import counted, encode_state
from .tensor_bytes import Hashing, Leaf
from .tokens import frame
from .walk import Walk

__all__ = [
    "TensorHashing",
    "encode_device",
    "encode_dtype",
    "encode_name",
    "encode_size",
    "encode_tensor",
    "tensor_digests",
]

_Names = Callable[[], frozenset[str]]

#: Classes whose elements cannot be read here, by name, with what to do about it.
_REFUSED = {
    "torch._subclasses.fake_tensor.FakeTensor": (
        "it is a fake tensor without data",
        "Build the key outside of `FakeTensorMode`, from the real model.",
    ),
    "torch._subclasses.functional_tensor.FunctionalTensor": (
        "it is a tracing stand-in without data of its own",
        "Build the key outside of tracing and export.",
    ),
    "torch.nn.parameter.UninitializedTensorMixin": (
        "it is a lazy parameter or buffer that has no shape yet",
        "Run one forward, so that the lazy module gets its shapes and values.",
    ),
    "torch.distributed.fsdp._flat_param.FlatParameter": (
        "it is sharded over processes by FSDP, and this process sees a part of it",
        "Build the key inside `FullyShardedDataParallel.summon_full_params(model)`, or from the model before wrapping.",
    ),
    "torch.distributed._shard.sharded_tensor.api.ShardedTensor": (
        "it is sharded over processes, and this process sees a part of it",
        "Gather it first.",
    ),
}


def encode_tensor(value: torch.Tensor, walk: Walk) -> bytes:
    """Give the token of a tensor of any kind.

    Args:
        value: the tensor: plain, sparse, quantized, nested, or a subclass that says what it is made of.
        walk: where it was met.

    Raises:
        UnfingerprintableError: the tensor has no data (meta, fake, lazy), or only a part of it lies in this process.
    """
    walk.use("torch")
    token = tensor_digests({"": value}, walk)[""] if _is_plain(value) else _encode_special(value, walk)
    walk.part(token, describe(value))
    return token


def encode_dtype(value: torch.dtype, walk: Walk) -> bytes:
    """Give the token of a dtype: its name."""
    return b"torch.dtype:" + str(value).encode()


def encode_device(value: torch.device, walk: Walk) -> bytes:
    """Give the token of a device: its type, as the index only says where; nothing where devices are portable."""
    return b"torch.device:" + (value.type.encode() if walk.policy.device == "strict" else b"portable")


def encode_size(value: torch.Size, walk: Walk) -> bytes:
    """Give the token of a shape."""
    return frame("torch.Size", *(walk.child(extent, f"[{index}]") for index, extent in enumerate(value)))


def encode_name(value: Any, walk: Walk) -> bytes:
    """Give the token of one of torch's named constants, a layout, memory format or quantization scheme."""
    return f"{type(value).__name__}:{value}".encode()


def describe(value: torch.Tensor) -> str:
    """Say what a person wants to see of a tensor, such as ``float32 (768, 3072)``."""
    return f"{_dtype_name(value.dtype)} {_shape_text(value)}"


@lru_cache(maxsize=256)
def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def tensor_digests(named: Mapping[str, torch.Tensor], walk: Walk) -> dict[str, bytes]:
    """Give the tokens of many tensors, hashed in parallel.

    Args:
        named: tensors by a name that is a step below the walk's path, such as ``".h.0.attn.c_attn.weight"``.
        walk: where they were met.

    Returns:
        By name, the same token that `encode_tensor` gives for that tensor.

    Raises:
        UnfingerprintableError: one of them cannot be read; the error's path ends in its name.
    """
    hashing = TensorHashing(walk)
    hashing.add(named)
    return hashing.finish()


class TensorHashing:
    """What `tensor_digests` does, in the background.

    Tensors with equal storage, dtype, shape and strides are hashed once. Where ``walk.policy.trust_versions`` is set, a
    tensor that was hashed before in this process is not read again as long as it has the same storage, shape and
    strides and its version counter stands where it stood. Torch does not count what is written through ``p.data``
    (``p.data.mul_(2)``), through ``.numpy()``, through a custom kernel or by another process; such a change is then not
    seen and an old result is served. Tensors made in inference mode have no counter and are always read.

    Args:
        walk: where the tensors were met.
        private: gives the private names that a user's code may read of a tensor.
    """

    def __init__(self, walk: Walk, private: _Names = frozenset) -> None:
        self._walk = walk
        self._private = private
        self._named: dict[str, torch.Tensor] = {}
        self._tokens: dict[str, bytes] = {}
        self._leaves: dict[str, Leaf] = {}
        self._known: dict[tuple[Any, ...], Leaf] = {}
        self._hashing = Hashing()

    def add(self, named: Mapping[str, torch.Tensor]) -> None:
        """Begin to hash tensors.

        Args:
            named: tensors by a name that is a step below the walk's path.

        Raises:
            UnfingerprintableError: one of them has no bytes to be read; the error's path ends in its name.
        """
        walk = self._walk
        self._named.update(named)
        for name, tensor in named.items():
            if not _is_plain(tensor):
                with walk.at(name):
                    self._tokens[name] = _encode_special(tensor, walk)
                continue
            known = _trusted.get(tensor) if walk.policy.trust_versions else None
            if known is not None:
                self._tokens[name] = known
                continue
            identity = _identity(tensor)
            leaf = self._known.get(identity)
            if leaf is None:
                leaf = self._known[identity] = Leaf(tensor)
                self._hashing.add(leaf)
            self._leaves[name] = leaf
        self._hashing.begin()

    def finish(self) -> dict[str, bytes]:
        """Wait for the threads and give the tokens by name; to be called once, from the same thread.

        Raises:
            UnfingerprintableError: one of the tensors cannot be read; the error's path ends in its name.
        """
        self._hashing.wait()
        named, tokens, walk = self._named, self._tokens, self._walk
        for name, leaf in self._leaves.items():
            if leaf.error is not None:
                with walk.at(name):
                    walk.refuse(leaf.tensor, f"its bytes cannot be read ({leaf.error})")
            tokens[name] = leaf.token()
            if walk.policy.trust_versions:
                _trusted.put(named[name], tokens[name])
        return {name: _with_attributes(named[name], tokens[name], name, walk, self._private) for name in named}


def _with_attributes(tensor: torch.Tensor, token: bytes, name: str, walk: Walk, private: _Names) -> bytes:
    """Add what is written on a plain tensor (``weight.scale = 2``); private names only where a user's code has them."""
    if not tensor.__dict__ or not _is_plain(tensor):
        return token
    with walk.at(name):
        pieces = [
            piece
            for attribute, value in counted(tensor, walk)
            # `nn.Buffer` keeps there whether it is to be in state dicts.
            if attribute != "persistent" and (attribute[0] != "_" or attribute in private())
            for piece in (attribute.encode(), walk.child(value, f".{attribute}"))
        ]
    return frame("tensor with attributes", token, *pieces) if pieces else token


def _is_plain(tensor: torch.Tensor) -> bool:
    kind = type(tensor)
    return (
        (kind is torch.Tensor or kind is torch.nn.Parameter)
        and tensor.layout is torch.strided
        and not tensor.is_quantized
        and not tensor.is_nested
        and tensor.device.type != "meta"
    )


def _shape_text(tensor: torch.Tensor) -> str:
    return "(nested)" if tensor.is_nested else _shown_shape(tensor.shape)


@lru_cache(maxsize=4096)
def _shown_shape(shape: torch.Size) -> str:
    return f"({', '.join(map(str, shape))})"


def _identity(tensor: torch.Tensor) -> tuple[Any, ...]:
    # Only meant while the tensors are held: an address may be given away again afterwards.
    return (
        tensor.data_ptr(),
        tensor.device,
        tensor.dtype,
        tensor.shape,
        tensor.stride(),
        tensor.is_conj(),
        tensor.is_neg(),
    )


# --- version counters


class _Trusted:
    """Digests by tensor, each good as long as what torch can tell about the tensor stays the same."""

    def __init__(self) -> None:
        self._known: Any = WeakTensorKeyDictionary()
        self._lock = threading.Lock()

    def get(self, tensor: torch.Tensor) -> bytes | None:
        with self._lock:
            entry = self._known.get(tensor)
        if entry is None:
            return None
        storage, mark, token = entry
        # A weak reference keeps the address of the storage from being given to another one.
        same = not storage.expired() and storage.cdata == tensor.untyped_storage()._cdata and mark == self._mark(tensor)
        return token if same else None

    def put(self, tensor: torch.Tensor, token: bytes) -> None:
        if tensor.is_inference():
            return
        weak: Any = StorageWeakRef
        entry = (weak(tensor.untyped_storage()), self._mark(tensor), token)
        with self._lock:
            self._known[tensor] = entry

    @staticmethod
    def _mark(tensor: torch.Tensor) -> tuple[Any, ...]:
        return (*_identity(tensor), tensor.storage_offset(), tensor._version)


_trusted = _Trusted()


# --- other tensors


def _encode_special(value: torch.Tensor, walk: Walk) -> bytes:
    for base in type(value).__mro__:
        reason, hint = _REFUSED.get(f"{base.__module__}.{base.__qualname__}", ("", None))
        if reason:
            walk.refuse(value, reason, hint=hint)
    if value.device.type == "meta":
        walk.refuse(
            value,
            "it lies on the meta device and has no data",
            hint="Load the weights, or move the model with `to_empty()` and initialise it, before building the key.",
        )
    if type(value).__name__ == "DTensor":
        return _encode_distributed(value, walk)
    if value.is_nested:
        parts = {f"[{index}]": part for index, part in enumerate(value.unbind())}
        return frame("nested tensor", str(value.layout).encode(), *tensor_digests(parts, walk).values())
    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        return _encode_subclass(value, walk)
    value = value.detach()
    if value.is_quantized:
        return _encode_quantized(value, walk)
    layout = str(value.layout).encode()
    shape = str(tuple(value.shape)).encode()
    if value.layout is torch.sparse_coo:
        # `coalesce` gives a new tensor: the caller's stays as it is.
        value = value.coalesce()
        pieces = {"indices": value.indices(), "values": value.values()}
    elif value.layout in (torch.sparse_csr, torch.sparse_bsr):
        pieces = {"crow_indices": value.crow_indices(), "col_indices": value.col_indices(), "values": value.values()}
    elif value.layout in (torch.sparse_csc, torch.sparse_bsc):
        pieces = {"ccol_indices": value.ccol_indices(), "row_indices": value.row_indices(), "values": value.values()}
    else:
        pieces = {"dense": value.to_dense()}
    return frame("tensor", layout, shape, *tensor_digests({f".{n}()": t for n, t in pieces.items()}, walk).values())


def _encode_quantized(value: torch.Tensor, walk: Walk) -> bytes:
    scheme = value.qscheme()
    tensors = {".int_repr()": value.int_repr()}
    state: list[bytes] = []
    if scheme in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        state += (walk.child(value.q_scale(), ".q_scale()"), walk.child(value.q_zero_point(), ".q_zero_point()"))
    else:
        tensors[".q_per_channel_scales()"] = value.q_per_channel_scales()
        tensors[".q_per_channel_zero_points()"] = value.q_per_channel_zero_points()
        state.append(walk.child(value.q_per_channel_axis(), ".q_per_channel_axis()"))
    state += tensor_digests(tensors, walk).values()
    return frame("quantized tensor", str(value.dtype).encode(), str(scheme).encode(), *state)


def _encode_distributed(value: Any, walk: Walk) -> bytes:
    if value.device_mesh.size() > 1 and not all(placement.is_replicate() for placement in value.placements):
        walk.refuse(
            value,
            "it is sharded over processes, and this process sees a part of it",
            hint="Gather it with `full_tensor()` first.",
        )
    return walk.child(value.to_local(), ".to_local()")


def _encode_subclass(value: torch.Tensor, walk: Walk) -> bytes:
    kind = walk.code(type(value), ".__class__")
    outer = describe(value).encode()
    if hasattr(value, "__tensor_flatten__"):
        names, context = value.__tensor_flatten__()
        inner = [walk.child(getattr(value, name), f".{name}") for name in names]
        return frame("tensor subclass", kind, outer, *inner, walk.child(context, ".__tensor_flatten__()"))
    data = walk.child(value.detach().as_subclass(torch.Tensor), ".data")
    return frame("tensor subclass", kind, outer, data, encode_state(value, walk))
