"""Hooks that watch: those that keep nothing do not count, those that keep something count without what they filled."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from torch.utils.module_tracker import ModuleTracker  # noqa: E402

from interpretune.analysis.cache import AnalysisStoreHasher  # noqa: E402
from interpretune.analysis.cache.digests.registry import find_encoder  # noqa: E402
from interpretune.analysis.cache.digests.walk import Walk  # noqa: E402

calls = 0
activations: dict[str, Any] = {}


def key(*hooks: Any, used: bool = False) -> dict[str, str]:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    torch.nn.init.ones_(model[0].weight), torch.nn.init.ones_(model[0].bias)
    for hook in hooks:
        model[0].register_forward_hook(hook)
    if used:
        model(torch.ones(1, 2))
    walk = Walk("inputs.m", find_encoder)
    return walk.finish(walk.child(model)).components


def counting(module: Any, args: Any, output: Any) -> None:
    global calls
    calls += 1


def keeping(position: int) -> Callable[..., None]:
    kept: list[Any] = []

    def hook(module: Any, args: Any, output: Any) -> None:
        kept.append(output[:, position])

    return hook


def keeping_the_sum(position: int) -> Callable[..., None]:
    kept: list[Any] = []

    def hook(module: Any, args: Any, output: Any) -> None:
        kept.append(output[:, position] + output)

    return hook


def keeping_under(name: str) -> Callable[..., None]:
    def hook(module: Any, args: Any, output: Any) -> None:
        activations[name] = output

    return hook


def keeping_by_default(position: int) -> Callable[..., None]:
    kept: list[Any] = []

    def hook(module: Any, args: Any, output: Any, position: int = position) -> None:
        kept.append(output[:, position])

    return hook


class Keeper:
    def __init__(self, position: int) -> None:
        self.position, self.kept = position, []

    def hook(self, module: Any, args: Any, output: Any) -> None:
        self.kept.append(output[:, self.position])


class Limited(Keeper):
    def hook(self, module: Any, args: Any, output: Any) -> None:
        if self.kept:
            self.kept.append(output)


def test_a_counter_does_not_count() -> None:
    assert key(counting) == key() == key(counting, used=True)


MAKERS = [keeping, keeping_the_sum, keeping_under, lambda position: Keeper(position).hook]


@pytest.mark.parametrize("make", MAKERS)
def test_what_keeps_activations_counts_without_what_it_kept(make: Any) -> None:
    assert key(make(0)) == key(make(0)) == key(make(0), used=True)
    assert key(make(0)) != key()
    assert key(make(0)) != key(make(1))


def test_different_keepers_differ() -> None:
    assert len({str(key(make(0))) for make in MAKERS}) == len(MAKERS)
    assert key(keeping_by_default(0)) != key(keeping_by_default(1))


def test_annotations_of_a_keeper_do_not_count(tmp_path: Any) -> None:
    template = (
        "kept = {{}}\n\n\ndef hook(module{0}, args{1}, output{0}){2}:\n    last{1} = output\n    kept['a'] = last\n"
    )
    hooks = []
    for number, noted in enumerate([("", "", ""), (": object", ": 'tuple'", " -> None"), (": list[int]", ": int", "")]):
        file = tmp_path / f"hooks{number}.py"
        file.write_text(template.format(*noted), encoding="utf-8")
        hooks.append(runpy.run_path(str(file))["hook"])
    assert key(hooks[0]) == key(hooks[1]) == key(hooks[2]) == key(hooks[1], used=True) != key()


def test_what_reads_what_it_fills_counts_as_a_whole() -> None:
    empty, full = Limited(0), Limited(0)
    full.kept.append(1)
    assert key(empty.hook) != key(full.hook)


class CountsOne:
    """Counts the forwards of one module among all."""

    def __init__(self, module: Any) -> None:
        self.own, self.every, self.wanted = 0, 0, id(module)

    def see(self, module: Any, args: Any, output: Any) -> None:
        self.every += 1
        self.own += id(module) == self.wanted


def test_asking_which_module_it_is_keeps_nothing_of_it() -> None:
    assert key(CountsOne(object()).see, used=True) == key()


class Lent(torch.nn.Module):
    """Gives a parameter to a layer, on which a `ModuleTracker` then hangs a hook."""

    def __init__(self) -> None:
        super().__init__()
        self.lent, self.layer = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Linear(2, 2)

    def forward(self, batch: Any) -> Any:
        return self.layer(self.lent) * batch


def key_of_run(model: Any) -> str:
    def step(batch: Any, index: int) -> Any:
        return {"out": model(batch)}

    return AnalysisStoreHasher().fingerprint(step=step, inputs={"model": model}).hexdigest


@pytest.mark.parametrize("make", [ModuleTracker, lambda: FlopCounterMode(display=False)])
@pytest.mark.parametrize("make_model", [lambda: torch.nn.Sequential(torch.nn.Linear(2, 2)), Lent])
def test_what_tracks_the_modules_at_work_does_not_count(make: Any, make_model: Any) -> None:
    model = make_model()
    before, tracker = key_of_run(model), make()
    tracker.__enter__()
    try:
        assert key_of_run(model) == before
        model(torch.ones(1, 2))
        assert key_of_run(model) == before
    finally:
        tracker.__exit__(None, None, None)
    assert key_of_run(model) == before


def test_what_tracks_the_modules_at_work_counts_where_it_is_read() -> None:
    model, tracker = torch.nn.Sequential(torch.nn.Linear(2, 2)), ModuleTracker()
    model.register_forward_hook(lambda module, args, output: output * len(tracker.parents))
    before = key_of_run(model)
    with tracker:
        assert key_of_run(model) != before
    assert key_of_run(model) == before
