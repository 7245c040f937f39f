"""Datasets of hits can be mapped, filtered and sorted like any other, wherever their entries lie."""

from __future__ import annotations

import os
import pickle
import shutil
import stat
import time
from pathlib import Path

import datasets
import pytest

from interpretune.analysis.cache.cli import main
from interpretune.analysis.cache.eviction import plan_prune, plan_removal
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.settings import analysisstore_caching, configure, enable_analysisstore_caching
from interpretune.analysis.cache.store import AnalysisCache
from streaming import BATCHES, FEATURES, Calls, expected, make_step

# Of `datasets`, which sorts by way of what a newer pyarrow calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Specifying null_placement:FutureWarning")

ROWS = expected(None)
LONG_AGO = 100 * 86400.0


@pytest.fixture(autouse=True)
def _caching(base):
    enable_analysisstore_caching()
    configure(shard_bytes=1)


@pytest.fixture
def shared(base, tmp_path):
    """A base of somebody else's, with an entry, in which nobody may write."""
    rows = get()
    assert last_outcome().status == "miss"
    del rows
    shared = tmp_path / "shared"
    os.rename(base, shared)
    base.mkdir()
    configure(readonly_bases=[shared])
    set_writable(shared, False)
    yield shared
    set_writable(shared, True)


def set_writable(directory, writable):
    for path in [directory, *directory.rglob("*")]:
        if path.is_dir():
            path.chmod(path.stat().st_mode | stat.S_IWUSR if writable else path.stat().st_mode & ~stat.S_IWUSR)


def get(limit=None):
    return materialize(make_step(Calls()), BATCHES, features=FEATURES, limit=limit)


def listing(directory):
    return {(str(path), path.lstat().st_mtime_ns) for path in directory.rglob("*")}


def use(rows, calls=None, *, processes=2):
    """Do with rows what people do."""

    def upper(row):
        if calls is not None:
            calls.append(row["text"])
        return {"text": row["text"] * 2}

    mapped = rows.map(upper, new_fingerprint=f"{rows._fingerprint}-upper")
    assert mapped["text"][:] == [row["text"] * 2 for row in ROWS]
    few = rows.filter(lambda row: int(row["text"]) > 7)
    assert few["text"][:] == [row["text"] for row in ROWS if int(row["text"]) > 7]
    assert few.map(lambda row: {"n": int(row["text"])})["n"][:] == [n for n in range(1, 15) if n > 7]
    backwards = rows.sort("text", reverse=True)
    assert backwards["text"][:] == sorted((row["text"] for row in ROWS), reverse=True)
    assert sorted(rows.shuffle(seed=1)["text"][:]) == sorted(rows["text"][:])
    parts = rows.select([3, 1]).flatten_indices().train_test_split(1)
    assert {len(part) for part in parts.values()} == {1}
    assert rows.map(lambda row: {"n": 1}, num_proc=processes)["n"][:] == [1] * len(ROWS)
    assert list(pickle.loads(pickle.dumps(mapped))) == list(mapped)
    return mapped


def test_a_hit_from_a_read_only_base_is_used_like_any_dataset(base, shared):
    before = listing(shared)
    calls = []
    for _ in range(2):
        rows = get()
        assert (last_outcome().status, list(rows)) == ("hit", ROWS)
        use(rows, calls)
    assert calls == [row["text"] for row in ROWS], "what was made is found again"
    assert listing(shared) == before
    assert rows.cleanup_cache_files()
    assert list(rows) == list(get()) == ROWS
    assert list(pickle.loads(pickle.dumps(rows))) == ROWS


def test_so_is_one_whose_directory_belongs_to_somebody_else(base, monkeypatch):
    get()
    entry = last_outcome().path
    before = listing(entry)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != entry and access(path, mode))
    use(get())
    assert listing(entry) == before


def test_where_no_links_can_be_made_the_rows_are_those_of_the_base(base, shared, monkeypatch):
    monkeypatch.setattr(os, "symlink", lambda *args: (_ for _ in ()).throw(PermissionError("no links here")))
    rows = get()
    assert (last_outcome().status, list(rows)) == ("hit", ROWS)
    assert Path(rows.cache_files[0]["filename"]).is_relative_to(shared)
    assert rows.map(lambda row: {"n": 1}, keep_in_memory=True)["n"][:] == [1] * len(ROWS)


