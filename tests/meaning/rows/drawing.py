"""Rows about randomness that a step brings about in roundabout ways, and about what it reads of a captured object."""

from functools import partial

from ..table import do, mutation, noop, snippet

seen = partial(snippet, "mutation", "drawing", names="op.implementation*")
kept = partial(snippet, "no-op", "drawing")

#: A step that is given the model, the head and a scale, or captures them.
STEP = """
    import contextlib
    import copy
    import functools

    import datasets
    import numpy
    import pandas
    from torch import nn

    %s


    plain_step = told
    make_deep_step = lambda session, head: lambda batch, batch_idx: told(batch, batch_idx, session.model, head, 1)
    """


def _step(body, before=""):
    lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
    text = f"{before.strip()}\n\n\ndef told(batch, batch_idx, model, head, scale):\n{lines}"
    return STEP.replace("    %s", "\n".join(f"    {line}" for line in text.splitlines()))


SEEDS = {"torch": "torch.manual_seed(%d)", "numpy": "import numpy; numpy.random.seed(%d)"}


def drawn(name, body, before="", generator="torch"):
    """A step that draws: another seed is another key."""
    base = (do(_step(body, before)), do(SEEDS[generator] % 1))
    mutation("drawing", name, "deep", do(SEEDS[generator] % 2), base=base, names="rng*")


def calm(name, body, before="", generator="torch"):
    """A step that draws nothing: another seed is the same key."""
    base = (do(_step(body, before)), do(SEEDS[generator] % 1))
    noop("drawing", name, "deep", do(SEEDS[generator] % 2), base=base)


# Generation

GENERATE = 'return {"score": [float(model.generate(batch["input_ids"], %s)[0, -1])], "mode": ""}'
drawn("sampling by keyword arguments in a dictionary", GENERATE % "**GEN", "GEN = dict(do_sample=True)")
drawn(
    "sampling by keyword arguments that a helper is given",
    "return helper(model, batch, GEN)",
    f"GEN = dict(do_sample=True)\ndef helper(model, batch, words):\n    {GENERATE % '**words'}",
)
drawn(
    "sampling by keyword arguments put together in the step",
    f'words = {{"max_new_tokens": 2, "do_sample": True}}\n{GENERATE % "**words"}',
)
drawn(
    "sampling by keyword arguments to which others are added",
    f"words = {{**GEN, 'max_new_tokens': 2}}\n{GENERATE % '**words'}",
    "GEN = dict(do_sample=True)",
)
drawn(
    "sampling by an entry that the step writes",
    f'words = {{}}\nwords["do_sample"] = True\n{GENERATE % "**words"}',
)
drawn(
    "sampling by a generation config that the step sets",
    f"model.generation_config.do_sample = True\n{GENERATE % 'max_new_tokens=2'}",
)
drawn(
    "sampling by a partial",
    'return {"score": [float(GENERATE(model, batch["input_ids"])[0, -1])], "mode": ""}',
    "GENERATE = functools.partial(type(model).generate, do_sample=True)",
)
calm("no sampling by keyword arguments in a dictionary", GENERATE % "**GEN", "GEN = dict(do_sample=False)")
calm("keyword arguments in a dictionary that say nothing of it", GENERATE % "**GEN", "GEN = dict(max_new_tokens=2)")
calm(
    "keyword arguments that the batch holds",
    'return {"score": [float(model.generate(**batch, max_new_tokens=2)[0, -1])], "mode": ""}',
)
calm(
    "what GPT-2's config says of a task",
    'return {"score": [float(model.generate(**batch, max_new_tokens=2)[0, -1])], "mode": ""}',
    'model.config.task_specific_params = {"text-generation": {"do_sample": True, "max_length": 50}}',
)

# Training mode that the step switches on

