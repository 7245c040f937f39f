"""The source of running code.

The running code counts, not the file on disk: a definition found in a file is believed only if it compiles to the very
code object that runs, or to one that differs in docstrings only. Text is taken from `linecache`, which also holds
notebook cells, doctests and the interactive prompt of newer Pythons; first as it was read earlier, then, if that does
not fit, as it is on disk now.
"""

from __future__ import annotations

import ast
import dis
import linecache
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any

from .syntax import FunctionNode, readable, scalar_token, syntax_token

__all__ = ["Source", "find_source", "is_cell", "same_code"]

#: Flags of a code object that say what kind of function it is; the others follow from how it was compiled.
_KIND_FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200


@dataclass(frozen=True, eq=False)
class Source:
    """One definition that was found to be the source of running code."""

    node: FunctionNode
    #: Name of the class whose body it stands in: private names (``__x``) are mangled with it.
    class_name: str
    filename: str
    lines: list[str] = field(repr=False)

    @cached_property
    def token(self) -> bytes:
        """What its text says."""
        return syntax_token(self.node)

    @cached_property
    def text(self) -> str:
        """The text for people, without comments, docstrings and annotations."""
        try:
            return readable(self.node)
        except RecursionError:
            return ast.get_source_segment("".join(self.lines), self.node) or ""

    def line(self, number: int) -> str:
        """Give one line of the file, stripped; empty where there is none."""
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""


class _File:
    """The definitions in one text, each with the code that it compiles to."""

    def __init__(self, filename: str, lines: list[str]) -> None:
        self.lines = lines
        #: By name of the code object: the code, the definition, and the name of the class around it.
        self.definitions: dict[str, list[tuple[CodeType, FunctionNode, str]]] = {}
        text = "".join(lines)
        try:
            tree = ast.parse(text, filename)
            places: dict[tuple[str, int], list[tuple[FunctionNode, str]]] = {}
            for node, class_name in _definitions(tree):
                places.setdefault(_place(node), []).append((node, class_name))
            code = _compile(text, filename)
            # Several lambdas on one line cannot be told apart by their position: they are moved to lines of their own.
            crowded = [entry for entries in places.values() if len(entries) > 1 for entry in entries]
            units = [code]
            if is_cell(filename):
                # Notebooks compile each statement by itself; it then does not see that a name was imported beside it.
                units += [_compile(ast.Module([statement], []), filename) for statement in tree.body]
            for candidate in (candidate for unit in units for candidate in _codes(unit)):
                entries = places.get((candidate.co_name, candidate.co_firstlineno), [])
                if len(entries) == 1:
                    self._add(candidate, *entries[0])
            if crowded:
                moved = _moved(text, filename, [_place(node) for node, _ in crowded], len(lines) + 1)
                for candidate in _codes(_compile(moved, filename)):
                    number = candidate.co_firstlineno // (len(lines) + 1)
                    if number:
                        self._add(candidate, *crowded[number - 1])
        except (SyntaxError, ValueError, RecursionError):
            return

    def _add(self, code: CodeType, node: FunctionNode, class_name: str) -> None:
        self.definitions.setdefault(code.co_name, []).append((code, node, class_name))


def is_cell(filename: str) -> bool:
    """Tell whether a text is no file but was typed in, such as a notebook's cell, which is kept under a number."""
    return filename.startswith("<") or os.path.basename(os.path.dirname(filename)).startswith("ipykernel_")


_files: dict[str, list[_File]] = {}
_found: dict[int, tuple[CodeType, Source | None]] = {}
_KEPT_VERSIONS = 4


def find_source(code: CodeType, names: dict[str, Any]) -> Source | None:
    """Find the definition that running code was compiled from.

    Args:
        code: the code of a function or lambda.
        names: the globals it sees; their loader may know the text of a module that is no plain file.

    Returns:
        The definition, or None where no text compiles to this code. Both are remembered by code object.
    """
    known = _found.get(id(code))
    if known is None:
        # The code object is kept, so that its id cannot pass to another one.
        known = _found[id(code)] = (code, _search(code, names))
    return known[1]


def _search(code: CodeType, names: dict[str, Any]) -> Source | None:
    filename = code.co_filename
    for file in reversed(_files.get(filename, ())):
        source = _match(code, file, filename, same_code)
        if source is not None:
            return source
    for refresh in (False, True):
        if refresh:
            linecache.checkcache(filename)
        lines = linecache.getlines(filename, names)
        versions = _files.setdefault(filename, [])
        if not lines or any(file.lines == lines for file in versions):
            continue
        file = _File(filename, list(lines))
        versions.append(file)
        # A notebook session may see many versions of one file; sources in use are held by their code objects.
        del versions[:-_KEPT_VERSIONS]
        source = _match(code, file, filename, same_code)
        if source is not None:
            return source
    # A docstring may have been edited since the import; what runs is then still told by the rest of the text.
    edited = (_match(code, file, filename, _same_steps) for file in reversed(_files.get(filename, ())))
    return next((source for source in edited if source is not None), None)


