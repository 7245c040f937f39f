"""Objects that raise while they are looked at: understood where nothing they hide is needed, else refused by path."""

from __future__ import annotations

import warnings

import pytest

from interpretune.analysis.cache import (
    AnalysisStoreHasher,
    UnfingerprintableError,
    enable_analysisstore_caching,
    last_outcome,
    materialize,
)
from streaming import BATCHES, FEATURES


class Settings:
    """Looks into a dictionary for what it has no attribute of, as many configs do."""

    def __init__(self, **held):
        self.held = held

    def __getattr__(self, name):
        return self.__dict__["held"][name]


class Scaled(Settings):
    def __call__(self, number):
        return number * self.held["scale"]


class Mapped(dict):
    __getattr__ = dict.__getitem__


class OfNoClass:
    label = ""

    @property
    def __class__(self):
        raise ValueError("not\nready")


class Registered(type):
    def __getattr__(cls, name):
        raise LookupError(f"nothing is registered as {name!r}")


class OfARegistry(metaclass=Registered):
    """A class that raises when it is asked what it is."""


class Meaning:
    """Says itself what it means, or fails to."""

    def __init__(self, meaning):
        self.meaning = meaning

    def __fingerprint__(self):
        if isinstance(self.meaning, BaseException):
            raise self.meaning
        return self.meaning


class Untold(Exception):
    def __str__(self):
        raise RuntimeError


def rows_of(used):
    return lambda batch, index: {"text": str(used), "numbers": [index]}


def ask(step, **inputs):
    enable_analysisstore_caching()
    rows = materialize(step, BATCHES, features=FEATURES, inputs=inputs)
    return rows["numbers"][:], last_outcome().status


def calling(scale):
    settings = Scaled(scale=scale)
    return lambda batch, index: {"text": "", "numbers": [settings(index)]}


def reading(scale):
    settings = Scaled(scale=scale)
    return lambda batch, index: {"text": "", "numbers": [settings.held["scale"] * index]}


def reading_a_default(scale):
    def step(batch, index, settings=Scaled(scale=scale)):  # noqa: B008
        return {"text": "", "numbers": [settings.held["scale"] * index]}

    return step


def reading_a_dictionary(scale):
    settings = Mapped(scale=scale)
    return lambda batch, index: {"text": "", "numbers": [settings.scale * index]}


@pytest.mark.parametrize("make", [calling, reading, reading_a_default, reading_a_dictionary])
def test_what_raises_another_error_for_what_it_does_not_have_is_understood(make):
    twice, thrice = ([[index * factor] for index in range(len(BATCHES))] for factor in (2, 3))
    assert ask(make(2)) == (twice, "miss")
    assert ask(make(2)) == (twice, "hit")
    assert ask(make(3)) == (thrice, "miss")


REFUSED = {
    "own meaning": (lambda: Meaning(ZeroDivisionError("no meaning")), "ZeroDivisionError", "(no meaning)"),
    "file": (lambda: Meaning(FileNotFoundError("weights.bin")), "FileNotFoundError", "(weights.bin)"),
    "untold": (lambda: Meaning(Untold()), "Untold", ""),
    "registry": (OfARegistry, "LookupError", "nothing is registered as"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_raises_where_its_meaning_is_asked_for_is_refused_by_its_path(name):
    make, error, words = REFUSED[name]
    with pytest.raises(UnfingerprintableError) as caught:
        ask(rows_of(1), tracker=[make()])
    assert caught.value.path == "inputs.tracker[0]"
    assert caught.value.reason.startswith(f"looking at it raised {error}")
    assert words in str(caught.value)
    assert "`__fingerprint__()`" in caught.value.hint
    assert type(caught.value.__cause__).__name__ == error
    assert ask(rows_of(1), tracker=[Meaning("told")])[1] == "miss"


def test_a_step_that_uses_what_raises_is_refused_by_its_line():
    used = OfNoClass()

    def step(batch, index):
        number = index
        return {"text": used.label, "numbers": [number]}

    with pytest.raises(
        UnfingerprintableError, match=r"raised ValueError \(not ready\) in function .*`return {\"text\""
    ) as caught:
        ask(step)
    assert caught.value.path == "op.implementation"
    assert "raise AttributeError" in caught.value.hint


def test_data_that_raises_is_refused():
    class Data(metaclass=Registered):
        def __iter__(self):
            return iter(BATCHES)

    with pytest.raises(UnfingerprintableError) as caught:
        AnalysisStoreHasher().fingerprint(data=Data())
    assert caught.value.path == "data"


def test_bypassed_it_is_computed_and_said_once():
    enable_analysisstore_caching()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        rows = materialize(
            rows_of(1),
            BATCHES,
            features=FEATURES,
            inputs={"tracker": Meaning(KeyError("name"))},
            on_unfingerprintable="bypass",
        )
    assert len(rows) == len(BATCHES)
    assert last_outcome().status == "bypassed"
    (warning,) = said
    assert "cannot fingerprint `inputs.tracker`" in str(warning.message)
    assert "KeyError ('name')" in str(warning.message)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_is_not_about_the_object_is_passed_on(error):
    with pytest.raises(error):
        ask(rows_of(1), tracker=Meaning(error()))
