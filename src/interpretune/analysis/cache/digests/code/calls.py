"""Calls as they stand in a function's text."""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING

from .apply import Arguments, apply_each
from .builtins import HARMLESS, SPECIAL, certain_text, read_environment, read_super
from .clearing import parameters_given, read_asking, read_setting_of
from .comparing import let_go
from .draws import read_draws
from .entries import elements_of, entry_of
from .files import before_files, read_files
from .filling import FILLED, MUTE, TAKING, WRITERS, fills_entry, sets_item, stores_entries
from .lookup import is_followed
from .noise import SAYING_NOTHING, is_noise_class, is_quiet_function
from .operations import iterate
from .ordered_calls import read_order
from .paths import paths_by_callers
from .threads import follow_made_thread, is_thread_class
from .values import Atom, Atoms, Bound, Each, Items, Known, Literal, Quiet, join

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["read_arguments", "read_call", "tells_only"]


def read_call(reader: Reader, node: ast.Call, discarded: bool = False) -> Atoms:
    """Follow a call.

    Args:
        reader: the reading of the function that it stands in.
        node: the call.
        discarded: True where nothing is done with the result.

    Returns:
        What it may give back.
    """
    given = reader.told[node] = _follow(reader, node, discarded)
    if not tells_only(reader, reader.told.get(node.func, ())):
        read_order(reader, node)
    return given


def _follow(reader: Reader, node: ast.Call, discarded: bool) -> Atoms:
    reader.line = node.lineno
    if isinstance(node.func, ast.Name) and node.func.id == "super" and reader.scope.holder("super") is None:
        return read_super(reader, node)
    if sets_item(reader, node) or (discarded and fills_entry(reader, node)):
        return ()
    read_setting_of(reader, node)
    before_files(reader, node)
    callees = reader.evaluate(node.func)
    let_go(reader, callees, node)
    read_draws(reader, callees, node)
    read_asking(reader, callees, node)
    read_files(reader, callees, node)
    if (discarded or _hands_on(reader, node)) and tells_only(reader, callees):
        reader.quiet += 1
        arguments = read_arguments(reader, node)
        arguments.consume(reader)
        reader.quiet -= 1
        return ()
    for callee in callees:
        special = SPECIAL.get(id(callee.value)) if isinstance(callee, Known) else None
        if special is not None and len(callees) == 1:
            if isinstance(callee, Known) and not callee.installed:
                # Reached by a name of the user's, which may stand for another function tomorrow.
                reader.consume(callees)
            return special(reader, node)
    understood = _ask_mapping(reader, callees, node)
    if understood is None:
        understood = _show_progress(reader, callees, node)
    if understood is not None:
        return understood
    quiet = reader.quiet
    if quiet and not (len(callees) == 1 and isinstance(callees[0], Known) and id(callees[0].value) in HARMLESS):
        # What a function does on the way to a message may matter, so it is followed.
        reader.quiet = 0
    arguments = read_arguments(reader, node)
    writers = WRITERS if discarded else MUTE
    given = _fill_or_apply(reader, callees, arguments, writers - TAKING if reader.trying else writers)
    reader.quiet = quiet
    stores_entries(reader, callees, node)
    return join(given, parameters_given(reader, callees))


def _ask_mapping(reader: Reader, callees: Atoms, node: ast.Call) -> Atoms | None:
    """Tell what a method of a plain dictionary gives, where the rest of the dictionary need not count."""
    (callee,) = callees if len(callees) == 1 else (None,)
    if isinstance(callee, Bound) and isinstance(callee.receiver, Known) and callee.receiver.value is os.environ:
        return read_environment(reader, node)
    if (
        not isinstance(callee, Bound)
        or not isinstance(callee.receiver, Known)
        or type(callee.receiver.value) is not dict
    ):
        return None
    method = callee.label.rpartition(".")[2]
    if method == "get" and node.args and not node.keywords:
        name = certain_text(reader, node.args[0])
        if name is not None:
            given = entry_of(reader, callee.receiver, name)
            return join(given, *(reader.evaluate(part) for part in node.args[1:]))
    if method in ("values", "items") and not node.args:
        return elements_of(reader, callee.receiver, method == "items")
    return None


