"""The digest of a module: what enters a forward changes it, what does not leaves it alone."""

from __future__ import annotations

import copy
import functools
import io
import pickle
import threading
import types
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from torch import nn  # noqa: E402

from interpretune.analysis.cache import AnalysisStoreHasher  # noqa: E402
from interpretune.analysis.cache.digests.policy import Policy  # noqa: E402
from interpretune.analysis.cache.digests.registry import _registered, find_encoder  # noqa: E402
from interpretune.analysis.cache.digests.results import WalkResult  # noqa: E402
from interpretune.analysis.cache.digests.walk import Walk  # noqa: E402
from interpretune.analysis.cache.errors import UnfingerprintableError  # noqa: E402

SPECIAL = {"vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
HIDDEN = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20}
IDS = torch.tensor([[1, 5, 3, 7]])


def build(cls: Any, config: Any) -> Any:
    torch.manual_seed(0)
    return cls(config).eval()


def gpt2(**changes: Any) -> Any:
    config = {"n_layer": 2, "n_head": 2, "n_embd": 16, "n_positions": 16, **SPECIAL, **changes}
    return build(transformers.GPT2LMHeadModel, transformers.GPT2Config(**config))


MODELS: dict[str, Callable[[], Any]] = {
    "gpt2": gpt2,
    "bert": lambda: build(transformers.BertForSequenceClassification, transformers.BertConfig(**HIDDEN, **SPECIAL)),
    "llama": lambda: build(transformers.LlamaForCausalLM, transformers.LlamaConfig(**HIDDEN, **SPECIAL)),
    "t5": lambda: build(
        transformers.T5ForConditionalGeneration,
        transformers.T5Config(
            d_model=16, d_kv=8, num_layers=2, num_heads=2, d_ff=20, decoder_start_token_id=0, **SPECIAL
        ),
    ),
    "clip": lambda: build(
        transformers.CLIPVisionModel, transformers.CLIPVisionConfig(**HIDDEN, image_size=16, patch_size=8)
    ),
}


def walked(value: Any, **policy: Any) -> WalkResult:
    walk = Walk("inputs.m", find_encoder, Policy(**policy))
    return walk.finish(walk.child(value))


def key(value: Any, **policy: Any) -> dict[str, str]:
    return walked(value, **policy).components


def changed(before: WalkResult, after: WalkResult) -> set[str]:
    """Give the components in which two walks differ, without the root's name."""
    names = {*before.components, *after.components} - {"inputs.m"}
    return {
        name.removeprefix("inputs.m.") for name in names if before.components.get(name) != after.components.get(name)
    }


def changed_parts(before: WalkResult, after: WalkResult) -> set[str]:
    found = set()
    for name in {*before.parts, *after.parts}:
        mine, theirs = before.parts.get(name, {}), after.parts.get(name, {})
        found |= {path for path in {*mine, *theirs} if mine.get(path) != theirs.get(path)}
    return found


# --- no-ops: the key stays


def forward(model: Any) -> Any:
    wanted = {"output_hidden_states": True, "output_attentions": True}
    if isinstance(model, transformers.CLIPVisionModel):
        model(torch.zeros(1, 3, 16, 16), **wanted)
    elif isinstance(model, transformers.T5ForConditionalGeneration):
        model(input_ids=IDS, decoder_input_ids=IDS, **wanted)
    else:
        model(IDS, **wanted)
    return model


def generate(model: Any) -> Any:
    if model.can_generate():
        model.generate(IDS, max_new_tokens=2, do_sample=False)
    return model


def saved(model: Any) -> Any:
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


def reloaded(model: Any, directory: Path) -> Any:
    model.save_pretrained(directory)
    return type(model).from_pretrained(directory).eval()


def hooks_added_and_removed(model: Any) -> Any:
    for module in model.modules():
        module.register_forward_hook(lambda *args: None).remove()
        module.register_full_backward_hook(lambda *args: None).remove()
    return model


