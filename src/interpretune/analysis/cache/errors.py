"""The errors of the cache: each says what is wrong, where, and what to do about it.

Every error is also the nearest builtin, carries its facts as fields, and survives pickling (errors cross process
boundaries in data loaders and test runners).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = [
    "AnalysisCacheError",
    "CorruptEntryError",
    "LockTimeoutError",
    "RowError",
    "UnfingerprintableError",
    "UnsafeBaseError",
]


class AnalysisCacheError(Exception):
    """Base of every error that the analysis cache raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions unpickle by calling the class with `args`, which would need the message parsed back into fields.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(cls: type[AnalysisCacheError], args: tuple[Any, ...], fields: dict[str, Any]) -> AnalysisCacheError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(fields)
    return error


class UnfingerprintableError(AnalysisCacheError, TypeError):
    """An input of a run is of a kind whose meaning the cache does not know.

    Args:
        path: dotted path from the named input to the object, such as ``module.it_cfg.foo``.
        reason: what about the object cannot be understood.
        type_name: qualified name of the object's type.
        hint: what the user can do; the two general ways out are named where none is given.
    """

    def __init__(self, path: str, reason: str, *, type_name: str = "", hint: str | None = None) -> None:
        self.path = path
        self.reason = reason
        self.type_name = type_name
        self.hint = hint or (
            f"{_advice(type_name)}, or leave it out of the key with `ignore=({path!r},)` if it cannot change the rows."
        )
        kind = f" ({type_name})" if type_name else ""
        super().__init__(f"cannot fingerprint `{path}`{kind}: {reason}. {self.hint}")


#: Kinds of objects whose meaning is seldom what their class could say, by the begin of their types' names, and what to
#: do instead. Iterators of the builtin types are among the first.
_ADVICE = {
    "It can be gone through once only: give what it is made from, such as a list, or a function that makes it": (
        *(f"builtins.{kind}" for kind in ("generator", "async_generator", "coroutine", "map", "filter", "zip")),
        *("builtins.enumerate", "builtins.reversed", "itertools."),
    ),
    "It is open in this process only: give its path or what was read from it, or open it inside of the step": (
        *("_io.", "tempfile._Temporary", "gzip.", "mmap.", "socket.", "h5py.", "sqlite3."),
    ),
    "It belongs to this process only: make it inside of the step": (
        *("_thread.", "threading.", "concurrent.futures.", "multiprocessing.", "queue.", "_queue.", "asyncio."),
        "subprocess.",
    ),
}


def _advice(type_name: str) -> str:
    name = "itertools." if type_name.startswith("builtins.") and type_name.endswith("iterator") else type_name
    usual = "Give its class a `__fingerprint__()` method or call `register_encoder(type, fn)`"
    return next((advice for advice, kinds in _ADVICE.items() if name.startswith(kinds)), usual)


class CorruptEntryError(AnalysisCacheError, OSError):
    """An entry's files are not what its manifest says, or the manifest cannot be trusted."""

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = Path(path)
        self.reason = reason
        super().__init__(
            f"cache entry file {str(path)!r} is damaged: {reason}. "
            "It is not served; remove it, or run `it-cache verify --repair`, and the rows are computed again."
        )


class LockTimeoutError(AnalysisCacheError, TimeoutError):
    """Another process held the lock of an entry for longer than the caller was willing to wait."""

    def __init__(self, path: Path | str, seconds: float, holder: str = "unknown") -> None:
        self.path = Path(path)
        self.seconds = seconds
        self.holder = holder
        super().__init__(
            f"waited {seconds:.0f} s for the lock {str(path)!r}, held by {holder}. "
            "Wait for that process, stop it, or give this run a longer `lock_timeout`."
        )


class RowError(AnalysisCacheError, ValueError):
    """A row that a step produced does not fit the declared features.

    Args:
        row: index of the row in the dataset, counted from 0.
        column: name of the column, or ``""`` where the row as a whole is wrong.
        expected: what the features ask for.
        got: what came.
    """

    def __init__(self, row: int, column: str, expected: str, got: str) -> None:
        self.row = row
        self.column = column
        self.expected = expected
        self.got = got
        where = f"row {row}, column {column!r}" if column else f"row {row}"
        super().__init__(
            f"{where}: expected {expected}, got {got}. Correct the step's output or the declared `features`; "
            "what was committed before this row is kept."
        )


class UnsafeBaseError(AnalysisCacheError, PermissionError):
    """The base directory could be written by somebody else, so its entries cannot be trusted."""

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = Path(path)
        self.reason = reason
        super().__init__(
            f"the cache base {str(path)!r} is not used: {reason}. "
            "Choose another base, correct its permissions, or set IT_ANALYSIS_CACHE_ALLOW_SHARED=1 if you trust it."
        )
