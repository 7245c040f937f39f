"""What a call passes on, and what it may give back."""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import logging
import os
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from .code_noise import is_quiet_function
from .code_values import (
    ABSENT,
    Absent,
    Atom,
    Atoms,
    Bound,
    Each,
    Instance,
    Items,
    Known,
    Local,
    Method,
    Quiet,
    Super,
    find_attribute,
    find_class_attribute,
    is_user_class,
    is_user_function,
    join,
    unwrap,
)
from .walk import frame

if TYPE_CHECKING:
    from .code_nodes import Bindings
    from .code_reads import Reader

__all__ = ["Arguments", "apply", "apply_each", "call", "count_length", "iterate", "operate", "subscript"]

_CONTAINERS = (list, tuple, dict)
#: Methods of exact containers that only write, where nothing is done with their result.
_WRITERS = frozenset(
    [
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "clear",
        "discard",
        "remove",
        "setdefault",
        "pop",
        "popitem",
        "appendleft",
    ]
)


@dataclass
class Arguments:
    """What a call passes: what may be known of each argument."""

    positional: list[Atoms] = field(default_factory=list)
    keywords: dict[str, Atoms] = field(default_factory=dict)
    #: Passed by ``*`` or ``**`` in a way that leaves open which parameter receives it.
    loose: Atoms = ()

    def consume(self, reader: Reader) -> None:
        """Count all of them."""
        for atoms in (*self.positional, *self.keywords.values(), self.loose):
            reader.consume(atoms)

    def before(self, *atoms: Atoms) -> Arguments:
        """Give the same arguments behind others."""
        return Arguments([*atoms, *self.positional], self.keywords, self.loose)


def call(reader: Reader, node: ast.Call, discarded: bool = False) -> Atoms:
    """Follow a call.

    Args:
        reader: the reading of the function that it stands in.
        node: the call.
        discarded: True where nothing is done with the result.

    Returns:
        What it may give back.
    """
    reader.line = node.lineno
    if isinstance(node.func, ast.Name) and node.func.id == "super" and reader.scope.holder("super") is None:
        return _super(reader, node)
    callees = reader.evaluate(node.func)
    if discarded and callees and all(_tells_only(reader, callee) for callee in callees):
        reader.quiet += 1
        arguments = _arguments(reader, node)
        arguments.consume(reader)
        reader.quiet -= 1
        return ()
    for callee in callees:
        special = _SPECIAL.get(id(callee.value)) if isinstance(callee, Known) else None
        if special is not None and len(callees) == 1:
            return special(reader, node)
    quiet = reader.quiet
    if quiet and not (len(callees) == 1 and isinstance(callees[0], Known) and id(callees[0].value) in _HARMLESS):
        # What a function does on the way to a message may matter, so it is followed.
        reader.quiet = 0
    arguments = _arguments(reader, node)
    given = _discarded(reader, callees, arguments) if discarded else apply_each(reader, callees, arguments)
    reader.quiet = quiet
    return given


def _tells_only(reader: Reader, callee: Atom) -> bool:
    if isinstance(callee, Bound):
        return reader.is_quiet(callee.receiver)
    return isinstance(callee, Quiet) or (isinstance(callee, Known) and is_quiet_function(callee.value))


def _discarded(reader: Reader, callees: Atoms, arguments: Arguments) -> Atoms:
    """A call whose result nobody looks at: filling a container does not read it."""
    for callee in callees:
        receiver = callee.receiver if isinstance(callee, Bound) else None
        fills = isinstance(receiver, Known) and type(receiver.value) in (list, dict, set)
        if not fills or callee.key[1].rpartition(".")[2] not in _WRITERS:
            return apply_each(reader, callees, arguments)
    arguments.consume(reader)
    return ()


def apply_each(reader: Reader, callees: Atoms, arguments: Arguments) -> Atoms:
    """Follow a call of whatever these denote."""
    if not callees:
        arguments.consume(reader)
    return join((), *(apply(reader, callee, arguments) for callee in callees))


