"""What code outside of a module tree reads of its modules: the step, and hooks.

Where a module is reached by a path of names (``net.last``), the walk of the step counts what lies there. Where it is
reached in another way (``net.blocks[i].last``, a loop over modules, a helper's or hook's parameter), all that can be
said is that somebody reads an attribute of that name.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from types import FunctionType
from typing import Any

from .code.lookup import is_user_function
from .hook_readers import Readers
from .module_code import DYNAMIC, read_names

__all__ = ["read_outside"]


def read_outside(values: Iterable[Any], names: frozenset[str]) -> frozenset[str]:
    """Give those names by which code may read an attribute of something.

    Args:
        values: functions and objects that take part: the step, hooks.
        names: what is looked for.
    """
    readers = Readers(())
    readers.add(*values)
    found: set[str] = set()
    for value in readers.met():
        if type(value) is FunctionType and is_user_function(value):
            read = read_names(value)
            if not DYNAMIC.isdisjoint(read):
                return names
            found |= read
        elif type(value) is attrgetter:
            found.update(part for path in value.__reduce__()[1] for part in path.split("."))
    return names & found
