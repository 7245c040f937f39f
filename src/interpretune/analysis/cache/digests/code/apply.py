"""Calls of known functions: which parameter receives which object, and what comes back."""

from __future__ import annotations

import functools
import logging
import weakref
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from .lookup import (
    Method,
    dispatched,
    find_attribute,
    find_class_attribute,
    is_followed,
    is_user_class,
    is_user_function,
    unwrap,
    wrapped_by_installed,
)
from .values import Atom, Atoms, Bound, Instance, Items, Known, Literal, Local, Quiet, join

if TYPE_CHECKING:
    from .nodes import Bindings, Paths
    from .reads import Reader

__all__ = ["ANY_PARAMETER", "Arguments", "apply", "apply_each", "held_arguments"]

#: Stands among paths by parameter for whatever parameter may be given something by ``*`` or ``**``.
ANY_PARAMETER = "*"


@dataclass
class Arguments:
    """What a call passes: what may be known of each argument."""

    positional: list[Atoms] = field(default_factory=list)
    keywords: dict[str, Atoms] = field(default_factory=dict)
    #: Passed by ``*`` or ``**`` in a way that leaves open which parameter receives it.
    loose: Atoms = ()
    #: By position or name: paths that are made in the call, and how they are written there.
    paths: dict[int | str, tuple[str, list[str | None]]] = field(default_factory=dict)
    #: Whether ``*`` or ``**`` may give more than is told here.
    is_open: bool = False

    def consume(self, reader: Reader) -> None:
        """Count all of them."""
        for atoms in (*self.positional, *self.keywords.values(), self.loose):
            reader.consume(atoms)

    def before(self, *atoms: Atoms) -> Arguments:
        """Give the same arguments behind others."""
        paths = {key + len(atoms) if isinstance(key, int) else key: found for key, found in self.paths.items()}
        return Arguments([*atoms, *self.positional], self.keywords, self.loose, paths, self.is_open)


def apply_each(reader: Reader, callees: Atoms, arguments: Arguments) -> Atoms:
    """Follow a call of whatever these denote."""
    if not callees:
        arguments.consume(reader)
    return join((), *(apply(reader, callee, arguments) for callee in callees))


def apply(reader: Reader, callee: Atom, arguments: Arguments) -> Atoms:
    """Follow a call of one thing.

    Args:
        reader: the reading of the function that calls.
        callee: what is called.
        arguments: what it is passed.

    Returns:
        What it may give back.
    """
    if isinstance(callee, Known):
        return _apply_known(reader, callee, arguments)
    if isinstance(callee, Bound):
        function = unwrap(callee.function)
        if isinstance(function, functools.partialmethod):
            held = held_arguments(function.args, function.keywords, callee)
            inner = Arguments(
                [*held.positional, *arguments.positional], {**held.keywords, **arguments.keywords}, arguments.loose
            )
            return apply(reader, Bound(function.func, callee.receiver, callee.label, callee.path), inner)
        if isinstance(function, functools.singledispatchmethod):
            return _apply_dispatching(reader, function, callee, arguments)
        if isinstance(function, FunctionType) and is_followed(function):
            return _apply_function(reader, function, arguments.before((callee.receiver,)), callee.label, callee.path)
        reader.consume((callee,))
    elif isinstance(callee, Local):
        return _apply_local(reader, callee, arguments)
    elif isinstance(callee, Instance):
        found = find_class_attribute(callee.cls, "__call__")
        if isinstance(found, Method):
            return apply(reader, Bound(found.function, callee, "<new>()", reader.node.path), arguments)
    else:
        reader.consume((callee,))
    arguments.consume(reader)
    return ()


def _apply_dispatching(
    reader: Reader, method: functools.singledispatchmethod[Any], callee: Bound, arguments: Arguments
) -> Atoms:
    """Follow a method that goes by the class of its argument: any of its functions may be meant."""
    reader.graph.refer_open(reader.node, method.dispatcher, f"{callee.label}.dispatcher", callee.path)
    given: Atoms = ()
    for cls, function in dispatched(method.dispatcher).items():
        label = f"{callee.label}[{cls.__qualname__}]"
        given = join(given, apply(reader, Bound(function, callee.receiver, label, callee.path), arguments))
    return given


def _apply_known(reader: Reader, callee: Known, arguments: Arguments) -> Atoms:
    value = unwrap(callee.value)
    if isinstance(value, MethodType):
        receiver = Known(value.__self__, f"{callee.label}.__self__", f"{callee.path}.__self__")
        if isinstance(value.__func__, FunctionType) and is_followed(value.__func__):
            return _apply_function(reader, value.__func__, arguments.before((receiver,)), callee.label, callee.path)
    elif type(value) is functools.partial:
        held = held_arguments(value.args, value.keywords, callee)
        inner = Arguments(
            [*held.positional, *arguments.positional], {**held.keywords, **arguments.keywords}, arguments.loose
        )
        return apply(reader, Known(value.func, f"{callee.label}.func", f"{callee.path}.func"), inner)
    elif isinstance(value, FunctionType) and is_followed(value):
        return _apply_function(reader, value, arguments, callee.label, callee.path)
    elif isinstance(value, type):
        return _construct(reader, callee, arguments)
    elif isinstance(value, weakref.ref):
        return (callee.step(value(), "()"),)
    elif not callable(value) or not is_user_class(type(value)):
        pass
    else:
        found = find_attribute(value, "__call__")
        if isinstance(found, Method) and is_followed(found.function):
            return apply(reader, Bound(found.function, callee, f"{callee.label}()", callee.path), arguments)
    reader.consume_called(callee)
    arguments.consume(reader)
    if getattr(value, "__module__", None) == "logging" and value is logging.getLogger:
        return (Quiet(),)
    return ()