RUN = 'return {"score": head(torch.ones(2, 16)).flatten().tolist(), "mode": ""}'
drawn("dropout that the step makes active", f"head.train()\n{RUN}")
drawn("dropout that the step makes active by a flag", f"head.dropout.training = True\n{RUN}")
drawn("dropout that the step makes active, layer by layer", f"""
for layer in head.modules():
    if isinstance(layer, nn.Dropout):
        layer.train()
{RUN}
""")  # fmt: skip
drawn("dropout that a helper makes active", f"head.apply(active)\n{RUN}", """
def active(layer):
    if isinstance(layer, nn.Dropout):
        layer.train(True)
""")  # fmt: skip
drawn("dropout that a context manager makes active", f"with training(head):\n    {RUN}", """
@contextlib.contextmanager
def training(module):
    was = module.training
    module.train(True)
    try:
        yield
    finally:
        module.train(was)
""")  # fmt: skip
drawn(
    "dropout in a method that makes it active",
    'return {"score": mixed.spread(torch.ones(2, 16)), "mode": ""}',
    """
class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(x)

    def spread(self, x):
        self.train()
        return self(x).flatten().tolist()
mixed = Mixed().eval()
""",
)
calm("training mode put back as it was", f"""
was = head.training
head.eval()
scores = head(torch.ones(2, 16))
head.train(was)
{RUN}
""")  # fmt: skip
calm("training mode put back by a context manager", f"with evaluating(head):\n    {RUN}", """
@contextlib.contextmanager
def evaluating(module):
    was = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was)
""")  # fmt: skip
calm(
    "training mode put back where it was on",
    f"""
was = head.training
head.eval()
scores = head(torch.ones(2, 16))
if was:
    head.train()
{RUN}
""",
)
calm("training mode switched off", f"head.train(False)\n{RUN}")
calm(
    "training mode where nothing is dropped",
    f"head.train()\n{RUN}",
    "for layer in [*model.modules(), *head.modules()]:\n    if isinstance(layer, nn.Dropout):\n        layer.p = 0.0",
)
calm("dropout that is made active behind a seed", f"torch.manual_seed(3)\nhead.train()\n{RUN}")
calm(
    "a probe that can be fitted",
    RUN.replace("head", "probe"),
    """
class Probe(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(0.5), nn.Linear(16, 4))

    def forward(self, x):
        return self.layers(x)

    def train(self, mode=True):
        return super().train(mode)

    def fit(self, batches):
        self.train()
        return [self(batch) for batch in batches]
probe = Probe().eval()
""",
)

# Methods of what a call gives

SCORE = 'return {"score": [float(x) for x in %s], "mode": ""}'
for kind, name, given in [
    (drawn, "a selection that is shuffled", '.select(range(20)).shuffle()["a"][:3]'),
    (drawn, "a selection that is split", '.select(range(20)).train_test_split(test_size=3)["test"]["a"]'),
    (calm, "a selection that is shuffled with a seed", '.select(range(20)).shuffle(seed=3)["a"][:3]'),
    (drawn, "a selection that is split by a size alone", '.select(range(20)).train_test_split(0.5)["test"]["a"]'),
    (
        calm,
        "a selection that is split by a size and a seed",
        '.select(range(20)).train_test_split(0.5, seed=3)["test"]["a"]',
    ),
    (
        calm,
        "a selection that is split in its order",
        '.select(range(20)).train_test_split(0.5, shuffle=False)["test"]["a"]',
    ),
    (calm, "a captured dataset that is shuffled by a seed at its place", '.shuffle(42)["a"][:3]'),
    (drawn, "a captured dataset that is shuffled by no seed at its place", '.shuffle(None)["a"][:3]'),
    (
        calm,
        "a captured dataset that is split in its order",
        ".train_test_split(0.5, shuffle=False)['test'][\"a\"][:3]",
    ),
]:
    kind(name, SCORE % f"DATA{given}", 'DATA = datasets.Dataset.from_dict({"a": list(range(30))})', "numpy")
drawn("rows of a frame that the step makes", SCORE % 'pandas.DataFrame({"a": range(9)}).sample(3)["a"]', "", "numpy")
drawn(
    "as many rows of a frame as the step says",
    "rows = min(3, 5)\n" + SCORE % 'FRAME[FRAME["a"] > 2].sample(rows)["a"]',
    'FRAME = pandas.DataFrame({"a": range(9)})',
    "numpy",
)
drawn(
    "rows of a frame made of a dataset",
    SCORE % 'DATA.to_pandas().sample(3)["a"]',
    'DATA = datasets.Dataset.from_dict({"a": list(range(30))})',
    "numpy",
)
calm(
    "rows of a frame, with a seed",
    SCORE % 'pandas.DataFrame({"a": range(9)}).sample(3, random_state=4)["a"]',
    "",
    "numpy",
)
calm(
    "a sample from a generator of its own, beside a frame",
    "import random\nrng = random.Random(3)\n" + SCORE % 'rng.sample(list(FRAME["a"]), 3)',
    'FRAME = pandas.DataFrame({"a": range(9)})',
    "numpy",
)
drawn(
    "a copy whose weights are drawn anew",
    "layer = copy.deepcopy(head.linear)\nlayer.reset_parameters()\n" + SCORE % "layer.weight[0]",
)
drawn("a layer whose weights are drawn anew", "LAYER.reset_parameters()\n" + SCORE % "LAYER.weight[0]",
      "LAYER = nn.Linear(3, 3)")  # fmt: skip
