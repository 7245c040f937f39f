"""What code reads of gradients: the `grad` and `requires_grad` of tensors that it captures.

Neither counts with a model or tensor, as no forward depends on them; where the code reads one of them, that one counts.
A gradient that the code has certainly cleared by then, or a flag that it has set, is its own.

What is read of something that is not known counts of all that got lost on the way there: of modules whose parameters or
submodules are handed out one by one, of containers with tensors in them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base_names import base_names
from .random import is_module_class
from .values import Atom, Atoms, Bound, Known, Parameters

if TYPE_CHECKING:
    from .nodes import Node
    from .reads import Reader

__all__ = [
    "EVERYTHING",
    "OwnGradients",
    "ask_all",
    "ask_unknown",
    "counted",
    "is_tensor",
    "lose",
    "lose_apart",
    "lose_module",
    "outermost_module",
    "read_of_gradient",
    "tensors_in",
]

#: The attributes that are meant, and those of a result that tell of `requires_grad`.
_SAID = ("grad", "requires_grad")
_TELLING = {"grad": "grad", "requires_grad": "requires_grad", "grad_fn": "requires_grad"}
#: Stands for all tensors among those of which something was cleared.
EVERYTHING = 0
_CONTAINERS = (list, tuple, dict)
#: Of longer containers only so many elements are looked at.
_LOOKED_AT = 1000

#: Tensors, by their identity, and which attribute of theirs.
Cleared = frozenset[tuple[int, str]]


class _Asked(NamedTuple):
    """One place that reads an attribute."""

    #: What it is read of, where that is known.
    known: Known | None
    said: str
    line: int
    #: What was certainly cleared before, within the function.
    cleared: Cleared


@dataclass(eq=False)
class OwnGradients:
    """What one function reads and clears."""

    asked: list[_Asked] = field(default_factory=list)
    #: What was taken apart, or put somewhere, so that what comes of it is not known.
    lost: dict[str, Known] = field(default_factory=dict)
    #: Modules that it uses.
    used: dict[str, Known] = field(default_factory=dict)
    #: What it has certainly cleared so far; once it is read, before it gives back.
    cleared: Cleared = frozenset()
    #: The same wherever it may be left early.
    left: Cleared | None = None
    #: What was cleared before each function that it calls.
    before: dict[Node, Cleared] = field(default_factory=dict)

    def begin(self) -> None:
        """The function is read from its beginning."""
        self.asked.clear()
        self.cleared, self.left = frozenset(), None

    def leave(self) -> None:
        """The function may be left here, before its end."""
        self.left = self.cleared if self.left is None else self.left & self.cleared

    def end(self) -> None:
        """The function was read."""
        if self.left is not None:
            self.cleared &= self.left

    def call(self, callee: Node, certain: bool) -> None:
        """The function calls another one here."""
        self.before[callee] = self.before.get(callee, self.cleared) & self.cleared
        if certain:
            self.cleared |= callee.gradients.cleared


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
        _ask(reader, atom.module, name)
    elif isinstance(atom, Known) and _is_own(atom.value):
        _ask(reader, atom, name)
    else:
        return False
    return True


def ask_unknown(reader: Reader, name: str) -> None:
    """Remember that an attribute is read of something that is not known."""
    if name in _TELLING:
        _ask(reader, None, _TELLING[name])


def ask_all(reader: Reader, atoms: Atoms) -> None:
    """Let the gradients of these count, which an installed function reads."""
    if not atoms:
        _ask(reader, None, "grad")
    for atom in atoms:
        if isinstance(atom, Parameters):
            _ask(reader, atom.module, "grad")
        elif isinstance(atom, Known):
            _ask(reader, atom, "grad")


def _ask(reader: Reader, known: Known | None, said: str) -> None:
    if not reader.quiet:
        own = reader.node.gradients
        own.asked.append(_Asked(known, said, reader.line, own.cleared))


def lose(node: Node, known: Known) -> None:
    """Remember that what is in something goes where it is not followed, if there may be gradients in it."""
    value = known.value
    if is_module_class(type(value)):
        node.gradients.used[known.label] = known
    elif isinstance(value, _CONTAINERS):
        # Looked into where something asks for gradients: code captures many containers, and long ones.
        node.gradients.lost[known.label] = known


def lose_module(node: Node, known: Known) -> None:
    """Remember a module of which a part is taken that is not known."""
    if is_module_class(type(known.value)):
        node.gradients.lost[known.label] = known


def outermost_module(known: Known | None) -> Known | None:
    """Give the module that something was reached through first; None where it was reached through none."""
    found: Known | None = None
    while known is not None:
        found, known = known if is_module_class(type(known.value)) else found, known.parent
    return found


def lose_apart(reader: Reader, callees: Atoms) -> None:
    """Remember a module whose parameters or submodules a call gives, other than one by one in a loop."""
    for callee in callees:
        known = callee.receiver if isinstance(callee, Bound) else None
        if isinstance(known, Known) and callee.key[1].rpartition(".")[2] in _TAKING_APART:
            lose_module(reader.node, known)


def counted(nodes: Iterable[Node]) -> Iterator[tuple[Node, Known, int]]:
    """Give what counts, by the function that it counts for, once all code is read.

    Args:
        nodes: all functions.
    """
    nodes = list(nodes)
    lost = {node: list(node.gradients.lost.values()) for node in nodes}
    used = {node: list(node.gradients.used.values()) for node in nodes}
    asking = [(node, asked) for node in nodes for asked in node.gradients.asked]
    for node, asked in asking:
        cleared = asked.cleared | (_cleared_before(node, set()) or frozenset())
        if asked.known is not None:
            found = [(node, asked.known)]
        else:
            found = [(other, known) for other in nodes for known in lost[other]]
            found += [(other, known) for other in nodes for known in used[other] if _is_method(node.value, known.value)]
        for holder, known in found:
            yield from ((holder, value, asked.line) for value in _counted_of(known, asked.said, cleared))
        if asked.known is None and asked.said == "requires_grad":
            # A result tells of what it was computed from.
            calling = ((other, known) for other in nodes for known in used[other])
            yield from ((other, value, asked.line) for other, known in calling for value in _off(known, cleared))
        yield from ((node, value, asked.line) for value in _mode(node))
    if any(asked.said == "grad" for _, asked in asking):
        for node in nodes:
            yield from ((node, value, 0) for known in (*used[node], *lost[node]) for value in _ties(known))


def _counted_of(known: Known, said: str, cleared: Cleared) -> Iterator[Known]:
    value = known.value
    one = is_tensor(value)
    tensors = tensors_in(value)
    if (EVERYTHING, said) not in cleared:
        held = {name: getattr(found, said) for name, found in tensors.items() if (id(found), said) not in cleared}
        if held:
            step = f".{said}" if one else f".parameters().{said}" if is_module_class(type(value)) else f"[].{said}"
            yield Known(held[""] if one else held, known.label + step, known.path + step)
    if said == "grad":
        yield from _off(known, cleared)


def _off(known: Known, cleared: Cleared) -> Iterator[Known]:
    """Give the names of the tensors that ask for no gradient, as they get none."""
    said = "requires_grad"
    tensors = tensors_in(known.value).items()
    names = sorted(name for name, found in tensors if not found.requires_grad and (id(found), said) not in cleared)
    if names and (EVERYTHING, said) not in cleared:
        yield Known(names, f"{known.label}.{said} is off", f"{known.path}.{said}")


def _is_method(function: Any, module: Any) -> bool:
    """Tell whether a function is a method of a module or of one inside it."""
    if isinstance(function, type):
        return False
    classes = {base for part in module.modules() for base in type(part).__mro__}
    return any(vars(base).get(function.__name__) is function for base in classes)


def _ties(known: Known) -> Iterator[Known]:
    """Give which parameters are one: its gradient is the sum of those that they would have apart."""
    first: dict[int, str] = {}
    names = ((name, first.setdefault(id(found), name)) for name, found in tensors_in(known.value, True).items())
    tied = {name: other for name, other in names if name != other}
    if tied:
        yield Known(tied, f"{known.label} is tied", known.path)


def _mode(node: Node) -> Iterator[Known]:
    torch = sys.modules.get("torch")
    if torch is not None and (torch.is_inference_mode_enabled() or not torch.is_grad_enabled()):
        yield Known(torch.is_inference_mode_enabled(), "the grad mode", node.path)


def _cleared_before(node: Node, seen: set[Node]) -> Cleared | None:
    """Give what all callers of a function have cleared before they call it; None where none is left to be asked."""
    if node.is_open or not node.callers:
        return frozenset()
    if node in seen:
        return None
    seen.add(node)
    found: Cleared | None = None
    for caller in node.callers:
        if node not in caller.gradients.before:
            continue
        earlier = _cleared_before(caller, seen)
        if earlier is not None:
            known = earlier | caller.gradients.before[node]
            found = known if found is None else found & known
    seen.discard(node)
    return found


# --- tensors


#: Methods of modules that give what is in them.
_TAKING_APART = frozenset(
    {
        *("modules", "named_modules", "children", "named_children", "get_parameter", "get_submodule", "state_dict"),
        *("__getitem__", "values", "items"),
    }
)


def tensors_in(value: Any, again: bool = False) -> dict[str, Any]:
    """Give the tensors whose gradients a module or a container stands for, by name.

    Args:
        value: any of these, or a tensor, whose name is empty.
        again: also give a parameter by its further names.
    """
    if is_tensor(value):
        return {"": value}
    if is_module_class(type(value)):
        return dict(value.named_parameters(remove_duplicate=not again))
    found: dict[str, Any] = {}
    for index, part in enumerate(_inside(value)):
        if is_module_class(type(part)):
            found |= {f"[{index}].{name}": held for name, held in tensors_in(part, again).items()}
        elif _is_own(part):
            found[f"[{index}]"] = part
    return found


def _inside(value: Any, depth: int = 3) -> Iterator[Any]:
    if isinstance(value, _CONTAINERS) and depth:
        for part in islice(value.values() if isinstance(value, dict) else value, _LOOKED_AT):
            if is_tensor(part) or is_module_class(type(part)):
                yield part
            else:
                yield from _inside(part, depth - 1)


def _is_own(value: Any) -> bool:
    """Tell whether something is a tensor that has a gradient of its own."""
    return is_tensor(value) and (value.is_leaf or value.retains_grad)


def is_tensor(value: Any) -> bool:
    """Tell whether something is a tensor of torch."""
    return "torch.Tensor" in base_names(type(value))
