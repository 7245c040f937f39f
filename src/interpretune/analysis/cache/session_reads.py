"""What code reads of a session, by its bytecode: which attribute of what.

An attribute that a user puts onto a module counts if some code can read it there, and a field that the session table
takes for noise counts after all if a step reads it. The user's code is looked through where it runs for batches, the
host's as far as it is loaded: for loads of an attribute by its name, and for texts where attributes are looked up by a
text. The object before the dot tells what the attribute is of: `save_dir` in `module.store.save_dir` is none of the
module's, nor is what a method of another class reads of its `self`.
"""

from __future__ import annotations

import dis
import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FunctionType

from .session_names import HOST, LOOKED_UP, codes_in, functions_of, plain_function, texts_in

__all__ = ["Code", "host_reads", "reads_field"]

#: What of the host runs while an analysis computes.
_PARTS = tuple(f"{HOST}.{part}" for part in ("analysis", "adapters", "base", "runners"))
_OWN = __name__.rpartition(".")[0]
_LOADS = ("LOAD_ATTR", "LOAD_METHOD")
_LOCALS = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE")
_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")
#: Instructions between an object and the load of its attribute that change neither.
_ASIDE = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "PUSH_NULL"})
#: An attribute with one of these in its name may hold a module or data module.
_HOLDERS = ("module", "model", "session", "handle", "root")
#: By which attribute code gets at the owner of a field.
_REACHED_BY = {
    "module": "module",
    "module.it_cfg": "it_cfg",
    "datamodule": "datamodule",
    "datamodule.itdm_cfg": "itdm_cfg",
    "cfg": "analysis_cfg",
}


@dataclass(frozen=True)
class Code:
    """A function, and what its `self` is.

    Args:
        function: the function.
        owner: the part of the session of which it is a method, as the session table names it; empty for all others.
    """

    function: FunctionType
    owner: str = ""


def reads_field(codes: Iterable[Code], owner: str, name: str) -> bool:
    """Tell whether code of the user may read a field of a part of the session.

    Args:
        codes: the code, with all that it calls.
        owner: the part as the session table names it, such as ``module.it_cfg``.
        name: the field's name.
    """
    held_codes = [(held.owner, code) for held in codes for code in codes_in(held.function.__code__)]
    renamed = owner == "cfg" and any(_is_passed_on(code, _REACHED_BY[owner]) for _, code in held_codes)
    for own, code in held_codes:
        if not LOOKED_UP.isdisjoint(code.co_names) and name in texts_in(code):
            return True
        if name in code.co_names and any(_may_be(before, owner, own, renamed) for before in _loaded_from(code, name)):
            return True
    return False


def _may_be(loaded: dis.Instruction, owner: str, own: str, renamed: bool) -> bool:
    local = _local(loaded)
    if local == "self":
        return own == owner
    if owner == "cfg" and not renamed:  # its fields have names that other things have as well, such as `name`
        return local in ("cfg", "analysis_cfg") or (loaded.opname in _LOADS and loaded.argval == _REACHED_BY[owner])
    if loaded.opname in _LOADS:
        return bool(loaded.argval == _REACHED_BY[owner])
    return True


def host_reads(name: str, classes: Iterable[type]) -> bool:
    """Tell whether the host's code, as far as it is loaded, may read an attribute of a module or data module.

    Args:
        name: the attribute's name.
        classes: the classes of module and data module; in methods of their bases, `self` is one of them.
    """
    modules = [module for module in list(sys.modules) if module.startswith(_PARTS) and not module.startswith(_OWN)]
    owners = {base for cls in classes for base in cls.__mro__}
    for reading in _readings(tuple(sorted(modules))).get(name, ()):
        own = reading.owner is None or reading.owner in owners
        if reading.by_text or any(_may_be_module(before, own=own) for before in _loaded_from(reading.code, name)):
            return True
    return False


@dataclass(frozen=True)
class _Reading:
    """A piece of the host's code that has a name in it."""

    code: CodeType
    #: The class in whose body it is; None for a function of a module.
    owner: type | None
    #: Whether the name is a text that may be looked up, and no name in the code itself.
    by_text: bool


@lru_cache(maxsize=4)
def _readings(modules: tuple[str, ...]) -> dict[str, list[_Reading]]:
    found: dict[str, list[_Reading]] = {}
    for code, owner in _codes_of(modules):
        for name in code.co_names:
            found.setdefault(name, []).append(_Reading(code, owner, by_text=False))
        if not LOOKED_UP.isdisjoint(code.co_names):
            for text in code.co_consts:
                if isinstance(text, str) and text.isidentifier():
                    found.setdefault(text, []).append(_Reading(code, owner, by_text=True))
    return found


def _codes_of(modules: Iterable[str]) -> Iterator[tuple[CodeType, type | None]]:
    for module in modules:
        for value in list(vars(sys.modules[module]).values()):
            if getattr(value, "__module__", None) != module:
                continue
            owner = value if isinstance(value, type) else None
            held = [plain_function(value)] if owner is None else [function for _, function in functions_of(owner)]
            for function in held:
                # What `dataclass` writes compares and shows the fields of its own class.
                if function is not None and function.__code__.co_filename != "<string>":
                    yield from ((code, owner) for code in codes_in(function.__code__))


def _may_be_module(loaded: dis.Instruction, *, own: bool) -> bool:
    local = _local(loaded)
    if local is not None:
        return own or local != "self"
    if loaded.opname in _LOADS:
        return any(holder in loaded.argval for holder in _HOLDERS)
    return loaded.opname not in _GLOBALS


def _is_passed_on(code: CodeType, name: str) -> bool:
    """Tell whether code may give what an attribute holds another name, where it does more than take a part of it."""
    if not LOOKED_UP.isdisjoint(code.co_names) and name in texts_in(code):
        return True
    steps = [step for step in dis.get_instructions(code) if step.opname not in _ASIDE]
    return any(
        step.argval == name and step.opname in _LOADS and following.opname not in _LOADS
        for step, following in itertools.pairwise(steps)
    )


def _local(loaded: dis.Instruction) -> str | None:
    if not loaded.opname.startswith(_LOCALS):
        return None
    # From Python 3.13 on, two locals may be loaded at once; the attribute is of the second.
    return str(loaded.argval[-1] if isinstance(loaded.argval, tuple) else loaded.argval)


def _loaded_from(code: CodeType, name: str) -> Iterator[dis.Instruction]:
    """Give, for each load of an attribute in code (without what is nested in it), what gave the object before."""
    before: dis.Instruction | None = None
    for step in dis.get_instructions(code):
        if step.opname in _ASIDE:
            continue
        if step.argval == name and step.opname in (*_LOADS, "LOAD_SUPER_ATTR") and before is not None:
            yield before
        before = step
