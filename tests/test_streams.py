"""Slice, extend and resume are one mechanism: only the missing is computed, and the rows are those of a whole run."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from interpretune.analysis.cache.batches import batches_from, count_batches, require_repeatable
from interpretune.analysis.cache.materializing import dataset_from_generator, materialize
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.settings import analysisstore_caching, configure, enable_analysisstore_caching
from streaming import BATCHES, FEATURES, Calls, expected, make_step

COUNT = len(BATCHES)


@pytest.fixture(autouse=True)
def _caching(base):
    enable_analysisstore_caching()


@pytest.fixture
def calls():
    return Calls()


ASKED = [0, 1, 7, COUNT, None]


@pytest.mark.parametrize(("before", "now"), list(itertools.product(ASKED, ASKED)))
def test_only_what_is_missing_is_computed(calls, before, now):
    step = make_step(calls)
    first = materialize(step, BATCHES, features=FEATURES, limit=before)
    assert list(first) == expected(before)
    had = COUNT if before is None else before
    assert calls.take() == list(range(had))
    assert last_outcome().status == "miss"
    second = materialize(step, BATCHES, features=FEATURES, limit=now)
    wanted = COUNT if now is None else now
    assert calls.take() == list(range(had, wanted))
    assert list(second) == expected(now)
    assert second.features == FEATURES
    outcome = last_outcome()
    assert outcome.status == ("hit" if wanted <= had else "extended" if had else "miss")
    assert (outcome.rows, outcome.batches) == (len(expected(now)), wanted)
    assert outcome.batches_computed == max(0, wanted - had)


@hypothesis_settings(max_examples=20)
@given(st.lists(st.none() | st.integers(0, COUNT + 3), min_size=1, max_size=6), st.integers(1, 2000))
def test_any_sequence_of_requests_computes_each_batch_once(tmp_path_factory, limits, shard_bytes):
    calls = Calls()
    with analysisstore_caching(base=tmp_path_factory.mktemp("base"), shard_bytes=shard_bytes):
        for limit in limits:
            rows = materialize(make_step(calls), BATCHES, features=FEATURES, limit=limit)
            assert list(rows) == expected(limit)
    assert calls.indices == list(range(max(COUNT if limit is None else min(limit, COUNT) for limit in limits)))


def test_a_stream_that_ended_is_known_to_be_complete(calls):
    step = make_step(calls)
    materialize(step, BATCHES, features=FEATURES, limit=COUNT + 5)
    materialize(step, BATCHES, features=FEATURES)
    assert last_outcome().status == "hit"
    assert last_outcome().reason == "all batches were there"
    assert calls.indices == list(range(COUNT))


def test_an_empty_stream_is_stored(calls):
    for status in ("miss", "hit"):
        rows = materialize(make_step(calls), [], features=FEATURES)
        assert (len(rows), rows.features, last_outcome().status) == (0, FEATURES, status)


def test_an_error_of_the_step_keeps_what_was_computed(calls):
    calls.failing = 4

    def step(batch, index):
        if calls.failing == index:
            raise ZeroDivisionError("of the step")
        calls.indices.append(index)
        return [{"text": f"{number}", "numbers": [index, number]} for number in batch]

    same = ["op.implementation.calls.failing"]  # fails at first, and not later on
    with pytest.raises(ZeroDivisionError, match="of the step") as caught:
        materialize(step, BATCHES, features=FEATURES, ignore=same)
    assert caught.traceback[-1].name == "step"
    assert caught.value.__context__ is None
    calls.failing = None
    assert list(materialize(step, BATCHES, features=FEATURES, ignore=same)) == expected(None)
    assert calls.indices == list(range(COUNT))
    assert last_outcome().status == "extended"


def test_what_a_step_raises_is_what_a_loop_would_show(calls):
    def step(batch, index):
        if index == 3:
            next(iter([]))
        calls.indices.append(index)
        return [{"text": f"{number}", "numbers": [index, number]} for number in batch]

    for _ in range(2):
        with pytest.raises(StopIteration) as caught:
            materialize(step, BATCHES, features=FEATURES)
        assert caught.traceback[-1].name == "step"
        assert caught.value.__context__ is None
    assert calls.indices == [0, 1, 2], "what came before was kept"
    with pytest.raises(StopIteration):
        materialize(step, lambda: next(iter([])), features=FEATURES)
    with pytest.raises(StopIteration):
        dataset_from_generator(lambda: next(iter([])), FEATURES)


@pytest.mark.parametrize("limit", [sys.maxsize, sys.maxsize + 1, 10**30])
def test_a_limit_beyond_all_streams_is_one(calls, limit):
    for status in ("miss", "hit"):
        assert list(materialize(make_step(calls), BATCHES, features=FEATURES, limit=limit)) == expected(None)
        assert last_outcome().status == status


def test_a_generator_that_sees_the_order_of_its_keywords_has_it_in_its_key():
    def generate(first, **others):
        for name, numbers in others.items():
            yield {"text": name, "numbers": [first, *numbers]}

    def ask(**gen_kwargs):
        rows = dataset_from_generator(generate, FEATURES, gen_kwargs=gen_kwargs)
        return rows["text"][:], last_outcome().status

    assert ask(first=1, b=[2], a=[3]) == (["b", "a"], "miss")
    assert ask(b=[2], first=1, a=[3]) == (["b", "a"], "hit")
    assert ask(first=1, a=[3], b=[2]) == (["a", "b"], "miss")
    assert ask(first=1, a=[3], b=[2]) == (["a", "b"], "hit")

    def plain(a, b):
        yield {"text": a, "numbers": b}

    for gen_kwargs, status in (({"a": "x", "b": [1]}, "miss"), ({"b": [1], "a": "x"}, "hit")):
        dataset_from_generator(plain, FEATURES, gen_kwargs=gen_kwargs)
        assert last_outcome().status == status


@pytest.mark.parametrize("split", [None, "train", "test", datasets.Split.TEST])
@pytest.mark.parametrize("kept", [True, False])
def test_a_generator_gives_the_split_that_datasets_gives(base, tmp_path, split, kept):
    def generate():
        yield {"text": "a", "numbers": [1]}

    given = {} if split is None else {"split": split}
    wanted = datasets.Dataset.from_generator(generate, features=FEATURES, cache_dir=str(tmp_path), **given).split
    enable_analysisstore_caching(kept)
    for _ in range(2):
        rows = dataset_from_generator(generate, FEATURES, **given)
        assert (rows.split, type(rows.split)) == (wanted, type(wanted))
    if kept:
        assert datasets.load_from_disk(str(last_outcome().path)).split == wanted


def test_no_split_and_train_are_one():
    def generate():
        yield {"text": "a", "numbers": [1]}

    keys = []
    for split, status in ((None, "miss"), ("train", "hit"), (datasets.Split.TRAIN, "hit"), ("test", "miss")):
        assert dataset_from_generator(generate, FEATURES, split=split).split == (split or "train")
        assert last_outcome().status == status
        keys.append(last_outcome().key)
    assert len(set(keys)) == 2


def test_a_generator_is_begun_anew(calls):
    calls.failing = True

    def generate(count):
        for number in range(count):
            if number == 3 and calls.failing:
                raise ZeroDivisionError
            calls.indices.append(number)
            yield {"text": str(number), "numbers": []}

    with pytest.raises(ZeroDivisionError):
        dataset_from_generator(generate, FEATURES, gen_kwargs={"count": 5})
    calls.failing = False
    for status in ("miss", "hit"):
        rows = dataset_from_generator(generate, FEATURES, gen_kwargs={"count": 5}, split="test")
        assert (rows["text"][:], rows.split, last_outcome().status) == (list("01234"), "test", status)
    assert calls.indices == [0, 1, 2, 0, 1, 2, 3, 4]
    rows = dataset_from_generator(generate, FEATURES, gen_kwargs={"count": 4}, split="test")
    assert (len(rows), last_outcome().status) == (4, "miss")


WORKER = """
import sys
import streaming
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.settings import configure, enable_analysisstore_caching

