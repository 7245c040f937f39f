"""The pytest plugin, as a suite that uses it sees it: in runs of their own, with and without xdist."""

from __future__ import annotations

from importlib import metadata

import pytest

pytest_plugins = ["pytester"]

INSTALLED = any(
    entry_point.value == "interpretune_analysis_cache.pytest_plugin"
    for entry_point in metadata.entry_points(group="pytest11")
)

SUITE = """
    import datasets
    import pytest
    from datasets import Features, Value

    from interpretune.analysis.cache import is_analysisstore_caching_enabled, last_outcome, materialize
    from interpretune_analysis_cache.testing import assert_hit, assert_miss

    FACTOR = {factor}
    FEATURES = Features({{"x": Value("int64")}})


    def step(batch, index):
        with open({calls!r}, "a") as log:
            log.write("call\\n")
        return [{{"x": number * FACTOR}} for number in batch]


    def analysis():
        return materialize(step, [[1, 2], [3]], features=FEATURES)
"""

SHARED = """
    @pytest.fixture(scope="session")
    def rows(shared_analysisstore_cache):
        return analysis()


    @pytest.mark.parametrize("number", range(7))
    def test_rows(rows, number):
        assert rows["x"][:] == [FACTOR, 2 * FACTOR, 3 * FACTOR]


    def test_without():
        assert not is_analysisstore_caching_enabled()
"""


@pytest.fixture
def suite(pytester: pytest.Pytester):
    """Write a test file and run it in a process of its own."""
    calls = pytester.path / "calls.txt"
    pytester.makeini("[pytest]\nfilterwarnings = error\n")

    class Suite:
        path = pytester.path

        def write(self, tests: str, factor: int = 10) -> None:
            import textwrap

            head = textwrap.dedent(SUITE).format(factor=factor, calls=str(calls))
            pytester.makepyfile(test_it=head + textwrap.dedent(tests))

        def run(self, *words: str, randomly: bool = False) -> pytest.RunResult:
            plugin = [] if INSTALLED else ["-p", "interpretune_analysis_cache.pytest_plugin"]
            order = [] if randomly else ["-p", "no:randomly"]
            # What these runs do not use takes longer to be imported than everything that they do.
            unused = ["-p", "no:hypothesispytest", "-p", "no:anyio"]
            return pytester.runpytest_subprocess(*order, *unused, *plugin, *words, timeout=120)

        def computed(self) -> int:
            """Number of calls of the step since last time."""
            lines = calls.read_text().splitlines() if calls.exists() else []
            calls.unlink(missing_ok=True)
            return len(lines)

    return Suite()


def test_a_cache_of_the_tests_own(suite):
    suite.write(
        """
        def test_counts(analysisstore_cache, tmp_path):
            assert is_analysisstore_caching_enabled()
            assert datasets.is_caching_enabled()
            assert analysisstore_cache.base.is_relative_to(tmp_path)
            assert analysis()["x"][:] == [10, 20, 30]
            assert_miss(last_outcome())
            analysis()
            assert_hit(last_outcome())
            assert (analysisstore_cache.hits, analysisstore_cache.misses) == (1, 1)
            assert [outcome.status for outcome in analysisstore_cache.outcomes] == ["miss", "hit"]
            assert len(list(analysisstore_cache.entries())) == 1


        def test_empty_again(analysisstore_cache):
            analysis()
            assert_miss(last_outcome())


        def test_off_otherwise():
            assert not is_analysisstore_caching_enabled()
        """
    )
    suite.run().assert_outcomes(passed=3)


def test_everything_is_as_before_afterwards(suite):
    suite.write(
        """
        import os


        @pytest.fixture(autouse=True)
        def unchanged(monkeypatch):
            monkeypatch.setenv("IT_ANALYSIS_CACHE", "/before")
            datasets.disable_caching()
            yield
            assert os.environ["IT_ANALYSIS_CACHE"] == "/before"
            assert not datasets.is_caching_enabled()
            assert not is_analysisstore_caching_enabled()
            datasets.enable_caching()


        def test_passes(analysisstore_cache):
            assert os.environ["IT_ANALYSIS_CACHE"] == str(analysisstore_cache.base)
            assert os.environ["IT_ANALYSISSTORE_CACHING"] == "1"


        @pytest.mark.xfail(strict=True)
        def test_fails(analysisstore_cache):
            raise ValueError
        """
    )
    suite.run().assert_outcomes(passed=1, xfailed=1)


def test_what_is_shared_is_computed_once_ever(suite):
    suite.write(SHARED)
    first = suite.run("--analysisstore-cache-stats")
    first.assert_outcomes(passed=8)
    first.stdout.fnmatch_lines(["analysis cache: 0 hit, 0 extended, 1 miss*"])
    assert suite.computed() == 2
    second = suite.run("--analysisstore-cache-stats")
    second.assert_outcomes(passed=8)
    second.stdout.fnmatch_lines(["analysis cache: 1 hit, 0 extended, 0 miss*"])
    assert suite.computed() == 0
    suite.run("--cache-clear").assert_outcomes(passed=8)
    assert suite.computed() == 2


