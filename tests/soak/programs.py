"""Random programs: a number changed anywhere in one gives another key, wherever it changes what the program gives.

    python tests/soak/programs.py                           3,000 programs
    python tests/soak/programs.py --programs 200 --seed 7 --torch

A program is a step that reaches a number through a chain of ways, such as a decorator that calls what a registry holds
of what a metaclass made. The ways are in ``tests/reaching``; each has a number of its own. Of each program, one number
at a time is changed, and the key must change wherever the row does. It must stay where the source is written anew, with
other formatting, comments and code that nobody uses, and where the step has run.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import random
import string
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from interpretune.analysis.cache import AnalysisStoreHasher
from interpretune.analysis.cache.errors import UnfingerprintableError

PROGRAMS = 3_000
DEPTH = 3
REACHING = Path(__file__).resolve().parents[1] / "reaching"
HEAD = """
import abc, asyncio, base64, collections, contextlib, contextvars, copy, dataclasses, enum, functools, importlib
import inspect, itertools, json, operator, pickle, re, string, sys, threading, types, typing, weakref
from collections import ChainMap, defaultdict, deque, namedtuple
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache, partial, partialmethod, reduce, singledispatch, wraps
from types import MappingProxyType, MethodType, SimpleNamespace
import numpy as np
"""
TORCH_HEAD = """
import torch
from torch import nn
torch.manual_seed(0)
"""
#: What a way may do besides, as its title says. A part that may only be used as a whole counts as a whole, an object
#: that keeps what a run wrote to it is another one afterwards, and what is not understood is refused.
COUNTS_ALL, CHANGED, REFUSED = "counts all of its module", "changed by a run", "may be refused"


@dataclass(frozen=True)
class Way:
    """How code reaches what is inside, or, for a number, what it holds.

    Args:
        name: its title.
        may: what it may do besides; empty for most.
        top: lines of the module, with ``${i}`` for a name's ending, ``${k}`` for the number and ``${inner}`` for what
            is reached, an expression of ``x``.
        helper: lines of another module.
        use: the expression of ``x`` that goes this way.
    """

    name: str
    may: str
    top: string.Template
    helper: string.Template
    use: string.Template


def read_ways(name: str) -> list[Way]:
    """Read a file of `REACHING`: for each way a title, the lines of its modules, and the expression that uses it."""
    ways = []
    for text in (REACHING / f"{name}.txt").read_text().split("=== ")[1:]:
        title, _, lines = text.partition("\n")
        label, _, may = title.partition(" (")
        code, _, use = lines.rpartition(">>> ")
        top, _, helper = code.partition("--- helper\n")
        ways.append(Way(label, may.rstrip(")"), *map(string.Template, (top, helper, use.strip()))))
    return ways


@dataclass(frozen=True)
class Program:
    """A step that goes through several ways.

    Args:
        ways: from the number outwards.
        torch: whether some of them need torch.
    """

    ways: tuple[Way, ...]
    torch: bool = False

    @property
    def name(self) -> str:
        """The titles of the ways."""
        return " < ".join(way.name for way in self.ways)

    def may(self, what: str) -> bool:
        """Whether one of the ways may do something."""
        return any(way.may == what for way in self.ways)

    def texts(self, numbers: list[int]) -> tuple[str, str]:
        """Give the source of the step's module and of the helper's.

        Args:
            numbers: one for each way.
        """
        main, helper, inner = [HEAD, TORCH_HEAD if self.torch else ""], ["pass\n"], ""
        for index, (way, number) in enumerate(zip(self.ways, numbers, strict=True)):
            names = {"i": str(index), "k": str(number), "inner": inner}
            main.append(way.top.substitute(names))
            helper.append(way.helper.substitute(names))
            inner = way.use.substitute(names)
        main.append(f"def step(batch, batch_idx=0):\n    x = batch\n    return {{'value': float({inner})}}\n")
        return "".join(main), "".join(helper)


def written_anew(text: str) -> str:
    """Give a source of the same meaning: formatted otherwise, with comments and with code that nobody uses."""
    text = ast.unparse(ast.parse(text)).replace("\ndef step(", "\n# The step.\n\n\ndef step(")
    return f"import os as unused_module\n{text}\n\ndef unused(value):\n    return value\n"


@dataclass
class Campaign:
    """What came out of a campaign.

    Args:
        folder: where modules are written.
    """

    folder: Path
    stale: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    changed: int = 0
    broken: int = 0
    keys: list[str] = field(default_factory=list)
    _loaded: int = 0

    def load(self, main: str, helper: str) -> ModuleType:
        """Write the modules into a folder of their own and import them, in the place of those before."""
        for name in ("program", "program_helper"):
            sys.modules.pop(name, None)
        self._loaded += 1
        folder = self.folder / str(self._loaded)
        folder.mkdir()
        (folder / "program.py").write_text(main)
        (folder / "program_helper.py").write_text(helper)
        sys.path[:] = [str(folder), *(path for path in sys.path if Path(path).parent != self.folder)]
        importlib.invalidate_caches()
        return importlib.import_module("program")

    def check(self, program: Program, numbers: list[int], others: list[int]) -> None:
        """Hold a program against others that differ in one number, and against itself.

        Args:
            program: the program.
            numbers: its numbers.
            others: for each number, another one.
        """
        main, helper = program.texts(numbers)
        module = self.load(main, helper)
        try:
            key = key_of(module)
        except UnfingerprintableError as error:
            if not program.may(REFUSED):
                self.refused.append(f"{program.name}: {error}")
            return
        try:
            row = module.step(2.0)
        except Exception:
            # Some ways cannot be gone inside of each other, such as one event loop inside of another.
            self.broken += 1
            return
        self.keys.append(key)
        if key_of(module) != key and not program.may(CHANGED):
            self.missed.append(f"{program.name}: the second run")
        if key_of(self.load(written_anew(main), helper)) != key and not program.may(COUNTS_ALL):
            self.missed.append(f"{program.name}: written anew")
        for index, other in enumerate(others):
            module = self.load(*program.texts([*numbers[:index], other, *numbers[index + 1 :]]))
            changed_key = key_of(module)
            if module.step(2.0) == row:
                continue
            self.changed += 1
            if changed_key == key:
                self.stale.append(f"{program.name}: the number of {program.ways[index].name}")


def key_of(module: ModuleType) -> str:
    """Give the key of a module's step."""
    return AnalysisStoreHasher().fingerprint(step=module.step).hexdigest


