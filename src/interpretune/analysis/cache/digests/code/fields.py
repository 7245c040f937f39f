"""The fields of classes whose methods are generated from them: dataclasses and pydantic models."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..attributes import objects_understood
from ..tokens import frame
from .syntax import scalar_token

if TYPE_CHECKING:
    from .graph import CodeGraph
    from .nodes import Node

__all__ = ["read_fields", "read_model_fields"]

#: What a field of a pydantic model tells that decides about values.
_TOLD = ("annotation", "default", "default_factory", "alias", "validation_alias", "frozen", "metadata")


def read_fields(node: Node, graph: CodeGraph) -> None:
    """Find the fields of a dataclass and how its methods are generated from them.

    Args:
        node: the class; the walk stands at its path.
        graph: takes what is found.
    """
    cls = node.value
    walk = graph.walk
    params = cls.__dict__.get("__dataclass_params__")
    if params is not None:
        made = (getattr(params, name) for name in ("init", "repr", "eq", "order", "unsafe_hash", "frozen"))
        # Where instances can be put in order, they are compared field by field.
        compared = [field.name.encode() for field in dataclasses.fields(cls) if field.compare] if params.order else []
        node.reads[".__dataclass_params__"] = frame("settings", *map(scalar_token, made), *compared)
    for field in dataclasses.fields(cls):
        step = f".{field.name}"
        settings = (field.init, field.repr, field.compare, field.hash, bool(field.kw_only))
        pieces = [frame("settings", *map(scalar_token, settings))]
        for part in ("default", "default_factory"):
            value = getattr(field, part)
            if value is not dataclasses.MISSING:
                pieces.append(frame(part, walk.child(value, f"{step}.{part}")))
        node.reads[f".__dataclass_fields__{step}"] = frame("field", *pieces)


def read_model_fields(node: Node, graph: CodeGraph) -> None:
    """Find the fields of a pydantic model, with their annotations, which say how values are converted and checked.

    Args:
        node: the class; the walk stands at its path.
        graph: takes what is found.
    """
    cls = node.value
    walk = graph.walk
    with objects_understood(walk):
        for name, field in cls.__pydantic_fields__.items():
            told = {part: getattr(field, part, None) for part in _TOLD}
            pieces = [
                frame(part, walk.child(value, f".{name}.{part}"))
                for part, value in told.items()
                if type(value).__name__ != "PydanticUndefinedType"
            ]
            node.reads[f".__pydantic_fields__.{name}"] = frame("field", *pieces)
        for name, attribute in cls.__dict__.get("__private_attributes__", {}).items():
            for part in ("default", "default_factory"):
                value = getattr(attribute, part, None)
                if type(value).__name__ != "PydanticUndefinedType":
                    node.reads[f".{name}.{part}"] = frame(part, walk.child(value, f".{name}.{part}"))
        # The functions themselves are methods of the class; this is when they are asked, and for which fields.
        for kind in dataclasses.fields(cls.__pydantic_decorators__):
            for name, decorator in getattr(cls.__pydantic_decorators__, kind.name).items():
                when = (getattr(decorator.info, "mode", None), getattr(decorator.info, "fields", None))
                node.reads[f".__pydantic_decorators__.{kind.name}.{name}"] = frame("decorator", walk.child(when))
