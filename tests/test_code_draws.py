"""Steps that draw from a random generator that all code shares are stochastic; others, and seeded ones, are not."""

from __future__ import annotations

from typing import Any

import pytest

from code_runner import digest_of_text

#: What stands before each step, and what differs between rows is its body (or the whole text, where it has several).
HEAD = """
import random, functools
import random as dice
from random import choice, Random
import numpy as np
import numpy
import numpy.random as nr
from numpy.random import rand as uniform
"""
TORCH = """
import torch
import torch.nn.functional as F
import torch.nn.utils.parametrizations
import torch.nn.utils.prune
import torch.testing
from torch import nn, rand, randn as gaussian
from torch.nn.functional import dropout
"""

NUMPY_AND_PYTHON = {
    "python": (
        "random.random()",
        "choice(b)",
        "dice.shuffle(b)",
        "(lambda r: r)(dice).gauss(0, 1)",
        "list(map(random.gauss, b, b))",
        "functools.partial(random.uniform, 0)(1)",
        "{'a': random.random}['a']()",
        "[random.random() for _ in range(3)]",
        "sorted(b, key=lambda x: random.random())",
        "random._inst.random()",
    ),
    "numpy": (
        "np.random.rand(3)",
        "nr.normal()",
        "uniform(3)",
        "numpy.random.permutation(b)",
        "getattr(np.random, 'choice')(b)",
        "np.random.mtrand._rand.rand(3)",
        "b.train_test_split(0.5)",
        "b.train_test_split(0.5, 0.2, True)",
        "b.train_test_split(*b)",
        "b.train_test_split(0.5, seed=None)",
        "b.shuffle()",
    ),
    "": (
        "b.train_test_split(0.5, seed=1)",
        "b.train_test_split(0.5, shuffle=False)",
        "b.train_test_split(0.5, 0.5, False)",
        "b.train_test_split(0.5, 0.5, True, None, 3)",
        "b.train_test_split(0.5, generator=b.rng)",
        "b.shuffle(3)",
        "b.shuffle(seed=3)",
        "np.random.default_rng(3).random()",
        "np.random.default_rng(3).normal()",
        "Random(3).random()",
        "np.random.RandomState(3).rand()",
        "random.Random(b[0]).choice(b)",
        "np.asarray(b).sum()",
        "random.getstate() is None",
        "b.sample",
    ),
}
WHOLE = {
    "python": (
        "rng = random\ndef op(b): return rng.random()",
        "def op(b):\n    rng = random\n    return rng.random()",
        "def op(b):\n    from random import randint\n    return randint(1, 2)",
        "def helper(x): return x * random.random()\ndef op(b): return [helper(x) for x in b]",
        "DRAW = random.random\ndef op(b): return DRAW()",
        "TABLE = [random.random]\ndef op(b): return TABLE[0]()",
        "TABLE = {'a': [random.random]}\ndef op(b): return str(TABLE)",
        "class A:\n    def f(self): return random.random()\ndef op(b): return A().f()",
        "class A:\n    def __init__(self): self.k = random.random()\ndef op(b): return A().k",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n"
        "    k: float = dataclasses.field(default_factory=random.random)\n"
        "def op(b): return A().k",
        "op = functools.partial(random.gauss, 0)",
        "op = lambda b: random.random()",
        "@functools.lru_cache\ndef op(b): return random.random()",
        "def op(b):\n    random.seed()\n    return random.random()",
        "def op(b):\n    x = random.random()\n    random.seed(3)\n    return x",
        "def op(b):\n    if b: random.seed(3)\n    return random.random()",
        "def seed(n=None):\n    if n is None: return\n    random.seed(n)\ndef op(b):\n    seed()\n"
        "    return random.random()",
        "def op(b):\n    random.seed(3)\n    return later\ndef later(): return random.random()",
    ),
    "": (
        "rng = Random(3)\ndef op(b): return rng.random()",
        "rng = np.random.default_rng(3)\ndef op(b): return rng.normal()",
        "rng = np.random.RandomState(3)\ndef op(b): return rng.shuffle(b)",
        "draw = Random(3).random\ndef op(b): return draw()",
        "def op(b):\n    random.seed(3)\n    return random.random()",
        "def op(b):\n    random.seed(3)\n    return helper()\ndef helper(): return random.random()",
        "def seed(n):\n    random.seed(n)\n    np.random.seed(n)\ndef op(b):\n    seed(3)\n"
        "    return random.random()+np.random.rand()",
        "class A:\n    def __init__(self): self.k = random.random()\n    def f(self): return 3\n"
        "A.__init__.__defaults__ = None\n"
        "a = A()\ndef op(b): return a.f()",
        "class A:\n    K = 3\n    @staticmethod\n    def f(): return 1\n"
        "    def unused(self): return random.random()\n"
        "def op(b): return A.f()",
        "def unused(): return random.random()\ndef op(b): return b",
    ),
}
WITH_TORCH = {
    "torch": (
        "torch.rand(2)",
        "rand(2)",
        "gaussian(2)",
        "torch.randperm(3)",
        "torch.rand_like(b)",
        "torch.empty(2).normal_()",
        "b.float().bernoulli()",
        "b.softmax(-1).multinomial(1)",
        "F.dropout(b, 0.1)",
        "F.dropout(b, 0.1, True)",
        "dropout(b)",
        "torch.dropout(b, 0.1, train=True)",
        "F.dropout(b, p=b.p, training=b.flag)",
        "F.alpha_dropout(b, training=True)",
        "F.gumbel_softmax(b)",
        "F.scaled_dot_product_attention(b, b, b, dropout_p=0.1)",
        "nn.Linear(2, 2)(b)",
        "nn.TransformerEncoderLayer(4, 2)(b)",
        "nn.Dropout(0.2)(b)",
        "nn.init.xavier_uniform_(b)",
        "torch.utils.data.DataLoader(b, shuffle=True)",
        "b.generate(b, do_sample=True)",
        "torch.distributions.Normal(0, 1).sample()",
        "torch.distributions.Categorical(logits=b).rsample()",
        "torch.rand(2, generator=None)",
        "torch.rand(2, generator=torch.default_generator)",
        "torch.lobpcg(b, 2)",
        "torch.lobpcg(b, 2, X=None)",
        "torch.testing.make_tensor((2, 3), dtype=torch.float32, device='cpu')",
        "torch.ops.aten.rand_like(b)",
        "torch.ops.aten.rand_like.default(b)",
        "torch.ops.aten.normal_(b)",
        "torch.ops.aten.bernoulli.p(b, 0.5)",
        "torch.ops.aten.dropout(b, 0.1, True)",
        "torch.quasirandom.SobolEngine(4, scramble=True).draw(2)",
        "torch.quasirandom.SobolEngine(4, True).draw(2)",
        "torch.nn.utils.parametrizations.spectral_norm(b)",
        "torch.nn.utils.spectral_norm(b)",
        "torch.nn.utils.prune.random_unstructured(b, 'weight', 0.5)",
        "F.multi_head_attention_forward(b, b, b, 16, 2, b, b, None, None, False, 0.5, b, b)",
        "F.multi_head_attention_forward(b, b, b, 16, 2, b, b, None, None, False, dropout_p=0.5, training=True)",
        "b.resize_token_embeddings(70)",
    ),
    "": (
        "torch.ones(2)",
        "torch.rand(2, generator=torch.Generator().manual_seed(3))",
        "torch.randperm(3, generator=b.generator)",
        "torch.empty(2).normal_(generator=b.generator)",
        "F.dropout(b, 0.1, training=False)",
        "F.dropout(b, 0.1, False)",
        "F.dropout(b, p=0.0)",
        "dropout(b, training=False)",
        "F.alpha_dropout(b)",
        "F.scaled_dot_product_attention(b, b, b)",
        "nn.LayerNorm(2)(b)",
        "nn.ReLU()(b)",
        "nn.Softmax(-1)(b)",
        "nn.Dropout(0.0)(b)",
        "nn.CrossEntropyLoss()(b, b)",
        "torch.utils.data.DataLoader(b)",
        "b.generate(b, do_sample=False)",
        "b.generate(b)",
        "torch.distributions.Normal(0, 1).log_prob(b)",
        "torch.distributions.kl_divergence(b, b)",
        "b.sample()",
        "nn.functional.softmax(b, -1)",
        "torch.lobpcg(b, 2, X=b)",
        "torch.lobpcg(b, 2, None, b)",
        "torch.ops.aten.ones_like(b)",
        "torch.ops.aten.dropout(b, 0.1, False)",
        "torch.quasirandom.SobolEngine(4).draw(2)",
        "torch.quasirandom.SobolEngine(4, scramble=True, seed=3).draw(2)",
        "torch.quasirandom.SobolEngine(4, True, 3).draw(2)",
        "torch.nn.utils.parametrizations.weight_norm(b)",
        "F.multi_head_attention_forward(b, b, b, 16, 2, b, b, None, None, False, 0.0, b, b)",
        "F.multi_head_attention_forward(b, b, b, 16, 2, b, b, None, None, False, 0.5, b, b, training=False)",
    ),
}
WHOLE_TORCH = {
    "torch": (
        "class Probe(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fill()\n"
        "    def fill(self): self.w = torch.randn(2)\n    def forward(self, x):\n        self.fill()\n"
        "        return self.w * x\nnet = Probe()\ndef op(b): return net(b)",
        "class Noisy(nn.Module):\n    def forward(self, x): return x + torch.randn_like(x)\nnet = Noisy()\n"
        "def op(b): return net(b)",
        "class Probe(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.l = nn.Linear(2, 2)\n"
        "    def forward(self, x): return self.l(x)\ndef op(b): return Probe()(b)",
        "def op(b, generator=None): return torch.rand(2, generator=generator)",
        "def op(b):\n    with torch.random.fork_rng():\n        torch.manual_seed(1)\n    return torch.rand(2)",
        "FLAG = True\ndef op(b): return F.dropout(b, 0.1, training=FLAG)",
        "table = {'drop': F.dropout}\ndef op(b): return table['drop'](b)",
    ),
    "": (
        "class Probe(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.l = nn.Linear(2, 2)\n"
        "    def forward(self, x): return F.dropout(self.l(x), 0.1, training=self.training)\n"
        "net = Probe().eval()\ndef op(b): return net(b)",
        "class Probe(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fill()\n"
        "    def fill(self): self.w = nn.Parameter(torch.randn(2))\n    def forward(self, x): return self.w * x\n"
        "net = Probe()\ndef op(b): return net(b)",
        "g = torch.Generator().manual_seed(3)\ndef op(b): return torch.rand(2, generator=g)",
        "g = torch.Generator().manual_seed(3)\ndef noise(g): return torch.rand(2, generator=g)\n"
        "def op(b): return noise(g)",
        "def noise(generator=None): return torch.rand(2, generator=generator)\n"
        "def op(b): return noise(torch.Generator().manual_seed(3))",
        "def op(b):\n    with torch.random.fork_rng():\n        torch.manual_seed(1)\n        return torch.rand(2)",
        "FLAG = False\ndef op(b): return F.dropout(b, 0.1, training=FLAG)",
        "net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).eval()\ndef op(b): return net(b)",
    ),
}


