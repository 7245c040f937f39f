"""Calls that draw from a shared random generator, or seed one, as they stand in a function's text."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any

from ..asking import asked
from .lookup import is_users_code
from .random import (
    CONFIGURED,
    FRAMED,
    SAMPLED,
    SEEDING,
    SHARED,
    TOLD,
    TRAINED,
    Switch,
    builds_at_random,
    drawing_method,
    drawn_from,
    draws_by_itself,
    generator_of,
    installed_name,
    is_module_class,
    makes_at_random,
    refills,
    seeded_by,
    seeds_taken,
    switches_of,
)
from .values import Atoms, Bound, Instance, Known

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["draw", "draws_unasked", "read_draws", "read_setting", "read_training"]

#: Generators that seed themselves where they are given no seed.
_FRESH = frozenset({"numpy.random.default_rng", "numpy.random.RandomState", "random.Random"})
_SAMPLING = frozenset({"sample", "sample_n", "rsample"})
#: Methods of what is made from data that shuffle where all of these parameters are true. A list to shuffle, or a seed,
#: may come first; of a split, sizes do.
_SHUFFLING = {
    "shuffle": (Switch("seed", 0, absent=True),),
    "train_test_split": (Switch("shuffle", 2), Switch("seed", 4, absent=True), Switch("generator", 5, absent=True)),
}
#: Methods that make a data frame of something else.
_FRAMING = frozenset({"to_pandas", "toPandas"})


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
            if isinstance(callee.value, MethodType):
                _read_making(reader, callee.value.__self__, callee.value.__name__)
        elif isinstance(callee, Bound) and isinstance(callee.receiver, Known):
            taken = seeds_taken(callee.function)
            if taken and _may_shuffle(reader, node):
                _read_unseeded(reader, callee.label, node, seeds=taken, bound=1)
            _read_making(reader, callee.receiver.value, asked(callee.function, "__name__", ""))
    if isinstance(node.func, ast.Attribute) and node.func.attr in _FRAMING:
        reader.graph.walk.circumstance(FRAMED)
    if isinstance(node.func, ast.Attribute) and all(_is_torch(callee) for callee in callees):
        _read_method(reader, node.func.attr, callees, node)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "train" and all(map(_is_module, callees)):
        modes = [*node.args, *(word.value for word in node.keywords)]
        read_training(reader, ".train()", node, modes[0] if modes else None)
    for word in node.keywords:
        if word.arg == "do_sample" and _may_be_true(reader, word.value):
            draw(reader, "`do_sample`", "torch")
    held = [callee.value.keywords for callee in callees if isinstance(callee, Known) and _is_partial(callee.value)]
    if any(words.get("do_sample") for words in (*held, *_handed_on(reader, node))):
        draw(reader, "`do_sample`", "torch")


def read_setting(reader: Reader, name: object, value: ast.expr) -> None:
    """Find out whether an attribute or entry that is given a value lets a model sample.

    Args:
        reader: the reading of the function that it stands in.
        name: the attribute or key.
        value: its value.
    """
    if name == "do_sample" and _may_be_true(reader, value):
        reader.graph.walk.circumstance(CONFIGURED)
        reader.graph.walk.circumstance(TOLD)


def read_training(reader: Reader, what: str, place: ast.AST, mode: ast.expr | None = None) -> None:
    """Find out whether a module is put into training mode.

    One that is put back into the mode that it had is not, unless it had it; that is asked for where it is met.

    Args:
        reader: the reading of the function that does so.
        what: how it does so.
        place: where it does so in the function's text.
        mode: what it says of the mode, if anything.
    """
    if (mode is None or _is_true(reader, mode)) and not _puts_back(reader, place):
        draw(reader, f"`{what}`", TRAINED)


def _puts_back(reader: Reader, place: ast.AST) -> bool:
    """Tell whether something is only done where a module was in training mode before, as in ``if was_training:``."""
    text = reader.node.source.node if reader.node.source is not None else place
    told = {
        target.id
        for part in ast.walk(text)
        if isinstance(part, ast.Assign) and _reads_mode(part.value)
        for target in part.targets
        if isinstance(target, ast.Name)
    }
    for part in ast.walk(text):
        if isinstance(part, (ast.If, ast.IfExp)) and (
            _reads_mode(part.test) or (isinstance(part.test, ast.Name) and part.test.id in told)
        ):
            body = part.body if isinstance(part.body, list) else [part.body]
            if any(inside is place for statement in body for inside in ast.walk(statement)):
                return True
    return False


def _reads_mode(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "training"


def _handed_on(reader: Reader, node: ast.Call) -> Iterator[dict[str, Any]]:
    """Give the known dictionaries that a call hands on as keywords."""
    for word in node.keywords:
        if word.arg is None and isinstance(word.value, (ast.Name, ast.Attribute, ast.Subscript)):
            yield from (
                atom.value
                for atom in reader.evaluate(word.value)
                if isinstance(atom, Known) and type(atom.value) is dict
            )


def _read_installed(reader: Reader, name: str, value: Any, node: ast.Call) -> None:
    seeds = seeded_by(name)
    if seeds and not reader.unsure and reader.scope is reader.top and _gives_seed(reader, node):
        reader.node.seeded |= frozenset(seeds)
    if name in _FRESH and not node.args and not node.keywords:
        where = f"function `{reader.function.__qualname__}`"
        reader.graph.note(f"`{name}()` in {where} takes its seed from the system, so its numbers differ each time")
    if name.startswith("pandas."):
        reader.graph.walk.circumstance(FRAMED)
    generator = drawn_from(name)
    if generator:
        if all(_is_on(reader, node, switch) for switch in switches_of(name)) and not _has_generator(reader, node):
            draw(reader, f"`{name}`", generator)
    elif isinstance(value, type):
        if builds_at_random(value):
            draw(reader, f"`{name}`, whose first weights are random,", "torch")
    elif not name.startswith("torch.") and (taken := seeds_taken(value)):
        _read_unseeded(reader, name, node, seeds=taken)


def _read_method(reader: Reader, name: str, callees: Atoms, node: ast.Call) -> None:
    """A method of something that is not known, or of a known tensor or module of torch."""
    if drawing_method(name):
        if not _has_generator(reader, node):
            draw(reader, f"`.{name}()`", "torch")
    elif name in _SAMPLING:
        draw(reader, f"`.{name}()`", SAMPLED)
        # Of a frame it takes a number of rows; with two arguments it is that of a generator.
        if name == "sample" and not callees and (node.args or node.keywords) and len(node.args) < 2:
            _read_unseeded(reader, ".sample()", node, FRAMED)
    elif refills(name):
        if not callees or any(builds_at_random(_class_of(callee)) for callee in callees):
            draw(reader, f"`.{name}()`", "torch")
    elif name in _SHUFFLING:
        if not callees and all(_is_on(reader, node, switch) for switch in _SHUFFLING[name]):
            _read_unseeded(reader, f".{name}()", node)
    elif name == "generate" and all(word.arg != "do_sample" for word in node.keywords):
        _read_generate(reader, node)


def _may_shuffle(reader: Reader, node: ast.Call) -> bool:
    """Tell whether a call of a method may draw, as `train_test_split` does not where it is told not to shuffle."""
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    return all(_is_on(reader, node, switch) for switch in _SHUFFLING.get(method, ()) if not switch.absent)


def _read_making(reader: Reader, cls: Any, name: str) -> None:
    """A method of a class that makes an instance, as `AutoModel.from_config` does."""
    if isinstance(cls, type) and makes_at_random(cls, name):
        draw(reader, f"`{cls.__name__}.{name}`, whose first weights are random,", "torch")


def _read_generate(reader: Reader, node: ast.Call) -> None:
    known = list(_handed_on(reader, node))
    if not any("do_sample" in words for words in known):
        draw(reader, "`.generate()`", CONFIGURED)
        if sum(word.arg is None for word in node.keywords) > len(known):
            draw(reader, "`.generate()`", TOLD)


def _read_unseeded(
    reader: Reader,
    name: str,
    node: ast.Call,
    generator: str = "numpy",
    seeds: tuple[Switch, ...] = (),
    bound: int = 0,
) -> None:
    """Find out whether a call gives a seed, by a keyword or at the place of a parameter behind those that are bound."""
    words = node.keywords
    if any(word.arg is None or (word.arg in SEEDING and not _is_none(reader, word.value)) for word in words):
        return
    parts = node.args
    before = next((index for index, part in enumerate(parts) if isinstance(part, ast.Starred)), len(parts))
    places = [seed.position - bound for seed in seeds]
    if not any(0 <= place < before and not _is_none(reader, parts[place]) for place in places):
        draw(reader, f"`{name}` without a seed", generator)


def draw(reader: Reader, what: str, generator: str) -> None:
    """Remember that a function draws.

    Args:
        reader: its reading.
        what: what draws.
        generator: the shared generator, or the circumstance in which one is drawn from.
    """
    reader.node.is_drawing |= generator in SHARED
    # A function that is only defined here may be called when the generator has gone on.
    seeded = reader.node.seeded if not reader.inside else frozenset()
    if generator_of(generator) not in seeded:
        reader.node.draws.add((f"{what} in function `{reader.function.__qualname__}`", generator))


def draws_unasked(name: str, value: Any) -> str:
    """Tell from which generator something installed draws that is handed on, and may be called with anything."""
    if isinstance(value, type) or not callable(value):
        return draws_by_itself(name)
    return drawn_from(name) if all(switch.default for switch in switches_of(name)) else ""


def _is_torch(callee: Any) -> bool:
    if not isinstance(callee, Bound) or is_users_code(callee.function):
        return False
    if isinstance(callee.receiver, Instance):
        return True
    return any(base.__module__.partition(".")[0] == "torch" for base in type(callee.receiver.value).__mro__)


def _class_of(atom: Any) -> type:
    """Give the class of what a method is bound to."""
    receiver = atom.receiver
    cls: type = receiver.cls if isinstance(receiver, Instance) else type(receiver.value)
    return cls


def _is_module(callee: Any) -> bool:
    """Tell whether something is a method of a torch module."""
    return isinstance(callee, Bound) and is_module_class(_class_of(callee))


def _is_partial(value: Any) -> bool:
    return type(value) is functools.partial


def _has_generator(reader: Reader, node: ast.Call) -> bool:
    """Tell whether a call is given a generator of its own, whose state counts where it comes from."""
    given = [word.value for word in node.keywords if word.arg == "generator"]
    return bool(given) and not any(_is_none(reader, value) or _is_shared(reader, value) for value in given)


def _is_shared(reader: Reader, value: ast.expr) -> bool:
    """Tell whether an expression is the generator that all code shares, by its name in torch."""
    atoms = reader.evaluate(value)
    return any(isinstance(atom, Known) and atom.installed == "torch.default_generator" for atom in atoms)


def _gives_seed(reader: Reader, node: ast.Call) -> bool:
    given = [*node.args, *(word.value for word in node.keywords)]
    return bool(given) and not any(_is_none(reader, value) for value in given)


def _is_none(reader: Reader, value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None
    return any(isinstance(atom, Known) and atom.value is None for atom in reader.evaluate(value))


def _is_on(reader: Reader, node: ast.Call, switch: Switch) -> bool:
    """Tell whether a parameter may be true in a call; of one that must be absent, whether it is not given."""
    may_be = _is_none if switch.absent else _may_be_true
    for word in node.keywords:
        if word.arg == switch.name:
            return may_be(reader, word.value)
    before = node.args[: switch.position + 1]
    if any(isinstance(part, ast.Starred) for part in before) or any(word.arg is None for word in node.keywords):
        return True
    return may_be(reader, before[switch.position]) if len(before) > switch.position else switch.default


def _is_true(reader: Reader, value: ast.expr) -> bool:
    """Tell whether an expression is known to be true."""
    if isinstance(value, ast.Constant):
        return bool(value.value)
    return any(isinstance(atom, Known) and atom.value is True for atom in reader.evaluate(value))


def _may_be_true(reader: Reader, value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return bool(value.value)
    atoms = reader.evaluate(value)
    known = [atom.value for atom in atoms if isinstance(atom, Known)]
    if known and len(known) == len(atoms) and all(type(one) in (bool, int, float, type(None)) for one in known):
        return any(known)
    # A layer's own training flag, which is asked for where the layer is met.
    return not any(isinstance(part, ast.Attribute) and part.attr == "training" for part in ast.walk(value))
