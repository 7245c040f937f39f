"""Files that code reads by a path that is certain: their content counts, or that they are not there.

Where the path is only known when the code runs, nothing can be said; a note then tells so. A file that the code writes
itself does not count, nor does where a file lies. Of a directory that code loads from, all files count.
"""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import xxhash

from ..tokens import frame
from .apply import ANY_PARAMETER
from .lookup import is_followed
from .made import assigned
from .paths import certain_path, leave_places_out, paths_by_callers
from .random import installed_name
from .syntax import called_name
from .values import Atom, Atoms, Bound, Known

if TYPE_CHECKING:
    from ..walk import Walk
    from .nodes import Node
    from .reads import Reader

__all__ = ["FileUse", "before_files", "contents", "note_reader", "read_files"]

#: Functions that read the file that their first argument names.
_READING = frozenset(
    {
        *("builtins.open", "io.open", "_io.open", "gzip.open", "bz2.open", "lzma.open", "codecs.open"),
        *("os.open", "posix.open", "nt.open"),
        *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap"),
        *("torch.load", "torch.serialization.load", "torch.jit.load", "torch.from_file"),
        *("safetensors.torch.load_file", "safetensors.numpy.load_file", "safetensors.safe_open"),
        *(f"pandas.read_{kind}" for kind in ("csv", "table", "json", "parquet", "pickle", "excel", "feather", "fwf")),
        *("pyarrow.parquet.read_table", "joblib.load", "joblib.numpy_pickle.load", "PIL.Image.open"),
        *("zipfile.ZipFile", "tarfile.open", "tarfile.TarFile.open", "linecache.getline", "linecache.getlines"),
    }
)
#: Those of them that take flags, not a mode.
_BY_FLAGS = frozenset({"os.open", "posix.open", "nt.open"})
#: Flags with which nothing is read of what was there before.
_WRITING_FLAGS = frozenset({"O_WRONLY", "O_TRUNC", "O_EXCL"})
#: Those that load from a directory or file where there is one, and by another name elsewhere.
_LOADING = frozenset({"datasets.load_from_disk", "datasets.load_dataset"})
_LOADING_METHODS = frozenset(
    {"from_pretrained", "load_from_disk", *(f"from_{kind}" for kind in ("json", "csv", "parquet", "text"))}
)
#: What such functions call the path, in the order in which it is asked for.
_NAMED = (
    *("data_files", "file", "filename", "fname", "f", "fp", "path", "filepath_or_buffer", "path_or_buf", "io"),
    *("source", "name", "path_or_paths", "dataset_path", "dataset_dict_path", "pretrained_model_name_or_path"),
)
#: Those that write it, and methods that do.
_WRITING = frozenset({"numpy.save", "numpy.savez", "numpy.savetxt", "torch.save", "torch.serialization.save"})
_WRITING_METHODS = frozenset(
    {"write_text", "write_bytes", "touch", "to_csv", "to_json", "to_parquet", "to_pickle"}
    | {"save_pretrained", "save_to_disk"}
)
_READING_METHODS = frozenset({"read_text", "read_bytes"})
#: Those that ask whether there is a file.
_ASKING = frozenset({f"{module}.{name}" for module in ("os.path", "genericpath", "posixpath") for name in (
    "exists", "isfile", "isdir", "getsize",
)})  # fmt: skip
_ASKING_METHODS = frozenset({"exists", "is_file", "is_dir"})
#: The one hidden file of a directory that is loaded from: `load_dataset` looks there for configurations and features.
_HIDDEN_AND_READ = ".huggingface.yaml"
_CHUNK = 2**24


class FileUse:
    """A place where a function reads a file, writes one, or asks for one."""

    def __init__(self, path: str | None, written: str, kind: str) -> None:
        #: None where it is only known when the code runs.
        self.path = path
        #: How the path stands in the text, by which it counts.
        self.written = written
        #: ``"read"``, ``"loaded"`` (from a directory or file, where it is there), ``"found"`` (read, if it is a file at
        #: all), ``"asked"`` or ``"write"``.
        self.kind = kind


def note_reader(reader: Reader, name: str) -> None:
    """Remember that an installed function is handed on, and may be called with any path, if it reads files.

    Args:
        reader: the reading of the function that hands it on.
        name: its `installed_name`.
    """
    if _reads(name):
        reader.node.files.append(FileUse(None, name, "read"))


