"""Torch modules: weights, structure, config, training flags and hooks, each a component of its own.

========================  ==============================================================================================
``.weights``              every parameter and buffer by name, also non-persistent ones, and tensors kept as attributes
``.structure``            the tree of submodules with their classes' code, and the plain attributes of each
``.config``               what the module and its submodules hold as `config` or `cfg`
``.generation``           the generation config, where there is one
``.training``             the training flag of every submodule whose forward depends on it
``.hooks``                forward and backward hooks left registered, only where there are any
``.sharing``              which weights and submodules are one, only where code of the run may edit them: see `sharing`
``.device``               the device type of the weights, unless devices are portable
========================  ==============================================================================================

What does not count: gradients and `requires_grad` unless the code reads them, hooks added and removed, hooks on state
dicts, what loading and saving need, wrappers by `torch.compile` and data parallelism, and the attributes in
`attributes.NOISE_ATTRIBUTES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from types import MethodType
from typing import Any

import torch

from .attributes import counted, encode_library_object, objects_understood
from .code.random import TRAINED
from .module_code import ClassCodes, names_in, records, user_classes
from .module_config import configs_beside, encode_configs, encode_generation, is_config, is_generation
from .module_hooks import encode_hooks, registered_hooks
from .module_training import ClassTraining, passes_on, randomness, training_matters
from .module_tree import Node, grow
from .outside_reads import read_outside
from .patches import encode_patches, module_patches
from .sharing import encode_sharing
from .tensors import TensorHashing, describe
from .tokens import IGNORED, frame
from .walk import Walk
from .written import MET, Written

__all__ = ["encode_module", "encode_pipeline"]


def encode_module(value: torch.nn.Module, walk: Walk) -> bytes:
    """Give the token of a module and file its components.

    Args:
        value: the root module.
        walk: where it was met; its path names the components, such as ``inputs.model.weights``.

    Raises:
        UnfingerprintableError: a tensor has no data, or an attribute of a submodule cannot be understood.
    """
    walk.use("torch")
    walk.models[walk.path] = value
    nodes, codes = grow(value), ClassCodes()
    with _in_place(nodes, walk), configs_beside(nodes, walk), objects_understood(walk):
        hashing = TensorHashing(walk, cache(lambda: _named_by_users(nodes, codes)))
        weights = _counted_weights(_registered_weights(nodes), walk)
        hashing.add(weights)
        kept = _kept_attributes(nodes, codes, walk)
        others = _counted_weights(_kept_weights(nodes, kept), walk)
        hashing.add(others)
        placeholders = [
            _file(walk, ".structure", lambda: _structure(nodes, kept, codes, walk)),
            _file(walk, ".config", lambda: encode_configs(nodes, walk)),
            _file(walk, ".generation", lambda: encode_generation(nodes, walk)),
            _file(walk, ".training", lambda: _training(nodes, codes, walk), always=True),
            _file(walk, ".hooks", lambda: encode_hooks(nodes, codes, walk)),
            _file(walk, ".sharing", lambda: encode_sharing(nodes, codes, walk, others)),
            _file(walk, ".device", lambda: _device(nodes, walk)),
            _file(walk, ".weights", lambda: _encode_weights({**weights, **others}, hashing, walk)),
        ]
    return frame("module", *(placeholder for placeholder in placeholders if placeholder))


def encode_pipeline(value: Any, walk: Walk) -> bytes:
    """Give the token of a pipeline of transformers: its class and what it is made of; it may sample when it is called.

    Args:
        value: the pipeline.
        walk: where it was met.
    """
    walk.use("transformers")
    configs = (getattr(holder, "generation_config", None) for holder in (value, getattr(value, "model", None)))
    if any(getattr(config, "do_sample", False) for config in configs):
        walk.stochastic(f"{walk.path}: its generation config samples", "torch")
    return encode_library_object(value, walk)


def _file(walk: Walk, name: str, encode: Any, always: bool = False) -> bytes:
    """File one component; give its placeholder, or nothing where there is nothing to file or the user left it out.

    Where it was left out it is looked at `always` if it also says something about the run.
    """
    if walk.policy.ignore and walk.policy.ignores(walk.path + name):
        walk.ignored.append(walk.path + name)
        if always:
            encode()
        return b""
    with walk.component(name):
        token = encode()
    return walk.file(name, token) if token is not None else b""


@contextmanager
def _in_place(nodes: list[Node], walk: Walk) -> Iterator[None]:
    """Let attributes that lead back to a module of the tree count as the place where it stands."""
    references: list[tuple[Any, bytes]] = []
    seen: set[int] = set()
    for node in nodes:
        for module in (node.module, *node.wrappers):
            if id(module) not in seen:
                seen.add(id(module))
                references.append((module, _standing_at(node.path)))
    with walk.standing_for(references):
        yield


@lru_cache(maxsize=16384)
def _standing_at(path: str) -> bytes:
    return frame("module at", path.encode())


#: What models of transformers repeat from their config when they are built, and what stays when the config is changed.
_REPEATED = "_attn_implementation"
#: Attributes that count, by the path of their module and their name.
_Kept = dict[str, dict[str, Any]]


def _kept_attributes(nodes: list[Node], codes: ClassCodes, walk: Walk) -> _Kept:
    left = records({node.cls for node in nodes}, codes)
    names = frozenset().union(*left.values())
    if names:
        elsewhere = read_outside([walk.step, *registered_hooks(nodes)], names)
        left = {cls: found - elsewhere for cls, found in left.items()}
    found: _Kept = {}
    for node in nodes if walk.policy.include or any(left.values()) else ():
        with walk.at(node.path):
            found[node.path] = dict(counted(node.module, walk))
            cls = node.cls
            for name in sorted(left.get(cls, frozenset()) & found[node.path].keys()):
                if not walk.policy.includes(f"{walk.path}.{name}"):
                    del found[node.path][name]
                    walk.note(
                        f"`{cls.__qualname__}.{name}` is left behind by a forward, read by none, and does not count"
                    )
    found = found or {node.path: dict(counted(node.module, walk)) for node in nodes}
    for node in nodes:
        if _REPEATED in found[node.path] and not _reads_repeated(node.cls, codes):
            config = getattr(node.module, "config", None)
            found[node.path][_REPEATED] = getattr(config, _REPEATED, found[node.path][_REPEATED])
    return found


def _reads_repeated(cls: type, codes: ClassCodes) -> bool:
    """Tell whether a model's own code reads what it repeats, or may read it: the base class reads only its config."""
    return any(
        _REPEATED in names_in(function.__code__)
        for code in codes.own(cls)
        if code.cls.__name__ != "PreTrainedModel"
        for name, function in code.functions
        if name != "__init__"
    )