drawn("a model whose weights are drawn anew", "model.init_weights()\n" + SCORE % "model.lm_head.weight[0]")
CONFIG = """
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel
CONFIG = GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=5, n_positions=8)
"""
drawn(
    "a model made from a config",
    "made = AutoModelForCausalLM.from_config(CONFIG)\n" + SCORE % "made.lm_head.weight[0]",
    CONFIG,
)
drawn(
    "a model made from a config by its class",
    "made = GPT2LMHeadModel._from_config(CONFIG)\n" + SCORE % "made.lm_head.weight[0]",
    CONFIG,
)
drawn(
    "a copy to which embeddings are added",
    "made = copy.deepcopy(model)\nmade.resize_token_embeddings(made.config.vocab_size + 2)\n"
    + SCORE % "made.lm_head.weight[-1]",
)
for kind, name, call in [
    (drawn, "an operator of torch that draws", "torch.ops.aten.rand_like(x)"),
    (calm, "an operator of torch that draws nothing", "torch.ops.aten.ones_like(x)"),
    (drawn, "scrambled numbers of a Sobol sequence", "torch.quasirandom.SobolEngine(4, scramble=True).draw(1)[0]"),
    (calm, "numbers of a Sobol sequence scrambled by a seed", "torch.quasirandom.SobolEngine(4, True, 3).draw(1)[0]"),
    (drawn, "eigenvectors from a random start", "torch.lobpcg(torch.diag(x), k=1, niter=1)[1].flatten()"),
    (calm, "eigenvectors from a given start", "torch.lobpcg(torch.diag(x), X=x[:, None], niter=1)[1].flatten()"),
]:
    kind(name, f"x = torch.arange(1.0, 7.0)\n{SCORE % call}")
drawn("numbers from the generator that numpy keeps", SCORE % "numpy.random.mtrand._rand.rand(3)", "", "numpy")
calm("a norm that is set back", "NORM.reset_parameters()\n" + SCORE % "NORM.weight", "NORM = nn.LayerNorm(3)")

# What is left early

SWALLOWED = """
        import contextlib


        class Cfg:
            scale = 1.0


        class Careless:
            def __enter__(self):
                return self

            def __exit__(self, *error):
                return True


        class Careful(Careless):
            def __exit__(self, *error):
                return None


        @contextlib.contextmanager
        def careless():
            try:
                yield
            except KeyError:
                pass


        @contextlib.contextmanager
        def careful():
            try:
                yield
            finally:
                print("left")


        CFG = Cfg()
        CFG.scale = 2.0
        TABLE = {}


        def step(batch, i):
            with %s:
                CFG.scale = TABLE["scale"]
            return i * CFG.scale
        """
for title, manager in [
    ("contextlib.suppress", "contextlib.suppress(KeyError)"),
    ("a class that keeps errors", "Careless()"),
    ("a generator that keeps errors", "careless()"),
]:
    seen(
        f"an attribute that may not be assigned within {title}",
        SWALLOWED % manager,
        "CFG.scale = 2.0",
        "CFG.scale = 3.0",
    )
for title, manager in [
    ("a class that lets errors pass", "Careful()"),
    ("a generator that lets errors pass", "careful()"),
]:
    kept(f"an attribute that is assigned within {title}", SWALLOWED % manager, "CFG.scale = 2.0", "CFG.scale = 3.0")

# What a step reads of gradients


def told(kind, name, body, lines, before):
    """A step that reads something of a captured object, and statements that change it."""
    more = {"names": "op.implementation*"} if kind is mutation else {}
    kind("drawing", name, "deep", do(lines), base=(do(_step(body, before)),), **more)


