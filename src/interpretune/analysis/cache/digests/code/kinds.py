"""Code that is no function of the user: installed functions, builtins, descriptors, modules, typing objects.

Installed code counts by the name of its distribution and its own public name. What the user hid inside it counts as
well: the function behind an installed decorator, the fields of an `itemgetter`, the methods of a dispatcher.
"""

from __future__ import annotations

import functools
import operator
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from ..asking import asked
from ..distributions import (
    PYTHON,
    Origin,
    class_origin,
    file_origin,
    function_origin,
    is_offered,
    module_origin,
    public_name,
)
from ..patches import class_patches, encode_patches
from ..tokens import frame
from ..walk import Walk
from .compiled import code_token
from .decorators import decorated_token
from .lookup import dispatched
from .noise import is_noise, says_of_the_world
from .random import DISTRIBUTIONS, SAMPLED

__all__ = ["encode_kind", "installed_token", "name_token", "origin_of"]

#: Names that every module has and that say only where it lies.
MODULE_NAMES = frozenset(
    [
        "__name__",
        "__file__",
        "__path__",
        "__package__",
        "__spec__",
        "__loader__",
        "__cached__",
        "__builtins__",
        "__doc__",
        "__annotations__",
    ]
)


def origin_of(value: Any) -> Origin:
    """Tell whose code a function, class, module or builtin is."""
    if isinstance(value, FunctionType):
        return function_origin(value)
    if isinstance(value, type):
        return class_origin(value)
    if isinstance(value, ModuleType):
        return module_origin(value)
    owner = asked(value, "__objclass__")
    if owner is None:
        held = asked(value, "__self__")
        owner = held if isinstance(held, (type, ModuleType)) or held is None else type(held)
    if isinstance(owner, ModuleType):
        return module_origin(owner)
    if isinstance(owner, type):
        return class_origin(owner)
    module = sys.modules.get(asked(value, "__module__") or "")
    return module_origin(module) if module is not None else class_origin(type(value))


def installed_token(value: Any, walk: Walk) -> bytes:
    """Give the token of installed code: the distribution it belongs to and the name it goes by there."""
    origin = origin_of(value)
    if origin.user:
        return _extension(value, walk)
    if origin != PYTHON:
        walk.use(origin.distribution)
    name = public_name(value)
    _note_world(name, walk)
    if name.startswith(DISTRIBUTIONS):
        walk.circumstance(SAMPLED)
    token = frame("installed", origin.distribution.encode(), name.encode())
    patches = class_patches(value, walk) if isinstance(value, type) else ()
    return frame("patched", token, encode_patches(patches, walk)) if patches else token


def name_token(name: str, walk: Walk) -> bytes:
    """Give the token of something that an installed module holds, by its dotted name."""
    origin = module_origin(sys.modules[name.rpartition(".")[0]])
    if origin != PYTHON:
        walk.use(origin.distribution)
    _note_world(name, walk)
    return frame("installed", origin.distribution.encode(), name.encode())


def _note_world(name: str, walk: Walk) -> None:
    if words := says_of_the_world(name):
        walk.note(f"`{name}` {words}")


def encode_kind(value: Any, walk: Walk) -> bytes:
    """Give the token of code that is neither a user's function nor a user's class.

    Args:
        value: the code, at the walk's current path.
        walk: where it was met.
    """
    for kinds, encode in _KINDS:
        if isinstance(value, kinds):
            return encode(value, walk)
    if type(value).__module__ in ("typing", "typing_extensions", "types"):
        return _typing(value, walk)
    if type(value).__module__ == "numpy" and type(value).__name__ == "ufunc":
        if value.__name__.endswith(" (vectorized)"):
            walk.refuse(value, "a ufunc made by `numpy.frompyfunc` hides its function", "Use `numpy.vectorize`.")
        return frame("ufunc", installed_token(type(value), walk), value.__name__.encode())
    if type(value).__name__ == "cython_function_or_method" or is_offered(value):
        return installed_token(value, walk)
    walk.refuse(value, "its meaning is not known to the cache")


def _installed_function(value: FunctionType, walk: Walk) -> bytes:
    """An installed function; the user's code in its closure, its defaults and below ``__wrapped__`` counts too."""
    if dispatched(value):
        return _dispatcher(value, walk)
    return frame("function", installed_token(value, walk), *decorated_token(value, walk))


def _dispatcher(value: Any, walk: Walk) -> bytes:
    """`functools.singledispatch`: each class with the function that serves it."""
    served = [
        frame("serve", walk.child(cls, f".registry[{cls.__qualname__}]"), walk.child(function, f"[{cls.__qualname__}]"))
        for cls, function in dispatched(value).items()
    ]
    return frame("singledispatch", *sorted(served))


def _builtin(value: Any, walk: Walk) -> bytes:
    held = value.__self__
    if isinstance(held, type) and class_origin(held).user:
        return _of_users_class(value, held, walk)
    if held is None or isinstance(held, (ModuleType, type)):
        return installed_token(value, walk)
    # `random.random` is a method of an instance that its module keeps; as a name of the module it is plain code.
    home = sys.modules.get(type(held).__module__, types)
    if vars(home).get(value.__name__) == value:
        return name_token(f"{home.__name__}.{value.__name__}", walk)
    return frame("method", walk.child(held, ".__self__"), value.__name__.encode())


