"""How attributes are looked up: as the interpreter would, without running code."""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MappingProxyType, MemberDescriptorType, MethodDescriptorType, MethodType, ModuleType
from typing import Any

from ..asking import asked
from ..distributions import class_origin, function_origin, module_origin

__all__ = [
    "ABSENT",
    "Absent",
    "Getter",
    "Method",
    "Plain",
    "Whole",
    "captured",
    "dispatched",
    "find_attribute",
    "find_class_attribute",
    "find_setter",
    "is_followed",
    "is_generated",
    "is_told_by_owner",
    "is_user_class",
    "is_user_function",
    "is_users_code",
    "unwrap",
    "wrapped_by_installed",
]


@dataclass(frozen=True)
class Plain:
    """The attribute is this value."""

    value: Any


@dataclass(frozen=True)
class Method:
    """The attribute is this function, bound to the object (or to its class)."""

    function: Any
    to_class: bool = False


@dataclass(frozen=True)
class Getter:
    """The attribute is what this function gives for the object, followed by these arguments."""

    function: Any
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Whole:
    """The attribute comes from installed code, which may look at everything in the object."""


@dataclass(frozen=True)
class Absent:
    """There is no such attribute."""


ABSENT = Absent()
#: What stands for a field in the class of a named tuple.
_FIELD_OF_TUPLE = type(namedtuple("_Single", "value").__dict__["value"])
#: What a function tells of itself, besides what it does.
_NAMES = frozenset({"__name__", "__qualname__", "__doc__", "__module__", "__annotations__"})
#: Properties of installed classes that only give an attribute, and what in that the object as a whole does not tell:
#: every call of a tokenizer sets padding and truncation anew, so they count only for code that asks the backend itself.
_GIVING = {"backend_tokenizer": "_tokenizer"}
_UNTOLD = frozenset(
    {
        *("encode", "encode_batch", "encode_batch_fast", "post_process", "padding", "truncation", "to_str", "save"),
        *("async_encode", "async_encode_batch", "async_encode_batch_fast"),
    }
)
Found = Plain | Method | Getter | Whole | Absent


