"""Rows about code of installed libraries that a user replaced: functions of a module, methods of a class."""

from ..table import do, mutation, noop, snippet

MODEL = "inputs.model*"
NUMERICS = "numerics*"
TOKENIZER = ("inputs.tokenizer*", "data*")


def seen(name, lines, names, part, base="", **more):
    mutation("patches", name, "deep", do(lines), base=(do(base),) if base else (), names=names, part=part, **more)


def kept(name, lines, base="", **more):
    noop("patches", name, "deep", do(lines), base=(do(base),) if base else (), **more)


# --- functions of modules, reached through installed code

ATTENTION = """
        from transformers.models.gpt2 import modeling_gpt2
        before = modeling_gpt2.eager_attention_forward
        """
ABLATED = """
        def ablated(*args, **kwargs):
            values, weights = before(*args, **kwargs)
            return values * %s, weights
        modeling_gpt2.eager_attention_forward = ablated
        """
seen("a function of a model's module", ABLATED % 0, MODEL, "eager_attention_forward", base=ATTENTION)
seen("the body of a function that was put into a model's module", ABLATED % 0.5, MODEL, "ablated",
     base=ATTENTION + ABLATED % 0)  # fmt: skip
seen(
    "a function of a model's module, by another one of it",
    "modeling_gpt2.create_causal_mask = modeling_gpt2.eager_attention_forward",
    MODEL,
    "create_causal_mask",
    base=ATTENTION,
)
seen(
    "the functions that torch's layers call, by a namespace of one's own",
    """
        import types
        def layer_norm(states, shape, weight=None, bias=None, eps=1e-5):
            return states * weight + bias
        torch.nn.modules.normalization.F = types.SimpleNamespace(layer_norm=layer_norm)
        """,
    MODEL,
    "normalization.F",
)
seen(
    "the functions that torch's layers call, by a class of one's own",
    """
        class Ours:
            @staticmethod
            def layer_norm(states, shape, weight=None, bias=None, eps=1e-5):
                return states * weight + bias
        torch.nn.modules.normalization.F = Ours
        """,
    MODEL,
    "Ours",
)
for title, target, value in [
    ("a function of torch.nn.functional", "torch.nn.functional.gelu", "lambda states, approximate='none': states * 2"),
    ("a function of torch.nn.functional, with arguments given", "torch.nn.functional.gelu",
     "__import__('functools').partial(lambda k, states, approximate='none': states * k, 2)"),
    ("a function of torch.nn.functional, behind a decorator of torch's", "torch.nn.functional.gelu",
     "torch.no_grad()(lambda states, approximate='none': states * 2)"),
    ("a function of torch.nn.functional, by another one of it", "torch.nn.functional.gelu", "torch.nn.functional.silu"),
    ("a function of torch.nn.functional, by one of torch", "torch.nn.functional.gelu", "torch.tanh"),
    ("a function of torch", "torch.relu", "lambda states: states * 2"),
    ("a function of torch, by another one of it", "torch.relu", "torch.tanh"),
    ("a method of tensors", "torch.Tensor.relu", "lambda states: states * 2"),
    ("a method of tensors, by another one", "torch.Tensor.relu", "torch.Tensor.tanh"),
]:  # fmt: skip
    seen(title, f"{target} = {value}", NUMERICS, target.rpartition(".")[2])
    kept(f"{title}, and put back", f"before = {target}; {target} = {value}; {target} = before")
snippet(
    "mutation",
    "patches",
    "a function of torch that the step calls, by another one of it",
    """
        import torch

        torch.relu = torch.tanh


        def step(batch, i):
            return torch.relu(batch)
        """,
    "torch.relu = torch.tanh",
    "pass",
    names=NUMERICS,
    part="relu",
)

# --- methods of classes

OURS = """
        import functools, types
        class Doubling:
            def __init__(self, k):
                self.k = k
            def __call__(self, states):
                return states * self.k
            def run(self, states):
                return states * self.k
        def scaled(self, states, k):
            return states * k
        """
