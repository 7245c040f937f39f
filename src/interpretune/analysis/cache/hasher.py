"""From the inputs of a run to its fingerprint: `AnalysisStoreHasher`.

The hasher knows what the inputs are and what they mean; it knows nothing of where results are stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from . import html
from .digests.asking import asked, refusing
from .digests.code.encoders import encode_called
from .digests.code.random import is_module_class
from .digests.collected import Collected
from .digests.policy import Policy
from .digests.registry import find_encoder
from .digests.results import Part, WalkResult
from .digests.tokens import frame, hex_digest
from .digests.walk import Walk

__all__ = ["KEY_VERSION", "AnalysisStoreHasher", "Difference", "Fingerprint"]

#: Part of every key. It grows when the same inputs would get other digests, so old entries are missed and not misread.
KEY_VERSION = 1

_Changed = tuple[tuple[str, Part | None, Part | None], ...]


@dataclass(frozen=True)
class Difference:
    """One component in which two fingerprints differ."""

    component: str
    #: ``"changed"``, ``"added"`` (only in the newer) or ``"removed"`` (only in the older).
    kind: str
    #: The parts that differ, as ``(path, older part or None, newer part or None)``.
    parts: _Changed = ()
    #: How many parts the component has in all.
    total: int = 0


@dataclass(frozen=True)
class Fingerprint:
    """All components of a run; the digest of their map is the key."""

    components: Mapping[str, str]
    parts: Mapping[str, Mapping[str, Part]] = field(default_factory=dict, repr=False)
    #: What the key cannot promise, such as a dynamic lookup in the code, and paths to leave out that nothing has.
    notes: tuple[str, ...] = ()
    #: Dotted paths that were met and left out because the user said so.
    ignored: tuple[str, ...] = ()
    #: Why the run draws random numbers, empty where it does not. A stochastic run's batches are not interchangeable.
    stochastic: tuple[str, ...] = ()

    @property
    def hexdigest(self) -> str:
        """The key: xxh3-128 of the key version and the sorted component map, 32 hexadecimal digits."""
        pieces = [piece.encode() for item in sorted(self.components.items()) for piece in item]
        return hex_digest(frame("key", str(KEY_VERSION).encode(), *pieces))

    def diff(self, other: Fingerprint) -> list[Difference]:
        """Tell in which components another (newer) fingerprint differs from this one, smallest parts included.

        Args:
            other: the fingerprint to hold against this one.

        Returns:
            One `Difference` per component that differs, sorted by name; empty where the keys are equal.
        """
        found = []
        for name in sorted({*self.components, *other.components}):
            older, newer = self.components.get(name), other.components.get(name)
            if older == newer:
                continue
            kind = "added" if older is None else "removed" if newer is None else "changed"
            mine, theirs = self.parts.get(name, {}), other.parts.get(name, {})
            parts = tuple(
                (path, mine.get(path), theirs.get(path))
                for path in sorted({*mine, *theirs})
                if (mine[path].digest if path in mine else None) != (theirs[path].digest if path in theirs else None)
            )
            found.append(Difference(name, kind, _rejoined(parts), len({*mine, *theirs})))
        return found

    def stored_parts(self) -> dict[str, dict[str, list[str]]]:
        """Give the parts as an entry keeps them: ``[digest, text]`` by component and path. See `restore`."""
        return {
            name: {path: [part.digest, part.text] for path, part in sorted(parts.items())}
            for name, parts in sorted(self.parts.items())
        }

    @classmethod
    def restore(cls, components: Mapping[str, str], parts: Mapping[str, Any]) -> Fingerprint:
        """Give the fingerprint of a stored entry, to hold it against another.

        Args:
            components: digests by component name, as the manifest has them.
            parts: what `stored_parts` gave; what is not of that shape is left out.
        """
        read: dict[str, dict[str, Part]] = {}
        for name, below in parts.items():
            pairs = below.items() if isinstance(below, dict) else ()
            read[name] = {
                path: Part(*pair)
                for path, pair in pairs
                if isinstance(pair, list) and len(pair) == 2 and all(isinstance(item, str) for item in pair)
            }
        return cls(dict(components), read)

    def _repr_html_(self) -> str:
        leaves = {
            name: {path: (part.digest, part.text) for path, part in sorted(parts.items())}
            for name, parts in sorted(self.parts.items())
        }
        return html.page(f"Fingerprint {self.hexdigest}", html.tree(self.components, leaves))


_SESSION = (
    "Let the attributes of its module, data module and configs be read, or raise AttributeError where there is none."
)


class AnalysisStoreHasher:
    """Hashes what the inputs of an analysis mean.

    Args:
        policy: the user's decisions: what to ignore or include, how closely versions and devices count.
        remember: a directory in which the digests of memory-mapped files are remembered, so that no process need read
            them again; None to read them each time.
    """

    def __init__(self, policy: Policy | None = None, *, remember: Path | None = None) -> None:
        self.policy = policy or Policy()
        self._remember = remember

    def digest(self, value: Any) -> str:
        """Give the digest of one value of the closed world, a function, a module, a dataset, ...

        Args:
            value: what to digest.

        Returns:
            32 hexadecimal digits, the same in every process and on every Python version for the same meaning.

        Raises:
            UnfingerprintableError: the value, or something in it, cannot be understood.
        """
        walk = Walk("value", find_encoder, self.policy)
        return Fingerprint(walk.finish(walk.child(value)).components).hexdigest

    def config_suffix(self, config_kwargs: Mapping[str, Any], custom_features: Any = None) -> str:
        """Give the config id suffix that Hugging Face `datasets` would, without what changes in every process.

        Args:
            config_kwargs: keyword arguments of a builder's configuration; ``generator`` does not count, their order
                neither.
            custom_features: the `datasets.Features` of the rows, or None.

        Returns:
            16 hexadecimal digits.
        """
        from .digests import config_suffix as suffixes

        return suffixes.config_suffix(config_kwargs, custom_features)

    def fingerprint(
        self,
        session: Any = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        step: Any = None,
        data: Any = None,
        features: Any = None,
        run: Mapping[str, Any] | None = None,
        components: Mapping[str, Any] | None = None,
    ) -> Fingerprint:
        """Give the fingerprint of a run.

        Args:
            session: the host's session, of which the fields in the session table count; or None.
            inputs: named inputs that the step depends on, such as ``{"model": model, "layer": 5}``.
            step: the function that turns a batch into rows: its code, and what it captured.
            data: what the batches come from: a data loader, a dataset, a list, a function that gives an iterable.
            features: the `datasets.Features` of the rows.
            run: what else decides about the rows, such as ``{"split": "test"}``.
            components: further components, each a value under its dotted name.

        Returns:
            All components; `Fingerprint.hexdigest` is the key.

        Raises:
            UnfingerprintableError: an input cannot be understood; the error has its dotted path.
        """
        with refusing("data", data):
            data = _iterated(data)
        policy = replace(self.policy)  # which notes the paths that it meets in this run alone
        given = {"op.implementation": step, "data": data, "schema": features}
        named = {name: value for name, value in given.items() if value is not None}
        named.update({f"run.{name}": value for name, value in (run or {}).items()})
        named.update({f"inputs.{name}": value for name, value in (inputs or {}).items()})
        named.update(components or {})
        references: Sequence[tuple[Any, bytes]] = ()
        if session is not None:
            from .session import session_components, session_references

            with refusing("session", session, _SESSION):
                references = session_references(session)
                for name, value in session_components(session, policy).items():
                    named[f"session.{name}" if name in named else name] = value
        # Where a path may be ignored, what is left out of an input must still count where the step holds it.
        shared = [] if policy.ignore else _models(inputs or {})
        from .digests.file_digests import remember_in  # reads Arrow, which only explaining a miss does without

        with remember_in(self._remember):
            return self._assemble(policy, named, references, shared)

    def _assemble(
        self,
        policy: Policy,
        named: Mapping[str, Any],
        references: Sequence[tuple[Any, bytes]],
        shared: Sequence[tuple[Any, bytes]],
    ) -> Fingerprint:
        from .digests import numerics, whole

        collected = Collected()
        for name, value in sorted(named.items()):
            known = [*references, *(shared if name == "op.implementation" else ())]
            collected.add(_walk(policy, name, value, known, named.get("op.implementation")))
        collected.conclude()
        stochastic = tuple(dict.fromkeys(collected.stochastic))
        if "torch" in collected.uses:
            collected.add(_walk(policy, "numerics", numerics.numerics_components(policy)))
        if (hooks := collected.unmet_hooks()) is not None:
            collected.add(_walk(policy, "numerics.hooks", hooks, step=named.get("op.implementation")))
        if len(collected.models) > 1:
            from .digests.sharing import sharing_between

            shared_weights = sharing_between(collected.models)
            collected.add(_walk(policy, "sharing", shared_weights, step=named.get("op.implementation")))
        if stochastic:
            collected.add(_walk(policy, "rng", numerics.rng_components(collected.draws)))
        if collected.workers:
            # Each draws from generators of its own, so what comes depends on how many there are.
            collected.add(_walk(policy, "rng.workers", sorted(collected.workers)))
        for name, version in numerics.runtime_versions(collected.uses, policy).items():
            collected.add(_walk(policy, f"runtime.{name}", version))
        if policy.runtime != "ignore":
            for name in sorted(collected.uses & whole.WHOLE):
                collected.add(_walk(policy, f"runtime.{name}.source", whole.source_files(name)))
        ignored = tuple(sorted(set(collected.ignored)))
        collected.notes += policy.unmet(ignored, [*collected.components, *chain(*collected.parts.values())])
        return Fingerprint(
            components=dict(sorted(collected.components.items())),
            parts=collected.parts,
            notes=tuple(dict.fromkeys(collected.notes)),
            ignored=ignored,
            stochastic=stochastic,
        )


def _walk(
    policy: Policy, name: str, value: Any, references: Sequence[tuple[Any, bytes]] = (), step: Any = None
) -> WalkResult:
    walk = Walk(name, find_encoder, policy, step)
    # The walk knows better what it is looking at, where it is at an object; between two, this is what is known.
    with walk.standing_for(references), refusing(name, value):
        return walk.finish(encode_called(value, walk) if name == "op.implementation" else walk.child(value))


def _rejoined(parts: _Changed) -> _Changed:
    """Hold code that lies in another file now against what it was: the names of its parts say where it lies."""
    gone = {_unplaced(path): (path, older) for path, older, newer in parts if newer is None}
    kept = {path: (older, newer) for path, older, newer in parts}
    for path, older, newer in parts:
        before = gone.pop(_unplaced(path), None) if older is None and _unplaced(path) != path else None
        if before is not None and newer is not None:
            del kept[before[0]]
            kept[path] = (before[1], newer)
    differing = ((path, older, newer) for path, (older, newer) in kept.items())
    return tuple(part for part in differing if not (part[1] and part[2] and part[1].digest == part[2].digest))


def _unplaced(path: str) -> str:
    """Give ``function `step``` for the part ``function `step` (steps.py)``, and any other name as it is."""
    return path.rpartition(" (")[0] if path.endswith(")") and "` (" in path else path


def _models(inputs: Mapping[str, Any]) -> list[tuple[Any, bytes]]:
    """Give the models among the inputs, with the tokens that stand for them where the step holds them as well.

    So a model that is an input and is captured by the step is read once, and a change of it is told once.
    """
    return [
        (value, frame("input", name.encode())) for name, value in sorted(inputs.items()) if is_module_class(type(value))
    ]


def _iterated(data: Any) -> Any:
    """Give what stands for an iterable's meaning: itself where it is known, else the code that iterates over it."""
    if data is None or find_encoder(data) is not None:
        return data
    # Python also iterates over what only gives items by their numbers.
    return asked(data, "__iter__") or asked(data, "__getitem__", data)
