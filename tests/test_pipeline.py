"""The pipeline: order, bounds, errors of either side, and no way to hang."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import traceback
import weakref

import pytest

from interpretune.analysis.cache.pipeline import Pipeline


def make(consume, max_bytes: int = 100) -> Pipeline:
    return Pipeline(
        consume, max_bytes=max_bytes, size_of=lambda item: item if isinstance(item, int) else 1, name="test"
    )


class Gate:
    """A consumer that tells when it has begun an item, and finishes it when it is let."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)
        self.done: list = []

    def __call__(self, item) -> None:
        self.begun.release()
        self.let.acquire()
        self.done.append(item)


def start(action) -> tuple[threading.Thread, threading.Event, list[BaseException]]:
    """Run the action in a thread; the event tells that it ended, the list holds what it raised."""
    ended, errors = threading.Event(), []

    def run() -> None:
        try:
            action()
        except BaseException as error:
            errors.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, ended, errors


def test_items_are_consumed_in_order_by_one_other_thread():
    seen = []
    with make(lambda item: seen.append((item, threading.current_thread().name))) as pipeline:
        for item in range(50):
            pipeline.put(item)
    assert seen == [(item, "test") for item in range(50)]


def test_putting_does_not_wait_for_the_consumer_while_there_is_room():
    gate = Gate()
    pipeline = make(gate)
    pipeline.put(40)
    gate.begun.acquire()
    pipeline.put(60)
    assert gate.done == []
    gate.let.release(2)
    pipeline.close()
    assert gate.done == [40, 60]


def test_a_full_queue_counts_what_is_in_work_and_makes_the_producer_wait():
    gate = Gate()
    pipeline = make(gate)
    pipeline.put(60)
    gate.begun.acquire()
    pipeline.put(40)
    thread, ended, _ = start(lambda: pipeline.put(1))
    assert not ended.wait(0.05)
    gate.let.release()
    thread.join(10)
    assert ended.is_set()
    gate.let.release(2)
    pipeline.close()
    assert gate.done == [60, 40, 1]


def test_an_item_larger_than_the_bound_passes_alone():
    gate = Gate()
    pipeline = make(gate)
    pipeline.put(1000)
    gate.begun.acquire()
    _, ended, _ = start(lambda: pipeline.put(1000))
    assert not ended.wait(0.05)
    gate.let.release()
    assert ended.wait(10)
    gate.let.release()
    pipeline.close()
    assert gate.done == [1000, 1000]


def test_flush_waits_for_the_item_in_work():
    gate = Gate()
    pipeline = make(gate)
    pipeline.put(0)
    gate.begun.acquire()
    _, ended, _ = start(pipeline.flush)
    assert not ended.wait(0.05)
    gate.let.release()
    assert ended.wait(10)
    assert gate.done == [0]
    pipeline.put(2)
    gate.let.release()
    pipeline.close()
    assert gate.done == [0, 2]


def test_an_items_memory_is_given_free_when_it_is_consumed():
    class Item:
        pass

    with make(lambda item: None) as pipeline:
        item = Item()
        seen = weakref.ref(item)
        pipeline.put(item)
        del item
        pipeline.flush()
        gc.collect()
        assert seen() is None


def fail_in_the_consumer(item) -> None:
    raise OSError(28, "no space")


@pytest.mark.parametrize("way", ["put", "flush", "close"])
def test_an_error_of_the_consumer_reaches_the_producer_with_its_traceback(way):
    pipeline = make(fail_in_the_consumer)
    pipeline.put(1)
    actions = {"put": lambda: [pipeline.put(1) for _ in iter(int, 1)], "flush": pipeline.flush, "close": pipeline.close}
    with pytest.raises(OSError, match="no space") as caught:
        actions[way]()
    assert "fail_in_the_consumer" in "".join(traceback.format_exception(caught.value))
    pipeline.cancel()


def test_a_waiting_producer_learns_of_the_error():
    begun, let = threading.Event(), threading.Event()

    def consume(item) -> None:
        begun.set()
        let.wait()
        raise KeyError("from the consumer")

    pipeline = make(consume)
    pipeline.put(100)
    begun.wait()
    _, ended, errors = start(lambda: pipeline.put(100))
    assert not ended.wait(0.05)
    let.set()
    assert ended.wait(10)
    assert [type(error) for error in errors] == [KeyError]
    pipeline.cancel()


def test_an_error_is_raised_again_with_no_longer_a_traceback():
    pipeline = make(fail_in_the_consumer)
    pipeline.put(1)
    lengths = []
    for _ in range(3):
        with pytest.raises(OSError, match="no space") as caught:
            pipeline.flush()
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert len(set(lengths)) == 1
    with pytest.raises(OSError, match="no space"):
        pipeline.close()
    pipeline.close()


def test_items_after_a_failed_one_are_not_consumed():
    seen = []

    def consume(item) -> None:
        seen.append(item)
        if item == 1:
            let.wait()
            raise RuntimeError("stop")

    let = threading.Event()
    pipeline = make(consume)
    for item in range(4):
        pipeline.put(item)
    let.set()
    with pytest.raises(RuntimeError, match="stop"):
        pipeline.close()
    assert seen == [0, 1]


