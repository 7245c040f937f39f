"""Where a walk stands, and what it writes down for people: parts with their digests, notes, and what draws numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from .results import Part

__all__ = ["Recorder"]

#: Parts kept for one component; beyond it a diff names the container instead of the leaf.
MAX_PARTS = 20_000
#: Characters of a value or of a source text that a part keeps for a person to read.
MAX_TEXT = 8_000


class _Step:
    """What `Walk.at` gives; a class, as a generator takes thrice as long and a model has a thousand steps."""

    __slots__ = ("_step", "_steps")

    def __init__(self, steps: list[str], step: str) -> None:
        self._steps = steps
        self._step = step

    def __enter__(self) -> None:
        self._steps.append(self._step)

    def __exit__(self, *error: object) -> None:
        self._steps.pop()


class Recorder:
    """What a `Walk` is besides asking encoders: a dotted path, and records that nothing is decided by.

    Args:
        root: dotted name of the component, such as ``inputs.model``.
    """

    def __init__(self, root: str) -> None:
        self._steps: list[str] = [root]
        self._component = root
        self._parts: defaultdict[str, dict[str, Part]] = defaultdict(dict)
        #: All parts with their names, in the order of recording.
        self._recorded: list[tuple[str, Part]] = []
        self._summaries = 0
        self.notes: list[str] = []
        self.ignored: list[str] = []
        self.uses: set[str] = set()
        self._stochastic: list[str] = []
        self._draws: set[str] = set()
        self._suspected: dict[str, list[str]] = {}
        self._circumstances: set[str] = set()

    def _write_into(self, other: Recorder) -> None:
        """Let everything that is recorded here stand in another's records."""
        self._component, self._parts, self._summaries = other._component, other._parts, other._summaries
        self._recorded = other._recorded
        self.notes, self.ignored, self.uses = other.notes, other.ignored, other.uses
        self._stochastic, self._draws = other._stochastic, other._draws
        self._suspected, self._circumstances = other._suspected, other._circumstances

    @property
    def path(self) -> str:
        """The dotted path of the object being looked at."""
        return "".join(self._steps)

    def at(self, step: str) -> AbstractContextManager[None]:
        """Stand one step deeper: ``".name"``, ``"[3]"``, ``"['key']"``."""
        return _Step(self._steps, step)

    @contextmanager
    def standing(self, path: str, component: str | None = None) -> Iterator[None]:
        """Stand at another absolute path (code reached from somewhere else goes by its own name)."""
        steps, self._steps = self._steps, [path]
        before, self._component = self._component, component or self._component
        try:
            yield
        finally:
            self._steps, self._component = steps, before

    def mark(self) -> int:
        """Give a mark between the parts recorded until now and those to come, for `recorded_since`."""
        return len(self._recorded)

    def recorded_since(self, mark: int) -> tuple[tuple[str, Part], ...] | None:
        """Give the parts recorded below the current path, by what their names add to it; None if not all were kept.

        Args:
            mark: what `mark` gave before.
        """
        if self._summaries or len(self._parts[self._component]) >= MAX_PARTS:
            return None
        base = self.path
        return tuple((name[len(base) :], part) for name, part in self._recorded[mark:] if name.startswith(base))

    def record(self, parts: Iterable[tuple[str, Part]]) -> None:
        """Record parts below the current path.

        Args:
            parts: by what their names add to it.
        """
        if self._summaries:
            return
        base, kept = self.path, self._parts[self._component]
        for step, part in parts:
            if len(kept) < MAX_PARTS:
                name = base + step
                kept[name] = part
                self._recorded.append((name, part))

    @contextmanager
    def component(self, name: str) -> Iterator[None]:
        """Collect the parts recorded meanwhile under ``path + name``; pair it with `file`."""
        before, self._component = self._component, self.path + name
        summaries, self._summaries = self._summaries, 0
        try:
            yield
        finally:
            self._component, self._summaries = before, summaries

    @contextmanager
    def summarised(self) -> Iterator[None]:
        """Record no parts meanwhile: the caller records one for the whole, such as a list of a million items."""
        self._summaries += 1
        try:
            yield
        finally:
            self._summaries -= 1

    def part(self, token: bytes | str, text: str = "", name: str | None = None) -> None:
        """Remember the smallest thing a diff can name, at the current path.

        Args:
            token: its token or hex digest.
            text: what a person reads; cut to `MAX_TEXT` characters.
            name: what to call it instead of the current path.
        """
        if self._summaries:
            return
        parts = self._parts[self._component]
        if len(parts) < MAX_PARTS:
            name = "".join(self._steps) if name is None else name
            part = parts[name] = Part(token, text[:MAX_TEXT])
            self._recorded.append((name, part))

    def note(self, text: str) -> None:
        """Remember something that the key cannot promise, such as a dynamic lookup; kept once."""
        if text not in self.notes:
            self.notes.append(text)

    def use(self, distribution: str) -> None:
        """Remember that code or an object of this installed distribution takes part."""
        self.uses.add(distribution)

    def stochastic(self, reason: str, *generators: str) -> None:
        """Remember that the run draws random numbers.

        Args:
            reason: what draws them, such as ``"inputs.model: Dropout in training mode"``.
            generators: from which global generators, of ``"numpy"``, ``"python"`` and ``"torch"``; all if none is
                named.
        """
        self._draws.update(generators or ("numpy", "python", "torch"))
        if reason not in self._stochastic:
            self._stochastic.append(reason)

    def suspect(self, reason: str, circumstance: str) -> None:
        """Remember what draws from a shared generator in a circumstance that may lie in another input of the run.

        Args:
            reason: what draws, as for `stochastic`.
            circumstance: what `circumstance` is told where it is met.
        """
        self._suspected.setdefault(circumstance, []).append(reason)

    def circumstance(self, name: str) -> None:
        """Remember a circumstance that makes what is suspected certain."""
        self._circumstances.add(name)
