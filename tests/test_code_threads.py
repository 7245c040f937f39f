"""What threads do that a step starts or makes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from interpretune.analysis.cache import AnalysisStoreHasher

Step = Callable[..., Any]
found: list[float] = []


def key(step: Step) -> str:
    return AnalysisStoreHasher().fingerprint(step=step).hexdigest


def starting(thread: threading.Thread) -> Step:
    def step(batch: Any, i: int) -> Any:
        thread.start()
        thread.join()
        return found[-1]

    return step


class Worker(threading.Thread):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def run(self) -> None:
        found.append(self.factor)


def by_target(factor: float) -> threading.Thread:
    return threading.Thread(target=lambda: found.append(factor))


def by_arguments(factor: float) -> threading.Thread:
    return threading.Thread(target=found.append, args=(factor,))


def by_method(factor: float) -> threading.Thread:
    return threading.Thread(target=Worker(factor).run)


def by_timer(factor: float) -> threading.Thread:
    return threading.Timer(0.0, found.append, [factor])


def test_what_a_started_thread_does_counts() -> None:
    for make in (Worker, by_target, by_arguments, by_method, by_timer):
        assert key(starting(make(1.0))) == key(starting(make(1.0))) != key(starting(make(2.0)))


def making(factor: float) -> Step:
    def work(x: float) -> None:
        found.append(x * factor)

    def step(batch: Any, i: int) -> Any:
        thread = threading.Thread(target=work, args=(batch,), daemon=True)
        thread.start()
        thread.join()
        return found[-1]

    return step


def test_what_a_thread_does_that_the_step_makes_counts() -> None:
    assert key(making(1.0)) == key(making(1.0)) != key(making(2.0))


def test_the_name_of_a_thread_does_not_count() -> None:
    other = by_target(1.0)
    other.name = "other"
    assert key(starting(other)) == key(starting(by_target(1.0)))