def before_files(reader: Reader, node: ast.Call) -> None:
    """Look at a call that reads the file whose path its method belongs to, before that path is evaluated.

    Args:
        reader: the reading of the function that it stands in.
        node: the call.
    """
    method = node.func
    if (
        isinstance(method, ast.Attribute)
        and not reader.quiet
        and (method.attr in _READING_METHODS or (method.attr == "open" and not _writes(node, 0)))
    ):
        leave_places_out(reader, method.value)


def read_files(reader: Reader, callees: Atoms, node: ast.Call) -> None:
    """Remember which file a call reads, or that this is not certain.

    Args:
        reader: the reading of the function that it stands in.
        callees: what is called.
        node: the call.
    """
    kind, named = _use(callees, node)
    if not kind or reader.quiet:
        return
    # What is written may be left out of the key, so there nothing is supposed.
    if named is not None and kind == "read":
        leave_places_out(reader, named)
    if named is None or kind == "write":
        found = [("", certain_path(reader, named, defaults=False) if named is not None else None)]
    else:
        found = paths_by_callers(reader, named)
    for given, path in found:
        if path is not None and named is not None:
            written = ast.unparse(named)
            reader.node.files.append(FileUse(path, f"{written} for {given}" if given else written, kind))
    if all(path is not None for _, path in found) and not (named is not None and _is_open(reader, named)):
        return
    if kind in ("read", "loaded") and _may_be_missed(reader, callees, node, named):
        reader.node.files.append(FileUse(None, ast.unparse(node), kind))


def contents(nodes: Iterable[Node], walk: Walk) -> Iterator[tuple[Node, str, bytes]]:
    """Give what counts of files, by the function that reads them, once all code is read; note what cannot count."""
    nodes = list(nodes)
    merged: dict[tuple[Node, str], set[bytes]] = {}
    own = {os.path.abspath(use.path) for node in nodes for use in node.files if use.kind == "write" and use.path}
    for node in nodes:
        for use in node.files:
            path = os.path.abspath(use.path) if use.path is not None else None
            there = path is not None and os.path.exists(path)
            if path is None or (use.kind == "loaded" and not there) or (use.kind == "read" and "://" in str(use.path)):
                walk.note(_missed(node, use))
            if path is None or path in own:
                continue
            if use.kind == "read" or (use.kind in ("loaded", "found") and there):
                merged.setdefault((node, f"the file {use.written}"), set()).add(_content(path, own))
            elif use.kind == "asked":
                merged.setdefault((node, f"whether there is {use.written}"), set()).add(b"yes" if there else b"no")
    for (node, label), tokens in merged.items():
        # Several where callers pass different paths by expressions of one text.
        yield node, label, next(iter(tokens)) if len(tokens) == 1 else frame("files", *sorted(tokens))


def _missed(node: Node, use: FileUse) -> str:
    where = f"function `{node.value.__qualname__}`"
    if use.path is None:
        return f"{where} reads a file whose path is only known when it runs, so it does not count: `{use.written}`"
    return f"{where} loads by a name that is no file or directory here, so only the name counts: `{use.written}`"


def _use(callees: Atoms, node: ast.Call) -> tuple[str, ast.expr | None]:
    first = node.args[0] if node.args and not isinstance(node.args[0], ast.Starred) else None
    given = {word.arg: word.value for word in node.keywords}
    named = next((given[name] for name in _NAMED if name in given), None)
    for callee in callees:
        name = installed_name(callee.value, callee.installed) if isinstance(callee, Known) else ""
        if name in _BY_FLAGS:
            # Relative to another directory, which only an open one tells, the path is not certain.
            return "write" if _flags_write(node) else "read", given.get("dir_fd") or first or named
        if name in _READING:
            return "write" if _writes(node, 1) else "read", first or named
        if name in _LOADING:
            return "loaded", named or first
        if name in _WRITING or name in _ASKING:
            return "write" if name in _WRITING else "asked", first or named
    method = node.func
    if not isinstance(method, ast.Attribute):
        return "", None
    if method.attr == "open":
        return "write" if _writes(node, 0) else "read", method.value
    if method.attr in _READING_METHODS or method.attr in _ASKING_METHODS:
        return "read" if method.attr in _READING_METHODS else "asked", method.value
    if method.attr in _LOADING_METHODS:
        return "loaded", first or named
    if method.attr == "read":
        return "found", first or named  # as of a `ConfigParser`; other objects have other methods of that name
    if method.attr in _WRITING_METHODS:
        return "write", (first or named) if method.attr.startswith(("to_", "save_")) else method.value
    return "", None


