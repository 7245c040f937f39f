"""The order of a captured dictionary counts where code goes through it; the table of meanings has more of it."""

from __future__ import annotations

import dataclasses
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import datasets
import pytest

from interpretune.analysis.cache import AnalysisStoreHasher, materialize
from interpretune.analysis.cache.digests.policy import Policy

ONE, OTHER = {"b": 1.5, "a": 2.5}, {"a": 2.5, "b": 1.5}
KINDS: list[Callable[[dict[str, float]], Any]] = [
    dict,
    UserDict,
    ChainMap,
    MappingProxyType,
    Counter,
    lambda held: defaultdict(float, held),
    lambda held: type("Registry", (dict,), {})(held),
]


def key(step: Any, **policy: Any) -> str:
    return AnalysisStoreHasher(Policy(**policy)).fingerprint(step=step).hexdigest


def scaling(scales: Any) -> Any:
    def step(batch: Any, index: int) -> Any:
        return [batch * scale for scale in scales.values()]

    return step


def looking(scales: Any) -> Any:
    def step(batch: Any, index: int) -> Any:
        return batch * scales["a"]

    return step


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_any_mapping_counts_where_it_is_gone_through(kind: Any) -> None:
    assert key(scaling(kind(ONE))) != key(scaling(kind(OTHER)))
    assert key(looking(kind(ONE))) == key(looking(kind(OTHER)))


def test_that_of_an_ordered_dictionary_counts_anyway() -> None:
    assert key(looking(OrderedDict(ONE))) != key(looking(OrderedDict(OTHER)))


def test_rows_stacked_from_a_registry_are_not_those_of_another_order() -> None:
    features = datasets.Features(x=datasets.List(datasets.Value("float64")))

    def rows_of(scales: Any) -> Any:
        step = scaling(scales)
        return materialize(lambda batch, index: {"x": step(batch, index)}, [1.0, 2.0], features=features)[:]["x"]

    rows = [rows_of(scales) for scales in (ONE, OTHER, ONE)]
    assert rows == [[[1.5, 2.5], [3.0, 5.0]], [[2.5, 1.5], [5.0, 3.0]], [[1.5, 2.5], [3.0, 5.0]]]


def test_numbers_in_their_order_are_as_before_the_order_counted() -> None:
    layers = {layer: layer * 2.0 for layer in range(300)}
    assert not [part for part in AnalysisStoreHasher().fingerprint(step=scaling(layers)).notes if "order" in part]
    assert key(scaling(layers)) == key(scaling(dict(sorted(layers.items()))))
    assert key(scaling(layers)) != key(scaling(dict(reversed(layers.items()))))


def test_keys_of_any_kind_have_an_order() -> None:
    def of(*names: Any) -> str:
        return key(scaling(dict.fromkeys(names, 1.0)))

    assert len({of((1, "a"), 2, None), of(2, (1, "a"), None), of(None, 2, (1, "a"))}) == 3


def test_an_entry_that_is_ignored_has_no_place_in_the_order() -> None:
    held = [{"b": 1, "left out": 3, "a": 2}, {"left out": 4, "b": 1, "a": 2}, {"a": 2, "b": 1, "left out": 3}]
    one, same, other = (key(scaling(scales), ignore="*left out*") for scales in held)
    assert one == same != other


@dataclasses.dataclass
class Config:
    scales: dict[str, Any]

    def scaled(self, batch: Any) -> Any:
        return [batch * scale for scale in self.given().values()]

    def given(self) -> Any:
        return self.scales


@dataclasses.dataclass
class Silent:
    scales: dict[str, Any]

    def scaled(self, batch: Any) -> Any:
        return batch * self.given()["a"]

    def given(self) -> Any:
        return self.scales


@pytest.mark.parametrize(("cls", "counts"), [(Config, True), (Silent, False)])
def test_an_object_handed_on_counts_by_what_its_methods_go_through(cls: Any, counts: bool) -> None:
    def handing(held: Any) -> Any:
        return lambda batch, index: batch.use(held)

    assert (key(handing(cls(ONE))) != key(handing(cls(OTHER)))) is counts
    assert (key(handing([cls(ONE)])) != key(handing([cls(OTHER)]))) is counts


def test_a_model_goes_through_a_dictionary_of_its_own() -> None:
    torch = pytest.importorskip("torch")

    class Holding(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, scales: dict[str, float]) -> None:
            super().__init__()
            self.scales = scales

    class Scaling(Holding):
        def forward(self, x: Any) -> Any:
            for scale in self.scales.values():
                x = x * scale + 1
            return x

    class Looking(Holding):
        def forward(self, x: Any) -> Any:
            return x * self.scales["a"]

    def of(model: Any) -> str:
        return AnalysisStoreHasher().fingerprint(inputs={"model": torch.nn.Sequential(model)}).hexdigest

    assert of(Scaling(ONE)) != of(Scaling(OTHER))
    assert of(Looking(ONE)) == of(Looking(OTHER))


def test_modules_and_frames_made_of_a_dictionary_have_its_order() -> None:
    torch = pytest.importorskip("torch")
    pandas = pytest.importorskip("pandas")
    steps: list[Callable[[Any], Any]] = [
        lambda held: lambda batch, index: torch.nn.ModuleDict(held)(batch),
        lambda held: lambda batch, index: torch.stack(list(held.values())),
        lambda held: lambda batch, index: pandas.DataFrame([held]),
        lambda held: lambda batch, index: pandas.DataFrame.from_dict(held, orient="index"),
    ]
    assert all(key(step(ONE)) != key(step(OTHER)) for step in steps)


def test_weights_by_name_have_no_order() -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(1, 1)

    def step(weights: Any) -> Any:
        return lambda batch, index: torch.func.functional_call(layer, weights, (batch,))

    assert key(step(ONE)) == key(step(OTHER))


def test_a_users_module_may_go_through_what_its_forward_gets() -> None:
    torch = pytest.importorskip("torch")

    class Through(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any, table: Any) -> Any:
            return [x * value for value in table.values()]

    class Looking(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any, table: Any) -> Any:
            return x * table["a"]

    def handing(model: Any, held: Any) -> Any:
        return lambda batch, index: model(batch, held)

    for cls, counts in ((Through, True), (Looking, False)):
        assert (key(handing(cls(), ONE)) != key(handing(cls(), OTHER))) is counts


@pytest.mark.parametrize(
    ("held", "free"),
    [
        ({"b": 2.0, "a": 1.0}, True),
        ({"b": (1, "x"), "a": (0, "y")}, True),
        ({"b": float("nan"), "a": 1.0}, False),
        ({"b": 0.0, "a": -0.0}, False),
        ({"b": 1, "a": True}, False),
        ({"b": ONE, "a": OTHER}, False),
    ],
)
def test_the_largest_is_free_of_order_where_equal_values_are_alike(held: Any, free: bool) -> None:
    def largest(held: Any) -> Any:
        return lambda batch, index: max(held.values())

    assert (key(largest(held)) == key(largest(dict(reversed(held.items()))))) is free


def test_inputs_are_free_of_order() -> None:
    one, other = (AnalysisStoreHasher().fingerprint(step=len, inputs={"cfg": held}).hexdigest for held in (ONE, OTHER))
    assert one == other


def test_a_text_with_an_entry_that_is_a_dictionary_goes_by_its_order() -> None:
    def telling(scales: Any) -> Any:
        held = {"scales": scales}
        return lambda batch, index: "%(scales)s" % held  # noqa: UP031 - what is looked at

    assert key(telling(ONE)) != key(telling(OTHER))
