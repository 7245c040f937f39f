"""The base, safe names, and the temporary directory of a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import datasets.config
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpretune.analysis.cache import AnalysisCache, paths
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.paths import resolve_base, safe_name, temporary_directory
from interpretune.analysis.cache.settings import configure, enable_analysisstore_caching
from streaming import BATCHES, FEATURES, Calls, expected, make_step

AWKWARD = [
    *("../../x", "..", ".", "a/b", "a\\b", "a b", "a_b~", "ä", "a\ud800", "\n", "\x1b[31m"),
    *(".hidden", "trailing.", "con", "NUL.txt", "modules", "default", "x" * 300, "x" * 301),
]


def test_a_plain_name_stays_as_it_is():
    assert [safe_name(name) for name in ("rte", "wikitext-2", "v1.0", "a_b+c=d")] == [
        "rte",
        "wikitext-2",
        "v1.0",
        "a_b+c=d",
    ]
    assert safe_name(None) == safe_name("") == "default"
    assert safe_name("", fallback="op") == "op"


def test_awkward_names_are_distinct_parts_inside_their_parent(tmp_path):
    names = [safe_name(text) for text in AWKWARD]
    assert len({name.lower() for name in [*names, safe_name(None)]}) == len(AWKWARD) + 1
    for name in names:
        (tmp_path / name).mkdir()
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()


@given(st.text(), st.text())
def test_different_names_stay_different(first, second):
    if first != second and first and second:
        assert safe_name(first) != safe_name(second)


@given(st.text(min_size=1))
def test_a_safe_name_is_one_short_ascii_part(text):
    name = safe_name(text)
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>| ')
    assert name not in (".", "..")
    assert 0 < len(name) <= paths.MAX_NAME + 9


def test_the_base_is_the_argument_then_the_environment_then_hugging_face(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_CACHE_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("IT_ANALYSIS_CACHE", raising=False)
    assert resolve_base() == tmp_path / "hf" / "interpretune"
    monkeypatch.setenv("IT_ANALYSIS_CACHE", str(tmp_path / "env"))
    assert resolve_base() == tmp_path / "env"
    assert (tmp_path / "env").is_dir()
    assert resolve_base(tmp_path / "given") == tmp_path / "given"


@pytest.mark.parametrize(
    "variables", [{}, {"HF_HOME": "~/hf"}, {"XDG_CACHE_HOME": "/x"}, {"HF_HOME": "/h", "XDG_CACHE_HOME": "/x"}]
)
def test_the_home_of_hugging_face_is_what_datasets_says(monkeypatch, variables):
    for name in ("HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code = (
        "from interpretune.analysis.cache import paths; light = paths._hugging_face_home().expanduser();"
        "import datasets;"
        "assert str(light) == datasets.config.HF_CACHE_HOME == str(paths._hugging_face_home()), light"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_base_that_cannot_be_made_is_replaced_with_one_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(paths.platformdirs, "user_cache_path", lambda name: tmp_path / "user" / name)
    configure(base=tmp_path / "file")
    with pytest.warns(UserWarning, match="a file stands there") as caught:
        found = [resolve_base() for _ in range(3)]
    assert set(found) == {tmp_path / "user" / "interpretune"}
    assert len(caught) == 1


def test_what_lies_in_a_base_that_cannot_be_written_is_found(base, monkeypatch):
    enable_analysisstore_caching()
    materialize(make_step(Calls()), BATCHES, features=FEATURES, limit=2)
    # Not by its permissions, as root may do everything.
    monkeypatch.setattr(paths, "_unwritable", lambda path: "permission denied" if path == base else None)
    with pytest.warns(UserWarning, match="permission denied"):
        rows = materialize(make_step(Calls()), BATCHES, features=FEATURES, limit=2)
    assert list(rows) == expected(2)
    assert last_outcome().status == "hit"
    assert last_outcome().path.is_relative_to(base)
    materialize(make_step(Calls()), BATCHES, features=FEATURES)
    assert last_outcome().status == "miss"
    assert not last_outcome().path.is_relative_to(base)


def test_a_base_that_is_named_is_neither_made_nor_replaced(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for named in (tmp_path / "nowhere", tmp_path / "file" / "base"):
        cache = AnalysisCache(named)
        assert cache.base == named
        assert list(cache.entries()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("lacks", ["home", "working directory"])
def test_without_a_place_for_the_base_an_analysis_goes_on(monkeypatch, tmp_path, lacks):
    enable_analysisstore_caching()
    if lacks == "home":
        monkeypatch.setenv("IT_ANALYSIS_CACHE", "~no-such-user-here/base")  # as where one's own is not known
    else:
        monkeypatch.setenv("IT_ANALYSIS_CACHE", "base")
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
    with pytest.raises(OSError, match="no home directory is known" if lacks == "home" else "No such file"):
        resolve_base()
    with pytest.warns(UserWarning, match="The analysis goes on without it"):
        rows = materialize(make_step(Calls()), BATCHES, features=FEATURES)
    assert list(rows) == expected(None)
    assert last_outcome().status == "temporary"


def run(code: str, tmp_path: Path) -> list[str]:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_temporary_directory_is_one_per_process_and_gone_at_exit(tmp_path):
    first, second, existed = run(
        """
        import pathlib
        from interpretune.analysis.cache.paths import temporary_directory
        a, b = temporary_directory(), temporary_directory()
        (a / "file").write_text("x")
        print(a, b, pathlib.Path(a).is_dir())
        """,
        tmp_path,
    )
    assert first == second
    assert existed == "True"
    assert Path(first).is_relative_to(tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_has_its_own_and_leaves_its_parents(tmp_path):
    mine, there, childs = run(
        """
        import os, sys
        from interpretune.analysis.cache.paths import temporary_directory
        mine = temporary_directory()
        read, write = os.pipe()
        if os.fork() == 0:
            os.write(write, str(temporary_directory()).encode())
            sys.exit(0)  # runs the exit handlers, its parent's among them
        os.wait()
        print(mine, mine.is_dir(), os.read(read, 4096).decode())
        """,
        tmp_path,
    )
    assert there == "True"
    assert childs != mine
    assert not Path(childs).exists()
    assert not any(tmp_path.iterdir())


def test_a_temporary_directory_that_was_removed_is_made_again():
    first = temporary_directory()
    shutil.rmtree(first)
    second = temporary_directory()
    assert second.is_dir()
    assert first != second
