"""Packages that count as a whole: the host, whose code runs around every analysis.

An analysis runs through hundreds of the host's functions, none of which the user's code names. Where the host is
installed, its version counts for them. Where it runs from a source tree, as an editable install, its files count, each
as a part that a diff can name.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

import xxhash

__all__ = ["WHOLE", "source_files", "whole_package"]

#: Names of the packages, which are also the names of their distributions.
WHOLE = frozenset({"interpretune"})
#: This library lies inside of the host's package; what it does to a key is said by the version of the key.
_OWN = Path(__file__).resolve().parents[1]
_KINDS = (".py", ".yaml")


def _folder(package: str) -> str | None:
    module = sys.modules.get(package)
    file = getattr(module, "__file__", None)  # none where only parts of the package are there
    return os.path.dirname(os.path.realpath(file)) if isinstance(file, str) else None


def whole_package(path: str) -> str | None:
    """Tell to which of the packages a file belongs, or None.

    Args:
        path: path of a source file.
    """
    real = os.path.realpath(path)
    for package in WHOLE:
        folder = _folder(package)
        if folder is not None and real.startswith(folder + os.sep) and not real.startswith(str(_OWN) + os.sep):
            return package
    return None


def source_files(package: str) -> dict[str, str]:
    """Give the digests of a package's files, by path below the package; nothing where it is installed by version.

    Args:
        package: one of `WHOLE`.
    """
    folder = _folder(package)
    if folder is None or "site-packages" in folder or "dist-packages" in folder:
        return {}
    found = {}
    for directory, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if name != "__pycache__" and Path(directory, name).resolve() != _OWN)
        for name in sorted(names):
            if name.endswith(_KINDS):
                file = os.path.join(directory, name)
                status = os.stat(file)
                found[os.path.relpath(file, folder).replace(os.sep, "/")] = _digest(
                    file, status.st_size, status.st_mtime_ns
                )
    return found


@cache
def _digest(file: str, size: int, changed: int) -> str:
    # Asked for at each run; a file of the same size and time is not read again by the same process.
    with open(file, "rb") as opened:
        return xxhash.xxh3_128_hexdigest(opened.read())
