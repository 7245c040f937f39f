"""Compact tables for notebooks: readable in light and dark, every value escaped.

Colours come from the page (``currentColor`` with opacity), so no theme has to be guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

__all__ = ["bar", "page", "size_text", "table", "tree"]

_STYLE = (
    "<style>"
    ".it-cache{font:13px/1.45 system-ui,sans-serif;color:inherit}"
    ".it-cache table{border-collapse:collapse;margin:.3em 0;font:inherit}"
    ".it-cache th,.it-cache td{text-align:left;padding:.15em .7em .15em 0;background:none;"
    "border-bottom:1px solid color-mix(in srgb,currentColor 18%,transparent)}"
    ".it-cache th{font-weight:600;opacity:.75}"
    ".it-cache code,.it-cache pre{font:12px/1.4 ui-monospace,monospace;background:none;color:inherit}"
    ".it-cache pre{margin:.2em 0 .4em 1em;white-space:pre-wrap;opacity:.85}"
    ".it-cache details{margin-left:1em}"
    ".it-cache summary{cursor:pointer;margin-left:-1em}"
    ".it-cache .bar{display:inline-block;height:.7em;min-width:1px;background:currentColor;opacity:.35}"
    "</style>"
)


def page(title: str, *blocks: str) -> str:
    """Put blocks of HTML under a title.

    Args:
        title: plain text; it is escaped.
        blocks: what `table` and `tree` gave.
    """
    return f'<div class="it-cache">{_STYLE}<strong>{escape(title)}</strong>{"".join(blocks)}</div>'


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Give a table.

    Args:
        rows: cells as plain text, which is escaped; a cell that `bar` made is taken as it is.
        head: names of the columns; without them the first cell of each row is its name.
    """
    top = f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>" if head else ""
    return f"<table>{top}{''.join(_row(cells, named=not head) for cells in rows)}</table>"


def _row(cells: Sequence[str], *, named: bool) -> str:
    tags = ["th" if named and index == 0 else "td" for index in range(len(cells))]
    texts = [cell if isinstance(cell, _Html) else escape(cell) for cell in cells]
    return "<tr>" + "".join(f"<{tag}>{text}</{tag}>" for tag, text in zip(tags, texts, strict=True)) + "</tr>"


class _Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def bar(share: float, label: str) -> str:
    """Give a bar for a table's cell.

    Args:
        share: its length, from 0 to 1.
        label: plain text after it; it is escaped.
    """
    width = max(0.0, min(1.0, share)) * 8
    return _Html(f'<span class="bar" style="width:{width:.2f}em"></span> {escape(label)}')


def tree(components: Mapping[str, str], parts: Mapping[str, Mapping[str, tuple[str, str]]]) -> str:
    """Give components that open to their parts.

    Args:
        components: digest in hex, by dotted name.
        parts: by component and path below it, the digest and the text that a person reads.
    """
    return "".join(_branch(name, digest, parts.get(name, {})) for name, digest in components.items())


def _branch(name: str, digest: str, parts: Mapping[str, tuple[str, str]]) -> str:
    label = f"<code>{escape(name)}</code> <code>{escape(digest[:12])}</code>"
    if not parts:
        return f"<div>{label}</div>"
    leaves = "".join(
        _leaf(path.removeprefix(name).lstrip(".") or name, text or part_digest[:12])
        for path, (part_digest, text) in sorted(parts.items(), key=lambda item: _in_order(item[0]))
    )
    return f"<details><summary>{label} · {len(parts)}</summary>{leaves}</details>"


def _in_order(path: str) -> list[tuple[int, str]]:
    """Sort ``[10]`` after ``[9]``."""
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in re.split(r"(\d+)", path)]


def _leaf(name: str, text: str) -> str:
    if "\n" in text:
        return f"<div><code>{escape(name)}</code></div><pre>{escape(text)}</pre>"
    return f"<div><code>{escape(name)}</code> <code>{escape(text)}</code></div>"


def size_text(count: int) -> str:
    """Give a number of bytes as a person reads it, in decimal units: ``"640.0 MB"``."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
