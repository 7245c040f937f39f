"""What counts of a user class: its bases, methods and attributes, as they are now.

The live class is read and not its source, so that a method that was replaced counts as it runs. What Python and its
libraries keep in a class beside the user's definitions does not count: some of it depends on what the process did
before (``__slotnames__`` is added by the first pickle).
"""

from __future__ import annotations

import abc
import dataclasses
import enum
import functools
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..attributes import encode_object
from ..tokens import frame
from ..walk import Walk
from .fields import read_fields, read_model_fields
from .lookup import is_generated, is_user_class, is_user_function, unwrap
from .noise import is_noise
from .values import Instance

if TYPE_CHECKING:
    from .graph import CodeGraph
    from .nodes import Bindings, Node

__all__ = ["class_token", "read_class"]

#: Entries that the language or a library makes itself.
_BOOKKEEPING = frozenset({
    "__module__", "__qualname__", "__name__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__slotnames__", "__parameters__", "__orig_bases__",
    "__firstlineno__", "__static_attributes__", "__abstractmethods__", "__type_params__", "__classcell__",
    "__classdictcell__", "__non_callable_proto_members__", "_abc_impl", "__attrs_props__", "_abc_registry",
    "_abc_cache", "__dataclass_fields__", "__dataclass_params__", "__signature__", "__text_signature__",
    "__class_vars__", "__is_pydantic_dataclass__", "__private_attributes__",
    "__protocol_attrs__", "_is_protocol", "_is_runtime_protocol", "__callable_proto_members_only__",
})  # fmt: skip
_ENUM_BOOKKEEPING = frozenset({
    "_member_map_", "_member_names_", "_value2member_map_", "_member_type_", "_unhashable_values_",
    "_unhashable_values_map_", "_hashable_values_", "_value_repr_", "_use_args_", "_new_member_",
    "_generate_next_value_", "_boundary_", "_flag_mask_", "_singles_mask_", "_all_bits_", "_inverted_",
    "_sort_order_", "_order_", "_ignore_",
})  # fmt: skip


def class_token(cls: type) -> bytes:
    """Give the token of a class by itself: its name, without the module."""
    return frame("class", cls.__qualname__.rpartition("<locals>.")[2].encode())


def read_class(node: Node, graph: CodeGraph) -> None:
    """Find what a class consists of.

    Args:
        node: the class, reset; the walk stands at its path.
        graph: takes what is found.
    """
    cls = node.value
    walk = graph.walk
    node.forget()
    for index, base in enumerate(cls.__bases__):
        if base is not object:
            node.reads[f".__bases__[{index}]"] = walk.code(base, f".__bases__[{index}]")
    # A metaclass that a base brought along is known by the base.
    if not any(type(cls) is type(base) for base in cls.__bases__):
        node.reads[".__class__"] = walk.code(type(cls), ".__class__")
    if dataclasses.is_dataclass(cls):
        read_fields(node, graph)
    if "__pydantic_fields__" in cls.__dict__:
        read_model_fields(node, graph)
    if issubclass(cls, enum.Enum):
        for order, (name, member) in enumerate(cls.__members__.items()):
            node.reads[f".{name}"] = frame("member", b"%d" % order, walk.child(member._value_, f".{name}.value"))
    if registered := _registered(cls):
        node.reads[".register"] = frame("registered", *(name.encode() for name in registered))
    for name, value in cls.__dict__.items():
        if not _counts(cls, name, value):
            continue
        function = unwrap(value.__func__ if isinstance(value, (staticmethod, classmethod)) else value)
        if is_user_function(function):
            _read_method(node, graph, name, function, value)
        elif isinstance(value, (property, functools.cached_property)):
            _read_property(node, graph, name, value)
        elif not is_noise(value):
            node.reads[f".{name}"] = _read_value(graph.walk, value, f".{name}")


def _registered(cls: type) -> list[str]:
    """Give the names of the classes that count as subclasses of an abstract one because they were registered there."""
    dump = getattr(abc, "_get_dump", None)  # Python tells it in no other way
    if dump is None or not isinstance(cls, abc.ABCMeta):
        return []
    held = (reference() for reference in dump(cls)[0])
    return sorted(base.__qualname__.rpartition("<locals>.")[2] for base in held if base is not None)


def _read_value(walk: Walk, value: Any, step: str) -> bytes:
    """An attribute of a class; an object of the user's own, such as a descriptor, counts by its class and its state."""
    if walk.find_encoder(value) is not None or not is_user_class(type(value)):
        return walk.child(value, step)
    with walk.at(step):
        return encode_object(value, walk)


def _counts(cls: type, name: str, value: Any) -> bool:
    if name in _BOOKKEEPING or name.startswith("__pydantic_"):
        return False
    if issubclass(cls, enum.Enum):
        if name in _ENUM_BOOKKEEPING or name in cls.__members__:
            return False
        # Python versions put different special methods into an enum; those that the user wrote are functions, and a
        # `__new__` among them goes by the name `__new_member__`.
        if name.startswith("__") and not is_user_function(value):
            return False
    # A protocol is given other methods by each Python version.
    if name.startswith("__") and getattr(getattr(value, "__func__", value), "__module__", None) == "typing":
        return False
    # The fields count in its place.
    if is_generated(cls, name, value):
        return False
    if name in ("__match_args__", "__hash__") and dataclasses.is_dataclass(cls) and not is_user_function(value):
        return False
    slot = getattr(value, "__objclass__", None) is cls and not callable(value)
    return not slot


def _read_method(node: Node, graph: CodeGraph, name: str, function: FunctionType, value: Any) -> None:
    kind = type(value).__name__ if isinstance(value, (staticmethod, classmethod)) else "function"
    code = function.__code__
    bindings: Bindings = {}
    if kind == "function" and code.co_argcount:
        bindings = {code.co_varnames[0]: (Instance(node.value),)}
    method = graph.function_node(function, bindings, f"{node.path}.{name}")
    graph.open(method)
    node.reads[f".{name}"] = frame(kind, method.token)
    node.edges.add((f".{name}", method))


def _read_property(node: Node, graph: CodeGraph, name: str, value: Any) -> None:
    accessors = {"fget": getattr(value, "fget", None) or getattr(value, "func", None)}
    accessors |= {part: getattr(value, part, None) for part in ("fset", "fdel")}
    for part, accessor in accessors.items():
        function = unwrap(accessor)
        if is_user_function(function):
            _read_method(node, graph, f"{name}.{part}", function, function)
        elif function is not None:
            node.reads[f".{name}.{part}"] = graph.walk.child(function, f".{name}.{part}")