def each_way(*, torch: bool) -> list[Program]:
    """Give a program for each number, and for each way."""
    numbers, ways = read_ways("values"), read_ways("torch" if torch else "ways")
    return [Program((number,), torch) for number in numbers] + [Program((numbers[1], way), torch) for way in ways]


def random_programs(count: int, rng: random.Random, *, torch: bool) -> list[Program]:
    """Give programs of up to `DEPTH` ways; with torch, about every second way needs it."""
    numbers, plain, with_torch = read_ways("values"), read_ways("ways"), read_ways("torch") if torch else []
    return [
        Program(
            (
                rng.choice(numbers),
                *(
                    rng.choice(with_torch if torch and rng.random() < 0.5 else plain)
                    for _ in range(rng.randint(1, DEPTH))
                ),
            ),
            torch,
        )
        for _ in range(count)
    ]


def campaign(programs: list[Program], rng: random.Random) -> Campaign:
    """Check programs; give what came out."""
    with tempfile.TemporaryDirectory() as folder:
        run = Campaign(Path(folder))
        for program in programs:
            numbers = [rng.randint(2, 6) for _ in program.ways]
            run.check(program, numbers, [number + rng.randint(1, 3) for number in numbers])
    return run


def main() -> None:
    """Run a campaign."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=PROGRAMS)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--torch", action="store_true", help="with ways that need torch")
    parser.add_argument("--keys", action="store_true", help="print the keys")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    rng = random.Random(arguments.seed)
    run = campaign(random_programs(arguments.programs, rng, torch=arguments.torch), rng)
    if arguments.keys:
        print(*run.keys, sep="\n")
    print(f"{arguments.programs} programs, {run.broken} that cannot run, {run.changed} changes that change a row")
    for title, found in (("not seen", run.stale), ("missed", run.missed), ("refused", run.refused)):
        print(f"{title}: {len(found)}", *found, sep="\n  ")
    sys.exit(bool(run.stale or run.missed or run.refused))


if __name__ == "__main__":
    main()
