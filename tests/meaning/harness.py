"""Plays the rows: every base in one set of processes, every variant in another with another hash seed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import interpretune.analysis.cache as package
from interpretune.analysis.cache.digests.results import Part
from interpretune.analysis.cache.hasher import Fingerprint

from .install import editable_install
from .table import LAB, RUNS, Row, Scene

STAGE = Path(__file__).resolve().parent / "stage"
SOURCE = Path(package.__file__).resolve().parents[3]
SEEDS = {"base": "1", "variant": "4242"}
SECONDS = 900
#: What a worker imports once, before it forks a process per scene.
LIGHT = ("datasets", "interpretune.analysis.cache.hasher", "interpretune.analysis.cache.digests.tables")
DEEP = ("torch.utils.data", "transformers.models.gpt2.modeling_gpt2", "transformers.generation", "tokenizers", "peft")
LIBRARIES = {"light": LIGHT, "editable": LIGHT, "cell": (), "deep": (*LIGHT, *DEEP)}
#: How long a scene of a lane takes, roughly, to start the longest work first.
WEIGHTS = {"light": 1, "editable": 1, "cell": 4, "deep": 6}


@dataclass(frozen=True)
class Verdict:
    """What came of one row, at one place of the op, for one question."""

    row: Row
    place: str
    ask: str
    base: Mapping[str, Any]
    variant: Mapping[str, Any]

    @property
    def outcome(self) -> str:
        """``"seen"`` or ``"stale"``, ``"kept"`` or ``"missed"``, ``"refused"``, ``"failed"``."""
        for side in (self.base, self.variant):
            for trouble in ("failed", "refused"):
                if trouble in side:
                    return trouble
        same = self.base["key"] == self.variant["key"]
        if self.row.kind == "mutation":
            return "stale" if same else "seen"
        return "kept" if same else "missed"

    @property
    def problem(self) -> str | None:
        """What is wrong, or None."""
        if self.outcome in ("failed", "refused"):
            return self.outcome + ": " + str({**self.base, **self.variant}[self.outcome]).strip().splitlines()[-1]
        if self.outcome == "stale":
            return "stale: the key did not change"
        differing = {found.component: found for found in self.diff}
        if self.outcome == "missed":
            return "missed: " + "; ".join(f"{name}: {_paths(found)}" for name, found in differing.items())
        if self.row.kind == "no-op":
            return None
        # What a closure captured is named from the closure, so only the place differs there.
        patterns = self.row.names if self.ask != "captured" else (*self.row.names, "op.implementation*")
        others = [name for name in differing if not any(fnmatchcase(name, pattern) for pattern in patterns)]
        if others:
            return f"the diff names {sorted(differing)}, expected only {patterns}"
        paths = [path for found in differing.values() for path, _, _ in found.parts]
        if self.row.part and not any(self.row.part in path for path in paths):
            return f"no differing part names {self.row.part!r}: {paths}"
        return None

    @property
    def diff(self) -> list[Any]:
        return fingerprint(self.base).diff(fingerprint(self.variant))


def _paths(found: Any) -> list[str]:
    return [path for path, _, _ in found.parts][:6]


def fingerprint(answer: Mapping[str, Any]) -> Fingerprint:
    """Make a fingerprint again from what another process wrote down."""
    parts = {name: {path: Part(*part) for path, part in found.items()} for name, found in answer["parts"].items()}
    return Fingerprint(answer["components"], parts)


def without_versions(answer: Mapping[str, Any]) -> str:
    """Give the key without the versions of libraries, to hold it against other environments."""
    components = {name: digest for name, digest in answer["components"].items() if not name.startswith("runtime.")}
    return replace(fingerprint(answer), components=components).hexdigest


def is_there(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)


def playable(row: Row) -> list[str]:
    """Give the places at which a row can be played in this environment."""
    if (row.needs_torch and not is_there("torch", "transformers")) or (row.needs and not is_there(row.needs)):
        return []
    return [place for place in row.places if place != "cell" or is_there("ipykernel")]


def play(rows: Iterable[Row], directory: Path, places: Iterable[str] | None = None) -> list[Verdict]:
    """Play rows.

    Args:
        rows: the rows.
        directory: an empty directory for the copies of the project.
        places: only these places of the op; None for all that this environment has.

    Returns:
        One verdict per row, place and question.
    """
    rows = list(rows)
    wanted = [(row, place) for row in rows for place in playable(row) if places is None or place in places]
    lanes: dict[tuple[str, str], dict[str, Any]] = {}
    for row, place in wanted:
        for side, scene in (("base", row.base), ("variant", row.variant)):
            lane = "deep" if row.needs_torch else place if place in ("cell", "editable") else "light"
            described = describe(row, place, scene)
            lanes.setdefault((lane, side), {})[_name(described)] = described
    answers: dict[str, dict[str, Any]] = {"base": {}, "variant": {}}
    largest_first = sorted(lanes, key=lambda found: len(lanes[found]) * WEIGHTS[found[0]], reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = [
            (side, pool.submit(run_worker, lane, side, lanes[lane, side], directory)) for lane, side in largest_first
        ]
        for side, answer in work:
            answers[side].update(answer.result())
    return list(_verdicts(wanted, answers))


def _verdicts(wanted: list[tuple[Row, str]], answers: dict[str, dict[str, Any]]) -> Iterator[Verdict]:
    for row, place in wanted:
        base = answers["base"][_name(describe(row, place, row.base))]
        variant = answers["variant"][_name(describe(row, place, row.variant))]
        for ask in RUNS[row.run].asks:
            yield Verdict(row, place, ask, base.get(ask, base), variant.get(ask, variant))


def describe(row: Row, place: str, scene: Scene) -> dict[str, Any]:
    """Give a scene as the worker takes it."""
    run = RUNS[row.run]
    return {
        "place": place,
        "files": dict(scene.files),
        "setup": run.setup,
        "lines": scene.lines,
        "asks": dict(run.asks),
        "policy": dict(row.policy),
    }


def _name(described: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]


def run_worker(
    lane: str, side: str, scenes: dict[str, Any], directory: Path, imports: Iterable[str] = ()
) -> dict[str, Any]:
    """Play the scenes of one side in a worker with its own directory and hash seed, and `imports` beside its own."""
    directory = directory / f"{lane}-{side}"
    directory.mkdir(parents=True)
    python, project = sys.executable, ""
    if lane == "editable":
        python, project = editable_install(directory)
    jobs = {
        "imports": [name for name in (*LIBRARIES[lane], *imports) if is_there(name.partition(".")[0])],
        "directory": str(directory / "scenes"),
        "lab": str(LAB),
        "editable": project,
        "scenes": scenes,
    }
    (directory / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    out = directory / "answers.json"
    finished = subprocess.run(
        [python, str(STAGE / "worker.py"), str(directory / "jobs.json"), str(out)],
        cwd=directory,
        env=environment(side),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
    )
    if finished.returncode:
        raise RuntimeError(f"the {lane} {side} worker failed:\n{finished.stderr}")
    answers: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return answers


def environment(side: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("IT_ANALYSIS")},
        "PYTHONHASHSEED": SEEDS[side],
        "PYTHONPATH": str(SOURCE),
        # Files of one length are rewritten within a second, which the bytecode cache would not notice.
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONWARNINGS": "ignore",
    }
