"""What the language asks of objects: attributes, operators, loops, subscripts.

Each tells what comes of it. What is asked of a user's class leads to a method, which is followed; what is asked of
installed code makes the object count as a whole.
"""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import replace
from types import MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..distributions import PYTHON, module_origin
from ..registry import has_own_meaning
from ..tokens import frame
from .apply import Arguments, apply
from .entries import count_length, count_variable, elements_of, entry_of, holds_objects
from .gradients import lose_module, read_of_gradient
from .labels import label_of
from .lookup import (
    ABSENT,
    Absent,
    Getter,
    Method,
    Plain,
    Whole,
    find_attribute,
    find_class_attribute,
    find_setter,
    is_followed,
    is_told_by_owner,
    is_user_class,
    is_users_code,
)
from .noise import is_users_own
from .threads import STARTING, follow_started_thread, is_thread_class
from .values import Atom, Atoms, Bound, Each, Instance, Items, Known, Literal, Parameters, Quiet, Super, join

if TYPE_CHECKING:
    from .reads import Reader

__all__ = [
    "ask_setter",
    "ask_special",
    "attribute",
    "iterate",
    "operate",
    "subscript",
]

_CONTAINERS = (list, tuple, dict)

#: What a method passes on to `object` in the end, which reads nothing.
_OF_OBJECT = ("__init__", "__setattr__", "__delattr__")


def attribute(reader: Reader, atoms: Atoms, name: str) -> Atoms:
    """Tell what an attribute of these denotes."""
    found: Atoms = ()
    for atom in atoms:
        found = join(found, _attribute_of(reader, atom, name))
    return found


def _attribute_of(reader: Reader, atom: Atom, name: str) -> Atoms:
    label, path = f"{_label(atom)}.{name}", f"{_path(atom, reader.node.path)}.{name}"
    if isinstance(atom, Known):
        if (id(atom.value), name) in reader.assigned:
            return reader.assigned[id(atom.value), name]
        if read_of_gradient(reader, atom, name):
            return ()
        if reader.is_quiet(atom) and not is_users_own(atom.value, name):
            if name in STARTING and is_thread_class(type(atom.value)):
                follow_started_thread(reader, atom)
            return (Bound(None, atom, label, path),)
        if atom.parent is not None and is_told_by_owner(atom.parent.value, atom.label, name):
            reader.consume((atom.parent,))
            return ()
        entry = find_attribute(atom.value, name)
        if (labelled := label_of(reader, atom, name, entry)) is not None:
            return labelled
        if has_own_meaning(atom.value) and not isinstance(entry, (Method, Getter)):
            # What the user says that it means is meant wherever a part of it is read.
            reader.consume((atom,))
            return ()
    elif isinstance(atom, Instance):
        entry = find_class_attribute(atom.cls, name)
    elif isinstance(atom, Super):
        receiver = atom.receiver
        cls = receiver.cls if isinstance(receiver, Instance) else receiver.value
        entry = find_class_attribute(cls if isinstance(cls, type) else type(cls), name, atom.after)
        if name in _OF_OBJECT and isinstance(entry, Whole):
            return ()
        if reader.is_quiet(receiver) and not is_followed(getattr(entry, "function", None)):
            return (Bound(None, receiver, label, path),)
        atom = receiver
    elif isinstance(atom, Quiet):
        return (atom,)
    else:
        if not read_of_gradient(reader, atom, name) and not isinstance(atom, Parameters):
            reader.consume((atom,))
        return ()
    if isinstance(atom, Known) and isinstance(atom.value, ModuleType) and not module_origin(atom.value).user:
        return _of_installed_module(atom, name, entry)
    if isinstance(entry, Plain):
        if isinstance(atom, Known):
            return (atom.step(entry.value, f".{name}"),)
        return (Known(entry.value, label, path),)
    if isinstance(entry, Method):
        return _method(reader, atom, entry, label, path)
    if isinstance(entry, Getter):
        words = tuple((Known(word, f"{label}:{word}", path),) for word in entry.arguments)
        return _get(reader, atom, entry.function, words, label, path)
    if isinstance(entry, Absent) and isinstance(atom, Known):
        reader.node.reads[label] = frame("absent")
    elif isinstance(atom, Known):
        reader.consume((atom,))
    return ()


def _of_installed_module(module: Known, name: str, entry: Any) -> Atoms:
    """What an installed module holds goes by its name there, unless the user put it in place of what was installed."""
    value = entry.value if isinstance(entry, Plain) else None
    known = module.step(value, f".{name}")
    if isinstance(value, ModuleType) or is_users_code(value):
        return (known,)
    # A setting of a library may be changed while it runs; what the standard library holds follows from the machine.
    if type(value) in (bool, int, float) and module_origin(module.value) != PYTHON:
        return (known,)
    return (replace(known, installed=f"{module.value.__name__}.{name}"),)


def _method(reader: Reader, atom: Known | Instance, entry: Method, label: str, path: str) -> Atoms:
    if not entry.to_class:
        return (Bound(entry.function, atom, label, path),)
    if isinstance(atom, Instance):
        return (Bound(entry.function, Known(atom.cls, _label(atom), path), label, path),)
    cls = atom.value if isinstance(atom.value, type) else type(atom.value)
    return (Bound(entry.function, Known(cls, f"{atom.label}.__class__", atom.path), label, path),)


