"""What instances of classes mean: enums, dataclasses, attrs classes, named tuples, subclasses of builtin types.

An instance is its class, what it holds as an instance of a builtin type, and its attributes. All attributes count, also
those that are no fields and those that do not take part in comparing: code can read them all. Left out is only what is
derived from the rest (`functools.cached_property`), as a value must not change its meaning by being looked at.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from .distributions import PYTHON, class_origin
from .tokens import IGNORED, frame
from .values import encode_scalar, item_tokens, mapping_tokens, set_tokens
from .walk import Walk

__all__ = [
    "class_token",
    "encode_attrs_field",
    "encode_encoding",
    "encode_enum",
    "encode_instance",
    "holds_builtin",
    "is_record",
]

#: What the language and libraries keep among the attributes, and which says nothing about the value.
_BOOKKEEPING = frozenset({"__dict__", "__weakref__", "__orig_class__", "__pydantic_fields_set__"})
#: What a named tuple's class consists of when nobody added anything to it.
_NAMED_TUPLE = frozenset(
    {
        *("__doc__", "__module__", "__qualname__", "__slots__", "__match_args__", "__orig_bases__"),
        *("__firstlineno__", "__static_attributes__", "__slotnames__"),
        *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
        *("__new__", "__repr__", "__getnewargs__", "__replace__"),
        *("_fields", "_field_defaults", "_make", "_replace", "_asdict"),
    }
)


_ATTRS_FIELD = ("name", "default", "init", "kw_only", "validator", "converter", "on_setattr", "eq", "order", "hash")
#: What an `Encoding` of the `tokenizers` library tells; it has no attributes of its own.
_ENCODING = (
    *("ids", "type_ids", "tokens", "offsets", "word_ids", "sequence_ids"),
    *("attention_mask", "special_tokens_mask", "overflowing", "n_sequences"),
)


def is_record(cls: type) -> bool:
    """Tell whether instances of a class are their fields: dataclasses, attrs classes, pydantic models."""
    return dataclasses.is_dataclass(cls) or hasattr(cls, "__attrs_attrs__") or hasattr(cls, "__pydantic_fields__")


def holds_builtin(cls: type) -> bool:
    """Tell whether instances of a class hold the content of a builtin container or scalar."""
    return issubclass(cls, tuple(_CONTENT))


def class_token(cls: type, walk: Walk) -> bytes:
    """Give the token of an instance's class: its name, and its code where it is not the standard library's.

    Args:
        cls: the class of the instance at the current path.
        walk: where it was met.
    """
    name = cls.__qualname__
    if class_origin(cls) == PYTHON or _plain_named_tuple(cls):
        fields = [str(field).encode() for field in getattr(cls, "_fields", ())]
        token = frame("class", name.encode(), *fields)
    else:
        token = frame("class", name.encode(), walk.code(cls, ".__class__"))
    walk.part(token, name, name=f"{walk.path}.__class__")
    return token


def encode_enum(value: enum.Enum, walk: Walk) -> bytes:
    """Encode a member of an enum: its class, name and value."""
    # Python versions name a combination of flags differently; its value says it all.
    name = "" if isinstance(value, enum.Flag) else value.name
    with walk.summarised():
        held = walk.child(value._value_, ".value")
    token = frame("enum", class_token(type(value), walk), name.encode(), held)
    walk.part(token, f"{type(value).__qualname__}.{value.name}")
    return token


def encode_instance(value: Any, walk: Walk) -> bytes:
    """Encode an instance by its class, its builtin content and all of its attributes."""
    cls = type(value)
    pieces = [class_token(cls, walk)]
    content = next((_CONTENT[base] for base in cls.__mro__ if base in _CONTENT), None)
    if content is not None:
        pieces += content(value, walk)
    for name, attribute in sorted(_attributes(value, walk).items()):
        token = walk.child(attribute, f".{name}")
        if token != IGNORED:
            pieces.append(frame("attribute", name.encode(), token))
    return frame("instance", *pieces)


def encode_attrs_field(value: Any, walk: Walk) -> bytes:
    """Encode a field of an attrs class by what decides about values, which its annotation does not."""
    return frame("attrs field", *(walk.child(getattr(value, name), f".{name}") for name in _ATTRS_FIELD))


def encode_encoding(value: Any, walk: Walk) -> bytes:
    """Encode what a fast tokenizer gives for one text, by all that it tells about the tokens."""
    return frame("encoding", *(walk.child(getattr(value, name), f".{name}") for name in _ENCODING))


def _attributes(value: Any, walk: Walk) -> dict[str, Any]:
    """Give an instance's attributes: those in its dictionary, those in slots, and fields that only its class holds."""
    cls = type(value)
    stored = getattr(value, "__dict__", {})
    found = {}
    for name in {**stored, **dict.fromkeys(_declared(cls))}:
        if name in _BOOKKEEPING:
            continue
        if isinstance(inspect.getattr_static(cls, name, None), cached_property):
            walk.note(f"{walk.path}.{name} is a cached property and taken for derived from the rest")
            continue
        # Read past a user's `__getattr__`, which may compute. A slot or field that is not set is not there.
        try:
            found[name] = stored[name] if name in stored else object.__getattribute__(value, name)
        except AttributeError:
            continue
    return found


