"""Hooks of an analysis config: which places of the model they watch, and what they do there."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from .digests.tokens import frame
from .digests.walk import Walk

__all__ = ["encode_hooks", "encode_names", "hook_functions", "selected_names"]

_HOST_CORE = "interpretune.analysis.core"
_DEFAULT_HOOK = "_make_simple_cache_hook.<locals>."


def hook_functions(cfg: Any) -> list[Any]:
    """Give the functions in the hooks of a config that are not the host's own, and its filter."""
    hooks = [*(getattr(cfg, "fwd_hooks", None) or ()), *(getattr(cfg, "bwd_hooks", None) or ())]
    held = [part for hook in hooks for part in (hook if isinstance(hook, (list, tuple)) else (hook,))]
    held.append(getattr(cfg, "names_filter", None))
    return [part for part in held if callable(part) and getattr(part, "__module__", None) != _HOST_CORE]


def candidates(module: Any) -> list[str]:
    """Give the names of all hooks that a filter is asked about: the model's, and those of the latent models."""
    names = set(getattr(getattr(module, "model", None), "hook_dict", None) or ())
    for held in getattr(module, "saes", None) or ():
        handle = held.handle
        place = getattr(getattr(getattr(handle, "cfg", None), "metadata", None), "hook_name", None)
        keys = list(getattr(handle, "hook_dict", None) or ())
        names.update(f"{place}.{key}" for key in keys)
        canonical = getattr(getattr(module, "model", None), "get_sae_hook_name", None)
        if canonical is not None:
            names.update(canonical(handle, key) for key in keys)
    return sorted(names)


def selected_names(names_filter: Any, names: Iterable[str]) -> list[str] | None:
    """Give the names that a filter selects, sorted; None where that cannot be told from the filter.

    Args:
        names_filter: None for all, a name, a list of names, or a function that tells of a name whether it is wanted.
        names: the names that there are.
    """
    names = list(names)
    if names_filter is None:
        return names
    if isinstance(names_filter, str):
        return [name for name in names if name == names_filter]
    if isinstance(names_filter, (list, tuple, set, frozenset)):
        return [name for name in names if name in names_filter]
    return [name for name in names if names_filter(name)] if callable(names_filter) and names else None


def encode_names(cfg: Any, module: Any, walk: Walk) -> bytes:
    """Give the token of what a config's filter selects, the same for each form in which it can be given."""
    names_filter = getattr(cfg, "names_filter", None)
    with walk.at(".names_filter"):
        token = _filter(names_filter, candidates(module), walk)
    aliases = getattr(cfg, "_canonical_to_alias_names", None) or {}
    return frame("names", token, walk.child(dict(aliases), "._canonical_to_alias_names"))


def _filter(names_filter: Any, names: list[str], walk: Walk) -> bytes:
    selected = selected_names(names_filter, names)
    if selected is None:
        selected = _listed(names_filter)
    if selected is None:
        return walk.child(names_filter)
    token = frame("selected", *(name.encode() for name in selected))
    walk.part(token, ", ".join(selected) or "none")
    return token


def _listed(names_filter: Any) -> list[str] | None:
    """Give the names in the closure of the function that the host makes of a list or a name."""
    if getattr(names_filter, "__module__", None) != _HOST_CORE or not inspect.isfunction(names_filter):
        return None
    held = inspect.getclosurevars(names_filter).nonlocals
    if "filter_list" in held:
        return sorted(set(held["filter_list"]))
    return [held["filter_str"]] if "filter_str" in held else None


def encode_hooks(hooks: Any, module: Any, walk: Walk) -> bytes:
    """Give the token of hooks: pairs of a filter and a function, in order."""
    names = candidates(module)
    pieces = []
    for index, hook in enumerate(hooks or ()):
        with walk.at(f"[{index}]"):
            if not isinstance(hook, (list, tuple)) or len(hook) != 2:
                pieces.append(walk.child(hook))
                continue
            wanted, function = hook
            with walk.at("[0]"):
                place = _filter(wanted, names, walk)
            pieces.append(frame("hook", place, _function(function, walk)))
    return frame("hooks", *pieces)


def _function(function: Any, walk: Walk) -> bytes:
    if getattr(function, "__module__", None) == _HOST_CORE and _DEFAULT_HOOK in getattr(function, "__qualname__", ""):
        is_backward = inspect.getclosurevars(function).nonlocals.get("is_backward")
        return frame("default", b"backward" if is_backward else b"forward")
    return walk.child(function, "[1]")
