"""Where things lie: the base, the temporary directory, names that are safe as parts of a path."""

from __future__ import annotations

import atexit
import errno
import os
import re
import shutil
import sys
import tempfile
import threading
import uuid
from pathlib import Path

import platformdirs
import xxhash

from . import settings
from .notices import notice

__all__ = [
    "ASIDE_PREFIX",
    "aside_name",
    "digests_directory",
    "replaced_base",
    "resolve_base",
    "safe_name",
    "temporary_directory",
]

BASE_VARIABLE = "IT_ANALYSIS_CACHE"
#: Below the base: what files were found to hold, by their identity. Removing it costs one reading of each.
DIGESTS = ".digests"
#: Begins the names of files that are being written; the number of the writing process follows.
ASIDE_PREFIX = ".tmp-"
#: The module global in which Hugging Face keeps its temporary directory.
HF_TEMPORARY = "_TEMP_DIR_FOR_TEMP_CACHE_FILES"
#: Bytes that a file name may have on common file systems is 255; an entry's name adds the key to one of these.
MAX_NAME = 80
#: Device names that Windows reserves in any directory and with any suffix, and a name that the host uses in the base.
RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{i}" for i in range(10)), *(f"lpt{i}" for i in range(10)), "modules"]
)

_lock = threading.Lock()
#: One directory per process: a forked child finds its parent's pid here and makes its own.
_temporary: tuple[int, Path] | None = None
_warned: set[Path] = set()


def aside_name() -> str:
    """Give a file name that no other process and no other call uses; it tells the writing process."""
    return f"{ASIDE_PREFIX}{os.getpid()}-{uuid.uuid4().hex[:12]}"


def resolve_base(explicit: str | os.PathLike[str] | None = None) -> Path:
    """Give the root of the entries.

    Args:
        explicit: the base to use, whether or not it is there or can be written; None for the configured one, else
            ``$IT_ANALYSIS_CACHE``, else ``<datasets.config.HF_CACHE_HOME>/interpretune``.

    Returns:
        An absolute path. Where none was given, one that was created and can be written:
        `platformdirs.user_cache_path("interpretune")` with one warning where the chosen one cannot.

    Raises:
        OSError: it is relative to a directory that is not there, or to a home and none is known.
    """
    if explicit:
        return _absolute(Path(explicit))  # who names a base means that one: to list, check or remove what lies there
    base = _chosen_base()
    problem = _unwritable(base)
    if problem is None:
        return base
    fallback = _absolute(platformdirs.user_cache_path("interpretune"))
    if base not in _warned:
        _warned.add(base)
        notice(
            f"the cache base {str(base)!r} cannot be written ({problem}); {str(fallback)!r} is used instead, and what "
            f"is there is only read. Correct that, or choose another one by {BASE_VARIABLE} or `configure(base=...)`."
        )
    return fallback


def replaced_base(used: Path) -> Path | None:
    """Give the base that was chosen, where it can be read and another one is used in its place; else None.

    Args:
        used: what `resolve_base` gave.
    """
    base = _chosen_base()
    return base if base != used and base.is_dir() and os.access(base, os.R_OK | os.X_OK) else None


def _chosen_base() -> Path:
    chosen = settings.current().base or os.environ.get(BASE_VARIABLE)
    return _absolute(Path(chosen or _hugging_face_home() / "interpretune"))


def digests_directory() -> Path | None:
    """Give the directory in which digests of memory-mapped files are remembered; None where nothing is kept."""
    try:
        return resolve_base() / DIGESTS if settings.is_persistent() else None
    except OSError:  # who looks for the entry is told
        return None


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # as in a container whose user has no entry and no $HOME
        raise FileNotFoundError(errno.ENOENT, f"no home directory is known; set {BASE_VARIABLE}", str(path)) from error


def _hugging_face_home() -> Path:
    """Give ``datasets.config.HF_CACHE_HOME``, without the second that importing `datasets` takes."""
    config = sys.modules.get("datasets.config")
    if config is not None:
        return Path(config.HF_CACHE_HOME)
    user_cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HOME", os.path.join(user_cache, "huggingface")))


def _unwritable(base: Path) -> str | None:
    try:
        base.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        return "a file stands there"
    except OSError as error:
        return error.strerror or type(error).__name__
    return None if os.access(base, os.W_OK | os.X_OK) else "permission denied"


def safe_name(text: str | None, fallback: str = "default") -> str:
    """Make any text one part of a path: readable, inside its parent, and different for different texts.

    Args:
        text: a name from a configuration or a class; may be None or hold anything.
        fallback: what stands for None and the empty text.
    """
    if not text:
        return fallback
    name = re.sub(r"[^A-Za-z0-9._+=-]+", "_", text)[:MAX_NAME]
    plain = name.strip("._ ") == name and name.split(".")[0].lower() not in RESERVED and name != fallback
    if plain and name == text:
        return name
    # A text that had to be changed could meet another one that looks alike, so it carries a digest of its own.
    digest = xxhash.xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))[:8]
    return f"{name.strip('._ ') or fallback}~{digest}"


def temporary_directory() -> Path:
    """Give this process's temporary directory, removed when the process exits.

    It lies where Hugging Face `datasets` keeps its own temporary files, or where `tempfile` puts it. A forked child
    gets one of its own and never removes its parent's.
    """
    global _temporary
    with _lock:
        if _temporary is None or _temporary[0] != os.getpid() or not _temporary[1].is_dir():
            directory = Path(tempfile.mkdtemp(prefix="interpretune_analysis_", dir=_hugging_face_temporary()))
            _temporary = (os.getpid(), directory)
            atexit.register(_remove, os.getpid(), directory)
        return _temporary[1]


def _hugging_face_temporary() -> str | None:
    import datasets.fingerprint

    helper = getattr(datasets.fingerprint, "get_temporary_cache_files_directory", None)
    return None if helper is None else str(helper())


def _remove(pid: int, directory: Path) -> None:
    if os.getpid() == pid:
        shutil.rmtree(directory, ignore_errors=True)


def _disown_in_child() -> None:
    """Keep a forked child from removing its parent's directories when it exits.

    Ours is guarded by the pid. Hugging Face's, in which ours lies, is removed by a finalizer that a child inherits; the
    child lets go of it and makes a directory of its own when it needs one.
    """
    global _temporary, _lock
    _temporary = None
    _lock = threading.Lock()  # the parent's other threads, one of which may hold it, do not exist here
    owner = sys.modules.get("datasets.fingerprint")
    finalizer = getattr(getattr(owner, HF_TEMPORARY, None), "_finalizer", None)
    if owner is not None and finalizer is not None:
        finalizer.detach()
        setattr(owner, HF_TEMPORARY, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_in_child)
