"""Every file-system call of a run fails once, the process dies at each once, and fails at one and dies at the next.

Nothing is wrong, torn or lost then, whether the run computes, extends, opens, mends or makes room.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import random
import shutil
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import datasets
import pytest

from faults import Death, Faults, injected
from interpretune.analysis.cache import eviction
from interpretune.analysis.cache.entry import open_entry
from interpretune.analysis.cache.eviction import pin, plan_prune
from interpretune.analysis.cache.hasher import Fingerprint
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.request import Request, get_or_compute
from interpretune.analysis.cache.settings import configure, enable_analysisstore_caching
from interpretune.analysis.cache.store import AnalysisCache, Location
from streaming import BATCHES, FEATURES, expected

FINGERPRINT = Fingerprint({"op": "0" * 32})
KEY = FINGERPRINT.hexdigest
OTHER = Fingerprint({"op": "1" * 32})
LOCATION = Location("c", "d", "m", "o")
SOME, ALL = 2, 3


ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE]


@pytest.fixture(autouse=True)
def _small_shards(base, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # no power is lost here, and it takes most of the time
    enable_analysisstore_caching()
    configure(shard_bytes=1)
    datasets.disable_progress_bars()
    gc.freeze()  # collecting what the libraries hold takes most of the time after a death
    yield
    gc.unfreeze()
    datasets.enable_progress_bars()


def run(limit=ALL, fingerprint=FINGERPRINT):
    def produce(start):
        for index in range(start, len(BATCHES)):
            yield [{"text": f"{number}", "numbers": [index, number]} for number in BATCHES[index]]

    request = Request(produce, FEATURES, fingerprint, LOCATION, limit=limit)
    return list(get_or_compute(request))


def begin(base):
    """Nothing is there; all is computed."""


def extend(base):
    """A part is there, and the rest computed."""
    run(SOME)


def hit(base):
    """All is there and opened."""
    run()


def leftover(base):
    """A part is there, with what a crash left."""
    run(SOME)
    path = base / LOCATION.directory(KEY)
    (path / ".tmp-999999999-a").write_bytes(b"x")
    (path / "data-00009.arrow").write_bytes(b"x")
    (path / "state.json").unlink()


def damaged(base):
    """What is there is damaged."""
    run()
    (base / LOCATION.directory(KEY) / "data-00001.arrow").write_bytes(b"")


SCENES = [begin, extend, hit, leftover, damaged]


def count_calls(base: Path, prepare: Callable[[Path], None], act: Callable[[], object]) -> list[str]:
    quietly(lambda: prepare(base))
    with injected(Faults(base)) as faults:
        quietly(act)
    clear(base)
    assert len(faults.made) > 3
    return faults.made


def quietly(act):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = act()
    return result, [str(warning.message) for warning in caught]


def clear(base):
    for path in base.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def committed(base):
    manifest = base / LOCATION.directory(KEY) / "manifest.json"
    return json.loads(manifest.read_bytes())["batches"] if manifest.exists() else 0


def check_nothing_is_wrong(base, at_least):
    """Each entry is whole, holds the first batches, and no fewer than were committed."""
    path = base / LOCATION.directory(KEY)
    if committed(base):
        entry = open_entry(path, key=KEY, verify="full")
        assert list(entry.dataset()) == expected(entry.batches)
    assert committed(base) >= at_least


@pytest.mark.parametrize("prepare", SCENES)
def test_a_call_that_fails_costs_no_row(base, prepare):
    for at in some_of(count_calls(base, prepare, run)):
        for number in ERRORS if "ALL_FAULTS" in os.environ else [ERRORS[at % len(ERRORS)]]:
            check_failure(base, prepare, at, number)


def some_of(calls, share=3):
    """Give the calls to try here: a third, at each run of the tests another one; the long campaign tries all."""
    return range(len(calls)) if "ALL_FAULTS" in os.environ else range(random.randrange(share), len(calls), share)


def check_failure(base, prepare, at, number):
    quietly(lambda: prepare(base))
    before = 0 if prepare is damaged else committed(base)
    with injected(Faults(base, fails_at=at, error=trouble(number))) as faults:
        rows, said = quietly(run)
    where = f"call {at}, {faults.made[at : at + 1]}: {last_outcome()} {said}"
    assert rows == expected(ALL), where
    if last_outcome().status == "temporary":
        assert len(said) <= 1 + (prepare is damaged), where
        assert os.strerror(number) in said[-1], where
        assert str(base) in said[-1], where
    if prepare is not damaged or last_outcome().status != "temporary":
        check_nothing_is_wrong(base, before)
    rows, said = quietly(run)
    assert rows == expected(ALL), where
    assert last_outcome().status in ("hit", "extended", "miss"), where
    check_no_leftovers(base)
    clear(base)


def trouble(number):
    return OSError(number, os.strerror(number))


def check_no_leftovers(base):
    path = base / LOCATION.directory(KEY)
    manifest = json.loads((path / "manifest.json").read_bytes())
    plan = plan_prune(AnalysisCache(base))
    if plan.leftovers:
        plan.carry_out()
    known = {"manifest.json", "state.json", *manifest["files"], *(shard["file"] for shard in manifest["shards"])}
    assert {file.name for file in path.iterdir()} == known
    assert not plan_prune(AnalysisCache(base)).leftovers


@pytest.mark.parametrize("fails", [False, True], ids=["dies", "fails and dies"])
@pytest.mark.parametrize("prepare", SCENES)
def test_a_death_at_any_call_loses_nothing_committed(base, prepare, fails):
    for at in some_of(count_calls(base, prepare, run)):
        check_death(base, prepare, at, fails)


def faults_at(base, at, fails):
    """Give a death at a call; or one at the call after it, which itself fails."""
    if fails:
        return Faults(base, fails_at=at, error=trouble(ERRORS[at % len(ERRORS)]), dies_at=at + 1)
    return Faults(base, dies_at=at)


def check_death(base, prepare, at, fails):
    quietly(lambda: prepare(base))
    before = 0 if prepare is damaged else committed(base)
    with injected(faults_at(base, at, fails)) as faults:
        with suppress(Death):
            quietly(run)
        assert faults.is_dead or fails, "the call that failed may have been the last one"
    where = f"call {at}, {faults.made[at : at + 2]}"
    if prepare is not damaged or committed(base) != ALL:
        check_nothing_is_wrong(base, before)
    rows, _ = quietly(run)
    assert rows == expected(ALL), where
    check_nothing_is_wrong(base, ALL)
    check_no_leftovers(base)
    clear(base)


def crowded(base):
    """An entry that may go, a pinned one beside it with what a crash left, and a removal that was cut short."""
    run()
    run(fingerprint=OTHER)
    cache = AnalysisCache(base)
    pin(cache, cache.find(OTHER.hexdigest))
    path = base / LOCATION.directory(OTHER.hexdigest)
    (path / ".tmp-999999999-a").write_bytes(b"x")
    (path / "data-00009.arrow").write_bytes(b"x")
    (base / ".trash" / "a").mkdir(parents=True)
    (base / ".trash" / "a" / "data-00000.arrow").write_bytes(b"x")


def make_room():
    cache = AnalysisCache()
    plan_prune(cache, max_size=0).carry_out()


@pytest.mark.parametrize("way", ["fails", "dies", "fails and dies"])
def test_making_room_removes_whole_entries_or_none_whatever_fails(base, monkeypatch, way):
    monkeypatch.setattr(eviction, "JUST_USED", 0.0)
    for at in some_of(count_calls(base, crowded, make_room), share=12):
        quietly(lambda: crowded(base))
        if way == "fails":
            faults = Faults(base, fails_at=at, error=trouble(ERRORS[at % len(ERRORS)]))
        else:
            faults = faults_at(base, at, way == "fails and dies")
        with injected(faults), suppress(Death, OSError):
            make_room()
        where = f"call {at}, {faults.made[at : at + 2]}"
        check_nothing_is_wrong(base, 0)
        assert len(list(AnalysisCache(base).entries())) in (1, 2), where
        make_room()
        (kept,) = AnalysisCache(base).entries()
        whole = open_entry(kept.path, key=OTHER.hexdigest, verify="full")
        assert list(whole.dataset()) == expected(ALL), where
        assert not list((base / ".trash").glob("*")), where
        assert not plan_prune(AnalysisCache(base)).leftovers, where
        assert not list(base.glob("*/*/*/*/.tmp-*")), where
        assert quietly(run)[0] == expected(ALL), where
        clear(base)
