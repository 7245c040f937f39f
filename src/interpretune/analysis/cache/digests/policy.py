"""What a user decides about the meaning of a run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..settings import check_choice, listed

__all__ = ["Policy"]

#: Paths among which the one is looked for that an unknown one was meant to be: those that begin most like it.
_MOST_COMPARED = 100


@dataclass(frozen=True)
class Policy:
    """What a user decides about the meaning of a run.

    Args:
        ignore: dotted paths, with ``*`` as wildcard, that do not count.
        include: dotted paths, with ``*`` as wildcard, that count although they are taken for noise.
        runtime: ``"strict"`` (torch and transformers by minor version, the host exactly), ``"exact"`` or ``"ignore"``.
        device: ``"strict"`` (the device type counts) or ``"portable"``.
        trust_versions: reuse the digest of a tensor whose storage, shape and version counter are unchanged.

    Raises:
        ValueError: ``runtime`` or ``device`` is not one of its values.
    """

    ignore: Sequence[str] = ()
    include: Sequence[str] = ()
    runtime: str = "strict"
    device: str = "strict"
    trust_versions: bool = False
    #: Which of `ignore` and `include` stood for something that was asked about.
    met: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("runtime", "device"):
            check_choice(name, getattr(self, name))
        for name in ("ignore", "include"):
            object.__setattr__(self, name, listed(getattr(self, name)))

    def ignores(self, path: str) -> bool:
        """Tell whether the user left this dotted path out."""
        return self._meet(self.ignore, path)

    def may_ignore_below(self, path: str) -> bool:
        """Tell whether the user may have left out something at or below this dotted path."""
        heads = [(pattern.partition("*")[0], "*" in pattern) for pattern in self.ignore]
        return any(head.startswith(path) or (wild and path.startswith(head)) for head, wild in heads)

    def includes(self, path: str) -> bool:
        """Tell whether the user asked for this dotted path although it is taken for noise."""
        return self._meet(self.include, path)

    def _meet(self, patterns: Sequence[str], path: str) -> bool:
        found = [pattern for pattern in patterns if _matches(pattern, path)]
        self.met.update(found)
        return bool(found)

    def unmet(self, ignored: Sequence[str], counted: Iterable[str]) -> Iterator[str]:
        """Tell which of the user's paths stood for nothing, in sentences: they may be misspelt.

        Args:
            ignored: the paths that were left out. What lies below one of them is not looked at.
            counted: the paths that count.
        """
        for pattern in dict.fromkeys(self.ignore):
            if pattern not in self.met and not pattern.startswith(tuple(ignored)):
                yield f"nothing has the path {pattern!r} of `ignore`{_nearest(pattern, [*counted, *ignored])}"
        for pattern in dict.fromkeys(self.include):
            if pattern not in self.met:
                yield f"nothing that is taken for noise has the path {pattern!r} of `include`"


def _nearest(pattern: str, paths: Iterable[str]) -> str:
    """Give a question with the path that was probably meant, if one is near."""
    whole = {path for path in paths if "`" not in path}  # others name code, and are no paths
    places = {path[: step.start()] for path in whole for step in re.finditer(r"[.\[]", path)} | whole
    likely = sorted(places, key=lambda path: (-_begin_alike(pattern, path), path))[:_MOST_COMPARED]
    found = difflib.get_close_matches(pattern, likely, n=1, cutoff=0.8)
    return f"; is {found[0]!r} meant?" if found else ""


def _begin_alike(one: str, other: str) -> int:
    """Count the characters in which two texts begin alike."""
    differing = (place for place, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its)
    return next(differing, min(len(one), len(other)))


def _matches(pattern: str, path: str) -> bool:
    # Only `*` is a wildcard: the brackets of a path such as `inputs.cfg['label'][0]` stand for themselves.
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path, re.DOTALL) is not None
