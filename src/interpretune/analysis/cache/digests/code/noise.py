"""What only tells people about a run, or keeps threads apart, and so cannot change its rows.

One table, and one rule: such an object does not count where it is used as a context manager (``with self.lock:``), or
where a method of it is called and nothing is done with the result (``self.logger.info(...)``). What is passed to such a
call does not count either, except that functions called to make it are followed. Anywhere else the object is refused
like any other of unknown kind, since then its state may reach the rows.

What a subclass of the user's adds or overrides is no noise: such a method may do anything, and is followed as all code
of the user's is, its text included. So are the attributes that an object of such a class holds itself.
"""

from __future__ import annotations

from typing import Any

from ..asking import asked
from ..base_names import base_names
from .lookup import is_user_class, is_users_code

__all__ = ["SAYING_NOTHING", "is_noise", "is_noise_class", "is_quiet_function", "is_users_own", "says_of_the_world"]

#: Classes, by module and name; of their subclasses, what they do not define themselves is meant too.
NOISE_CLASSES = frozenset(
    {
        *(f"logging.{name}" for name in ("Logger", "LoggerAdapter", "Handler", "Filterer")),
        *("_thread.lock", "_thread.LockType", "_thread.RLock", "threading._RLock", "threading.Condition"),
        *(f"threading.{name}" for name in ("Semaphore", "Event", "Barrier", "Thread", "Timer")),
        *(f"multiprocessing.synchronize.{name}" for name in ("SemLock", "Event", "Condition")),
        *("tqdm.std.tqdm", "tqdm.std.Comparable", "rich.console.Console", "rich.progress.Progress"),
        *("_io._TextIOBase", "_io.TextIOWrapper", "_io.StringIO"),
        *("torch.utils.tensorboard.writer.SummaryWriter", "structlog._base.BoundLoggerBase", "loguru._logger.Logger"),
    }
)

#: Functions that only tell people something, where nothing is done with their result.
QUIET_FUNCTIONS = frozenset({"builtins.print", "warnings.warn", "warnings.warn_explicit", "_warnings.warn"})
_QUIET_MODULES = ("logging",)
#: Methods of noise that a method of it may hand on, as in `return super().acquire()`: what they give tells of no state.
SAYING_NOTHING = frozenset(
    {
        *("__enter__", "__exit__", "__aenter__", "__aexit__", "acquire", "release", "update", "emit", "handle", "log"),
        *("debug", "info", "warning", "error", "critical", "exception", "write", "flush", "close", "start", "run"),
    }
)


def is_noise(value: Any) -> bool:
    """Tell whether an object is of a kind that only tells people about the run or keeps threads apart."""
    kind: Any = type(value)
    return is_noise_class(kind)


def is_noise_class(cls: type) -> bool:
    """Tell whether objects of a class only tell people about the run or keep threads apart."""
    return not NOISE_CLASSES.isdisjoint(base_names(cls))


def is_users_own(value: Any, name: str) -> bool:
    """Tell whether an attribute of noise was added by the user, in a subclass or on the object, and so may matter.

    Args:
        value: the noise.
        name: the attribute.
    """
    order = type(value).__mro__
    users = [base for base in order if is_user_class(base) and base_names(base)[0] not in NOISE_CLASSES]
    held = asked(value, "__dict__", {})
    if not users:
        return name in held and is_users_code(held[name])
    if name in held:
        return True
    # One that no class has is looked up as of any object: there may be a `__getattr__`.
    return next((base in users for base in order if name in base.__dict__), True)


def is_quiet_function(value: Any) -> bool:
    """Tell whether a function only tells people something."""
    module = asked(value, "__module__")
    return module in _QUIET_MODULES or f"{module}.{asked(value, '__qualname__', '')}" in QUIET_FUNCTIONS


#: Functions whose results do not follow from what is in the key, by name or by module, and what a note says of them.
_WORLD = {
    "draws from the system, and gives something else each time": frozenset(
        {"secrets", "os.urandom", "random.SystemRandom", "uuid.uuid1", "uuid.uuid4", "torch.seed"}
    ),
    "reads variables of the environment that are not told": frozenset({"os.environ"}),
    "lists files, whose names do not count": frozenset(
        {*(f"{module}.{name}" for module in ("os", "posix") for name in ("listdir", "scandir")), "os.walk", "glob"}
    ),
    "reads a database, which does not count": frozenset({"sqlite3.connect", "_sqlite3.connect"}),
    "runs another program, whose result does not count": frozenset({"subprocess", "os.popen", "os.system"}),
}


def says_of_the_world(name: str) -> str:
    """Tell in words what a function of this dotted name brings in that is not in the key; empty where it is nothing."""
    for words, names in _WORLD.items():
        if name in names or name.rpartition(".")[0] in names:
            return words
    return ""
