"""One walk over the meaning of one named input.

A `Walk` knows where it is (a dotted path), asks the encoder of each object it meets for a *token*, and, as a
`Recorder`, collects what a person will want to know later: the smallest parts with their digests, notes, and the
libraries whose code takes part.

Functions and classes may refer to each other in circles. Whoever meets one calls `Walk.code`, which gives a token of
its own text at once and puts it on a list; `Walk.finish` works the list off and folds the whole graph into the digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from ..errors import UnfingerprintableError
from .asking import PASSED_ON, refusal
from .policy import Policy
from .recording import Recorder
from .results import WalkResult
from .tokens import IGNORED, NOISE, frame, hex_digest

if TYPE_CHECKING:
    from .code.graph import CodeGraph

__all__ = ["Composed", "Encoder", "Walk", "atomic"]


class Encoder(Protocol):
    """Turns one kind of object into a token; recurses through `Walk.child` only."""

    def __call__(self, value: Any, walk: Walk, /) -> bytes: ...  # noqa: D102


_atomic: set[Encoder] = set()


def atomic(encoder: Encoder) -> Encoder:
    """Mark an encoder of what has nothing inside: no code, no components, no cycle, and nothing to be kept for reuse.

    Most of what a walk meets is of this kind, and is spared what `Walk.child` does for the rest.
    """
    _atomic.add(encoder)
    return encoder


@dataclass(frozen=True)
class Composed:
    """A value that is put together from several objects, and says itself how they are walked.

    Args:
        encode: gives the token, standing at the place where the value was met.
    """

    encode: Callable[[Walk], bytes]


@dataclass
class Walk(Recorder):
    """One walk over one named input; see the module's text.

    Args:
        root: dotted name of the component, such as ``inputs.model``.
        find_encoder: gives the encoder for an object, or None where its meaning is unknown.
        policy: the user's decisions.
        step: the step of the run, which may read what a hook of a model writes; or None.
    """

    root: str
    find_encoder: Callable[[Any], Encoder | None]
    policy: Policy = field(default_factory=Policy)
    step: Any = None

    def __post_init__(self) -> None:
        super().__init__(self.root)
        self._components: dict[str, bytes] = {}
        self._active: set[int] = set()
        self._memo: dict[int, tuple[bytes, Any]] = {}
        #: By object in the memo, where it was met and which of the parts recorded lie inside it.
        self._inside: dict[int, tuple[str, int, int]] = {}
        self._graph: CodeGraph | None = None
        #: Grows when code is met or a component filed: each place where that happens counts, so the token there is
        #: not reused elsewhere.
        self._records = 0
        #: Containers in attributes, with their paths: the order of dictionaries counts where code goes through them.
        self.held: list[tuple[str, Any]] = []
        #: What was put into installed classes, as far as they were met: see `patches.class_patches`.
        self.searched: dict[type, tuple[tuple[str, Any], ...]] = {}
        #: The models that were met, by their paths: weights of one may lie in another one too.
        self.models: dict[str, Any] = {}

    def child(self, value: Any, step: str = "") -> bytes:
        """Give the token of an object that lies one step deeper.

        Args:
            value: the object.
            step: how it is reached from here: ``".name"``, ``"[3]"``, ``"['key']"``; empty to stay.

        Raises:
            UnfingerprintableError: the object, or one inside it, is of an unknown kind, contains itself, or raises an
                error while it is looked at.
        """
        self._steps.append(step)
        try:
            if self.policy.ignore and self.policy.ignores(self.path):
                self.ignored.append(self.path)
                return IGNORED
            encoder = self.find_encoder(value)
            if encoder is None:
                self.refuse(value, "its meaning is not known to the cache")
            if type(value) in (dict, list, tuple) and step[:1] == ".":
                self.held.append((self.path, value))
            return encoder(value, self) if encoder in _atomic else self._encode(encoder, value)
        except PASSED_ON:
            raise
        except Exception as error:
            raise refusal(error, self.path, value) from error
        finally:
            self._steps.pop()

    def _encode(self, encoder: Encoder, value: Any) -> bytes:
        identity = id(value)
        known = self._memo.get(identity)
        if known is not None:
            self._record_again(identity)
            return known[0]
        if identity in self._active:
            self.refuse(value, "it contains itself", hint="Break the cycle, or leave the back-reference out.")
        self._active.add(identity)
        records, first, named = self._records, len(self._recorded), self._to_follow()
        try:
            token = encoder(value, self)
        except RecursionError:
            self.refuse(value, "it is nested too deeply")
        finally:
            self._active.discard(identity)
        if first == len(self._recorded) and named == self._to_follow() and token not in (IGNORED, NOISE):
            # Nothing inside of it has a name that a diff could show.
            self.part(token, getattr(value, "__qualname__", type(value).__qualname__))
        # Not kept are scalars, whose parts have a name at each place, and anything where a path may be ignored, as the
        # same object may lie at two paths. The object is kept, so that its id cannot be given to another one meanwhile.
        if records == self._records and token[:1] == b"@" and not self.policy.ignore:
            self._memo[identity] = (token, value)
            self._inside[identity] = (self.path, first, len(self._recorded))
        return token

    def _to_follow(self) -> tuple[int, int]:
        """How many components, functions and classes a diff has to show until now, beside the parts."""
        return len(self._components), 0 if self._graph is None else self._graph.size

    def _record_again(self, identity: int) -> None:
        """Record the parts of an object that was met before at this place too.

        Otherwise a diff would tell of parts that come and go when two places hold one object in one run, and equal ones
        in another.
        """
        base, first, last = self._inside.get(identity, ("", 0, 0))
        self.record([(name[len(base) :], part) for name, part in self._recorded[first:last] if name.startswith(base)])

    def code(self, value: Any, label: str) -> bytes:
        """Give the token of a function or class met here, and put it on the list of code to follow.

        Args:
            value: the function, method, class or code-like object.
            label: how the place where it was met refers to it, below the current path.
        """
        from .code.graph import CodeGraph

        if self._graph is None:
            self._graph = CodeGraph(self)
        self._records += 1
        return self._graph.meet(value, label)

    def file(self, name: str, token: bytes) -> bytes:
        """File what lies at ``path + name`` as a component of its own.

        The parent's digest then holds only that there is such a component, so that a diff names the one that changed.

        Args:
            name: step below the current path, such as ``".weights"``.
            token: its meaning.

        Returns:
            The token to use in the parent.
        """
        path = self.path + name
        self._records += 1
        if self.policy.ignores(path):
            self.ignored.append(path)
        else:
            # Two things may go by one path, such as what two functions of one name captured: both count.
            known = self._components.get(path, token)
            self._components[path] = token if known == token else frame("and", known, token)
        return frame("component", path.encode())

    def apart(self, value: Any, step: str) -> bytes:
        """Give a token that holds all of an object's meaning, with the code and the components that it brings.

        For what has no place that a path could name, such as an element of a set: what `child` would file or follow
        under the path would there be mixed up with what its neighbours bring.

        Args:
            value: the object.
            step: what the path shows for it in errors.
        """
        walk = Walk(self.path, self.find_encoder, self.policy, self.step)
        walk._write_into(self)
        walk._active, walk._memo, walk._inside = self._active, self._memo, self._inside
        walk.models = self.models
        token = walk.child(value, step)
        if not walk._records:
            return token
        found = walk.finish(token).components
        return frame("apart", *(piece.encode() for item in found.items() for piece in item))

    @contextmanager
    def standing_for(self, tokens: Iterable[tuple[Any, bytes]]) -> Iterator[None]:
        """Let objects that are being taken apart be referred to meanwhile, such as a module by its place in its tree.

        Args:
            tokens: pairs of an object and the token that `child` shall give for it while the block lasts.
        """
        tokens = list(tokens)
        before = {id(value): self._memo.get(id(value)) for value, _ in tokens}
        self._memo.update((id(value), (token, value)) for value, token in tokens)
        try:
            yield
        finally:
            for identity, known in before.items():
                if known is None:
                    del self._memo[identity]
                else:
                    self._memo[identity] = known

    @contextmanager
    def understanding(self, find_encoder: Callable[[Any], Encoder | None]) -> Iterator[None]:
        """Let other encoders be found while the block lasts, at any depth.

        Args:
            find_encoder: gives the encoder for an object, or None where its meaning is unknown.
        """
        before, self.find_encoder = self.find_encoder, find_encoder
        try:
            yield
        finally:
            self.find_encoder = before

    def refuse(self, value: Any, reason: str, hint: str | None = None) -> NoReturn:
        """Raise the error that names the current path."""
        kind = type(value)
        raise UnfingerprintableError(self.path, reason, type_name=f"{kind.__module__}.{kind.__qualname__}", hint=hint)

    def finish(self, token: bytes) -> WalkResult:
        """Follow the code that was met, and give the digests of this walk.

        Args:
            token: the token of the root object.
        """
        if self._graph is not None:
            token = frame("with code", token, self._graph.close())
        tokens = {self.root: token, **self._components}
        if token == IGNORED:
            del tokens[self.root]
        return WalkResult(
            components={name: hex_digest(frame("digest", value)) for name, value in sorted(tokens.items())},
            parts=dict(self._parts),
            notes=list(self.notes),
            ignored=sorted(set(self.ignored)),
            uses=set(self.uses),
            stochastic=list(self._stochastic),
            draws=set(self._draws),
            suspected=dict(self._suspected),
            circumstances=set(self._circumstances),
            models=dict(self.models),
        )