def _match(code: CodeType, file: _File, filename: str, same: Callable[[CodeType, CodeType], bool]) -> Source | None:
    fitting = [entry for entry in file.definitions.get(code.co_name, ()) if same(entry[0], code)]
    if not fitting:
        return None
    # Twins compile to the same and so mean the same; the one at the same line is the one that people will look for.
    here = [entry for entry in fitting if entry[0].co_firstlineno == code.co_firstlineno] or fitting
    _, node, class_name = min(here, key=lambda entry: syntax_token(entry[1])) if len(here) > 1 else here[0]
    return Source(node, class_name, filename, file.lines)


def same_code(one: CodeType, other: CodeType) -> bool:
    """Tell whether two code objects do the same, wherever they stand in a file."""
    return one.co_code == other.co_code and _same_names(one, other) and _same_constants(one.co_consts, other.co_consts)


def _same_names(one: CodeType, other: CodeType) -> bool:
    return (
        one.co_name == other.co_name
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_freevars == other.co_freevars
        and one.co_cellvars == other.co_cellvars
        and one.co_argcount == other.co_argcount
        and one.co_posonlyargcount == other.co_posonlyargcount
        and one.co_kwonlyargcount == other.co_kwonlyargcount
        and (one.co_flags ^ other.co_flags) & _KIND_FLAGS == 0
        and getattr(one, "co_exceptiontable", b"") == getattr(other, "co_exceptiontable", b"")
    )


def _same_steps(one: CodeType, other: CodeType) -> bool:
    """Tell whether two code objects do the same, whatever their docstrings say: those are constants nobody loads."""
    if not _same_names(one, other):
        return False
    steps, others = list(_steps(one)), list(_steps(other))
    return len(steps) == len(others) and all(map(_same_step, steps, others))


def _same_step(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    (step, constant), (step_of_other, constant_of_other) = one, other
    if isinstance(constant, CodeType) and isinstance(constant_of_other, CodeType):
        return step == step_of_other and _same_steps(constant, constant_of_other)
    return step == step_of_other and _same_constant(constant, constant_of_other)


def _steps(code: CodeType) -> Iterator[tuple[tuple[int, int | None], Any]]:
    """Give each instruction, and the constant that it loads."""
    for step in dis.get_instructions(code):
        loads = step.opcode in dis.hasconst
        if step.opcode != dis.EXTENDED_ARG:
            yield (step.opcode, None if loads else step.arg), step.argval if loads else None


def _same_constants(one: tuple[Any, ...] | frozenset[Any], other: tuple[Any, ...] | frozenset[Any]) -> bool:
    return len(one) == len(other) and all(map(_same_constant, one, other))


def _same_constant(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, CodeType):
        return same_code(one, other)
    if isinstance(one, tuple):
        return _same_constants(one, other)
    if isinstance(one, frozenset):
        return sorted(map(_exact, one)) == sorted(map(_exact, other))
    return _exact(one) == _exact(other)


def _exact(constant: Any) -> tuple[str, bytes]:
    """Compare as the compiler does: ``0.0`` is not ``-0.0`` and a nan equals itself."""
    if isinstance(constant, tuple):
        return "tuple", b"".join(piece for item in constant for piece in (_exact(item)[0].encode(), _exact(item)[1]))
    return type(constant).__name__, scalar_token(constant)


def _compile(source: str | ast.Module, filename: str) -> CodeType:
    # Notebooks allow `await` at the top level.
    code: CodeType = compile(source, filename, "exec", dont_inherit=True, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _definitions(tree: ast.AST) -> Iterator[tuple[FunctionNode, str]]:
    """Give each function and lambda, outer ones first, with the name of the class around it."""
    # Not by recursion: long sums and `elif` chains are nested deeper than functions may call each other.
    pending: list[tuple[ast.AST, str]] = [(tree, "")]
    while pending:
        node, class_name = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node, class_name
        inner = node.name if isinstance(node, ast.ClassDef) else class_name
        pending.extend((child, inner) for child in reversed(list(ast.iter_child_nodes(node))))


def _place(node: FunctionNode) -> tuple[str, int]:
    """Give the name and first line that the code object of a definition carries."""
    if isinstance(node, ast.Lambda):
        return "<lambda>", node.lineno
    return node.name, min(part.lineno for part in (node, *node.decorator_list))


def _moved(text: str, filename: str, places: list[tuple[str, int]], stride: int) -> ast.Module:
    """Parse a text again with each definition at these places moved down, whole, by its own multiple of lines."""
    tree = ast.parse(text, filename)
    wanted = set(places)
    crowded: dict[tuple[str, int], list[FunctionNode]] = {}
    for node, _ in _definitions(tree):
        if _place(node) in wanted:
            crowded.setdefault(_place(node), []).append(node)
    for number, place in enumerate(places, 1):
        _move(crowded[place].pop(0), number * stride, stride)
    return tree


def _move(node: ast.AST, lines: int, stride: int) -> None:
    for part in ast.walk(node):
        if isinstance(part, (ast.expr, ast.stmt, ast.excepthandler, ast.arg, ast.keyword)):
            # A definition inside one that was moved already counts from its own line again.
            part.lineno = part.lineno % stride + lines
            part.end_lineno = (part.end_lineno or part.lineno) % stride + lines
