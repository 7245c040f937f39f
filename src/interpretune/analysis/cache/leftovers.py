"""Who is at work in an entry's directory, and what those who died there left behind.

A writer leaves a mark, ``.writer-<pid>-…``, while it is at work. Nobody removes unnamed files of an entry in which
another living process has one, and those who wait for the writer read from it how far the work is.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path

from .files import is_alive
from .manifest import read_manifest
from .paths import ASIDE_PREFIX

__all__ = ["MARK_PREFIX", "describe_writer", "find_leftovers", "named_files", "own_marks", "remove_leftovers"]

MARK_PREFIX = ".writer-"
_MARK = re.compile(r"\.writer-([0-9]{1,10})-[0-9a-f]+", re.ASCII)
_SHARD = re.compile(r"data-[0-9]{5,9}\.arrow", re.ASCII)

#: Marks that writers of this process have out, so that those of writers that died with their thread can be told.
own_marks: set[str] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=own_marks.clear)  # they are the parent's, which lives


def find_leftovers(path: Path) -> list[str]:
    """Give the names of the files that writers that died left in an entry's directory.

    The caller holds the entry's lock, or accepts that nothing is found while another living process writes there.

    Args:
        path: the entry's directory.
    """
    # The directory is listed before the manifest is read: what a writer publishes in between is not in the list, and
    # what it published before is in the manifest, or its mark is out.
    names = sorted(os.listdir(path))
    for name in names:
        found = _MARK.fullmatch(name)
        if found and name not in own_marks and int(found.group(1)) != os.getpid() and is_alive(int(found.group(1))):
            return []
    named = named_files(path)
    if named is None or sum(name in own_marks for name in names) > 1:
        return []
    return [
        name
        for name in names
        if name.startswith(ASIDE_PREFIX)
        or (_MARK.fullmatch(name) and name not in own_marks)
        or (_SHARD.fullmatch(name) and name not in named)
    ]


def remove_leftovers(path: Path) -> None:
    """Remove what writers that died left in an entry's directory; the same conditions hold as for `find_leftovers`."""
    for name in find_leftovers(path):
        with suppress(OSError):
            os.unlink(path / name)


def named_files(path: Path) -> set[str] | None:
    """Give the names of the shards that an entry's manifest names; None where it cannot be read."""
    try:
        return {shard.file for shard in read_manifest(path)[0].shards}
    except FileNotFoundError:
        return set()
    except OSError:  # a manifest that cannot be read may name any of the files
        return None


def describe_writer(path: Path) -> str:
    """Tell who writes an entry and how far it is, as far as can be known."""
    with suppress(OSError, ValueError):
        for name in sorted(os.listdir(path)):
            if _MARK.fullmatch(name):
                note = json.loads((path / name).read_text())
                return f"process {int(note['pid'])} ({int(note['batches'])} batches done)"
    return "another process"
