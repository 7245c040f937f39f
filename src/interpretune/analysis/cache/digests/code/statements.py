"""Statements: what each gives a name to, and what it uses up."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .apply import Arguments, apply_each
from .calls import read_call, tells_only
from .clearing import goes_through_all, only_clears, read_setting_of
from .draws import read_setting, read_training
from .expressions import IN_PLACE, local_function, test
from .filling import NUMBERS, counts_entry, counts_up, feeds_itself
from .imports import import_names
from .kept_orders import put_order, store_order
from .leaving import may_swallow
from .lookup import Method, find_class_attribute, is_followed
from .operations import ask_special, iterate, operate
from .ordered_calls import give_order_back
from .ordering import go_through, keep_order
from .targets import forget, set_entry, store
from .values import Atom, Atoms, Bound, Known, join

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["STATEMENTS"]

_MANAGING = ("__enter__", "__aenter__", "__exit__", "__aexit__")


def _expression(reader: Reader, statement: ast.Expr) -> None:
    value = statement.value
    if isinstance(value, ast.Await):
        value = value.value
    reader.consume(read_call(reader, value, discarded=True) if isinstance(value, ast.Call) else reader.evaluate(value))


def _assign(reader: Reader, statement: ast.Assign) -> None:
    if feeds_itself(reader, statement):
        set_entry(reader, statement.targets[0], (), certain=False)
        return
    atoms = reader.evaluate(statement.value)
    for target in statement.targets:
        store(reader, target, atoms)
        keep_order(reader, target, statement.value)
        if isinstance(target, ast.Attribute):
            store_order(reader, reader.mangled(target.attr), statement.value)
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
            go_through(reader, statement.value)
        elif isinstance(target, ast.Subscript):
            put_order(reader, target.value, statement.value)
        elif isinstance(target, ast.Name) and reader.scope.is_class:
            store_order(reader, reader.mangled(target.id), statement.value)
        read_setting_of(reader, target)
        if isinstance(target, ast.Attribute) and target.attr == "training":
            read_training(reader, ".training = True", statement, statement.value)
        elif isinstance(target, ast.Attribute):
            read_setting(reader, target.attr, statement.value)
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            read_setting(reader, target.slice.value, statement.value)


def _annotated(reader: Reader, statement: ast.AnnAssign) -> None:
    if statement.value is not None:
        store(reader, statement.target, reader.evaluate(statement.value))
        keep_order(reader, statement.target, statement.value)
        if isinstance(statement.target, ast.Attribute):
            store_order(reader, reader.mangled(statement.target.attr), statement.value)


def _augmented(reader: Reader, statement: ast.AugAssign) -> None:
    target = statement.target
    if counts_entry(reader, target):
        reader.use(statement.value)
        return
    current = reader.evaluate(ast.copy_location(_loaded(target), target))
    reader.use(statement.value)
    if isinstance(statement.op, ast.Add):
        go_through(reader, statement.value)
    put_order(reader, target, statement.value, held=False)
    if not counts_up(reader, target, current):
        operate(reader, current, IN_PLACE[type(statement.op)])
    set_entry(reader, target, (), certain=False)


def _return(reader: Reader, statement: ast.Return) -> None:
    if reader.unsure and reader.scope is reader.top:
        # Whoever calls it cannot count on what only happens further down.
        reader.left_seeded &= reader.node.seeded
        reader.node.gradients.leave()
    if statement.value is None:
        return
    atoms = reader.evaluate(statement.value)
    give_order_back(reader, statement.value)
    if reader.scope is not reader.top:
        before = len(reader.scope.returns)
        reader.scope.returns = join(reader.scope.returns, atoms)
        reader.again |= len(reader.scope.returns) > before
        return
    for atom in atoms:
        if isinstance(atom, Known) and not isinstance(atom.value, (*NUMBERS, str, bytes, type(None))):
            _give_back(reader, atom)
        elif isinstance(atom, Bound) and isinstance(atom.receiver, Known) and atom.function is not None:
            _give_back(reader, reader.as_known(atom))
        else:
            reader.consume((atom,))


def _give_back(reader: Reader, known: Known) -> None:
    if known.label not in {other.label for other in reader.node.returns}:
        reader.node.returns.append(known)


def _with(reader: Reader, statement: ast.With | ast.AsyncWith) -> None:
    seeded, swallows, before = reader.node.seeded, False, dict(reader.assigned)
    cleared = reader.node.gradients.cleared
    for item in statement.items:
        atoms = reader.evaluate(item.context_expr)
        called = item.context_expr.func if isinstance(item.context_expr, ast.Call) else None
        swallows |= may_swallow(atoms, () if called is None else reader.evaluate(called))
        loud = tuple(atom for atom in atoms if not reader.is_quiet(atom) or _is_users_manager(atom))
        entered = operate(reader, loud, _MANAGING)
        if item.optional_vars is not None:
            store(reader, item.optional_vars, join(entered, tuple(atom for atom in atoms if reader.is_quiet(atom))))
            keep_order(reader, item.optional_vars, item.context_expr, element=True)
    reader.trying += swallows
    reader.run_body(statement.body)
    reader.trying -= swallows
    if swallows:
        _leave_early(reader, before)
        reader.node.gradients.cleared = cleared
    # Such as `torch.random.fork_rng`, which puts back what was before.
    reader.node.seeded &= seeded


def _is_users_manager(atom: Atom) -> bool:
    """Tell whether noise, such as a lock, is entered or left by methods of the user's."""
    found = [find_class_attribute(type(atom.value), name) for name in _MANAGING] if isinstance(atom, Known) else []
    return any(is_followed(one.function) for one in found if isinstance(one, Method))


