"""Files that code reads by a path that is certain: their content counts, or that they are not there.

Where the path is only known when the code runs, nothing can be said; a note then tells so. A file that the code writes
itself does not count, nor does where a file lies.
"""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import xxhash

from ..tokens import frame
from .builtins import certain_text
from .random import installed_name
from .targets import is_definite
from .values import Atoms, Known

if TYPE_CHECKING:
    from .nodes import Node
    from .reads import Reader

__all__ = ["FileUse", "contents", "read_files"]

#: Functions that read the file that their first argument names.
_READING = frozenset(
    {
        *("builtins.open", "io.open", "_io.open", "gzip.open", "bz2.open", "lzma.open", "codecs.open"),
        *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap"),
        *("torch.load", "torch.serialization.load", "torch.jit.load", "torch.from_file"),
        *("safetensors.torch.load_file", "safetensors.numpy.load_file", "safetensors.safe_open"),
        *(f"pandas.read_{kind}" for kind in ("csv", "table", "json", "parquet", "pickle", "excel", "feather")),
        *("pyarrow.parquet.read_table", "joblib.load", "joblib.numpy_pickle.load", "PIL.Image.open"),
    }
)
#: Those that write it, and methods that do.
_WRITING = frozenset({"numpy.save", "numpy.savez", "numpy.savetxt", "torch.save", "torch.serialization.save"})
_WRITING_METHODS = frozenset({"write_text", "write_bytes", "touch", "to_csv", "to_json", "to_parquet", "to_pickle"})
_READING_METHODS = frozenset({"read_text", "read_bytes"})
#: Those that ask whether there is a file.
_ASKING = frozenset({f"{module}.{name}" for module in ("os.path", "genericpath", "posixpath") for name in (
    "exists", "isfile", "isdir", "getsize",
)})  # fmt: skip
_ASKING_METHODS = frozenset({"exists", "is_file", "is_dir"})
_CHUNK = 2**24


class FileUse:
    """A place where a function reads a file, writes one, or asks for one."""

    def __init__(self, path: str, written: str, kind: str) -> None:
        self.path = path
        #: How the path stands in the text, by which it counts.
        self.written = written
        #: ``"read"``, ``"asked"`` or ``"write"``.
        self.kind = kind


def read_files(reader: Reader, callees: Atoms, node: ast.Call) -> None:
    """Remember which file a call reads, where that is certain.

    Args:
        reader: the reading of the function that it stands in.
        callees: what is called.
        node: the call.
    """
    kind, named = _use(callees, node)
    path = _certain_path(reader, named) if kind and named is not None else None
    if path is not None and named is not None and not reader.quiet:
        reader.node.files.append(FileUse(path, ast.unparse(named), kind))


def contents(nodes: Iterable[Node]) -> Iterator[tuple[Node, str, bytes]]:
    """Give what counts of files, by the function that reads them, once all code is read."""
    nodes = list(nodes)
    own = {os.path.abspath(use.path) for node in nodes for use in node.files if use.kind == "write"}
    for node in nodes:
        for use in node.files:
            path = os.path.abspath(use.path)
            if use.kind == "read" and path not in own:
                yield node, f"the file {use.written}", _content(path)
            elif use.kind == "asked" and path not in own:
                yield node, f"whether there is {use.written}", b"yes" if os.path.exists(path) else b"no"


def _use(callees: Atoms, node: ast.Call) -> tuple[str, ast.expr | None]:
    first = node.args[0] if node.args and not isinstance(node.args[0], ast.Starred) else None
    for callee in callees:
        name = installed_name(callee.value, callee.installed) if isinstance(callee, Known) else ""
        if name in _READING:
            return "write" if _writes(node, 1) else "read", first
        if name in _WRITING or name in _ASKING:
            return "write" if name in _WRITING else "asked", first
    method = node.func
    if not isinstance(method, ast.Attribute):
        return "", None
    if method.attr == "open":
        return "write" if _writes(node, 0) else "read", method.value
    if method.attr in _READING_METHODS or method.attr in _ASKING_METHODS:
        return "read" if method.attr in _READING_METHODS else "asked", method.value
    if method.attr in _WRITING_METHODS:
        return "write", first if method.attr.startswith("to_") else method.value
    return "", None


def _writes(node: ast.Call, position: int) -> bool:
    """Tell whether a file is opened to be written."""
    given = [word.value for word in node.keywords if word.arg == "mode"] or node.args[position : position + 1]
    mode = given[0].value if given and isinstance(given[0], ast.Constant) else ""
    return isinstance(mode, str) and any(letter in mode for letter in "wax+")


def _certain_path(reader: Reader, node: ast.expr) -> str | None:
    """Give the path that an expression certainly is."""
    if (text := certain_text(reader, node)) is not None:
        return text
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _joined(reader, [node.left, node.right])
    if isinstance(node, ast.Attribute) and node.attr == "parent":
        inner = _certain_path(reader, node.value)
        return None if inner is None else os.path.dirname(inner)
    if isinstance(node, ast.Call) and not node.keywords:
        called = reader.evaluate(node.func)
        value = called[0].value if len(called) == 1 and isinstance(called[0], Known) else None
        if value is Path or value is PurePath or value is os.path.join or value is os.fspath or value is str:
            return _joined(reader, node.args)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("resolve", "absolute") and not node.args:
            return _certain_path(reader, node.func.value)
    if isinstance(node, ast.Name) and node.id == "__file__" and reader.scope.holder("__file__") is None:
        return str(reader.function.__globals__.get("__file__", "")) or None
    if isinstance(node, (ast.Name, ast.Attribute)) and is_definite(reader, node):
        atoms = reader.evaluate(node)
        if len(atoms) == 1 and isinstance(atoms[0], Known) and isinstance(atoms[0].value, PurePath):
            return str(atoms[0].value)
    return None


def _joined(reader: Reader, parts: list[ast.expr]) -> str | None:
    paths = [_certain_path(reader, part) for part in parts]
    known = [path for path in paths if path is not None]
    return os.path.join(*known) if known and len(known) == len(paths) else None


def _content(path: str) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return frame("no file")
        return _digest(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError:
        return frame("no file")


@lru_cache(maxsize=256)
def _digest(path: str, *status: int) -> bytes:
    """Read a file once in a process, unless it changes."""
    digest = xxhash.xxh3_128()
    with open(path, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return frame("file", digest.digest())
