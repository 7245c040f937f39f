"""What a user decides about the meaning of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..settings import check_choice, listed

__all__ = ["Policy"]


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

    def __post_init__(self) -> None:
        for name in ("runtime", "device"):
            check_choice(name, getattr(self, name))
        for name in ("ignore", "include"):
            object.__setattr__(self, name, listed(getattr(self, name)))

    def ignores(self, path: str) -> bool:
        """Tell whether the user left this dotted path out."""
        return any(_matches(pattern, path) for pattern in self.ignore)

    def may_ignore_below(self, path: str) -> bool:
        """Tell whether the user may have left out something at or below this dotted path."""
        heads = [(pattern.partition("*")[0], "*" in pattern) for pattern in self.ignore]
        return any(head.startswith(path) or (wild and path.startswith(head)) for head, wild in heads)

    def includes(self, path: str) -> bool:
        """Tell whether the user asked for this dotted path although it is taken for noise."""
        return any(_matches(pattern, path) for pattern in self.include)


def _matches(pattern: str, path: str) -> bool:
    # Only `*` is a wildcard: the brackets of a path such as `inputs.cfg['label'][0]` stand for themselves.
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path, re.DOTALL) is not None
