"""What is one object at two places of a model counts where code edits one of them, or lists each once; only there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from interpretune.analysis.cache import AnalysisStoreHasher  # noqa: E402

Step = Callable[..., Any]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.blocks = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])

    def forward(self, x: Any) -> Any:
        return self.b(torch.relu(self.a(x)))


def net(b: Callable[[Any], Any], make: Callable[[], Any] = Net) -> Any:
    torch.manual_seed(0)
    made = make()
    b(made)
    return made


def one_module(net: Any) -> None:
    net.b = net.a


def one_weight(net: Any) -> None:
    copied(net)
    net.b.weight = net.a.weight


def one_memory(net: Any) -> None:
    copied(net)
    net.b.weight.data = net.a.weight.data


def copied(net: Any) -> None:
    net.b = copy.deepcopy(net.a)


def by_method(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        with torch.no_grad():
            net.a.weight.mul_(2)
        return net(x)

    return step


def by_copying(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        net.a.weight.data.copy_(torch.ones(3, 3))
        return net(x)

    return step


def by_index(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        net.a.weight.data[0] = 5
        return net(x)

    return step


def by_other_name(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        weight = net.a.weight.data
        weight *= 2
        return net(x)

    return step


def by_helper(net: Any) -> Step:
    def double(weight: Any) -> None:
        weight.data.add_(weight.data)

    def step(x: Any, i: int) -> Any:
        double(net.a.weight)
        return net(x)

    return step


def by_path(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        nn.init.zeros_(net.get_parameter("a.weight"))
        return net(x)

    return step


def by_loop(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        for parameter in net.parameters():
            parameter.data.mul_(1.5)
        return net(x)

    return step


def by_loading(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        net.a.load_state_dict({"weight": torch.ones(3, 3), "bias": torch.ones(3)})
        return net(x)

    return step


def by_call_with_others(net: Any) -> Step:
    return lambda x, i: torch.func.functional_call(net, {"a.weight": torch.ones(3, 3)}, (x,))


def by_captured_weight(net: Any) -> Step:
    held = net.a.weight

    def step(x: Any, i: int) -> Any:
        torch.mul(held, 2, out=held.data)
        return net(x)

    return step


def by_optimizer(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        optimizer = torch.optim.SGD([net.a.weight], lr=0.1)
        out = net(x)
        out.sum().backward()
        optimizer.step()
        return out

    return step


def by_part(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        net.a.weight.data.mul_(2)
        return net.b(x)

    return step


def by_data(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        net.a.weight.data = torch.ones(3, 3)
        return net(x)

    return step


def by_number_of_parameters(net: Any) -> Step:
    return lambda x, i: (sum(parameter.numel() for parameter in net.parameters()), net(x))


def with_other(share: bool) -> tuple[Any, Any]:
    torch.manual_seed(0)
    one, other = nn.Linear(3, 3), nn.Linear(3, 3)
    other.weight = one.weight if share else nn.Parameter(one.weight.detach().clone())
    return one, other


def editing(one: Any, other: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        one.weight.data.mul_(2)
        return other(x)

    return step


def listing(one: Any, other: Any) -> Step:
    return lambda x, i: (sum(parameter.numel() for parameter in one.parameters()), other(x))


@pytest.mark.parametrize("as_inputs", [True, False])
@pytest.mark.parametrize(("make", "counts"), [(editing, True), (listing, False)])
def test_weights_of_two_models_count_as_one_where_they_are_edited(make: Any, counts: bool, as_inputs: bool) -> None:
    prints = []
    for share in (True, False):
        one, other = with_other(share)
        inputs = {"one": one, "other": other} if as_inputs else {}
        prints.append(AnalysisStoreHasher().fingerprint(step=make(one, other), inputs=inputs))
    assert (prints[0].hexdigest != prints[1].hexdigest) is counts
    assert {found.component for found in prints[0].diff(prints[1])} == ({"sharing"} if counts else set())


@pytest.mark.parametrize(("edits", "counts"), [(True, True), (False, False)])
def test_a_plain_attribute_of_a_users_module_may_be_a_weight(edits: bool, counts: bool) -> None:
    class Holding(nn.Module):
        def __init__(self, share: bool) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))
            self.held = self.weight.data if share else torch.ones(3)

        def forward(self, x: Any) -> Any:
            return x * self.held

    def step_of(net: Any) -> Step:
        def editing(x: Any, i: int) -> Any:
            net.weight.data.mul_(2)
            return net(x)

        return editing if edits else lambda x, i: net(x)

    one, other = (AnalysisStoreHasher().fingerprint(step=step_of(Holding(share))).hexdigest for share in (True, False))
    assert (one != other) is counts


WEIGHTS = [by_method, by_copying, by_index, by_other_name, by_helper, by_path, by_loop, by_loading]
WEIGHTS += [by_call_with_others, by_captured_weight, by_optimizer, by_part, by_data, by_number_of_parameters]


def doubling(module: Any, args: Any, output: Any) -> Any:
    return output * 2


def by_hook(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        handle = net.a.register_forward_hook(doubling)
        out = net(x)
        handle.remove()
        return out

    return step


def by_hook_on_held(net: Any) -> Step:
    held = net.a

    def step(x: Any, i: int) -> Any:
        with_hook = held.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
        out = net(x)
        with_hook.remove()
        return out

    return step


def by_hook_in_loop(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        kept: list[Any] = []
        for name, module in net.named_modules():
            if name == "a":
                module.register_forward_hook(lambda module, args, out: kept.append(out))
        net(x)
        return len(kept)

    return step


def by_attribute(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        net.a.bias = None
        return net(x)

    return step


def by_setattr(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        setattr(net.a, "forward", lambda x: x)  # noqa: B010
        return net(x)

    return step


def by_names_of_modules(net: Any) -> Step:
    return lambda x, i: ([name for name, _ in net.named_modules()], net(x))


def by_cast(net: Any) -> Step:
    return lambda x, i: net.a.double() is net.b or net(x)


MODULES = [by_cast, by_hook, by_hook_on_held, by_hook_in_loop, by_attribute, by_setattr, by_names_of_modules]


def calling(net: Any) -> Step:
    return lambda x, i: net(x)


def calling_in_place(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        row = {"out": net(x)}
        row["out"].mul_(2)
        row["out"][0] = 0
        return row

    return step


class Counting:
    def __init__(self, net: Any) -> None:
        self.net, self.seen = net, 0

    def step(self, x: Any, i: int) -> Any:
        self.seen += 1
        return self.net(x), self.net.a.weight.norm()


def counting(net: Any) -> Step:
    return Counting(net).step


def norms(net: Any) -> Step:
    def step(x: Any, i: int) -> Any:
        total, found = 0.0, {}
        for name in x:
            total += net.a.weight.norm().item()
            found[name] = net.b.weight.norm()
        found["weight"] = net.a.weight.sum()
        return total, found, net(x.to(next(net.parameters()).device)).float()

    return step


def ablating_hook(net: Any) -> Step:
    def zero(module: Any, args: Any, output: Any) -> Any:
        output[:, 0] = 0
        return output.clamp_(0)

    def step(x: Any, i: int) -> Any:
        with net.blocks[0].register_forward_hook(zero):
            return net(x)

    return step


READING = [calling, calling_in_place, counting, norms]


def key(step: Step, model: Any, name: str = "") -> str:
    inputs = {"net": model} if name else {}
    return AnalysisStoreHasher().fingerprint(step=step, inputs=inputs).hexdigest


def keys(make: Callable[[Any], Step], *kinds: Callable[[Any], None], named: str = "") -> list[str]:
    models = [net(kind) for kind in kinds]
    return [key(make(model), model, named) for model in models]


@pytest.mark.parametrize("named", ["", "an input"])
@pytest.mark.parametrize("make", WEIGHTS)
def test_an_edit_of_a_shared_weight_is_told_from_one_of_a_copy(make: Callable[[Any], Step], named: str) -> None:
    shared, weight, apart, again = keys(make, one_module, one_weight, copied, copied, named=named)
    assert apart == again
    assert len({shared, weight, apart}) == 3 or (shared == weight != apart)


@pytest.mark.parametrize("named", ["", "an input"])
@pytest.mark.parametrize("make", MODULES)
def test_an_edit_of_a_shared_module_is_told_from_one_of_a_copy(make: Callable[[Any], Step], named: str) -> None:
    shared, again, apart = keys(make, one_module, one_module, copied, named=named)
    assert shared == again != apart


@pytest.mark.parametrize("named", ["", "an input"])
@pytest.mark.parametrize("make", READING)
def test_sharing_does_not_count_where_nothing_is_edited(make: Callable[[Any], Step], named: str) -> None:
    assert len(set(keys(make, one_module, one_weight, one_memory, copied, named=named))) == 1


def test_a_hook_on_another_module_leaves_tied_weights_as_they_are() -> None:
    shared, apart = keys(ablating_hook, one_weight, copied)
    assert shared == apart


def test_one_memory_of_two_parameters_counts() -> None:
    assert len(set(keys(by_method, one_memory, copied))) == 2
    assert len(set(keys(by_data, one_memory, one_weight))) == 2


def flattened(net: Any) -> None:
    copied(net)
    flat = torch.cat([parameter.data.flatten() for parameter in net.parameters()])
    place = 0
    for parameter in net.parameters():
        parameter.data = flat[place : place + parameter.numel()].view_as(parameter)
        place += parameter.numel()


def test_weights_side_by_side_in_one_storage_are_not_one() -> None:
    flat, apart = keys(by_method, flattened, copied)
    assert flat == apart


def test_a_registered_hook_that_edits_is_told() -> None:
    def keyed(kind: Callable[[Any], None]) -> str:
        model = net(kind)

        def hook(module: Any, args: Any) -> None:
            model.a.weight.data.mul_(2)

        model.register_forward_pre_hook(hook)
        return key(calling(model), model)

    assert keyed(one_weight) != keyed(copied)


class Own(Net):
    def forward(self, x: Any) -> Any:
        self.a.weight.data.clamp_(-0.1, 0.1)
        return super().forward(x)


class InPlace(Net):
    def forward(self, x: Any) -> Any:
        hidden = functional.linear(x, self.a.weight)
        hidden += 1
        hidden[0] = 0
        return self.b(hidden.relu_())


class Stateful(nn.Linear):
    def __init__(self) -> None:
        super().__init__(3, 3)
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return super().forward(x) * self.calls


class WithState(Net):
    def __init__(self) -> None:
        super().__init__()
        self.a = Stateful()


@pytest.mark.parametrize(
    ("make", "kind", "differ"),
    [(Own, one_weight, True), (InPlace, one_weight, False), (WithState, one_module, True), (Net, one_module, False)],
)
def test_what_a_forward_edits_of_its_own_model(make: Any, kind: Callable[[Any], None], differ: bool) -> None:
    shared, apart = (key(calling(model), model) for model in (net(kind, make), net(copied, make)))
    assert (shared != apart) is differ


def test_the_difference_is_named() -> None:
    models = [net(copied), net(one_weight)]
    older, newer = (AnalysisStoreHasher().fingerprint(step=by_method(model)) for model in models)
    found = {difference.component: difference for difference in older.diff(newer)}
    (sharing,) = (difference for name, difference in found.items() if name.endswith("net.sharing"))
    assert [path for path, _, _ in sharing.parts] == ["op.implementation.net.a.weight is shared"]
    assert not any(name.endswith((".weights", ".structure")) for name in found)