def _declared(cls: type) -> Iterator[str]:
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            private = slot.startswith("__") and not slot.endswith("__")
            yield f"_{base.__name__.lstrip('_')}{slot}" if private else slot
    if dataclasses.is_dataclass(cls):
        yield from (field.name for field in dataclasses.fields(cls))
    yield from (field.name for field in getattr(cls, "__attrs_attrs__", ()))


def _plain_named_tuple(cls: type) -> bool:
    # Its methods are generated with the class, differently in each Python version, and hold nothing of the user's.
    return (
        cls.__bases__ == (tuple,)
        and hasattr(cls, "_fields")
        and _NAMED_TUPLE.issuperset(set(cls.__dict__) - set(cls._fields))
    )


def _scalar_content(kind: type) -> Callable[[Any, Walk], list[bytes]]:
    def content(value: Any, walk: Walk) -> list[bytes]:
        return [encode_scalar(_STORED[kind](value), walk)]

    return content


#: How the builtin value inside an instance of a subclass is read: `int(value)` would ask the subclass's `__int__`.
_STORED: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    int: int.__pos__,
    float: float.__pos__,
    complex: complex.__pos__,
}


def _tuple_content(value: Any, walk: Walk) -> list[bytes]:
    items = tuple.__getitem__(value, slice(None))
    fields = getattr(type(value), "_fields", ())
    if len(fields) != len(items):
        return [frame("items", *item_tokens(items, walk))]
    return [frame("items", *(walk.child(item, f".{name}") for name, item in zip(fields, items, strict=True)))]


def _list_content(value: Any, walk: Walk) -> list[bytes]:
    return [frame("items", *item_tokens(list.__getitem__(value, slice(None)), walk))]


def _deque_content(value: Any, walk: Walk) -> list[bytes]:
    return [walk.child(value.maxlen, ".maxlen"), frame("items", *item_tokens(list(deque.__iter__(value)), walk))]


def _set_content(value: Any, walk: Walk) -> list[bytes]:
    base: Any = set if isinstance(value, set) else frozenset
    return [frame("items", *set_tokens(base.__iter__(value), walk))]


def _dict_content(value: Any, walk: Walk) -> list[bytes]:
    return [frame("items", *mapping_tokens(value, walk))]


def _ordered_content(value: Any, walk: Walk) -> list[bytes]:
    # Two ordered dictionaries are equal only where their orders are.
    return [frame("items", *mapping_tokens(dict(OrderedDict.items(value)), walk, ordered=True))]


def _default_content(value: Any, walk: Walk) -> list[bytes]:
    return [walk.child(value.default_factory, ".default_factory"), *_dict_content(value, walk)]


#: By builtin base: how its content is read from an instance of a subclass.
_CONTENT: dict[type, Callable[[Any, Walk], list[bytes]]] = {
    OrderedDict: _ordered_content,
    defaultdict: _default_content,
    dict: _dict_content,
    deque: _deque_content,
    list: _list_content,
    tuple: _tuple_content,
    set: _set_content,
    frozenset: _set_content,
    **{kind: _scalar_content(kind) for kind in _STORED},
}