# --- weights


def _named_by_users(nodes: list[Node], codes: ClassCodes) -> frozenset[str]:
    """Give all names in the code of the user's own module classes."""
    return frozenset().union(*(codes[cls].words for cls in user_classes(node.cls for node in nodes)))


def _registered_weights(nodes: list[Node]) -> dict[str, torch.Tensor]:
    return {
        f"{node.path}.{name}": tensor
        for node in nodes
        if node.inside is None
        for tensors in (node.module._parameters, node.module._buffers)
        for name, tensor in tensors.items()
        if tensor is not None
    }


def _kept_weights(nodes: list[Node], kept: _Kept) -> dict[str, torch.Tensor]:
    return {
        f"{node.path}.{name}": attribute
        for node in nodes
        if node.inside is None
        for name, attribute in kept[node.path].items()
        if isinstance(attribute, torch.Tensor)
    }


def _counted_weights(named: dict[str, torch.Tensor], walk: Walk) -> dict[str, torch.Tensor]:
    """Leave out what the user left out."""
    if not walk.policy.ignore:
        return named
    left_out = [path for path in named if walk.policy.ignores(walk.path + path)]
    walk.ignored += [walk.path + path for path in left_out]
    if walk.policy.ignores(f"{walk.path}.weights"):
        return {}
    return {path: tensor for path, tensor in named.items() if path not in left_out}


def _encode_weights(named: dict[str, torch.Tensor], hashing: TensorHashing, walk: Walk) -> bytes:
    pieces: list[bytes] = []
    root = walk.path
    described = [(path, describe(tensor)) for path, tensor in sorted(named.items())]
    tokens = hashing.finish()  # all that can be done without it is done: from here on, the threads are waited for
    for path, text in described:
        walk.part(tokens[path], text, name=root + path)
        pieces += (path.encode(), tokens[path])
    return frame("weights", *pieces)


