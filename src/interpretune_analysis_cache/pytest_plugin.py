"""The pytest plugin: fixtures that give a test suite a cache of its own, or one that outlives it.

Nothing below `interpretune` is imported before a test asks for a fixture: where the host is installed, that import
takes seconds.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from interpretune.analysis.cache.observed import ObservedCache

pytest.register_assert_rewrite("interpretune_analysis_cache.testing")

MODES = ("use", "refresh", "off", "readonly")
SHARED = "shared_analysisstore_cache"
#: Variables that speak about the cache: the first two are set for processes that a test starts, the rest is hidden.
VARIABLES = ("IT_ANALYSIS_CACHE", "IT_ANALYSISSTORE_CACHING", "IT_ANALYSIS_CACHE_READONLY", "IT_ANALYSIS_CACHE_VERIFY")

_counts: pytest.StashKey[Counter[str]] = pytest.StashKey()
_shared: pytest.StashKey[ObservedCache] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and the ini setting for the place."""
    group = parser.getgroup("analysisstore-cache", "cache of interpretability analyses")
    group.addoption(
        "--analysisstore-cache-dir",
        metavar="DIR",
        help="where shared_analysisstore_cache keeps its entries (default: in pytest's own cache)",
    )
    group.addoption(
        "--analysisstore-cache-mode",
        choices=MODES,
        default="use",
        help="use what is there; refresh: compute it anew; off: no caching; readonly: a miss fails the test",
    )
    group.addoption(
        "--analysisstore-cache-stats", action="store_true", help="sum up in the end what the cache did for the tests"
    )
    parser.addini("analysisstore_cache_dir", "where shared_analysisstore_cache keeps its entries", type="string")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and a counter of outcomes for this process."""
    config.addinivalue_line(
        "markers", "analysisstore_caching(enable): run the test with the caching of analyses on, or off."
    )
    config.stash[_counts] = Counter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give marked tests the fixture that their mark stands for."""
    for item in items:
        marker = item.get_closest_marker("analysisstore_caching")
        names = getattr(item, "fixturenames", None)
        if marker is None or names is None:
            continue
        enable = marker.args[0] if marker.args else marker.kwargs.get("enable", True)
        if not enable:
            names.insert(0, "analysisstore_caching_disabled")
        elif SHARED not in names:
            names.insert(0, "analysisstore_cache")


@pytest.fixture
def analysisstore_cache(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[ObservedCache]:
    """Caching on, in a base of the test's own.

    Gives an `AnalysisCache` that also has what happened while the test ran: `hits`, `misses` and `outcomes`. Toggle,
    settings, environment and Hugging Face's switch are as before afterwards.
    """
    from interpretune.analysis.cache.observed import ObservedCache

    base = tmp_path / "analysisstore_cache"
    base.mkdir()
    with _caching(base=base), ObservedCache(base).observing() as cache:
        yield cache
        _count(pytestconfig, cache)


@pytest.fixture(scope="session")
def shared_analysisstore_cache(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ObservedCache]:
    """A base that outlives the run and is shared by xdist workers: what is expensive is computed once ever.

    Caching is on while a test runs that uses this fixture, also by way of another, and while a fixture that names it is
    set up; otherwise it is as before. Gives the same as `analysisstore_cache`, counted over the session.
    """
    from interpretune.analysis.cache.observed import ObservedCache

    base = _shared_base(pytestconfig, tmp_path_factory)
    mode = pytestconfig.getoption("--analysisstore-cache-mode")
    if mode == "readonly":
        cache = ObservedCache(tmp_path_factory.mktemp("analysisstore_cache"), readonly_bases=(base,))
    else:
        cache = ObservedCache(base)
    pytestconfig.stash[_shared] = cache
    yield cache
    _count(pytestconfig, cache)


@pytest.fixture
def analysisstore_caching_disabled() -> Iterator[None]:
    """Caching off, whatever the environment says; as before afterwards."""
    from interpretune.analysis.cache import analysisstore_caching

    with analysisstore_caching(False):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Switch the shared cache on while a fixture that names it is set up."""
    if SHARED not in fixturedef.argnames:
        return (yield)
    with _sharing(request.config):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Switch the shared cache on while a test that uses it runs, unless it has a cache of its own or wants none."""
    names = getattr(item, "fixturenames", ())
    if SHARED not in names or {"analysisstore_cache", "analysisstore_caching_disabled"} & set(names):
        return (yield)
    with _sharing(item.config):
        return (yield)


@contextmanager
def _sharing(config: pytest.Config) -> Iterator[None]:
    from interpretune.analysis.cache import analysisstore_caching

    mode = config.getoption("--analysisstore-cache-mode")
    cache = config.stash.get(_shared, None)
    if cache is None:
        yield
    elif mode == "off":
        with analysisstore_caching(False), cache.observing():
            yield
    else:
        settings: dict[str, Any] = {"base": cache.base, "readonly_bases": cache.readonly_bases}
        settings["mode"] = "refresh" if mode == "refresh" else "use"
        with _caching(**settings), cache.observing(on_miss=_fail if mode == "readonly" else None):
            yield


def _fail(explanation: str) -> None:
    pytest.fail(
        "the analysis is not in the cache, and --analysisstore-cache-mode=readonly forbids to compute it:\n"
        + explanation,
        pytrace=False,
    )


@contextmanager
def _caching(**settings: Any) -> Iterator[None]:
    """Switch caching on, here and in Hugging Face `datasets`, and put back everything afterwards."""
    import datasets

    from interpretune.analysis.cache import analysisstore_caching

    with ExitStack() as stack:
        stack.callback(datasets.enable_caching if datasets.is_caching_enabled() else datasets.disable_caching)
        datasets.enable_caching()
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("IT_ANALYSIS_CACHE", os.fspath(settings["base"]))
        monkeypatch.setenv("IT_ANALYSISSTORE_CACHING", "1")
        stack.enter_context(analysisstore_caching(True, **settings))
        yield


def _shared_base(config: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = config.getoption("--analysisstore-cache-dir") or config.getini("analysisstore_cache_dir")
    if chosen:
        return (config.rootpath / Path(chosen).expanduser()).resolve()
    pytests_own = getattr(config, "cache", None)  # not there with `-p no:cacheprovider`
    if pytests_own is not None:
        return Path(pytests_own.mkdir("analysisstore_cache"))
    return tmp_path_factory.getbasetemp().parent / "analysisstore_cache"


def _count(config: pytest.Config, cache: ObservedCache) -> None:
    counts = config.stash[_counts]
    for outcome in cache.outcomes:
        counts[outcome.status] += 1
        counts["milliseconds saved"] += round(outcome.seconds_saved * 1000)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what this process counted to the controller, where this is a worker of xdist."""
    workeroutput = getattr(session.config, "workeroutput", None)
    counts = session.config.stash[_counts]
    if workeroutput is not None:
        workeroutput["analysisstore_cache"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of xdist counted."""
    counts = getattr(node, "workeroutput", {}).get("analysisstore_cache", {})
    config: pytest.Config = node.config
    total = config.stash[_counts]
    total.update(counts)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the line that ``--analysisstore-cache-stats`` asks for."""
    if not config.getoption("--analysisstore-cache-stats"):
        return
    counts = config.stash[_counts]
    words = [f"{counts[status]} {status}" for status in ("hit", "extended", "miss", "temporary", "bypassed")]
    saved = counts["milliseconds saved"] / 1000
    terminalreporter.write_line(f"analysis cache: {', '.join(words)}; {saved:.1f} s saved")
