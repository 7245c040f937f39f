"""The direct form: ``Dataset.from_generator`` over a session of the host, as its tests and notebooks write it.

Hugging Face makes the id of such a dataset from the pickled generator, which holds the session, and so differs in each
process. For generators that hold or are given something of the host, the id is made from what they mean instead, and a
second process finds the files that `datasets` itself has cached. All other uses of `datasets` are left alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

from . import settings
from .digests.base_names import base_names
from .digests.distributions import class_origin
from .errors import UnfingerprintableError
from .host_warnings import warn_once, warn_unfingerprintable

__all__ = ["held_by", "with_meaning"]

#: Classes of the host by which its objects are known.
SESSION = "interpretune.session.ITSession"
MODULE = "interpretune.base.modules.BaseITModule"
_OF_THE_HOST = frozenset(
    {SESSION, MODULE, "interpretune.base.datamodules.ITDataModule", "interpretune.analysis.core.AnalysisStore"}
)


def with_meaning(original: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Give the keyword arguments for ``Dataset.from_generator``, with a fingerprint where one can be given.

    Args:
        original: ``Dataset.from_generator``.
        args: the positional arguments of the call.
        kwargs: its keyword arguments.

    Returns:
        ``kwargs`` as they are, unless caching is on, the caller gave no fingerprint, and the generator holds something
        of the host.
    """
    given = dict(kwargs)
    if not settings.is_persistent():
        return given
    try:
        bound = inspect.signature(original).bind(*args, **kwargs).arguments
    except TypeError:  # the call is wrong, and `datasets` will say how
        return given
    if bound.get("fingerprint") is not None or "fingerprint" not in inspect.signature(original).parameters:
        return given
    generator, arguments = bound["generator"], bound.get("gen_kwargs") or {}
    try:
        held = list(held_by(generator, arguments))
    except Exception:  # what cannot be looked into, such as a closure that is not filled yet, is left alone
        held = []
    if not held:
        return given
    try:
        given["fingerprint"] = _fingerprint(generator, arguments, bound, held)
    except UnfingerprintableError as error:
        warn_unfingerprintable(error)
    except Exception as error:  # trouble of the cache never fails an analysis
        warn_once(f"the key of a generator could not be made ({type(error).__name__}: {error}); it runs uncached.")
    return given


def _fingerprint(generator: Any, arguments: Mapping[str, Any], bound: Mapping[str, Any], held: list[Any]) -> str:
    from .arguments import split_in_key, visible_order  # these need `datasets`, which has been imported by now
    from .host_run import configured_hasher

    session = _first(held, SESSION) or _first(held, MODULE)
    run = {name: value for name, value in bound.get("kwargs", {}).items() if name not in ("keep_in_memory", "num_proc")}
    split = bound.get("split")
    run = {"split": split_in_key(None if split is None else str(split)), **run}
    order = visible_order(generator, arguments)
    if order:
        run["keyword_order"] = order
    return (
        configured_hasher()
        .fingerprint(
            session,
            step=generator,
            inputs=arguments,
            features=bound.get("features"),
            run=run,
        )
        .hexdigest
    )


def _first(held: list[Any], name: str) -> Any:
    return next((value for value in held if name in _names(value)), None)


def _names(value: Any) -> set[str]:
    return set(base_names(type(value)))


def held_by(generator: Any, arguments: Mapping[str, Any]) -> Iterator[Any]:
    """Give the objects of the host that a generator can reach directly.

    Args:
        generator: a function, method, partial or callable object.
        arguments: what it is called with.
    """
    seen: set[int] = set()
    pending: list[Any] = [generator, *arguments.values()]
    while pending:
        value = pending.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if not _OF_THE_HOST.isdisjoint(_names(value)):
            yield value
        else:
            pending += _captured(value)


def _captured(value: Any) -> Iterator[Any]:
    if isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, FunctionType):
        captured = inspect.getclosurevars(value)
        yield from captured.nonlocals.values()
        yield from (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        # Of the names of its module, only functions and the host's own objects are looked into.
        for named in captured.globals.values():
            if isinstance(named, FunctionType) or not _OF_THE_HOST.isdisjoint(_names(named)):
                yield named
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif type(value) is dict:
        yield from value.values()
    elif hasattr(value, "__dict__") and not isinstance(value, (type, ModuleType)) and class_origin(type(value)).user:
        yield from vars(value).values()
