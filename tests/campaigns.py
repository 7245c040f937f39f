"""Campaigns against the store, run in a process of their own: ``python campaigns.py <name> <size> [seed]``.

Each prints its seed first, and fails with what it found. The tests run them small, the ``soak`` session large.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import datasets

from interpretune.analysis.cache import eviction, locks, store
from interpretune.analysis.cache.bases import record_place
from interpretune.analysis.cache.entry import open_entry
from interpretune.analysis.cache.eviction import plan_prune
from interpretune.analysis.cache.hasher import Fingerprint
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.request import Request, get_or_compute
from interpretune.analysis.cache.settings import configure, enable_analysisstore_caching
from interpretune.analysis.cache.store import AnalysisCache, Location
from streaming import BATCHES, FEATURES, expected

COUNT = len(BATCHES)
FORK = multiprocessing.get_context("fork")


def fingerprint(number: int) -> Fingerprint:
    return Fingerprint({"op": f"{number:032x}"})


def place(number: int) -> Location:
    return Location("c", f"d{number}", "m", "o")


def ask(number: int, limit: int | None = None, note: Any = None) -> None:
    """Get or compute the rows of one of several keys, and compare them."""

    def produce(start: int) -> Any:
        for index in range(start, COUNT):
            if note is not None:
                note(number, index)
            yield [{"text": f"{value}", "numbers": [index, value]} for value in BATCHES[index]]

    rows = get_or_compute(Request(produce, FEATURES, fingerprint(number), place(number), limit=limit))
    assert list(rows) == expected(limit), f"wrong rows: {last_outcome()}"


def check(base: Path) -> dict[str, int]:
    """Open every entry with all checks, compare its rows, and give its committed batches by key."""
    found = {}
    for entry in AnalysisCache(base).entries():
        whole = open_entry(entry.path, key=entry.key, verify="full")
        assert list(whole.dataset()) == expected(whole.batches), f"wrong rows in {entry.path}"
        listed = datasets.load_from_disk(str(entry.path)) if (entry.path / "state.json").exists() else []
        assert list(listed) == expected(None)[: len(listed)], f"wrong rows for plain datasets in {entry.path}"
        found[entry.key] = whole.batches
    return found


def check_nothing_is_left(base: Path) -> None:
    plan_prune(AnalysisCache(base)).carry_out()
    for directory, names, files in os.walk(base):
        for name in [*names, *files]:
            assert not name.startswith((".tmp-", ".writer-")), f"{name} is left in {directory}"
    for entry in AnalysisCache(base).entries():
        named = {shard.file for shard in entry.manifest.shards}
        there = {path.name for path in entry.path.glob("data-*.arrow")}
        assert there == named, f"{there ^ named} in {entry.path}"
    assert not list((base / ".trash").glob("*")), "the trash is not empty"


def kill(base: Path, kills: int, chance: random.Random) -> None:
    """Kill a process at random moments of computing, committing, extending and pruning."""
    kept, evicted = (0, 1, 2), (3, 4)
    eviction.JUST_USED = eviction.JUST_WRITTEN = 0.0
    for _ in range(kills):
        before = check(base)
        reader, writer = os.pipe()
        seed, shard_bytes = chance.random(), chance.choice([1, 1000, 2**20])
        pid = os.fork()
        if not pid:
            act_until_killed(base, random.Random(seed), shard_bytes, writer, kept, evicted)
        os.close(writer)
        with os.fdopen(reader) as told:
            assert told.readline() == "ready\n"
            time.sleep(chance.expovariate(1 / 0.05))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            for line in told:
                # A line may be cut off by the death; a commit that was told was complete.
                key, _, batches = line.partition(" ")
                if line.endswith("\n"):
                    before[key] = max(before.get(key, 0), int(batches))
        after = check(base)
        for number in kept:
            key = fingerprint(number).hexdigest
            assert after.get(key, 0) >= before.get(key, 0), f"committed batches of {key} were lost"
        if all(after.get(fingerprint(number).hexdigest, 0) == COUNT for number in kept):
            for name in ("c", ".keys"):
                shutil.rmtree(base / name)
    for number in (*kept, *evicted):
        ask(number)
    check_nothing_is_left(base)


def act_until_killed(base, chance, shard_bytes, told, kept, evicted):
    try:
        configure(shard_bytes=shard_bytes)

        def tell(base: Path, key: str, path: Path) -> None:
            batches = json.loads((path / "manifest.json").read_bytes())["batches"]
            os.write(told, f"{key} {batches}\n".encode())
            record_place(base, key, path)

        store.record_place = tell
        os.write(told, b"ready\n")
        while True:
            ask(chance.choice([*kept, *evicted]), chance.choice([1, 4, 7, None]))
            if chance.random() < 0.3:
                cache = AnalysisCache(base)
                for entry in cache.entries():
                    if entry.key not in {fingerprint(number).hexdigest for number in evicted}:
                        eviction.pin(cache, entry)
                plan_prune(cache, max_size=0).carry_out()
    finally:
        import traceback

        traceback.print_exc()
        os._exit(1)


def resume(base: Path, kills: int, chance: random.Random) -> None:
    """Kill a run at random moments; the next one computes exactly what was not committed."""
    for number in range(kills):
        shard_bytes, shard_seconds = chance.choice([1, 100, 2**20]), chance.choice([0.004, 30.0])
        pid = os.fork()
        if not pid:
            try:
                configure(shard_bytes=shard_bytes, shard_seconds=shard_seconds)
                ask(number, note=lambda *_: time.sleep(0.003))
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0.0, 0.08))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        # Under its names: a death right after the first commit may come before the note of where the key lies.
        entry = AnalysisCache(base).find(fingerprint(number).hexdigest, place(number))
        committed = 0 if entry is None else entry.batches
        steps: list[int] = []
        ask(number, note=lambda _, index, steps=steps: steps.append(index))
        assert steps == list(range(committed, COUNT)), f"{committed} batches were committed, computed were {steps}"
    check(base)
    check_nothing_is_left(base)


def together(base: Path, size: int, chance: random.Random, *, lying: bool = False) -> None:
    """Let many processes ask for the same keys at once, for all batches or for some and then all; ``size`` rounds."""
    processes, keys = (16, 5) if size >= 20 else (6, 2)
    log = base.with_name("computed.log")
    barrier = FORK.Barrier(processes)
    seeds = [chance.random() for _ in range(processes)]
    workers = [FORK.Process(target=ask_together, args=(log, barrier, size, keys, seed, lying)) for seed in seeds]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * processes
    computed = Counter(log.read_text().split("\n")[:-1])
    wanted = {
        f"{round_ * keys + key} {batch}" for round_ in range(size) for key in range(keys) for batch in range(COUNT)
    }
    assert set(computed) == wanted
    if not lying:
        assert set(computed.values()) == {1}, f"computed more than once: {computed.most_common(3)}"
    found = check(base)
    assert len(found) == size * keys
    assert set(found.values()) == {COUNT}
    assert not (base / ".quarantine").exists(), "an entry was taken for damaged"
    check_nothing_is_left(base)


def ask_together(log, barrier, rounds, keys, seed, lying):
    if lying:
        locks.KeyLock.acquire = lambda self, timeout=None, unless=None: True  # type: ignore[method-assign]
        warnings.simplefilter("ignore")  # whoever is not the one to publish says so
    chance = random.Random(seed)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(number: int, index: int) -> None:
        os.write(descriptor, f"{number} {index}\n".encode())

    for round_ in range(rounds):
        barrier.wait(120)
        for key in chance.sample(range(keys), keys):
            for limit in [*chance.sample([1, 4, 7], chance.randrange(3)), None]:
                ask(round_ * keys + key, limit, note=note)


def flip(base: Path, flips: int, chance: random.Random) -> None:
    """Flip bits and cut files of an entry: each harm is seen, and made good by computing again."""
    os.fsync = lambda descriptor: None  # type: ignore[assignment]  # no power is lost here, and it takes most of the time
    ask(0)
    (entry,) = AnalysisCache(base).entries()
    contents = {path: path.read_bytes() for path in sorted(entry.path.iterdir())}
    places = [(path, bit) for path, content in contents.items() for bit in range(len(content) * 8)]
    cuts = [(path, size) for path, content in contents.items() for size in range(len(content))]
    harms = [("full", *place) for place in chance.sample(places, flips)]
    manifest = [place for place in places if place[0].name == "manifest.json"]
    harms += [("size", *place) for place in chance.sample(manifest, flips // 5)]
    harms += [
        (verify, path, -size - 1) for verify in ("size", "full") for path, size in chance.sample(cuts, flips // 10)
    ]
    for verify, path, place in harms:
        content = bytearray(contents[path])
        if place < 0:
            del content[-place - 1 :]
        else:
            content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        configure(verify=verify)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            ask(0)
        assert last_outcome().status == "miss", f"{verify} did not see {path.name} {place}: {last_outcome()}"
        assert len(said) == 1, [str(one.message) for one in said]
        assert ".quarantine" in str(said[0].message)
        shutil.rmtree(base / ".quarantine")
        for written in entry.path.iterdir():
            written.unlink()
        for name, original in contents.items():
            name.write_bytes(original)


CAMPAIGNS = {
    "kill": kill,
    "resume": resume,
    "together": together,
    "lying": lambda base, size, chance: together(base, size, chance, lying=True),
    "flip": flip,
}


def main(name: str, size: str, seed: str | None = None) -> None:
    seed = seed or str(random.randrange(2**32))
    print(f"campaign {name} of size {size}, seed {seed}", flush=True)
    datasets.disable_progress_bars()
    # tqdm's own lock is shared with forked processes: one that is killed while it holds it would stop all others.
    datasets.utils.tqdm.set_lock(threading.RLock())
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory) / "base"
        base.mkdir()
        enable_analysisstore_caching(base=base)
        configure(shard_bytes=1)
        CAMPAIGNS[name](base, int(size), random.Random(seed))
    print("nothing wrong, nothing torn, nothing lost", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
