"""Where code comes from: the user's own source, the standard library, or an installed distribution.

The source of user code counts. An installed distribution counts by name and version, so its source is never read. What
belongs to a distribution is what its ``RECORD`` lists: editable installs, plain folders on ``sys.path`` and a file that
somebody dropped into ``site-packages`` are user code.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from .asking import asked
from .installed import SITE_FOLDERS, owner_of_file, owner_of_folder
from .whole import whole_package

__all__ = [
    "PYTHON",
    "USER",
    "Origin",
    "class_origin",
    "file_origin",
    "function_origin",
    "is_offered",
    "module_origin",
    "public_name",
]

#: The folders of this library: the cache, and its doorstep beside the host's package.
_CACHE = Path(__file__).resolve().parents[1]
_OWN_FOLDERS = (f"{_CACHE}{os.sep}", f"{_CACHE.parents[2] / 'interpretune_analysis_cache'}{os.sep}")
_DEMO = f"{_CACHE / 'demo'}{os.sep}"


@dataclass(frozen=True)
class Origin:
    """Whose code something is."""

    #: True where the source itself counts.
    user: bool
    #: Name of the installed distribution, ``"python"`` for the standard library, empty for user code.
    distribution: str = ""


USER = Origin(True)
PYTHON = Origin(False, "python")
#: This library: its version counts also where it runs from a source tree, and its code is never followed.
OWN = Origin(False, "interpretune-analysis-cache")
_COMPILED = tuple(EXTENSION_SUFFIXES)
#: The bit of `type.__flags__` that classes made by a class statement or a call have.
_HEAP_TYPE = 1 << 9


@cache
def file_origin(path: str) -> Origin:
    """Tell whose code a file holds.

    Args:
        path: path of a source or extension file.

    Returns:
        Its `Origin`; a file that no installed, non-editable distribution lists is the user's, unless it belongs to a
        package that counts as a whole.
    """
    for spelling in dict.fromkeys((os.path.abspath(path), _real_path(path))):
        if _in_standard_library(spelling):
            return PYTHON
        if spelling.startswith(_OWN_FOLDERS) and not spelling.startswith(_DEMO):
            return OWN
        owner = owner_of_file(spelling)
        if owner is not None:
            return Origin(False, owner)
    package = whole_package(path)
    return USER if package is None else Origin(False, package)


def _real_path(path: str) -> str:
    # Each call of `realpath` asks the system about every folder above; of all files, there are few.
    if os.path.islink(path):
        return os.path.realpath(path)
    folder, name = os.path.split(path)
    return os.path.join(_real_folder(folder), name)


_real_folder = cache(os.path.realpath)


def module_origin(module: ModuleType) -> Origin:
    """Tell whose code a module is; a module without a file is the standard library's if that knows its name."""
    name = module.__name__
    if name == "__main__":
        return USER
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return file_origin(file)
    if name.partition(".")[0] in sys.stdlib_module_names:
        return PYTHON
    # A namespace package is a folder that several distributions may share; what lies in it is asked one by one.
    folders = list(getattr(module, "__path__", ()))
    parent = sys.modules.get(name.rpartition(".")[0])
    if not folders and parent is not None:
        return module_origin(parent)  # made by an extension module for itself, such as `torch._C._nn`
    owners = (owner_of_folder(os.path.abspath(folder)) for folder in folders)
    return next((Origin(False, owner) for owner in owners if owner is not None), USER)


def function_origin(function: FunctionType) -> Origin:
    """Tell whose code a Python function is.

    Code that was made from a string goes by the module whose names it sees.
    """
    return _code_origin(function.__code__, function.__globals__)


def _code_origin(code: CodeType, names: dict[str, Any]) -> Origin:
    if os.path.isabs(code.co_filename) and _exists(code.co_filename):
        return file_origin(code.co_filename)
    name = names.get("__name__")
    if not isinstance(name, str) or name == "__main__":
        return USER
    file = names.get("__file__")
    if isinstance(file, str):
        return file_origin(file)
    return PYTHON if name.partition(".")[0] in sys.stdlib_module_names else USER


def class_origin(cls: type) -> Origin:
    """Tell whose code a class is, by the module that it says it was defined in."""
    if not isinstance(cls.__module__, str):
        return PYTHON  # a type that Cython makes for all its modules, whose instances tell their own
    module = sys.modules.get(cls.__module__)
    if module is not None:
        origin = module_origin(module)
    else:
        origin = PYTHON if cls.__module__.partition(".")[0] in sys.stdlib_module_names else USER
    if origin != PYTHON or not _only_says_so(cls):
        return origin
    home = _compiled_home(cls)
    return USER if home is None else module_origin(home)


