"""Code that a user put in the place of installed code: methods of its classes, functions of its modules.

An installed distribution counts by its version, so what was patched since then has to be looked for. A patch is what
stands in an installed class or module and leads to code of the user's, also behind `functools.partial`, a descriptor, a
bound method or a decorator. Where torch computes, a function of the library itself counts as well where it stands in
the place of another one: in classes of torch modules, in the modules of layers and models, in torch's own namespaces.

Patches come and go while a process lives (`unittest.mock.patch`). What was found in a class or module is remembered as
long as that holds the same objects under the same names, which is told in a few microseconds.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter, is_
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, MethodType, ModuleType, SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

from .attributes import encode_object
from .distributions import PYTHON, class_origin, file_origin, function_origin, module_origin
from .tokens import frame
from .walk import Walk

__all__ = ["ADDED", "class_patches", "encode_patches", "module_patches", "torch_patches"]

#: Methods that libraries add to classes when they are imported or first used, and which no forward calls.
ADDED = frozenset(
    {
        ("torch.nn.modules.module", "Module.smart_apply"),
        ("transformer_lens.model_bridge.bridge", "TransformerBridge.boot_transformers"),
        ("transformer_lens.model_bridge.bridge", "TransformerBridge.check_model_support"),
        ("transformer_lens.model_bridge.bridge", "TransformerBridge.list_supported_models"),
    }
)
#: Torch's own namespaces, through which installed code computes: modules, and the class of tensors.
_TORCH = ("torch", "torch.nn.functional", "torch.Tensor")
#: Modules in which one function may take another one's place; what else libraries hold has aliases of its own.
_MODELS = "transformers.models."
_COMPUTING = ("torch.nn.", _MODELS)
#: Modules, by the beginnings of their names, whose functions the models of transformers call.
_BESIDE = (
    *("transformers.integrations.", "transformers.masking_utils", "transformers.cache_utils"),
    *("transformers.modeling_", "transformers.activations", "transformers.pytorch_utils", "transformers.generation."),
)
#: How a tensor is printed, which is patched by many to see its shape.
_SHOWN = frozenset({"torch.Tensor.__repr__", "torch.Tensor.__str__"})
#: Kinds of values of which modules and classes are full, and which hold no code of the user's.
_PLAIN = frozenset(
    {bool, int, float, complex, str, bytes, tuple, list, set, frozenset, type(None), BuiltinFunctionType}
)

_CODE = attrgetter("__code__")

#: Dotted names and what stands there.
Patches = tuple[tuple[str, Any], ...]


class _Seen:
    """A namespace as it was when it was searched, to tell cheaply whether it still is the same."""

    def __init__(self, held: Any, found: Patches, functions: Iterable[FunctionType]) -> None:
        self.found = found
        self._values = tuple(held.values())
        self._last = next(reversed(held), None)
        self._functions = tuple(dict.fromkeys(functions))
        self._codes = tuple(map(_CODE, self._functions))

    def still_holds(self, held: Any) -> bool:
        """Tell whether it holds the same objects by the same names, and the functions looked at the same code.

        A name that was added since then comes last. To look at each name would take twice as long.
        """
        return (
            len(self._values) == len(held)
            and self._last == next(reversed(held), None)
            and all(map(is_, self._values, held.values()))
            and all(map(is_, self._codes, map(_CODE, self._functions)))
        )


_known: WeakKeyDictionary[Any, _Seen] = WeakKeyDictionary()


def class_patches(cls: type, walk: Walk) -> Patches:
    """Give what does not belong into an installed class and its installed bases, by names such as ``ReLU.forward``.

    Args:
        cls: the class. Of a user's class among its bases nothing is told: its code counts as it is.
        walk: keeps what was found in a class until it ends.
    """
    known = walk.searched
    for base in cls.__mro__:
        if base not in known:
            known[base] = _of_class(base)
    return tuple(patch for base in cls.__mro__ for patch in known[base])


def module_patches(modules: Iterable[str]) -> Patches:
    """Give what was put into the globals of installed modules, by dotted names, sorted.

    Args:
        modules: their names.
    """
    names = set(modules)
    if any(name.startswith(_MODELS) for name in names):
        names |= _beside(tuple(sys.modules))
    found: list[tuple[str, Any]] = []
    for name in names:
        module = sys.modules.get(name)
        if type(module) is ModuleType:
            found += _of_module(module)
    return tuple(sorted(found, key=lambda patch: patch[0]))


@functools.lru_cache(maxsize=1)
def _beside(loaded: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for name in loaded if name.startswith(_BESIDE))


def torch_patches() -> Patches:
    """Give what was put into torch's own namespaces, by dotted names: any installed code may call it."""
    torch: Any = sys.modules["torch"]
    of_tensors = _of_class(torch.Tensor)
    found = [*module_patches(_TORCH[:2]), *((f"torch.{name}", value) for name, value in of_tensors)]
    return tuple(patch for patch in found if patch[0] not in _SHOWN)


