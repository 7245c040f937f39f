"""Plays the table and writes down what came of it.

python tests/meaning/document.py                      play every row, print what is wrong
python tests/meaning/document.py --group code         only some rows
python tests/meaning/document.py --write              also write docs/meaning-table.md and tests/golden/meaning.json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from meaning import rows  # noqa: E402
from meaning.harness import Verdict, play, without_versions  # noqa: E402
from meaning.table import ROWS, Row  # noqa: E402

PAGE = ROOT / "docs" / "meaning-table.md"
GOLDEN = ROOT / "tests" / "golden" / "meaning.json"

assert rows


def title(row: Row) -> str:
    return f"{row.kind}: {row.group}: {row.name}"


def grouped(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """Give the verdicts of each row under its title."""
    found: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        found[title(verdict.row)].append(verdict)
    return dict(found)


def golden_keys(verdicts: Mapping[str, list[Verdict]]) -> dict[str, list[str]]:
    """Give the keys of the rows that need no further library, without versions: the same on every Python."""
    return {
        f"{name} ({verdict.ask})": [without_versions(verdict.base), without_versions(verdict.variant)]
        for name, found in verdicts.items()
        for verdict in found
        if not verdict.row.needs_torch
        and not verdict.row.needs
        and verdict.place == "module"
        and all(_is_portable(answer) for answer in (verdict.base, verdict.variant))
    }


def _is_portable(answer: Mapping[str, Any]) -> bool:
    """Tell whether there is a key, which is not that of compiled code: such a key is good for one Python version."""
    return "key" in answer and not any("this Python version only" in note for note in answer["notes"])


def page(verdicts: Mapping[str, list[Verdict]]) -> str:
    """Give the page of the documentation."""
    counts = Counter(found[0].row.kind for found in verdicts.values())
    right = Counter(found[0].row.kind for found in verdicts.values() if not any(verdict.problem for verdict in found))
    answers = sum(len(found) for found in verdicts.values())
    lines = [
        "# What changes the key, and what does not",
        "",
        "This page is written by `python tests/meaning/document.py --write`, from what the test `tests/meaning` finds.",
        "Each row is two runs in two fresh processes, with different hash seeds and directories. Rows about code",
        "are played with the op in an importable module, in a script, in the cells of a notebook's kernel and in an",
        "editable install: the first groups at all four places, ops with a source of their own in a module and at one",
        "other place in turn. The same op has one key at all of them.",
        "",
        f"Of {counts['mutation']} changes that decide about the rows, {right['mutation']} change the key and are named",
        f"by a diff. Of {counts['no-op']} changes that do not, {right['no-op']} keep the key. Some rows are asked more",
        f"than one question or played at several places: {answers:,} answers in all.",
        "",
        *_summary(verdicts),
    ]
    for kind, heading in (("mutation", "Changes that are seen"), ("no-op", "Changes that do not count")):
        groups = dict.fromkeys(found[0].row.group for found in verdicts.values() if found[0].row.kind == kind)
        lines += [f"## {heading}", ""]
        for group in groups:
            columns = ["change", "played in", "answer", *(["the diff names"] if kind == "mutation" else [])]
            lines += [f"### {_capital(group)}", "", _line(columns), _line(["---"] * len(columns))]
            for found in verdicts.values():
                row = found[0].row
                if (row.kind, row.group) == (kind, group):
                    places = ", ".join(dict.fromkeys(verdict.place for verdict in found))
                    cells = [row.name, places, _answer(found), *([_named(found[0])] if kind == "mutation" else [])]
                    lines.append(_line(cells))
            lines.append("")
    return "\n".join(lines)


def _summary(verdicts: Mapping[str, list[Verdict]]) -> list[str]:
    """Give a table of how many rows each group has, and how many of them are answered right."""
    rows: dict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
    for found in verdicts.values():
        rows[found[0].row.group][found[0].row.kind, any(verdict.problem for verdict in found)] += 1
    lines = [_line(["group", "changes seen", "changes kept"]), _line(["---"] * 3)]
    for group, counts in sorted(rows.items()):
        cells = []
        for kind in ("mutation", "no-op"):
            right, wrong = counts[kind, False], counts[kind, True]
            cells.append(f"{right} of {right + wrong}" if right + wrong else "")
        lines.append(_line([_capital(group), *cells]))
    return [*lines, ""]


def _answer(found: list[Verdict]) -> str:
    """Give the answer of a row, with the places where it differs between them."""
    outcomes = list(dict.fromkeys(verdict.outcome for verdict in found))
    if len(outcomes) == 1:
        return outcomes[0]
    return ", ".join(f"{verdict.outcome} ({verdict.place}, {verdict.ask})" for verdict in found)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _named(verdict: Verdict) -> str:
    return ", ".join(f"`{found.component}`" for found in verdict.diff) if verdict.outcome == "seen" else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--group", action="append", help="only the rows of this group; may be repeated")
    parser.add_argument("--name", help="only rows whose name contains this")
    parser.add_argument("--place", action="append", help="only at this place; may be repeated")
    parser.add_argument("--write", action="store_true", help="write the page and the golden keys")
    given = parser.parse_args()
    chosen = [row for row in ROWS if (not given.group or row.group in given.group) and (given.name or "") in row.name]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        verdicts = play(chosen, Path(directory), places=given.place)
    wrong = [verdict for verdict in verdicts if verdict.problem]
    for verdict in wrong:
        print(f"{title(verdict.row)} [{verdict.place}, {verdict.ask}]\n    {verdict.problem}")
    outcomes = Counter((verdict.row.kind, verdict.outcome) for verdict in verdicts)
    print(
        f"{len(chosen)} rows, {len(verdicts)} answers in {time.perf_counter() - started:.0f} s, "
        f"{len(wrong)} wrong: {dict(outcomes)}"
    )
    if given.write:
        found = grouped(verdicts)
        PAGE.write_text(page(found), encoding="utf-8")
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(json.dumps(golden_keys(found), indent=0, sort_keys=True) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