def test_a_slice_and_other_shards_of_a_read_only_base(base, shared):
    assert list(get(limit=3)) == expected(3)
    directory = base / ".derived"
    assert len(list(directory.glob("*/*"))) == 1
    get()
    assert len(list(directory.glob("*/*"))) == 1
    link = next(directory.glob("*/*/data-00001.arrow"))
    link.unlink()
    link.symlink_to("/etc/passwd")
    assert list(get()) == ROWS, "a link that leads elsewhere is not followed"


def test_what_datasets_makes_of_an_entry_is_no_part_of_it_and_goes_with_it(base):
    rows = get()
    entry = last_outcome().path
    use(rows)
    made = [path.name for path in entry.iterdir() if path.name.startswith("cache-")]
    assert made
    cache = AnalysisCache()
    (found,) = cache.entries(damage := [])
    assert not damage
    found.check("full")
    assert main.main(["verify"], standalone_mode=False) is None
    assert plan_prune(cache).leftovers == ()
    assert list(get()) == ROWS
    assert list(datasets.load_from_disk(str(entry))) == ROWS
    assert plan_removal(cache, [found]).frees == found.nbytes > found.manifest.nbytes + 1_000
    assert plan_removal(cache, [found]).carry_out()
    assert not entry.exists()
    assert list(rows) == ROWS


def test_an_entry_is_not_removed_while_datasets_writes_beside_it(base):
    get()
    entry = last_outcome().path
    unfinished = entry / "tmpabc_def1"
    unfinished.write_bytes(b"")
    cache = AnalysisCache()
    assert plan_removal(cache, cache.entries()).carry_out() == []
    os.utime(unfinished, (0, time.time() - LONG_AGO))
    assert plan_prune(cache).leftovers == (unfinished,)
    plan_prune(cache).carry_out()
    assert not unfinished.exists()
    assert plan_removal(cache, cache.entries()).carry_out()


def test_what_is_made_of_rows_whose_entry_went_is_left_over(base):
    rows = get()
    entry = last_outcome().path
    cache = AnalysisCache()
    plan_removal(cache, cache.entries()).carry_out()
    use(rows, processes=None)
    assert {path.name[:6] for path in entry.iterdir()} == {"cache-"}
    assert plan_prune(cache).leftovers == (entry,)
    assert list(get()) == ROWS
    assert last_outcome().status == "miss"
    assert plan_prune(cache).leftovers == ()


@pytest.mark.parametrize(
    ("limits", "used", "goes"),
    [
        ({}, LONG_AGO, True),
        ({}, 86400.0, False),
        ({"max_age": 3600.0}, 86400.0, True),
        ({"max_age": 0.0}, 86400.0, True),
        ({"max_size": 0}, 86400.0, True),
        ({"max_size": 10**9}, 86400.0, False),
        ({"max_size": 0, "max_age": 0.0}, 10.0, False),
    ],
)
def test_what_is_made_of_read_only_entries_is_pruned(base, shared, limits, used, goes):
    use(get(), processes=None)
    (directory,) = (base / ".derived").glob("*/*")
    os.utime(directory, (0, time.time() - used))
    cache = AnalysisCache()
    plan = plan_prune(cache, **limits)
    assert plan.leftovers == ((directory,) if goes else ())
    assert (plan.frees > 1000) == goes
    plan.carry_out()
    assert directory.exists() != goes
    assert list(get()) == ROWS, "the shards themselves are no part of it"
    shutil.rmtree(base)
    base.mkdir()
    assert list(get()) == ROWS


def test_what_was_made_of_rows_is_not_taken_for_that_of_others_computed_anew(base, tmp_path):
    path = tmp_path / "unseen.txt"
    where = Calls()
    where.path = path

    def step(batch, index):
        return {"text": where.path.read_text(), "numbers": []}

    def get_texts(rows):
        return rows.map(lambda row: {"text": row["text"].upper()})["text"][:]

    path.write_text("old")
    old = materialize(step, [1, 2], features=FEATURES)
    path.write_text("new")
    with analysisstore_caching(mode="refresh"):
        new = materialize(step, [1, 2], features=FEATURES)
        assert last_outcome().status == "miss"
    assert get_texts(old) == ["OLD", "OLD"]
    assert get_texts(new) == ["NEW", "NEW"]
    again = materialize(step, [1, 2], features=FEATURES)
    assert (last_outcome().status, again._fingerprint) == ("hit", new._fingerprint)
    assert get_texts(again) == ["NEW", "NEW"]
    more = materialize(step, [1, 2, 3], features=FEATURES)
    assert get_texts(more) == ["NEW"] * 3