#: The compiled modules of those classes that name another one, which does not hold them.
_homes: WeakKeyDictionary[type, ModuleType | None] = WeakKeyDictionary()


def _compiled_home(cls: type) -> ModuleType | None:
    """Give the compiled module that holds a class: one written in Rust says that it is one of `builtins`."""
    if cls not in _homes:
        compiled = [module for module in list(sys.modules.values()) if _file_of(module).endswith(_COMPILED)]
        _homes[cls] = next((module for module in compiled if vars(module).get(cls.__name__) is cls), None)
    return _homes[cls]


def _file_of(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None))


def _only_says_so(cls: type) -> bool:
    # `make_dataclass` names the module `types`, and `exec` in a bare namespace `builtins`. Types written in C do not
    # lie about it, though some of them (that of None) cannot be found in their module.
    if not cls.__flags__ & _HEAP_TYPE:
        return False
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is not cls


def is_offered(value: Any) -> bool:
    """Tell whether an object stands in an installed module under the name that it tells of itself.

    Its distribution's version then says all about it, of whatever class it is.
    """
    module = sys.modules.get(str(asked(value, "__module__")))
    name = asked(value, "__qualname__") or asked(value, "__name__")
    return module is not None and vars(module).get(str(name)) is value and not module_origin(module).user


def public_name(value: Any) -> str:
    """Give the name under which installed code is known, such as ``pathlib.Path``.

    Libraries move definitions between private modules from version to version (``pathlib._local.Path``), so the
    outermost module that offers the same object under the same name is taken.
    """
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, FunctionType) and _goes_by_a_users_name(value):
        return f"{value.__globals__.get('__name__')}.{value.__code__.co_name}"
    owner = asked(value, "__objclass__") or asked(value, "__self__")
    qualified = asked(value, "__qualname__") or asked(value, "__name__") or type(value).__qualname__
    module = asked(value, "__module__")
    if not isinstance(module, str):
        # Methods of a hidden instance, such as `random.random`, name no module; the class of the instance does.
        holder = owner if isinstance(owner, (type, ModuleType)) else type(value if owner is None else owner)
        module = holder.__name__ if isinstance(holder, ModuleType) else holder.__module__
    if module == "builtins" and isinstance(value, type) and _only_says_so(value):
        home = _compiled_home(value)
        module = module if home is None else home.__name__
    parts = module.split(".")
    for length in range(1, len(parts)):
        outer = sys.modules.get(".".join(parts[:length]))
        if outer is None:
            continue
        first, *others = str(qualified).split(".")
        found: Any = _offered(outer, first)
        for name in others:
            found = vars(found).get(name) if hasattr(found, "__dict__") else None
        if found is value or _wraps(found, value):
            return f"{outer.__name__}.{qualified}"
    return f"{module}.{qualified}"


def _wraps(found: Any, value: Any) -> bool:
    """Tell whether a library has put a wrapper over its own function since somebody took it under this name."""
    if not isinstance(found, FunctionType) or found.__dict__.get("__wrapped__") is not value:
        return False
    return value is not None and not function_origin(found).user


def _goes_by_a_users_name(function: FunctionType) -> bool:
    """Tell whether installed code took over the name of the user's function that it wraps, as decorators do."""
    if function.__module__ == function.__globals__.get("__name__"):
        return False
    told = sys.modules.get(str(function.__module__))
    return told is None or module_origin(told).user


def _offered(module: ModuleType, name: str) -> Any:
    """Give what a module holds under a name, also where it fetches it only when it is asked for the first time."""
    held = vars(module)
    if name not in held and name in _listed_in(module):
        try:
            # Otherwise a name would depend on what else the process asked the module for.
            return getattr(module, name, None)
        except Exception:  # fetching it needs something that is not installed
            return None
    return held.get(name)


#: By module, its ``__all__`` with its length, and the names as a set: that of transformers has thousands.
_listed: WeakKeyDictionary[ModuleType, tuple[Any, int, frozenset[str]]] = WeakKeyDictionary()


def _listed_in(module: ModuleType) -> frozenset[str]:
    names = vars(module).get("__all__", ())
    before = _listed.get(module)
    if before is None or before[0] is not names or before[1] != len(names):
        before = _listed[module] = (names, len(names), frozenset(map(str, names)))
    return before[2]


@cache
def _exists(path: str) -> bool:
    return os.path.exists(path)


@lru_cache(maxsize=1)
def _standard_folders() -> tuple[str, ...]:
    return tuple(
        {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
        | {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    )


def _in_standard_library(path: str) -> bool:
    for folder in _standard_folders():
        if path.startswith(folder + os.sep):
            return not any(name in Path(path[len(folder) :]).parts for name in SITE_FOLDERS)
    return False
