"""Entries as a person asks for them: records, filters, order. Imports nothing heavy."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from .entry import Entry

__all__ = ["FIELDS", "Record", "parse_age", "parse_filter", "parse_size", "record", "select"]

_UNITS = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Record:
    """One entry as it is listed; times are seconds since the epoch, sizes bytes."""

    key: str
    op: str
    dataset: str
    module: str
    rows: int
    batches: int
    created: float
    used: float
    seconds: float
    complete: bool
    pinned: bool
    path: str
    entry: Entry = field(repr=False)

    @cached_property
    def size(self) -> int:
        """Bytes on the disk; looked for when asked, as a list of thousands needs it of those only that it shows."""
        return self.entry.nbytes

    def as_json(self) -> dict[str, Any]:
        """Give it for programs: bytes as integers, times in UTC as ISO 8601."""
        fields = {name: getattr(self, name) for name in FIELDS}
        for name in ("created", "used"):
            fields[name] = datetime.fromtimestamp(fields[name], timezone.utc).isoformat(timespec="seconds")
        return fields


#: What can be filtered and sorted by.
FIELDS = (
    *("key", "op", "dataset", "module", "rows", "batches", "size"),
    *("created", "used", "seconds", "complete", "pinned", "path"),
)
_NUMBERS = {"rows", "batches", "seconds"}
_AGES = {"created", "used"}
_FLAGS = {"complete", "pinned"}


def record(entry: Entry) -> Record:
    """Describe an entry by what its manifest and its place say."""
    context = entry.manifest.context
    config, _, module, name = entry.path.parts[-4:]
    used = entry.last_used
    return Record(
        key=entry.key,
        op=str(context.get("op") or name.rpartition("-")[0]),
        dataset=str(context.get("dataset") or config),
        module=str(context.get("module") or module),
        rows=entry.rows,
        batches=entry.batches,
        created=_seconds(entry.manifest.created, used),
        used=used,
        seconds=entry.manifest.seconds,
        complete=entry.complete,
        pinned=entry.is_pinned,
        path=str(entry.path),
        entry=entry,
    )


def _seconds(text: str, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return otherwise


def parse_size(text: str) -> int:
    """Read a number of bytes: ``"500"``, ``"1GB"`` (decimal), ``"64MiB"`` (binary).

    Raises:
        ValueError: it is no size.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    if found is None or (found.group(2).lower() or "b") not in _UNITS:
        raise ValueError(f"{text!r} is no size; write for instance 500MB, 1.5GB or 64MiB")
    return int(float(found.group(1)) * _UNITS[found.group(2).lower() or "b"])


def parse_age(text: str) -> float:
    """Read a span of time in seconds: ``"90s"``, ``"12h"``, ``"30d"``, ``"2w"``, ``"1y"``.

    Raises:
        ValueError: it is no span of time.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdwy])\s*", text)
    if found is None:
        raise ValueError(f"{text!r} is no span of time; write for instance 12h, 30d or 2w")
    return float(found.group(1)) * _SPANS[found.group(2)]


def _parse_number(text: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{text!r} compares a number; write for instance rows>1000") from None


def parse_filter(text: str, now: float) -> Callable[[Record], bool]:
    """Read a filter such as ``size>1GB``, ``used>30d`` (longer ago than that), ``op=logit_*``.

    Args:
        text: a field, one of ``= != > < >= <=``, and a value; texts are matched with ``*`` and ``?``.
        now: the present, in seconds since the epoch.

    Raises:
        ValueError: it is no filter.
    """
    found = re.fullmatch(r"\s*(\w+)\s*(>=|<=|!=|=|>|<)\s*(.*?)\s*", text)
    if found is None or found.group(1).lower() not in FIELDS:
        raise ValueError(
            f"{text!r} is no filter; write for instance size>1GB, used>30d or op=logit_*. Fields: {', '.join(FIELDS)}"
        )
    name, compare, value = found.group(1).lower(), _OPERATORS[found.group(2)], found.group(3)
    if name in _AGES:
        span = parse_age(value)
        return lambda record: compare(now - getattr(record, name), span)
    if name == "size" or name in _NUMBERS:
        number = parse_size(value) if name == "size" else _parse_number(text, value)
        return lambda record: compare(getattr(record, name), number)
    if compare not in (operator.eq, operator.ne):
        raise ValueError(f"{text!r} compares a text; only = and != do that")
    if name in _FLAGS:
        wanted = value.lower() in ("true", "yes", "1")
        return lambda record: compare(getattr(record, name), wanted)
    return lambda record: compare(fnmatchcase(str(getattr(record, name)), value), True)


def select(
    records: Iterable[Record],
    filters: Iterable[Callable[[Record], bool]] = (),
    *,
    sort: str = "used:desc",
    limit: int | None = None,
) -> list[Record]:
    """Filter, order and cut records.

    Args:
        records: all of them.
        filters: what `parse_filter` gave; all must hold.
        sort: a field, with ``:asc`` or ``:desc``; ascending if not said.
        limit: at most so many; None for all.

    Raises:
        ValueError: ``sort`` names no field or no direction.
    """
    name, _, direction = sort.partition(":")
    if name not in FIELDS or direction not in ("", "asc", "desc"):
        raise ValueError(f"{sort!r} is no order; write a field of {', '.join(FIELDS)} with :asc or :desc")
    conditions = list(filters)
    kept = [record for record in records if all(holds(record) for holds in conditions)]
    # The key settles what is equal, so that the order is the same at every call.
    kept.sort(key=lambda record: record.key)
    kept.sort(key=lambda record: getattr(record, name), reverse=direction == "desc")
    return kept[:limit]
