"""What a function reads of the objects that it names.

The function's syntax tree is run through once with what its names may denote (`values`), not with values. Where an
expression leads to a live object and then on to an attribute, only the attribute is followed; where the object itself
goes somewhere that cannot be followed (into an operation, a container, an installed function), it counts as a whole.

Branches are not told apart: a name denotes all that it is given anywhere in the function. Bodies are read again until
nothing new turns up, so loops need no care of their own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

from ..asking import PASSED_ON, refusal
from ..tokens import frame
from .apply import Arguments
from .calls import read_arguments
from .draws import draw, draws_unasked
from .entries import is_namespace
from .expressions import EXPRESSIONS
from .files import note_reader
from .gradients import lose_module
from .kept_orders import keep_matched
from .kinds import MODULE_NAMES
from .lookup import is_followed, is_users_code
from .noise import is_noise
from .random import SHARED, installed_name
from .scopes import Scope, local_names
from .statements import STATEMENTS
from .syntax import FunctionNode, body_of
from .values import Atom, Atoms, Bound, Each, Items, Known, Local, Parameters, Quiet, Super

if TYPE_CHECKING:
    from .graph import CodeGraph
    from .nodes import Node

__all__ = ["Reader", "read_source"]

_RAISES = (
    "Let the objects that are used there raise AttributeError, and nothing else, for attributes that they do not have; "
    "or read what is needed of them outside of the function."
)


def read_source(node: Node, graph: CodeGraph) -> None:
    """Find what a function reads, calls and gives back, and write it into its node."""
    assert node.source is not None
    reader = Reader(node, graph)
    try:
        reader.read(node.source.node)
    except PASSED_ON:
        raise
    except Exception as error:  # of an object that the code uses, when it was asked what it is
        where = f" in {node.place(reader.line)}"
        raise refusal(error, node.path, node.value, where=where, hint=_RAISES) from error


class Reader:
    """One reading of one function.

    Args:
        node: the function; takes what is found.
        graph: follows calls and counts objects.
    """

    def __init__(self, node: Node, graph: CodeGraph) -> None:
        self.node = node
        self.graph = graph
        self.function: FunctionType = node.value
        code = self.function.__code__
        self.cells = dict(zip(code.co_freevars, self.function.__closure__ or (), strict=True))
        self.line = code.co_firstlineno
        self.class_name = node.source.class_name if node.source is not None else ""
        self.scope = self.top = Scope({*code.co_varnames, *code.co_cellvars}, None)
        self.top.names.update(node.bindings)
        #: Functions defined inside this one, by their definition.
        self.functions: dict[ast.AST, Local] = {}
        self.scopes: dict[ast.AST, Scope] = {}
        #: True where a name came to denote more than an earlier expression saw.
        self.again = True
        #: Greater than 0 inside a call that only tells people something.
        self.quiet = 0
        #: Greater than 0 inside what may be run any number of times, or not at all.
        self.unsure = 0
        #: Greater than 0 inside what may be left by an error, after which the code goes on.
        self.trying = 0
        #: Greater than 0 inside a function that this one defines.
        self.inside = 0
        #: How many of these are loops that certainly go through all parameters of a module.
        self.through_all = 0
        #: Installed functions of which it was asked whether their calls draw random numbers, by how they are reached.
        self.asked: set[str] = set()
        #: Generators that are seeded wherever the function is left.
        self.left_seeded = SHARED
        #: Attributes that were certainly assigned before, by object and name.
        self.assigned: dict[tuple[int, str], Atoms] = {}
        #: Those of them that hooks store when a model is called.
        self.by_hooks: set[tuple[int, str]] = set()
        #: Names that only say where code lies, in the paths of files that count by their content.
        self.places: set[ast.expr] = set()
        #: What each expression was found to denote.
        self.told: dict[ast.expr, Atoms] = {}
        #: Expressions of which nothing goes by the order of what they give; True where that is compared.
        self.unordered: dict[ast.expr, bool] = {}

    def read(self, definition: FunctionNode) -> None:
        """Read the body until nothing new turns up."""
        self.read_defaults()
        while self.again:
            self.again = False
            self.assigned.clear()
            self.node.seeded, self.left_seeded = frozenset(), SHARED
            self.node.gradients.begin()
            self.run_body(body_of(definition))
            for local in self.functions.values():
                if local.scope.escapes:
                    self.consume(local.scope.returns)
        self.node.seeded &= self.left_seeded
        self.node.gradients.end()
        if self.node.is_open:
            self.consume(tuple(self.node.returns))

    def read_defaults(self) -> None:
        """Count the defaults of parameters."""
        function, code = self.function, self.function.__code__
        defaults = function.__defaults__ or ()
        positional = code.co_varnames[: code.co_argcount]
        values = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
        values.update(function.__kwdefaults__ or {})
        for name, value in values.items():
            default = Known(value, f"{name}=", f"{self.node.path}.{name}")
            # What is understood counts always; an object of another kind by what the code reads of it.
            if self.is_value(default):
                self.consume((default,))
            # A sentinel stands for an argument that was not given: it is asked for and goes nowhere.
            if name not in self.node.bindings and type(value) is not object:
                self.top.add(name, (default,))

    def run_body(self, body: Iterable[ast.stmt]) -> None:
        """Read statements in order."""
        for statement in body:
            self.line = statement.lineno
            run = STATEMENTS.get(type(statement))
            if run is not None:
                run(self, statement)
            else:
                self._run_parts(statement)

    def _run_parts(self, node: ast.AST) -> None:
        """Read a statement that only holds expressions and other statements."""
        tries = type(node).__name__ in ("Try", "TryStar")
        if isinstance(node, ast.Match):
            self.use(node.subject)
            keep_matched(self, node)
        self.unsure += 1
        self.trying += tries
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self.consume(self.evaluate(part))
            elif isinstance(part, ast.stmt):
                self.run_body([part])
            elif isinstance(part, ast.ExceptHandler):
                self.use(part.type)
                self.run_body(part.body)
            elif isinstance(part, (ast.match_case, ast.pattern)):
                self._run_parts(part)
        self.trying -= tries
        self.unsure -= 1

    def evaluate(self, node: ast.expr) -> Atoms:
        """Tell what an expression may denote; the objects that it uses up on the way are counted."""
        handler = EXPRESSIONS.get(type(node))
        if handler is not None:
            atoms = self.told[node] = handler(self, node)
            return atoms
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self.consume(self.evaluate(part))
        return ()

    def use(self, node: ast.expr | None) -> None:
        """Read an expression whose value goes somewhere that is not followed."""
        if node is not None:
            self.consume(self.evaluate(node))

    def arguments(self, node: ast.Call) -> Arguments:
        """Tell what may be known of the arguments of a call."""
        return read_arguments(self, node)

    def load(self, name: str) -> Atoms:
        """Tell what a name denotes here."""
        holder = self.scope.holder(name)
        if holder is not None:
            return holder.names.get(name, ())
        if name in self.cells:
            try:
                return (Known(self.cells[name].cell_contents, name, f"{self.node.path}.{name}"),)
            except ValueError:
                return self._unbound(name)
        names = self.function.__globals__
        if name in MODULE_NAMES and name in names and name != "__doc__":
            if name == "__file__":
                self.graph.note(f"function `{self.function.__qualname__}` reads `__file__`, which does not count")
            return ()
        if name in names:
            return (Known(names[name], name, f"{self.node.path}.{name}"),)
        builtins = names.get("__builtins__", {})
        builtins = vars(builtins) if isinstance(builtins, ModuleType) else builtins
        if name in builtins:
            # Notebooks and debuggers add to the builtins; what they add may be the user's, or a value of any kind.
            given = builtins[name]
            installed = "" if is_users_code(given) or not callable(given) else f"builtins.{name}"
            return (Known(builtins[name], name, f"{self.node.path}.{name}", installed=installed),)
        return self._unbound(name)

    def _unbound(self, name: str) -> Atoms:
        self.node.reads[name] = frame("unbound")
        return ()

    def mangled(self, name: str) -> str:
        """Give the name that a private attribute really goes by."""
        owner = self.class_name.lstrip("_")
        return f"_{owner}{name}" if owner and name.startswith("__") and not name.endswith("__") else name

    def inner_scope(self, node: ast.AST) -> Scope:
        """Give the scope of a function, comprehension or class inside this one, the same each time it is read."""
        scope = self.scopes.get(node)
        if scope is None:
            scope = self.scopes[node] = Scope(local_names(node), self.scope, isinstance(node, ast.ClassDef))
        return scope

    def bind(self, name: str, atoms: Atoms) -> None:
        """Let a name denote these too."""
        holder = self.scope.holder(name)
        if holder is not None:
            self.again |= holder.add(name, atoms)
        else:
            # A global or captured name: its new value is what others will read.
            self.consume(atoms)

    def consume(self, atoms: Atoms) -> None:
        """Count objects that go somewhere that is not followed."""
        if self.quiet:
            return
        for atom in atoms:
            if isinstance(atom, Known):
                self._count(atom)
            elif isinstance(atom, Bound):
                self._count_bound(atom)
            elif isinstance(atom, Items):
                for element in atom.elements:
                    self.consume(element)
            elif isinstance(atom, Each):
                self.consume(atom.element)
            elif isinstance(atom, Super):
                self.consume((atom.receiver,))
            elif isinstance(atom, Parameters):
                lose_module(self.node, atom.module)
            elif isinstance(atom, Local) and not atom.scope.escapes:
                atom.scope.escapes = self.again = True

    def _count(self, known: Known) -> None:
        if known.installed or callable(known.value):
            generator = draws_unasked(name := installed_name(known.value, known.installed), known.value)
            if generator:
                draw(self, f"`{name}`", generator)
            note_reader(self, name)
        if is_namespace(known.value):
            self._count_namespace(known)
        else:
            self.graph.count(self.node, known, self.line)

    def _count_namespace(self, known: Known) -> None:
        """The names of a module as a whole: any function or class of it may be meant."""
        name = self.function.__qualname__
        self.graph.note(f"function `{name}` looks names up in `{known.label}` that cannot be followed")
        for key, value in sorted(known.value.items()):
            if is_users_code(value) and getattr(value, "__module__", None) == known.value["__name__"]:
                self.graph.count(self.node, known.step(value, f".{key}"), self.line)

    def consume_called(self, known: Known) -> None:
        """Count something that is called; where the call stands in the text, it was asked whether it draws."""
        if known.label not in self.asked:
            self.consume((known,))
        elif not self.quiet:
            self.graph.count(self.node, known, self.line, called=True)

    def _count_bound(self, bound: Bound) -> None:
        if isinstance(bound.receiver, Known):
            if is_followed(bound.function):
                self._count(self.as_known(bound))
            else:
                self._count(bound.receiver)
        elif is_followed(bound.function):
            self.graph.refer_open(self.node, bound.function, bound.label, bound.path)

    def as_known(self, bound: Bound) -> Known:
        """Give a bound method as the live object that it would be."""
        assert isinstance(bound.receiver, Known)
        return Known(self.graph.method(bound.function, bound.receiver.value), bound.label, bound.path)

    def record(self, label: str, token: bytes) -> None:
        """Let the function depend on something smaller than an object."""
        if not self.quiet:
            self.node.reads[label] = token

    def is_value(self, known: Known) -> bool:
        """Tell whether an object is of a kind that is understood as a whole."""
        return self.graph.walk.find_encoder(known.value) is not None

    def is_quiet(self, atom: Atom) -> bool:
        """Tell whether something only tells people about the run, or keeps threads apart."""
        if isinstance(atom, Known):
            return is_noise(atom.value) and not self.graph.walk.policy.includes(atom.path)
        return isinstance(atom, Quiet)
