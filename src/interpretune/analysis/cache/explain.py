"""Why did it miss? A difference between two fingerprints, in sentences that a person can act on."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .digests.results import Part
from .entry import Entry
from .hasher import Difference, Fingerprint

__all__ = ["nearest", "sentences", "stored_fingerprint"]

#: Names listed in one sentence; the rest is counted.
MAX_NAMES = 3
#: Characters of a value shown in a sentence.
MAX_VALUE = 60

_Changed = tuple[str, Part | None, Part | None]
_KEY = re.compile(r"\['([^'\\]+)'\]")


def sentences(differences: Iterable[Difference]) -> list[str]:
    """Tell each difference in one sentence.

    Args:
        differences: what `Fingerprint.diff` gave.

    Returns:
        One sentence per component that differs, such as ``"model.weights: 2 of 148 tensors differ (wte.weight, …)"``;
        components whose parts say more than that get one per part.
    """
    differences = list(differences)
    names = [difference.component for difference in differences]
    return [
        sentence
        for difference in differences
        # What differs only in which components lie below it has nothing to say beside these.
        if difference.parts or not any(name.startswith(f"{difference.component}.") for name in names)
        for sentence in _sentences(difference)
    ]


def stored_fingerprint(entry: Entry) -> Fingerprint:
    """Give the fingerprint that an entry was stored under, with what explains its components.

    Raises:
        CorruptEntryError: the file that explains them is not what the manifest says.
    """
    return Fingerprint.restore(entry.components, entry.parts())


def nearest(
    components: Mapping[str, str], context: Mapping[str, Any], entries: Iterable[Entry], *, key: str = ""
) -> Entry | None:
    """Find the entry that a run was probably expected to hit: of the same op, module and dataset, and most alike.

    Args:
        components: digests of the run, by component name.
        context: what is known of the run for people: ``op``, ``module``, ``dataset``.
        entries: where to look.
        key: the run's own key, whose entry is not meant.

    Returns:
        The entry, or None where there is no other one.
    """

    def closeness(entry: Entry) -> tuple[int, int, int, str]:
        same = [entry.manifest.context.get(name) == context.get(name) for name in ("op", "module", "dataset")]
        alike = sum(entry.components.get(name) == digest for name, digest in components.items())
        return (same[0], sum(same), alike, entry.manifest.created)

    return max((entry for entry in entries if entry.key != key), key=closeness, default=None)


def _sentences(difference: Difference) -> Iterator[str]:
    name = difference.component
    if name.startswith("runtime.") and difference.parts:
        _, older, newer = difference.parts[0]
        yield f"runtime: {name.removeprefix('runtime.')} {_value(older)} became {_value(newer)}"
    elif difference.kind == "added":
        yield f"{name}: takes part now, and did not before"
    elif difference.kind == "removed":
        yield f"{name}: took part before, and does not now"
    elif not difference.parts:
        yield f"{name}: differs"
    elif name.endswith(".weights"):
        yield f"{name}: {_count(difference.parts, difference, 'tensor')}"
    elif name.endswith(".rows"):
        yield f"{name}: {_count(difference.parts, difference, 'column')}"
    elif len(parts := _once(name, difference.parts)) > MAX_NAMES:
        yield f"{name}: {_count(parts, difference, 'part')}"
    else:
        for path, older, newer in parts:
            change = _change(_below(name, path), older, newer)
            yield change if change.startswith(f"{name}: ") else f"{name}: {change}"


def _once(component: str, parts: Iterable[_Changed]) -> list[_Changed]:
    """Keep one of several names for the same change of the same thing.

    An attribute of a class is reached as ``helpers.Clip.size`` and, by a method of it, as ``size`` and as
    ``helpers.Clip.__call__.size``.
    """
    kept: list[_Changed] = []
    told: set[tuple[str | None, str | None, str]] = set()
    # The longest names first: they say most of where it is.
    for path, older, newer in sorted(parts, key=lambda changed: ("__" in changed[0], -len(changed[0]), changed[0])):
        change = (older.digest if older else None, newer.digest if newer else None)
        names = re.sub(r"\b__\w+__\.", "", _below(component, path)).split(".")
        if (*change, ".".join(names)) not in told:
            kept.append((path, older, newer))
            told.update((*change, ".".join(names[start:])) for start in range(len(names)))
    return sorted(kept, key=lambda changed: changed[0])


def _change(what: str, older: Part | None, newer: Part | None) -> str:
    if older is None:
        return f"{what} is new"
    if newer is None:
        return f"{what} is gone"
    before, after = _tree(older.text), _tree(newer.text)
    if before is not None and after is not None:
        return f"{_code_change(before, after)} in {what}"
    if older.text == newer.text:
        return f"{what} differs"
    return f"{what}: {_value(older)} became {_value(newer)}"


def _tree(text: str) -> ast.Module | None:
    """Parse a part's text if it is the source of a function or class, which is what code parts hold."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    is_code = len(tree.body) == 1 and (
        isinstance(tree.body[0], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        or (isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, ast.Lambda))
    )
    return tree if is_code else None


def _code_change(before: ast.Module, after: ast.Module) -> str:
    older, newer = list(_constants(before)), list(_constants(after))
    if _shape(before) == _shape(after) and len(older) == len(newer):
        changed = [pair for pair in zip(older, newer, strict=True) if pair[0] != pair[1]]
        if len(changed) == 1:
            return f"constant {_cut(changed[0][0])} became {_cut(changed[0][1])}"
    lines = difflib.ndiff(ast.unparse(before).splitlines(), ast.unparse(after).splitlines())
    removed: list[str] = []
    added: list[str] = []
    for line in lines:
        if line.startswith(("- ", "+ ")):
            (removed if line[0] == "-" else added).append(line[2:].strip())
    if not removed and not added:
        return "what is named"
    return f"`{_cut('; '.join(removed)) or 'nothing'}` became `{_cut('; '.join(added)) or 'nothing'}`"


def _constants(tree: ast.AST) -> Iterator[str]:
    return (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Constant))


def _shape(tree: ast.AST) -> list[type]:
    return [type(node) for node in ast.walk(tree)]


def _count(parts: Sequence[_Changed], difference: Difference, noun: str) -> str:
    plural = "s" if difference.total != 1 else ""
    verb = "differs" if len(parts) == 1 else "differ"
    names = ", ".join(_below(difference.component, path) for path, _, _ in parts[:MAX_NAMES])
    more = ", …" if len(parts) > MAX_NAMES else ""
    return f"{len(parts)} of {difference.total} {noun}{plural} {verb} ({names}{more})"


def _below(component: str, path: str) -> str:
    """Give a part's path below its component, or below the object that the component is an aspect of (its weights)."""
    if path == component:
        return component
    for base in (component, component.rpartition(".")[0]):
        if base and path.startswith(base) and path[len(base) : len(base) + 1] in (".", "["):
            below = path[len(base) :].lstrip(".")
            key = _KEY.fullmatch(below)  # a column
            return key[1] if key else below
    return path


def _value(part: Part | None) -> str:
    return "nothing" if part is None else _cut(part.text.strip("'\"") if part.text else "unknown")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