def captured(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Give what a function captured, by name; what it is yet to capture is left out."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue


def is_user_function(value: Any) -> bool:
    """Tell whether a Python function's source counts."""
    return isinstance(value, FunctionType) and function_origin(value).user


def is_user_class(cls: type) -> bool:
    """Tell whether a class's source counts."""
    return class_origin(cls).user


def is_users_code(value: Any) -> bool:
    """Tell whether a function, method or class is the user's, also below wrappers that change nothing."""
    value = asked(unwrap(value), "__func__", value)
    return is_user_class(value) if isinstance(value, type) else is_user_function(value)


_DATACLASS_METHODS = frozenset({
    "__init__", "__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__setattr__", "__delattr__",
    "__replace__", "__getstate__", "__setstate__", "_dataclass_getstate", "_dataclass_setstate",
})  # fmt: skip
_NAMED_TUPLE_METHODS = frozenset(
    ("__new__", "_make", "_replace", "__replace__", "__repr__", "_asdict", "__getnewargs__")
)


def is_generated(owner: type, name: str, value: Any) -> bool:
    """Tell whether an entry of a class was generated from its fields, as each Python version does in its own way."""
    function = asked(value, "__func__", value)
    made = isinstance(function, FunctionType) and function.__code__.co_filename.startswith("<")
    if "__dataclass_params__" in owner.__dict__:
        return name in _DATACLASS_METHODS and (made or not is_user_function(function))
    if "__attrs_attrs__" in owner.__dict__:
        return made and function.__code__.co_filename.startswith("<attrs generated")
    if "_fields" in owner.__dict__ and issubclass(owner, tuple):
        return name in owner.__dict__["_fields"] or (
            name in _NAMED_TUPLE_METHODS and (made or not is_user_function(function))
        )
    return False


def unwrap(value: Any) -> Any:
    """Take off wrappers that change nothing about results: memoisation and compilation."""
    while True:
        if isinstance(value, functools._lru_cache_wrapper):
            value = value.__wrapped__
        elif isinstance(value, FunctionType) and "_torchdynamo_orig_callable" in value.__dict__:
            value = value.__dict__["_torchdynamo_orig_callable"]
        else:
            return value


def dispatched(function: Any) -> Mapping[type, Any]:
    """Give the functions of a `functools.singledispatch`, by the class that each serves; of others, nothing."""
    registry = asked(function, "registry")
    return registry if isinstance(registry, MappingProxyType) and hasattr(function, "dispatch") else {}


def wrapped_by_installed(function: Any) -> FunctionType | None:
    """Give the user's function inside an installed decorator, such as `contextlib.contextmanager`, or None."""
    if not isinstance(function, FunctionType) or is_user_function(function):
        return None
    inside = unwrap(function.__dict__.get("__wrapped__"))
    return inside if is_user_function(inside) else wrapped_by_installed(inside)


def is_followed(function: Any) -> bool:
    """Tell whether calls of a function lead to code of the user's: it is the user's, or around a function that is."""
    return is_user_function(function) or wrapped_by_installed(function) is not None


def find_attribute(obj: Any, name: str) -> Found:
    """Look an attribute up as the interpreter would, without running code.

    Args:
        obj: a live object of any kind.
        name: the attribute, with private names mangled.
    """
    if isinstance(obj, ModuleType):
        return _module_attribute(obj, name)
    if isinstance(obj, type):
        return _class_level_attribute(obj, name)
    cls = type(obj)
    if name in _NAMES and isinstance(obj, (FunctionType, MethodType)):
        return Plain(getattr(obj, name))
    access = _in_mro(cls, "__getattribute__")
    if isinstance(access, FunctionType):
        return Getter(access, (name,)) if is_user_function(access) else Whole()
    if name == "__class__":
        return Plain(cls)
    if name == "__dict__":
        return Plain(_instance_dict(obj)) if is_user_class(cls) else Whole()
    raw = _in_mro(cls, name)
    if name in _GIVING and isinstance(raw, property) and _gives(raw, _GIVING[name]):
        return find_attribute(obj, _GIVING[name])
    if raw is not ABSENT and _has(type(raw), "__set__"):
        return _described(raw, obj, name)
    own = _instance_dict(obj)
    # A filled `cached_property` holds what its code gave; whether it was asked before must not count.
    if name in own and not isinstance(raw, functools.cached_property):
        return Plain(own[name])
    if raw is not ABSENT:
        return find_class_attribute(cls, name) if isinstance(raw, FunctionType) else _described(raw, obj, name)
    fallback = _in_mro(cls, "__getattr__")
    if isinstance(fallback, Absent):
        return _asked(obj, name)  # types written in C may know more names, as a `weakref.proxy` does
    if is_user_function(fallback):
        return Getter(fallback, (name,))
    return _asked(obj, name)


def is_told_by_owner(owner: Any, label: str, name: str) -> bool:
    """Tell whether an attribute of what a property gave follows from the object that has the property.

    Args:
        owner: that object.
        label: how what the property gave was reached.
        name: the attribute.
    """
    last = label.rpartition(".")[2]
    raw = _in_mro(type(owner), last) if last in _GIVING and name not in _UNTOLD else None
    return isinstance(raw, property) and _gives(raw, _GIVING[last])


def _gives(raw: property, name: str) -> bool:
    """Tell whether an installed property looks at nothing but this attribute."""
    getter = raw.fget
    return isinstance(getter, FunctionType) and not is_user_function(getter) and getter.__code__.co_names == (name,)


def find_class_attribute(cls: type, name: str, after: type | None = None) -> Found:
    """Look up what instances of a class find in the class (or, for `super`, in what comes after a base).

    Args:
        cls: the class whose bases are searched in order.
        name: the attribute, with private names mangled.
        after: begin behind this base.
    """
    order = cls.__mro__
    if after is not None and after in order:
        order = order[order.index(after) + 1 :]
    for base in order:
        if name in base.__dict__:
            raw = base.__dict__[name]
            return Whole() if is_generated(base, name, raw) else _described(raw, None, name)
    return ABSENT


def find_setter(cls: type, name: str) -> Any:
    """Give the user's function that runs when an attribute of an instance is given a value, or None.

    Args:
        cls: the instance's class.
        name: the attribute.
    """
    raw = _in_mro(cls, name)
    if isinstance(raw, property):
        return raw.fset if is_user_function(raw.fset) else None
    setter = _in_mro(type(raw), "__set__")
    return MethodType(setter, raw) if is_user_function(setter) else None


def _described(raw: Any, obj: Any, name: str) -> Found:
    """Say what an entry of a class gives for an instance."""
    raw_type: type = type(raw)
    if isinstance(raw, property):
        return Getter(raw.fget) if raw.fget is not None else ABSENT
    if isinstance(raw, functools.cached_property):
        return Getter(raw.func)
    if isinstance(raw, classmethod):
        return Method(raw.__func__, to_class=True)
    if isinstance(raw, staticmethod):
        return Plain(raw.__func__)
    unwrapped = unwrap(raw)
    if isinstance(unwrapped, FunctionType):
        return Method(unwrapped)
    if isinstance(raw, (functools.partialmethod, functools.singledispatchmethod, MethodDescriptorType)):
        return Method(raw)
    if isinstance(raw, (MemberDescriptorType, _FIELD_OF_TUPLE)) and obj is not None:
        try:
            return Plain(raw.__get__(obj, type(obj)))
        except AttributeError:
            return ABSENT
    if not _has(raw_type, "__get__"):
        return Plain(raw)
    getter = _in_mro(raw_type, "__get__")
    if is_user_function(getter):
        return Getter(MethodType(getter, raw))
    return Whole()


def _module_attribute(module: ModuleType, name: str) -> Found:
    own = vars(module)
    if name == "__dict__":
        return Plain(own)
    raw = _in_mro(type(module), name) if is_user_class(type(module)) else ABSENT
    if raw is not ABSENT and (name not in own or _has(type(raw), "__set__")):
        return _described(raw, module, name)  # of a module of the user's own class
    if name in own:
        return Plain(own[name])
    fallback = own.get("__getattr__")
    if fallback is not None:
        if not module_origin(module).user:
            return _asked(module, name)
        return Getter(fallback, ()) if not isinstance(fallback, FunctionType) else Getter(fallback, (name,))
    fallback = ABSENT if type(module) is ModuleType else _in_mro(type(module), "__getattr__")
    if isinstance(fallback, Absent):
        return ABSENT
    # A module of a class of its own, as that of transformers: what it was not asked for yet, it fetches now.
    return Getter(fallback, (name,)) if is_user_function(fallback) else _asked(module, name)


def _class_level_attribute(cls: type, name: str) -> Found:
    for base in cls.__mro__:
        if name in base.__dict__:
            found = _described(base.__dict__[name], None, name)
            if isinstance(found, Method) and not found.to_class and isinstance(found.function, FunctionType):
                return Plain(found.function)
            if isinstance(found, (Getter, Whole)):
                return _asked(cls, name)
            return found
    return _asked(cls, name)


def _asked(obj: Any, name: str) -> Found:
    """Ask installed code for an attribute, as a torch module finds its parameters."""
    try:
        return Plain(getattr(obj, name))
    except Exception:
        return ABSENT


def _instance_dict(obj: Any) -> dict[str, Any]:
    try:
        own = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return {}
    return own if isinstance(own, dict) else {}


def _in_mro(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return ABSENT


def _has(cls: type, name: str) -> bool:
    return _in_mro(cls, name) is not ABSENT