def test_close_can_be_repeated_and_ends_the_thread():
    pipeline = make(lambda item: None)
    pipeline.put(1)
    pipeline.close()
    pipeline.close()
    pipeline.cancel()
    assert "test" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ValueError, match="closed"):
        pipeline.put(1)


def test_cancel_drops_what_waits_and_may_come_from_the_consumer():
    filled, seen = threading.Event(), []

    def consume(item) -> None:
        filled.wait()
        seen.append(item)
        pipeline.cancel()

    pipeline = make(consume)
    for item in range(3):
        pipeline.put(item)
    filled.set()
    pipeline.flush()
    pipeline.close()
    assert seen == [0]


def test_cancel_frees_a_waiting_producer():
    gate = Gate()
    pipeline = make(gate)
    pipeline.put(100)
    gate.begun.acquire()
    _, put_ended, errors = start(lambda: pipeline.put(100))
    assert not put_ended.wait(0.05)
    _, cancel_ended, _ = start(pipeline.cancel)
    assert put_ended.wait(10)
    assert [type(error) for error in errors] == [ValueError]
    gate.let.release()
    assert cancel_ended.wait(10)


def test_cancel_keeps_the_consumers_error_to_itself():
    pipeline = make(fail_in_the_consumer)
    pipeline.put(1)
    pipeline.cancel()


def test_a_failing_block_cancels_and_its_own_error_is_raised():
    gate = Gate()
    gate.let.release()

    def block() -> None:
        with make(gate) as pipeline:
            pipeline.put(1)
            gate.begun.acquire()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert "test" not in [thread.name for thread in threading.enumerate()]


def run_python(code: str) -> subprocess.Popen:
    prelude = (
        "import os, signal, sys, threading\n"
        # Whoever started the tests in the background may have had them ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from interpretune.analysis.cache.pipeline import Pipeline\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_an_interpreter_exits_with_a_consumer_at_work():
    code = """
begun = threading.Event()
def consume(item):
    begun.set()
    threading.Event().wait()
pipeline = Pipeline(consume, max_bytes=1, size_of=lambda item: 1, name="test")
pipeline.put(1)
begun.wait()
"""
    process = run_python(code)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def test_ctrl_c_reaches_a_waiting_producer():
    code = """
begun = threading.Event()
def consume(item):
    begun.set()
    threading.Event().wait()
pipeline = Pipeline(consume, max_bytes=1, size_of=lambda item: 1, name="test")
pipeline.put(1)
begun.wait()
try:
    print("ready", flush=True)
    pipeline.put(1)
except KeyboardInterrupt:
    print("interrupted")
"""
    process = run_python(code)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("interrupted\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_is_told_and_does_not_hang():
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what is tested
pipeline = Pipeline(lambda item: None, max_bytes=1, size_of=lambda item: 1, name="test")
pipeline.put(1)
if os.fork() == 0:
    for action in (lambda: pipeline.put(1), pipeline.flush, pipeline.close):
        try:
            action()
        except RuntimeError as error:
            print(error, flush=True)
    pipeline.cancel()
    os._exit(0)
os.wait()
pipeline.close()
print("closed")
"""
    out, err = run_python(code).communicate(timeout=60)
    lines = out.splitlines()
    assert err == ""
    assert lines[3:] == ["closed"]
    assert all("forked" in line for line in lines[:3])


@pytest.fixture
def no_threads(monkeypatch):
    def fail(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)


def test_without_a_second_thread_the_first_does_the_work(no_threads, caplog):
    done = []
    pipeline = make(lambda item: done.append((item, threading.current_thread())), max_bytes=1)
    for item in (5, 1, 7):
        pipeline.put(item)
        assert done[-1] == (item, threading.current_thread())
        assert not pipeline.is_behind
    pipeline.flush()
    pipeline.close()
    pipeline.close()
    with pytest.raises(ValueError, match="closed"):
        pipeline.put(1)
    assert [record.getMessage() for record in caplog.records] == [
        "test goes without a thread of its own, so the step waits for it: can't start new thread"
    ]


def test_without_a_second_thread_an_error_is_told_at_once_and_again(no_threads):
    done = []

    def consume(item):
        done.append(item)
        if item == 2:
            raise ZeroDivisionError

    pipeline = make(consume)
    pipeline.put(1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            pipeline.put(2)
    with pytest.raises(ZeroDivisionError):
        pipeline.close()
    pipeline.cancel()
    assert done == [1, 2]


def test_ctrl_c_in_the_start_of_the_thread_leaves_none(monkeypatch):
    start_thread = threading.Thread.start
    started = []

    def start_and_interrupt(self):
        start_thread(self)
        started.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start_and_interrupt)
    done = []
    pipeline = make(lambda item: done.append((item, threading.current_thread())))
    with pytest.raises(KeyboardInterrupt):
        pipeline.put(1)
    pipeline.put(2)
    assert done == [(2, threading.current_thread())], "by whoever ends the run"
    pipeline.cancel()
    started[0].join(60)
    assert not started[0].is_alive()
