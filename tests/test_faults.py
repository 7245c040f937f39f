"""Every file-system call of a run fails once, and the process dies at each once: nothing wrong, torn or lost."""

from __future__ import annotations

import errno
import gc
import json
import os
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest

from faults import Death, Faults, injected
from interpretune.analysis.cache.entry import open_entry
from interpretune.analysis.cache.eviction import plan_prune
from interpretune.analysis.cache.hasher import Fingerprint
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.request import Request, get_or_compute
from interpretune.analysis.cache.settings import configure, enable_analysisstore_caching
from interpretune.analysis.cache.store import AnalysisCache, Location
from streaming import BATCHES, FEATURES, expected

FINGERPRINT = Fingerprint({"op": "0" * 32})
KEY = FINGERPRINT.hexdigest
LOCATION = Location("c", "d", "m", "o")
SOME, ALL = 2, 3


ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE]


@pytest.fixture(autouse=True)
def _small_shards(base):
    enable_analysisstore_caching()
    configure(shard_bytes=1)
    datasets.disable_progress_bars()
    gc.freeze()  # collecting what the libraries hold takes most of the time after a death
    yield
    gc.unfreeze()
    datasets.enable_progress_bars()


def run(limit=ALL):
    def produce(start):
        for index in range(start, len(BATCHES)):
            yield [{"text": f"{number}", "numbers": [index, number]} for number in BATCHES[index]]

    request = Request(produce, FEATURES, FINGERPRINT, LOCATION, limit=limit)
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


def some_of(calls):
    """Give the calls to try here: a third, at each run of the tests another one; the long campaign tries all."""
    return range(len(calls)) if "ALL_FAULTS" in os.environ else range(random.randrange(3), len(calls), 3)


def check_failure(base, prepare, at, number):
    quietly(lambda: prepare(base))
    before = 0 if prepare is damaged else committed(base)
    with injected(Faults(base, at, OSError(number, os.strerror(number)))) as faults:
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


def check_no_leftovers(base):
    path = base / LOCATION.directory(KEY)
    manifest = json.loads((path / "manifest.json").read_bytes())
    plan = plan_prune(AnalysisCache(base))
    if plan.leftovers:
        plan.carry_out()
    known = {"manifest.json", "state.json", *manifest["files"], *(shard["file"] for shard in manifest["shards"])}
    assert {file.name for file in path.iterdir()} == known
    assert not plan_prune(AnalysisCache(base)).leftovers


@pytest.mark.parametrize("prepare", SCENES)
def test_a_death_at_any_call_loses_nothing_committed(base, prepare):
    for at in some_of(count_calls(base, prepare, run)):
        check_death(base, prepare, at)


def check_death(base, prepare, at):
    quietly(lambda: prepare(base))
    before = 0 if prepare is damaged else committed(base)
    with injected(Faults(base, at)) as faults, pytest.raises(Death):
        quietly(run)
    where = f"call {at}, {faults.made[at : at + 1]}"
    if prepare is not damaged or committed(base) != ALL:
        check_nothing_is_wrong(base, before)
    rows, _ = quietly(run)
    assert rows == expected(ALL), where
    check_nothing_is_wrong(base, ALL)
    check_no_leftovers(base)
    clear(base)
