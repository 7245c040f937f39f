"""What can go wrong around a run: interrupts, forks, limits of the machine, bases that go or are oddly placed."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import datasets
import numpy as np
import pytest

from interpretune.analysis.cache.entry import open_entry
from interpretune.analysis.cache.materializing import materialize
from interpretune.analysis.cache.outcome import last_outcome
from interpretune.analysis.cache.settings import configure, enable_analysisstore_caching
from interpretune.analysis.cache.store import AnalysisCache
from streaming import BATCHES, FEATURES, Calls, expected, make_step

COUNT = len(BATCHES)
BLOCK = datasets.Features({"x": datasets.Array2D(shape=(None, 1000), dtype="float32")})


@pytest.fixture(autouse=True)
def _caching(base):
    enable_analysisstore_caching()
    configure(shard_bytes=1)


@pytest.fixture
def calls():
    return Calls()


def run_python(program, *words, **options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    head = (
        "import os, signal, sys, threading, time, warnings\n"
        "import datasets, numpy as np, streaming\n"
        "from interpretune.analysis.cache.materializing import materialize\n"
        "from interpretune.analysis.cache.outcome import last_outcome\n"
        "from interpretune.analysis.cache.settings import configure, enable_analysisstore_caching\n"
        # Whoever started the tests in the background may have had them ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "enable_analysisstore_caching()\n"
        "configure(shard_bytes=1)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", head + program, *words],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        **options,
    )


def test_rows_that_a_generator_gives_in_one_buffer_stay_apart():
    features = datasets.Features({"x": datasets.List(datasets.Value("int64")), "n": datasets.Value("int64")})

    def step(batch, index):
        row, buffer = {}, np.zeros(2, "int64")
        row["x"] = buffer
        for number in range(batch):
            buffer[:] = number
            row["n"] = number
            yield row

    rows = materialize(step, [3, 0, 2], features=features)
    assert list(rows) == [{"x": [number] * 2, "n": number} for number in (0, 1, 2, 0, 1)]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_a_step_that_is_ended_in_the_middle_of_a_batch_leaves_whole_batches(base, calls, error):
    def step(batch, index):
        calls.indices.append(index)
        for number in batch:
            if number == 5 and index == 3:
                raise error
            yield {"text": f"{number}", "numbers": [index, number]}

    with pytest.raises(error):
        materialize(step, BATCHES, features=FEATURES)
    (entry,) = AnalysisCache(base).entries()
    assert entry.batches == 3
    assert list(entry.dataset()) == expected(3)
    assert not [path.name for path in entry.path.iterdir() if path.name.startswith(".")]


INTERRUPTED = """
from interpretune.analysis.cache.commit import EntryWriter
plain, begun, let = EntryWriter.append, threading.Event(), threading.Event()
def append(self, rows, **figures):
    if self.batches_done == 4:
        begun.set()
        let.wait()
    plain(self, rows, **figures)
EntryWriter.append = append
def interrupt():
    begun.wait()
    for _ in range(int(sys.argv[1])):
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.3)
    let.set()
threading.Thread(target=interrupt, daemon=True).start()
try:
    materialize(streaming.make_step(streaming.Calls()), streaming.BATCHES, features=streaming.FEATURES)
except KeyboardInterrupt:
    print("interrupted", [thread.name for thread in threading.enumerate() if "writer" in thread.name])
rows = materialize(streaming.make_step(streaming.Calls()), streaming.BATCHES, features=streaming.FEATURES)
print(list(rows) == streaming.expected(None), last_outcome().status)
"""


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_while_the_last_batches_are_written(base, times):
    done = run_python(INTERRUPTED, str(times))
    assert done.stdout.splitlines()[0] == "interrupted []", done.stderr
    assert done.stdout.splitlines()[1].startswith("True "), done.stderr
    (entry,) = AnalysisCache(base).entries()
    assert list(open_entry(entry.path, verify="full").dataset()) == expected(None)
    assert not [path.name for path in entry.path.iterdir() if path.name.startswith(".")]


INTERRUPTED_IN_A_SYNC = """
configure(shard_bytes=2**30)
plain, syncs = os.fsync, []
def fsync(descriptor):
    if "computed" in globals():
        syncs.append(threading.current_thread() is threading.main_thread())
        if len(syncs) == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)  # the main thread is to be interrupted while this one is in the middle of the commit
    plain(descriptor)
