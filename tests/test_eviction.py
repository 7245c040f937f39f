"""Making room: who goes first, who stays, and what is said beforehand."""

from __future__ import annotations

import os
import time

import pytest

from interpretune.analysis.cache import eviction
from interpretune.analysis.cache.eviction import pin, plan_prune, plan_removal, unpin
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.settings import configure, enable_analysisstore_caching
from interpretune.analysis.cache.store import AnalysisCache
from storing import LOCATION, plan, store
from streaming import BATCHES, FEATURES, Calls, expected, make_step

KEYS = [f"{number:032x}" for number in range(4)]


@pytest.fixture
def cache(base):
    """Four entries, the first of which was used longest ago."""
    found = AnalysisCache(base)
    for age, key in enumerate(reversed(KEYS), 1):
        use(store(found, 3, key=key, complete=True), time.time() - age * 86400)
    return found


def use(entry, when):
    os.utime(entry.path / "manifest.json", (when, when))


def keys(entries):
    return [entry.key for entry in entries]


def size(entry):
    return sum(path.stat().st_size for path in entry.path.iterdir())


def test_the_least_recently_used_leave_first(cache):
    each = size(cache.find(KEYS[0]))
    use(cache.find(KEYS[0]), time.time() - 9 * 86400)
    planned = plan_prune(cache, max_size=2 * each + each // 2)
    assert keys(planned.entries) == KEYS[:2]
    assert planned.frees == pytest.approx(2 * each, rel=0.01)
    assert len(list(cache.entries())) == 4, "a plan does nothing"
    assert keys(planned.carry_out()) == KEYS[:2]
    assert sorted(keys(cache.entries())) == KEYS[2:]
    assert not plan_prune(cache, max_size=2 * each + each // 2).entries


def test_a_use_puts_an_entry_to_the_end(cache):
    assert cache.find(KEYS[0]) is not None
    assert keys(plan_prune(cache, max_size=0).entries) == KEYS[1:]


def test_what_is_old_leaves(cache):
    assert keys(plan_prune(cache, max_age=2.5 * 86400).carry_out()) == KEYS[:2]
    assert not plan_prune(cache, max_age=2.5 * 86400).entries


def test_pinned_locked_and_used_ones_stay(cache):
    entries = {entry.key: entry for entry in cache.entries()}
    pin(cache, entries[KEYS[0]])
    planned = plan_prune(cache, max_size=0)
    assert keys(planned.entries) == KEYS[1:]
    pin(cache, entries[KEYS[1]])
    cache.find(KEYS[2])  # used since the plan was made
    with cache.writing(LOCATION, plan(KEYS[3])):
        assert planned.carry_out() == []
    assert sorted(keys(cache.entries())) == KEYS
    unpin(cache, entries[KEYS[0]])
    assert keys(plan_removal(cache, entries.values()).entries) == [KEYS[0], KEYS[2], KEYS[3]]


def test_a_clock_that_was_ahead_keeps_nothing_for_ever(cache):
    ahead = cache.find(KEYS[3])
    use(ahead, time.time() + 365 * 86400)
    assert not [key for key in keys(plan_prune(cache, max_age=3600).entries) if key == KEYS[3]]
    assert keys(plan_prune(cache, max_size=0).entries) == KEYS
    assert cache.find(KEYS[3]).last_used < time.time() + 60, "a use corrects it"


def test_what_datasets_puts_beside_the_shards_counts(cache):
    (cache.find(KEYS[1]).path / "cache-0123456789abcdef.arrow").write_bytes(b"x" * 10**6)
    use(cache.find(KEYS[1]), time.time() - 8 * 86400)
    planned = plan_prune(cache, max_size=500_000)
    assert keys(planned.entries) == [KEYS[1]]
    assert planned.frees > 10**6


def test_settings_make_room_after_a_run_and_leave_its_own_rows(cache, monkeypatch):
    enable_analysisstore_caching()
    configure(max_size=1)
    rows = materialize(make_step(Calls()), BATCHES, features=FEATURES)
    assert list(rows) == expected(None)
    (left,) = cache.entries()
    assert list(left.dataset()) == expected(None)
    monkeypatch.setattr(eviction, "JUST_USED", 0.0)
    use(left, time.time() - 60)
    configure(max_size=None, max_age=30)
    materialize(make_step(Calls()), BATCHES[:3], features=FEATURES)
    assert [entry.rows for entry in cache.entries()] == [len(expected(3))]
    assert list(rows) == expected(None), "whoever has them open keeps them"


def test_a_removal_that_is_cut_short_waits_in_the_trash(cache, monkeypatch):
    monkeypatch.setattr("shutil.rmtree", lambda *args, **kwargs: None)
    plan_removal(cache, [cache.find(KEYS[0])]).carry_out()
    monkeypatch.undo()
    assert len(list((cache.base / ".trash").iterdir())) == 1
    assert cache.find(KEYS[0]) is None
    plan_prune(cache).carry_out()
    assert not list((cache.base / ".trash").glob("*"))
