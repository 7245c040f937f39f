"""A session as tests of code capture it: what its steps read, and beside it what must not count."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any


class Model:
    """An object of no kind that the cache knows."""

    def __init__(self) -> None:
        self.weight = 3
        self.noise = uuid.uuid4()
        self.unknown = object()

    def __call__(self, x: Any) -> Any:
        return x * self.weight

    def __getitem__(self, index: int) -> int:
        return self.weight + index

    def __len__(self) -> int:
        return self.weight

    def __iter__(self) -> Iterator[int]:
        return iter([self.weight])

    def __add__(self, other: int) -> int:
        return self.weight + other

    def __contains__(self, x: int) -> bool:
        return x == self.weight

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *error: object) -> None:
        self.weight.bit_length()

    def __str__(self) -> str:
        return f"model of {self.weight}"


class Base:
    factor = 2

    def common(self) -> Any:
        return self.scale * self.factor  # type: ignore[attr-defined]


class Session(Base):
    limit = 7

    def __init__(self) -> None:
        self.scale = 1
        self.model, self.other = Model(), Model()
        self.layers = [Model(), Model()]
        self.named = {"a": Model(), "b": Model()}
        self.config = {"used": 1, "unknown": object()}
        self.session = self
        self.count, self.history = 0, [0]
        self.absent: Any = None
        # Noise.
        self.logger = logging.getLogger("session")
        self.lock = threading.Lock()
        self.run_id = uuid.uuid4()

    @property
    def scaled(self) -> int:
        return self.scale

    @property
    def the_model(self) -> Model:
        return self.model

    @functools.cached_property
    def cached(self) -> int:
        return self.scale * 2

    @classmethod
    def of_class(cls) -> int:
        return cls.limit

    @staticmethod
    def static(x: int) -> int:
        return x + 1

    def get_model(self) -> Model:
        return self.model

    def common(self) -> Any:
        return super().common()

    def recursive(self, n: int) -> int:
        return self.scale if n == 0 else self.recursive(n - 1)

    def batches(self) -> Iterator[int]:
        for layer in self.layers:
            yield layer.weight

    @contextlib.contextmanager
    def entered(self) -> Iterator[int]:
        yield self.scale

    def logged(self, x: int) -> int:
        self.logger.info("run %s", self.run_id)
        with self.lock:
            return self.scale * x


class Proxy:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: int) -> None:
        self.a = a
        self.b = object()


class CallableStep:
    def __init__(self, k: int) -> None:
        self.k = k
        self.unknown = object()

    def __call__(self, batch: Any) -> Any:
        return self.k


def timed(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = time.time()
        result = function(*args, **kwargs)
        logging.getLogger(__name__).info("took %s", time.time() - start)
        return result

    return wrapper


class TimedStep:
    def __init__(self, k: int) -> None:
        self.k = k
        self.unknown = object()

    @timed
    def run(self, x: Any) -> Any:
        return self.k * x


def weigh(model: Any, x: Any) -> Any:
    return model.weight * x


def weigh_twice(model: Any) -> Any:
    return weigh(model, 2)


def same(model: Any) -> Any:
    return model


def by_keyword(*, model: Any) -> Any:
    return model.weight


def by_rest(*args: Any, **kwargs: Any) -> Any:
    return args[0].weight


def by_name(holder: Any, name: str) -> Any:
    return getattr(holder, name)


@functools.singledispatch
def weigh_any(thing: Any) -> Any:
    return 0


@weigh_any.register
def _(thing: Model) -> Any:
    return thing.weight