def trained_a_little(model: Any) -> Any:
    model.train()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
        parameter.requires_grad_(False)
    return model.eval()


def stored_otherwise(model: Any) -> Any:
    for parameter in model.parameters():
        if parameter.dim() == 2:
            parameter.data = parameter.data.t().contiguous().t()
    return model


def untied(model: Any) -> Any:
    head = getattr(model, "lm_head", None)
    if head is not None:
        head.weight = nn.Parameter(head.weight.detach().clone())
    return model


def rebuilt_from_its_state(model: Any) -> Any:
    with torch.no_grad():
        other = type(model)(copy.deepcopy(model.config)).eval()
    other.load_state_dict(model.state_dict())
    return other


def compiled_in_place(model: Any) -> Any:
    model.compile()
    return model


NO_OPS: dict[str, Callable[[Any], Any]] = {
    "pickled": lambda model: pickle.loads(pickle.dumps(model)),
    "deep-copied": copy.deepcopy,
    "torch.save": saved,
    "forward": forward,
    "generate": generate,
    "forward, then deep-copied": lambda model: copy.deepcopy(forward(model)),
    "hooks added and removed": hooks_added_and_removed,
    "gradients, no requires_grad, training toggled": trained_a_little,
    "stored otherwise": stored_otherwise,
    "untied but equal": untied,
    "rebuilt from its state": rebuilt_from_its_state,
    "torch.compile": torch.compile,
    "compiled in place": compiled_in_place,
    "data parallel": nn.DataParallel,
    "cast there and back": lambda model: model.double().float(),
    "moved": lambda model: model.to("cpu"),
    "parameters as new objects": lambda model: (
        model.load_state_dict({name: tensor.clone() for name, tensor in model.state_dict().items()}, assign=True)
        and model
    ),
    "zero_grad": lambda model: model.zero_grad() or model,
    "the training flag of layers that do not read it": lambda model: (
        [module.train() for module in model.modules() if isinstance(module, (nn.Linear, nn.LayerNorm, nn.Embedding))]
        and model
    ),
}


