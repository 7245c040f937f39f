"""The meaning of code: functions, classes, and everything that they name.

`CodeGraph` holds one node for each user function (in each context of captured objects that it is called with) and each
user class. A node has a token of its own text, the tokens of the values that it reads, and labelled edges to the code
that it refers to. Code refers to itself in circles, so the graph is folded by refining colours: every node begins with
what it says itself and takes in, round after round, the colours of what it refers to.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, MethodType, ModuleType
from typing import Any

from ...errors import UnfingerprintableError
from ..tokens import frame
from ..walk import Walk
from .bytecode import read_code
from .classes import class_token, read_class
from .contexts import described, identity, live_bindings, received, taken_apart
from .draws import draws_unasked
from .files import contents
from .filling import stored_by_hooks
from .folding import fold, tell_draws
from .gradients import counted, lose, outermost_module
from .kept_orders import all_gone_through, count_drawn_orders, orders_gone_through, orders_held
from .kinds import encode_kind, installed_token, name_token
from .lookup import is_user_class, is_user_function, wrapped_by_installed
from .nodes import Bindings, Node, Paths
from .random import SHARED, installed_name, shared_name
from .reads import read_source
from .settings import settings_seen
from .source import find_source
from .values import Atoms, Known

__all__ = ["CodeGraph"]


#: Stands in a reason that already says which line lets an object escape.
_PLACE = " since it leaves what can be followed in "


class CodeGraph:
    """All code that one walk met, and what it refers to.

    Args:
        walk: the walk that the graph belongs to.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self._nodes: dict[Any, Node] = {}
        self._roots: set[tuple[str, Node]] = set()
        self._waiting: deque[Node] = deque()
        self._titles: dict[str, bytes] = {}
        #: Names of attributes, of objects that are not known, whose elements code goes through.
        self.gone_through: set[tuple[str, bool]] = set()
        #: By name of a function, which of these it gives back instead.
        self.given_back: set[tuple[str, str, bool]] = set()
        self._methods: dict[tuple[int, int], MethodType] = {}
        #: True while a function that is only called is met.
        self._called = False
        #: Modules of which code reads parts, by their identity.
        self._modules: dict[int, Known] = {}
        #: The node whose values are being looked at, how it names the value, and the value's path.
        self._reading: tuple[Node, str, str] | None = None

    # What the walk asks for

    @property
    def size(self) -> int:
        """How many functions and classes it holds."""
        return len(self._nodes)

    def meet(self, value: Any, label: str) -> bytes:
        """Take note of code met by the walk.

        Args:
            value: a function, class or other code.
            label: how it is reached from the walk's current path.

        Returns:
            The token of its own text, without what it refers to.
        """
        called, self._called = self._called, False
        function, arguments, keywords = taken_apart(value)
        if is_user_function(function):
            bindings = live_bindings(function, arguments, keywords, self.walk.path)
            node = self.function_node(function, bindings, self.walk.path + label)
            self.open(node)
            return self._refer(node, label)
        if isinstance(function, type) and not arguments and not keywords:
            if any(is_user_class(base) for base in function.__mro__):
                token = self._refer(self.class_node(function, self.walk.path + label), label)
                # Whoever makes instances may do so by position; of one that exists, the order says nothing.
                return token if label.startswith((".__class__", ".__bases__")) else _with_order(token, function)
            return installed_token(function, self.walk)
        inside = wrapped_by_installed(function) if arguments or keywords else None
        if inside is not None:
            # A bound method below an installed decorator is read as if the decorator were not there.
            with self.walk.at(label):
                token = encode_kind(function, self.walk)
            bindings = live_bindings(inside, arguments, keywords, self.walk.path)
            node = self.function_node(inside, bindings, self.walk.path + label)
            self.open(node)
            return frame("decorated", token, self._refer(node, f"{label}.__wrapped__()"))
        bound = [self.walk.child(argument, f"{label}.args[{index}]") for index, argument in enumerate(arguments)]
        bound += [
            frame("keyword", name.encode(), self.walk.child(keywords[name], f"{label}.{name}"))
            for name in sorted(keywords)
        ]
        name = shared_name(function)
        with self.walk.at(label):
            token = name_token(name, self.walk) if name else encode_kind(function, self.walk)
        if not called and not isinstance(function, (type, ModuleType)):
            self._note_draw(installed_name(function, name), function)
        return frame("bound", token, *bound) if bound else token

    def _note_draw(self, name: str, value: Any) -> None:
        """Remember a function that draws and was met where its calls are not seen, such as in a list."""
        generator = draws_unasked(name, value)
        if generator and self._reading is None:
            self.walk.stochastic(f"{self.walk.path}: `{name}`", generator)
        elif generator and self._reading is not None:
            self._reading[0].draws.add((f"`{name}` at {self.walk.path}", generator))

    def close(self) -> bytes:
        """Follow everything that was met and fold it into one token."""
        self._follow()
        nodes = list(self._nodes.values())
        for node, label, token in (*contents(nodes, self.walk), *settings_seen(nodes)):
            node.reads[label] = token
        for node, known, line in (*counted(nodes), *stored_by_hooks(nodes)):
            self.count(node, known, line)
        self._follow()
        self._tell_sharing()
        tell_draws({node for _, node in self._roots}, self.walk)
        count_drawn_orders(self._nodes.values())
        names = all_gone_through(self.gone_through, self.given_back)
        for node, label, token in orders_gone_through(self._nodes.values(), names):
            node.reads[label] = token
        held = orders_held(self.walk, names)
        return frame("in order", fold(self._roots), *held) if held else fold(self._roots)

    def _follow(self) -> None:
        while self._waiting:
            node = self._waiting.popleft()
            node.waiting = False
            try:
                self._read(node)
            except RecursionError:
                with self.walk.standing(node.path):
                    self.walk.refuse(node.value, "its text is nested too deeply")

    # What the readers ask for

    def count(self, node: Node, known: Known, line: int, called: bool = False) -> None:
        """Let a node depend on a live object as a whole.

        Args:
            node: the function that reads it.
            known: the object and how it is reached.
            line: number of the source line where it leaves what can be followed.
            called: True where it is only called: then its reader says whether that draws random numbers.
        """
        if known.label in node.reads:
            return
        self._called = called
        if known.installed:
            node.reads[known.label] = self._named(known, node)
            self._called = False
            return
        if (module := outermost_module(known.parent)) is not None:
            self._modules.setdefault(id(module.value), module)
        try:
            lose(node, known)
            with self._at(node, known.label, known.path):
                token = self.walk.child(known.value)
                node.reads[known.label] = _with_order(token, type(known.value))
        except UnfingerprintableError as error:
            if _PLACE in error.reason:
                raise
            whole = "it" if error.path == known.path else f"`{known.path}`"
            raise UnfingerprintableError(
                error.path,
                f"{error.reason}, and the code needs {whole} as a whole{_PLACE}{node.place(line)}",
                type_name=error.type_name,
                hint=error.hint,
            ) from error.__cause__

    def _tell_sharing(self) -> None:
        """Let count what is one object in the modules of which only parts do."""
        for known in self._modules.values():
            from ..sharing import sharing_within

            self.walk.models[known.path] = known.value
            with self.walk.standing(known.path):
                token = sharing_within(known.value, self.walk)
                if token is not None:
                    self.walk.file(".sharing", token)

    def _named(self, known: Known, node: Node) -> bytes:
        if isinstance(known.value, (type, FunctionType)):
            with self._at(node, known.label, known.path):
                return self.meet(known.value, "")
        return name_token(known.installed, self.walk)

    def call(
        self,
        node: Node,
        function: FunctionType,
        bindings: Bindings,
        label: str,
        path: str,
        certain: bool = False,
        paths: Paths | None = None,
    ) -> Atoms:
        """Let a node depend on a user function that it calls with known objects.

        Args:
            node: the caller.
            function: the function that is called.
            bindings: the known objects by parameter, labelled as the caller reaches them.
            label: how the caller names the function.
            path: the function's dotted path.
            certain: True where the call is made whatever happens, so that a generator that it seeds is seeded.
            paths: paths that it is passed.

        Returns:
            The known objects that it gives back.
        """
        label = f"{label}({described(bindings)})"
        callee = self.function_node(function, received(bindings), path)
        node.edges.add((label, callee))
        callee.callers.add(node)
        if callee.take_paths(node, paths or {}):
            self._wait(callee)
        node.seeded_before[callee] = node.seeded_before.get(callee, SHARED) & node.seeded
        node.gradients.call(callee, certain)
        if certain:
            node.seeded |= callee.seeded
        several = len(callee.returns) > 1
        return tuple(
            Known(known.value, f"{label}|{index}" if several else label, known.path)
            for index, known in enumerate(callee.returns)
        )

    def refer_open(self, node: Node, value: Any, label: str, path: str) -> None:
        """Let a node depend on code that may be called by anybody with anything."""
        with self._at(node, label, path):
            node.reads[label] = self.meet(value, "")

    def method(self, function: Any, receiver: Any) -> MethodType:
        """Give a bound method, the same one each time, as values are known by their identity."""
        key = (id(function), id(receiver))
        return self._methods.setdefault(key, MethodType(function, receiver))

    def is_root(self, node: Node) -> bool:
        """Tell whether a function is what the walk began with, and nobody of the user's calls it."""
        return not node.callers and any(node is root for label, root in self._roots if not label)

    def note(self, text: str) -> None:
        """Remember something that the key cannot promise."""
        self.walk.note(text)

    # Nodes

    def function_node(self, function: FunctionType, bindings: Bindings, path: str) -> Node:
        """Give the node of a function in a context, made and put on the list if it is new."""
        key = (id(function), tuple((name, identity(atoms)) for name, atoms in sorted(bindings.items())))
        node = self._nodes.get(key)
        if node is None:
            source = find_source(function.__code__, function.__globals__)
            node = self._nodes[key] = Node(function, path, bindings, source)
            if source is None:
                self.walk.note(
                    f"no source was found for function `{function.__qualname__}`: its compiled code counts, "
                    "so the key is valid for this Python version only"
                )
            self._wait(node)
            title = node.title
            # Functions of one name in one file are told apart by how they were reached first.
            if self._titles.setdefault(title, node.token) != node.token:
                title = f"{title} at `{path}`"
            self.walk.part(node.token, node.text, name=title)
        return node

    def class_node(self, cls: type, path: str) -> Node:
        """Give the node of a class, made and put on the list if it is new."""
        node = self._nodes.get(id(cls))
        if node is None:
            node = self._nodes[id(cls)] = Node(cls, path, {}, None, class_token(cls))
            self._wait(node)
        return node

    def _wait(self, node: Node) -> None:
        if not node.waiting:
            node.waiting = True
            self._waiting.append(node)

    def open(self, node: Node) -> None:
        """Let anybody call a function: what it gives back then leaves what can be followed."""
        if not node.is_open:
            node.is_open = True
            self._wait(node)

    def _refer(self, node: Node, label: str) -> bytes:
        if self._reading is None:
            self._roots.add((self.walk.path[len(self.walk.root) :] + label, node))
        else:
            reader, name, base = self._reading
            reader.edges.add((name + self.walk.path[len(base) :] + label, node))
        return node.token

    @contextmanager
    def _at(self, node: Node, label: str, path: str) -> Iterator[None]:
        before, self._reading = self._reading, (node, label, path)
        try:
            with self.walk.standing(path):
                yield
        finally:
            self._reading = before

    def _read(self, node: Node) -> None:
        if isinstance(node.value, type):
            with self._at(node, "", node.path):
                read_class(node, self)
        else:
            self._read_function(node)

    def _read_function(self, node: Node) -> None:
        before = _given(node)
        node.forget()
        read = read_code if node.source is None else read_source
        read(node, self)
        if before != _given(node):
            for caller in node.callers:
                self._wait(caller)


def _given(node: Node) -> tuple[Any, ...]:
    """Give what callers of a function go by."""
    return [(known.label, id(known.value)) for known in node.returns], node.seeded, node.gradients.cleared


def _with_order(token: bytes, cls: type) -> bytes:
    """Let the order of a dataclass's fields count, where installed code may go by it."""
    if not dataclasses.is_dataclass(cls):
        return token
    return frame("in order", token, *(field.name.encode() for field in dataclasses.fields(cls)))