def test_workers_of_xdist_compute_once_together(suite):
    pytest.importorskip("xdist")
    suite.write(SHARED)
    first = suite.run("-n", "2", "--analysisstore-cache-stats")
    first.assert_outcomes(passed=8)
    first.stdout.fnmatch_lines(["analysis cache: 1 hit, 0 extended, 1 miss*"])
    assert suite.computed() == 2


def test_an_order_and_seeds_of_another_plugin_change_nothing(suite):
    pytest.importorskip("pytest_randomly")
    suite.write(SHARED)
    for seed, computed in (("1", 2), ("2", 0)):
        result = suite.run(f"--randomly-seed={seed}", randomly=True)
        result.assert_outcomes(passed=8)
        assert suite.computed() == computed


def test_the_place_is_an_option_or_an_ini_setting(suite, pytester):
    suite.write(SHARED)
    suite.run("--analysisstore-cache-dir", "here").assert_outcomes(passed=8)
    assert list((suite.path / "here").glob("*/*/*/*/manifest.json"))
    pytester.makeini("[pytest]\nanalysisstore_cache_dir = there\n")
    suite.run().assert_outcomes(passed=8)
    assert list((suite.path / "there").glob("*/*/*/*/manifest.json"))
    suite.run("-p", "no:cacheprovider").assert_outcomes(passed=8)
    pytester.makeini("[pytest]\n")
    suite.computed()
    suite.run("-p", "no:cacheprovider").assert_outcomes(passed=8)
    assert suite.computed() == 2


def test_readonly_fails_on_a_miss_and_says_what_changed(suite):
    suite.write(SHARED)
    suite.run().assert_outcomes(passed=8)
    readonly = "--analysisstore-cache-mode=readonly"
    suite.run(readonly).assert_outcomes(passed=8)
    assert suite.computed() == 2
    suite.write(SHARED, factor=11)
    result = suite.run(readonly)
    result.assert_outcomes(passed=1, errors=7)
    result.stdout.fnmatch_lines(["*forbids to compute it*", "*op.implementation: *10 became 11*"])
    assert suite.computed() == 0


def test_refresh_computes_anew_and_off_keeps_nothing(suite):
    suite.write(SHARED)
    suite.run("--analysisstore-cache-mode=off").assert_outcomes(passed=8)
    assert suite.computed() == 2
    suite.run().assert_outcomes(passed=8)
    assert suite.computed() == 2
    suite.run("--analysisstore-cache-mode=refresh").assert_outcomes(passed=8)
    assert suite.computed() == 2
    suite.run().assert_outcomes(passed=8)
    assert suite.computed() == 0


def test_the_mark_switches_on_and_off(suite):
    suite.write(
        """
        @pytest.mark.analysisstore_caching(True)
        def test_on():
            assert is_analysisstore_caching_enabled()


        @pytest.mark.analysisstore_caching(False)
        def test_off(monkeypatch):
            monkeypatch.setenv("IT_ANALYSISSTORE_CACHING", "1")
            assert not is_analysisstore_caching_enabled()


        def test_disabled(analysisstore_caching_disabled, monkeypatch):
            monkeypatch.setenv("IT_ANALYSISSTORE_CACHING", "1")
            assert not is_analysisstore_caching_enabled()


        @pytest.mark.analysisstore_caching
        def test_on_with_the_shared_cache(shared_analysisstore_cache):
            assert is_analysisstore_caching_enabled()
            analysis()
            assert shared_analysisstore_cache.misses == 1
        """
    )
    suite.run("--strict-markers").assert_outcomes(passed=4)


def test_the_assertions_say_why(suite):
    suite.write(
        """
        def test_hit(analysisstore_cache):
            analysis()
            assert_hit(last_outcome())


        def test_miss(analysisstore_cache):
            analysis()
            assert_miss(last_outcome(), because="schema")


        def test_because(analysisstore_cache, monkeypatch):
            analysis()
            monkeypatch.setitem(globals(), "FACTOR", 12)
            analysis()
            assert_miss(last_outcome(), because="op.implementation")
            assert_miss(last_outcome(), because="op")
            assert_miss(last_outcome(), because="implementation")
        """
    )
    result = suite.run()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*miss: *no other entry*"])


def test_a_suite_that_does_not_use_it_pays_nothing(suite):
    suite.write("")
    (suite.path / "test_it.py").write_text(
        "import sys\n\n\ndef test_light():\n    assert not {'datasets', 'torch', 'interpretune'} & set(sys.modules)\n"
    )
    suite.run().assert_outcomes(passed=1)


def test_it_can_be_left_out(suite):
    if not INSTALLED:
        pytest.skip("the plugin is not installed, so there is nothing to leave out")
    suite.write("def test_nothing():\n    pass\n")
    suite.run("-p", "no:analysisstore_cache").assert_outcomes(passed=1)
