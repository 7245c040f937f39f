"""One computes, the others wait; a lock that cannot be had, lies, or whose holder died costs no rows."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock
import pytest

from interpretune.analysis.cache import locks
from interpretune.analysis.cache.commit import SupersededError
from interpretune.analysis.cache.errors import LockTimeoutError
from interpretune.analysis.cache.leftovers import describe_writer
from interpretune.analysis.cache.locks import KeyLock, NestedLockError
from interpretune.analysis.cache.store import AnalysisCache
from storing import KEY, LOCATION, names, plan, rows_of, store, texts

HERE = str(Path(__file__).parent)


@pytest.fixture
def cache(tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    return AnalysisCache(base)


def child(program, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([HERE, *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


HOLD = """
import sys
from pathlib import Path
from interpretune.analysis.cache.locks import KeyLock
lock = KeyLock(Path(sys.argv[1]), sys.argv[2])
assert lock.acquire()
print("held", flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""


def test_a_lock_excludes_other_threads_and_processes(cache):
    lock = KeyLock(cache.base, KEY)
    assert lock.acquire()
    other = KeyLock(cache.base, KEY, lambda: "somebody")
    failures = []

    def attempt():
        try:
            other.acquire(timeout=0)
        except LockTimeoutError as error:
            failures.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert failures[0].holder == "somebody"
    assert "lock_timeout" in str(failures[0])
    lock.release()
    with child(HOLD, cache.base, KEY) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockTimeoutError):
            other.acquire(timeout=0.1)
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "released\n"
        assert other.acquire(timeout=0)
        other.release()
        holder.stdin.write("\n")
        holder.stdin.close()


def test_a_thread_does_not_wait_for_itself(cache):
    lock = KeyLock(cache.base, KEY)
    lock.acquire()
    with pytest.raises(NestedLockError):
        KeyLock(cache.base, KEY).acquire()
    lock.release()
    lock.release()
    assert KeyLock(cache.base, KEY).acquire(timeout=0)


def test_the_lock_of_a_process_that_died_is_free(cache):
    with child(HOLD, cache.base, KEY) as holder:
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    assert holder.returncode == -signal.SIGKILL
    lock = KeyLock(cache.base, KEY)
    assert lock.acquire(timeout=0)
    lock.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_does_not_release_its_parents_lock(cache):
    lock = KeyLock(cache.base, KEY)
    lock.acquire()

    process = multiprocessing.get_context("fork").Process(target=lock.release)
    process.start()
    process.join(30)
    assert process.exitcode == 0
    with child(HOLD, cache.base, KEY) as waiting:
        with pytest.raises(LockTimeoutError):
            _acquire_in_thread(cache.base)
        lock.release()
        assert waiting.stdout.readline() == "held\n"
        waiting.communicate("\n\n", timeout=30)


def _acquire_in_thread(base):
    found = []

    def attempt():
        try:
            KeyLock(base, KEY).acquire(timeout=0)
        except LockTimeoutError as error:
            found.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    if found:
        raise found[0]


def test_waiting_is_said_with_who_and_how_far(cache, caplog, monkeypatch):
    monkeypatch.setattr(locks, "FIRST_LINE", 0.05)
    monkeypatch.setattr("interpretune.analysis.cache.commit.MARK_SECONDS", 0.0)
    caplog.set_level(logging.INFO, "interpretune.analysis.cache")
    said = threading.Event()
    handler = logging.Handler()
    handler.emit = lambda record: said.set()
    logging.getLogger("interpretune.analysis.cache").addHandler(handler)
    results = []
    try:
        with cache.writing(LOCATION, plan()) as writer:
            writer.append(rows_of(1))
            writer.append(rows_of(2))
            waiting = threading.Thread(target=lambda: results.append(store(cache, 4)))
            waiting.start()
            assert said.wait(30)
    finally:
        logging.getLogger("interpretune.analysis.cache").removeHandler(handler)
    waiting.join(30)
    assert results[0].batches == 4
    line = caplog.records[0].getMessage()
    assert line == f"waiting for process {os.getpid()} (2 batches done), which computes the same rows"


def test_waiting_ends_at_the_timeout(tmp_path):
    cache = AnalysisCache(tmp_path, lock_timeout=0.2)
    with child(HOLD, cache.base, KEY) as holder:
        assert holder.stdout.readline() == "held\n"
        started = time.monotonic()
        with pytest.raises(LockTimeoutError) as caught, cache.writing(LOCATION, plan()):
            pass
        assert 0.2 <= time.monotonic() - started < 10
        assert caught.value.seconds >= 0.2
        holder.communicate("\n\n", timeout=30)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EIO, errno.EACCES, errno.ENOSPC, errno.EROFS])
def test_a_file_system_without_locks_is_used_without_them(cache, monkeypatch, number):
    def fail(self, *args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", fail)
    lock = KeyLock(cache.base, KEY)
    assert lock.acquire() is False
    lock.release()
    assert store(cache, 5).dataset()["b"][:] == texts(5)


@pytest.fixture
def lying_locks(monkeypatch):
    """Every lock is had by everybody at once."""
    monkeypatch.setattr(KeyLock, "acquire", lambda self, timeout=None, unless=None: True)
    monkeypatch.setattr(KeyLock, "release", lambda self: None)


def test_two_writers_under_lying_locks_spoil_nothing(cache, lying_locks):
    with cache.writing(LOCATION, plan()) as one:
        with cache.writing(LOCATION, plan()) as two:
            one.append(rows_of(0))
            two.append(rows_of(0))
            one.append(rows_of(1))
            one.commit()
            two.append(rows_of(1))
            two.append(rows_of(2))
            with pytest.raises(SupersededError, match="locks do not work"):
                two.commit()
            two.close()
        one.append(rows_of(2))
        one.complete()
    entry = cache.find(KEY)
    assert (entry.batches, entry.complete) == (3, True)
    assert entry.dataset()["b"][:] == texts(3)
    assert not [name for name in names(entry.path) if name.startswith(".")]


def test_a_manifest_names_only_shards_of_its_writer(cache, lying_locks):
    with cache.writing(LOCATION, plan()) as one, cache.writing(LOCATION, plan()) as two:
        one.append(rows_of(1))
        two.append([*rows_of(1), *rows_of(2)])
        one._check_alone = two._check_alone = lambda: None  # both look before either has replaced the manifest
        one.commit()
        two.commit()
        assert cache.find(KEY).dataset()["b"][:] == texts(3)
        one.append(rows_of(2))
        one.commit()
        assert cache.find(KEY).dataset()["b"][:] == texts(3)


def test_files_of_a_writer_at_work_are_not_removed(cache, lying_locks):
    with cache.writing(LOCATION, plan()) as one:
        one.append(rows_of(1))
        aside = {name for name in names(one.path) if name.startswith(".tmp-")}
        with cache.writing(LOCATION, plan("f" * 32)) as other:
            other.append(rows_of(1))
        with cache.writing(LOCATION, plan()) as two:
            two.append(rows_of(1))
            assert aside < names(one.path)
            two.close()
        assert aside <= names(one.path)
    assert cache.find(KEY).dataset()["b"][:] == texts(2)


def test_who_writes_is_told(cache):
    assert describe_writer(cache.base / "nothing") == "another process"
    with cache.writing(LOCATION, plan()) as writer:
        writer.append(rows_of(1))
        writer.commit()
        assert describe_writer(writer.path) == f"process {os.getpid()} (1 batches done)"
        (mark,) = (path for path in writer.path.iterdir() if path.name.startswith(".writer-"))
        mark.write_text("not json")
        assert describe_writer(writer.path) == "another process"