def _of_users_class(value: Any, held: type, walk: Walk) -> bytes:
    """What Python itself gives each class, such as ``Base.__subclasses__``, by which code finds what registered."""
    found = _descendants(held) if value.__name__ == "__subclasses__" else []
    tokens = [walk.child(cls, f".__subclasses__()[{cls.__qualname__}]") for cls in found]
    return frame("method", walk.child(held, ".__self__"), value.__name__.encode(), *tokens)


def _descendants(cls: type) -> list[type]:
    found: dict[type, None] = {}
    direct: list[type] = type.__subclasses__(cls)
    for below in direct:
        found.update(dict.fromkeys([below, *_descendants(below)]))
    return list(found)


def _bound(value: Any, walk: Walk) -> bytes:
    return frame("method", walk.child(value.__self__, ".__self__"), value.__name__.encode())


def _extension(value: Any, walk: Walk) -> bytes:
    """Compiled code of the user: nothing can be read in it, so its file counts."""
    module = value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file_origin(file).user or file.endswith(".py"):
        walk.refuse(value, "neither its source nor the file of its compiled code was found")
    walk.note(f"`{public_name(value)}` is compiled code: the bytes of its file count")
    return frame("extension", str(getattr(value, "__qualname__", "")).encode(), Path(file).read_bytes())


def _property(value: property, walk: Walk) -> bytes:
    accessors = (value.fget, value.fset, value.fdel)
    return frame(
        "property",
        *(walk.child(part, f".{name}") for name, part in zip(("fget", "fset", "fdel"), accessors, strict=True)),
    )


def _class_or_static(value: Any, walk: Walk) -> bytes:
    return frame(type(value).__name__, walk.child(value.__func__, ".__func__"))


def _cached_property(value: Any, walk: Walk) -> bytes:
    return frame("cached_property", walk.child(value.func, ".func"))


def _partialmethod(value: Any, walk: Walk) -> bytes:
    parts = (walk.child(value.func, ".func"), walk.child(value.args, ".args"), walk.child(value.keywords, ".keywords"))
    return frame("partialmethod", *parts)


def _single_dispatch_method(value: Any, walk: Walk) -> bytes:
    return frame("singledispatchmethod", walk.child(value.dispatcher, ".dispatcher"))


def _operator(value: Any, walk: Walk) -> bytes:
    kind, arguments = value.__reduce__()[:2]
    # A `methodcaller` with keywords is told as a partial that holds them.
    keywords = kind.keywords if isinstance(kind, functools.partial) else {}
    arguments = (*(kind.args if isinstance(kind, functools.partial) else ()), *arguments)
    tokens = (walk.child(arguments, ".args"), walk.child(keywords, ".keywords"))
    return frame("operator", type(value).__name__.encode(), *tokens)


def _module(value: ModuleType, walk: Walk) -> bytes:
    """A module handed on as a whole: by name where it is installed, else with all that it holds."""
    if not module_origin(value).user:
        return installed_token(value, walk)
    if not str(getattr(value, "__file__", "") or ".py").endswith((".py", ".pyc")):
        return _extension(value, walk)
    held = {
        name: content for name, content in vars(value).items() if name not in MODULE_NAMES and not is_noise(content)
    }
    return frame("module", *(frame("name", name.encode(), walk.child(held[name], f".{name}")) for name in sorted(held)))


def _typing(value: Any, walk: Walk) -> bytes:
    origin, arguments = typing.get_origin(value), typing.get_args(value)
    if origin is not None and origin is not value:
        name = getattr(value, "_name", None) or ""
        return frame(
            "generic", str(name).encode(), walk.child(origin, ".__origin__"),
            *(walk.child(argument, f".__args__[{index}]") for index, argument in enumerate(arguments)),
        )  # fmt: skip
    name = getattr(value, "__name__", None) or getattr(value, "_name", None) or getattr(value, "__forward_arg__", "")
    return frame("typing", type(value).__name__.encode(), str(name).encode())


def _code(value: types.CodeType, walk: Walk) -> bytes:
    walk.note("a code object counts by its compiled form, so the key is valid for this Python version only")
    return code_token(value)


#: What is looked at how, in this order.
_KINDS: tuple[tuple[Any, Callable[[Any, Walk], bytes]], ...] = (
    (FunctionType, _installed_function),
    ((BuiltinFunctionType, types.MethodWrapperType), _builtin),
    ((types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType), installed_token),
    ((types.GetSetDescriptorType, types.MemberDescriptorType), installed_token),
    (property, _property),
    ((classmethod, staticmethod), _class_or_static),
    (functools.cached_property, _cached_property),
    (functools.partialmethod, _partialmethod),
    (functools.singledispatchmethod, _single_dispatch_method),
    ((operator.itemgetter, operator.attrgetter, operator.methodcaller), _operator),
    (ModuleType, _module),
    (types.CodeType, _code),
)
