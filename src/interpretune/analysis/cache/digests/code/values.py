"""What an expression may denote, as far as it can be known before the code runs.

Code is read against the objects that are alive when the fingerprint is taken. An expression denotes a set of *atoms*;
the empty set stands for anything the code computes itself, which is accounted for by what it was computed from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Atom",
    "Atoms",
    "Bound",
    "Each",
    "Instance",
    "Items",
    "Known",
    "Literal",
    "Local",
    "Parameters",
    "Quiet",
    "Super",
    "join",
]


@dataclass(frozen=True, eq=False)
class Known:
    """One live object that the code can reach by a name."""

    value: Any
    #: How this function's code reaches it, such as ``self.scale``; digested, so without file and module names.
    label: str
    #: The dotted path from the named input of the run, for people.
    path: str
    parent: Known | None = field(default=None, repr=False)
    #: Where it was taken from an installed module: its name there, which is all that counts of it.
    installed: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from other atoms in one function."""
        return "known", self.label

    def step(self, value: Any, step: str) -> Known:
        """Give what lies one step further; a step back to where the way led before is that earlier object."""
        before: Known | None = self
        while before is not None:
            if before.value is value and not isinstance(value, (int, float, str, bytes, bool, type(None), tuple)):
                return before
            before = before.parent
        return Known(value, self.label + step, self.path + step, self)


@dataclass(frozen=True, eq=False)
class Instance:
    """Some instance of a user class that the code makes itself, or that a method of the class was called on."""

    cls: type

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from other atoms in one function."""
        return "instance", str(id(self.cls))


@dataclass(frozen=True, eq=False)
class Bound:
    """A function found as a method, with the object that it is bound to."""

    function: Any
    receiver: Known | Instance
    label: str
    path: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from other atoms in one function."""
        return "bound", self.label


@dataclass(frozen=True, eq=False)
class Items:
    """Several values side by side: a tuple or list that the code writes down, or the elements of a known one."""

    elements: tuple[Atoms, ...]
    #: False where the elements may come in any number, as from iterating.
    exact: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from other atoms in one function."""
        return "items", str([[atom.key for atom in element] for element in self.elements])


@dataclass(frozen=True, eq=False)
class Each:
    """Something to iterate, of which any element denotes these."""

    element: Atoms

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from other atoms in one function."""
        return "each", str([atom.key for atom in self.element])


@dataclass(frozen=True, eq=False)
class Local:
    """A function that the code defines itself."""

    node: Any
    scope: Any

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from other atoms in one function."""
        return "local", str(id(self.node))


@dataclass(frozen=True, eq=False)
class Super:
    """What ``super()`` gives: the attributes of a class's bases, on an object."""

    after: type
    receiver: Known | Instance

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from other atoms in one function."""
        return "super", str(id(self.after))


@dataclass(frozen=True, eq=False)
class Literal:
    """A text that the code writes down: it counts with the code, and may name an attribute."""

    value: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from other atoms in one function."""
        return "literal", self.value


@dataclass(frozen=True, eq=False)
class Parameters:
    """Any parameter of a live torch module; what is computed from it counts with the module."""

    module: Known

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart from other atoms in one function."""
        return "parameters", self.module.label


@dataclass(frozen=True, eq=False)
class Quiet:
    """Something that only tells people about the run, such as a logger."""

    key = ("quiet", "")


Atom = Known | Instance | Bound | Items | Each | Literal | Local | Super | Parameters | Quiet
Atoms = tuple[Atom, ...]


def join(*parts: Atoms) -> Atoms:
    """Give the atoms of several sets, each once."""
    if len(parts) == 2 and not parts[0]:
        return parts[1]
    return tuple({atom.key: atom for part in parts for atom in part}.values())
