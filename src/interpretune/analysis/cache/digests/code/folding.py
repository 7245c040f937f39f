"""What comes of the graph of code in the end: one digest, and the random numbers that its functions draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..tokens import frame
from ..walk import Walk
from .nodes import Node
from .random import SHARED, TRAINED, generator_of

__all__ = ["fold", "tell_draws"]

#: Methods that run when an object is made; one that is there already has run them.
_MAKING = frozenset(
    {
        *(".__init__", ".__new__", ".__post_init__", ".__init_subclass__", ".__set_name__"),
        *(".reset_parameters", "._reset_parameters", "._init_weights", ".init_weights"),
    }
)
#: Methods that train an object; where the code calls one, it refers to it itself.
_TRAINING = (".fit", "._fit", ".train", "._train", ".finetune", ".learn", ".on_")

#: Methods that run whenever an object is used, also where its constructor has called them once.
_RUNNING = (".__", ".forward")


def _past(cls: Node) -> frozenset[Node]:
    """Give the methods of a class that make its objects, and what these call."""
    pending = [target for label, target in cls.edges if label in _MAKING]
    found = set(pending)
    while pending:
        for _, target in pending.pop().edges:
            if target not in found and not isinstance(target.value, type):
                found.add(target)
                pending.append(target)
    return frozenset(found)


def tell_draws(roots: Iterable[Node], walk: Walk) -> None:
    """Let a walk know what draws random numbers in all code that is reached.

    Args:
        roots: the functions and classes where the code begins.
        walk: the walk.
    """
    for reason, generator in sorted(_drawn_by(roots)):
        if generator in SHARED:
            walk.stochastic(reason, generator)
        elif generator == TRAINED:
            walk.circumstance(TRAINED)
        else:
            walk.suspect(reason, generator)


def _drawn_by(roots: Iterable[Node]) -> Iterator[tuple[str, str]]:
    """Tell what draws random numbers in all code that is reached, and from which generator or in which circumstance.

    Left out is what a caller has seeded before, and what only runs when an object is made: where the code makes one,
    it refers to these methods itself. Nor does it switch training mode on that a method does which trains an object.

    Args:
        roots: the functions and classes where the code begins.
    """
    pending: list[tuple[Node, frozenset[str], bool]] = [(node, frozenset(), False) for node in roots]
    seen = set(pending)
    while pending:
        node, seeded, trains = pending.pop()
        for reason, generator in node.draws:
            if generator_of(generator) not in seeded and not (trains and generator == TRAINED):
                yield reason, generator
        is_class = isinstance(node.value, type)
        past = _past(node) if is_class else frozenset()
        for label, target in node.edges:
            if target in past and (label in _MAKING or not label.startswith(_RUNNING)):
                continue
            training = trains or (is_class and label.startswith(_TRAINING))
            follow = target, seeded | node.seeded_before.get(target, frozenset()), training
            if follow not in seen:
                seen.add(follow)
                pending.append(follow)


def fold(roots: Iterable[tuple[str, Node]]) -> bytes:
    """Refine the colours of all nodes until no round tells more of them apart, and digest what the roots refer to."""
    roots = list(roots)
    nodes: dict[Node, None] = {}
    pending = [node for _, node in roots]
    while pending:
        node = pending.pop()
        if node not in nodes:
            nodes[node] = None
            pending.extend(target for _, target in node.edges)
    colours = {node: node.own_colour() for node in nodes}
    classes = 0
    # One round more than it takes to tell them apart: then equal sets of colours mean equal graphs.
    while classes < (found := len(set(colours.values()))):
        classes = found
        colours = {
            node: frame(
                "node",
                colours[node],
                *sorted({frame("edge", label.encode(), colours[target]) for label, target in node.edges}),
            )
            for node in nodes
        }
    named = sorted({frame("root", label.encode(), colours[node]) for label, node in roots})
    return frame("code", frame("roots", *named), *sorted(set(colours.values())))
