"""One function or class in the graph of code."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..tokens import frame
from .compiled import code_token
from .gradients import OwnGradients
from .source import Source, is_cell
from .values import Atoms, Known

if TYPE_CHECKING:
    from .files import FileUse

__all__ = ["Bindings", "Node", "Paths"]

#: Known objects by the name of the parameter that receives them.
Bindings = dict[str, Atoms]
#: What is written down for parameters that receive no known object, and the paths that it may be.
Paths = dict[str, tuple[str, list[str | None]]]
#: So many paths of one parameter are told apart.
_MANY = 16


@dataclass(eq=False)
class Node:
    """One function in one context of known objects, or one class."""

    value: Any
    path: str
    bindings: Bindings
    source: Source | None
    class_text: bytes = b""
    #: Tokens of the values that it reads, by how it reaches them.
    reads: dict[str, bytes] = field(default_factory=dict)
    edges: set[tuple[str, Node]] = field(default_factory=set)
    #: Known objects that it gives back to its callers.
    returns: list[Known] = field(default_factory=list)
    callers: set[Node] = field(default_factory=set)
    #: True where anybody may call it: what it gives back then leaves what can be followed.
    is_open: bool = False
    waiting: bool = False
    #: Why it draws random numbers, and from which shared generator (or in which circumstance it does).
    draws: set[tuple[str, str]] = field(default_factory=set)
    #: Whether it draws at all, from a seeded generator too.
    is_drawing: bool = False
    #: Orders that count where any code draws, by their labels: each element would get other numbers.
    drawn_orders: dict[str, bytes] = field(default_factory=dict)
    #: Generators that its code has certainly seeded so far; once it is read, before it gives back.
    seeded: frozenset[str] = frozenset()
    #: Which generators were seeded before each function that it calls.
    seeded_before: dict[Node, frozenset[str]] = field(default_factory=dict)
    gradients: OwnGradients = field(default_factory=OwnGradients)
    #: Entries of dictionaries that it reads after hooks stored them, with the line.
    stored_by_hooks: dict[str, tuple[Known, int]] = field(default_factory=dict)
    #: Paths that callers pass to its parameters, with how they write them; None for one that is not certain.
    given_paths: dict[str, set[tuple[str, str | None]]] = field(default_factory=dict)
    #: Orders of dictionaries that it stores in attributes, by how it reaches them, with the attribute's name.
    stored_orders: dict[str, tuple[tuple[str, bool], bytes]] = field(default_factory=dict)
    #: Files that it reads or writes.
    files: list[FileUse] = field(default_factory=list)

    @cached_property
    def token(self) -> bytes:
        """What its own text says."""
        if self.class_text:
            return self.class_text
        if self.source is None:
            return code_token(self.value.__code__)
        return self.source.token

    @property
    def title(self) -> str:
        """What to call it in a report."""
        kind = "class" if self.class_text else "function"
        name = self.value.__qualname__.rpartition("<locals>.")[2]
        if name == "<lambda>":
            kind, name = "lambda", self.path.partition(".")[2]
        file = self.source.filename if self.source is not None else ""
        # Notebooks keep each cell under a number of their own kernel.
        file = "" if is_cell(file) else os.path.basename(file)
        return f"{kind} `{name}` ({file})" if file else f"{kind} `{name}`"

    @property
    def text(self) -> str:
        """Its source for people, where there is one."""
        return self.source.text if self.source is not None else ""

    def place(self, line: int) -> str:
        """Name a line of the function for an error message."""
        name = self.value.__qualname__
        if self.source is None:
            return f"function `{name}`, whose source was not found"
        return f"function `{name}`, {self.source.filename}:{line}: `{self.source.line(line)}`"

    def forget(self) -> None:
        """Begin again: the function is about to be read once more."""
        self.reads.clear()
        self.edges.clear()
        self.draws.clear()
        self.is_drawing = False
        self.drawn_orders.clear()
        self.seeded_before.clear()
        self.seeded = frozenset()
        self.gradients = OwnGradients()
        self.stored_by_hooks.clear()
        self.files.clear()
        self.stored_orders.clear()
        self.returns = []

    def take_paths(self, caller: Node, given: Paths) -> bool:
        """Remember which paths a caller passes; tell whether that is news.

        Args:
            caller: the function that calls this one.
            given: the expressions that it passes, and the paths that these may be, by parameter.
        """
        news = False
        for name, (text, paths) in given.items():
            known = self.given_paths.setdefault(name, set())
            told: set[tuple[str, str | None]] = {(f"{text} in {caller.value.__qualname__}", path) for path in paths}
            if told - known and len(known) >= _MANY:
                # A function that calls itself may make paths without end; that there are more is to be told.
                told = {("", None)}
            new = told - known
            known |= new
            news |= bool(new)
        return news

    def own_colour(self) -> bytes:
        """What it says and reads, without the code that it refers to."""
        reads = (frame("read", label.encode("utf-8", "surrogatepass"), token) for label, token in self.reads.items())
        return frame("own", self.token, *sorted(reads))
