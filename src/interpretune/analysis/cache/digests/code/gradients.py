"""What code reads and sets of gradients: the `grad` and `requires_grad` of tensors that it captures.

Neither counts with a model or tensor, as no forward depends on them; where the code reads one of them, that one counts.
A gradient that the code clears, or a flag that it sets, is its own, whatever it was before the run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .lookup import is_users_code
from .random import is_module_class
from .values import Atom, Atoms, Bound, Each, Items, Known, Parameters

if TYPE_CHECKING:
    from ..walk import Walk
    from .nodes import Node
    from .reads import Reader

__all__ = ["Gradients", "OfGradient", "parameters_given", "read_of_gradient", "read_setting_of"]

#: The attributes that are meant.
_SAID = ("grad", "requires_grad")
_GIVING = ("parameters", "named_parameters")


@dataclass(frozen=True, eq=False)
class OfGradient(Known):
    """A gradient, or a flag that asks for one, as it is before the run; it counts unless the code sets it."""

    #: Which of the attributes it is.
    said: str = ""


class Gradients:
    """What all code of a walk reads of gradients, and what it sets of them."""

    def __init__(self) -> None:
        self._read: dict[tuple[Node, str], tuple[OfGradient, int]] = {}
        self._setting: dict[str, set[Node]] = {}

    def put_off(self, node: Node, known: OfGradient, line: int) -> None:
        """Remember that a function reads one in a line: code that is not read yet may set it."""
        self._read[node, known.label] = known, line

    def set_in(self, node: Node, said: str) -> None:
        """Remember that a function sets the attribute."""
        self._setting.setdefault(said, set()).add(node)

    def counted(self, walk: Walk) -> Iterator[tuple[Node, OfGradient, int]]:
        """Give what counts, once all code is read: where the code sets one, a run reads what it made itself."""
        for (node, _), (known, line) in self._read.items():
            setting = self._setting.get(known.said, set())
            if not setting:
                yield node, known, line
            elif node not in setting:
                walk.note(f"`{known.path}` is set elsewhere in the code, so what it was before does not count")


def read_of_gradient(reader: Reader, atom: Atom, name: str) -> bool:
    """Let `grad` or `requires_grad` count where it is read of a captured tensor; tell whether it was that.

    Args:
        reader: the reading of the function that reads it.
        atom: what it is read of.
        name: any attribute.
    """
    if name not in _SAID:
        return False
    if isinstance(atom, Parameters):
        known, step = atom.module, f".parameters().{name}"
        held: Any = {path: getattr(tensor, name) for path, tensor in known.value.named_parameters()}
    elif isinstance(atom, Known) and _is_tensor(atom.value) and (atom.value.is_leaf or atom.value.retains_grad):
        known, step, held = atom, f".{name}", getattr(atom.value, name)
    else:
        return False
    reader.consume((OfGradient(held, known.label + step, known.path + step, said=name),))
    return True


def parameters_given(callees: Atoms) -> Atoms:
    """Tell which parameters a call gives, where it asks a captured module for them."""
    (callee,) = callees if len(callees) == 1 else (None,)
    if not isinstance(callee, Bound) or not isinstance(callee.receiver, Known) or is_users_code(callee.function):
        return ()
    name = callee.label.rpartition(".")[2]
    if name not in _GIVING or not is_module_class(type(callee.receiver.value)):
        return ()
    each: Atoms = (Parameters(callee.receiver),)
    return (Each(each if name == "parameters" else (Items(((), each)),)),)


def read_setting_of(reader: Reader, node: ast.expr) -> None:
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
            reader.graph.gradients.set_in(reader.node, "grad")
        elif method == "requires_grad_":
            said, owner = "requires_grad", asked
        elif method == "zero_":
            while isinstance(asked, ast.Attribute) and asked.attr == "data":
                asked = asked.value
            if isinstance(asked, ast.Attribute):
                said, owner = asked.attr, asked.value
    if said in _SAID and owner is not None and any(map(_is_captured, reader.evaluate(owner))):
        reader.graph.gradients.set_in(reader.node, said)


def _is_captured(atom: Atom) -> bool:
    held = isinstance(atom, Known) and (_is_tensor(atom.value) or is_module_class(type(atom.value)))
    return held or isinstance(atom, Parameters)


def _is_tensor(value: Any) -> bool:
    return any(f"{base.__module__}.{base.__qualname__}" == "torch.Tensor" for base in type(value).__mro__)
