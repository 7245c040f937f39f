"""What comes of the graph of code in the end: one digest, and the random numbers that its functions draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..tokens import frame
from .nodes import Node

__all__ = ["drawn_by", "fold"]

#: Methods that run when an object is made; one that is there already has run them.
_MAKING = frozenset(
    {
        *(".__init__", ".__new__", ".__post_init__", ".__init_subclass__", ".__set_name__"),
        *(".reset_parameters", "._reset_parameters", "._init_weights", ".init_weights"),
    }
)


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


def drawn_by(roots: Iterable[Node]) -> Iterator[tuple[str, str]]:
    """Tell what draws random numbers in all code that is reached, and from which generator or in which circumstance.

    Left out is what a caller has seeded before, and what only runs when an object is made: where the code makes one,
    it refers to these methods itself.

    Args:
        roots: the functions and classes where the code begins.
    """
    pending: list[tuple[Node, frozenset[str]]] = [(node, frozenset()) for node in roots]
    seen = set(pending)
    while pending:
        node, seeded = pending.pop()
        for reason, generator in node.draws:
            if generator not in seeded:
                yield reason, generator
        past = _past(node) if isinstance(node.value, type) else frozenset()
        for label, target in node.edges:
            if target in past and (label in _MAKING or not label.startswith(_RUNNING)):
                continue
            follow = target, seeded | node.seeded_before.get(target, frozenset())
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
