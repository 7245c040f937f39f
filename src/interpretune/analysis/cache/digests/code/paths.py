"""Which path an expression certainly is: what the code writes down, what its names are sure to hold, and what the
functions of `os.path` and `pathlib` make of that.

These are worked out by the functions themselves, so a path counts by where it leads now. How it was come by counts with
the code.
"""

from __future__ import annotations

import ast
import itertools
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from .made import assigned
from .targets import is_definite
from .values import Atom, Known, Literal

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["certain_path", "leave_places_out", "paths_by_callers"]

#: Functions that make a path of paths, by identity.
_MAKING: tuple[Callable[..., Any], ...] = (
    *(Path, PurePath, type(Path()), str, os.fspath, os.getcwd),
    *(os.path.join, os.path.dirname, os.path.basename, os.path.abspath, os.path.realpath, os.path.normpath),
    *(os.path.expanduser, os.path.relpath),
)
#: Those that give the same one.
_KEEPING = (Path, PurePath, str, os.fspath, os.path.abspath, os.path.realpath, os.path.normpath, os.path.expanduser)
#: Methods of a path that give another one, or a part of its name.
_METHODS = frozenset(
    {
        *("resolve", "absolute", "expanduser", "joinpath", "with_suffix", "with_name", "with_stem", "as_posix"),
        *("relative_to", "__fspath__"),
    }
)
_PARTS = frozenset({"parent", "parents", "name", "stem", "suffix", "parts", "anchor"})
#: So many combinations of what callers pass are looked at.
_MANY = 32
#: As many names are followed as stand for each other in code that people write.
_DEEP = 40


def paths_by_callers(reader: Reader, node: ast.expr) -> list[tuple[str, str | None]]:
    """Give the paths that an expression may be, by what callers pass; None for one that is not certain.

    Args:
        reader: the reading of the function that it stands in.
        node: the expression.

    Returns:
        Each with the expressions that the callers pass, empty where the path does not depend on them.
    """
    alone = certain_path(reader, node)
    given = {
        name: sorted(paths, key=str) for name, paths in reader.node.given_paths.items() if any(p for _, p in paths)
    }
    if alone is not None or not given or math.prod(map(len, given.values())) > _MANY:
        return [("", alone)]
    found: dict[tuple[str, str | None], None] = {}
    for chosen in itertools.product(*given.values()):
        supposed = {name: path for name, (_, path) in zip(given, chosen, strict=True)}
        path = certain_path(reader, node, supposed=supposed)
        found[", ".join(text for text, _ in chosen) if path is not None else "", path] = None
    return list(found)


def certain_path(
    reader: Reader, node: ast.expr, defaults: bool = True, supposed: Mapping[str, str | None] | None = None
) -> str | None:
    """Give the path that an expression certainly is.

    Args:
        reader: the reading of the function that it stands in.
        node: the expression.
        defaults: True where a parameter that no caller is known to give may be taken to be what it is by default.
        supposed: paths that parameters are given by a caller.
    """
    # Here names stand for what they hold, also where that does not count.
    places, reader.places = reader.places, set()
    try:
        value = _Paths(reader, defaults, supposed or {}).value(node)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OSError, RuntimeError):
        return None  # no such path can be made, so the code fails there as well
    finally:
        reader.places = places
    return str(value) if isinstance(value, (str, PurePath)) else None


def leave_places_out(reader: Reader, node: ast.expr) -> None:
    """Let what only says where the code lies (``HERE = Path(__file__).parent``) not count in the path of a file.

    The file counts by its content, wherever it lies, and what follows from there on stands in the text.

    Args:
        reader: the reading of the function that reads the file.
        node: the path, which is yet to be evaluated.
    """
    places = [part for part in ast.walk(node) if isinstance(part, ast.Name) and _is_place(reader, part.id)]
    if places and not isinstance(node, ast.Name) and certain_path(reader, node, defaults=False) is not None:
        reader.places.update(places)


def _is_place(reader: Reader, name: str) -> bool:
    """Tell whether a global of a function's module is the directory that the module lies in, or one around or in it."""
    names = reader.function.__globals__
    value, own = names.get(name), names.get("__file__")
    if reader.scope.holder(name) is not None or name in reader.cells or not isinstance(own, str):
        return False
    if not isinstance(value, (str, PurePath)) or not os.path.isabs(value):
        return False
    path, directory = os.path.normpath(value), os.path.dirname(os.path.abspath(own))
    return any(
        f"{inner}{os.sep}".startswith(f"{outer}{os.sep}") for inner, outer in ((path, directory), (directory, path))
    )


class _Unknown(ValueError):
    """What an expression gives is only known when the code runs."""


