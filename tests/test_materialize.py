"""Getting or computing: what the caller gets, what is kept, and what is said about it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import datasets
import numpy as np
import pytest
from datasets import Array2D, Features

from interpretune.analysis.cache import AnalysisCache
from interpretune.analysis.cache.errors import RowError, UnfingerprintableError
from interpretune.analysis.cache.hasher import Fingerprint
from interpretune.analysis.cache.materializing import dataset_from_generator, materialize
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.request import Request, get_or_compute
from interpretune.analysis.cache.settings import analysisstore_caching, configure, enable_analysisstore_caching
from streaming import BATCHES, FEATURES, Calls, expected, make_step


@pytest.fixture(autouse=True)
def _caching(base):
    enable_analysisstore_caching()


@pytest.fixture
def calls():
    return Calls()


def entries(base):
    return [path.parent for path in base.glob("*/*/*/*/manifest.json")]


def test_rows_are_computed_once_and_found_again(base, calls, caplog):
    caplog.set_level(logging.INFO, "interpretune.analysis.cache")
    for status, computed in (("miss", len(BATCHES)), ("hit", 0)):
        rows = materialize(make_step(calls), BATCHES, features=FEATURES, inputs={"layer": 5}, split="test")
        assert list(rows) == expected(None)
        assert (rows.features, rows.split) == (FEATURES, "test")
        assert len(calls.take()) == computed
        outcome = last_outcome()
        assert (outcome.status, outcome.rows, outcome.batches) == (status, len(rows), len(BATCHES))
        assert outcome.batches_computed == computed
        assert outcome.path == entries(base)[0]
        assert outcome.path.name == f"step-{outcome.key}"
        assert outcome.fingerprint.hexdigest == outcome.key
        assert outcome.seconds > 0
        assert (outcome.seconds_saved > 0) == (status == "hit")
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert [line.split(":")[0] for line in lines] == ["miss", "hit"]
    assert all("\n" not in line and "14 rows in 10 batches" in line for line in lines)


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {"layer": 6}},
        {"split": "train"},
        {"features": datasets.Features({**FEATURES, "text": FEATURES["text"]})},
    ],
)
def test_what_means_something_else_is_another_entry(base, calls, change):
    request = {"features": FEATURES, "inputs": {"layer": 5}, "split": "test"}
    materialize(make_step(calls), BATCHES, **request)
    materialize(make_step(calls), BATCHES, **{**request, **change})
    same = change.get("features") == FEATURES
    assert last_outcome().status == ("hit" if same else "miss")
    assert len(entries(base)) == 2 - same


def test_the_name_is_for_people_and_no_part_of_the_key(base, calls):
    materialize(make_step(calls), BATCHES, features=FEATURES, name="logit diff/../x")
    (entry,) = entries(base)
    assert entry.name.startswith("logit_diff")
    materialize(make_step(calls), BATCHES, features=FEATURES, name="another")
    assert last_outcome().status == "hit"


def test_one_row_or_many_and_none(calls):
    one = materialize(lambda batch, index: {"text": str(batch), "numbers": []}, [1, 2], features=FEATURES)
    assert one["text"][:] == ["1", "2"]
    many = materialize(
        lambda batch, index: ({"text": str(number), "numbers": []} for number in range(batch)),
        [1, 2],
        features=FEATURES,
    )
    assert many["text"][:] == ["0", "0", "1"]


@pytest.mark.parametrize("wrong", [None, 5, "row", b"row"])
def test_a_step_that_gives_no_rows_is_told_so(wrong):
    with pytest.raises(RowError, match=r"a row .* or an iterable of rows") as caught:
        materialize(lambda batch, index: wrong if index else {"text": "", "numbers": []}, [1, 2], features=FEATURES)
    assert caught.value.row == 1


def test_a_wrong_row_tells_its_number_in_the_whole_dataset(base):
    def step(batch, index):
        return [{"text": str(number), "numbers": [] if number != 8 else "eight"} for number in batch]

    materialize(step, BATCHES, features=FEATURES, limit=4)
    with pytest.raises(RowError) as caught:
        materialize(step, BATCHES, features=FEATURES)
    assert (caught.value.row, caught.value.column) == (7, "numbers")
    materialize(step, BATCHES, features=FEATURES, limit=5)
    assert last_outcome().status == "hit", "the batch before the wrong one was kept"


LARGE = Features({"x": Array2D((2, 200_000), "float32")})


def large_rows(count, wrong=None):
    """One batch of 1.6 MB for each number, in a buffer that is filled again and again."""
    buffer = np.zeros((2, 200_000), "float32")

    def step(batch, index):
        buffer[:] = batch
        return {"x": buffer if batch != wrong else buffer[:1]}

    return lambda **asked: materialize(step, list(range(count)), features=LARGE, **asked)


def assert_counted(rows, count):
    # Each row holds nothing but its number, to the last element.
    assert len(rows) == count
    for number, row in enumerate(rows.with_format("numpy")):
        assert (row["x"] == number).all()


def test_large_rows_are_those_of_their_moment(base):
    configure(shard_bytes=5 * 2**20)
    assert_counted(large_rows(40)(), 40)
    assert last_outcome().status == "miss"
    assert_counted(large_rows(40)(), 40)
    assert last_outcome().status == "hit"


def test_a_wrong_row_among_large_ones_tells_its_number_and_costs_none_before_it(base):
    with pytest.raises(RowError) as caught:
        large_rows(30, wrong=7)()
    assert (caught.value.row, caught.value.column) == (7, "x")
    assert "_encode_batch" in "".join(traceback.format_tb(caught.tb)), "the traceback leads to where it was found"
    assert_counted(large_rows(30, wrong=7)(limit=7), 7)
    assert last_outcome().status == "hit"


def test_large_rows_that_stay_in_memory_keep_their_values(monkeypatch):
    def fail(*arguments, **options):
        raise OSError("no space left on this device")

    monkeypatch.setattr("interpretune.analysis.cache.request.temporary_directory", fail)
    enable_analysisstore_caching(False)
    with pytest.warns(UserWarning, match="no space left"):
        rows = large_rows(40)()
    assert_counted(rows, 40)


def test_arguments_that_make_no_sense_are_refused(calls):
    with pytest.raises(ValueError, match="limit is -1"):
        materialize(make_step(calls), BATCHES, features=FEATURES, limit=-1)
    with pytest.raises(ValueError, match="on_unfingerprintable"):
        materialize(make_step(calls), BATCHES, features=FEATURES, on_unfingerprintable="ignore")
    with pytest.raises(ValueError, match="on_unfingerprintable"):
        dataset_from_generator(iter, FEATURES, on_unfingerprintable="ignore")


def test_caching_off_gives_the_same_rows_from_the_temporary_directory(base, calls):
    enable_analysisstore_caching(False)
    for _ in range(2):
        rows = materialize(make_step(calls), BATCHES, features=FEATURES, split="test")
        assert list(rows) == expected(None)
        assert (rows.features, rows.split) == (FEATURES, "test")
        assert len(calls.take()) == len(BATCHES)
        outcome = last_outcome()
        assert (outcome.status, outcome.key, outcome.reason) == ("temporary", None, "caching is switched off")
        assert outcome.path.is_dir()
        assert not outcome.path.is_relative_to(base)
    assert list(materialize(make_step(calls), BATCHES, features=FEATURES, limit=2)) == expected(2)
    assert not any(base.iterdir())


def test_hugging_face_caching_off_says_how_to_switch_it_on(base, calls):
    datasets.disable_caching()
    rows = materialize(make_step(calls), BATCHES, features=FEATURES)
    assert list(rows) == expected(None)
    assert last_outcome().status == "temporary"
    assert "datasets.enable_caching()" in last_outcome().reason
    assert "enable_datasets_cache" in last_outcome().reason
    assert not any(base.iterdir())


def test_temporary_rows_go_with_the_process(base):
    program = (
        "import datasets, streaming\n"
        "from interpretune.analysis.cache.materializing import materialize\n"
        "from interpretune.analysis.cache.outcome import last_outcome\n"
        "from interpretune.analysis.cache.settings import enable_analysisstore_caching\n"
        "datasets.disable_caching()\n"
        "enable_analysisstore_caching()\n"
        "materialize(streaming.make_step(streaming.Calls()), streaming.BATCHES, features=streaming.FEATURES)\n"
        "assert last_outcome().path.is_dir()\n"
        "print(last_outcome().path)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert not Path(done.stdout.strip()).exists()
    assert not any(base.iterdir())


def test_what_cannot_be_understood_is_refused_or_bypassed(base, calls):
    unknown = threading.Lock()

    with pytest.raises(UnfingerprintableError, match=r"inputs\.state"):
        materialize(make_step(calls), BATCHES, features=FEATURES, inputs={"state": unknown})
    assert not calls.take()
    with pytest.warns(UserWarning, match=r"inputs\.state.* kept only until this process ends") as caught:
        rows = materialize(
            make_step(calls), BATCHES, features=FEATURES, inputs={"state": unknown}, on_unfingerprintable="bypass"
        )
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert list(rows) == expected(None)
    assert (last_outcome().status, last_outcome().key) == ("bypassed", None)
    assert "inputs.state" in last_outcome().reason
    assert not any(base.iterdir())
    materialize(make_step(calls), BATCHES, features=FEATURES, inputs={"state": unknown}, ignore=["inputs.state"])
    assert last_outcome().status == "miss"


def test_threads_that_ask_for_the_same_rows_compute_them_once(calls):
    started, release = threading.Event(), threading.Event()

    class Blocking(Calls):
        def append(self, index):
            started.set()
            release.wait(30)
            calls.indices.append(index)

    blocking = Blocking()
    blocking.indices = blocking
    found = {}

    def ask(name):
        rows = materialize(make_step(blocking), BATCHES, features=FEATURES)
        found[name] = (list(rows), last_outcome().status)

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(3)]
    threads[0].start()
    assert started.wait(30)
    for thread in threads[1:]:
        thread.start()
    release.set()
    for thread in threads:
        thread.join(30)
    assert calls.indices == list(range(len(BATCHES)))
    assert found == {0: (expected(None), "miss"), 1: (expected(None), "hit"), 2: (expected(None), "hit")}


def test_a_step_that_asks_for_its_own_rows_does_not_wait_for_itself():
    seen = []

    def produce(start):
        for index in (1, 2):
            if not seen:
                seen.append("nested")
                inner = get_or_compute(request)
                seen.append((inner["text"][:], last_outcome().status))
            yield {"text": str(index), "numbers": []}

    request = Request(produce, FEATURES, Fingerprint({"op": "0" * 32}))
    assert get_or_compute(request)["text"][:] == ["1", "2"]
    assert last_outcome().status == "miss"
    assert seen == ["nested", (["1", "2"], "temporary")]


def test_the_last_outcome_is_that_of_the_thread(calls):
    materialize(make_step(calls), BATCHES, features=FEATURES)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(last_outcome()))
    thread.start()
    thread.join()
    assert seen == [None]
    assert last_outcome().status == "miss"


def test_a_bar_is_shown_while_computing_and_obeys_the_switch_of_datasets(calls, capsys):
    materialize(make_step(calls), BATCHES, features=FEATURES, name="first", limit=3)
    shown = capsys.readouterr().err
    assert "first" in shown
    assert "3/3" in shown
    materialize(make_step(calls), BATCHES, features=FEATURES, name="first", limit=3)
    assert "first" not in capsys.readouterr().err
    datasets.disable_progress_bars()
    try:
        materialize(make_step(calls), BATCHES, features=FEATURES, name="second")
    finally:
        datasets.enable_progress_bars()
    assert "second" not in capsys.readouterr().err


def test_rows_may_use_the_same_memory_again():
    features = datasets.Features({"x": datasets.Array2D(shape=(2, 3), dtype="float32")})
    buffer = np.zeros((2, 3), "float32")

    def step(batch, index):
        buffer[:] = batch
        return {"x": buffer}

    rows = materialize(step, [1.0, 2.0, 3.0], features=features, ignore=["op.implementation*buffer*"])
    assert [row["x"][1][2] for row in rows] == [1.0, 2.0, 3.0]


def test_other_processes_find_the_rows(base, calls):
    materialize(make_step(calls), BATCHES, features=FEATURES, inputs={"options": {"b", "a", "c"}})
    program = (
        "import streaming\n"
        "from interpretune.analysis.cache.materializing import materialize\n"
        "from interpretune.analysis.cache.outcome import last_outcome\n"
        "from interpretune.analysis.cache.settings import enable_analysisstore_caching\n"
        "enable_analysisstore_caching()\n"
        "calls = streaming.Calls()\n"
        "rows = materialize(streaming.make_step(calls), streaming.BATCHES, features=streaming.FEATURES,\n"
        "                   inputs={'options': {'c', 'b', 'a'}})\n"
        "assert list(rows) == streaming.expected(None) and rows.features == streaming.FEATURES\n"
        "print(last_outcome().status, len(calls.indices))\n"
    )
    for seed in ("0", "1", "77"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        }
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True, cwd="/"
        )
        assert done.stdout.split() == ["hit", "0"]


def test_a_stochastic_run_has_its_limit_in_the_key_and_is_begun_anew(base, calls):
    torch = pytest.importorskip("torch")
    configure(shard_bytes=1)
    model = torch.nn.Dropout(0.5).train()
    calls.failing = 3

    def step(batch, index):
        if index == calls.failing:
            raise ZeroDivisionError
        calls.indices.append(index)
        return {"text": "", "numbers": model(torch.ones(8)).long()}

    def run(limit):
        torch.manual_seed(7)
        rows = materialize(step, BATCHES, features=FEATURES, inputs={"model": model}, limit=limit, ignore=["*failing"])
        return [list(row["numbers"]) for row in rows]

    with pytest.raises(ZeroDivisionError):
        run(5)
    calls.failing = None
    whole = run(5)
    assert calls.take() == [0, 1, 2, 0, 1, 2, 3, 4]
    assert last_outcome().status == "miss"
    assert "random numbers" in last_outcome().reason
    assert run(5) == whole
    assert last_outcome().status == "hit"
    assert run(4) == whole[:4]
    assert last_outcome().status == "miss", "another limit is another key"
    assert "run.limit" in last_outcome().fingerprint.components


def test_settings_of_a_block_end_with_it(base, calls, tmp_path):
    with analysisstore_caching(base=tmp_path / "other"):
        materialize(make_step(calls), BATCHES, features=FEATURES)
    assert entries(tmp_path / "other")
    assert not entries(base)


def test_what_was_served_is_counted_for_this_process_and_for_all(base, calls):
    for _ in range(3):
        materialize(make_step(calls), BATCHES, features=FEATURES)
    cache = AnalysisCache()
    mine, all_of_them = cache.statistics(process=True), cache.statistics()
    assert mine == all_of_them
    assert (mine.hits, mine.misses) == (2, 1)
    assert mine.rows_served == 3 * len(expected(None))
    assert mine.seconds_saved > 0
    assert "2 hits, 1 misses" in cache._repr_html_()
    assert AnalysisCache(base / "other").statistics() == type(mine)()
