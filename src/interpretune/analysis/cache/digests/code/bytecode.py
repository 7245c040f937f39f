"""Reads code whose source is not to be had: what it names is told by its instructions."""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterator
from types import CodeType
from typing import TYPE_CHECKING

from .draws import draw
from .imports import import_names
from .operations import attribute
from .ordering import count_orders
from .random import drawing_method
from .reads import Reader
from .values import Atom, Bound

if TYPE_CHECKING:
    from .graph import CodeGraph
    from .nodes import Node

__all__ = ["read_code"]

#: Instructions that go through something, and functions and methods of the language that do.
_INSTRUCTIONS = frozenset(
    {
        *("GET_ITER", "GET_AITER", "GET_YIELD_FROM_ITER", "UNPACK_SEQUENCE", "UNPACK_EX", "LIST_EXTEND"),
        *("CALL_FUNCTION_EX", "YIELD_FROM"),
    }
)
_GOING = frozenset(
    {
        *("list", "tuple", "iter", "reversed", "enumerate", "zip", "map", "filter", "sum", "deque", "reduce", "min"),
        *("max", "sorted", "join", "extend", "fromkeys", "chain", "items", "values", "keys", "popitem"),
    }
)


def read_code(node: Node, graph: CodeGraph) -> None:
    """Find what compiled code reads: the names it loads, with the attributes that directly follow.

    What comes of them counts as a whole, as it is not told where it goes from there.
    """
    reader = Reader(node, graph)
    reader.read_defaults()
    for method in sorted(filter(drawing_method, node.value.__code__.co_names)):
        draw(reader, f"`.{method}()`", "torch")
    goes = _goes_through(node.value.__code__)
    for name, steps, enters in _chains(reader, node.value.__code__, True):
        atoms = reader.load(name)
        for step in steps:
            if goes:
                count_orders(reader, atoms)
            atoms = attribute(reader, atoms, step)
        if goes:
            count_orders(reader, atoms)
        reader.consume(
            tuple(atom for atom in atoms if not (_is_message(reader, atom) or (enters and reader.is_quiet(atom))))
        )


def _goes_through(code: CodeType) -> bool:
    """Tell whether compiled code goes through anything, so that it may be a dictionary."""
    named = not _GOING.isdisjoint(code.co_names)
    instructions = {entry.opname for entry in dis.get_instructions(code)}
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return named or not _INSTRUCTIONS.isdisjoint(instructions) or any(map(_goes_through, inner))


def _is_message(reader: Reader, atom: Atom) -> bool:
    return isinstance(atom, Bound) and reader.is_quiet(atom.receiver)


def _chains(reader: Reader, code: CodeType, outermost: bool) -> Iterator[tuple[str, list[str], bool]]:
    """Give each name that is loaded, the attributes taken from it, and whether ``with`` enters what comes of it."""
    instructions = [entry for entry in dis.get_instructions(code) if entry.opname not in ("CACHE", "PUSH_NULL", "NOP")]
    for position, entry in enumerate(instructions):
        if entry.opname == "IMPORT_NAME":
            _bind_import(reader, instructions, position)
        for name in _loaded(entry, code, outermost):
            attributes = []
            following = position + 1
            while following < len(instructions) and instructions[following].opname in ("LOAD_ATTR", "LOAD_METHOD"):
                attributes.append(str(instructions[following].argval))
                following += 1
            after = instructions[following].opname if following < len(instructions) else ""
            yield name, attributes, after in ("BEFORE_WITH", "BEFORE_ASYNC_WITH", "SETUP_WITH", "COPY", "LOAD_SPECIAL")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _chains(reader, constant, False)


def _loaded(entry: dis.Instruction, code: CodeType, outermost: bool) -> list[str]:
    if not entry.opname.startswith("LOAD_"):
        return [str(entry.argval[1])] if outermost and entry.opname == "STORE_FAST_LOAD_FAST" else []
    if entry.opname.startswith("LOAD_FAST"):
        names = entry.argval if isinstance(entry.argval, tuple) else (entry.argval,)
        return [str(names[-1])] + [str(name) for name in names[:-1]] if outermost else []
    if entry.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
        return [str(entry.argval)]
    if "DEREF" in entry.opname and (outermost or entry.argval in code.co_freevars):
        return [str(entry.argval)]
    return []


def _bind_import(reader: Reader, instructions: list[dis.Instruction], position: int) -> None:
    """Let the name that an import statement binds denote the module, so that what is taken from it is followed."""
    level, names = (entry.argval for entry in instructions[position - 2 : position])
    module = str(instructions[position].argval)
    if isinstance(names, tuple):
        statement: ast.ImportFrom | ast.Import = ast.ImportFrom(
            module, [ast.alias(name) for name in names], level if isinstance(level, int) else 0
        )
    else:
        statement = ast.Import([ast.alias(module)])
    for name, atoms in import_names(reader, statement):
        # Stored under a name that is local to this code, or, where that is not so, counted at once.
        reader.bind(name, atoms)