class _Paths:
    def __init__(self, reader: Reader, defaults: bool, supposed: Mapping[str, str | None]) -> None:
        self.reader = reader
        self.defaults = defaults
        self.supposed = supposed
        self.depth = 0

    def value(self, node: ast.expr) -> Any:
        """Give the text, path or number that an expression certainly is.

        Raises:
            _Unknown: nothing is certain.
        """
        work = _KINDS.get(type(node))
        if work is None or self.depth > _DEEP:
            raise _Unknown
        self.depth += 1
        try:
            return work(self, node)
        finally:
            self.depth -= 1

    def constant(self, node: ast.Constant) -> Any:
        return _plain(node.value)

    def text(self, node: ast.JoinedStr) -> str:
        return "".join(map(str, map(self.value, node.values)))

    def formatted(self, node: ast.FormattedValue) -> str:
        value = self.value(node.value)
        if node.conversion != -1:
            raise _Unknown
        return format(value, str(self.value(node.format_spec)) if node.format_spec is not None else "")

    def operation(self, node: ast.BinOp) -> Any:
        left = self.value(node.left)
        if isinstance(node.op, ast.Div):
            # What is only known as a text may as well be a path, as of a field that the code makes one of.
            return Path(left) / self.value(node.right)
        if isinstance(node.op, ast.Add) and isinstance(left, str):
            return left + self.value(node.right)
        if isinstance(node.op, ast.Mod) and isinstance(left, str):
            several = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            return left % tuple(map(self.value, several))
        raise _Unknown

    def call(self, node: ast.Call) -> Any:
        method = node.func
        value = self.called(method)
        making = next((function for function in _MAKING if function is value), None)
        if making is not None and not node.keywords:
            return _plain(making(*map(self.value, node.args)))
        if isinstance(method, ast.Attribute) and method.attr == "format":
            words = {word.arg: self.value(word.value) for word in node.keywords if word.arg is not None}
            if len(words) < len(node.keywords):
                raise _Unknown
            return str(self.value(method.value)).format(*map(self.value, node.args), **words)
        if not isinstance(method, ast.Attribute) or method.attr not in _METHODS:
            raise _Unknown
        if method.attr != "resolve" and node.keywords:
            raise _Unknown
        return _plain(getattr(Path(self.value(method.value)), method.attr)(*map(self.value, node.args)))

    def called(self, node: ast.expr) -> Any:
        """Give what is called, where it goes by a name, as a chain of calls is not to be read twice."""
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        atoms = self.reader.evaluate(node) if isinstance(root, ast.Name) else ()
        return atoms[0].value if len(atoms) == 1 and isinstance(atoms[0], Known) else None

    def subscript(self, node: ast.Subscript) -> Any:
        index = self.value(node.slice)
        try:
            inner = self.value(node.value)
        except _Unknown:
            return self.held(node)
        return _plain(inner[index])

    def attribute(self, node: ast.Attribute) -> Any:
        try:
            return self.held(node)
        except _Unknown:
            if node.attr not in _PARTS:
                raise
            return getattr(Path(self.value(node.value)), node.attr)

    def name(self, node: ast.Name) -> Any:
        if node.id == "__file__" and self.reader.scope.holder("__file__") is None:
            return str(self.reader.function.__globals__["__file__"])
        try:
            return self.held(node)
        except _Unknown:
            if (received := self._received(node)) is not None:
                return received
            return self.value(self._assigned(node))

    def _assigned(self, node: ast.Name) -> ast.expr:
        """Give what the only assignment in a function gives to a name."""
        source, code = self.reader.node.source, self.reader.function.__code__
        catching = bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
        parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + catching]
        if source is None or self.reader.scope.holder(node.id) is not self.reader.top or node.id in parameters:
            raise _Unknown
        given = assigned(source.node).get(node.id, ())
        if len(given) != 1 or given[0] is None:
            raise _Unknown
        return given[0]

    def _received(self, node: ast.Name) -> Any:
        """Give what a parameter is given, where the function only makes the same path of it (``p = Path(p)``)."""
        source, atoms = self.reader.node.source, self.reader.node.bindings.get(node.id, ())
        if source is None or self.reader.scope.holder(node.id) is not self.reader.top:
            return None
        if not all(self._keeps(part, node.id) for part in assigned(source.node).get(node.id, ())):
            return None
        return _held(atoms[0]) if len(atoms) == 1 else self.supposed.get(node.id) if not atoms else None

    def _keeps(self, node: ast.expr | None, name: str) -> bool:
        if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
            return False
        value = self.called(node.func)
        (given,) = node.args
        return any(value is keeps for keeps in _KEEPING) and isinstance(given, ast.Name) and given.id == name

    def held(self, node: ast.expr) -> Any:
        """Give what a name, or a place behind it, certainly holds."""
        root = node
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            if isinstance(root, ast.Subscript):
                self.value(root.slice)
            root = root.value
        if not isinstance(root, ast.Name) or not (is_definite(self.reader, root) or self._by_default(root)):
            raise _Unknown
        atoms = self.reader.evaluate(node)
        if len(atoms) != 1:
            raise _Unknown
        value = _held(atoms[0])
        if isinstance(value, str) and not (isinstance(node, ast.Name) and _is_place(self.reader, node.id)):
            self.reader.consume(atoms)
        return value

    def _by_default(self, node: ast.Name) -> bool:
        """Tell whether a name is that of a parameter that nobody gave, and that keeps its default."""
        function, code = self.reader.function, self.reader.function.__code__
        if not self.defaults or self.reader.node.source is None or node.id in self.reader.node.bindings:
            return False
        positional = code.co_varnames[: code.co_argcount]
        names = {*positional[len(positional) - len(function.__defaults__ or ()) :], *(function.__kwdefaults__ or {})}
        kept = node.id not in assigned(self.reader.node.source.node)
        return kept and node.id in names and self.reader.scope.holder(node.id) is self.reader.top


def _held(atom: Atom) -> Any:
    if isinstance(atom, Literal):
        return atom.value
    if not isinstance(atom, Known):
        raise _Unknown
    return _plain(atom.value)


def _plain(value: Any) -> Any:
    if isinstance(value, PurePath):
        return Path(str(value))
    if isinstance(value, str):
        return str.__str__(value)
    if type(value) in (int, float):
        return value
    raise _Unknown


_KINDS: dict[type, Callable[[_Paths, Any], Any]] = {
    ast.Constant: _Paths.constant,
    ast.JoinedStr: _Paths.text,
    ast.FormattedValue: _Paths.formatted,
    ast.BinOp: _Paths.operation,
    ast.Call: _Paths.call,
    ast.Subscript: _Paths.subscript,
    ast.Attribute: _Paths.attribute,
    ast.Name: _Paths.name,
}
