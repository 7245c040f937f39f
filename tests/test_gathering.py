"""Small batches are encoded together, in order, and as they were when they were given; others at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from datasets import Array2D, Features, List, Value

from interpretune.analysis.cache import gathering, recycling
from interpretune.analysis.cache.errors import RowError
from interpretune.analysis.cache.gathering import Gathered, Gathering
from interpretune.analysis.cache.recycling import SMALL_BYTES, RecycledMemory
from interpretune.analysis.cache.rows import RowEncoder

FEATURES = Features({"n": Value("int64"), "x": List(Value("float32"))})
LARGE = np.ones(300_000, "float32")


class Taken:
    """What was handed over and could be encoded: the numbers of the rows, and the rows of each batch."""

    def __init__(self) -> None:
        self.encoder = RowEncoder(FEATURES)
        self.numbers: list[list[int]] = []
        self.batch_rows: list[tuple[int, ...]] = []
        self.seconds: list[float] = []

    def __call__(self, gathered) -> None:
        for rows, seconds in gathered.encoded(self.encoder):
            self.numbers.append([number for batch in rows.batches for number in batch.to_pydict()["n"]])
            self.batch_rows.append(rows.batch_rows)
            self.seconds.append(seconds)


@pytest.fixture
def taken():
    return Taken()


@pytest.fixture
def made(taken, monkeypatch):
    monkeypatch.setattr(gathering, "WAIT_SECONDS", 60.0)  # unless a test says so, nothing is late
    return Gathering(RowEncoder(FEATURES), taken, first_row=100, max_bytes=2**26)


def row(number, x=()):
    return {"n": number, "x": list(x)}


def test_small_batches_wait_for_each_other(made, taken):
    for batch in ([row(1)], [], [row(2), row(3)], row(4), iter([row(5)])):
        made.add(batch)
    assert taken.numbers == []
    made.flush()
    made.flush()
    assert taken.numbers == [[1, 2, 3, 4, 5]]
    assert taken.batch_rows == [(1, 0, 2, 1, 1)]
    assert taken.seconds[0] > 0


def test_a_large_batch_goes_at_once_and_after_those_before_it(made, taken):
    made.add([row(1)])
    made.add([row(2), {"n": 3, "x": LARGE}])
    assert taken.numbers == [[1], [2, 3]]
    made.add(iter([row(4), {"n": 5, "x": LARGE}, row(6)]))
    assert taken.numbers[2:] == [[4, 5, 6]]
    assert taken.batch_rows == [(1,), (2,), (3,)]


@pytest.mark.parametrize("limits", [{"WAIT_ROWS": 3}, {"SECONDS": 0.0}, {"BYTES": 1}])
def test_waiting_is_bounded(taken, monkeypatch, limits):
    monkeypatch.setattr(gathering, "WAIT_ROWS", limits.get("WAIT_ROWS", 1000))
    monkeypatch.setattr(gathering, "WAIT_SECONDS", limits.get("SECONDS", 60.0))
    made = Gathering(RowEncoder(FEATURES), taken, first_row=0, max_bytes=limits.get("BYTES", 2**26))
    for number in range(6):
        made.add(row(number))
    assert taken.numbers == ([[0, 1, 2], [3, 4, 5]] if "WAIT_ROWS" in limits else [[number] for number in range(6)])


def test_a_wrong_row_costs_no_batch_before_it(made, taken):
    made.add([row(1)])
    made.add([row(2), row(3)])
    made.add([row(4), {"n": "many", "x": []}])
    with pytest.raises(RowError) as caught:
        made.flush()
    assert (caught.value.row, caught.value.column) == (104, "n")
    assert taken.numbers == [[1], [2, 3]]
    made.flush()
    assert taken.numbers == [[1], [2, 3]]


def test_a_row_that_is_no_row_tells_its_number(made):
    made.add([row(1), row(2)])
    for wrong in (5, "row", None):
        with pytest.raises(RowError) as caught:
            made.add(wrong)
        assert caught.value.row == 102


@pytest.mark.parametrize("length", [2, 200_000])
def test_rows_are_those_of_the_moment_in_which_they_were_given(length):
    features = Features({**FEATURES, "a": Array2D((1, length), "float32"), "d": {"t": List(Value("string"))}})
    encoder = RowEncoder(features)
    handed_over: list[Gathered] = []
    made = Gathering(encoder, handed_over.append, first_row=0, max_bytes=2**26)
    buffer, shared, words = np.zeros(length, "float32"), row(0), []
    for number in range(3):
        buffer[:] = number
        words.append(str(number))
        shared.update(n=number, x=buffer, a=buffer.reshape(1, length), d={"t": words})
        made.add(shared)
    made.flush()
    given = [
        each
        for gathered in handed_over
        for rows, _ in gathered.encoded(encoder)
        for batch in rows.batches
        for each in batch.to_pylist()
    ]
    assert [each["d"]["t"] for each in given] == [["0"], ["0", "1"], ["0", "1", "2"]]
    for number, each in enumerate(given):
        assert each["n"] == number
        assert set(each["x"]) == {number}
        assert set(each["a"][0]) == {number}


def test_memory_is_used_again_and_only_when_nobody_holds_it():
    memory = RecycledMemory()
    held = [memory.allocate(SMALL_BYTES * 2) for _ in range(3)]
    addresses = {buffer.address for buffer in held}
    assert len(addresses) == 3
    kept = pa.Array.from_buffers(pa.uint8(), 5, [None, held.pop()])  # what is made of it holds it too
    other = memory.allocate(SMALL_BYTES * 2)
    assert other.address not in addresses
    del other, kept
    held.clear()
    again = [memory.allocate(SMALL_BYTES * 2 - 7) for _ in range(4)]
    assert addresses < {buffer.address for buffer in again}
    assert [buffer.size for buffer in again] == [SMALL_BYTES * 2 - 7] * 4


def test_memory_that_nobody_uses_is_bounded(monkeypatch):
    monkeypatch.setattr(recycling, "KEPT_BYTES", 4 * SMALL_BYTES)
    before = pa.total_allocated_bytes()
    memory = RecycledMemory()
    held = [memory.allocate(SMALL_BYTES) for _ in range(20)]
    assert pa.total_allocated_bytes() >= before + 20 * SMALL_BYTES
    held.clear()
    large = memory.allocate(100 * SMALL_BYTES)  # none of those fits, so most of them go
    assert pa.total_allocated_bytes() <= before + large.size + 4 * SMALL_BYTES
    del large, memory
    assert pa.total_allocated_bytes() == before