def _arguments(reader: Reader, node: ast.Call) -> Arguments:
    arguments = Arguments()
    for part in node.args:
        if not isinstance(part, ast.Starred):
            atoms = reader.evaluate(part)
            if arguments.loose:
                arguments.loose = join(arguments.loose, atoms)
            else:
                arguments.positional.append(atoms)
            continue
        atoms = reader.evaluate(part.value)
        if len(atoms) == 1 and isinstance(atoms[0], Items) and not arguments.loose:
            arguments.positional.extend(atoms[0].elements)
            if not atoms[0].exact:
                arguments.loose = (Quiet(),)
        else:
            arguments.loose = join(arguments.loose, iterate(reader, atoms), (Quiet(),))
    for keyword in node.keywords:
        atoms = reader.evaluate(keyword.value)
        if keyword.arg is None:
            reader.consume(atoms)
        else:
            arguments.keywords[keyword.arg] = atoms
    return arguments


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
            held = _held(function.args, function.keywords, callee)
            inner = Arguments(
                [*held.positional, *arguments.positional], {**held.keywords, **arguments.keywords}, arguments.loose
            )
            return apply(reader, Bound(function.func, callee.receiver, callee.label, callee.path), inner)
        if isinstance(function, FunctionType) and _user_inside(function):
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


def _user_inside(function: FunctionType) -> bool:
    """Tell whether a function is the user's, or wraps one that is (`contextlib.contextmanager`, `torch.no_grad`)."""
    wrapped = function.__dict__.get("__wrapped__")
    return is_user_function(function) or is_user_function(unwrap(wrapped))


def _apply_known(reader: Reader, callee: Known, arguments: Arguments) -> Atoms:
    value = unwrap(callee.value)
    if isinstance(value, MethodType):
        receiver = Known(value.__self__, f"{callee.label}.__self__", f"{callee.path}.__self__")
        if isinstance(value.__func__, FunctionType) and _user_inside(value.__func__):
            return _apply_function(reader, value.__func__, arguments.before((receiver,)), callee.label, callee.path)
    elif type(value) is functools.partial:
        held = _held(value.args, value.keywords, callee)
        inner = Arguments(
            [*held.positional, *arguments.positional], {**held.keywords, **arguments.keywords}, arguments.loose
        )
        return apply(reader, Known(value.func, f"{callee.label}.func", f"{callee.path}.func"), inner)
    elif isinstance(value, FunctionType) and _user_inside(value):
        return _apply_function(reader, value, arguments, callee.label, callee.path)
    elif isinstance(value, type):
        return _construct(reader, callee, arguments)
    elif not callable(value) or not is_user_class(type(value)):
        pass
    else:
        found = find_attribute(value, "__call__")
        if isinstance(found, Method) and is_user_function(found.function):
            return apply(reader, Bound(found.function, callee, f"{callee.label}()", callee.path), arguments)
    reader.consume((callee,))
    arguments.consume(reader)
    if getattr(value, "__module__", None) == "logging" and value is logging.getLogger:
        return (Quiet(),)
    return ()


def _held(positional: tuple[Any, ...], keywords: dict[str, Any], callee: Known | Bound) -> Arguments:
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
        if isinstance(found, Method) and is_user_function(found.function):
            _apply_function(reader, found.function, arguments.before((made,)), f"{callee.label}.{name}", callee.path)
            return (made,)
    arguments.consume(reader)
    return (made,)


def _apply_function(reader: Reader, function: FunctionType, arguments: Arguments, label: str, path: str) -> Atoms:
    """Follow a call of a user function, or of an installed wrapper around one."""
    if not is_user_function(function):
        reader.graph.refer_open(reader.node, function, label, path)
        function = unwrap(function.__dict__["__wrapped__"])
    bindings = _bind(reader, function, arguments)
    return reader.graph.call(reader.node, function, bindings, label, path)


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


