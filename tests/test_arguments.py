"""Arguments that cannot be meant are refused before anything is computed, by an error that says what would do."""

from __future__ import annotations

import datasets
import numpy as np
import pytest

from interpretune.analysis.cache import (
    AnalysisStoreHasher,
    Policy,
    configure,
    dataset_from_generator,
    enable_analysisstore_caching,
    last_outcome,
    materialize,
)
from interpretune.analysis.cache.settings import current

FEATURES = datasets.Features({"x": datasets.Value("int64")})


def step(batch, batch_idx):
    return {"x": batch}


def generator(count):
    return ({"x": number} for number in range(count))


@pytest.fixture(autouse=True)
def _on():
    enable_analysisstore_caching()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"step": 3}, TypeError, "step must be a function, not int"),
        ({"batches": 3}, TypeError, "batches must be an iterable"),
        ({"batches": iter([1])}, TypeError, "once only"),
        ({"features": None}, TypeError, "features must be datasets.Features"),
        ({"features": ["x"]}, TypeError, "features must be datasets.Features"),
        (
            {"features": {"x": "int64"}},
            TypeError,
            r"features: 'x' is the text 'int64'; write datasets.Value\('int64'\)",
        ),
        ({"features": datasets.Features({"x": "int64"})}, TypeError, "write datasets.Value"),
        ({"name": 3}, TypeError, "name must be text, not int"),
        ({"batches": lambda: None}, TypeError, "batches gave NoneType when it was called; it must give an iterable"),
        ({"inputs": [1]}, TypeError, "inputs must be a mapping"),
        ({"inputs": {1: 2}}, TypeError, "inputs: 1 is int"),
        ({"inputs": {"model.weights": 2}}, ValueError, "inputs: 'model.weights' is no name"),
        ({"inputs": {"": 2}}, ValueError, "is no name"),
        ({"limit": -1}, ValueError, "limit is -1"),
        ({"limit": 1.5}, TypeError, "limit must be a whole number"),
        ({"limit": True}, TypeError, "limit must be a whole number of batches or None, not bool"),
        ({"limit": np.bool_(True)}, TypeError, "limit must be a whole number"),
        ({"split": 3}, TypeError, "split must be a name"),
        ({"split": "a/b"}, ValueError, "a/b"),
        ({"runtime": "roughly"}, ValueError, "runtime is 'roughly'; it must be 'strict' or 'exact' or 'ignore'"),
        ({"ignore": 3}, TypeError, "3 must be dotted paths"),
        ({"ignore": (3,)}, TypeError, "must be dotted paths, as in ignore="),
        ({"device": "any"}, ValueError, "device is 'any'"),
        ({"on_unfingerprintable": "hide"}, ValueError, "must be 'raise' or 'bypass'"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, error, words):
    calls = []
    given = {"step": lambda batch, index: calls.append(batch), "batches": [1, 2], "features": FEATURES, **arguments}
    with pytest.raises(error, match=words):
        materialize(**given)
    assert calls == []


@pytest.mark.parametrize(
    "same",
    [{"limit": np.int64(2)}, {"features": {"x": datasets.Value("int64")}}, {"split": datasets.Split.TRAIN}],
    ids=["a numpy limit", "a plain mapping of features", "a split of datasets' own class"],
)
def test_other_ways_to_say_the_same_are_the_same(same):
    given = {"limit": 2, "features": FEATURES, "split": "train"}
    materialize(step, [1, 2, 3], **given)
    rows = materialize(step, [1, 2, 3], **{**given, **same})
    assert last_outcome().status == "hit"
    assert rows["x"][:] == [1, 2]


def test_one_ignored_path_need_not_be_in_a_list():
    for run in (1, 2):
        materialize(step, [1], features=FEATURES, inputs={"run": run, "layer": 3}, ignore="inputs.run")
    assert last_outcome().status == "hit"
    materialize(step, [1], features=FEATURES, inputs={"run": run, "layer": 4}, ignore="inputs.run")
    assert last_outcome().status == "miss"


def test_a_generator_s_arguments_are_checked_too():
    assert len(dataset_from_generator(generator, {"x": datasets.Value("int64")}, gen_kwargs={"count": 3})) == 3
    with pytest.raises(TypeError, match="generator must be a function, not list"):
        dataset_from_generator([1], FEATURES)
    with pytest.raises(TypeError, match="gen_kwargs must be a mapping"):
        dataset_from_generator(generator, FEATURES, gen_kwargs=[3])


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"shard_bytes": "64MB"}, TypeError),
        ({"shard_seconds": None}, TypeError),
        ({"shard_bytes": -1}, ValueError),
        ({"max_size": True}, TypeError),
        ({"max_age": float("nan")}, ValueError),
        ({"verify": "maybe"}, ValueError),
        ({"device": "gpu"}, ValueError),
        ({"nonsense": 1}, TypeError),
    ],
)
def test_settings_are_checked_when_they_are_given(settings, error):
    before = current()
    with pytest.raises(error, match=next(iter(settings))):
        configure(**settings)
    assert current() == before


def test_one_read_only_base_need_not_be_in_a_list(tmp_path):
    configure(readonly_bases=tmp_path)
    assert current().readonly_bases == (tmp_path,)


def test_a_policy_knows_its_values():
    with pytest.raises(ValueError, match="runtime is 'none'"):
        Policy(runtime="none")
    assert Policy(ignore="inputs.run").ignore == ("inputs.run",)
    given = {"inputs": {"run": 1, "layer": 3}}
    hasher = AnalysisStoreHasher(Policy(ignore="inputs.run"))
    assert hasher.fingerprint(inputs={"run": 2, "layer": 3}).hexdigest == hasher.fingerprint(**given).hexdigest
