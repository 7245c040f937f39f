"""The rows' own small language: a row is two scenes of one project, and what must be seen between them.

A scene is the project in `lab/`, some edits of its files, and some statements that run once it is loaded. A *mutation*
changes what the rows of the run will be, so the key must change; a *no-op* does not, so the key must stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent

__all__ = [
    "PLACES",
    "ROWS",
    "RUNS",
    "Row",
    "Scene",
    "append",
    "do",
    "edit",
    "mutation",
    "noop",
    "pair",
    "snippet",
    "windows",
    "write",
]

LAB = Path(__file__).resolve().parent / "lab"
#: Where an op can live.
PLACES = ("module", "script", "cell", "editable")


@dataclass(frozen=True)
class Run:
    """A kind of run: what is set up once the op is loaded, and which fingerprints are asked for."""

    setup: str
    asks: Mapping[str, str]
    torch: bool = False
    places: tuple[str, ...] = ("module",)


RUNS = {
    "whole": Run(
        setup=(
            "from lab.config import Mode, ProbeConfig, RunConfig\n"
            "from lab.rows import COLUMNS, FEATURES as features, build_dataset\n"
            "from lab.session import Session\n"
            "cfg = RunConfig()\nsession = Session(cfg)\ndataset = build_dataset()\nstep = make_step(session)\n"
        ),
        asks={"whole": "dict(step=step, inputs={'cfg': cfg}, data=dataset, features=features, run={'split': 'test'})"},
        places=PLACES,
    ),
    "op": Run(setup="", asks={"op": "dict(step=step)"}),
    "library": Run(setup="import torch\nimport transformers\n", asks={"op": "dict(step=step)"}, torch=True),
    "value": Run(
        setup="import datetime, enum, math, pathlib\nimport numpy as np\nfrom lab.kinds import *\n",
        asks={"value": "dict(inputs={'value': value})"},
    ),
    "data": Run(
        setup="import datasets\nfrom lab.rows import COLUMNS, build_dataset\ndataset = build_dataset()\n",
        asks={"data": "dict(data=dataset)", "input": "dict(inputs={'dataset': dataset})"},
    ),
    "deep": Run(
        setup=(
            "import torch\nfrom lab.config import RunConfig\nfrom lab.deep import *\nfrom lab.rows import *\n"
            "from lab.session import Session\n"
            "model = build_model()\nhead = build_head()\ntokenizer = build_tokenizer()\n"
            "dataset = build_dataset()\nloader = build_loader(tokenizer, dataset)\n"
            "cfg = RunConfig()\nsession = Session(cfg, model, tokenizer)\n"
        ),
        asks={
            "named": (
                "dict(step=plain_step, inputs={'model': model, 'head': head, 'tokenizer': tokenizer, "
                "'scale': cfg.scale}, data=loader, features=FEATURES, run={'split': 'test'})"
            ),
            "captured": (
                "dict(step=make_deep_step(session, head), data=loader, features=FEATURES, run={'split': 'test'})"
            ),
        },
        torch=True,
    ),
}


@dataclass(frozen=True)
class Scene:
    """The project with its edits, and what runs once it is loaded."""

    files: Mapping[str, str] = field(default_factory=dict)
    lines: str = ""

    def text(self, name: str) -> str:
        return self.files[name] if name in self.files else (LAB.parent / name).read_text(encoding="utf-8")


Step = Callable[[Scene], Scene]


def edit(name: str, old: str, new: str) -> Step:
    """Replace a text that occurs once in a file of the project."""

    def apply(scene: Scene) -> Scene:
        text = scene.text(f"lab/{name}")
        if text.count(old) != 1:
            raise ValueError(f"{old!r} occurs {text.count(old)} times in {name}")
        return replace(scene, files={**scene.files, f"lab/{name}": text.replace(old, new)})

    return apply


def append(name: str, text: str) -> Step:
    """Add text at the end of a file of the project."""

    def apply(scene: Scene) -> Scene:
        return replace(scene, files={**scene.files, f"lab/{name}": scene.text(f"lab/{name}") + text})

    return apply


def windows(name: str) -> Step:
    """Give a file Windows line ends."""

    def apply(scene: Scene) -> Scene:
        text = scene.text(f"lab/{name}").replace("\n", "\r\n")
        return replace(scene, files={**scene.files, f"lab/{name}": text})

    return apply


def write(name: str, text: str) -> Step:
    """Write a file of the project."""
    return lambda scene: replace(scene, files={**scene.files, f"lab/{name}": text})


def do(lines: str) -> Step:
    """Run statements once the project is loaded and set up."""
    return lambda scene: replace(scene, lines=scene.lines + _flush_left(lines) + "\n")


def _flush_left(lines: str) -> str:
    return dedent(lines).lstrip("\n")


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    name: str
    kind: str
    group: str
    run: str
    base: Scene
    variant: Scene
    #: Patterns of the components that may differ; every component that differs must match one.
    names: tuple[str, ...] = ()
    #: What the path of one differing part must contain.
    part: str = ""
    places: tuple[str, ...] = ("module",)
    policy: Mapping[str, object] = field(default_factory=dict)
    #: A library without which the row cannot be played.
    needs: str = ""

    @property
    def needs_torch(self) -> bool:
        return RUNS[self.run].torch


ROWS: list[Row] = []


def _places(run: str) -> tuple[str, ...]:
    """Give a run's places; an op with its own source is played as a module and at one other place in turn."""
    if run != "op":
        return RUNS[run].places
    return ("module", PLACES[1 + len(ROWS) % 3])


