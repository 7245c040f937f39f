"""The contexts of captured objects in which functions are called: what tells them apart, and what they are called."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from types import FunctionType, MethodType
from typing import Any

from .lookup import is_followed, unwrap
from .nodes import Bindings
from .random import shared_name
from .values import Atoms, Instance, Items, Known, Literal

__all__ = ["described", "identity", "live_bindings", "received", "taken_apart"]


def taken_apart(value: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Divide bound methods, partials and callable instances into the function and what it is bound to."""
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    while True:
        value = unwrap(value)
        if shared_name(value):
            return value, arguments, keywords
        if isinstance(value, MethodType):
            value, arguments = value.__func__, (value.__self__, *arguments)
        elif type(value) is functools.partial:
            value, arguments, keywords = value.func, (*value.args, *arguments), {**value.keywords, **keywords}
        else:
            call = type(value).__dict__.get("__call__") or next(
                (base.__dict__["__call__"] for base in type(value).__mro__ if "__call__" in base.__dict__), None
            )
            if isinstance(value, (type, FunctionType)) or not is_followed(call):
                return value, arguments, keywords
            value, arguments = call, (value, *arguments)


def received(bindings: Bindings) -> Bindings:
    """Give known objects the names by which the function that receives them reaches them."""

    def renamed(atoms: Atoms, name: str) -> Atoms:
        ordered = sorted(atoms, key=_label)
        names = [name] if len(ordered) == 1 else [f"{name}|{index}" for index in range(len(ordered))]
        return tuple(renamed_one(atom, called) for atom, called in zip(ordered, names, strict=True))

    def renamed_one(atom: Any, name: str) -> Any:
        if isinstance(atom, Known):
            return Known(atom.value, name, atom.path)
        if isinstance(atom, Items):
            elements = tuple(renamed(element, f"{name}[{index}]") for index, element in enumerate(atom.elements))
            return Items(elements, atom.exact)
        return atom

    return {name: renamed(atoms, name) for name, atoms in bindings.items()}


def _label(atom: Any) -> str:
    if isinstance(atom, Instance):
        return "new"
    if isinstance(atom, Literal):
        return f"'{atom.value}'"
    if isinstance(atom, Items):
        return "[" + ";".join("|".join(sorted(map(_label, element))) for element in atom.elements) + "]"
    return str(getattr(atom, "label", ""))


def identity(atoms: Atoms) -> tuple[Any, ...]:
    """Give what two sets of atoms share where they denote the same live objects."""

    def of(atom: Any) -> Any:
        if isinstance(atom, Literal):
            return atom.key
        if isinstance(atom, Items):
            return tuple(map(identity, atom.elements))
        return id(atom.cls if isinstance(atom, Instance) else atom.value)

    return tuple(map(of, atoms))


def live_bindings(function: FunctionType, arguments: Sequence[Any], keywords: Mapping[str, Any], path: str) -> Bindings:
    """Bind the arguments that a method or partial already holds.

    Args:
        function: what it calls in the end.
        arguments: what it holds by position.
        keywords: what it holds by name.
        path: the dotted path of the method or partial.
    """
    bindings: Bindings = {}
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    for name, value in zip(names, arguments, strict=False):
        bindings[name] = (Known(value, name, f"{path}.{name}"),)
    every = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    rest = {name: value for name, value in keywords.items() if name not in every}
    bindings |= {name: (Known(value, name, f"{path}.{name}"),) for name, value in keywords.items() if name in every}
    position = code.co_argcount + code.co_kwonlyargcount
    if code.co_flags & 0x04:
        name = code.co_varnames[position]
        position += 1
        extra = arguments[len(names) :]
        if extra:
            elements = tuple((Known(value, f"{name}[{i}]", f"{path}.{name}[{i}]"),) for i, value in enumerate(extra))
            bindings[name] = (Items(elements, exact=False),)
    if rest and code.co_flags & 0x08:
        name = code.co_varnames[position]
        bindings[name] = (Known(rest, name, f"{path}.{name}"),)
    return bindings


def described(bindings: Bindings) -> str:
    """Tell the objects of a context by how the caller reaches them."""
    return ",".join(f"{name}={'|'.join(sorted(map(_label, atoms)))}" for name, atoms in sorted(bindings.items()))
