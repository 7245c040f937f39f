"""How this project is checked and shown: `nox` for what CI runs, `nox -s demo` for the demo, `nox --list` for the rest.

Nox makes the virtual environments, so nothing but Python and pip has to be there; the README has the whole command.
"""

from __future__ import annotations

import functools
import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "docs", "tests"]
# Under CI=1 nox would fail for each Python version that is not installed. Here they are skipped, but not all of them.
nox.options.error_on_missing_interpreters = False

SUPPORTED = ["3.10", "3.11", "3.12", "3.13"]
#: Installed alone and first, so that no other requirement chooses another release or build of it.
TORCH = "torch==2.13.0"
#: Fixed, so that a linter's new rule is an event in this file and not in somebody's morning.
LINTERS = ["ruff==0.17.6", "mypy==2.4.1"]
#: The libraries whose types the code is checked against.
TYPED = ["click", "filelock", "platformdirs", "xxhash", "pytest"]
SPHINX = ["sphinx>=8.1,<10", "myst-parser>=4,<6", "furo"]
#: What the benchmarks compare with.
PEERS = ["joblib", "exca"]
#: What says that keys are the same on every Python. Between the oldest and the newest, the rest says nothing new.
KEYS = ["code*", "diff", "explain*", "key_stability", "numerics", "observers", "tables", "values*"]
#: On the oldest also what its library and its dependencies' releases may have otherwise.
OLDEST = [*KEYS, "import", "locks", "materialize", "store", "streams", "writer*"]
#: What kills processes, fails system calls, starts whole suites or compares every kind of row with every other for
#: minutes; on one Python that is enough.
ONCE = ["crash", "downstream_suite", "eviction", "faults", "gathering", "hostile", "plugin"]

#: Where version managers keep interpreters that are not on the path, or only as shims that may stand for nothing.
KEPT_BY_MANAGERS = [
    "{pyenv}/versions/{version}.*/bin/python",
    "~/.local/share/uv/python/cpython-{version}.*/bin/python",
    "~/.local/share/mise/installs/python/{version}.*/bin/python",
    "~/.asdf/installs/python/{version}.*/bin/python",
]


def find_python(version: str) -> str | None:
    """Give a Python of this version that runs, or None."""
    candidates = [os.path.join(directory, f"python{version}") for directory in os.get_exec_path()]
    for pattern in KEPT_BY_MANAGERS:
        filled = pattern.format(version=version, pyenv=os.environ.get("PYENV_ROOT", "~/.pyenv"))
        # pyenv keeps `3.12.1/bin/python3.12` beside `python`; nox looks for the longer name.
        candidates += [f"{python}{version}" for python in sorted(glob.glob(os.path.expanduser(filled)))]
    return next((found for found in candidates if shutil.which(found) and _is_version(found, version)), None)


def _is_version(python: str, version: str) -> bool:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == version


FOUND = {version: python for version in SUPPORTED if (python := find_python(version))}
if not FOUND and sys.version_info >= (3, 10):
    SUPPORTED.append(f"{sys.version_info.major}.{sys.version_info.minor}")
    FOUND[SUPPORTED[-1]] = sys.executable
if not FOUND:
    sys.exit(f"None of Python {', '.join(SUPPORTED)} is installed here; at least one is needed.")
os.environ["PATH"] = os.pathsep.join([*(os.path.dirname(python) for python in FOUND.values()), os.environ["PATH"]])

#: The version on which everything runs, torch and all; the torch-free part runs on the others too.
MAIN = "3.11" if "3.11" in FOUND else next(iter(FOUND))


def session(python: str | list[str] = MAIN) -> Callable[[Callable[[nox.Session], None]], object]:
    """Make a function a nox session that sees only what it installs, whatever `PYTHONPATH` nox itself was found by."""

    def decorate(function: Callable[[nox.Session], None]) -> object:
        @functools.wraps(function)
        def isolated(session: nox.Session) -> None:
            session.env["PYTHONPATH"] = None
            # Compiled when it is imported first, and then kept: of what is installed, most is never imported.
            session.env["PIP_NO_COMPILE"] = "1"
            session.env["PYTHONDONTWRITEBYTECODE"] = None
            session.env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
            function(session)

        return nox.session(isolated, python=python)

    return decorate


@session()
def lint(session: nox.Session) -> None:
    """Check style, format, types, and that imports go one way only."""
    session.install(*LINTERS, *TYPED)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("python", "tests/test_layers.py")


@session()
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html; a warning is an error."""
    # pip builds a wheel of `.`, as for our users, in a directory of its own: sessions may run beside each other.
    session.install(".", *SPHINX)
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html")


@session(python=SUPPORTED)
def tests(session: nox.Session) -> None:
    """Run the tests on a wheel: all on one Python; on the others what needs no torch and may differ there."""
    if session.python == MAIN:
        session.install(TORCH)
        session.install(".[test]")
    else:
        session.install(".[test-light]" if session.python == max(FOUND) else ".[test-keys]")
    # Two test processes share the cores better than one whose torch has a thread on each of them.
    session.env["OMP_NUM_THREADS"] = "1"
    # By file: what the tests of one share takes whole processes to be made, and would be made by each worker.
    workers = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"]
    # The table and the campaigns take longer than all the rest; they have sessions of their own.
    apart = ["--ignore=tests/meaning/test_table.py", "--ignore=tests/soak"]
    if session.python == MAIN:
        chosen = []
    elif session.python == max(FOUND):
        chosen = [f"--ignore={file}" for file in _test_files(ONCE)]
    else:
        chosen = _test_files(OLDEST if session.python == min(FOUND) else KEYS)
    session.run("python", "-m", "pytest", *workers, *apart, *chosen, *session.posargs)


def _test_files(names: list[str]) -> list[str]:
    return sorted(str(path) for name in names for path in Path("tests").glob(f"test_{name}.py"))


@session()
def meaning(session: nox.Session) -> None:
    """Play the table of mutations and no-ops: each row in two fresh processes, at the places where an op may live."""
    session.install(TORCH)
    session.install(".[test]")
    session.run("python", "-m", "pytest", "tests/meaning", "--timeout", "3600", *session.posargs)


@session()
def demo(session: nox.Session) -> None:
    """Show the cache at work on a small transformer; `nox -s demo -- --help` lists the options."""
    session.install(TORCH)
    session.install(".[demo]")
    session.run("python", "-m", "interpretune.analysis.cache", "demo", *session.posargs)


@session()
def bench(session: nox.Session) -> None:
    """Measure what the documentation claims, against peers that are installed here only; writes benchmarks/results/."""
    session.install(TORCH)
    session.install(".[test]")
    session.install(*PEERS)
    results = Path("benchmarks") / "results"
    results.mkdir(exist_ok=True)
    chosen = session.posargs or sorted(path.stem for path in Path("benchmarks").glob("[a-z]*.py"))
    for name in chosen:
        session.run("python", f"benchmarks/{name}.py", "--json", str(results / f"{name}.json"))


@session()
def soak(session: nox.Session) -> None:
    """Run the long campaigns: crashes, races, damage, random values; the seed is printed and can be given again."""
    session.install(TORCH)
    session.install(".[test]")
    session.run(
        "python", "-m", "pytest", "tests/soak", "-p", "no:randomly", "--timeout", "3600", "-s", *session.posargs
    )
