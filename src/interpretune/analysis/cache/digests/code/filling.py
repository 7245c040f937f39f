"""What code only fills: counters that feed themselves, and containers that are put into without being looked at.

What such a place held before reaches nothing but itself. Whoever reads it elsewhere depends on it there.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..tokens import frame
from .entries import entry_step
from .operations import ask_setter
from .targets import is_definite
from .values import Atoms, Known

if TYPE_CHECKING:
    from .nodes import Node
    from .reads import Reader

__all__ = [
    "FILLED",
    "MUTE",
    "NUMBERS",
    "TAKING",
    "WRITERS",
    "counts_entry",
    "counts_up",
    "feeds_itself",
    "fills_entry",
    "sets_item",
    "stored_by_hooks",
    "stores_entries",
]

#: Containers whose methods are known.
FILLED = (list, dict, set, deque, defaultdict, Counter, OrderedDict)
#: Their methods that only write, where nothing is done with the result.
WRITERS = frozenset(
    [
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "clear",
        "discard",
        "remove",
        "setdefault",
        "pop",
        "popitem",
        "appendleft",
        "extendleft",
        "popleft",
        "subtract",
    ]
)
#: Those of them that give nothing back, whatever is done with it.
MUTE = WRITERS - {"setdefault", "pop", "popitem", "popleft"}
#: Those that raise where what they take away is not there.
TAKING = frozenset(["remove", "pop", "popitem", "popleft"])
NUMBERS = (bool, int, float, complex)
#: What is added to an attribute or global, without anything but the sum coming of it.
_SUMS = (*NUMBERS, str, list)
#: What a `defaultdict` makes of a name that is not there, to be filled or counted up.
_CONTAINER_FACTORIES = (list, dict, set, deque)
_NUMBER_FACTORIES = (int, float)


def counts_up(reader: Reader, target: ast.expr, current: Atoms) -> bool:
    """Tell whether ``target += …`` feeds nothing but the attribute or global itself.

    Args:
        reader: the reading of the function that does so.
        target: what is added to.
        current: what it denotes.
    """
    if isinstance(target, ast.Subscript) or (isinstance(target, ast.Name) and reader.scope.holder(target.id)):
        return False
    kinds = [type(atom.value) if isinstance(atom, Known) else None for atom in current]
    if all(kind in NUMBERS for kind in kinds):
        return True
    return all(kind in _SUMS for kind in kinds) and not _is_taken(reader, target)


def feeds_itself(reader: Reader, statement: ast.Assign) -> bool:
    """Read ``self.total = self.total + …``, where that feeds nothing but the attribute or global itself.

    Returns:
        False where the statement is of another kind, and is yet to be read.
    """
    (target, *others) = statement.targets
    if others or not isinstance(target, (ast.Attribute, ast.Name)) or not isinstance(statement.value, ast.BinOp):
        return False
    added: list[ast.expr] = []
    first: ast.expr = statement.value
    while isinstance(first, ast.BinOp):
        added.append(first.right)
        first = first.left
    if _written(first) != _written(target):
        return False
    current = reader.evaluate(first)
    if not current or not counts_up(reader, target, current) or _is_taken(reader, target):
        return False
    for part in added:
        reader.use(part)
    return True


def counts_entry(reader: Reader, target: ast.expr) -> bool:
    """Read the target of ``counts[name] += …``, where that feeds nothing but the entry itself.

    Returns:
        False where the target is of another kind, and is yet to be read.
    """
    if not isinstance(target, ast.Subscript):
        return False
    holders = reader.evaluate(target.value)
    if not holders or not all(isinstance(known, Known) and _holds_numbers(known.value) for known in holders):
        return False
    for known in holders:
        if isinstance(known, Known) and type(known.value) is dict:
            # Of a plain dictionary an entry that is not there cannot be counted up.
            if not isinstance(target.slice, ast.Constant) or target.slice.value not in known.value:
                return False
            reader.record(f"{known.label}[{target.slice.value!r}] is there", frame("there"))
    reader.use(target.slice)
    return True


def fills_entry(reader: Reader, node: ast.Call) -> bool:
    """Read what ``log[name].append(…)`` and ``log.setdefault(name, []).append(…)`` only fill; nobody uses the result.

    Returns:
        False where the call is of another kind, and is yet to be read.
    """
    method = node.func
    if not isinstance(method, ast.Attribute) or method.attr not in WRITERS:
        return False
    if reader.trying and method.attr in TAKING:
        return False
    entry, parts = method.value, list[ast.expr]()
    if isinstance(entry, ast.Subscript):
        holder, parts = entry.value, [entry.slice]
    elif isinstance(entry, ast.Call) and isinstance(entry.func, ast.Attribute) and entry.func.attr == "setdefault":
        holder, parts = entry.func.value, entry.args
        if len(parts) != 2 or entry.keywords or not isinstance(parts[1], (ast.List, ast.Dict, ast.Set)):
            return False
    else:
        return False
    kinds = (defaultdict,) if isinstance(entry, ast.Subscript) else (dict, defaultdict)
    holders = reader.evaluate(holder)
    if not holders or not all(isinstance(known, Known) and _holds_containers(known.value, kinds) for known in holders):
        return False
    for part in (*parts, *node.args, *(word.value for word in node.keywords)):
        reader.use(part.value if isinstance(part, ast.Starred) else part)
    return True


def sets_item(reader: Reader, node: ast.Call) -> bool:
    """Read ``held.__setitem__(name, value)``, the way in which a lambda fills a container.

    Returns:
        False where the call is of another kind, and is yet to be read.
    """
    method = node.func
    if not isinstance(method, ast.Attribute) or method.attr != "__setitem__" or len(node.args) != 2 or node.keywords:
        return False
    holders = reader.evaluate(method.value)
    if not holders or not all(isinstance(known, Known) and type(known.value) in FILLED for known in holders):
        return False
    for part in node.args:
        reader.use(part.value if isinstance(part, ast.Starred) else part)
    return True


def stores_entries(reader: Reader, callees: Atoms, node: ast.Call) -> None:
    """Remember what the hooks of a model certainly store when it is called: what was there before is not read.

    Args:
        reader: the reading of the function that calls.
        callees: what may be called.
        node: the call.
    """
    torch = sys.modules.get("torch")
    (called,) = callees if len(callees) == 1 else (None,)
    if torch is None or reader.unsure or reader.quiet or not isinstance(called, Known):
        return
    if isinstance(called.value, torch.nn.Module) and is_definite(reader, node.func):
        from ..module_runs import certainly_stored

        for held, name in certainly_stored(called.value):
            reader.assigned[id(held), entry_step(name)] = ()
            reader.by_hooks.add((id(held), entry_step(name)))


@lru_cache(maxsize=8192)
def _takes_hooks_away(definition: ast.AST) -> bool:
    """Tell whether a function may take away a hook that was there when the step was called."""
    named = {part.attr for part in ast.walk(definition) if isinstance(part, ast.Attribute)}
    return any(name == "remove" or "_hooks" in name for name in named)


def stored_by_hooks(nodes: Iterable[Node]) -> Iterator[tuple[Node, Known, int]]:
    """Give the entries that hooks store before they are read, where any code may take these hooks away."""
    nodes = list(nodes)
    if any(node.source is not None and _takes_hooks_away(node.source.node) for node in nodes):
        for node in nodes:
            yield from ((node, known, line) for known, line in node.stored_by_hooks.values())


def _is_taken(reader: Reader, target: ast.expr) -> bool:
    """Tell whether code of the user's runs when an attribute is given a value, and may do more with it."""
    if not isinstance(target, ast.Attribute):
        return False
    name = reader.mangled(target.attr)
    return any(ask_setter(reader, atom, name, ()) for atom in reader.evaluate(target.value))


def _holds_numbers(value: Any) -> bool:
    kind = type(value)
    if kind is defaultdict:
        return value.default_factory in _NUMBER_FACTORIES and _all_of(value, NUMBERS)
    return kind in (dict, Counter) and _all_of(value, NUMBERS)


def _holds_containers(value: Any, kinds: tuple[type, ...]) -> bool:
    kind = type(value)
    if kind is defaultdict and value.default_factory not in _CONTAINER_FACTORIES:
        return False
    return kind in kinds and _all_of(value, FILLED)


def _all_of(held: dict[Any, Any], kinds: tuple[type, ...]) -> bool:
    return all(type(item) in kinds for item in held.values())


def _written(node: ast.expr) -> str:
    """Give a name or chain of attributes as it is written, whether it is read or given a value."""
    return ast.unparse(node) if isinstance(node, (ast.Attribute, ast.Name)) else ""
