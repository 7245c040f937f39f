"""What a function reads of the objects that it names.

The function's syntax tree is run through once with what its names may denote (`code_values`), not with values. Where an
expression leads to a live object and then on to an attribute, only the attribute is followed; where the object itself
goes somewhere that cannot be followed (into an operation, a container, an installed function), it counts as a whole.

Branches are not told apart: a name denotes all that it is given anywhere in the function. Bodies are read again until
nothing new turns up, so loops need no care of their own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from .code_calls import Arguments, apply, apply_each, call, count_length, iterate, operate, subscript
from .code_imports import import_names
from .code_kinds import MODULE_NAMES
from .code_noise import is_noise
from .code_scopes import COMPREHENSIONS, Scope, local_names
from .code_syntax import FunctionNode, body_of
from .code_values import (
    Absent,
    Atom,
    Atoms,
    Bound,
    Each,
    Getter,
    Instance,
    Items,
    Known,
    Local,
    Method,
    Plain,
    Quiet,
    Super,
    find_attribute,
    find_class_attribute,
    is_user_function,
    join,
)
from .walk import frame

if TYPE_CHECKING:
    from .code import CodeGraph
    from .code_nodes import Node

__all__ = ["Reader", "read_source"]

_NUMBERS = (bool, int, float, complex)


def read_source(node: Node, graph: CodeGraph) -> None:
    """Find what a function reads, calls and gives back, and write it into its node."""
    assert node.source is not None
    Reader(node, graph).read(node.source.node)


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
        #: True where a name came to denote more than an earlier expression saw.
        self.again = True
        #: Greater than 0 inside a call that only tells people something.
        self.quiet = 0
        #: Greater than 0 inside what may be run any number of times, or not at all.
        self.unsure = 0
        #: Attributes that were certainly assigned before, by object and name.
        self.assigned: dict[tuple[int, str], Atoms] = {}

    def read(self, definition: FunctionNode) -> None:
        """Read the body until nothing new turns up."""
        self.read_defaults()
        while self.again:
            self.again = False
            self.assigned.clear()
            self.run_body(body_of(definition))
            for local in self.functions.values():
                if local.scope.escapes:
                    self.consume(local.scope.returns)
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
            # One that a call overrides may be of any kind.
            if name not in self.node.bindings or self.graph.walk.find_encoder(value) is not None:
                self.consume((Known(value, f"{name}=", f"{self.node.path}.{name}"),))

    # Statements

    def run_body(self, body: Iterable[ast.stmt]) -> None:
        """Read statements in order."""
        for statement in body:
            self.line = statement.lineno
            run = _STATEMENTS.get(type(statement))
            if run is not None:
                run(self, statement)
            else:
                self._run_parts(statement)

    def _run_parts(self, node: ast.AST) -> None:
        """Read a statement that only holds expressions and other statements."""
        self.unsure += 1
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
        self.unsure -= 1

    def _expression(self, statement: ast.Expr) -> None:
        value = statement.value
        if isinstance(value, ast.Await):
            value = value.value
        self.consume(call(self, value, discarded=True) if isinstance(value, ast.Call) else self.evaluate(value))

    def _assign(self, statement: ast.Assign) -> None:
        atoms = self.evaluate(statement.value)
        for target in statement.targets:
            self.store(target, atoms)

    def _annotated(self, statement: ast.AnnAssign) -> None:
        if statement.value is not None:
            self.store(statement.target, self.evaluate(statement.value))

    def _augmented(self, statement: ast.AugAssign) -> None:
        target = statement.target
        self.use(statement.value)
        current = self.evaluate(ast.copy_location(_loaded(target), target))
        # A counter that only feeds itself reaches nothing else; whoever reads it elsewhere depends on it there.
        counters = all(isinstance(atom, Known) and type(atom.value) in _NUMBERS for atom in current)
        if (
            not counters
            or isinstance(target, ast.Subscript)
            or (isinstance(target, ast.Name) and self.scope.holder(target.id) is not None)
        ):
            operate(self, current, _IN_PLACE[type(statement.op)])
        self.store(target, ())

    def _return(self, statement: ast.Return) -> None:
        if statement.value is None:
            return
        atoms = self.evaluate(statement.value)
        if self.scope is not self.top:
            before = len(self.scope.returns)
            self.scope.returns = join(self.scope.returns, atoms)
            self.again |= len(self.scope.returns) > before
            return
        for atom in atoms:
            if isinstance(atom, Known) and not isinstance(atom.value, (*_NUMBERS, str, bytes, type(None))):
                self._give_back(atom)
            elif isinstance(atom, Bound) and isinstance(atom.receiver, Known):
                self._give_back(self.as_known(atom))
            else:
                self.consume((atom,))

    def _give_back(self, known: Known) -> None:
        if known.label not in {other.label for other in self.node.returns}:
            self.node.returns.append(known)

    def _with(self, statement: ast.With | ast.AsyncWith) -> None:
        for item in statement.items:
            atoms = self.evaluate(item.context_expr)
            loud = tuple(atom for atom in atoms if not self.is_quiet(atom))
            entered = operate(self, loud, ("__enter__", "__aenter__", "__exit__", "__aexit__"))
            if item.optional_vars is not None:
                self.store(item.optional_vars, join(entered, tuple(atom for atom in atoms if self.is_quiet(atom))))
        self.run_body(statement.body)

    def _for(self, statement: ast.For | ast.AsyncFor) -> None:
        elements = iterate(self, self.evaluate(statement.iter))
        self.unsure += 1
        self.store(statement.target, elements)
        self.run_body([*statement.body, *statement.orelse])
        self.unsure -= 1

    def _if(self, statement: ast.If | ast.While) -> None:
        self.test(statement.test)
        self.unsure += 1
        self.run_body([*statement.body, *statement.orelse])
        self.unsure -= 1

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for name, known in import_names(self, statement):
            self.bind(name, known)

    def _define(self, statement: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        atoms: Atoms = (self.local_function(statement),)
        for decorator in reversed(statement.decorator_list):
            atoms = apply_each(self, self.evaluate(decorator), Arguments([atoms]))
        self.bind(statement.name, atoms)

    def _define_class(self, statement: ast.ClassDef) -> None:
        for part in (*statement.decorator_list, *statement.bases, *(word.value for word in statement.keywords)):
            self.use(part)
        scope, self.scope = self.scope, Scope(local_names(statement), self.scope, is_class=True)
        self.unsure += 1
        self.run_body(statement.body)
        self.unsure -= 1
        for atoms in self.scope.names.values():
            self.consume(atoms)
        self.scope = scope
        self.bind(statement.name, ())

    def _nothing(self, statement: ast.stmt) -> None:
        pass

    def _delete(self, statement: ast.Delete) -> None:
        for target in statement.targets:
            if isinstance(target, (ast.Attribute, ast.Subscript)):
                self.evaluate(target.value)
                if isinstance(target, ast.Subscript):
                    self.use(target.slice)

    # Expressions

    def evaluate(self, node: ast.expr) -> Atoms:
        """Tell what an expression may denote; the objects that it uses up on the way are counted."""
        handler = _EXPRESSIONS.get(type(node))
        if handler is not None:
            return handler(self, node)
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self.consume(self.evaluate(part))
        return ()

    def use(self, node: ast.expr | None) -> None:
        """Read an expression whose value goes somewhere that is not followed."""
        if node is not None:
            self.consume(self.evaluate(node))

    def _constant(self, node: ast.Constant) -> Atoms:
        return ()

    def _name(self, node: ast.Name) -> Atoms:
        return self.load(node.id)

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
        if name in MODULE_NAMES and name in names:
            if name == "__file__":
                self.graph.note(f"function `{self.function.__qualname__}` reads `__file__`, which does not count")
            return ()
        if name in names:
            return (Known(names[name], name, f"{self.node.path}.{name}"),)
        builtins = names.get("__builtins__", {})
        builtins = vars(builtins) if isinstance(builtins, ModuleType) else builtins
        if name in builtins:
            return (Known(builtins[name], name, f"{self.node.path}.{name}"),)
        return self._unbound(name)

    def _unbound(self, name: str) -> Atoms:
        self.node.reads[name] = frame("unbound")
        return ()

    def _attribute(self, node: ast.Attribute) -> Atoms:
        base = self.evaluate(node.value)
        return self.attribute(base, self.mangled(node.attr))

    def mangled(self, name: str) -> str:
        """Give the name that a private attribute really goes by."""
        owner = self.class_name.lstrip("_")
        return f"_{owner}{name}" if owner and name.startswith("__") and not name.endswith("__") else name

    def attribute(self, atoms: Atoms, name: str) -> Atoms:
        """Tell what an attribute of these denotes."""
        found: Atoms = ()
        for atom in atoms:
            found = join(found, self._attribute_of(atom, name))
        return found

    def _attribute_of(self, atom: Atom, name: str) -> Atoms:
        label, path = f"{_label(atom)}.{name}", f"{_path(atom, self.node.path)}.{name}"
        if isinstance(atom, Known):
            if (id(atom.value), name) in self.assigned:
                return self.assigned[id(atom.value), name]
            if self.is_quiet(atom):
                return (Bound(None, atom, label, path),)
            entry = find_attribute(atom.value, name)
        elif isinstance(atom, Instance):
            entry = find_class_attribute(atom.cls, name)
        elif isinstance(atom, Super):
            receiver = atom.receiver
            cls = receiver.cls if isinstance(receiver, Instance) else receiver.value
            entry = find_class_attribute(cls if isinstance(cls, type) else type(cls), name, atom.after)
            atom = receiver
        elif isinstance(atom, Quiet):
            return (atom,)
        else:
            self.consume((atom,))
            return ()
        if isinstance(entry, Plain):
            if isinstance(atom, Known):
                return (atom.step(entry.value, f".{name}"),)
            return (Known(entry.value, label, path),)
        if isinstance(entry, Method):
            return self._method(atom, entry, label, path)
        if isinstance(entry, Getter):
            words = tuple((Known(word, f"{label}:{word}", path),) for word in entry.arguments)
            return self._get(atom, entry.function, words, label, path)
        if isinstance(entry, Absent) and isinstance(atom, Known):
            self.node.reads[label] = frame("absent")
        elif isinstance(atom, Known):
            self.consume((atom,))
        return ()

    def _method(self, atom: Known | Instance, entry: Method, label: str, path: str) -> Atoms:
        if not entry.to_class:
            return (Bound(entry.function, atom, label, path),)
        if isinstance(atom, Instance):
            return (Bound(entry.function, Known(atom.cls, _label(atom), path), label, path),)
        cls = atom.value if isinstance(atom.value, type) else type(atom.value)
        return (Bound(entry.function, Known(cls, f"{atom.label}.__class__", atom.path), label, path),)

    def _get(self, atom: Known | Instance, getter: Any, words: tuple[Atoms, ...], label: str, path: str) -> Atoms:
        """Follow a property or another function that stands behind an attribute."""
        if isinstance(getter, MethodType):
            return apply(self, Known(getter, label, path), Arguments([(atom,), *words]))
        if is_user_function(getter):
            if isinstance(atom, Known) and isinstance(atom.value, ModuleType):
                return apply(self, Known(getter, label, path), Arguments(list(words)))
            return apply(self, Bound(getter, atom, label, path), Arguments(list(words)))
        self.consume((atom,))
        return ()

    def _test_value(self, node: ast.BoolOp | ast.IfExp) -> Atoms:
        if isinstance(node, ast.BoolOp):
            self.unsure += 1
            parts = [self.test(part) for part in node.values]
            self.unsure -= 1
            return join((), *parts)
        self.test(node.test)
        self.unsure += 1
        both = join(self.evaluate(node.body), self.evaluate(node.orelse))
        self.unsure -= 1
        return both

    def test(self, node: ast.expr) -> Atoms:
        """Read a condition: of an object that is always true, only that counts."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.test(node.operand)
            return ()
        atoms = self.evaluate(node)
        for atom in atoms:
            if isinstance(atom, Known):
                kind = type(atom.value)
                hooks = [name for name in ("__bool__", "__len__") if getattr(kind, name, None) is not None]
                if not hooks and not isinstance(atom.value, type(None)):
                    self.record(f"{atom.label} is true", b"true")
                else:
                    operate(self, (atom,), tuple(hooks))
        return atoms

    def _compare(self, node: ast.Compare) -> Atoms:
        operands = [node.left, *node.comparators]
        if len(operands) == 2 and isinstance(node.ops[0], (ast.Is, ast.IsNot)) and _is_none(operands[1]):
            for atom in self.evaluate(node.left):
                if isinstance(atom, Known):
                    self.record(f"{atom.label} is None", b"yes" if atom.value is None else b"no")
            return ()
        for operand in operands:
            operate(self, self.evaluate(operand), _COMPARING)
        return ()

    def _binary(self, node: ast.BinOp | ast.UnaryOp) -> Atoms:
        for operand in (node.left, node.right) if isinstance(node, ast.BinOp) else (node.operand,):
            operate(self, self.evaluate(operand), _OPERATORS[type(node.op)])
        return ()

    def _items(self, node: ast.Tuple | ast.List) -> Atoms:
        elements = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                self.consume(iterate(self, self.evaluate(element.value)))
                continue
            atoms = self.evaluate(element)
            nested = tuple(atom for atom in atoms if isinstance(atom, (Items, Each)))
            self.consume(nested)
            elements.append(tuple(atom for atom in atoms if atom not in nested))
        if not any(elements):
            return ()
        return (Items(tuple(elements), exact=not any(isinstance(part, ast.Starred) for part in node.elts)),)

    def _subscript(self, node: ast.Subscript) -> Atoms:
        return subscript(self, self.evaluate(node.value), node.slice)

    def _assignment(self, node: ast.NamedExpr) -> Atoms:
        atoms = self.evaluate(node.value)
        self.store(node.target, atoms)
        return atoms

    def _await(self, node: ast.Await) -> Atoms:
        return self.evaluate(node.value)

    def _comprehension(self, node: Any) -> Atoms:
        outer = self.scope
        self.unsure += 1
        elements: Atoms = ()
        for index, generator in enumerate(node.generators):
            elements = iterate(self, self.evaluate(generator.iter))
            if index == 0:
                self.scope = Scope(local_names(node), outer)
            self.store(generator.target, elements)
            for condition in generator.ifs:
                self.test(condition)
        if isinstance(node, ast.DictComp):
            self.use(node.key)
            self.use(node.value)
            given: Atoms = ()
        else:
            given = self.evaluate(node.elt)
        self.unsure -= 1
        self.scope = outer
        return (Each(given),) if given else ()

    def local_function(self, node: FunctionNode) -> Local:
        """Read a function defined inside this one; its parameters may denote what it is called with."""
        for default in (*node.args.defaults, *node.args.kw_defaults):
            self.use(default)
        local = self.functions.get(node)
        if local is None:
            local = self.functions[node] = Local(node, Scope(local_names(node), self.scope))
        local.scope.parent = self.scope
        outer, self.scope = self.scope, local.scope
        self.unsure += 1
        line = self.line
        self.run_body(body_of(node))
        self.line = line
        self.unsure -= 1
        self.scope = outer
        return local

    def _lambda(self, node: ast.Lambda) -> Atoms:
        return (self.local_function(node),)

    def _yield(self, node: ast.Yield) -> Atoms:
        self.use(node.value)
        return ()

    def _call(self, node: ast.Call) -> Atoms:
        return call(self, node)

    # Names and attributes that are given a value

    def store(self, target: ast.expr, atoms: Atoms) -> None:
        """Let a target denote these."""
        if isinstance(target, ast.Name):
            self.bind(target.id, atoms)
        elif isinstance(target, ast.Starred):
            self.store(target.value, (Each(atoms),) if atoms else ())
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, atoms)
        else:
            base = self.evaluate(target.value)  # type: ignore[attr-defined]
            self.consume(atoms)
            if isinstance(target, ast.Subscript):
                self.use(target.slice)
            elif (
                isinstance(target, ast.Attribute)
                and not self.unsure
                and len(base) == 1
                and self._is_definite(target.value)
            ):
                (known,) = base
                if isinstance(known, Known):
                    self.assigned[id(known.value), self.mangled(target.attr)] = atoms

    def _unpack(self, targets: list[ast.expr], atoms: Atoms) -> None:
        for index, target in enumerate(targets):
            given: Atoms = ()
            for atom in atoms:
                if isinstance(atom, Items) and atom.exact and len(atom.elements) == len(targets):
                    given = join(given, atom.elements[index])
                elif isinstance(atom, Known) and type(atom.value) in (tuple, list) and len(atom.value) == len(targets):
                    count_length(self, atom)
                    given = join(given, (atom.step(atom.value[index], f"[{index}]"),))
                else:
                    given = join(given, iterate(self, (atom,)))
            self.store(target, given)

    def _is_definite(self, node: ast.expr) -> bool:
        """Tell whether an expression denotes exactly one known object."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if not isinstance(node, ast.Name):
            return False
        holder = self.scope.holder(node.id)
        return holder is None or (
            holder is self.top and node.id in self.node.bindings and node.id not in self._rebound()
        )

    def _rebound(self) -> frozenset[str]:
        assert self.node.source is not None
        return frozenset(
            part.id
            for part in ast.walk(self.node.source.node)
            if isinstance(part, ast.Name) and isinstance(part.ctx, (ast.Store, ast.Del))
        )

    def bind(self, name: str, atoms: Atoms) -> None:
        """Let a name denote these too."""
        holder = self.scope.holder(name)
        if holder is not None:
            self.again |= holder.add(name, atoms)
        else:
            # A global or captured name: its new value is what others will read.
            self.consume(atoms)

    # What leaves

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
            elif isinstance(atom, Local) and not atom.scope.escapes:
                atom.scope.escapes = self.again = True

    def _count(self, known: Known) -> None:
        self.graph.count(self.node, known, self.line)

    def _count_bound(self, bound: Bound) -> None:
        if isinstance(bound.receiver, Known):
            if is_user_function(bound.function):
                self._count(self.as_known(bound))
            else:
                self._count(bound.receiver)
        elif is_user_function(bound.function):
            self.graph.refer_open(self.node, bound.function, bound.label, bound.path)

    def as_known(self, bound: Bound) -> Known:
        """Give a bound method as the live object that it would be."""
        assert isinstance(bound.receiver, Known)
        return Known(self.graph.method(bound.function, bound.receiver.value), bound.label, bound.path)

    def record(self, label: str, token: bytes) -> None:
        """Let the function depend on something smaller than an object."""
        if not self.quiet:
            self.node.reads[label] = token

    def is_quiet(self, atom: Atom) -> bool:
        """Tell whether something only tells people about the run, or keeps threads apart."""
        return isinstance(atom, Quiet) or (isinstance(atom, Known) and is_noise(atom.value))


def _label(atom: Any) -> str:
    return str(getattr(atom, "label", "<new>"))


def _path(atom: Any, base: str) -> str:
    return str(getattr(atom, "path", base))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _loaded(target: Any) -> Any:
    """Give the expression that reads a target."""
    fields = {name: getattr(target, name) for name in target._fields if name != "ctx"}
    return type(target)(**fields, ctx=ast.Load())


_BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.MatMult: "matmul", ast.Div: "truediv", ast.Mod: "mod",
    ast.Pow: "pow", ast.LShift: "lshift", ast.RShift: "rshift", ast.BitOr: "or", ast.BitXor: "xor",
    ast.BitAnd: "and", ast.FloorDiv: "floordiv",
}  # fmt: skip
_OPERATORS: dict[type, tuple[str, ...]] = {
    **{kind: (f"__{name}__", f"__r{name}__") for kind, name in _BINARY.items()},
    ast.UAdd: ("__pos__",),
    ast.USub: ("__neg__",),
    ast.Invert: ("__invert__",),
    ast.Not: ("__bool__", "__len__"),
}
_IN_PLACE = {kind: (f"__i{name}__", f"__{name}__") for kind, name in _BINARY.items()}
_COMPARING = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__", "__iter__")

_STATEMENTS: dict[type, Callable[[Reader, Any], None]] = {
    ast.Expr: Reader._expression,
    ast.Assign: Reader._assign,
    ast.AnnAssign: Reader._annotated,
    ast.AugAssign: Reader._augmented,
    ast.Return: Reader._return,
    ast.With: Reader._with,
    ast.AsyncWith: Reader._with,
    ast.For: Reader._for,
    ast.AsyncFor: Reader._for,
    ast.If: Reader._if,
    ast.While: Reader._if,
    ast.Import: Reader._import,
    ast.ImportFrom: Reader._import,
    ast.FunctionDef: Reader._define,
    ast.AsyncFunctionDef: Reader._define,
    ast.ClassDef: Reader._define_class,
    ast.Global: Reader._nothing,
    ast.Nonlocal: Reader._nothing,
    ast.Pass: Reader._nothing,
    ast.Delete: Reader._delete,
}
_EXPRESSIONS: dict[type, Callable[[Reader, Any], Atoms]] = {
    ast.Constant: Reader._constant,
    ast.Name: Reader._name,
    ast.Attribute: Reader._attribute,
    ast.BoolOp: Reader._test_value,
    ast.IfExp: Reader._test_value,
    ast.Compare: Reader._compare,
    ast.BinOp: Reader._binary,
    ast.UnaryOp: Reader._binary,
    ast.Tuple: Reader._items,
    ast.List: Reader._items,
    ast.Subscript: Reader._subscript,
    ast.NamedExpr: Reader._assignment,
    ast.Await: Reader._await,
    ast.Lambda: Reader._lambda,
    ast.Yield: Reader._yield,
    ast.Call: Reader._call,
    **dict.fromkeys(COMPREHENSIONS, Reader._comprehension),
}
