"""Labels of library objects, such as the name that a config goes by: they count only where the code reads them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from ..attributes import noise_of
from ..base_names import base_names
from .lookup import Getter, Whole, is_followed
from .values import Atoms, Known

if TYPE_CHECKING:
    from .reads import Reader

__all__ = ["label_in_info", "label_of", "note_label"]

#: The class that gives a dataset its labels, and what these are called there and in its `info`.
_DATASET = "datasets.arrow_dataset.DatasetInfoMixin"
_OF_DATASETS = frozenset(
    {
        *("split", "builder_name", "config_name", "dataset_name", "version"),
        *("description", "citation", "homepage", "license"),
    }
)
#: Those of configs, which steps may write down.
_NAMES = ("name_or_path", "_name_or_path")
_PLAIN = (str, int, float, bool, type(None))


def label_of(reader: Reader, known: Known, name: str, entry: Any) -> Atoms | None:
    """Tell what a label denotes that is read of a known object; None for any other attribute.

    Args:
        reader: the reading of the function that reads it.
        known: the object.
        name: the attribute.
        entry: how it is found. What lies in the object itself counts wherever it is read.
    """
    if not isinstance(entry, (Getter, Whole)) or (isinstance(entry, Getter) and is_followed(entry.function)):
        return None
    cls: Any = type(known.value)
    if name in noise_of(cls) or (name in _OF_DATASETS and _is_dataset(known.value)):
        return _label(reader, known, known.value, name, f".{name}")
    return None


def label_in_info(reader: Reader, node: ast.Attribute) -> Atoms:
    """Tell what a label denotes that is read of the `info` of a known dataset."""
    if not isinstance(node.value, ast.Attribute) or node.value.attr != "info" or node.attr not in _OF_DATASETS:
        return ()
    for atom in reader.evaluate(node.value.value):
        if isinstance(atom, Known) and _is_dataset(atom.value):
            return _label(reader, atom, atom.value.info, node.attr, f".info.{node.attr}") or ()
    return ()


def note_label(reader: Reader, base: Atoms, name: str) -> None:
    """Say so where a name is read of what may be an input, as it does not count with that.

    Args:
        reader: the reading of the function that reads it.
        base: what it is read of.
        name: the attribute.
    """
    if name in _NAMES and not base and not reader.quiet:
        where = f"function `{reader.function.__qualname__}`"
        reader.graph.note(f"`.{name}`, which {where} reads, does not count where it is that of a model's config")


def _label(reader: Reader, known: Known, holder: Any, name: str, step: str) -> Atoms | None:
    try:
        value = getattr(holder, name)
    except Exception:
        return None
    found = known.step(value, step)
    plain = type(value) in _PLAIN or (type(value) is list and all(type(item) in _PLAIN for item in value))
    return (found,) if plain or (_is_dataset(known.value) and reader.is_value(found)) else None


def _is_dataset(value: Any) -> bool:
    return _DATASET in base_names(type(value))