def _of_class(cls: type) -> Patches:
    seen = _known.get(cls)
    if seen is None or not seen.still_holds(cls.__dict__):
        functions = (function for value in tuple(cls.__dict__.values()) for function in _functions_in(value))
        seen = _known[cls] = _Seen(cls.__dict__, _in_class(cls), functions)
    return seen.found


def _of_module(module: ModuleType) -> Patches:
    seen = _known.get(module)
    if seen is None or not seen.still_holds(vars(module)):
        seen = _known[module] = _Seen(vars(module), _in_module(module), ())
    return seen.found


def encode_patches(patches: Patches, walk: Walk) -> bytes:
    """Give the token of patches: their names and what their code means.

    Args:
        patches: by dotted names.
        walk: standing at what was patched.
    """
    pieces: list[bytes] = []
    for name, value in patches:
        with walk.at(f".{name}"):
            pieces += (name.encode(), _encode(value, walk))
    return frame("patches", *pieces)


def _encode(value: Any, walk: Walk) -> bytes:
    if walk.find_encoder(value) is not None:
        return walk.child(value)
    return walk.code(value, "") if callable(value) else encode_object(value, walk)


# --- what belongs where


def _in_module(module: ModuleType) -> Patches:
    origin = module_origin(module)
    if origin.user or origin == PYTHON:
        return ()
    home = _top(module.__name__)
    computes = module.__name__ == "torch" or module.__name__.startswith(_COMPUTING)
    held = list(vars(module).items())
    return tuple(
        (f"{module.__name__}.{name}", value)
        for name, value in held
        if _is_users(value, home) or (computes and _is_another(name, value, vars(module)))
    )


def _in_class(cls: type) -> Patches:
    if cls is object or not isinstance(cls.__module__, str) or class_origin(cls).user:
        return ()
    home = _top(cls.__module__)
    is_tensor = (cls.__module__, cls.__qualname__) == ("torch", "Tensor")
    is_module = any((base.__module__, base.__name__) == ("torch.nn.modules.module", "Module") for base in cls.__mro__)
    found = []
    for name, value in sorted(cls.__dict__.items()):
        qualified = f"{cls.__qualname__}.{name}"
        if (cls.__module__, qualified) not in ADDED and (
            _is_users(value, home)
            or (is_module and _is_strange(cls, name, value))
            or (is_tensor and _is_another(name, value, vars(cls.__base__)))
        ):
            found.append((qualified, value))
    return tuple(found)


def _is_users(value: Any, home: str) -> bool:
    """Tell whether what stands in the package `home` leads to code of the user's."""
    return type(value) not in _PLAIN and any(_is_users_own(part, home) for part in _parts(value))