def _passed(reader: Reader, atoms: Atoms) -> Atoms:
    """Tell what of an argument the called function may go on to follow; the rest is counted here."""
    followed: list[Atom] = []
    for atom in atoms:
        if isinstance(atom, Bound) and isinstance(atom.receiver, Known) and atom.function is not None:
            followed.append(reader.as_known(atom))
        elif isinstance(atom, (Known, Instance)):
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
    return callee.scope.returns


# What operators, loops and subscripts ask of an object


def operate(reader: Reader, atoms: Atoms, names: tuple[str, ...]) -> Atoms:
    """Let the language ask objects for special methods: a user's are followed, else the object counts as a whole.

    Args:
        reader: the reading of the function that does so.
        atoms: the objects.
        names: the methods that may be asked.

    Returns:
        What the methods may give back.
    """
    given: Atoms = ()
    for atom in atoms:
        found = [(name, _special(atom, name)) for name in names]
        followed = [(name, function) for name, function in found if is_user_function(function)]
        if isinstance(atom, (Known, Instance)) and followed:
            for name, function in followed:
                label = f"{getattr(atom, 'label', '<new>')}.{name}"
                bound = Bound(function, atom, label, getattr(atom, "path", reader.node.path))
                given = join(given, apply(reader, bound, Arguments()))
        else:
            reader.consume((atom,))
    return given


def _special(atom: Atom, name: str) -> Any:
    if isinstance(atom, Instance):
        found = find_class_attribute(atom.cls, name)
    elif isinstance(atom, Known) and is_user_class(type(atom.value)):
        found = find_class_attribute(type(atom.value), name)
    else:
        return None
    return found.function if isinstance(found, Method) else None


def iterate(reader: Reader, atoms: Atoms) -> Atoms:
    """Tell what the elements of these may denote."""
    elements: Atoms = ()
    for atom in atoms:
        if isinstance(atom, Items):
            elements = join(elements, *atom.elements)
        elif isinstance(atom, Each):
            elements = join(elements, atom.element)
        elif isinstance(atom, Known) and type(atom.value) in (list, tuple) and _holds_objects(reader, atom.value):
            count_length(reader, atom)
            elements = join(elements, tuple(atom.step(value, f"[{i}]") for i, value in enumerate(atom.value)))
        else:
            elements = join(elements, operate(reader, (atom,), ("__iter__", "__aiter__", "__next__", "__getitem__")))
    return elements


def count_length(reader: Reader, known: Known) -> None:
    """Let the function depend on how many elements a container has, and of what kind it is."""
    reader.record(f"len({known.label})", frame("length", type(known.value).__name__.encode(), b"%d" % len(known.value)))


def _holds_objects(reader: Reader, value: Any) -> bool:
    """Tell whether a container holds something that is better followed than counted."""
    find_encoder = reader.graph.walk.find_encoder
    return any(
        type(item) not in (int, float, str, bool, type(None))
        and (is_user_class(type(item)) or find_encoder(item) is None)
        for item in value
    )


def subscript(reader: Reader, atoms: Atoms, index: ast.expr) -> Atoms:
    """Tell what an element of these denotes."""
    reader.use(index)
    key = index.value if isinstance(index, ast.Constant) else ABSENT
    if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub) and isinstance(index.operand, ast.Constant):
        key = -index.operand.value  # type: ignore[operator]
    given: Atoms = ()
    for atom in atoms:
        if (
            isinstance(atom, Items)
            and type(key) is int
            and atom.exact
            and -len(atom.elements) <= key < len(atom.elements)
        ):
            given = join(given, atom.elements[key])
        elif isinstance(atom, (Items, Each)):
            given = join(given, iterate(reader, (atom,)))
        elif isinstance(atom, Known) and type(atom.value) in _CONTAINERS:
            given = join(given, _element(reader, atom, key))
        elif isinstance(atom, Known) and isinstance(atom.value, type):
            given = join(given, (atom,))
        else:
            given = join(given, operate(reader, (atom,), ("__getitem__", "__missing__")))
    return given


