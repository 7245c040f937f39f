"""Who waits for another process is answered as soon as what that one committed is enough, and never with a mixture."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from interpretune.analysis.cache import entry as entries
from interpretune.analysis.cache import locks
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.settings import analysisstore_caching, configure, enable_analysisstore_caching
from interpretune.analysis.cache.store import AnalysisCache
from storing import KEY, LOCATION, plan, rows_of, store, texts
from streaming import BATCHES, FEATURES, Calls, expected, make_step

SECONDS = 60


@pytest.fixture(autouse=True)
def _caching(base):
    enable_analysisstore_caching()


WAITER = """
import sys
import streaming
from interpretune.analysis.cache import locks
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.settings import enable_analysisstore_caching

enable_analysisstore_caching()
acquire = locks.FileLock.acquire

def tell(lock, *args, **kwargs):
    try:
        return acquire(lock, *args, **kwargs)
    except locks.Timeout:
        print("waiting", flush=True)
        raise

locks.FileLock.acquire = tell
limit = None if sys.argv[1] == "None" else int(sys.argv[1])
rows = materialize(streaming.make_step(streaming.Calls()), streaming.BATCHES, features=streaming.FEATURES, limit=limit)
assert list(rows) == streaming.expected(limit), list(rows)
print(last_outcome().status, last_outcome().reason, flush=True)
"""


def waiter(limit):
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": here, "PYTHONHASHSEED": str(limit or 99)}
    words = [sys.executable, "-c", WAITER, str(limit)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)


def last_line(process):
    return process.communicate(timeout=SECONDS)[0].splitlines()[-1]


def test_a_slice_is_served_while_its_entry_is_still_extended(base):
    configure(shard_bytes=1)
    calls = Calls()
    asked: list[subprocess.Popen] = []
    told: list[str] = []

    def append(index):
        calls.indices.append(index)
        if index == 0:
            asked.append(waiter(4))
            assert asked[0].stdout.readline() == "waiting\n"
        if index == len(BATCHES) - 1:
            told.append(last_line(asked[0]))

    watching = Calls()
    watching.indices = type("Watching", (), {"append": staticmethod(append)})()
    rows = materialize(make_step(watching), BATCHES, features=FEATURES)
    assert told == ["hit another thread or process has computed them meanwhile"], "before the whole was there"
    assert list(rows) == expected(None)
    assert calls.indices == list(range(len(BATCHES)))


def test_who_waits_for_more_than_is_computed_computes_the_rest(base):
    asked: list[subprocess.Popen] = []
    watching = Calls()

    def append(index):
        if not asked:
            asked.append(waiter(None))
            assert asked[0].stdout.readline() == "waiting\n"

    watching.indices = type("Watching", (), {"append": staticmethod(append)})()
    assert list(materialize(make_step(watching), BATCHES, features=FEATURES, limit=3)) == expected(3)
    assert last_line(asked[0]) == "extended 3 batches were there"


def test_who_waited_for_a_stochastic_run_takes_its_rows(base, monkeypatch):
    # Nothing is looked at while waiting, so that the other one gets the lock.
    monkeypatch.setattr(locks, "LOOK_SECONDS", SECONDS)
    random.seed(1)
    state = random.getstate()
    is_computing, others_turn = threading.Event(), threading.Event()
    calls = Calls()
    calls.gate = lambda: (is_computing.set(), others_turn.wait(SECONDS))

    def step(batch, index):
        calls.indices.append(index)
        calls.gate()
        return {"text": str(random.random()), "numbers": []}

    def ask(found):
        found.append(list(materialize(step, BATCHES, features=FEATURES, limit=4)))
        found.append(last_outcome().status)

    first: list = []
    second: list = []
    thread = threading.Thread(target=ask, args=(first,))
    thread.start()
    assert is_computing.wait(SECONDS)
    random.setstate(state)
    acquire = locks.FileLock.acquire
    monkeypatch.setattr(
        locks.FileLock, "acquire", lambda *args, **kwargs: (others_turn.set(), acquire(*args, **kwargs))[1]
    )
    ask(second)
    thread.join(SECONDS)
    assert first[1] == "miss"
    assert second == [first[0], "hit"]
    assert calls.indices == [0, 1, 2, 3]


def test_an_entry_begun_anew_while_it_is_opened_is_not_mixed(tmp_path, monkeypatch):
    cache = AnalysisCache(tmp_path)
    store(cache, 5, shard_bytes=1)
    maps = []

    def replace_then_map(shards, schema):
        if not maps:
            maps.append("old")
            with cache.writing(LOCATION, plan(shard_bytes=1), anew=True) as writer:
                for batch in range(1, 6):  # the shards of other rows, some of them of the very same size
                    writer.append(rows_of(batch % 5))
        return map_shards(shards, schema)

    from interpretune.analysis.cache import opening

    map_shards = opening.map_shards
    monkeypatch.setattr(opening, "map_shards", replace_then_map)
    found = cache.open(KEY, LOCATION, batches=1)
    assert found is not None
    entry, dataset = found
    assert dataset["b"][:] == [row["b"] for row in rows_of(1)]
    assert entry.manifest.shards == cache.find(KEY).manifest.shards


def test_an_entry_that_grew_while_it_was_opened_is_served_as_it_was(tmp_path, monkeypatch):
    cache = AnalysisCache(tmp_path)
    store(cache, 3)
    read = []
    monkeypatch.setattr(
        entries.Entry,
        "dataset",
        lambda self, batches=None, *, split=None, real=entries.Entry.dataset: (
            read.append(batches) or (len(read) == 1 and store(AnalysisCache(tmp_path), 5)),
            real(self, batches, split=split),
        )[1],
    )
    entry, dataset = cache.open(KEY, LOCATION, batches=3)
    assert (entry.batches, dataset["b"][:]) == (3, texts(3))
    assert read[0] == 3
    assert read.count(3) == 1


def test_refreshing_is_not_cut_short_by_what_is_there(base):
    calls = Calls()
    step = make_step(calls)
    materialize(step, BATCHES, features=FEATURES)
    calls.take()
    with analysisstore_caching(mode="refresh"):
        materialize(step, BATCHES, features=FEATURES)
    assert calls.take() == list(range(len(BATCHES)))
    assert last_outcome().reason == f"{len(BATCHES)} batches were begun anew: the mode is `refresh`"


def test_an_interrupt_right_after_the_lock_was_had_leaves_it_free(base, monkeypatch):
    acquire = locks.FileLock.acquire
    is_first = [True]

    def interrupted(self, *args, **kwargs):
        acquire(self, *args, **kwargs)
        if is_first:
            is_first.clear()
            raise KeyboardInterrupt

    monkeypatch.setattr(locks.FileLock, "acquire", interrupted)
    with pytest.raises(KeyboardInterrupt):
        materialize(make_step(Calls()), BATCHES, features=FEATURES)
    for status in ("miss", "hit"):
        materialize(make_step(Calls()), BATCHES, features=FEATURES)
        assert last_outcome().status == status


def test_an_interrupt_of_who_waits_changes_nothing_for_who_computes(base, monkeypatch):
    acquire = locks.FileLock.acquire
    interrupted = threading.Event()
    reasons = []

    def interrupt_the_second(self, *args, **kwargs):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return acquire(self, *args, **kwargs)

    monkeypatch.setattr(locks.FileLock, "acquire", interrupt_the_second)
    is_computing = threading.Event()
    calls = Calls()
    calls.ask = lambda: None

    def step(batch, index):
        calls.ask()
        return {"text": "", "numbers": [index]}

    def ask():
        is_computing.set()
        assert interrupted.wait(SECONDS)
        calls.ask = lambda: None
        materialize(step, BATCHES[:1], features=FEATURES, ignore=ignored)
        reasons.append(last_outcome().reason)

    ignored = ["op.implementation.calls.ask"]
    calls.ask = ask
    thread = threading.Thread(
        target=lambda: materialize(step, BATCHES[:1], features=FEATURES, ignore=ignored), daemon=True
    )
    thread.start()
    assert is_computing.wait(SECONDS)
    with pytest.raises(KeyboardInterrupt):
        materialize(step, BATCHES[:1], features=FEATURES, ignore=ignored)
    interrupted.set()
    thread.join(SECONDS)
    assert reasons == ["the step asks for the very rows that it computes"]


def test_waiting_for_more_does_not_read_what_is_there_again_and_again(tmp_path, monkeypatch):
    writing, looking = AnalysisCache(tmp_path), AnalysisCache(tmp_path, verify="full")
    store(writing, 5)
    read = []
    monkeypatch.setattr(entries, "digest_file", lambda path: read.append(path) or "")
    assert looking.open(KEY, LOCATION, batches=6) is None
    assert looking.open(KEY, LOCATION) is None
    assert read == []