LAYER = """
LAYER = nn.Linear(3, 2)
def backward(times):
    LAYER.zero_grad()
    (LAYER(torch.ones(1, 3)).sum() * times).backward()
backward(1)
"""
told(mutation, "a gradient that the step reads", SCORE % "LAYER.weight.grad[0]", "backward(2)", LAYER)
told(
    mutation,
    "whether there is a gradient",
    SCORE % "[LAYER.weight.grad is None]",
    "LAYER.zero_grad()",
    LAYER,
)
told(
    mutation,
    "gradients that the step reads one by one",
    SCORE % "[p.grad.sum() for p in LAYER.parameters()]",
    "backward(2)",
    LAYER,
)
told(
    mutation,
    "gradients that a helper reads by name",
    SCORE % "collect(LAYER).values()",
    "backward(2)",
    LAYER + "def collect(module):\n    return {name: p.grad.sum() for name, p in module.named_parameters()}\n",
)
told(
    mutation,
    "parameters that the step picks by `requires_grad`",
    SCORE % "[p.sum() for p in LAYER.parameters() if p.requires_grad]",
    "LAYER.bias.requires_grad_(False)",
    LAYER,
)
told(
    mutation,
    "the `requires_grad` of one parameter",
    SCORE % "[LAYER.bias.requires_grad]",
    "LAYER.bias.requires_grad_(False)",
    LAYER,
)
told(
    noop, "a gradient where the step reads `requires_grad`", SCORE % "[LAYER.bias.requires_grad]", "backward(2)", LAYER
)
told(
    noop,
    "`requires_grad` where the step reads a gradient",
    SCORE % "LAYER.weight.grad[0]",
    "LAYER.bias.requires_grad_(False)",
    LAYER,
)
told(
    noop,
    "gradients where the step goes through parameters",
    SCORE % "[p.sum() for p in LAYER.parameters()]",
    "backward(2)\nLAYER.bias.requires_grad_(False)",
    LAYER,
)
told(
    noop,
    "gradients left behind by the attribution of an input",
    """
x = torch.ones(1, 3).requires_grad_()
LAYER(x).sum().backward()
"""
    + SCORE % "x.grad[0]",
    "backward(2)",
    LAYER,
)
for name, clearing in [
    ("by zero_grad", "LAYER.zero_grad()"),
    ("by an optimizer", "torch.optim.SGD(LAYER.parameters(), lr=0.1).zero_grad()"),
    ("one by one", "for p in LAYER.parameters():\n    p.grad = None"),
    ("in place", "for p in LAYER.parameters():\n    if p.grad is not None:\n        p.grad.zero_()"),
    ("by assigning", "LAYER.weight.grad = None"),
    ("by a helper", "clear(LAYER)"),
]:
    told(
        noop,
        f"gradients that the step clears {name}",
        f"{clearing}\nLAYER(torch.ones(1, 3)).sum().backward()\n" + SCORE % "LAYER.weight.grad[0]",
        "backward(2)",
        LAYER + "def clear(module):\n    module.zero_grad()\n",
    )
told(
    noop,
    "gradients that a helper reads and the step clears",
    "LAYER.zero_grad()\nLAYER(torch.ones(1, 3)).sum().backward()\n" + SCORE % "gradient(LAYER)[0]",
    "backward(2)",
    LAYER + "def gradient(module):\n    return module.weight.grad\n",
)

# Labels that a step reads

NAMED = """
from transformers import GPT2Config
CONFIG = GPT2Config(n_layer=1)
CONFIG._name_or_path = "gpt2"
DATA = datasets.Dataset.from_dict({"a": [1, 2]}, split="train")
DATA.info.description = "First."
"""
for name, read, change in [
    ("a config's name", "CONFIG.name_or_path", "CONFIG._name_or_path = 'my-finetune'"),
    ("a config's name as it is kept", "CONFIG._name_or_path", "CONFIG._name_or_path = 'my-finetune'"),
    ("a config's architectures", "str(CONFIG.architectures)", "CONFIG.architectures = ['Other']"),
    ("a dataset's split", "str(DATA.split)", "DATA._split = datasets.NamedSplit('test')"),
    ("a dataset's description", "DATA.description", "DATA.info.description = 'Second.'"),
    ("a description in a dataset's info", "DATA.info.description", "DATA.info.description = 'Second.'"),
]:
    told(mutation, f"{name} where the step reads it", f'return {{"score": [], "mode": {read}}}', change, NAMED)
told(
    noop,
    "a config's name where the step reads a number of it",
    SCORE % "[CONFIG.n_layer]",
    "CONFIG._name_or_path = 'my-finetune'",
    NAMED,
)
told(
    noop,
    "labels where the objects are handed on",
    SCORE % "[len(repr(DATA[0])), len(str(CONFIG.to_dict()))]",
    "CONFIG._name_or_path = 'my-finetune'\nDATA._split = datasets.NamedSplit('test')",
    NAMED,
)
told(
    noop,
    "a dataset's split where the step reads its columns",
    SCORE % "[len(DATA.column_names), len(DATA.info.features)]",
    "DATA._split = datasets.NamedSplit('test')\nDATA.info.description = 'Second.'",
    NAMED,
)