class Telling(streaming.Calls):
    def __init__(self):
        self.indices = self
    def append(self, index):
        print(index, flush=True)
        sys.stdin.readline()

enable_analysisstore_caching()
configure(shard_bytes=int(sys.argv[1]))
materialize(streaming.make_step(Telling()), streaming.BATCHES, features=streaming.FEATURES)
print("done", flush=True)
"""


def start_worker(shard_bytes):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(shard_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def committed_batches(base):
    return sum(json.loads(path.read_bytes())["batches"] for path in base.glob("*/*/*/*/manifest.json"))


@pytest.mark.parametrize("killed_in", [0, 4, 9])
def test_a_killed_run_goes_on_after_its_last_commit(base, killed_in):
    with start_worker(shard_bytes=1) as worker:
        for index in range(killed_in + 1):
            assert worker.stdout.readline().strip() == str(index)
            if index < killed_in:
                worker.stdin.write("\n")
                worker.stdin.flush()
        # The step of the next batch waits for a line, so all before it come to be committed.
        while committed_batches(base) < killed_in:
            assert worker.poll() is None
            time.sleep(0.005)
        worker.kill()
    assert worker.returncode == -signal.SIGKILL
    with start_worker(shard_bytes=1) as again:
        output, _ = again.communicate("\n" * COUNT, timeout=60)
    assert output.split() == [*map(str, range(killed_in, COUNT)), "done"]
    (entry,) = base.glob("*/*/*/*/")
    assert list(datasets.load_from_disk(str(entry))) == expected(None)
    assert not [path.name for path in entry.iterdir() if path.name.startswith(".")]


def test_a_shard_is_committed_by_the_settings(base, calls):
    configure(shard_bytes=1)
    materialize(make_step(calls), BATCHES, features=FEATURES)
    assert len(list(base.glob("*/*/*/*/data-*.arrow"))) == COUNT - 1, "an empty batch goes with the next"


class Stream:
    """An iterable that can be gone through again, and says how far it was."""

    def __init__(self, items):
        self.items = items
        self.made = []

    def __iter__(self):
        for item in self.items:
            self.made.append(item)
            yield item


@pytest.mark.parametrize("start", [0, 1, 3, 5, 9])
def test_batches_from_any_place(start):
    items = list("abcde")
    stream = Stream(items)
    rows = datasets.Dataset.from_dict({"x": items})
    for batches, wanted in [
        (items, items),
        (tuple(items), items),
        (stream, items),
        (lambda: items, items),
        (lambda: iter(items), items),
        (lambda: stream, items),
        (range(5), list(range(5))),
        (rows, list(rows)),
        (rows.to_iterable_dataset(), list(rows)),
        (rows.with_format("numpy"), list(rows.with_format("numpy"))),
    ]:
        require_repeatable(batches)
        assert list(batches_from(batches, start)) == wanted[start:]
    assert stream.made == items * 2, "what cannot be entered in its middle is gone through"


def test_what_can_be_gone_through_once_is_refused():
    for batches in (iter([1]), (number for number in [1]), map(str, [1])):
        with pytest.raises(TypeError, match="gone through once only"):
            materialize(lambda batch, index: {}, batches, features=FEATURES)
    for batches in ({1, 2}, frozenset("ab"), lambda: {1, 2}):
        with pytest.raises(TypeError, match="whose order differs"):
            materialize(lambda batch, index: {}, batches, features=FEATURES)
    for batches in ({"a": 1}, lambda: {"a": 1}):
        with pytest.raises(TypeError, match=r"Pass `list\(batches\)`"):
            materialize(lambda batch, index: {}, batches, features=FEATURES)
    with pytest.raises(TypeError, match="must be an iterable"):
        materialize(lambda batch, index: {}, 5, features=FEATURES)


def test_counting_batches():
    assert count_batches([1, 2]) == 2
    assert count_batches(datasets.Dataset.from_dict({"x": [1, 2, 3]})) == 3
    assert count_batches(lambda: [1]) is None
    assert count_batches(Stream([1])) is None


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("start", [0, 2, 4])
def test_a_loader_neither_reads_nor_collates_what_is_passed_over(torch, start, workers):
    read = []

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 9

        def __getitem__(self, index):
            read.append(index)
            return index

    collated = []

    def collate(items):
        collated.append(items)
        return items if isinstance(items, int) else sum(items)

    def loader(seed=None, **options):
        if seed is not None:
            options["generator"] = torch.Generator().manual_seed(seed)
        return torch.utils.data.DataLoader(Rows(), collate_fn=collate, num_workers=workers, **options)

    for options in (
        {"batch_size": 2},
        {"batch_size": 2, "drop_last": True},
        {"batch_sampler": [[8, 1], [2], [3, 4, 5], [0], [7]]},
        {"batch_size": 2, "shuffle": True, "seed": 3},
        {"batch_size": None, "sampler": [5, 3, 1, 0, 2]},
    ):
        everything = list(loader(**options))
        read.clear()
        collated.clear()
        assert list(batches_from(loader(**options), start)) == everything[start:]
        assert count_batches(loader(**options)) == len(everything)
        if not workers:  # they collate in processes of their own
            assert len(collated) == len(everything) - start


def test_loaders_of_their_own_kind_are_gone_through(torch):
    class Loader(torch.utils.data.DataLoader):
        def __iter__(self):
            return (batch * 10 for batch in super().__iter__())

    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(7))

    own = Loader(torch.arange(6), batch_size=2)
    assert [batch.tolist() for batch in batches_from(own, 1)] == [[20, 30], [40, 50]]
    assert count_batches(own) is None
    iterable = torch.utils.data.DataLoader(Endless(), batch_size=2)
    assert [batch.tolist() for batch in batches_from(iterable, 2)] == [[4, 5], [6]]
    assert count_batches(iterable) is None
