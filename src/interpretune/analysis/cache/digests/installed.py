"""Which installed distribution a file belongs to, by the records that installers leave in ``site-packages``.

Hundreds of files are asked for when the first key of a process is made, so what folders and records say is kept.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from .tokens import frame, hex_digest

__all__ = ["SITE_FOLDERS", "local_build", "owner_of_file", "owner_of_folder"]

SITE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class _Distribution:
    """One ``*.dist-info`` or ``*.egg-info`` folder."""

    name: str
    info: str

    def owns(self, path: str) -> bool:
        """Tell whether the distribution installed this file (relative to the folder that holds both)."""
        if _is_editable(self.info):
            return False
        record = _record(self.info)
        if record is not None:
            return f"\n{path}," in record or f'\n"{path}",' in record or f"\n../{path}\n" in record
        # Linux distributions strip RECORD; a source tree with an egg-info beside it is a development install.
        if os.path.basename(os.path.dirname(self.info)) not in SITE_FOLDERS:
            return False
        top, listed = _top(path), _top_level(self.info)
        return top in listed if listed is not None else self.name == _normal(top)


def owner_of_file(path: str) -> str | None:
    """Give the name of the distribution that installed a file; None where none did, or an editable one.

    Args:
        path: an absolute path without ``..``.
    """
    for folder, distributions in _above(os.path.dirname(path)):
        relative = path[len(folder) :].lstrip(os.sep).replace(os.sep, "/")
        # The namesake is asked first, as reading the records of a hundred others takes half a second.
        namesake = _normal(_top(relative))
        for distribution in sorted(distributions, key=lambda one: one.name != namesake):
            if distribution.owns(relative):
                return distribution.name
    return None


def owner_of_folder(path: str) -> str | None:
    """Give the name of a distribution that installed something into a folder; None where none did.

    Args:
        path: an absolute path without ``..``, of a folder that lies in one with installed distributions.
    """
    within, name = os.path.split(path)
    for distribution in _distributions_in(within):
        record = None if _is_editable(distribution.info) else _record(distribution.info)
        if record is not None and f"\n{name}/" in record:
            return distribution.name
    return None


@cache
def local_build(name: str) -> str:
    """Give what tells apart the builds of a distribution that bear one version, as an addition to that version.

    Args:
        name: name of the distribution.

    Returns:
        Empty for one that came from an index or as an archive from the web, and for an editable one, whose source
        counts.
    """
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return ""
    origin = _json(found.read_text("direct_url.json"))
    # Builders of conda packages leave a folder there in which they built; that says nothing of this machine.
    is_conda = (found.read_text("INSTALLER") or "").strip() == "conda"
    if is_conda or _is_editable_origin(origin) or not _may_be_built_again(origin):
        return ""
    lines = (found.read_text("RECORD") or "").splitlines()
    # Scripts hold the path of the interpreter, and what the installer writes about itself is no code.
    code = [line for line in lines if ",sha256=" in line and not line.startswith("../") and ".dist-info/" not in line]
    return f", files {hex_digest(frame('record', *map(str.encode, sorted(code))))[:16]}"


@cache
def _above(directory: str) -> tuple[tuple[str, tuple[_Distribution, ...]], ...]:
    """Give the folders that hold distributions, from this one upwards."""
    distributions = _distributions_in(directory)
    here = ((directory, distributions),) if distributions else ()
    parent = os.path.dirname(directory)
    return here if parent == directory else here + _above(parent)


@cache
def _distributions_in(folder: str) -> tuple[_Distribution, ...]:
    def entries() -> Iterator[_Distribution]:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                yield _Distribution(_declared_name(name), os.path.join(folder, name))

    return tuple(entries())


def _declared_name(info: str) -> str:
    return _normal(re.split(r"-\d", info.rpartition(".")[0])[0])


@cache
def _record(info: str) -> str | None:
    """Give the lines that begin with the files of a distribution; None where nothing says what it installed."""
    return _read(os.path.join(info, "RECORD")) or _read(os.path.join(info, "installed-files.txt"))


@cache
def _top_level(info: str) -> frozenset[str] | None:
    text = _read(os.path.join(info, "top_level.txt"))
    return None if text is None else frozenset(text.splitlines())


@cache
def _is_editable(info: str) -> bool:
    return _is_editable_origin(_json(_read(os.path.join(info, "direct_url.json"))))


def _is_editable_origin(origin: dict[str, Any]) -> bool:
    return bool((origin.get("dir_info") or {}).get("editable"))


def _may_be_built_again(origin: dict[str, Any]) -> bool:
    """Tell whether what was installed is an own build: a folder, a repository, or an archive on this machine."""
    is_local = str(origin.get("url")).startswith("file:")
    return bool(origin.keys() & {"dir_info", "vcs_info"}) or ("archive_info" in origin and is_local)


def _json(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "\n" + file.read().replace("\r\n", "\n")
    except OSError:
        return None


def _top(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