def _get(reader: Reader, atom: Known | Instance, getter: Any, words: tuple[Atoms, ...], label: str, path: str) -> Atoms:
    """Follow a property or another function that stands behind an attribute."""
    if isinstance(getter, MethodType):
        return apply(reader, Known(getter, label, path), Arguments([(atom,), *words]))
    if is_followed(getter):
        if isinstance(atom, Known) and isinstance(atom.value, ModuleType) and _stands_in(getter, atom.value):
            return apply(reader, Known(getter, label, path), Arguments(list(words)))
        return apply(reader, Bound(getter, atom, label, path), Arguments(list(words)))
    reader.consume((atom,))
    return ()


def _stands_in(getter: Any, module: ModuleType) -> bool:
    """Tell whether a module's ``__getattr__`` is a function in it, and not a method of its class."""
    return vars(module).get("__getattr__") is getter


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
        followed = [(name, function) for name, function in found if is_followed(function)]
        if isinstance(atom, (Known, Instance)) and followed:
            for name, function in followed:
                label = f"{getattr(atom, 'label', '<new>')}.{name}"
                bound = Bound(function, atom, label, getattr(atom, "path", reader.node.path))
                given = join(given, apply(reader, bound, Arguments()))
        else:
            reader.consume((atom,))
    return given


def ask_special(reader: Reader, atoms: Atoms, names: tuple[str, ...], arguments: Arguments) -> bool:
    """Follow special methods of the user whose result is not looked at; tell whether there were any."""
    asked = False
    for atom in atoms:
        for name in names:
            function = _special(atom, name)
            if is_followed(function) and isinstance(atom, (Known, Instance)):
                label = f"{getattr(atom, 'label', '<new>')}.{name}"
                apply(reader, Bound(function, atom, label, getattr(atom, "path", reader.node.path)), arguments)
                asked = True
    return asked


def ask_setter(reader: Reader, atom: Atom, name: str, atoms: Atoms) -> bool:
    """Follow the user's code that runs when an attribute is given a value; tell whether there is any."""
    if not isinstance(atom, Known) or isinstance(atom.value, (type, ModuleType)):
        return False
    if ask_special(reader, (atom,), ("__setattr__",), Arguments([(Literal(name),), atoms])):
        return True
    setter = find_setter(type(atom.value), name)
    if setter is None:
        return False
    label = f"{atom.label}.{name}="
    if isinstance(setter, MethodType):
        apply(reader, Known(setter, label, atom.path), Arguments([(atom,), atoms]))
    else:
        apply(reader, Bound(setter, atom, label, atom.path), Arguments([atoms]))
    return True


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
        elif isinstance(atom, Known) and type(atom.value) in (list, tuple) and holds_objects(reader, atom.value):
            count_length(reader, atom)
            elements = join(elements, tuple(atom.step(value, f"[{i}]") for i, value in enumerate(atom.value)))
        elif isinstance(atom, Known) and type(atom.value) is dict and elements_of(reader, atom, False) is not None:
            # Its names were counted; the values are not looked at.
            continue
        else:
            elements = join(elements, _iterate_object(reader, atom))
    return elements


def _iterate_object(reader: Reader, atom: Atom) -> Atoms:
    if isinstance(atom, Known):
        lose_module(reader.node, atom)
    asked = next((name for name in ("__iter__", "__aiter__", "__getitem__") if _special(atom, name) is not None), None)
    if asked is None:
        return operate(reader, (atom,), ("__next__", "__anext__"))
    given = operate(reader, (atom,), (asked,))
    if asked == "__getitem__":
        return given
    # What `__iter__` gives is asked for one element after the other.
    stepped = tuple(each for each in given if _special(each, "__next__") or _special(each, "__anext__"))
    rest = tuple(each for each in given if each not in stepped)
    return join(operate(reader, stepped, ("__next__", "__anext__")), iterate(reader, rest) if rest else ())


def subscript(reader: Reader, atoms: Atoms, index: ast.expr) -> Atoms:
    """Tell what an element of these denotes."""
    operate(reader, reader.evaluate(index), ("__index__", "__hash__", "__eq__"))
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
        elif isinstance(atom, Known) and atom.value is sys.modules and _is_own_name(reader, index):
            given = join(given, (Known(sys.modules.get(reader.function.__module__), "", atom.path),))
        elif isinstance(atom, Known) and (
            type(atom.value) in _CONTAINERS or (type(atom.value) is MappingProxyType and isinstance(key, str))
        ):
            given = join(given, entry_of(reader, atom, key))
        elif isinstance(atom, Known) and isinstance(atom.value, type) and not hasattr(type(atom.value), "__getitem__"):
            given = join(given, (atom,))
        elif isinstance(atom, Known) and atom.value is os.environ and isinstance(key, str):
            count_variable(reader, key)
        else:
            if isinstance(atom, Known):
                lose_module(reader.node, atom)
            given = join(given, operate(reader, (atom,), ("__getitem__", "__missing__")))
    return given


def _is_own_name(reader: Reader, index: ast.expr) -> bool:
    return isinstance(index, ast.Name) and index.id == "__name__" and reader.scope.holder("__name__") is None


def _label(atom: Any) -> str:
    return str(getattr(atom, "label", "<new>"))


def _path(atom: Any, base: str) -> str:
    return str(getattr(atom, "path", base))
