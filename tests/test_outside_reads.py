"""What a forward leaves behind on a module counts where the step or a hook may read it, however it gets there."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from interpretune.analysis.cache import AnalysisStoreHasher  # noqa: E402

Step = Callable[..., Any]


class Block(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(5, 5)
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.last = self.linear(x).detach()
        self.calls += 1
        return torch.relu(self.linear(x))


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList([Block() for _ in range(3)])
        self.head = Block()

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def by_index(net: Any) -> Step:
    return lambda layer, i: net.blocks[layer].last


def by_slice(net: Any) -> Step:
    return lambda batch, i: [block.last for block in net.blocks[:2]]


def by_name(net: Any) -> Step:
    return lambda batch, i: net.get_submodule(f"blocks.{batch}").last


def by_loop(net: Any) -> Step:
    def step(batch: Any, i: int) -> Any:
        for block, weight in zip(net.blocks, batch, strict=False):
            yield block.last * weight

    return step


def by_helper(net: Any) -> Step:
    def last_of(module: Any) -> Any:
        return module.last if hasattr(module, "last") else None

    return lambda batch, i: [last_of(module) for module in net.modules()]


def by_apply(net: Any) -> Step:
    def step(batch: Any, i: int) -> Any:
        found: list[Any] = []
        net.apply(lambda module: found.append(getattr(module, "last", None)))
        return found

    return step


def by_getter(net: Any) -> Step:
    get = operator.attrgetter("last")
    return lambda batch, i: list(map(get, net.blocks))


def by_copy(net: Any) -> Step:
    return lambda batch, i: copy.deepcopy(net.blocks)[0].calls


def by_hook(net: Any) -> Step:
    net.head.register_forward_pre_hook(lambda module, args: (args[0] + module.calls,))
    return lambda batch, i: net(batch)


def only_run(net: Any) -> Step:
    return lambda batch, i: net(batch)


def keys(make: Callable[[Any], Step]) -> list[str]:
    """The keys of one step over two nets that were last run on different inputs."""
    found = []
    for prompt in (1.0, 2.0):
        torch.manual_seed(0)
        net = Net().eval()
        for _ in range(int(prompt)):
            net(torch.full((2, 5), prompt))
        found.append(AnalysisStoreHasher().fingerprint(step=make(net)).hexdigest)
    return found


@pytest.mark.parametrize(
    "make", [by_index, by_slice, by_name, by_loop, by_helper, by_apply, by_getter, by_copy, by_hook]
)
def test_it_counts_where_it_may_be_read(make: Callable[[Any], Step]) -> None:
    one, other = keys(make)
    assert one != other


def test_it_does_not_where_nobody_reads_it() -> None:
    one, other = keys(only_run)
    assert one == other