def _is_open(reader: Reader, named: ast.expr) -> bool:
    """Tell whether a path is made of a parameter that some caller may give by ``*`` or ``**``."""
    code = reader.function.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    names = {part.id for part in ast.walk(named) if isinstance(part, ast.Name)}
    return ANY_PARAMETER in reader.node.given_paths and not names.isdisjoint(parameters)


def _may_be_missed(reader: Reader, callees: Atoms, node: ast.Call, named: ast.expr | None) -> bool:
    """Tell whether a call reads a file that nothing else tells of."""
    if named is None or (isinstance(named, ast.Constant) and not isinstance(named.value, str)):
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr == "open" and not any(map(_is_reading, callees)):
        return False
    if any(isinstance(callee, Bound) and is_followed(callee.function) for callee in callees):
        return False  # code of the user's, which is read itself
    if not isinstance(named, ast.Name) or reader.node.source is None:
        return not _opens(named)
    definition = reader.node.source.node
    opened = {name for part in ast.walk(definition) for name in _opened(part)}
    return named.id not in opened and not any(map(_opens, assigned(definition).get(named.id, ())))


def _is_reading(callee: Atom) -> bool:
    return isinstance(callee, Known) and _reads(installed_name(callee.value, callee.installed))


def _reads(name: str) -> bool:
    return name in _READING or name in _LOADING


def _opened(part: ast.AST) -> Iterator[str]:
    """Give the names that stand for files which a `with` statement opened."""
    for item in part.items if isinstance(part, (ast.With, ast.AsyncWith)) else ():
        if isinstance(item.optional_vars, ast.Name):
            yield item.optional_vars.id


def _opens(node: ast.expr | None) -> bool:
    """Tell whether an expression gives an open file, or something like one in memory."""
    return called_name(node) in ("open", "BytesIO", "StringIO")


def _writes(node: ast.Call, position: int) -> bool:
    """Tell whether a file is opened to be written."""
    given = [word.value for word in node.keywords if word.arg == "mode"] or node.args[position : position + 1]
    mode = given[0].value if given and isinstance(given[0], ast.Constant) else ""
    # With ``r+`` and ``a+`` it may be read before.
    return isinstance(mode, str) and any(letter in mode for letter in "wax") and not {"a", "+"} <= {*mode}


def _flags_write(node: ast.Call) -> bool:
    """Tell whether the flags that a file is opened with say that it is certainly only written, or made anew."""
    given = [word.value for word in node.keywords if word.arg == "flags"] or node.args[1:2]
    return any(map(_certainly_writing, given))


def _certainly_writing(flags: ast.expr) -> bool:
    if isinstance(flags, ast.BinOp) and isinstance(flags.op, ast.BitOr):
        return _certainly_writing(flags.left) or _certainly_writing(flags.right)
    if isinstance(flags, ast.IfExp):
        return _certainly_writing(flags.body) and _certainly_writing(flags.orelse)
    return getattr(flags, "attr", getattr(flags, "id", "")) in _WRITING_FLAGS


def _content(path: str, own: Iterable[str]) -> bytes:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            return frame("directory", *_directory(path, own))
        if not stat.S_ISREG(status.st_mode):
            return frame("no file")
        return _digest(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError:
        return frame("no file")


def _directory(path: str, own: Iterable[str]) -> Iterator[bytes]:
    """Give the name and the content of each file below a directory; nobody loads from what is hidden, but for one."""
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(names):
            file = os.path.join(folder, name)
            if (not name.startswith(".") or name == _HIDDEN_AND_READ) and file not in own:
                yield frame("entry", os.fsencode(os.path.relpath(file, path)), _content(file, own))


@lru_cache(maxsize=4096)
def _digest(path: str, *status: int) -> bytes:
    """Read a file once in a process, unless it changes."""
    digest = xxhash.xxh3_128()
    with open(path, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return frame("file", digest.digest())