@pytest.fixture(scope="module")
def plain_keys() -> dict[str, dict[str, str]]:
    return {name: key(make()) for name, make in MODELS.items()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("no_op", NO_OPS)
@pytest.mark.parametrize("name", MODELS)
def test_keeps_its_key(name: str, no_op: str, plain_keys: dict[str, dict[str, str]]) -> None:
    assert key(NO_OPS[no_op](MODELS[name]())) == plain_keys[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_keeps_its_key_when_reloaded_from_safetensors(
    name: str, plain_keys: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    model = MODELS[name]()
    assert key(reloaded(model, tmp_path / "here")) == plain_keys[name]
    assert key(model) == plain_keys[name], "saving wrote something on the model"


# --- mutations: the key changes, and it is told where


def scaled(path: str, **where: Any) -> Callable[[Any], Any]:
    def mutate(model: Any) -> None:
        model.get_parameter(path).data.mul_(2)

    return mutate


def set_on(path: str, name: str, value: Any) -> Callable[[Any], Any]:
    return lambda model: setattr(model.get_submodule(path), name, value)


def with_new_buffer(model: Any) -> None:
    model.transformer.register_buffer("mask", torch.ones(2), persistent=False)


def hook(module: Any, args: Any, output: Any) -> Any:
    return output * 2


def other_hook(module: Any, args: Any, output: Any) -> Any:
    return output * 3


def scaling_hook(scale: float, module: Any, args: Any, output: Any) -> Any:
    return output * scale


def on_mlp(register: str, function: Any, **options: Any) -> Callable[[Any], Any]:
    return lambda model: getattr(model.transformer.h[0].mlp, register)(function, **options)


class Doubled(nn.Module):
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        return self.inner(x) * 2


class LoRA(nn.Module):
    def __init__(self, base: Any, scale: float) -> None:
        super().__init__()
        self.base, self.scale, self.active = base, scale, "first"
        self.down, self.up = nn.Linear(16, 2, bias=False), nn.Linear(2, base.nf, bias=False)
        nn.init.ones_(self.down.weight), nn.init.ones_(self.up.weight)

    def forward(self, x: Any) -> Any:
        return self.base(x) + self.up(self.down(x)) * self.scale


def with_lora(scale: float) -> Callable[[Any], Any]:
    def mutate(model: Any) -> None:
        attention = model.transformer.h[0].attn
        attention.c_attn = LoRA(attention.c_attn, scale)

    return mutate


def parametrized(model: Any) -> None:
    nn.utils.parametrizations.weight_norm(model.lm_head)


def bound_forward(self: Any, x: Any) -> Any:
    return x


def with_own_forward(model: Any) -> None:
    model.transformer.h[0].mlp.forward = types.MethodType(bound_forward, model.transformer.h[0].mlp)


def with_function_for_activation(model: Any) -> None:
    del model.transformer.h[1].mlp.act
    model.transformer.h[1].mlp.act = torch.tanh


BLOCK = "transformer.h.1"
MUTATIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a weight in place, past the version counter": (scaled("transformer.h.0.attn.c_attn.weight"), "weights"),
    "a bias": (scaled("transformer.h.1.ln_2.weight"), "weights"),
    "one element of a tied weight": (lambda model: model.lm_head.weight.data[3, 3].add_(1e-3), "weights"),
    "two weights swapped": (
        lambda model: (
            model.transformer.h.__setattr__("0", model.transformer.h[1])
            or model.transformer.h.__setattr__("1", gpt2().transformer.h[0])
        ),
        "weights",
    ),
    "a non-persistent buffer": (with_new_buffer, "weights"),
    "dtype": (lambda model: model.half(), "weights"),
    "dtype of one layer": (lambda model: model.transformer.ln_f.double(), "weights"),
    "a tensor kept as an attribute": (set_on("transformer", "shift", torch.ones(3)), "weights"),
    "eps of a norm": (set_on("transformer.ln_f", "eps", 1e-3), "structure"),
    "dropout probability": (set_on("transformer.drop", "p", 0.3), "structure"),
    "number of heads": (set_on(f"{BLOCK}.attn", "num_heads", 4), "structure"),
    "activation swapped": (set_on(f"{BLOCK}.mlp", "act", nn.ReLU()), "structure"),
    "activation as a function": (with_function_for_activation, "structure"),
    "a layer wrapped": (lambda model: setattr(model, "lm_head", Doubled(model.lm_head)), "structure"),
    "a layer skipped": (lambda model: model.transformer.h.__delitem__(1), "structure"),
    "a forward of its own": (with_own_forward, "structure"),
    "a parametrization": (parametrized, "structure"),
    "an adapter": (with_lora(1.0), "structure"),
    "an attribute nobody knows": (set_on("", "temperature", 2.0), "structure"),
    "attention implementation": (lambda model: model.set_attn_implementation("eager"), "config"),
    "a field of the config": (lambda model: setattr(model.config, "scale_attn_weights", False), "config"),
    "a new field of the config": (lambda model: setattr(model.config, "own_field", 1), "config"),
    "a generation setting": (lambda model: setattr(model.generation_config, "do_sample", True), "generation"),
    "training": (lambda model: model.train(), "training"),
    "training of one dropout": (lambda model: model.transformer.drop.train(), "training"),
    "forward hook": (on_mlp("register_forward_hook", hook), "hooks"),
    "forward pre-hook": (on_mlp("register_forward_pre_hook", lambda module, args: args), "hooks"),
    "backward hook": (on_mlp("register_full_backward_hook", lambda module, into, out: None), "hooks"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_changes_its_key(mutation: str) -> None:
    mutate, component = MUTATIONS[mutation]
    before, model = walked(gpt2()), gpt2()
    mutate(model)
    after = walked(model)
    assert before.components["inputs.m"] is not None
    assert component in changed(before, after)
    assert changed_parts(before, after)


@pytest.mark.filterwarnings("ignore")
def test_all_mutations_differ_from_each_other() -> None:
    found = []
    for mutate, _ in MUTATIONS.values():
        model = gpt2()
        mutate(model)
        found.append(str(key(model)))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (on_mlp("register_forward_hook", hook), on_mlp("register_forward_hook", other_hook)),
        (on_mlp("register_forward_hook", hook), on_mlp("register_forward_hook", hook, always_call=True)),
        (on_mlp("register_forward_hook", hook), on_mlp("register_forward_hook", hook, with_kwargs=True)),
        (
            on_mlp("register_forward_hook", functools.partial(scaling_hook, 1)),
            on_mlp("register_forward_hook", functools.partial(scaling_hook, 2)),
        ),
        (with_lora(1.0), with_lora(2.0)),
    ],
)
def test_tells_apart(one: Any, other: Any) -> None:
    left, right = gpt2(), gpt2()
    one(left)
    other(right)
    assert key(left) != key(right)


def test_order_of_hooks_counts_but_not_their_handles() -> None:
    def with_hooks(*functions: Any) -> Any:
        model = gpt2()
        model.transformer.register_forward_hook(lambda *args: None).remove()
        for function in functions:
            model.transformer.register_forward_hook(function)
        return model

    assert key(with_hooks(hook, other_hook)) == key(with_hooks(hook, other_hook))
    assert key(with_hooks(hook, other_hook)) != key(with_hooks(other_hook, hook))


def test_global_hooks_count() -> None:
    before = key(gpt2())
    handle = nn.modules.module.register_module_forward_hook(hook)
    try:
        assert key(gpt2()) != before
    finally:
        handle.remove()
    assert key(gpt2()) == before


def making(batch: Any, i: int) -> Any:
    return nn.ReLU()(batch)


def loading(batch: Any, i: int) -> Any:
    return transformers.AutoModel.from_pretrained("nowhere")(batch)


def test_global_hooks_count_for_models_that_the_step_makes() -> None:
    def fingerprint(step: Any, *hooks: Any) -> Any:
        handles = [nn.modules.module.register_module_forward_hook(hook) for hook in hooks]
        found = AnalysisStoreHasher().fingerprint(step=step)
        for handle in handles:
            handle.remove()
        return found

    for step in (making, loading):
        keys = [fingerprint(step, *hooks).hexdigest for hooks in ((), (hook,), (other_hook,), (hook, other_hook))]
        assert len(set(keys)) == len(keys)
        assert keys[0] == fingerprint(step).hexdigest
        assert "numerics.hooks" in fingerprint(step, hook).components
    held = nn.Linear(2, 2)
    assert "numerics.hooks" not in fingerprint(lambda batch, i: held(batch), hook).components
    assert "numerics.hooks" not in fingerprint(lambda batch, i: batch + 1, hook).components


def test_the_smallest_thing_is_named() -> None:
    before, model = walked(gpt2()), gpt2()
    model.transformer.h[0].mlp.c_fc.weight.data[0, 0] += 1
    model.transformer.ln_f.eps = 1e-3
    model.config.layer_norm_epsilon = 1e-3
    after = walked(model)
    assert changed(before, after) == {"weights", "structure", "config"}
    assert changed_parts(before, after) == {
        "inputs.m.transformer.h.0.mlp.c_fc.weight",
        "inputs.m.transformer.ln_f.eps",
        "inputs.m.config.layer_norm_epsilon",
    }
    assert after.parts["inputs.m.weights"]["inputs.m.transformer.h.0.mlp.c_fc.weight"].text == "float32 (16, 64)"


def test_a_patched_method_of_an_installed_class_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(gpt2())
    block = type(gpt2().transformer.h[0].mlp)
    monkeypatch.setattr(block, "forward", bound_forward)
    patched = key(gpt2())
    monkeypatch.undo()
    assert patched != before == key(gpt2())


def test_how_the_attention_was_chosen_does_not_count() -> None:
    late = gpt2()
    late.set_attn_implementation("eager")
    assert key(late) == key(gpt2(attn_implementation="eager")) != key(gpt2())
    late.set_attn_implementation("sdpa")
    assert key(late) == key(gpt2())


def test_an_attention_that_a_model_chose_by_itself_counts_where_its_code_reads_it() -> None:
    class Choosing(type(gpt2().transformer)):
        def forward(self, *args: Any, **options: Any) -> Any:
            return super().forward(*args, output_attentions=self._attn_implementation == "eager", **options)

    models = [Choosing(gpt2().config), Choosing(gpt2().config)]
    models[1].load_state_dict(models[0].state_dict())
    models[1]._attn_implementation = "eager"
    assert key(models[0]) != key(models[1])


def test_a_registered_attention_function_counts_by_its_code() -> None:
    from transformers import AttentionInterface

    def keyed(scale: float) -> dict[str, str]:
        def attention(module: Any, query: Any, key: Any, value: Any, mask: Any, **options: Any) -> Any:
            return query * scale, None

        AttentionInterface.register("own_attention", attention)
        model = gpt2()
        model.config._attn_implementation = "own_attention"
        return key(model)

    assert keyed(1.0) == keyed(1.0) != keyed(2.0)


# --- what a module may hold


class Holder(nn.Module):
    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        nn.init.ones_(self.layer.weight), nn.init.ones_(self.layer.bias)
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x: Any) -> Any:
        return self.layer(x)


ALIKE = {
    "integer": 1,
    "flag": True,
    "float": 1.0,
    "text": "1",
    "zero": 0.0,
    "negative zero": -0.0,
    "nothing": None,
    "pair": (1, 2),
    "pair of flags": (True, 2),
    "list": [1, 2],
    "nested": ((1, 2),),
    "empty": (),
    "empty list": [],
    "dictionary": {"a": [1, {"b": None}]},
    "deeper": [[[[[[1]]]]]],
    "ellipsis": ...,
    "a text that looks so": "<met>",
    "more digits than Python writes": 10**5000,
}


def test_equal_modules_are_told_apart_from_such_that_only_look_so() -> None:
    keys = [
        str(key(nn.Sequential(Holder(scale=first), Holder(scale=second))))
        for first in ALIKE.values()
        for second in ALIKE.values()
    ]
    assert len(set(keys)) == len(ALIKE) ** 2
    assert str(key(nn.Sequential(Holder(scale=(1, 2)), Holder(scale=(1, 2))))) in keys


def test_a_config_is_told_apart_from_other_things_of_its_name() -> None:
    held = [transformers.GPT2Config(n_layer=1), ..., "<met>", None, {"n_layer": 1}]
    for name in ("config", "cfg"):
        assert len({str(key(Holder(**{name: value}))) for value in held}) == len(held)


def test_what_was_known_before_is_looked_at_again_where_it_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    holder = Holder(scale=[1, {"a": 2.0}])
    first = walked(holder)
    again = walked(Holder(scale=[1, {"a": 2.0}]))
    assert (again.components, again.parts) == (first.components, first.parts)
    assert "inputs.m.scale[1]['a']" in again.parts["inputs.m.structure"]
    holder.scale[1]["a"] = -0.0
    assert changed_parts(first, walked(holder)) == {"inputs.m.scale[1]['a']"}
    monkeypatch.setitem(_registered, float, lambda value: "any number")
    mine = walked(Holder(scale=[1, {"a": 2.0}])).components
    assert mine == walked(Holder(scale=[1, {"a": 3.0}])).components != first.components


def test_what_modules_have_in_common_has_a_name_at_each_of_them() -> None:
    parts = walked(nn.Sequential(Holder(scale=(2, 3)), Holder(scale=(2, 3)))).parts["inputs.m.structure"]
    assert {name for name in parts if "scale" in name} == {
        f"inputs.m.{module}.scale[{index}]" for module in (0, 1) for index in (0, 1)
    }
    left_out = walked(nn.Sequential(Holder(scale=2), Holder(scale=2)), ignore=["inputs.m.1.scale"])
    assert left_out.ignored == ["inputs.m.1.scale"]
    assert left_out.components != walked(nn.Sequential(Holder(scale=2), Holder(scale=2))).components


class Helper:
    __slots__ = ("name", "scale")

    def __init__(self, scale: float) -> None:
        self.scale = scale


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Holder()
        self.inner.parent = weakref.ref(self)
        self.aliases = [self.inner]
        self.back = {"inner": self.inner}


class Recursive(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.child = nn.Linear(2, 2)
        self.child.register_module("parent", self)


class Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.last = 2.0, None

    def forward(self, x: Any) -> Any:
        before, self.last = self.last, x * self.scale
        return self.last if before is None else self.last + before


class Recording(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shown = 2.0, None
        self.calls, self.kept, self.log = 0, {}, []

    def set_shown(self, value: Any) -> None:
        self.shown = value

    def forward(self, x: Any) -> Any:
        self.last = x * self.scale
        self.seen_shape = x.shape
        self.calls += 1
        self.kept["x"] = x
        self.log.append(x)
        return x * self.scale


class TestWhatAForwardLeavesBehind:
    def test_records_that_nothing_reads_do_not_count(self) -> None:
        model = nn.Sequential(Recording())
        before = key(model)
        model(torch.ones(2))
        result = walked(model)
        assert result.components == before
        for name in ("last", "calls", "kept", "log"):
            assert any(f"Recording.{name}" in note for note in result.notes)
        assert key(model, include=("*.last",)) != before

    def test_what_is_read_counts(self) -> None:
        model = nn.Sequential(Remembering())
        before = key(model)
        model(torch.ones(2))
        assert key(model) != before

    def test_what_a_setter_writes_counts(self) -> None:
        model = nn.Sequential(Recording())
        before = key(model)
        model[0].set_shown(3)
        assert key(model) != before

    def test_what_another_module_reads_counts(self) -> None:
        class Reader(nn.Module):
            def __init__(self, other: Any) -> None:
                super().__init__()
                self.other = other

            def forward(self, x: Any) -> Any:
                return self.other(x) + self.other.last

        model = Reader(Recording())
        before = key(model)
        model(torch.ones(2))
        assert key(model) != before


class TestAttributes:
    def test_helper_objects_by_class_and_state(self) -> None:
        assert key(Holder(helper=Helper(1.0))) == key(Holder(helper=Helper(1.0)))
        assert key(Holder(helper=Helper(1.0))) != key(Holder(helper=Helper(2.0)))

    def test_loggers_and_locks_say_nothing(self) -> None:
        import logging

        first = key(Holder(log=logging.getLogger("a"), lock=threading.Lock()))
        assert first == key(Holder(log=logging.getLogger("b"), lock=threading.Lock()))

    def test_handles_of_hooks_say_nothing(self) -> None:
        def holding() -> Any:
            model = Holder()
            model.handle = model.layer.register_forward_hook(hook)
            return model

        assert key(holding()) == key(holding())

    def test_back_references(self) -> None:
        torch.manual_seed(0)
        first = Outer()
        torch.manual_seed(0)
        assert key(first) == key(Outer())

    def test_a_module_that_contains_itself(self) -> None:
        def make() -> Any:
            torch.manual_seed(0)
            return Recursive()

        assert key(make()) == key(make())

    def test_modules_outside_of_the_tree(self) -> None:
        hidden = [nn.Linear(2, 2)]
        before = key(Holder(hidden=hidden))
        hidden[0].weight.data.mul_(2)
        after = key(Holder(hidden=hidden))
        assert before != after
        assert before["inputs.m.hidden[0].weights"] != after["inputs.m.hidden[0].weights"]

    def test_what_cannot_be_understood_is_refused_with_its_path(self) -> None:
        with pytest.raises(UnfingerprintableError) as error:
            key(Holder(source=iter([1])))
        assert error.value.path == "inputs.m.source"

    def test_meta_tensors_are_refused_with_their_path(self) -> None:
        with torch.device("meta"):
            model = nn.Sequential(nn.Linear(2, 2))
        with pytest.raises(UnfingerprintableError, match="meta device") as error:
            key(model)
        assert error.value.path == "inputs.m.0.weight"

    def test_ignored_paths_are_named(self) -> None:
        first = walked(Holder(label="a"), ignore=("inputs.m.label", "*.layer.bias"))
        second = Holder(label="b")
        second.layer.bias.data.zero_()
        again = walked(second, ignore=("inputs.m.label", "*.layer.bias"))
        assert first.components == again.components
        assert first.ignored == ["inputs.m.label", "inputs.m.layer.bias"]

    def test_noise_counts_where_it_is_included(self) -> None:
        left, right = gpt2(), gpt2()
        right.config._name_or_path = "elsewhere"
        assert key(left) == key(right)
        included = ("inputs.m.config._name_or_path",)
        assert key(left, include=included) != key(right, include=included)

    def test_a_named_tuple_of_layers_keeps_no_copy_of_the_names(self) -> None:
        lstm = nn.LSTM(2, 3, num_layers=2)
        assert key(lstm) == key(copy.deepcopy(lstm)) == key(pickle.loads(pickle.dumps(lstm)))


class OwnDropout(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.dropout = p

    def forward(self, x: Any) -> Any:
        return nn.functional.dropout(x, self.dropout, self.training)


class Indifferent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = 2.0

    def forward(self, x: Any) -> Any:
        return x * self.scale


def passes_itself_on(module: Any, x: Any) -> Any:
    return x if module.training else -x


class PassesItselfOn(nn.Module):
    def forward(self, x: Any) -> Any:
        return passes_itself_on(self, x)


class TestTrainingMode:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: nn.Dropout(0.5),
            lambda: nn.AlphaDropout(0.5),
            lambda: nn.BatchNorm1d(2),
            lambda: nn.InstanceNorm1d(2, track_running_stats=True),
            lambda: nn.RReLU(),
            lambda: nn.LSTM(2, 2, num_layers=2, dropout=0.5),
            lambda: nn.MultiheadAttention(2, 1),
            lambda: OwnDropout(0.5),
            PassesItselfOn,
        ],
    )
    def test_counts_where_it_matters(self, make: Any) -> None:
        model = make()
        assert key(model.train()) != key(model.eval())

    @pytest.mark.parametrize(
        "make",
        [
            lambda: nn.Linear(2, 2),
            lambda: nn.Dropout(0.0),
            lambda: nn.BatchNorm1d(2, track_running_stats=False),
            lambda: nn.InstanceNorm1d(2),
            lambda: nn.LSTM(2, 2),
            lambda: nn.Sequential(nn.Conv1d(1, 1, 1), nn.GELU(), nn.ModuleList([nn.LayerNorm(2)]), nn.Softmax(-1)),
            Indifferent,
        ],
    )
    def test_does_not_count_where_it_does_not(self, make: Any) -> None:
        model = make()
        assert key(model.train()) == key(model.eval())

    def test_tells_what_draws_random_numbers(self) -> None:
        def why(model: Any) -> list[str]:
            return walked(model).stochastic

        assert why(gpt2()) == []
        assert why(nn.Sequential(nn.Dropout(0.0), nn.BatchNorm1d(2)).train()) == []
        assert why(OwnDropout(0.0).train()) == []
        assert len(why(OwnDropout(0.5).train())) == 1
        assert why(OwnDropout(0.5).eval()) == []
        assert "inputs.m.transformer.drop" in why(gpt2().train())[0]
        assert walked(gpt2().train()).draws == {"torch"}
        assert len(why(MODELS["llama"]().train())) == 0
        assert len(why(MODELS["bert"]().train())) == 1


@pytest.mark.filterwarnings("ignore::FutureWarning")
class TestAdapters:
    def test_peft(self) -> None:
        peft = pytest.importorskip("peft")

        def make(**changes: Any) -> Any:
            torch.manual_seed(3)
            options = {"r": 2, "lora_alpha": 4, "target_modules": ["c_attn"], "fan_in_fan_out": True, **changes}
            options["init_lora_weights"] = False
            with torch.random.fork_rng():
                return peft.get_peft_model(gpt2(), peft.LoraConfig(**options)).eval()

        first = make()
        assert key(first) == key(make()) == key(copy.deepcopy(first)) == key(pickle.loads(pickle.dumps(first)))
        assert key(make(lora_alpha=8)) != key(first)
        with first.disable_adapter():
            assert key(first) != key(make())
        assert key(first) == key(make())
        first.add_adapter("second", peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True))
        with_two = key(first)
        first.set_adapter("second")
        assert len({str(with_two), str(key(first)), str(key(make()))}) == 3


# --- modules that torch made from others


def small(value: float = 1.0) -> Any:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    for number, parameter in enumerate(model.parameters()):
        nn.init.constant_(parameter, value * (number + 1) / 10)
    return model.eval()


def quantized(model: Any) -> Any:
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)