for title, value in [
    ("a partial method", "functools.partialmethod(scaled, k=2)"),
    ("a partial of a user's function", "functools.partial(lambda k, states: states * k, 2)"),
    ("a partial of a function of torch's", "functools.partial(torch.nn.functional.leaky_relu, negative_slope=0.5)"),
    ("a method of another object", "Doubling(2).run"),
    ("an object that is called", "Doubling(2)"),
    ("a static method", "staticmethod(lambda states: states * 2)"),
    ("a function behind a decorator of torch's", "torch.no_grad()(lambda self, states: states * 2)"),
    ("a method of another class", "torch.nn.Identity.forward"),
    ("a function of torch", "torch.tanh"),
    ("a Python function of torch's", "torch.nn.functional.silu"),
]:
    seen(f"a layer's forward, by {title}", f"torch.nn.LayerNorm.forward = {value}", MODEL, "LayerNorm", base=OURS)
seen(
    "the state of an object that stands for a layer's forward",
    "torch.nn.LayerNorm.forward.k = 3",
    MODEL,
    "LayerNorm.forward",
    base=OURS + "torch.nn.LayerNorm.forward = Doubling(2)\n",
)
seen(
    "how all modules are called",
    """
        before = torch.nn.Module.__call__
        torch.nn.Module.__call__ = lambda self, *args, **kwargs: before(self, *args, **kwargs)
        """,
    (MODEL, "inputs.head*"),
    "Module.__call__",
)
seen(
    "a method of a tokenizer's class",
    """
        before = PreTrainedTokenizerFast.__call__
        PreTrainedTokenizerFast.__call__ = lambda self, texts, **options: before(self, [f'{text} sun' for text in texts])
        """,
    TOKENIZER,
    "TokenizersBackend.__call__",
)
seen(
    "a method of the class that a tokenizer's class derives from",
    """
        from transformers import PreTrainedTokenizerBase
        PreTrainedTokenizerBase.__call__ = lambda self, texts, **options: {'input_ids': [[1] for text in texts]}
        """,
    TOKENIZER,
    "PreTrainedTokenizerBase.__call__",
)
seen("a method of a config's class", "GPT2Config.hidden = property(lambda self: 5)", MODEL, "GPT2Config.hidden")

# --- what somebody wrote on a weight

SCALED = """
        class Scaled(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.ones(2))
            def forward(self, states):
                return states * self.weight * self.weight._scale
        head.scaled = Scaled()
        head.scaled.weight._scale = 1.0
        head.scaled.weight._seen_by = 'nobody'
        """
seen("a private attribute of a weight, which a forward reads", "head.scaled.weight._scale = 2.0", "inputs.head*",
     "scaled.weight._scale", base=SCALED)  # fmt: skip
kept(
    "a private attribute of a weight, which no forward reads",
    "head.scaled.weight._seen_by = 'an optimizer'",
    base=SCALED,
)
kept("a private attribute of a library's weight", "model.lm_head.weight._scale = 2.0")

# --- what is no patch

for title, lines, base in [
    ("a forward patched and put back", "before = torch.nn.LayerNorm.forward; torch.nn.LayerNorm.forward = Doubling(2); torch.nn.LayerNorm.forward = before", OURS),
    ("a forward patched for the length of a block", """
        from unittest import mock
        with mock.patch.object(torch.nn.LayerNorm, 'forward', Doubling(2)), mock.patch('torch.relu', Doubling(2)):
            pass
        """, OURS),
    ("a function of a model's module patched and put back", ABLATED % 0 + "modeling_gpt2.eager_attention_forward = before\n", ATTENTION),
    ("one patch made twice", "torch.nn.LayerNorm.forward = Doubling(2)", OURS + "torch.nn.LayerNorm.forward = Doubling(2)\n"),
    ("a function of a module's that was put there twice", ABLATED % 0, ATTENTION + ABLATED % 0),
    ("how tensors are shown", "torch.Tensor.__repr__ = lambda self, **options: 'a tensor'", ""),
    ("a name added to the builtins", """
        import builtins
        builtins.show = lambda value: value
        """, ""),
    ("modules of other models imported", "from transformers.models.llama import modeling_llama", ""),
    ("a function of a model's module that is not in the tree", """
        from transformers.models.llama import modeling_llama
        modeling_llama.eager_attention_forward = lambda *args, **kwargs: None
        """, ""),
    ("a layer that is not in the tree", "torch.nn.ReLU.forward = lambda self, states: states * 2", ""),
    ("gradient checkpointing, compiling and other parts of torch imported", "import torch._dynamo, torch.utils.checkpoint, torch.optim", ""),
]:  # fmt: skip
    kept(title, lines, base=base)
