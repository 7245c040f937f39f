"""How code clears gradients and sets flags that ask for them, and how it hands parameters out."""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any

from .gradients import EVERYTHING, ask_all, is_tensor, lose_apart, tensors_in
from .lookup import is_users_code
from .random import is_module_class
from .values import Atom, Atoms, Bound, Each, Items, Known, Parameters

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["goes_through_all", "only_clears", "parameters_given", "read_asking", "read_setting_of"]

_SAID = ("grad", "requires_grad")
_GIVING = ("parameters", "named_parameters")
#: The module whose functions read the gradients of what they are given, and those that are given something else.
_CLIPPING = "torch.nn.utils.clip_grad"
_NOT_ASKING = ("get_total_norm",)
_LEAVING = (ast.Break, ast.Continue, ast.Return)


def parameters_given(reader: Reader, callees: Atoms) -> Atoms:
    """Tell which parameters a call gives, where it asks a captured module for them."""
    lose_apart(reader, callees)
    (callee,) = callees if len(callees) == 1 else (None,)
    if not isinstance(callee, Bound) or not isinstance(callee.receiver, Known) or is_users_code(callee.function):
        return ()
    name = callee.label.rpartition(".")[2]
    if name not in _GIVING or not is_module_class(type(callee.receiver.value)):
        return ()
    each: Atoms = (Parameters(callee.receiver),)
    return (Each(each if name == "parameters" else (Items(((), each)),)),)


def read_asking(reader: Reader, callees: Atoms, node: ast.Call) -> None:
    """Let gradients count that an installed function reads of what it is given, such as `clip_grad_norm_`."""
    for callee in callees:
        value = callee.value if isinstance(callee, Known) else None
        if getattr(value, "__module__", "") == _CLIPPING and getattr(value, "__name__", "") not in _NOT_ASKING:
            for part in node.args[:1]:
                ask_all(reader, _elements(reader.evaluate(part)))
        elif isinstance(value, operator.attrgetter):
            names = [part for name in value.__reduce__()[1] for part in name.split(".") if part in _SAID]
            for part in node.args if names else ():
                ask_all(reader, reader.evaluate(part))


def read_setting_of(reader: Reader, node: ast.AST) -> None:
    """Find out whether an assignment to an attribute, or a call, clears gradients or asks for them.

    Args:
        reader: the reading of the function that it stands in.
        node: the attribute or the call.
    """
    said, owner = "", None
    if isinstance(node, ast.Attribute):
        said, owner = node.attr, node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        method, asked = node.func.attr, node.func.value
        if method == "zero_grad":
            said, owner = "grad", asked
        elif method == "requires_grad_":
            said, owner = "requires_grad", asked
        elif method == "zero_":
            while isinstance(asked, ast.Attribute) and asked.attr == "data":
                asked = asked.value
            if isinstance(asked, ast.Attribute):
                said, owner = asked.attr, asked.value
    if said not in _SAID or owner is None or reader.inside or reader.unsure > reader.through_all:
        return
    atoms = reader.evaluate(owner)
    if len(atoms) > 1 and not reader.through_all:
        return
    is_all = isinstance(node, ast.Call) and node.func.attr == "zero_grad"  # type: ignore[attr-defined]
    cleared = {(identity, said) for atom in atoms for identity in _identities(atom)}
    if not cleared and is_all:
        # An optimizer or module that the code made: it is taken to hold what is captured.
        cleared = {(EVERYTHING, said)}
    reader.node.gradients.cleared |= cleared


def only_clears(statement: ast.If | ast.While) -> list[ast.expr]:
    """Give what clears gradients in ``if p.grad is not None: p.grad.zero_()``, which does nothing else."""
    asked = statement.test.left if isinstance(statement.test, ast.Compare) else statement.test
    if statement.orelse or not isinstance(asked, ast.Attribute) or asked.attr != "grad":
        return []
    found: list[ast.expr] = []
    for part in statement.body:
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Constant):
            found += part.targets
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            called = part.value.func
            if not isinstance(called, ast.Attribute) or called.attr not in ("zero_", "detach_"):
                return []
            found.append(part.value)
        else:
            return []
    return found


def goes_through_all(statement: ast.For | ast.AsyncFor, elements: Atoms) -> bool:
    """Tell whether a loop certainly does something with all parameters of a module, or all that it writes down."""
    if any(isinstance(part, _LEAVING) for part in ast.walk(statement)):
        return False
    written = isinstance(statement.iter, (ast.Tuple, ast.List)) and bool(statement.iter.elts)
    return written or (bool(elements) and all(map(_is_parameter, elements)))


def _is_parameter(atom: Atom) -> bool:
    return isinstance(atom, Parameters) or (isinstance(atom, Items) and atom.elements[-1:] != () and all(
        map(_is_parameter, atom.elements[-1])
    ) and bool(atom.elements[-1]))  # fmt: skip


def _elements(atoms: Atoms) -> Atoms:
    return tuple(element for atom in atoms for element in (atom.element if isinstance(atom, Each) else (atom,)))


def _identities(atom: Atom) -> list[int]:
    value: Any = atom.module.value if isinstance(atom, Parameters) else getattr(atom, "value", None)
    known = is_tensor(value) or is_module_class(type(value))
    return [id(tensor) for tensor in tensors_in(value).values()] if known else []