def _is_users_own(value: Any, home: str) -> bool:
    if isinstance(value, FunctionType):
        names = value.__globals__
        if os.path.isabs(value.__code__.co_filename) and names.get("__name__") != "__main__":
            return function_origin(value).user  # also where the user's code was put into a function of the library
        return _is_users_module(names.get("__name__"), names.get("__file__"), home) and function_origin(value).user
    if isinstance(value, ModuleType):
        file = getattr(value, "__file__", None)
        return value.__name__ != "__main__" and _is_users_module(value.__name__, file, home)
    cls = value if isinstance(value, type) else type(value)
    if cls.__module__ == "unittest.mock":
        return home != "unittest"
    told = sys.modules.get(cls.__module__) if isinstance(cls.__module__, str) else None
    return _is_users_module(cls.__module__, getattr(told, "__file__", None), home)


def _is_users_module(name: Any, file: Any, home: str) -> bool:
    """Tell whether a module outside the package `home` is the user's.

    What has no file is left out: libraries make functions and classes in namespaces that look like nobody's.
    """
    if not isinstance(name, str) or _top(name) == home:
        return False
    return name == "__main__" or (isinstance(file, str) and file_origin(file).user)


def _is_another(name: str, value: Any, held: Mapping[str, Any]) -> bool:
    """Tell whether a function of the library stands in the place of another one, as after ``torch.relu = torch.tanh``.

    Libraries do give functions a second name, but then with more or fewer underscores at its ends.

    Args:
        name: where it stands.
        value: what stands there.
        held: where it stands by its own name, unless that is `torch`.
    """
    if not isinstance(value, (FunctionType, BuiltinFunctionType, MethodDescriptorType)):
        return False
    own = value.__name__
    if own.strip("_") == name.strip("_") or name.startswith("__"):
        return False
    torch = sys.modules.get("torch")
    return held.get(own) is value or (torch is not None and vars(torch).get(own) is value)


def _is_strange(cls: type, name: str, value: Any) -> bool:
    """Tell whether something in the class of a torch module was not put there by its library."""
    function = getattr(value, "__func__", value)
    if isinstance(function, FunctionType):
        return _is_moved(cls, name, function)
    described = isinstance(function, (type, property, functools.cached_property, functools._lru_cache_wrapper))
    return not described and (callable(function) or isinstance(function, functools.partialmethod))


def _is_moved(cls: type, name: str, function: FunctionType) -> bool:
    """Tell whether a function says that it is a method of a class that is no relative, or another method of this one.

    Libraries give private methods a second name, and put private helpers of other modules into their classes.
    """
    owner, _, own_name = function.__qualname__.rpartition(".")
    if "<locals>" in owner or not isinstance(function.__module__, str):
        return False
    if not owner:
        return function.__module__ != cls.__module__ and not own_name.startswith("_")
    relatives = [base for base in cls.__mro__ if base.__qualname__ == owner]
    module = sys.modules.get(function.__module__)
    told = None if module is None else vars(module).get(owner)
    relatives += [told] if isinstance(told, type) and issubclass(told, cls) else []
    is_alias = own_name.startswith("_") and any(
        _function_of(vars(base).get(own_name)) is function for base in relatives
    )
    return not is_alias and (own_name != name or not relatives)


def _function_of(value: Any) -> Any:
    return getattr(value, "__func__", value)


# --- what is behind a value


def _functions_in(value: Any) -> Iterator[FunctionType]:
    """Give the Python functions behind what a class or module holds, those below ``__wrapped__`` included."""
    if type(value) not in _PLAIN:
        yield from (part for part in _parts(value) if isinstance(part, FunctionType))


def _parts(value: Any) -> Iterator[Any]:
    pending, seen = [value], set()
    while pending:
        part = pending.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            pending += _behind(part)


def _behind(value: Any) -> list[Any]:
    if isinstance(value, (FunctionType, functools._lru_cache_wrapper)):
        return [value.__dict__["__wrapped__"]] if "__wrapped__" in value.__dict__ else []
    if isinstance(value, property):
        return [part for part in (value.fget, value.fset, value.fdel) if part is not None]
    if isinstance(value, (functools.partial, functools.partialmethod)):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, (classmethod, staticmethod)):
        return [value.__func__]
    if isinstance(value, functools.cached_property):
        return [value.func]
    return list(vars(value).values()) if type(value) is SimpleNamespace else []


def _top(module: str) -> str:
    return module.partition(".")[0]