def _element(reader: Reader, known: Known, key: Any) -> Atoms:
    value = known.value
    if key is not ABSENT and type(key) in (str, int, bool):
        try:
            return (known.step(value[key], f"[{key!r}]"),)
        except (KeyError, IndexError, TypeError):
            reader.record(f"{known.label}[{key!r}]", frame("absent"))
            return ()
    held = value.values() if isinstance(value, dict) else value
    if not _holds_objects(reader, held) or (isinstance(value, dict) and not all(type(name) is str for name in value)):
        reader.consume((known,))
        return ()
    count_length(reader, known)
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    return tuple(known.step(item, f"[{name!r}]") for name, item in entries)


# Functions of the language that are understood


def _super(reader: Reader, node: ast.Call) -> Atoms:
    if node.args:
        named, second = (reader.evaluate(part) for part in node.args[:2])
        classes = [atom.value for atom in named if isinstance(atom, Known) and isinstance(atom.value, type)]
        receivers: Atoms = second
    else:
        cell = reader.cells.get("__class__")
        classes = [cell.cell_contents] if cell is not None else []
        first = reader.function.__code__.co_varnames[:1]
        receivers = reader.top.names.get(first[0], ()) if first else ()
    return tuple(Super(cls, atom) for cls in classes for atom in receivers if isinstance(atom, (Known, Instance)))