def _leave_early(reader: Reader, before: dict[tuple[int, str], Atoms]) -> None:
    """Let attributes also denote what they did before a body that may have been left before it assigned them."""
    for place, atoms in list(reader.assigned.items()):
        if place in before:
            reader.assigned[place] = join(before[place], atoms)
        else:
            del reader.assigned[place]


def _for(reader: Reader, statement: ast.For | ast.AsyncFor) -> None:
    elements = iterate(reader, reader.evaluate(statement.iter))
    through_all = goes_through_all(statement, elements)
    reader.unsure += 1
    reader.through_all += through_all
    go_through(reader, statement.iter)
    store(reader, statement.target, elements)
    keep_order(reader, statement.target, statement.iter, element=True)
    reader.run_body([*statement.body, *statement.orelse])
    reader.through_all -= through_all
    reader.unsure -= 1


def _if(reader: Reader, statement: ast.If | ast.While) -> None:
    for cleared in only_clears(statement):
        # Whether there is anything to be cleared is asked after it, so to say, as it is then the same.
        read_setting_of(reader, cleared)
    reader.unsure += 1
    branch: ast.If | ast.While = statement
    while True:
        reader.line = branch.lineno
        if not _asks_whether_to_tell(reader, branch):
            test(reader, branch.test)
        reader.run_body(branch.body)
        # A chain of `elif` may be longer than functions may call each other.
        if len(branch.orelse) != 1 or not isinstance(branch.orelse[0], ast.If):
            break
        branch = branch.orelse[0]
    reader.run_body(branch.orelse)
    reader.unsure -= 1


def _asks_whether_to_tell(reader: Reader, statement: ast.If | ast.While) -> bool:
    """Tell whether a condition on a logger, such as `isEnabledFor`, only guards what is logged."""
    asked = statement.test
    if statement.orelse or not isinstance(asked, ast.Call) or asked.keywords:
        return False
    body = [part.value for part in statement.body if isinstance(part, ast.Expr) and isinstance(part.value, ast.Call)]
    if len(body) != len(statement.body):
        return False
    return all(tells_only(reader, reader.evaluate(part.func)) for part in (asked, *body))


def _import(reader: Reader, statement: ast.Import | ast.ImportFrom) -> None:
    for name, known in import_names(reader, statement):
        reader.bind(name, known)


def _define(reader: Reader, statement: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    atoms: Atoms = (local_function(reader, statement),)
    for decorator in reversed(statement.decorator_list):
        atoms = apply_each(reader, reader.evaluate(decorator), Arguments([atoms]))
    reader.bind(statement.name, atoms)


def _define_class(reader: Reader, statement: ast.ClassDef) -> None:
    for part in (*statement.decorator_list, *statement.bases, *(word.value for word in statement.keywords)):
        reader.use(part)
    scope, reader.scope = reader.scope, reader.inner_scope(statement)
    reader.unsure += 1
    reader.run_body(statement.body)
    reader.unsure -= 1
    for atoms in reader.scope.names.values():
        reader.consume(atoms)
    reader.scope = scope
    reader.bind(statement.name, ())


def _nothing(reader: Reader, statement: ast.stmt) -> None:
    pass


def _delete(reader: Reader, statement: ast.Delete) -> None:
    for target in statement.targets:
        if isinstance(target, (ast.Attribute, ast.Subscript)):
            base = reader.evaluate(target.value)
            if isinstance(target, ast.Subscript):
                reader.use(target.slice)
            else:
                forget(reader, base, target.attr)
            read_setting_of(reader, target)
            ask_special(reader, base, ("__delitem__", "__delattr__"), Arguments())


def _loaded(target: Any) -> Any:
    """Give the expression that reads a target."""
    fields = {name: getattr(target, name) for name in target._fields if name != "ctx"}
    return type(target)(**fields, ctx=ast.Load())


STATEMENTS: dict[type, Callable[[Reader, Any], None]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.If: _if,
    ast.While: _if,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.FunctionDef: _define,
    ast.AsyncFunctionDef: _define,
    ast.ClassDef: _define_class,
    ast.Global: _nothing,
    ast.Nonlocal: _nothing,
    ast.Pass: _nothing,
    ast.Delete: _delete,
}
