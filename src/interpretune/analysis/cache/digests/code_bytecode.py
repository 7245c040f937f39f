"""Code whose source is not to be had: the compiled form counts, and what it names is read off its instructions."""

from __future__ import annotations

import ast
import dis
import sys
from collections.abc import Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any

from .code_draws import draw
from .code_imports import import_names
from .code_operations import attribute
from .code_random import drawing_method
from .code_syntax import scalar_token
from .code_values import Atom, Bound
from .walk import frame

if TYPE_CHECKING:
    from .code import CodeGraph
    from .code_nodes import Node
    from .code_reads import Reader

__all__ = ["code_token", "read_code"]


def code_token(code: CodeType) -> bytes:
    """Give the token of compiled code: instructions, constants and names, for this Python version only."""
    version = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
    return frame("compiled", version.encode(), _code(code))


def _code(code: CodeType) -> bytes:
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & 0x3FF)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return frame(
        "code",
        code.co_code,
        getattr(code, "co_exceptiontable", b""),
        _simple(counts),
        *(_simple(group) for group in names),
        *(_constant(constant) for constant in code.co_consts),
    )


def _simple(values: tuple[Any, ...]) -> bytes:
    return frame("tuple", *map(scalar_token, values))


def _constant(value: Any) -> bytes:
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, tuple):
        return frame("tuple", *map(_constant, value))
    if isinstance(value, frozenset):
        return frame("set", *sorted(map(_constant, value)))
    return scalar_token(value)


def read_code(node: Node, graph: CodeGraph) -> None:
    """Find what compiled code reads: the names it loads, with the attributes that directly follow.

    What comes of them counts as a whole, as it is not told where it goes from there.
    """
    from .code_reads import Reader

    reader = Reader(node, graph)
    reader.read_defaults()
    for method in sorted(filter(drawing_method, node.value.__code__.co_names)):
        draw(reader, f"`.{method}()`", "torch")
    for name, steps, enters in _chains(reader, node.value.__code__, True):
        atoms = reader.load(name)
        for step in steps:
            atoms = attribute(reader, atoms, step)
        reader.consume(
            tuple(atom for atom in atoms if not (_is_message(reader, atom) or (enters and reader.is_quiet(atom))))
        )


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