def _word(reader: Reader, node: ast.expr) -> str | None:
    """Give the text that an expression certainly is."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name) and reader.scope.holder(node.id) is None:
        atoms = reader.load(node.id)
        if len(atoms) == 1 and isinstance(atoms[0], Known) and isinstance(atoms[0].value, str):
            reader.consume(atoms)
            return atoms[0].value
    return None


def _getattr(reader: Reader, node: ast.Call) -> Atoms:
    atoms = reader.evaluate(node.args[0]) if node.args else ()
    name = _word(reader, node.args[1]) if len(node.args) > 1 else None
    given: Atoms = ()
    for part in node.args[2:]:
        given = join(given, reader.evaluate(part))
    if name is not None:
        return join(reader.attribute(atoms, name), given)
    for part in node.args[1:2]:
        reader.use(part)
    if atoms:
        _dynamic(reader, node)
        reader.consume(atoms)
    return given


def _hasattr(reader: Reader, node: ast.Call) -> Atoms:
    atoms = reader.evaluate(node.args[0]) if node.args else ()
    name = _word(reader, node.args[1]) if len(node.args) > 1 else None
    for atom in atoms:
        if isinstance(atom, Known) and name is not None:
            there = not isinstance(find_attribute(atom.value, name), Absent)
            reader.record(f"hasattr({atom.label}, {name})", b"yes" if there else b"no")
        else:
            reader.consume((atom,))
    if name is None and atoms:
        _dynamic(reader, node)
    return ()


def _setattr(reader: Reader, node: ast.Call) -> Atoms:
    for index, part in enumerate(node.args):
        atoms = reader.evaluate(part)
        if index:
            reader.consume(atoms)
    return ()


def _isinstance(reader: Reader, node: ast.Call) -> Atoms:
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known):
            names = [base.__qualname__ for base in type(atom.value).__mro__]
            reader.record(f"isinstance({atom.label})", frame("mro", *(name.encode() for name in names)))
        else:
            reader.consume((atom,))
    for part in node.args[1:]:
        reader.use(part)
    return ()


def _type(reader: Reader, node: ast.Call) -> Atoms:
    if len(node.args) != 1:
        return _passed_on(reader, node)
    given: list[Atom] = []
    for atom in reader.evaluate(node.args[0]):
        if isinstance(atom, Known):
            given.append(atom.step(type(atom.value), ".__class__"))
        elif isinstance(atom, Instance):
            given.append(Known(atom.cls, "<new>.__class__", reader.node.path))
    return tuple(given)


def _len(reader: Reader, node: ast.Call) -> Atoms:
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known) and type(atom.value) in (list, tuple, dict, set, frozenset):
            count_length(reader, atom)
        else:
            operate(reader, (atom,), ("__len__",))
    return ()


def _enumerate(reader: Reader, node: ast.Call) -> Atoms:
    elements = iterate(reader, reader.evaluate(node.args[0])) if node.args else ()
    for part in (*node.args[1:], *(word.value for word in node.keywords)):
        reader.use(part)
    return (Each((Items(((), elements)),)),) if elements else ()


def _zip(reader: Reader, node: ast.Call) -> Atoms:
    if any(isinstance(part, ast.Starred) for part in node.args):
        return _passed_on(reader, node)
    columns = tuple(iterate(reader, reader.evaluate(part)) for part in node.args)
    return (Each((Items(columns),)),) if any(columns) else ()


def _same_elements(reader: Reader, node: ast.Call) -> Atoms:
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        return _passed_on(reader, node)
    elements = iterate(reader, reader.evaluate(node.args[0]))
    return (Each(elements),) if elements else ()


def _next(reader: Reader, node: ast.Call) -> Atoms:
    given = iterate(reader, reader.evaluate(node.args[0])) if node.args else ()
    return join(given, *(reader.evaluate(part) for part in node.args[1:]))


def _callable(reader: Reader, node: ast.Call) -> Atoms:
    for atom in reader.evaluate(node.args[0]) if node.args else ():
        if isinstance(atom, Known):
            reader.record(f"callable({atom.label})", b"yes" if callable(atom.value) else b"no")
    return ()


def _cast(reader: Reader, node: ast.Call) -> Atoms:
    return reader.evaluate(node.args[1]) if len(node.args) == 2 else ()


def _environment(reader: Reader, node: ast.Call) -> Atoms:
    name = _word(reader, node.args[0]) if node.args else None
    if name is None:
        _dynamic(reader, node)
    else:
        value = os.environ.get(name)
        reader.record(
            f"os.environ[{name}]",
            frame("environ", *(() if value is None else (value.encode("utf-8", "surrogateescape"),))),
        )
    for part in node.args[1:]:
        reader.use(part)
    return ()


def _import(reader: Reader, node: ast.Call) -> Atoms:
    from .code_imports import import_module

    name = _word(reader, node.args[0]) if node.args else None
    if name is None:
        _dynamic(reader, node)
        return _passed_on(reader, node)
    module = import_module(reader, name)
    return (Known(module, f"import {name}", reader.node.path),) if module is not None else ()


def _unfollowable(reader: Reader, node: ast.Call) -> Atoms:
    _dynamic(reader, node)
    return _passed_on(reader, node)


def _passed_on(reader: Reader, node: ast.Call) -> Atoms:
    _arguments(reader, node).consume(reader)
    return ()


def _dynamic(reader: Reader, node: ast.AST) -> None:
    name = reader.function.__qualname__
    reader.graph.note(f"dynamic lookup in function `{name}` cannot be followed: `{ast.unparse(node)}`")


#: By identity, as the name may be bound to anything.
_SPECIAL: dict[int, Callable[[Reader, ast.Call], Atoms]] = {
    id(function): handler
    for function, handler in (
        (getattr, _getattr), (hasattr, _hasattr), (setattr, _setattr), (delattr, _setattr), (isinstance, _isinstance),
        (type, _type), (len, _len), (enumerate, _enumerate), (zip, _zip), (callable, _callable), (next, _next),
        (list, _same_elements), (tuple, _same_elements), (reversed, _same_elements), (iter, _same_elements),
        (typing.cast, _cast), (os.getenv, _environment), (os.environ.get, _environment),
        (importlib.import_module, _import), (builtins.__import__, _unfollowable), (eval, _unfollowable),
        (exec, _unfollowable), (globals, _unfollowable), (locals, _unfollowable), (vars, _unfollowable),
    )
}  # fmt: skip
#: Inside a message these make text of their arguments and do nothing else.
_HARMLESS = frozenset(
    map(id, (str, repr, format, len, type, id, int, float, round, sorted, list, tuple, min, max, sum))
)