def rows(bodies: dict[str, tuple[str, ...]], whole: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    found = [(generator, f"def op(b): return {body}") for generator in bodies for body in bodies[generator]]
    return found + [(generator, text) for generator in whole for text in whole[generator]]


@pytest.mark.parametrize(("generator", "text"), rows(NUMPY_AND_PYTHON, WHOLE))
def test_what_draws_is_stochastic(generator: str, text: str) -> None:
    result = digest_of_text(f"{HEAD}\n{text}\n")
    assert result.draws == ({generator} if generator else set()), result.stochastic
    assert bool(result.stochastic) == bool(generator)


@pytest.mark.parametrize(("generator", "text"), rows(WITH_TORCH, WHOLE_TORCH))
def test_what_draws_from_torch_is_stochastic(generator: str, text: str) -> None:
    pytest.importorskip("torch")
    result = digest_of_text(f"{HEAD}{TORCH}\n{text}\n")
    certain = [
        reason for name, reasons in result.suspected.items() if name in result.circumstances for reason in reasons
    ]
    assert bool(result.stochastic or certain) == bool(generator), result
    assert result.draws <= {"torch"}


def test_a_generator_without_a_seed_is_noted() -> None:
    def notes(seed: str) -> list[str]:
        return digest_of_text(f"{HEAD}\ndef op(b): return np.random.default_rng({seed}).normal()\n").notes

    assert any("seed from the system" in note for note in notes(""))
    assert not notes("3")


def test_a_generator_counts_by_its_own_state() -> None:
    def key(seed: int) -> Any:
        return digest_of_text(
            f"{HEAD}\nrng = np.random.default_rng({seed})\ndef op(b): return rng.normal()\n"
        ).components

    assert key(1) == key(1) != key(2)


@pytest.mark.parametrize(
    ("drawn", "body"),
    [
        (True, "AutoModelForCausalLM.from_config(CFG)"),
        (True, "BUILD(CFG)"),
        (True, "GPT2LMHeadModel._from_config(CFG)"),
        (True, "Mine._from_config(CFG)"),
        (True, "MODEL.resize_token_embeddings(70)"),
        (False, "GPT2Config.from_dict({})"),
        (False, "Table.from_config(CFG)"),
    ],
)
def test_models_of_transformers_made_from_a_config_are_random(drawn: bool, body: str) -> None:
    pytest.importorskip("transformers")
    result = digest_of_text(
        f"""{HEAD}{TORCH}
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel
CFG = GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=5, n_positions=8)
MODEL = GPT2LMHeadModel(CFG) if {body.startswith("MODEL")} else None
BUILD = AutoModelForCausalLM.from_config
class Mine(GPT2LMHeadModel): pass
class Table:
    @classmethod
    def from_config(cls, config): return config.n_layer
def op(b): return {body}
"""
    )
    assert result.draws == ({"torch"} if drawn else set()), result.stochastic


CAPTURED = """
import datasets, functools
SEED, NONE = 3, None
ROWS = datasets.Dataset.from_dict({"a": list(range(8))})
def op(b): return %s
"""


@pytest.mark.parametrize(
    ("expression", "stochastic"),
    [
        ("ROWS.shuffle(42)", False),
        ("ROWS.shuffle(seed=42)", False),
        ("ROWS.shuffle(SEED)", False),
        ("ROWS.shuffle(None, b.rng)", False),
        ("ROWS.train_test_split(0.5, 0.5, True, None, 3)", False),
        ("ROWS.train_test_split(0.5, seed=3)", False),
        ("ROWS.train_test_split(0.5, shuffle=False)", False),
        ("ROWS.shuffle()", True),
        ("ROWS.shuffle(None)", True),
        ("ROWS.shuffle(NONE)", True),
        ("ROWS.shuffle(*b)", True),
        ("ROWS.train_test_split(3)", True),
        ("ROWS.train_test_split(3, 5)", True),
        ("ROWS.train_test_split(0.5, 0.5, True, None)", True),
    ],
)
def test_a_captured_dataset_is_seeded_at_the_place_of_the_parameter(expression: str, stochastic: bool) -> None:
    assert bool(digest_of_text(CAPTURED % expression).stochastic) is stochastic