def held_arguments(positional: tuple[Any, ...], keywords: dict[str, Any], callee: Known | Bound) -> Arguments:
    """The arguments that a partial holds."""
    return Arguments(
        [
            (Known(value, f"{callee.label}.args[{i}]", f"{callee.path}.args[{i}]"),)
            for i, value in enumerate(positional)
        ],
        {name: (Known(value, f"{callee.label}.{name}", f"{callee.path}.{name}"),) for name, value in keywords.items()},
    )


def _construct(reader: Reader, callee: Known, arguments: Arguments) -> Atoms:
    cls = callee.value
    reader.consume((callee,))
    if not any(is_user_class(base) for base in cls.__mro__ if base is not object):
        arguments.consume(reader)
        return ()
    made = Instance(cls)
    for name in ("__init__", "__new__"):
        found = find_class_attribute(cls, name)
        if isinstance(found, Method) and is_followed(found.function):
            _apply_function(reader, found.function, arguments.before((made,)), f"{callee.label}.{name}", callee.path)
            return (made,)
    arguments.consume(reader)
    return (made,)


def _apply_function(reader: Reader, function: FunctionType, arguments: Arguments, label: str, path: str) -> Atoms:
    """Follow a call of a user function, or of an installed wrapper around one."""
    inside = wrapped_by_installed(function)
    if inside is None:
        certain = not reader.unsure and reader.scope is reader.top
        bindings = _bind(reader, function, arguments)
        return reader.graph.call(reader.node, function, bindings, label, path, certain, _paths(function, arguments))
    reader.graph.refer_open(reader.node, function, label, path)
    bindings = _bind(reader, inside, arguments)
    given = reader.graph.call(reader.node, inside, bindings, label, path, paths=_paths(inside, arguments))
    for cls, served in dispatched(function).items():
        if is_user_function(served) and served is not inside:
            step = f"{label}[{cls.__qualname__}]"
            given = join(given, reader.graph.call(reader.node, served, _bind(reader, served, arguments), step, path))
    return given


def _bind(reader: Reader, function: FunctionType, arguments: Arguments) -> Bindings:
    """Tell which parameter receives which known object; what no parameter receives is counted."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    named = code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]
    bindings: Bindings = {}
    for name, atoms in zip(positional, arguments.positional, strict=False):
        bindings[name] = _passed(reader, atoms)
    rest = arguments.positional[len(positional) :]
    if code.co_flags & 0x04 and any(rest):
        name = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        bindings[name] = (Items(tuple(_passed(reader, atoms) for atoms in rest), exact=False),)
    else:
        for atoms in rest:
            reader.consume(atoms)
    for name, atoms in arguments.keywords.items():
        if name in named:
            bindings[name] = _passed(reader, atoms)
        else:
            reader.consume(atoms)
    reader.consume(tuple(atom for atom in arguments.loose if not isinstance(atom, Quiet)))
    return bindings


def _paths(function: FunctionType, arguments: Arguments) -> Paths:
    """Tell which parameter receives which path."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    found = {
        names[key] if isinstance(key, int) else key: paths
        for key, paths in arguments.paths.items()
        if not isinstance(key, int) or key < len(names)
    }
    return {**found, ANY_PARAMETER: ("", [None])} if arguments.is_open else found


def _passed(reader: Reader, atoms: Atoms) -> Atoms:
    """Tell what of an argument the called function may go on to follow; the rest is counted here."""
    followed: list[Atom] = []
    for atom in atoms:
        if isinstance(atom, Bound) and isinstance(atom.receiver, Known) and atom.function is not None:
            followed.append(reader.as_known(atom))
        elif isinstance(atom, (Known, Instance, Literal)):
            followed.append(atom)
        elif isinstance(atom, Items):
            followed.append(Items(tuple(_passed(reader, element) for element in atom.elements), atom.exact))
        else:
            reader.consume((atom,))
    return tuple(followed)


def _apply_local(reader: Reader, callee: Local, arguments: Arguments) -> Atoms:
    """A call of a function that the code defines itself: its parameters also denote what they are passed."""
    spec = callee.node.args
    names = [argument.arg for argument in (*spec.posonlyargs, *spec.args)]
    rest = arguments.positional[len(names) :]
    for name, atoms in zip(names, arguments.positional, strict=False):
        reader.again |= callee.scope.add(name, atoms)
    for atoms in rest:
        reader.consume(atoms)
    known = {*names, *(argument.arg for argument in spec.kwonlyargs)}
    for name, atoms in arguments.keywords.items():
        if name in known:
            reader.again |= callee.scope.add(name, atoms)
        else:
            reader.consume(atoms)
    reader.consume(tuple(atom for atom in arguments.loose if not isinstance(atom, Quiet)))
    given: Atoms = callee.scope.returns
    return given
