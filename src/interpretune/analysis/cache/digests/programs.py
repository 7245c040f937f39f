"""Torch's own objects in C++ and its recorded programs: packed weights of quantized layers, graphs of `torch.fx`."""

from __future__ import annotations

from typing import Any

import torch

from .tokens import frame
from .walk import Walk

__all__ = ["encode_graph", "encode_operator", "encode_script_function", "encode_script_object"]

#: Operators that come with torch; another library's have code of their own that is not seen here.
_NAMESPACES = frozenset(
    {"aten", "prim", "prims", "profiler", "quantized", "quantized_decomposed", "_quantized", "higher_order"}
)


def encode_script_object(value: Any, walk: Walk) -> bytes:
    """Give the token of an object of a TorchScript class, such as the packed weights of a quantized layer.

    Args:
        value: a `torch.ScriptObject`.
        walk: where it was met.

    Raises:
        UnfingerprintableError: its class does not say what it consists of.
    """
    if not value._has_method("__getstate__"):
        walk.refuse(value, "its TorchScript class does not say what it consists of")
    kind = value._type().qualified_name()
    pieces = [kind.encode(), walk.child(value.__getstate__(), ".__getstate__()")]
    if ".quantized." in kind:
        # The library that multiplies by such weights, whose results differ from another's.
        pieces.append(walk.child(torch.backends.quantized.engine, ".engine"))
    return frame("script object", *pieces)


def encode_script_function(value: Any, walk: Walk) -> bytes:
    """Give the token of a function compiled by `torch.jit.script`: the Python function, or else the recorded graph.

    Args:
        value: a `torch.jit.ScriptFunction`.
        walk: where it was met.
    """
    walk.use("torch")
    written = getattr(value, "_torchdynamo_inline", None)
    if written is not None:
        return frame("script function", walk.child(written, ".__wrapped__"))
    return frame("script function", value.inlined_graph.str(False).encode())


def encode_graph(value: Any, walk: Walk) -> bytes:
    """Give the token of a `torch.fx.Graph`: the program that it stands for, with the functions that this calls.

    Args:
        value: the graph.
        walk: where it was met.
    """
    source = value.python_code("self").src
    called = {}
    for node in value.nodes:
        if node.op == "call_function":
            called[str(node.name)] = walk.child(node.target, f".{node.name}")
    token = frame(
        "graph", source.encode(), *(piece for name in sorted(called) for piece in (name.encode(), called[name]))
    )
    walk.part(token, source)
    return token


def encode_operator(value: Any, walk: Walk) -> bytes:
    """Give the token of one of torch's operators, such as ``torch.ops.aten.linear.default``: its name.

    Args:
        value: an `OpOverload` or `OpOverloadPacket`.
        walk: where it was met.

    Raises:
        UnfingerprintableError: it belongs to another library.
    """
    name = str(value)
    if name.partition(".")[0] not in _NAMESPACES:
        walk.refuse(value, f"the code of the operator {name} is not known to the cache")
    walk.use("torch")
    token = frame("operator", name.encode())
    walk.part(token, name)
    return token
