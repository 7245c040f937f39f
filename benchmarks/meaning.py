"""Claim: of the systems that name results by what they came from, only this one sees each change and keeps each key.

The rows of `tests/meaning`, each base in two processes with different hash seeds and its variant in the second. Every
system gets only the component that the row touches, which is its best case: a step, a config, a dataset, a model.

- *seen*: the change gives another key; *stale*: it does not, so old rows would be served;
- *never*: even the unchanged component has another key in the second process, so nothing is ever found again;
- *refused*: the system raises; *kept*: a change that does not matter keeps the key.

Peers that are not installed are left out: `pip install joblib exca ai2-tango` for all of them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from meaning import rows  # noqa: E402
from meaning.harness import describe, playable, run_worker  # noqa: E402
from meaning.table import ROWS, Row, Scene  # noqa: E402

MODULES = {"datasets Hasher": "datasets", "joblib": "joblib", "tango det_hash": "tango.common", "exca": "exca"}
OUTCOMES = ("seen", "stale", "never", "refused")

assert rows


def component(row: Row) -> str | None:
    """Give the expression of what a row touches, or None where it is nothing that a peer takes."""
    if row.run in ("value", "data", "op"):
        return {"value": "value", "data": "dataset", "op": "step"}[row.run]
    if row.run == "whole":
        if row.kind == "mutation" and "op.implementation" not in row.names:
            first = row.names[0]
            return "cfg" if first.startswith("inputs") else "dataset" if first.startswith("data") else "features"
        return "step" if row.group == "code" else "(cfg, dataset, features)"
    return {"models": "(model, head)", "tokenizers": "tokenizer", "data loader": "loader"}.get(row.group)


def play(chosen: list[Row], peers: list[str], directory: Path) -> dict[str, Counter[tuple[str, str]]]:
    """Play the rows and count each system's outcomes by kind of row."""
    lanes: dict[tuple[str, str], dict[str, Any]] = {}

    def place(row: Row, side: str, scene: Scene) -> str:
        described = {**describe(row, "module", scene), "component": component(row), "peers": peers}
        name = str(abs(hash(json.dumps(described, sort_keys=True))))
        lanes.setdefault(("deep" if row.needs_torch else "light", side), {})[name] = described
        return name

    names = [
        (row, place(row, "base", row.base), place(row, "variant", row.base), place(row, "variant", row.variant))
        for row in chosen
    ]
    answers: dict[str, dict[str, Any]] = {"base": {}, "variant": {}}
    with ThreadPoolExecutor(2) as pool:
        # Imported once, as some of them take seconds and every scene has a process of its own.
        imports = [MODULES[peer] for peer in peers if peer in MODULES]
        work = [
            (side, pool.submit(run_worker, lane, side, found, directory, imports))
            for (lane, side), found in lanes.items()
        ]
        for side, answer in work:
            answers[side].update(answer.result())
    counts: dict[str, Counter[tuple[str, str]]] = {peer: Counter() for peer in peers}
    for row, first, again, changed in names:
        found = [answers["base"][first], answers["variant"][again], answers["variant"][changed]]
        if any("failed" in answer for answer in found):
            continue
        for peer in peers:
            counts[peer][row.kind, outcome(row, *(answer["keys"][peer] for answer in found))] += 1
    return counts


def outcome(row: Row, first: str | None, again: str | None, changed: str | None) -> str:
    if None in (first, again, changed):
        return "refused"
    if first != again:
        return "never"
    if row.kind == "mutation":
        return "stale" if again == changed else "seen"
    return "kept" if again == changed else "missed"


def table(counts: dict[str, Counter[tuple[str, str]]]) -> str:
    total = {
        kind: max(sum(n for (of, _), n in found.items() if of == kind) for found in counts.values())
        for kind in ("mutation", "no-op")
    }
    lines = [
        f"{'of ' + str(total['mutation']) + ' mutations, ' + str(total['no-op']) + ' no-ops':32}"
        + "".join(f"{name:>9}" for name in (*OUTCOMES, "kept"))
    ]
    for peer, found in counts.items():
        numbers = [found["mutation", name] for name in OUTCOMES] + [found["no-op", "kept"]]
        lines.append(f"{peer:32}" + "".join(f"{number:9}" for number in numbers))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--group", action="append", help="only the rows of this group; may be repeated")
    parser.add_argument("--json", type=Path, help="write the counts to this file")
    given = parser.parse_args()
    peers = [
        "this package",
        *(name for name, module in MODULES.items() if importlib.util.find_spec(module.partition(".")[0])),
    ]
    chosen = [row for row in ROWS if component(row) and playable(row) and (not given.group or row.group in given.group)]
    with tempfile.TemporaryDirectory() as directory:
        counts = play(chosen, peers, Path(directory))
    print(table(counts))
    if given.json:
        told = {peer: {f"{kind}: {name}": n for (kind, name), n in found.items()} for peer, found in counts.items()}
        given.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
