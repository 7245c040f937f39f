"""Making room: who goes first, who stays, and what is said beforehand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pytest

from interpretune.analysis.cache import eviction
from interpretune.analysis.cache.digests import file_digests
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


#: Asks for rows, and dies where a file that it wrote aside in one of the base's directories would get its name.
KILLED = """
import os, signal, sys
from pathlib import Path
import datasets, streaming
from interpretune.analysis.cache.digests import file_digests
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.settings import enable_analysisstore_caching

rename, dies_in = os.replace, Path(sys.argv[1])

def replace(aside, path):
    if Path(path).parent in (dies_in, *dies_in.glob("*")):
        os.kill(os.getpid(), signal.SIGKILL)
    rename(aside, path)

os.replace = replace
file_digests.SETTLED_SECONDS = 0.0
enable_analysisstore_caching()
read = datasets.load_from_disk(sys.argv[2])
step = lambda batch, index: [{"text": str(read[0]["a"]), "numbers": batch}]
materialize(step, [[1], [2]], features=streaming.FEATURES)
"""


@pytest.mark.parametrize(
    "directory",
    [
        "",
        ".keys",
        ".stats",
        pytest.param(".digests", marks=pytest.mark.skipif(not file_digests.MAPS.exists(), reason="remembers none")),
    ],
)
def test_what_a_death_left_aside_goes_at_once_and_what_the_living_write_stays(base, tmp_path, directory):
    numbers = np.arange(file_digests.MIN_BYTES // 8)  # what is smaller is not remembered
    datasets.Dataset.from_dict({"a": numbers}).save_to_disk(str(tmp_path / "read"))
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(base / directory), str(tmp_path / "read")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        timeout=120,
    )
    assert died.returncode == -signal.SIGKILL
    (aside,) = [path for path in (base / directory).rglob(".tmp-*") if path.is_file()]
    living = aside.with_name(f".tmp-{os.getpid()}-0123456789ab")
    living.touch()
    planned = plan_prune(AnalysisCache(base))
    assert aside in planned.leftovers
    planned.carry_out()
    assert not aside.exists()
    assert living.exists()
