"""The ops of an analysis: what they are made of, and which others they call by name.

An op is its implementation (source, with helpers), its bound and importable parameters, its schemas and its traits; a
composite is its members in order. Implementations call further ops by name, through the host's namespace: those that
the op's definition lists as required count, and those whose name the user's code reads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from .digests.attributes import objects_understood
from .digests.tokens import frame
from .digests.walk import Walk
from .session_names import names_called
from .session_table import NOISE, row_of

__all__ = [
    "encode_implementation",
    "encode_op",
    "encode_parameters",
    "encode_schemas",
    "encode_traits",
    "implementations",
    "ops_of",
]

_DISPATCHER = "interpretune.analysis.ops.dispatcher"


def resolved(op: Any) -> Any:
    """Give the op behind the host's lazy wrapper, or the object itself."""
    # The wrapper answers for the op it wraps in all but its class.
    if type(op).__name__ == "OpWrapper" and hasattr(type(op), "_ensure_instantiated"):
        return op._ensure_instantiated()
    return op


def members(op: Any) -> list[Any]:
    """Give the members of a composite in order; nothing for a single op."""
    return [resolved(member) for member in getattr(op, "composition", None) or ()]


def ops_of(op: Any, functions: Iterable[Any] = ()) -> list[Any]:
    """Give an op and all ops that it may call: members first, then those called by name, sorted by name.

    Args:
        op: the op; a list of ops counts as a composite; None where a step of the user's runs without one.
        functions: code of the user that may call ops by name as well.
    """
    first = op if isinstance(op, (list, tuple)) else [] if op is None else [op]
    found: dict[int, Any] = {}
    pending = [resolved(one) for one in first]
    while pending:
        one = pending.pop(0)
        if id(one) not in found:
            found[id(one)] = one
            pending += members(one)
    direct = list(found.values())
    return direct + _called(direct, list(functions))


def _called(ops: list[Any], functions: list[Any]) -> list[Any]:
    dispatcher = getattr(sys.modules.get(_DISPATCHER), "DISPATCHER", None)
    if dispatcher is None:
        return []
    definitions = getattr(dispatcher, "_op_definitions", {})
    known = {id(op) for op in ops}
    names = _required(ops, definitions) | (names_called([*functions, *implementations(ops)]) & set(definitions))
    found: dict[str, Any] = {}
    while names:
        name = min(names)
        names.discard(name)
        op = resolved(dispatcher.get_op(name))
        if name in found or id(op) in known:
            continue
        known.add(id(op))
        found[name] = op
        reached = [op, *members(op)]
        names |= _required(reached, definitions) | (names_called(implementations(reached)) & set(definitions))
    return [found[name] for name in sorted(found)]


def _required(ops: Iterable[Any], definitions: Any) -> set[str]:
    names: set[str] = set()
    for op in ops:
        definition = definitions.get(getattr(op, "name", None))
        names.update(getattr(definition, "required_ops", None) or ())
        names.update(getattr(definition, "composition", None) or ())
    return {name for name in names if name in definitions}


def implementations(ops: Iterable[Any]) -> list[Any]:
    """Give the functions that ops run: implementations, and parameters that can be called."""
    found: list[Any] = []
    for op in ops:
        implementation = getattr(op, "_impl", None)
        found.append(
            op if implementation is None and callable(op) and not hasattr(op, "output_schema") else implementation
        )
        found += [value for value in (getattr(op, "impl_params", None) or {}).values() if callable(value)]
    return [function for function in found if callable(function)]


def encode_implementation(ops: list[Any], walk: Walk) -> bytes:
    """Give the token of the code of ops, in order, each by source where it is the user's."""

    def one(op: Any) -> bytes:
        if not hasattr(op, "_impl"):
            return walk.child(op)
        held = walk.child(op._impl, "._impl") if op._impl is not None else b"none"
        return frame("op", walk.code(type(op), ".__class__"), held, str(len(members(op))).encode())

    token = _each(ops, walk, one)
    walk.part(token, ", ".join(str(getattr(op, "name", type(op).__qualname__)) for op in ops) or "none", name="ops")
    return token


def encode_parameters(ops: list[Any], walk: Walk) -> bytes:
    """Give the token of the parameters that are bound to the implementations of ops."""
    with objects_understood(walk):
        return _each(ops, walk, lambda op: walk.child(dict(getattr(op, "impl_params", None) or {}), ".impl_params"))


def encode_schemas(ops: list[Any], walk: Walk) -> bytes:
    """Give the token of the columns that ops read and write."""

    def one(op: Any) -> bytes:
        return frame(
            "schemas", *(walk.child(getattr(op, name, None), f".{name}") for name in ("input_schema", "output_schema"))
        )

    with objects_understood(walk):
        return _each(ops, walk, one)


def encode_traits(ops: list[Any], walk: Walk) -> bytes:
    """Give the token of all other attributes of ops, which the table does not take for noise."""
    elsewhere = ("op.implementation", "op.parameters", "op.schema", NOISE)

    def one(op: Any) -> bytes:
        pieces: list[bytes] = []
        for name, value in sorted(getattr(op, "__dict__", {}).items()):
            row = row_of(f"op.{name}")
            if row is None or row.component not in elsewhere:
                pieces += (name.encode(), walk.child(value, f".{name}"))
        return frame("traits", *pieces)

    with objects_understood(walk):
        return _each(ops, walk, one)


def encode_op(op: Any, walk: Walk) -> bytes:
    """Give the token of an op that some code holds as a value: all of it, and what it calls."""
    ops = ops_of(op)
    return frame(
        "op",
        *(encode(ops, walk) for encode in (encode_implementation, encode_parameters, encode_schemas, encode_traits)),
    )


def _each(ops: list[Any], walk: Walk, one: Callable[[Any], bytes]) -> bytes:
    pieces = []
    for op in ops:
        with walk.standing(f"op.{getattr(op, 'name', type(op).__qualname__)}"):
            pieces.append(one(op))
    return frame("ops", *pieces)
