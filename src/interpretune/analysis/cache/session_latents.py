"""The latent models of a session, SAEs and transcoders: what is in the key of each, and in which state."""

from __future__ import annotations

import copy
from dataclasses import fields, is_dataclass
from typing import Any

from .digests.tokens import frame
from .digests.walk import Walk
from .session_run import SessionRun

__all__ = ["attributes_of", "encode_latents"]

#: Where the library makes the functions by which an SAE over `hook_z` takes heads together, and which it has after a
#: forward: one in the place of the first one, which notes the size of a head, and the one that does the reverse.
_LIBRARY = "sae_lens.saes.sae"
_MAKER = "SAE.turn_on_forward_pass_hook_z_reshaping"
_AFTER_FIRST_FORWARD = {
    "reshape_fn_in": f"{_MAKER}.<locals>.reshape_fn_in.<locals>.<lambda>",
    "reshape_fn_out": f"{_MAKER}.<locals>.<lambda>",
}


def encode_latents(run: SessionRun, walk: Walk) -> bytes:
    """Give the token of the latent models of a session, in order.

    Args:
        run: the session; its module has a list ``saes``.
        walk: where they were met.
    """
    pieces: list[bytes] = []
    for index, held in enumerate(run.module.saes):
        with walk.at(f"[{index}]"):
            pieces.append(walk.child(_before_first_forward(getattr(held, "handle", held), run.module), ""))
            for name, value in sorted(attributes_of(held).items()):
                if name != "handle" and name in run.names:
                    pieces += (name.encode(), walk.child(value, f".{name}"))
    return frame("latent models", *pieces)


def attributes_of(value: Any) -> dict[str, Any]:
    """Give an object's own attributes, and the fields of a dataclass that only its class holds."""
    found = dict(getattr(value, "__dict__", {}))
    if is_dataclass(value):
        found.update({field.name: getattr(value, field.name) for field in fields(value) if hasattr(value, field.name)})
    return found


def _before_first_forward(handle: Any, module: Any) -> Any:
    """Give an SAE over `hook_z` as it was before its first forward, as a view of the same tensors; all others as given.

    In its first forward such an SAE notes the size of a head, and puts another function in the place of the one that
    does so. That changes no row where the size is that of the session's model, which counts by itself: the next
    forward would note the same again.
    """
    held = getattr(handle, "__dict__", {})
    size = held.get("d_head")
    model_size = getattr(getattr(getattr(module, "model", None), "cfg", None), "d_head", None)
    if type(size) is not int or size != model_size:
        return handle
    made = {**_AFTER_FIRST_FORWARD, "turn_on_forward_pass_hook_z_reshaping": _MAKER}
    if not all(_is_of_library(getattr(handle, name, None), qualname) for name, qualname in made.items()):
        return handle
    view = copy.copy(handle)
    view.turn_on_forward_pass_hook_z_reshaping()
    del view.d_head
    return view


def _is_of_library(function: Any, qualname: str) -> bool:
    """Tell whether this is a function or method as the library makes it, with nothing bound to it by others."""
    function = getattr(function, "__func__", function)
    if (getattr(function, "__module__", None), getattr(function, "__qualname__", None)) != (_LIBRARY, qualname):
        return False
    return not (function.__closure__ or function.__defaults__ or function.__kwdefaults__)