def _show_progress(reader: Reader, callees: Atoms, node: ast.Call) -> Atoms | None:
    """A progress bar gives the elements that it is given, and only tells people the rest."""
    (callee,) = callees if len(callees) == 1 else (None,)
    if not isinstance(callee, Known) or not isinstance(callee.value, type) or not is_noise_class(callee.value):
        return None
    if any(is_followed(getattr(callee.value, name)) for name in ("__init__", "__new__")):
        return None  # What it is given goes to code of the user's.
    reader.consume((callee,))
    if is_thread_class(callee.value):
        follow_made_thread(reader, callee.value, node)
        return ()
    reader.quiet += 1
    for part in (*node.args[1:], *(word.value for word in node.keywords if word.arg != "iterable")):
        reader.use(part)
    reader.quiet -= 1
    shown = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "iterable")]
    elements = join((), *(iterate(reader, reader.evaluate(part)) for part in shown))
    return (Each(elements),) if elements else ()


def tells_only(reader: Reader, callees: Atoms) -> bool:
    """Tell whether calling these only tells people something, or keeps threads apart."""
    return bool(callees) and all(_is_telling(reader, callee) for callee in callees)


def _hands_on(reader: Reader, node: ast.Call) -> bool:
    """Tell whether a call is one as `super().acquire()` or `self.info()`, by which a method of noise hands on."""
    base = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr in SAYING_NOTHING else None
    if isinstance(base, ast.Name):
        return base.id in reader.function.__code__.co_varnames[:1]
    return isinstance(base, ast.Call) and isinstance(base.func, ast.Name) and base.func.id == "super"


def _is_telling(reader: Reader, callee: Atom) -> bool:
    if isinstance(callee, Bound):
        return reader.is_quiet(callee.receiver) and not is_followed(callee.function)
    return isinstance(callee, Quiet) or (isinstance(callee, Known) and is_quiet_function(callee.value))


def _fill_or_apply(reader: Reader, callees: Atoms, arguments: Arguments, writers: frozenset[str]) -> Atoms:
    """Follow a call; filling a container by methods whose result says nothing does not read it."""
    for callee in callees:
        receiver = callee.receiver if isinstance(callee, Bound) else None
        fills = isinstance(receiver, Known) and type(receiver.value) in FILLED
        if not fills or callee.key[1].rpartition(".")[2] not in writers:
            return apply_each(reader, callees, arguments)
    arguments.consume(reader)
    return ()


def read_arguments(reader: Reader, node: ast.Call) -> Arguments:
    """Tell what may be known of the arguments of a call."""
    arguments = Arguments()
    for part in node.args:
        if not isinstance(part, ast.Starred):
            atoms = _argument(reader, part)
            if arguments.loose:
                arguments.loose = join(arguments.loose, atoms)
            else:
                _pass_path(reader, arguments, len(arguments.positional), part, atoms)
                arguments.positional.append(atoms)
            continue
        atoms = reader.evaluate(part.value)
        if len(atoms) == 1 and isinstance(atoms[0], Items) and not arguments.loose:
            arguments.positional.extend(atoms[0].elements)
            if not atoms[0].exact:
                arguments.loose, arguments.is_open = (Quiet(),), True
        else:
            arguments.loose, arguments.is_open = join(arguments.loose, iterate(reader, atoms), (Quiet(),)), True
    for keyword in node.keywords:
        if keyword.arg is not None:
            arguments.keywords[keyword.arg] = atoms = _argument(reader, keyword.value)
            _pass_path(reader, arguments, keyword.arg, keyword.value, atoms)
        elif isinstance(keyword.value, ast.Dict) and all(_is_word(key) for key in keyword.value.keys):
            for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                arguments.keywords[key.value] = reader.evaluate(value)  # type: ignore[union-attr]
        else:
            reader.use(keyword.value)
            arguments.is_open = True
    return arguments


def _pass_path(reader: Reader, arguments: Arguments, key: int | str, node: ast.expr, atoms: Atoms) -> None:
    """Remember which path an argument is that the call itself makes, as of its parts."""
    if not atoms and not isinstance(node, (ast.Constant, ast.Lambda)):
        found = [path for _, path in paths_by_callers(reader, node)]
        arguments.paths[key] = ast.unparse(node) if any(found) else "", found


def _argument(reader: Reader, node: ast.expr) -> Atoms:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (Literal(node.value),)
    return reader.evaluate(node)


def _is_word(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