os.fsync = fsync
calls = streaming.Calls()
computed = materialize(streaming.make_step(calls), streaming.BATCHES, features=streaming.FEATURES, limit=3)
try:
    materialize(streaming.make_step(calls), streaming.BATCHES, features=streaming.FEATURES)
except KeyboardInterrupt:
    print("interrupted", any(syncs))
rows = materialize(streaming.make_step(calls), streaming.BATCHES, features=streaming.FEATURES)
print(list(rows) == streaming.expected(None), last_outcome().status)
"""


@pytest.mark.parametrize("sync", [1, 2, 3])
def test_ctrl_c_in_the_last_commit_tears_nothing(base, sync):
    done = run_python(INTERRUPTED_IN_A_SYNC, str(sync))
    assert done.stdout.splitlines() == ["interrupted False", "True hit"], done.stderr
    (entry,) = AnalysisCache(base).entries()
    assert list(open_entry(entry.path, verify="full").dataset()) == expected(None)


FORKS = """
configure(shard_bytes=2**30)
def step(batch, index):
    if index == 5:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forking beside threads
            pid = os.fork()
        if pid == 0:
            raise SystemExit(7)  # the child leaves through the cache's own frames
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    return [{"text": f"{number}", "numbers": [index, number]} for number in batch]
rows = materialize(step, streaming.BATCHES, features=streaming.FEATURES)
assert list(rows) == streaming.expected(None)
print(last_outcome().status, last_outcome().path)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_that_unwinds_touches_nothing_of_its_parents(base):
    done = run_python(FORKS)
    assert done.returncode == 0, done.stderr
    status, path = done.stdout.split(maxsplit=1)
    assert status == "miss"
    entry = open_entry(Path(path.strip()), verify="full")
    assert list(entry.dataset()) == expected(None)
    assert not [path.name for path in entry.path.iterdir() if path.name.startswith(".")]


FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))  # here a full disk, for each file
configure(shard_bytes=150_000)
features = datasets.Features({"x": datasets.Array2D(shape=(None, 1000), dtype="float32")})
def step(batch, index):
    return {"x": np.full((batch, 1000), index, "float32")}
