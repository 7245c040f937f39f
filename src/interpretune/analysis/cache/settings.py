"""Whether caching is on, and how: the toggle and its settings.

The state is asked at use and never remembered elsewhere, so `datasets.enable_caching()` or a changed environment takes
effect at the next analysis.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "Settings",
    "analysisstore_caching",
    "check_choice",
    "configure",
    "current",
    "enable_analysisstore_caching",
    "is_analysisstore_caching_enabled",
    "is_persistent",
    "listed",
    "on_toggle",
]

ENABLE_VARIABLE = "IT_ANALYSISSTORE_CACHING"
VERIFY_VARIABLE = "IT_ANALYSIS_CACHE_VERIFY"
READONLY_VARIABLE = "IT_ANALYSIS_CACHE_READONLY"
IGNORE_VARIABLE = "IT_ANALYSIS_CACHE_IGNORE"
INCLUDE_VARIABLE = "IT_ANALYSIS_CACHE_INCLUDE"
RUNTIME_VARIABLE = "IT_ANALYSIS_CACHE_RUNTIME"
DEVICE_VARIABLE = "IT_ANALYSIS_CACHE_DEVICE"

#: Settings that have one of a few values.
_CHOICES = {
    "mode": ("use", "refresh"),
    "verify": ("size", "full"),
    "runtime": ("strict", "exact", "ignore"),
    "device": ("strict", "portable"),
}
HF_DISABLED_ADVICE = (
    "Hugging Face dataset caching is disabled, so analyses are kept in a temporary directory only. "
    "Call `datasets.enable_caching()` (with the host: set `itdm_cfg.enable_datasets_cache=True`, since a data module "
    "built without it disables that caching) to keep them."
)


def check_choice(name: str, value: Any, *, called: str | None = None) -> None:
    """Make sure that a setting has one of its few values.

    Args:
        name: the setting.
        value: its value.
        called: what gave it, for the message; the setting itself if not given.

    Raises:
        ValueError: it has another.
    """
    choices = _CHOICES[name]
    if value not in choices:
        raise ValueError(f"{called or name} is {value!r}; it must be {' or '.join(map(repr, choices))}")


def listed(given: str | Iterable[str]) -> tuple[str, ...]:
    """Give several dotted paths as a tuple; one that was not put into a list would else be a list of characters.

    Raises:
        TypeError: they are something else.
    """
    paths = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else None
    if paths is None or not all(isinstance(path, str) for path in paths):
        raise TypeError(f"{given!r} must be dotted paths, as in ignore=('inputs.cfg.label',)")
    return paths


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(os.pathsep) if part)


def _paths(texts: Iterable[str | os.PathLike[str]]) -> tuple[Path, ...]:
    return tuple(Path(text).expanduser() for text in texts)


#: Settings that the environment can give: the variable, and how its text is read.
_FROM_ENVIRONMENT: dict[str, tuple[str, Callable[[str], Any]]] = {
    "verify": (VERIFY_VARIABLE, str),
    "readonly_bases": (READONLY_VARIABLE, lambda text: _paths(_listed(text))),
    "ignore": (IGNORE_VARIABLE, _listed),
    "include": (INCLUDE_VARIABLE, _listed),
    "runtime": (RUNTIME_VARIABLE, str),
    "device": (DEVICE_VARIABLE, str),
}


@dataclass(frozen=True)
class Settings:
    """What can be set about the cache.

    Args:
        base: root of the entries; None for ``$IT_ANALYSIS_CACHE``, else ``<HF_CACHE_HOME>/interpretune``.
        readonly_bases: further bases, searched in order, from which hits are served and to which nothing is written.
        verify: what is checked when an entry is opened: ``"size"`` (sizes and structure) or ``"full"`` (checksums).
        shard_bytes: a shard is committed after this many bytes,
        shard_seconds: or after this many seconds of computing, whichever comes first.
        lock_timeout: seconds to wait for another process that computes the same key; None waits as long as it lives.
        max_size: bytes that the entries of the base may take; least recently used ones leave first. None: no limit.
        max_age: seconds after its last use at which an entry leaves. None: no limit.
        mode: ``"use"``, or ``"refresh"`` to compute anew, once in this process, what is there already.
        ignore: dotted paths, with ``*`` as wildcard, that do not count in the keys of the host's analyses. This and the
            following settings are for these analyses alone; `materialize` and `dataset_from_generator` have
            arguments of the same names.
        include: dotted paths, with ``*`` as wildcard, that count although they are taken for noise.
        runtime: how closely the versions of libraries count: ``"strict"``, ``"exact"`` or ``"ignore"``.
        device: ``"strict"``, the type of device counts, or ``"portable"``.
        trust_versions: reuse the digests of tensors whose version counter did not change.
    """

    base: Path | None = None
    readonly_bases: tuple[Path, ...] = ()
    verify: str = "size"
    shard_bytes: int = 64 * 2**20
    shard_seconds: float = 30.0
    lock_timeout: float | None = None
    max_size: int | None = None
    max_age: float | None = None
    mode: str = "use"
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    runtime: str = "strict"
    device: str = "strict"
    trust_versions: bool = False

    def __post_init__(self) -> None:
        for name in _CHOICES:
            check_choice(name, getattr(self, name))
        for name in ("shard_bytes", "shard_seconds", "lock_timeout", "max_size", "max_age"):
            value = getattr(self, name)
            if value is None and name not in ("shard_bytes", "shard_seconds"):
                continue
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"{name} is {value!r}; it must be a number")
            if not float(value) >= 0:  # nan is not
                raise ValueError(f"{name} is {value!r}; it must not be negative")


@dataclass(frozen=True)
class _State:
    #: None until somebody decides: the environment speaks for as long.
    enabled: bool | None = None
    settings: Settings = Settings()
    #: Names of the settings that were given explicitly; the environment does not override these.
    explicit: frozenset[str] = frozenset()


_lock = threading.RLock()
_state = _State()
_callbacks: list[Callable[[bool], None]] = []


def enable_analysisstore_caching(
    enable: bool = True,
    *,
    base: str | os.PathLike[str] | None = None,
    ignore: Sequence[str] | None = None,
    include: Sequence[str] | None = None,
    runtime: Literal["strict", "exact", "ignore"] | None = None,
    device: Literal["strict", "portable"] | None = None,
    trust_versions: bool | None = None,
) -> None:
    """Switch the caching of analyses on or off, for the whole process.

    What is None is left as it is; see `Settings` for what each of them means, and `configure` for the other settings.

    Args:
        enable: True to switch on, False to switch off.
        base: root of the entries.
        ignore: dotted paths that do not count, such as ``("module.it_cfg.tracker",)``.
        include: dotted paths that count although they are taken for noise.
        runtime: how closely the versions of libraries count.
        device: whether the type of device counts.
        trust_versions: reuse the digests of tensors whose version counter did not change.

    Raises:
        ValueError: a value that the setting cannot have.

    Warns:
        UserWarning: when switched on while Hugging Face dataset caching is disabled. Nothing persists until
            `datasets.enable_caching()` is called; from then on it does. Where warnings are errors it is raised, and
            nothing is changed.
    """
    global _state
    given = {
        "base": base,
        "ignore": ignore,
        "include": include,
        "runtime": runtime,
        "device": device,
        "trust_versions": trust_versions,
    }
    with _lock:
        before = _state
        configure(**{name: value for name, value in given.items() if value is not None})
        if enable and not _hugging_face_caches():
            try:
                warnings.warn(HF_DISABLED_ADVICE, UserWarning, stacklevel=2)
            except UserWarning:  # whoever made warnings errors asked for this one; it must leave nothing half done
                _state = before
                raise
        _state = replace(_state, enabled=bool(enable))
        _tell()


def is_analysisstore_caching_enabled() -> bool:
    """Tell whether caching is switched on, by `enable_analysisstore_caching` or by ``IT_ANALYSISSTORE_CACHING=1``."""
    if _state.enabled is not None:
        return _state.enabled
    return os.environ.get(ENABLE_VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")


def is_persistent() -> bool:
    """Tell whether results are kept: caching is on here and in Hugging Face `datasets`."""
    return is_analysisstore_caching_enabled() and _hugging_face_caches()


def _hugging_face_caches() -> bool:
    import datasets  # takes a second, which the command line does without

    return bool(datasets.is_caching_enabled())


@contextmanager
def analysisstore_caching(enable: bool = True, **settings: Any) -> Iterator[None]:
    """Switch caching on or off within a ``with`` block; toggle and settings are as before afterwards.

    Args:
        enable: True to switch on, False to switch off.
        settings: any field of `Settings`, such as ``base``.
    """
    global _state
    with _lock:
        before = _state
        if settings:
            configure(**settings)
        try:
            enable_analysisstore_caching(enable)
        except BaseException:  # a warning turned into an error must not leave the toggle changed
            _state = before
            raise
    try:
        yield
    finally:
        with _lock:
            _state = before
            _tell()


def configure(**settings: Any) -> None:
    """Change settings for the whole process.

    Args:
        settings: any field of `Settings`. A relative path is taken from the present working directory.

    Raises:
        TypeError: a name that is not a setting, or something else than a number where there must be one.
        ValueError: a value that the setting cannot have.
    """
    global _state
    unknown = set(settings) - {field.name for field in fields(Settings)}
    if unknown:
        raise TypeError(f"no such setting: {', '.join(sorted(unknown))}; see `Settings` for those there are")
    if settings.get("base") is not None:
        # Where it lies now: a relative one would be another after each `os.chdir`.
        settings["base"] = Path(settings["base"]).expanduser().absolute()
    if "readonly_bases" in settings:
        given = settings["readonly_bases"]
        several = [given] if isinstance(given, (str, os.PathLike)) else given
        settings["readonly_bases"] = tuple(path.absolute() for path in _paths(several))
    for name in settings.keys() & {"ignore", "include"}:
        settings[name] = listed(settings[name])
    with _lock:
        _state = replace(
            _state, settings=replace(_state.settings, **settings), explicit=_state.explicit | set(settings)
        )


def current() -> Settings:
    """Give the settings in force: those that were configured, else the environment's, else the defaults.

    Raises:
        ValueError: a variable of the environment has a value that its setting cannot have.
    """
    state = _state
    found = {
        name: read(os.environ[variable])
        for name, (variable, read) in _FROM_ENVIRONMENT.items()
        if name not in state.explicit and os.environ.get(variable)
    }
    for name in found.keys() & _CHOICES.keys():
        check_choice(name, found[name], called=_FROM_ENVIRONMENT[name][0])
    return replace(state.settings, **found) if found else state.settings


def on_toggle(callback: Callable[[bool], None]) -> None:
    """Call a function now and whenever the toggle changes, with whether caching is on.

    The host's hook is put in place and taken out through this, so that this module need not know the host.
    """
    with _lock:
        if callback not in _callbacks:
            _callbacks.append(callback)
        callback(is_analysisstore_caching_enabled())


def _tell() -> None:
    enabled = is_analysisstore_caching_enabled()
    for callback in _callbacks:
        callback(enabled)
