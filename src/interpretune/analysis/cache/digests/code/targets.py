"""What is given a value: names, attributes, elements, and tuples of these."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from .apply import Arguments
from .entries import count_length
from .operations import ask_setter, ask_special, iterate
from .values import Atoms, Each, Items, Known, join

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["forget", "is_definite", "set_entry", "store"]


def store(reader: Reader, target: ast.expr, atoms: Atoms) -> None:
    """Let a target denote these."""
    if isinstance(target, ast.Name):
        reader.bind(target.id, atoms)
    elif isinstance(target, ast.Starred):
        store(reader, target.value, (Each(atoms),) if atoms else ())
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(reader, target.elts, atoms)
    else:
        set_entry(reader, target, atoms)


def set_entry(reader: Reader, target: ast.expr, atoms: Atoms, certain: bool = True) -> None:
    """Let an attribute or element denote these; a user's code that takes it is followed.

    Args:
        reader: the reading of the function that does so.
        target: the attribute or element.
        atoms: its new value.
        certain: False where the new value was made from the old one, so that what is read later depends on that.
    """
    if isinstance(target, ast.Subscript):
        base = reader.evaluate(target.value)
        reader.use(target.slice)
        reader.consume(atoms)
        ask_special(reader, base, ("__setitem__",), Arguments([(), atoms]))
    elif isinstance(target, ast.Attribute):
        base, name = reader.evaluate(target.value), reader.mangled(target.attr)
        reader.consume(atoms)
        followed = [ask_setter(reader, atom, name, atoms) for atom in base]
        if certain and not any(followed) and not reader.unsure and len(base) == 1 and is_definite(reader, target.value):
            (known,) = base
            if isinstance(known, Known):
                reader.assigned[id(known.value), name] = atoms


def forget(reader: Reader, base: Atoms, name: str) -> None:
    """Let an attribute that is deleted no longer denote what it was given before."""
    for atom in base:
        if isinstance(atom, Known):
            reader.assigned.pop((id(atom.value), reader.mangled(name)), None)


def _unpack(reader: Reader, targets: list[ast.expr], atoms: Atoms) -> None:
    for index, target in enumerate(targets):
        given: Atoms = ()
        for atom in atoms:
            if isinstance(atom, Items) and atom.exact and len(atom.elements) == len(targets):
                given = join(given, atom.elements[index])
            elif isinstance(atom, Known) and type(atom.value) in (tuple, list) and len(atom.value) == len(targets):
                count_length(reader, atom)
                given = join(given, (atom.step(atom.value[index], f"[{index}]"),))
            else:
                given = join(given, iterate(reader, (atom,)))
        store(reader, target, given)


def is_definite(reader: Reader, node: ast.expr) -> bool:
    """Tell whether an expression denotes exactly one known object."""
    while isinstance(node, ast.Attribute):
        node = node.value
    if not isinstance(node, ast.Name):
        return False
    holder = reader.scope.holder(node.id)
    if reader.node.source is None or node.id in _rebound(reader.node.source.node):
        return False
    return holder is None or (holder is reader.top and node.id in reader.node.bindings)


@lru_cache(maxsize=8192)
def _rebound(definition: ast.AST) -> frozenset[str]:
    """Give the names that a function, or one inside it, gives a value to."""
    parts = ast.walk(definition)
    return frozenset(part.id for part in parts if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load))
