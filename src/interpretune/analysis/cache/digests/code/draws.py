"""Calls that draw from a shared random generator, or seed one, as they stand in a function's text."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from .lookup import is_users_code
from .random import (
    CONFIGURED,
    SAMPLED,
    SEEDING,
    Switch,
    builds_at_random,
    drawing_method,
    drawn_from,
    installed_name,
    needs_seed,
    seeded_by,
    switches_of,
)
from .values import Atoms, Bound, Instance, Known

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["draw", "draws_unasked", "read_draws"]

#: Generators that seed themselves where they are given no seed.
_FRESH = frozenset({"numpy.random.default_rng", "numpy.random.RandomState", "random.Random"})
_SAMPLING = frozenset({"sample", "sample_n", "rsample"})


def read_draws(reader: Reader, callees: Atoms, node: ast.Call) -> None:
    """Find out whether a call draws random numbers, and remember that its function does.

    Args:
        reader: the reading of the function that it stands in.
        callees: what is called.
        node: the call.
    """
    for callee in callees:
        if isinstance(callee, Known) and callable(callee.value) and not is_users_code(callee.value):
            reader.asked.add(callee.label)
            _read_installed(reader, installed_name(callee.value, callee.installed), callee.value, node)
        elif isinstance(callee, Bound) and isinstance(callee.receiver, Known) and needs_seed(callee.function):
            _read_unseeded(reader, callee.label, node)
    if isinstance(node.func, ast.Attribute) and all(_is_torch(callee) for callee in callees):
        _read_method(reader, node.func.attr, node)
    for word in node.keywords:
        if word.arg == "do_sample" and _may_be_true(reader, word.value):
            draw(reader, "`do_sample`", "torch")


def _read_installed(reader: Reader, name: str, value: Any, node: ast.Call) -> None:
    seeds = seeded_by(name)
    if seeds and not reader.unsure and reader.scope is reader.top and _gives_seed(reader, node):
        reader.node.seeded |= frozenset(seeds)
    if name in _FRESH and not node.args and not node.keywords:
        where = f"function `{reader.function.__qualname__}`"
        reader.graph.note(f"`{name}()` in {where} takes its seed from the system, so its numbers differ each time")
    generator = drawn_from(name)
    if generator:
        if all(_is_on(reader, node, switch) for switch in switches_of(name)) and not _has_generator(reader, node):
            draw(reader, f"`{name}`", generator)
    elif isinstance(value, type):
        if builds_at_random(value):
            draw(reader, f"`{name}`, whose first weights are random,", "torch")
    elif not name.startswith("torch.") and needs_seed(value):
        _read_unseeded(reader, name, node)


def _read_method(reader: Reader, name: str, node: ast.Call) -> None:
    """A method of something that is not known, or of a known tensor or module of torch."""
    if drawing_method(name):
        if not _has_generator(reader, node):
            draw(reader, f"`.{name}()`", "torch")
    elif name in _SAMPLING:
        draw(reader, f"`.{name}()`", SAMPLED)
    elif name == "generate" and all(word.arg != "do_sample" for word in node.keywords):
        draw(reader, "`.generate()`", CONFIGURED)


def _read_unseeded(reader: Reader, name: str, node: ast.Call) -> None:
    if not any(word.arg is None or word.arg in SEEDING for word in node.keywords):
        draw(reader, f"`{name}` without a seed", "numpy")


def draw(reader: Reader, what: str, generator: str) -> None:
    """Remember that a function draws.

    Args:
        reader: its reading.
        what: what draws.
        generator: the shared generator, or the circumstance in which torch's is drawn from.
    """
    # A function that is only defined here may be called when the generator has gone on.
    seeded = reader.node.seeded if not reader.inside else frozenset()
    if (generator if generator in ("numpy", "python") else "torch") not in seeded:
        reader.node.draws.add((f"{what} in function `{reader.function.__qualname__}`", generator))


def draws_unasked(name: str) -> str:
    """Tell from which generator an installed function draws that is handed on, and may be called with anything."""
    return drawn_from(name) if all(switch.default for switch in switches_of(name)) else ""


def _is_torch(callee: Any) -> bool:
    if not isinstance(callee, Bound) or is_users_code(callee.function):
        return False
    if isinstance(callee.receiver, Instance):
        return True
    return any(base.__module__.partition(".")[0] == "torch" for base in type(callee.receiver.value).__mro__)


def _has_generator(reader: Reader, node: ast.Call) -> bool:
    """Tell whether a call is given a generator of its own, whose state counts where it comes from."""
    given = [word.value for word in node.keywords if word.arg == "generator"]
    return bool(given) and not any(_is_none(reader, value) for value in given)


def _gives_seed(reader: Reader, node: ast.Call) -> bool:
    given = [*node.args, *(word.value for word in node.keywords)]
    return bool(given) and not any(_is_none(reader, value) for value in given)


def _is_none(reader: Reader, value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None
    return any(isinstance(atom, Known) and atom.value is None for atom in reader.evaluate(value))


def _is_on(reader: Reader, node: ast.Call, switch: Switch) -> bool:
    """Tell whether a parameter may be true in a call."""
    for word in node.keywords:
        if word.arg == switch.name:
            return _may_be_true(reader, word.value)
    before = node.args[: switch.position + 1]
    if any(isinstance(part, ast.Starred) for part in before) or any(word.arg is None for word in node.keywords):
        return True
    return _may_be_true(reader, before[switch.position]) if len(before) > switch.position else switch.default


def _may_be_true(reader: Reader, value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return bool(value.value)
    atoms = reader.evaluate(value)
    known = [atom.value for atom in atoms if isinstance(atom, Known)]
    if known and len(known) == len(atoms) and all(type(one) in (bool, int, float, type(None)) for one in known):
        return any(known)
    # A layer's own training flag, which is asked for where the layer is met.
    return not any(isinstance(part, ast.Attribute) and part.attr == "training" for part in ast.walk(value))
