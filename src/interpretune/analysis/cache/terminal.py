"""What the command line prints: JSON or keys for programs, tables and times for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

import click

__all__ = ["Sink", "ago", "day", "printable", "table"]

#: Version of what ``--json`` gives; it grows when a field changes its meaning or goes.
SCHEMA_VERSION = 1


class Sink:
    """The one place that prints."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet

    def data(self, value: dict[str, Any], text: str, keys: Sequence[str] = ()) -> None:
        """Give data to stdout: as JSON, as keys only, or as text for people."""
        self.lazy_data(lambda: value, lambda: text, keys)

    def lazy_data(self, value: Callable[[], dict[str, Any]], text: Callable[[], str], keys: Sequence[str]) -> None:
        """Give data to stdout, of which there may be much, so that only what is printed is made."""
        if self.as_json:
            click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **value()}, indent=2))
        elif self.quiet:
            if keys:
                click.echo("\n".join(keys))
        elif shown := text():
            click.echo(shown)

    def say(self, text: str) -> None:
        """Tell a person something that is not data."""
        if not self.quiet:
            click.echo(printable(text), err=True)


def printable(text: str) -> str:
    """Escape what could move a terminal's cursor or change its colours; names come from outside."""
    if text.isprintable():  # almost always, and a list of thousands of entries has ten times as many texts
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give rows as lines whose columns stand below each other, the head first."""
    cells = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max(len(row[index]) for row in [tuple(head), *cells]) for index in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *cells]]
    return "\n".join(line.rstrip() for line in lines)


def ago(seconds: float) -> str:
    """Say how long ago something was."""
    for span, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= span:
            return f"{seconds / span:.0f} {unit} ago"
    return "just now"


def day(seconds: float) -> str:
    """Give the day (UTC) of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, timezone.utc).date().isoformat()
