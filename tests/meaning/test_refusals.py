"""What cannot be understood raises an error whose path leads to it, wherever it hides."""

from __future__ import annotations

import functools
import json
import runpy
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from interpretune.analysis.cache import AnalysisStoreHasher, UnfingerprintableError


class Stranger:
    """An object of no known kind: nobody can say which of its attributes mean something."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


@dataclass
class Inner:
    thing: Any = None


@dataclass
class Outer:
    inner: Inner = field(default_factory=Inner)
    items: list[Any] = field(default_factory=list)


class Holder:
    def __init__(self, thing: Any) -> None:
        self.thing = thing
        self.cfg = Outer(Inner(thing))

    def whole(self, batch: Any, i: int) -> Any:
        return json.dumps(self.thing)


STRANGER = Stranger()


def closure(thing: Any) -> Any:
    def step(batch: Any, i: int) -> Any:
        return thing

    return step


def attribute(holder: Holder) -> Any:
    def step(batch: Any, i: int) -> Any:
        return json.dumps(holder.cfg.inner.thing)

    return step


def nested(thing: Any) -> Any:
    def middle() -> Any:
        def leaf(batch: Any, i: int) -> Any:
            return json.dumps(thing["deep"][1])

        return leaf

    return middle()


def bound(thing: Any, batch: Any, i: int) -> Any:
    return json.dumps(thing)


def reads_module(batch: Any, i: int) -> Any:
    return json.dumps(STRANGER)


def default(batch: Any, i: int, thing: Any = STRANGER) -> Any:
    return json.dumps(thing)


class Called:
    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __call__(self, batch: Any, i: int) -> Any:
        return json.dumps(self.thing)


def path_of(**given: Any) -> str:
    with pytest.raises(UnfingerprintableError) as caught:
        AnalysisStoreHasher().fingerprint(**given)
    assert f"`{caught.value.path}`" in str(caught.value)
    return caught.value.path


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"inputs": {"it": STRANGER}}, "inputs.it"),
        ({"inputs": {"it": [1, (2, {"a": STRANGER})]}}, "inputs.it[1][1]['a']"),
        ({"inputs": {"it": {"a.b": {1: [STRANGER]}}}}, "inputs.it['a.b'][1][0]"),
        ({"inputs": {"it": Outer(Inner(STRANGER))}}, "inputs.it.inner.thing"),
        ({"inputs": {"it": Outer(items=[0, Inner({"x": STRANGER})])}}, "inputs.it.items[1].thing['x']"),
        ({"run": {"it": Inner([STRANGER])}}, "run.it.thing[0]"),
        ({"data": [{"a": 1}, {"a": STRANGER}]}, "data[1]['a']"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_path_leads_through_containers_and_dataclasses(given: dict[str, Any], path: str) -> None:
    assert path_of(**given) == path


@pytest.mark.parametrize(
    ("step", "path"),
    [
        (closure(STRANGER), "op.implementation.thing"),
        (closure({"a": [STRANGER]}), "op.implementation.thing['a'][0]"),
        (closure(Outer(Inner(STRANGER))), "op.implementation.thing.inner.thing"),
        (nested({"deep": [0, STRANGER]}), "op.implementation.thing['deep'][1]"),
        (attribute(Holder(STRANGER)), "op.implementation.holder.cfg.inner.thing"),
        (Holder(STRANGER).whole, "op.implementation.self.thing"),
        (functools.partial(bound, STRANGER), "op.implementation.thing"),
        (functools.partial(bound, Inner([STRANGER])), "op.implementation.thing.thing[0]"),
        (functools.partial(functools.partial(bound), {"k": STRANGER}), "op.implementation.thing['k']"),
        (reads_module, "op.implementation.STRANGER"),
        (default, "op.implementation.thing"),
        (Called(STRANGER), "op.implementation.self.thing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_path_leads_through_closures_partials_and_methods(step: Any, path: str) -> None:
    assert path_of(step=step) == path


def test_an_object_that_escapes_is_named_with_the_line_that_lets_it() -> None:
    with pytest.raises(UnfingerprintableError, match=r"test_refusals\.py:\d+") as caught:
        AnalysisStoreHasher().fingerprint(step=attribute(Holder(STRANGER)))
    assert "json.dumps(holder.cfg.inner.thing)" in str(caught.value)


@pytest.mark.parametrize("kind", ["list", "dict", "object"])
def test_a_value_that_contains_itself_is_refused(kind: str) -> None:
    value: Any = {"list": [], "dict": {}, "object": Inner()}[kind]
    if kind == "list":
        value.append([value])
    elif kind == "dict":
        value["a"] = {"b": value}
    else:
        value.thing = Outer(items=[value])
    with pytest.raises(UnfingerprintableError, match="contains itself"):
        AnalysisStoreHasher().fingerprint(inputs={"it": value})


def test_a_deep_value_is_refused_and_not_cut_off() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(UnfingerprintableError, match="too deeply"):
        AnalysisStoreHasher().fingerprint(inputs={"it": value})


def test_what_is_not_read_is_not_asked_about() -> None:
    holder = Holder(STRANGER)
    holder.cfg = Outer(Inner(3))

    def step(batch: Any, i: int) -> Any:
        return holder.cfg.inner.thing

    before = AnalysisStoreHasher().fingerprint(step=step)
    holder.thing = Stranger()
    assert AnalysisStoreHasher().fingerprint(step=step).hexdigest == before.hexdigest


@pytest.mark.parametrize("body", ["getattr(math, batch['name'])(i)", "eval(batch['text'])", "globals()[batch['name']]"])
def test_a_dynamic_lookup_is_noted(body: str, tmp_path: Path) -> None:
    source = tmp_path / "lookup.py"
    source.write_text(f"import math\n\n\ndef step(batch, i):\n    return {body}\n", encoding="utf-8")
    notes = AnalysisStoreHasher().fingerprint(step=runpy.run_path(str(source))["step"]).notes
    assert any(body.partition("(")[0] in note for note in notes), notes


def test_a_meta_tensor_is_refused() -> None:
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    assert path_of(inputs={"model": model}).startswith("inputs.model")


def test_a_stream_is_refused_with_advice() -> None:
    import datasets

    stream = datasets.IterableDataset.from_generator(lambda: iter([{"a": 1}]))
    with pytest.raises(UnfingerprintableError, match="fingerprint"):
        AnalysisStoreHasher().fingerprint(data=stream)
