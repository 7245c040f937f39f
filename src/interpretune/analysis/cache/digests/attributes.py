"""Objects by their attributes: which ones count, which are noise, and why.

Used where an object is its class and its state: modules, configs, tokenizers, tensor subclasses, and the small helper
objects that libraries hang on them. An attribute counts unless it stands in `NOISE_ATTRIBUTES`; an object of unknown
kind is understood as its class's code and its attributes where Python can see its whole state, and refused elsewhere.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from .base_names import base_names
from .code.noise import is_noise
from .tokens import IGNORED, NOISE, frame
from .walk import Walk

__all__ = [
    "NOISE_ATTRIBUTES",
    "NOISE_CLASSES",
    "counted",
    "encode_library_object",
    "encode_object",
    "encode_state",
    "objects_understood",
]

_LOADING = "says how checkpoints are loaded, saved or placed; what came of it lies in the weights"
_ORIGIN = "says where something came from"
_MODE = "the mode that was on before, which is put back in the end"
_RECORD = "a record that a forward leaves behind and nothing reads back"

#: Attributes that do not count, each with the reason, by the library or the one class that has them (or derives from
#: one that has them).
#: A path in ``include=`` makes one of them count all the same.
NOISE_ATTRIBUTES: dict[str, dict[str, str]] = {
    "torch": {
        **dict.fromkeys(("_parameters", "_buffers", "_modules"), "counted by name, as weights and as the tree"),
        **dict.fromkeys(
            (
                "old_dispatch_mode_flags",
                "old_non_infra_dispatch_mode_flags",
                "old_without_ignore_compile_internals_dispatch_mode_flags",
            ),
            "what was in force before a mode",
        ),
        "_non_persistent_buffers_set": "says which buffers a state dict leaves out; all of them count",
        "training": "counted apart, where it matters",
        **dict.fromkeys(
            (
                "_forward_hooks",
                "_forward_hooks_with_kwargs",
                "_forward_hooks_always_called",
                "_forward_pre_hooks",
                "_forward_pre_hooks_with_kwargs",
                "_backward_hooks",
                "_backward_pre_hooks",
                "_is_full_backward_hook",
            ),
            "counted apart, as hooks",
        ),
        **dict.fromkeys(
            (
                "_state_dict_hooks",
                "_state_dict_pre_hooks",
                "_load_state_dict_pre_hooks",
                "_load_state_dict_post_hooks",
            ),
            _LOADING,
        ),
        **dict.fromkeys(("_compiled_call_impl", "_is_torch_compile"), "the compiled form of the same forward"),
        **dict.fromkeys(("_is_hf_initialized", "_is_accelerate_prepared"), _LOADING),
    },
    "torch.utils._contextlib._DecoratorContextManager": {"prev": _MODE},
    "torch.amp.autocast_mode.autocast": dict.fromkeys(("prev", "prev_cache_enabled", "prev_fastdtype"), _MODE),
    "numpy.vectorize": {"_ufunc": _RECORD},
    "transformers": {
        **dict.fromkeys(("name_or_path", "_name_or_path", "_commit_hash", "_auto_class", "_from_auto"), _ORIGIN),
        **dict.fromkeys(("transformers_version", "architectures"), "a label that saving a model puts into its config"),
        **dict.fromkeys(
            (
                "_tp_plan",
                "_ep_plan",
                "_pp_plan",
                "_fsdp_plan",
                "_tp_size",
                "_device_mesh",
                "all_tied_weights_keys",
                "_tied_weights_keys",
                "_dynamic_tied_weights_keys",
                "_keep_in_fp32_modules",
                "_keep_in_fp32_modules_strict",
                "_no_split_modules",
                "_skip_keys_device_placement",
                "_keys_to_ignore_on_load_unexpected",
                "_keys_to_ignore_on_load_missing",
                "_keys_to_ignore_on_save",
                "_weight_conversions",
                "_checkpoint_conversion_mapping",
                "hf_device_map",
                "_is_hf_initialized",
            ),
            _LOADING,
        ),
        "_original_object_hash": "a salted `hash()`, another one in each process",
        "_from_model_config": "says how the generation config was made",
        "_use_kernels": "a wish; the kernels that it put in place are the submodules' own `forward`",
        "warnings_issued": _RECORD,
        "_previous_max_cache_length": _RECORD,
        **dict.fromkeys(
            ("_require_grads_hook", "_require_grads_hooks"), "takes a hook away that only lets gradients through"
        ),
        "_output_capturing_hooks_installed": _RECORD,
        "_gradient_checkpointing_func": "trades memory for time in the backward pass; the flag beside it counts",
    },
    "transformers.pipelines.base.Pipeline": {"call_count": _RECORD},
    "transformer_lens": {
        **dict.fromkeys(
            (
                "_hook_registry",
                "_hook_registry_initialized",
                "_hook_cache",
                "_hook_alias_registry",
                "_block_alias_cache",
                "_property_alias_registry",
                "_n_params_total",
                "hooks_to_cache",
                "hook_dict",
                "mod_dict",
                "real_components",
            ),
            "an index of the tree's hook points and modules by name, made when it is first asked for",
        ),
        **dict.fromkeys(
            (
                "_attn_scores",
                "_capture_hook_handles",
                "_capture_hooks_wired",
                "_captured_pre_ln_residual",
                "_current_batch_size",
                "_derived_position_ids_ok",
                "_fired_hook_out",
                "_hf_forward_wrapped",
                "_pattern",
                "_suppress_next_hook_in",
            ),
            _RECORD,
        ),
        "split_qkv_matrix": "bound to the template that the component was copied from; the architecture adapter, which "
        "holds the templates, counts",
    },
    "transformer_lens.hook_points.HookPoint": {
        "name": "a name derived from the place in the model, given when a hook is first used",
    },
    "peft": {
        **dict.fromkeys(("base_model_name_or_path", "revision", "peft_version", "auto_mapping"), _ORIGIN),
        "inference_mode": "says whether adapters are trainable",
    },
}

#: Objects of libraries that say nothing about the object that holds them, each with the reason.
NOISE_CLASSES = {
    "torch.utils.hooks.RemovableHandle": "takes a hook away; its number comes from a counter of the process",
}


#: Records of the same kind that are there before the first forward already, empty, by their class: they count as then.
EMPTY_AT_FIRST = {
    # By the addresses of the tensors that went through, so another one in each process.
    "transformer_lens.conversion_utils.conversion_steps.attention_auto_conversion.AttentionAutoConversion": (
        "_conversion_state"
    )
}
_NOTHING: dict[Any, Any] = {}


@lru_cache(maxsize=4096)
def noise_of(cls: type) -> dict[str, str]:
    """Give the noise attributes of a class, from all classes that it derives from and their libraries."""
    found: dict[str, str] = {}
    for name in base_names(cls):
        found.update(NOISE_ATTRIBUTES.get(name.partition(".")[0], {}))
        found.update(NOISE_ATTRIBUTES.get(name, {}))
    return found


def counted(value: Any, walk: Walk) -> Iterator[tuple[str, Any]]:
    """Give the names and values of an object's own attributes that count, sorted by name.

    Args:
        value: an object with a ``__dict__``, ``__slots__`` or both.
        walk: standing at the object.
    """
    kind: Any = type(value)
    noise = noise_of(kind)
    attributes = dict(getattr(value, "__dict__", {}))
    for name in _slots(kind):
        if hasattr(value, name):
            attributes[name] = getattr(value, name)
    names = [name for name in attributes if name not in noise]
    if walk.policy.include:
        names += [name for name in attributes if name in noise and walk.policy.includes(f"{walk.path}.{name}")]
    record = EMPTY_AT_FIRST.get(base_names(kind)[0])
    if record is not None and type(attributes.get(record)) is dict:
        attributes[record] = _NOTHING
    for name in sorted(names):
        if not _is_class_default(kind, name, attributes[name]):
            yield name, attributes[name]


def _is_class_default(cls: type, name: str, value: Any) -> bool:
    """Tell whether the class says the same already, as loaders like to write class attributes on the instance."""
    if type(value) not in (type(None), bool, int, str):
        return False
    for base in cls.__mro__:
        if name in base.__dict__:
            default = base.__dict__[name]
            return type(default) is type(value) and default == value
    return False


def encode_state(value: Any, walk: Walk) -> bytes:
    """Give the token of the attributes of an object that count, without its class.

    Args:
        value: an object with a ``__dict__``, ``__slots__`` or both.
        walk: standing at the object.

    Raises:
        UnfingerprintableError: an attribute cannot be understood; the path leads to it.
    """
    pieces: list[bytes] = []
    for name, attribute in counted(value, walk):
        token = walk.child(attribute, f".{name}")
        pieces += (name.encode(), token) if token != IGNORED else ()
    return frame("state", *pieces)


def encode_object(value: Any, walk: Walk) -> bytes:
    """Give the token of an object of unknown kind: its class and its state, where that is all there is to it.

    Args:
        value: the object.
        walk: where it was met.

    Raises:
        UnfingerprintableError: a part of its state lies outside of what Python shows, in an extension type.
    """
    if is_noise(value) or not NOISE_CLASSES.keys().isdisjoint(base_names(type(value))):
        return NOISE
    if isinstance(value, weakref.ref):
        target = value()
        return b"dead reference" if target is None else walk.child(target, "()")
    kind: Any = type(value)
    if not _is_transparent(kind):
        walk.refuse(value, "its meaning is not known to the cache")
    return frame("object", walk.code(kind, ".__class__"), encode_state(value, walk))


def encode_library_object(value: Any, walk: Walk) -> bytes:
    """Give the token of an object of a library's class, a record among them: its class and its state, less noise.

    Args:
        value: the object.
        walk: where it was met.
    """
    with objects_understood(walk):
        return frame("object", walk.code(type(value), ".__class__"), encode_state(value, walk))


@contextmanager
def objects_understood(walk: Walk) -> Iterator[None]:
    """Let `encode_object` speak for what no encoder is known for, at any depth, while the block lasts."""
    before = walk.find_encoder
    with walk.understanding(lambda value: before(value) or encode_object):
        yield


@lru_cache(maxsize=4096)
def _slots(cls: type) -> tuple[str, ...]:
    names: list[str] = []
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{base.__name__.lstrip('_')}{name}"
            if name not in ("__dict__", "__weakref__"):
                names.append(name)
    return tuple(names)


@lru_cache(maxsize=4096)
def _is_transparent(cls: type) -> bool:
    """Tell whether an instance holds nothing but its attributes: it is as small as a Python class makes it."""
    word = object.__basicsize__ // 2
    size = object.__basicsize__ + word * len(_slots(cls))
    # Dictionaries and weak references that newer Pythons keep before the object have no positive offset.
    size += word * (cls.__dictoffset__ > 0) + word * (cls.__weakrefoffset__ > 0)
    return cls.__basicsize__ <= size and cls.__itemsize__ == 0
