"""What is one object at several places of a model: tied weights, and modules that stand there more than once.

A forward gives the same with tied weights and with equal copies, so this does not count by itself. Where the step, a
hook or a forward of the user's edits one of these places, or puts a hook there, the others change with it: then it
counts which places are one. So it is with plain attributes that hold a weight, and between two models of one run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .distributions import class_origin
from .edits import Target, edited
from .module_code import BESIDE, ClassCodes, records, user_classes
from .module_hooks import registered_hooks
from .module_tree import Node, grow
from .tokens import IGNORED, frame
from .walk import Composed, Walk

__all__ = ["encode_sharing", "sharing_between", "sharing_within"]

_Groups = list[list[tuple[str, Any]]]


def sharing_within(module: Any, walk: Walk) -> bytes | None:
    """Give what `encode_sharing` gives for a module of which code reads parts.

    Args:
        module: the root module.
        walk: standing at it.
    """
    return encode_sharing(grow(module), ClassCodes(), walk)


def sharing_between(models: Mapping[str, Any]) -> Composed:
    """Give what counts of weights that lie in more than one of the models of a run.

    Args:
        models: the root modules by their paths.
    """
    nodes = [node._replace(path=path + node.path) for path, module in models.items() for node in grow(module)]
    return Composed(lambda walk: encode_sharing(nodes, ClassCodes(), walk, models=tuple(models)) or IGNORED)


def encode_sharing(
    nodes: list[Node],
    codes: ClassCodes,
    walk: Walk,
    attributes: Mapping[str, torch.Tensor] | None = None,
    models: tuple[str, ...] = (),
) -> bytes | None:
    """Give the token of which places of a tree are one object.

    Args:
        nodes: the places of the tree.
        codes: of this walk.
        walk: standing at its root; its step is what may edit.
        attributes: tensors in plain attributes, by their paths.
        models: where the places are those of several models, their paths: then only weights count that lie in more
            than one, and are edited.

    Returns:
        None where nothing is shared, or nothing of it is edited.
    """
    nodes = [node for node in nodes if node.inside is None]
    classes = user_classes(node.cls for node in nodes)
    hooks = registered_hooks(nodes)
    if walk.step is None and not hooks and not classes:
        return None  # there is no code of the user's
    modules, tensors = ([] if models else _shared_modules(nodes)), _shared_tensors(nodes, attributes or {})
    if models:
        tensors = [
            group
            for group in tensors
            if not any(all(path.startswith(f"{root}.") for path, _ in group) for root in models)
        ]
    if not modules and not tensors:
        return None
    targets = {
        _target(found, of_modules, not models): found
        for found, of_modules in ((modules, True), (tensors, False))
        if found
    }
    methods = [method for cls in classes for name, method in codes[cls].functions if name not in BESIDE]
    counting = edited([walk.step, *hooks], methods, targets)
    pieces: list[bytes] = []
    for target, groups in targets.items():
        if target in counting or (target.are_modules and _carry(groups, nodes, codes)):
            kind = b"modules" if target.are_modules else b"tensors"
            pieces.append(frame("shared", kind, *sorted(_token(group, walk) for group in groups)))
    return frame("sharing", *pieces) if pieces else None


def _token(group: list[tuple[str, Any]], walk: Walk) -> bytes:
    pieces: list[bytes] = []
    first: dict[int, int] = {}
    start = min((_start(value) for _, value in group if isinstance(value, torch.Tensor)), default=0)
    for path, value in sorted(group, key=lambda place: place[0]):
        pieces.append(path.encode())
        if isinstance(value, torch.Tensor):
            # Two parameters may lie in one memory: what is put in the place of one's data leaves the other as it is.
            pieces.append(f"{first.setdefault(id(value), len(first))} at {_start(value) - start}".encode())
    token = frame("one", *pieces)
    paths = [path for path, _ in sorted(group, key=lambda place: place[0])]
    walk.part(token, f"the same as {', '.join(paths[1:])}", name=f"{walk.path}{paths[0]} is shared")
    return token


def _target(groups: _Groups, are_modules: bool, are_listed: bool) -> Target:
    places = [place for group in groups for place in group]
    names = frozenset(_last_name(path) for path, _ in places)
    return Target(names, frozenset(id(value) for _, value in places), are_modules, are_listed)


def _last_name(path: str) -> str:
    """Give the last name on a way that is no number; what it leads to is reached by that name and by counting."""
    return next((name for name in reversed(path.split(".")) if not name.isdecimal()), "")


def _carry(groups: _Groups, nodes: list[Node], codes: ClassCodes) -> bool:
    """Tell whether one of the shared modules is of a class whose forward keeps something for the next."""
    left = records({node.cls for node in nodes}, codes)
    classes = {type(value) for group in groups for _, value in group}
    return any(
        code.left_by_forward - left.get(cls, frozenset())
        for cls in classes
        for code in codes.own(cls)
        if class_origin(code.cls).user
    )


def _shared_modules(nodes: list[Node]) -> _Groups:
    groups: dict[int, list[tuple[str, Any]]] = {}
    for node in nodes:
        groups.setdefault(id(node.module), []).append((node.path, node.module))
    return [group for group in groups.values() if len(group) > 1]


def _shared_tensors(nodes: list[Node], attributes: Mapping[str, torch.Tensor]) -> _Groups:
    """Give the groups of weights whose memory overlaps; those that merely lie in one storage are not one."""
    named = [
        (f"{node.path}.{name}", tensor)
        for node in nodes
        for tensors in (node.module._parameters, node.module._buffers)
        for name, tensor in tensors.items()
        if tensor is not None
    ]
    # What installed code keeps beside its weights follows from its version, and may lie elsewhere on another device.
    users = {node.path for node in nodes if class_origin(node.cls).user} if attributes else set()
    named += [(path, tensor) for path, tensor in attributes.items() if path.rpartition(".")[0] in users]
    places = [(_start(tensor), str(tensor.device), path, tensor) for path, tensor in named if _has_memory(tensor)]
    groups: _Groups = []
    end, device = 0, ""
    for start, where, path, tensor in sorted(places, key=lambda place: (place[1], place[0])):
        if not groups or where != device or start >= end:
            groups.append([])
            end, device = 0, where
        groups[-1].append((path, tensor))
        end = max(end, start + _extent(tensor))
    return [group for group in groups if len(group) > 1]


def _has_memory(tensor: torch.Tensor) -> bool:
    plain = type(tensor) in (torch.Tensor, torch.nn.Parameter)
    return plain and tensor.layout is torch.strided and tensor.device.type != "meta" and tensor.numel() > 0


def _start(tensor: torch.Tensor) -> int:
    return int(tensor.data_ptr())


def _extent(tensor: torch.Tensor) -> int:
    if tensor.is_contiguous():
        return int(tensor.nbytes)
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return int((last + 1) * tensor.element_size())