def weight_normed(model: Any) -> Any:
    nn.utils.parametrizations.weight_norm(model[0])
    return model


def pruned(model: Any) -> Any:
    from torch.nn.utils import prune

    prune.l1_unstructured(model[0], "weight", 2)
    return model


def exported(model: Any) -> Any:
    return torch.export.export(model, (torch.ones(1, 4),)).module()


MADE = [quantized, weight_normed, pruned, torch.fx.symbolic_trace, exported, torch.optim.swa_utils.AveragedModel]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", MADE)
def test_what_torch_makes_of_a_module_counts_by_its_content(make: Any) -> None:
    assert key(make(small())) == key(make(small()))
    assert key(make(small())) != key(make(small(2.0)))
    assert key(make(small())) != key(small())


def test_a_traced_module_counts_by_its_program() -> None:
    class Scaled(nn.Module):
        def __init__(self, scale: float) -> None:
            super().__init__()
            self.scale = scale

        def forward(self, x: Any) -> Any:
            return torch.relu(x) * self.scale

    first, second, third = (torch.fx.symbolic_trace(Scaled(scale)) for scale in (2.0, 2.0, 3.0))
    assert key(first) == key(second) != key(third)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_module_is_refused() -> None:
    class Plain(nn.Module):
        def forward(self, x):  # type: ignore[no-untyped-def]
            return x + 1

    with pytest.raises(UnfingerprintableError, match="TorchScript"):
        key(torch.jit.trace(Plain(), torch.ones(1), check_trace=False))


def test_installed_layers_that_draw_by_themselves_are_told() -> None:
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    masking = transformers.ViTMAEModel(transformers.ViTMAEConfig(**sizes, image_size=8, patch_size=4)).eval()
    assert any("ViTMAEEmbeddings.forward names rand" in reason for reason in walked(masking).stochastic)
    routing = transformers.MixtralForCausalLM(transformers.MixtralConfig(**sizes, vocab_size=9, num_local_experts=2))
    assert any("uniform_" in reason for reason in walked(routing.train()).stochastic)
    assert walked(routing.eval()).stochastic == []
