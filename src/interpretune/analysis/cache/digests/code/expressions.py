"""Expressions: what each may denote, and what it uses up."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .builtins import asks_environment
from .calls import read_call
from .comparing import read_generator
from .draws import read_setting
from .gradients import ask_unknown
from .labels import label_in_info, note_label
from .made import is_made
from .operations import attribute, iterate, operate, subscript
from .ordered_calls import give_order_back
from .ordering import count_whole, elements_in, go_through, keep_order, ordered
from .scopes import COMPREHENSIONS
from .syntax import FunctionNode, body_of
from .targets import store
from .values import Atoms, Each, Items, Known, Local, join

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["EXPRESSIONS", "IN_PLACE", "local_function", "test"]

_BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.MatMult: "matmul", ast.Div: "truediv", ast.Mod: "mod",
    ast.Pow: "pow", ast.LShift: "lshift", ast.RShift: "rshift", ast.BitOr: "or", ast.BitXor: "xor",
    ast.BitAnd: "and", ast.FloorDiv: "floordiv",
}  # fmt: skip


_OPERATORS: dict[type, tuple[str, ...]] = {
    **{kind: (f"__{name}__", f"__r{name}__") for kind, name in _BINARY.items()},
    # Of a text it makes another one, with others in it.
    ast.Mod: ("__mod__", "__rmod__", "__str__", "__repr__"),
    ast.UAdd: ("__pos__",),
    ast.USub: ("__neg__",),
    ast.Invert: ("__invert__",),
}


IN_PLACE = {kind: (f"__i{name}__", f"__{name}__") for kind, name in _BINARY.items()}


_COMPARING = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__", "__iter__")


def _name(reader: Reader, node: ast.Name) -> Atoms:
    return () if node in reader.places else reader.load(node.id)


def _attribute(reader: Reader, node: ast.Attribute) -> Atoms:
    base = reader.evaluate(node.value)
    note_label(reader, base, node.attr)
    if not base and not (node.attr == "grad" and is_made(reader, node.value)):
        ask_unknown(reader, node.attr)
    return join(attribute(reader, base, reader.mangled(node.attr)), label_in_info(reader, node))


def _test_value(reader: Reader, node: ast.BoolOp | ast.IfExp) -> Atoms:
    if isinstance(node, ast.BoolOp):
        reader.unsure += 1
        parts = [test(reader, part) for part in node.values]
        reader.unsure -= 1
        return join((), *parts)
    test(reader, node.test)
    reader.unsure += 1
    both = join(reader.evaluate(node.body), reader.evaluate(node.orelse))
    reader.unsure -= 1
    return both


def test(reader: Reader, node: ast.expr) -> Atoms:
    """Read a condition: of an object that is always true, only that counts."""
    atoms = reader.evaluate(node)
    for atom in atoms:
        if isinstance(atom, Known):
            kind = type(atom.value)
            hooks = [name for name in ("__bool__", "__len__") if getattr(kind, name, None) is not None]
            if not hooks and not isinstance(atom.value, type(None)):
                reader.record(f"{atom.label} is true", b"true")
            else:
                operate(reader, (atom,), tuple(hooks))
    return atoms


def _compare(reader: Reader, node: ast.Compare) -> Atoms:
    operands = [node.left, *node.comparators]
    if len(operands) == 2 and isinstance(node.ops[0], (ast.Is, ast.IsNot)) and _is_none(operands[1]):
        for atom in reader.evaluate(node.left):
            if isinstance(atom, Known):
                reader.record(f"{atom.label} is None", b"yes" if atom.value is None else b"no")
        return ()
    if all(isinstance(operator, (ast.Is, ast.IsNot)) for operator in node.ops):
        _identify(reader, [reader.evaluate(operand) for operand in operands])
        return ()
    if len(operands) == 2 and isinstance(node.ops[0], (ast.In, ast.NotIn)) and asks_environment(reader, *operands):
        return ()
    for operand in operands:
        operate(reader, reader.evaluate(operand), _COMPARING)
    return ()


def _identify(reader: Reader, operands: list[Atoms]) -> None:
    """Ask which object it is: of one that is no value, such as a sentinel, nothing else can matter."""
    asked = []
    for atoms in operands:
        known = [atom for atom in atoms if isinstance(atom, Known) and not reader.is_value(atom)]
        reader.consume(tuple(atom for atom in atoms if atom not in known))
        asked += known
    for one, other in itertools.combinations(asked, 2):
        reader.record(f"{one.label} is {other.label}", b"yes" if one.value is other.value else b"no")


def _binary(reader: Reader, node: ast.BinOp) -> Atoms:
    # Long sums lean to the left, deeper than functions may call each other.
    left: ast.expr = node
    while isinstance(left, ast.BinOp):
        operate(reader, reader.evaluate(left.right), _OPERATORS[type(left.op)])
        if isinstance(left.op, ast.Mod):
            written = ordered(reader, left.right)
            for one in elements_in(written) if _looks_up(left.left) else written:
                count_whole(reader, one)
        before, left = left, left.left
    operate(reader, reader.evaluate(left), _OPERATORS[type(before.op)])
    return ()


def _looks_up(text: ast.expr) -> bool:
    """Tell whether a text such as ``"%(name)s"`` takes single entries of what is put into it."""
    return (
        isinstance(text, ast.Constant)
        and isinstance(text.value, str)
        and text.value.count("%") == text.value.count("%(")
    )


def _unary(reader: Reader, node: ast.UnaryOp) -> Atoms:
    if isinstance(node.op, ast.Not):
        test(reader, node.operand)
    else:
        operate(reader, reader.evaluate(node.operand), _OPERATORS[type(node.op)])
    return ()


def _formatted(reader: Reader, node: ast.FormattedValue) -> Atoms:
    operate(reader, reader.evaluate(node.value), ("__format__", "__str__", "__repr__"))
    go_through(reader, node.value, inside=True)
    reader.use(node.format_spec)
    return ()


def _items(reader: Reader, node: ast.Tuple | ast.List) -> Atoms:
    elements = []
    for element in node.elts:
        if isinstance(element, ast.Starred):
            reader.consume(iterate(reader, reader.evaluate(element.value)))
            go_through(reader, element.value)
            continue
        atoms = reader.evaluate(element)
        nested = tuple(atom for atom in atoms if isinstance(atom, (Items, Each)))
        reader.consume(nested)
        elements.append(tuple(atom for atom in atoms if atom not in nested))
    if not any(elements):
        return ()
    return (Items(tuple(elements), exact=not any(isinstance(part, ast.Starred) for part in node.elts)),)


def _dict(reader: Reader, node: ast.Dict) -> Atoms:
    for key, value in zip(node.keys, node.values, strict=True):
        reader.use(key)
        reader.use(value)
        if isinstance(key, ast.Constant):
            read_setting(reader, key.value, value)
    return ()


def _subscript(reader: Reader, node: ast.Subscript) -> Atoms:
    return subscript(reader, reader.evaluate(node.value), node.slice)


def _assignment(reader: Reader, node: ast.NamedExpr) -> Atoms:
    atoms = reader.evaluate(node.value)
    store(reader, node.target, atoms)
    keep_order(reader, node.target, node.value)
    return atoms


def _await(reader: Reader, node: ast.Await) -> Atoms:
    return reader.evaluate(node.value)


def _comprehension(reader: Reader, node: Any) -> Atoms:
    outer = reader.scope
    reader.unsure += 1
    elements: Atoms = ()
    for index, generator in enumerate(node.generators):
        elements = iterate(reader, reader.evaluate(generator.iter))
        if index == 0:
            reader.scope = reader.inner_scope(node)
        store(reader, generator.target, elements)
        keep_order(reader, generator.target, generator.iter, element=True)
        for condition in generator.ifs:
            test(reader, condition)
    if isinstance(node, ast.DictComp):
        reader.use(node.key)
        reader.use(node.value)
        given: Atoms = ()
    else:
        given = reader.evaluate(node.elt)
    reader.unsure -= 1
    for generator in reversed(node.generators):
        if generator is node.generators[0]:
            reader.scope = outer
        read_generator(reader, node, generator)
    return (Each(given),) if given else ()


def _lambda(reader: Reader, node: ast.Lambda) -> Atoms:
    return (local_function(reader, node),)


def local_function(reader: Reader, node: FunctionNode) -> Local:
    """Read a function defined inside this one; its parameters may denote what it is called with."""
    local = reader.functions.get(node)
    if local is None:
        local = reader.functions[node] = Local(node, reader.inner_scope(node))
    spec = node.args
    positional = [*spec.posonlyargs, *spec.args]
    given = [*zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True)]
    given += [(word, value) for word, value in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if value is not None]
    for argument, default in given:
        reader.again |= local.scope.add(argument.arg, reader.evaluate(default))
    outer, reader.scope = reader.scope, local.scope
    reader.unsure += 1
    reader.inside += 1
    line = reader.line
    reader.run_body(body_of(node))
    reader.line = line
    reader.inside -= 1
    reader.unsure -= 1
    reader.scope = outer
    return local


def _yield(reader: Reader, node: ast.Yield) -> Atoms:
    reader.use(node.value)
    if node.value is not None:
        give_order_back(reader, node.value, yielded=True)
    return ()


def _yield_from(reader: Reader, node: ast.YieldFrom) -> Atoms:
    reader.use(node.value)
    go_through(reader, node.value)
    return ()


def _call(reader: Reader, node: ast.Call) -> Atoms:
    return read_call(reader, node)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


EXPRESSIONS: dict[type, Callable[[Reader, Any], Atoms]] = {
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.BoolOp: _test_value,
    ast.IfExp: _test_value,
    ast.Compare: _compare,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.FormattedValue: _formatted,
    ast.Tuple: _items,
    ast.List: _items,
    ast.Dict: _dict,
    ast.Subscript: _subscript,
    ast.NamedExpr: _assignment,
    ast.Await: _await,
    ast.Lambda: _lambda,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
    ast.Call: _call,
    **dict.fromkeys(COMPREHENSIONS, _comprehension),
}