def _device(nodes: list[Node], walk: Walk) -> bytes | None:
    if walk.policy.device != "strict":
        return None
    tensors = _registered_weights(nodes)
    kinds = sorted({tensor.device.type for tensor in tensors.values()})
    walk.part(frame("devices", *map(str.encode, kinds)), ", ".join(kinds), name=f"{walk.path}.device")
    if len(kinds) <= 1:
        return frame("device", *map(str.encode, kinds))
    places = sorted((path, tensor.device.type) for path, tensor in tensors.items())
    return frame("devices", *(text.encode() for place in places for text in place))


# --- structure


def _structure(nodes: list[Node], kept: _Kept, codes: ClassCodes, walk: Walk) -> bytes:
    pieces: list[bytes] = []
    classes: dict[type, bytes] = {}
    root = walk.path
    written = Written(walk)
    for node in nodes:
        pieces.append(node.path.encode())
        if node.inside is not None:
            pieces.append(frame("inside", node.inside.encode()))
            continue
        cls = node.cls
        with walk.at(node.path):
            if cls not in classes:
                classes[cls] = _class(cls, codes, walk)
            walk.part(classes[cls], cls.__qualname__, name=f"{root}{node.path}.__class__")
            if isinstance(node.module, torch.nn.ModuleDict):
                names = list(node.module)
                walk.part(frame("order", *map(str.encode, names)), ", ".join(names), name=f"{walk.path}.keys()")
            pieces += (classes[cls], _attributes(node.module, kept[node.path], walk, written))
    patches = module_patches({base.__module__ for cls in classes for base in cls.__mro__})
    pieces += (encode_patches(patches, walk),) if patches else ()
    return frame("structure", *pieces)


def _class(cls: type, codes: ClassCodes, walk: Walk) -> bytes:
    pieces = [walk.code(cls, ".__class__")]
    for base in cls.__mro__:
        for name, function in codes[base].foreign:
            pieces += (name.encode(), walk.child(function, f".{name}"))
    return frame("class", *pieces)


def _attributes(module: torch.nn.Module, attributes: dict[str, Any], walk: Walk, written: Written) -> bytes:
    met = {name: MET if is_config(name, value) else value for name, value in attributes.items()}
    token: bytes = written.once(type(module), met, lambda: _encode_attributes(module, attributes, walk))
    return token


def _encode_attributes(module: torch.nn.Module, attributes: dict[str, Any], walk: Walk) -> bytes:
    pieces: list[bytes] = []
    for name, attribute in attributes.items():
        if is_config(name, attribute) or is_generation(name, attribute):
            pieces += (name.encode(), b"config")
        elif passes_on(attribute):
            pieces += (name.encode(), b"passes on")
        elif isinstance(attribute, MethodType) and attribute.__self__ is module:
            if getattr(type(module), name, None) is attribute.__func__:
                continue  # put back in the place of what was put over it
            # Its own method under another name: what it is bound to is being taken apart here.
            pieces += (name.encode(), frame("own method", walk.child(attribute.__func__, f".{name}")))
        elif not isinstance(attribute, torch.Tensor):
            token = walk.child(attribute, f".{name}")
            pieces += (name.encode(), token) if token != IGNORED else ()
    return frame("attributes", *pieces)


# --- training mode


def _training(nodes: list[Node], codes: ClassCodes, walk: Walk) -> bytes:
    pieces: list[bytes] = []
    random: dict[str, list[str]] = {}
    in_training: dict[str, list[str]] = {}
    said = {cls: ClassTraining.of(cls, codes) for cls in dict.fromkeys(node.cls for node in nodes)}
    root = walk.path
    for node in nodes:
        module = node.module
        if node.inside is None and training_matters(module, said[node.cls]):
            token = b"bool:1" if module.training else b"bool:0"
            walk.part(token, str(module.training), name=f"{root}{node.path}.training")
            pieces += (node.path.encode(), token)
        reason = randomness(module, said[node.cls], module.training)
        if reason is not None:
            random.setdefault(reason, []).append(f"{root}{node.path}")
        elif not module.training and (reason := randomness(module, said[node.cls], True)) is not None:
            in_training.setdefault(reason, []).append(f"{root}{node.path}")
    for reason, paths in random.items():
        walk.stochastic(f"{_these(paths)}: {reason}", "torch")
    for reason, paths in in_training.items():
        walk.suspect(f"{_these(paths)}: {reason}", TRAINED)
    return frame("training", *pieces)


def _these(paths: list[str]) -> str:
    others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{others}"
