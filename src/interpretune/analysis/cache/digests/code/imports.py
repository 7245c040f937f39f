"""Imports inside a function's body."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from ..tokens import frame
from .lookup import Plain, find_attribute
from .operations import attribute
from .values import Atoms, Known

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["import_module", "import_names"]


def import_names(reader: Reader, statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Atoms]]:
    """Tell what an import statement binds.

    A module that is not loaded yet is imported, as the function would do when it runs: what it holds must count from
    the first fingerprint on, and not only after the first run.

    Args:
        reader: the reading of the function that the statement stands in.
        statement: the import.

    Yields:
        Each name with what it denotes.
    """
    base = reader.node.path
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            module = import_module(reader, alias.name)
            if module is not None and alias.asname is None:
                top = alias.name.partition(".")[0]
                yield top, (Known(sys.modules.get(top, module), top, f"{base}.{top}"),)
            elif module is not None and alias.asname is not None:
                yield alias.asname, (Known(module, alias.asname, f"{base}.{alias.asname}"),)
        return
    package = "." * statement.level + (statement.module or "")
    module = import_module(reader, package)
    for alias in statement.names if module is not None else ():
        name = alias.asname or alias.name
        if hasattr(module, "__path__") and not isinstance(find_attribute(module, alias.name), Plain):
            inner = import_module(
                reader, f"{package.rstrip('.') or package}.{alias.name}" if statement.module else package + alias.name
            )
            if inner is not None:
                yield name, (Known(inner, name, f"{base}.{name}"),)
                continue
        yield name, attribute(reader, (Known(module, _outside(package), base),), alias.name)


def _outside(package: str) -> str:
    # The name of a module does not count: the names that are taken from it do.
    return "import" if package else ""


def import_module(reader: Reader, name: str) -> ModuleType | None:
    """Import a module for a function; that it cannot be imported counts as well.

    Args:
        reader: the reading of the function.
        name: the module, with leading dots where it is relative to the function's package.
    """
    names = reader.function.__globals__
    package = names.get("__package__") or str(names.get("__name__", "")).rpartition(".")[0]
    try:
        return importlib.import_module(name, package or None)
    except Exception as error:
        reader.record(f"import {name}", frame("not importable", type(error).__name__.encode()))
        if not isinstance(error, ImportError):
            reader.graph.note(f"module `{name}` could not be imported ({type(error).__name__}), so it does not count")
        return None
