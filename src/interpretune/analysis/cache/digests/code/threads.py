"""What threads run: a thread keeps to itself and says nothing, but its work is code of the run as any other."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ..asking import asked
from ..base_names import base_names
from .apply import Arguments, apply, apply_each, held_arguments
from .lookup import Method, find_attribute, is_followed
from .values import Atoms, Bound, Items, Known

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["STARTING", "follow_made_thread", "follow_started_thread", "is_thread_class"]

#: Methods of a thread that let it work.
STARTING = ("start", "run")
_THREAD, _TIMER = "threading.Thread", "threading.Timer"
#: By kind of thread: the parameters of its class that say what it runs, and where it keeps them.
_GIVEN = {_THREAD: ("group", "target", "name", "args", "kwargs"), _TIMER: ("interval", "function", "args", "kwargs")}
_KEPT = {_THREAD: ("_target", "_args", "_kwargs"), _TIMER: ("function", "args", "kwargs")}


def is_thread_class(cls: type) -> bool:
    """Tell whether objects of a class are threads."""
    return _THREAD in base_names(cls)


def _kind(cls: type) -> str:
    return _TIMER if _TIMER in base_names(cls) else _THREAD


def follow_started_thread(reader: Reader, thread: Known) -> None:
    """Follow what a captured thread does once it is started.

    Args:
        reader: the reading of the function that starts it.
        thread: the thread.
    """
    own = find_attribute(thread.value, "run")
    if isinstance(own, Method) and is_followed(own.function):
        apply(reader, Bound(own.function, thread, f"{thread.label}.run", f"{thread.path}.run"), Arguments())
    target, args, kwargs = (asked(thread.value, name) for name in _KEPT[_kind(type(thread.value))])
    if target is not None:
        work = Known(target, f"{thread.label}.target", f"{thread.path}.target")
        apply(reader, work, held_arguments(args or (), kwargs or {}, work))


def follow_made_thread(reader: Reader, cls: type, node: ast.Call) -> None:
    """Follow what a thread will do that the code makes: it is taken to be started.

    Args:
        reader: the reading of the function that makes it.
        cls: its class.
        node: the call of the class.
    """
    names = _GIVEN[_kind(cls)]
    given: dict[str | None, ast.expr] = dict(zip(names, node.args, strict=False))
    given.update({word.arg: word.value for word in node.keywords})
    evaluated = {name: reader.evaluate(part) for name, part in given.items()}
    work = evaluated.pop("target", evaluated.pop("function", ()))
    arguments = _arguments(reader, evaluated.pop("args", ()))
    apply_each(reader, work, arguments)
    for atoms in evaluated.values():
        reader.consume(atoms)


def _arguments(reader: Reader, atoms: Atoms) -> Arguments:
    if len(atoms) == 1 and isinstance(atoms[0], Items) and atoms[0].exact:
        return Arguments(list(atoms[0].elements))
    reader.consume(atoms)
    return Arguments(is_open=bool(atoms))
