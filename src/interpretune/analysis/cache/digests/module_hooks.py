"""Hooks left registered on modules: their code, kind and order; not the numbers of their handles."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from torch.nn.modules import module as torch_module

from .distributions import class_origin
from .hook_readers import Readers
from .hook_targets import HeldByStep
from .module_code import ClassCodes
from .module_tree import Node
from .observers import is_observer, keeper_token, written_places
from .registry import find_encoder
from .tokens import IGNORED, frame
from .walk import Composed, Walk

__all__ = ["MODULES", "NOISE_HOOKS", "encode_hooks", "global_hooks", "registered_hooks"]

#: The circumstance that modules were met, with which the hooks of all modules count.
MODULES = "modules of torch"

#: Hooks that libraries leave behind for their own bookkeeping: the module that defines them, and why they do not count.
NOISE_HOOKS = {
    "transformer_lens.model_bridge.generalized_components.block": "put in place by the first forward, to keep what a "
    "later hook point gives out",
    "transformers.utils.output_capturing": "collects hidden states during a call that asks for them; else idle",
    "transformers.modeling_utils": "lets gradients through to the embeddings, for checkpointing and adapters",
}

#: What torch's `ModuleTracker`, alone or below `FlopCounterMode`, tells of its hooks' doing: which modules are at work.
#: Its hooks only watch, so they do not count unless code that takes part may read one of these.
_TRACKER = "torch.utils.module_tracker"
_TOLD_BY_TRACKER = ("parents", "is_bw")

_HOOK_KINDS = (
    ("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"),
    ("_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
    ("_backward_pre_hooks",),
    ("_backward_hooks", "_is_full_backward_hook"),
)
#: Hooks of a parameter, which see and may change its gradient.
_GRADIENT_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


def encode_hooks(nodes: list[Node], codes: ClassCodes, walk: Walk) -> bytes | None:
    """Give the token of the forward and backward hooks that are registered on a tree's modules, or on all modules.

    Args:
        nodes: the places of the tree.
        codes: of this walk.
        walk: standing at its root.

    Returns:
        None where there are none.
    """
    if nodes:
        walk.circumstance(MODULES)
    places = list(_places(nodes))
    unheard = _unheard(nodes, _hooks_at(places), codes, walk)
    pieces: list[bytes] = []
    held = HeldByStep(walk.step)
    for place in places:
        with walk.at(place.path):
            pieces += _registered(place, unheard, held, walk)
    return frame("hooks", *pieces) if pieces else None


def global_hooks() -> Composed | None:
    """Give the hooks of all modules as a value with a meaning, for a run that meets no module; None without any."""
    if not registered_hooks([]):
        return None
    return Composed(lambda walk: encode_hooks([], ClassCodes(), walk) or IGNORED)


def registered_hooks(nodes: list[Node]) -> list[Any]:
    """Give the hooks that are registered on a tree's modules and weights, or on all modules."""
    return _hooks_at(_places(nodes))


class _Place(NamedTuple):
    """A dictionary that holds hooks of one kind."""

    path: str
    kind: str
    hooks: dict[int, Any]
    #: For each hook or for all of them: whether they are called in another way.
    flags: tuple[Any, ...] = ()


def _places(nodes: list[Node]) -> Iterator[_Place]:
    for node in nodes:
        for module in (*node.wrappers, node.module) if node.inside is None else ():
            for kind, *flags in _HOOK_KINDS:
                if hooks := getattr(module, kind, None):
                    yield _Place(node.path, kind, hooks, tuple(getattr(module, flag, None) for flag in flags))
        for name, tensor in node.module._parameters.items() if node.inside is None else ():
            for kind in _GRADIENT_HOOKS if tensor is not None else ():
                if hooks := getattr(tensor, kind):
                    yield _Place(f"{node.path}.{name}", kind, hooks)
    for kind in ("_global_forward_pre_hooks", "_global_forward_hooks", "_global_backward_pre_hooks",
                 "_global_backward_hooks"):  # fmt: skip
        yield _Place("", kind, getattr(torch_module, kind, {}))


def _hooks_at(places: Iterable[_Place]) -> list[Any]:
    return [hook for place in places for hook in place.hooks.values()]


def _unheard(nodes: list[Node], hooks: list[Any], codes: ClassCodes, walk: Walk) -> set[int]:
    """Give the identities of the hooks that only watch, and write to nothing that anybody else may read."""
    watching = {id(hook): hook for hook in hooks if is_observer(hook)}
    written = {identity: written_places(hook) for identity, hook in watching.items()}
    for hook in hooks:
        if (tracker := _tracker(hook)) is not None:
            watching[id(hook)] = hook
            written[id(hook)] = {(id(tracker), name) for name in _TOLD_BY_TRACKER}
    if not any(written.values()):
        return set(watching)
    readers = Readers(getattr(hook, "__func__", hook) for hook in watching.values())
    readers.add_modules([node.module for node in nodes], codes)
    readers.add(walk.step, *(hook for hook in hooks if id(hook) not in watching))
    while heard := [identity for identity in watching if any(map(readers.read, written[identity]))]:
        for identity in heard:
            # It is listened to, so it matters as well what it listens to.
            readers.listen(watching.pop(identity))
    return set(watching)


def _tracker(hook: Any) -> Any:
    """Give the `ModuleTracker` that a hook belongs to; None for every other hook."""
    if isinstance(hook, MethodType) and hook.__func__.__module__ == _TRACKER:
        return hook.__self__
    while isinstance(hook, FunctionType) and hook.__module__ in ("torch.autograd.graph", _TRACKER):
        # On a tensor lies what `register_multi_grad_hook` puts around a function, and that is made for the tracker.
        held = inspect.getclosurevars(hook).nonlocals
        if hook.__module__ == _TRACKER:
            return held.get("self")
        hook = held.get("fn")
    return None


def _registered(place: _Place, unheard: set[int], held: HeldByStep, walk: Walk) -> list[bytes]:
    tokens: list[bytes] = []
    kind = place.kind
    for handle, hook in place.hooks.items():
        if getattr(hook, "__module__", None) in NOISE_HOOKS:
            continue
        if id(hook) in unheard:
            walk.note(
                f"the hook `{getattr(hook, '__qualname__', kind)}` only watches, keeps nothing and does not count"
            )
            continue
        # Handle numbers come from a counter of the process; the order is what counts.
        state = [flag if isinstance(flag, bool) else handle in (flag or ()) for flag in place.flags]
        step = f".{kind.strip('_')}[{len(tokens)}]"
        token = keeper_token(hook, walk) or _hook(hook, step, walk)
        if ways := sorted(held.ways(hook)):
            token = frame("holding", token, *(way.encode() for way in ways))
        walk.part(token, getattr(hook, "__qualname__", type(hook).__qualname__), name=walk.path + step)
        tokens.append(frame("hook", token, *(b"bool:1" if on else b"bool:0" for on in state)))
    return [walk.path.encode(), kind.encode(), *tokens] if tokens else []


def _hook(hook: Any, step: str, walk: Walk) -> bytes:
    if find_encoder(hook) is None and class_origin(type(hook)).user:
        # An object of the user's that is called as a hook counts by what its `__call__` reads: not by its counters.
        with walk.at(step):
            return walk.code(hook, "")
    return walk.child(hook, step)