def _add(
    kind: str,
    group: str,
    name: str,
    run: str,
    steps: tuple[Step, ...],
    base: tuple[Step, ...] = (),
    names: str | tuple[str, ...] = (),
    part: str = "",
    places: tuple[str, ...] = (),
    policy: Mapping[str, object] | None = None,
    needs: str = "",
) -> None:
    if any((row.kind, row.group, row.name) == (kind, group, name) for row in ROWS):
        raise ValueError(f"two rows are named {name!r}")
    before = Scene()
    for step in base:
        before = step(before)
    after = before
    for step in steps:
        after = step(after)
    ROWS.append(
        Row(
            name,
            kind,
            group,
            run,
            before,
            after,
            (names,) if isinstance(names, str) else names,
            part,
            places or _places(run),
            policy or {},
            needs,
        )
    )


def mutation(group: str, name: str, run: str, *steps: Step, **more: object) -> None:
    """Add a row whose key must change; `names` says which component may differ, `part` what a diff must show."""
    _add("mutation", group, name, run, steps, **more)  # type: ignore[arg-type]


def noop(group: str, name: str, run: str, *steps: Step, **more: object) -> None:
    """Add a row whose key must stay."""
    _add("no-op", group, name, run, steps, **more)  # type: ignore[arg-type]


def snippet(
    kind: str, group: str, name: str, source: str, old: str, new: str, file: str = "ops.py", **more: object
) -> None:
    """Add a row of an op with its own source, of which one text is replaced.

    Args:
        source: the op's module; further files follow after lines ``## file name``.
        file: the file in which the text is replaced.
    """
    pieces = dedent(source).lstrip("\n").split("## file ")
    base = [write("ops.py", pieces[0])]
    for piece in pieces[1:]:
        title, _, text = piece.partition("\n")
        base.append(write(title.strip(), text))
    _add(kind, group, name, "op", (edit(file, old, new),), base=tuple(base), **more)  # type: ignore[arg-type]


def pair(kind: str, group: str, name: str, base: str, variant: str, run: str = "value", **more: object) -> None:
    """Add a row of one value, given as two expressions (or blocks that assign it)."""
    target = "value" if run == "value" else "dataset"

    def lines(text: str) -> Step:
        return do(text if "\n" in text or f"{target} = " in text else f"{target} = {text}")

    before = lines(base)(Scene())
    after = lines(variant)(Scene())
    names = more.pop("names", "inputs.value*" if run == "value" else ("data*", "inputs.dataset*"))
    ROWS.append(
        Row(
            name,
            kind,
            group,
            run,
            before,
            after,
            (names,) if isinstance(names, str) else tuple(names),  # type: ignore[arg-type]
            **more,  # type: ignore[arg-type]
        )
    )