batches = [10, 10, 10, 10, 70, 10]
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    rows = materialize(step, batches, features=features)
assert [len(row["x"]) for row in rows] == batches
assert [row["x"][0][0] for row in rows] == list(range(6))
print(last_outcome().status, len(said), said[0].message)
rows = materialize(step, batches, features=features, limit=4)
print(last_outcome().status)
"""


def test_a_writer_that_finds_the_disk_full_costs_no_row(base):
    done = run_python(FULL)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("temporary 1 "), done.stdout + done.stderr
    assert str(base) in lines[0]
    assert "File too large" in lines[0]
    assert lines[1] == "hit", "what was committed before stays"


def test_where_warnings_are_errors_a_full_disk_still_costs_no_row(base):
    errors = FULL.replace('warnings.simplefilter("always")', 'warnings.simplefilter("error")')
    done = run_python(errors.replace(", len(said), said[0].message", ""))
    assert done.stdout.splitlines() == ["temporary", "hit"], done.stderr


def entry_made(calls):
    materialize(make_step(calls), BATCHES, features=FEATURES)
    return last_outcome().path


def harm_entry(entry, base):
    (entry / "manifest.json").write_bytes(b"{}")


def harm_entry_and_quarantine(entry, base):
    harm_entry(entry, base)
    (base / ".quarantine").write_bytes(b"")


def harm_read_only_base(entry, base):
    other = base.with_name(f"{base.name}-other")
    os.rename(base, other)
    harm_entry(other / entry.relative_to(base), other)
    configure(readonly_bases=[other])


def put_a_file_for_the_base(entry, base):
    configure(base=entry / "manifest.json")


@pytest.mark.warnings_as_errors
@pytest.mark.parametrize("filter_warnings", [True, False])
@pytest.mark.parametrize(
    ("harm", "status"),
    [
        (harm_entry, "miss"),
        (harm_entry_and_quarantine, "temporary"),
        (harm_read_only_base, "miss"),
        (put_a_file_for_the_base, "miss"),
    ],
)
def test_trouble_of_the_cache_is_no_error_where_warnings_are(
    base, calls, caplog, monkeypatch, harm, status, filter_warnings
):
    harm(entry_made(calls), base)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if filter_warnings else "always")
        monkeypatch.setattr(warnings, "showwarning", lambda *args, **kwargs: 1 / 0)
        rows = materialize(make_step(calls), BATCHES, features=FEATURES)
    assert list(rows) == expected(None)
    assert last_outcome().status == status
    assert [record.levelname for record in caplog.records if hasattr(record, "was_to_be_a_warning")]


@pytest.mark.warnings_as_errors
def test_unsafe_read_only_bases_and_missing_temporary_directories_neither(base, calls, tmp_path, monkeypatch):
    unsafe = tmp_path / "unsafe"
    unsafe.mkdir()
    unsafe.chmod(0o777)
    configure(readonly_bases=[unsafe])
    enable_analysisstore_caching(False)
    monkeypatch.setattr("interpretune.analysis.cache.request.temporary_directory", make_no_directory)
    assert list(materialize(make_step(calls), BATCHES, features=FEATURES)) == expected(None)
    enable_analysisstore_caching()
    monkeypatch.setattr("interpretune.analysis.cache.bases.os.geteuid", lambda: os.getuid() + 1)
    assert list(materialize(make_step(calls), BATCHES, features=FEATURES)) == expected(None)
    assert last_outcome().status == "miss"


def make_no_directory():
    raise OSError("no room")


def test_a_warning_shows_the_line_of_the_caller(base, calls):
    materialize(make_step(calls), BATCHES, features=FEATURES)
    (last_outcome().path / "manifest.json").write_bytes(b"{}")
    with pytest.warns(UserWarning, match="moved to") as caught:
        materialize(make_step(calls), BATCHES, features=FEATURES)
    assert caught[0].filename == __file__


def test_so_does_one_of_the_thread_that_writes(base, calls, monkeypatch):
    def no_room(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("interpretune.analysis.cache.commit.create_exclusively", no_room)
    with pytest.warns(UserWarning, match="No space left on device") as caught:
        rows = materialize(make_step(calls), BATCHES, features=FEATURES)
    assert list(rows) == expected(None)
    assert {warning.filename for warning in caught} == {__file__}


def test_where_no_thread_can_be_started_the_run_goes_on(base, calls, monkeypatch):
    start = threading.Thread.start

    def fail(self):
        if self.name.startswith("writer of"):
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", fail)
    assert list(materialize(make_step(calls), BATCHES, features=FEATURES, limit=4)) == expected(4)
    failing = Calls()
    failing.indices = None  # appending to it raises
    same = {"features": FEATURES, "ignore": ["op.implementation.calls"]}
    with pytest.raises(AttributeError):
        materialize(make_step(failing), BATCHES, **same)
    for status in ("extended", "hit"):
        assert list(materialize(make_step(calls), BATCHES, features=FEATURES)) == expected(None)
        assert last_outcome().status == status
    assert calls.indices == list(range(COUNT))


def test_a_manifest_that_could_not_be_read_again_is_not_written(base, calls, monkeypatch):
    monkeypatch.setattr("interpretune.analysis.cache.commit.MAX_BYTES", 500)
    with pytest.warns(UserWarning, match="its manifest would have"):
        rows = materialize(make_step(calls), BATCHES, features=FEATURES)
    assert list(rows) == expected(None)
    assert last_outcome().status == "temporary"


@pytest.mark.parametrize("what", ["base", "config", "entry", "locks"])
def test_what_vanishes_in_the_middle_costs_no_row(base, calls, what):
    vanished = []

    def step(batch, index):
        calls.indices.append(index)
        if index == 5 and not vanished:
            vanished.append(what)
            while not (found := [entry for entry in AnalysisCache(base).entries() if entry.batches == 5]):
                time.sleep(0.005)
            (found,) = found
            gone = {"base": base, "config": base / "default", "entry": found.path, "locks": base / ".locks"}[what]
            while gone.exists():  # the writer may still put the last of its commit there
                shutil.rmtree(gone, ignore_errors=True)
        return [{"text": f"{number}", "numbers": [index, number]} for number in batch]

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        rows = materialize(step, BATCHES, features=FEATURES, ignore=["*vanished*"])
    assert list(rows) == expected(None)
    assert calls.indices == list(range(COUNT))
    assert last_outcome().status == ("miss" if what == "locks" else "temporary")
    assert len(said) == (what != "locks"), [str(one.message) for one in said]
    assert list(materialize(step, BATCHES, features=FEATURES, ignore=["*vanished*"])) == expected(None)
    assert last_outcome().batches_computed == (0 if what == "locks" else COUNT)


def test_two_extend_at_once_and_a_reader_keeps_its_slice(base, calls):
    step = make_step(calls)
    few = materialize(step, BATCHES, features=FEATURES, limit=3)
    found = {}

    def extend(limit):
        found[limit] = list(materialize(step, BATCHES, features=FEATURES, limit=limit))

    threads = [threading.Thread(target=extend, args=(limit,)) for limit in (5, 8, None, 4)]
    for thread in threads:
        thread.start()
    sliced = [list(few.select(range(2))) for _ in range(20)]
    for thread in threads:
        thread.join(60)
    assert calls.indices == list(range(COUNT))
    assert found == {limit: expected(limit) for limit in (5, 8, None, 4)}
    assert sliced == [expected(3)[:2]] * 20
    assert list(few) == expected(3)


@pytest.mark.parametrize("name", ["with space", "ünïcödé 日本", "new\nline", "'\"$(x)", "#?&%41", "-rf", "a" * 200])
def test_bases_of_odd_names(tmp_path, calls, name):
    configure(base=tmp_path / name)
    check_a_miss_and_a_hit(calls)
    (entry,) = AnalysisCache(tmp_path / name).entries()
    assert list(datasets.load_from_disk(str(entry.path))) == expected(None)


def check_a_miss_and_a_hit(calls, **options):
    for status in ("miss", "hit"):
        rows = materialize(make_step(calls), BATCHES, features=FEATURES, **options)
        assert list(rows) == expected(None)
        assert last_outcome().status == status
    assert calls.indices == list(range(COUNT))


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name may be any bytes")
def test_a_base_whose_name_is_no_text(tmp_path, calls):
    configure(base=os.path.join(str(tmp_path), os.fsdecode(b"caf\xe9")))
    check_a_miss_and_a_hit(calls)


def test_a_base_that_is_a_link(tmp_path, calls):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    configure(base=tmp_path / "link")
    check_a_miss_and_a_hit(calls)
    configure(base=tmp_path / "real")
    materialize(make_step(calls), BATCHES, features=FEATURES)
    assert last_outcome().status == "hit"


def test_a_base_that_is_relative(tmp_path, calls, monkeypatch):
    monkeypatch.chdir(tmp_path)
    configure(base="here")
    check_a_miss_and_a_hit(calls)
    assert (tmp_path / "here" / "CACHEDIR.TAG").exists()
    monkeypatch.chdir("here")
    materialize(make_step(calls), BATCHES, features=FEATURES)
    assert last_outcome().status == "hit", "a relative base is that of the directory in which it was named"


@pytest.mark.parametrize(
    "name", ["../../out", "/etc/passwd", "a\0b", "\ud800", "n" * 5000, ".", "con", ".locks", "\x1b"]
)
def test_names_of_any_kind_stay_in_the_base(base, calls, name):
    before = sorted(base.parent.iterdir())
    check_a_miss_and_a_hit(calls, name=name, split="test")
    assert sorted(base.parent.iterdir()) == before
    (entry,) = AnalysisCache(base).entries()
    assert entry.path.parent.parent.parent.parent == base


def test_no_batches_no_rows_no_columns(calls):
    none = datasets.Dataset.from_dict({"x": []})
    for batches, limit in ((none, None), ([], None), (BATCHES, 0), ([[], []], None)):
        for status in ("miss", "hit"):
            rows = materialize(make_step(calls), batches, features=FEATURES, limit=limit, inputs={"n": len(batches)})
            assert (len(rows), rows.features, last_outcome().status) == (0, FEATURES, status)
    with pytest.raises(ValueError, match="declare no column"):
        materialize(lambda batch, index: {}, BATCHES, features=datasets.Features({}))


def test_a_damaged_entry_of_one_read_only_base_does_not_hide_that_of_the_next(base, tmp_path, calls):
    shared = [tmp_path / "first", tmp_path / "second"]
    for directory in shared:
        configure(base=directory)
        materialize(make_step(calls), BATCHES, features=FEATURES)
    (entry,) = AnalysisCache(shared[0]).entries()
    (entry.path / "data-00002.arrow").write_bytes(b"")
    calls.take()
    configure(base=base, readonly_bases=tuple(shared))
    with pytest.warns(UserWarning, match="read-only base and is passed over"):
        rows = materialize(make_step(calls), BATCHES, features=FEATURES)
    assert list(rows) == expected(None)
    assert (last_outcome().status, calls.indices) == ("hit", [])
    assert last_outcome().path.is_relative_to(shared[1])
    assert (entry.path / "data-00002.arrow").exists()


def test_seconds_are_those_of_the_whole_call(calls, monkeypatch):
    from interpretune.analysis.cache import hasher
    from interpretune.analysis.cache.statistics import process_statistics

    plain, waiting = hasher.AnalysisStoreHasher.fingerprint, threading.Event()

    def slow(self, *args, **kwargs):
        waiting.wait(0.2)
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(hasher.AnalysisStoreHasher, "fingerprint", slow)
    for status in ("miss", "hit"):
        rows = materialize(make_step(calls), BATCHES, features=FEATURES)
        assert len(rows) == len(expected(None))
        assert last_outcome().status == status
        assert last_outcome().seconds >= 0.2, "making the key counts"
    counted = process_statistics(AnalysisCache().base)
    assert 0 < counted.seconds_computed < 0.2, "making the key is no computing"
    assert counted.seconds_saved == pytest.approx(counted.seconds_computed, abs=1e-4)


def test_a_split_that_is_no_name_is_refused_before_anything_is_computed(calls):
    with pytest.raises(ValueError, match="Split name"):
        materialize(make_step(calls), BATCHES, features=FEATURES, split="../test")
    assert not calls.indices


def test_a_signal_that_is_no_interrupt_leaves_nothing_half_done(base):
    program = (
        "def step(batch, index):\n"
        "    if index == 6:\n"
        "        time.sleep(0.2)\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return [{'text': f'{number}', 'numbers': [index, number]} for number in batch]\n"
        "materialize(step, streaming.BATCHES, features=streaming.FEATURES)\n"
    )
    assert run_python(program).returncode == -signal.SIGTERM
    (entry,) = AnalysisCache(base).entries()
    assert list(open_entry(entry.path, verify="full").dataset()) == expected(entry.batches)
