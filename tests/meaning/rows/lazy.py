"""Rows about names that a library looks up when they are first asked for, and about what an import changes."""

from textwrap import dedent

from ..table import do, edit, mutation, noop, snippet, write

GROUP = "lazy names"

# What an import puts over a library's own function

SEEDED = """
    import torch


    def step(batch, batch_idx):
        torch.manual_seed(3)
        return {"score": torch.randn(2).tolist(), "mode": "plain"}
    """
TAKEN = """
    import torch
    from torch import manual_seed


    def step(batch, batch_idx):
        manual_seed(3)
        return {"score": torch.randn(2).tolist(), "mode": "plain"}
    """
STEP = "op.implementation*"
#: Where a function of torch that was replaced may be told.
REPLACED = (STEP, "rng*", "numerics*")


def seen(name, source, lines, names=STEP, base="", run="library", **more):
    mutation(GROUP, name, run, do(source), do(lines), base=(do(source), do(base)), names=names, **more)


def kept(name, source, lines, base="", run="library", **more):
    noop(GROUP, name, run, do(source), do(lines), base=(do(source), do(base)), **more)


#: Played where nothing but the scene imports torch.
BARE = {"run": "op", "needs": "torch", "places": ("module",)}
kept("torch._dynamo imported where the step seeds torch", SEEDED, "import torch._dynamo", **BARE)
kept(
    "an optimizer made where the step seeds torch",
    SEEDED,
    "torch.optim.Adam([torch.zeros(1, requires_grad=True)])",
    **BARE,
)
kept("torch._dynamo imported after torch's seeding was taken from it", TAKEN, "import torch._dynamo", **BARE)
OVER = """
    import functools
    import torch

    plainly = torch.manual_seed


    @functools.wraps(plainly)
    def seed_again(seed):
        return plainly(seed + 1)


    torch.manual_seed = seed_again
    """
seen("one's own wrapper over torch's seeding", SEEDED, OVER, names=REPLACED, **BARE)
seen("one's own wrapper over what torch._dynamo put there", SEEDED, OVER, names=REPLACED)
seen("what one's own wrapper over torch's seeding does", SEEDED, OVER.replace("+ 1", "+ 2"), REPLACED, OVER, **BARE)
WRAPPED = """
    import torch

    wrapped = torch.autocast("cpu", dtype=torch.bfloat16)({function})


    def step(batch, batch_idx):
        return {{"score": wrapped(batch).tolist(), "mode": "plain"}}
    """
for name, function in (("function", "torch.nn.functional.softplus"), ("builtin", "torch.relu")):
    source = WRAPPED.format(function=function)
    seen(f"what an installed decorator was told that the user put over an installed {name}", source,
         source.replace("bfloat16", "float16"))  # fmt: skip
    seen(f"an installed decorator over an installed {name} taken away", source, f"wrapped = {function}")
    kept(f"an installed decorator put over an installed {name} once more", source, source)

# Names that transformers fetches when they are first asked for

FETCHED = """
    def step(batch, batch_idx):
        from transformers import BertConfig
        return {"score": [float(BertConfig(num_hidden_layers=2).num_hidden_layers)], "mode": "plain"}
    """
REACHED = """
    import transformers


    def step(batch, batch_idx):
        return {"score": [float(transformers.BertConfig(num_hidden_layers=2).num_hidden_layers)], "mode": "plain"}
    """
BUILT = """
    import torch
    import transformers


    def step(batch, batch_idx):
        {seed}
        config = transformers.BertConfig(num_hidden_layers=1, hidden_size=8, num_attention_heads=2, vocab_size=8)
        return {{"score": transformers.BertModel(config).pooler.dense.weight[0].tolist(), "mode": "plain"}}
    """
IMPORTED = """
    import torch


    def step(batch, batch_idx):
        from transformers import BertConfig, BertModel
        model = BertModel(BertConfig(num_hidden_layers=1, hidden_size=8, num_attention_heads=2, vocab_size=8))
        return {"score": model.pooler.dense.weight[0].tolist(), "mode": "plain"}
    """
kept("a name that the step imports was fetched before", FETCHED, "transformers.BertConfig")
kept("a name that the step reaches was fetched before", REACHED, "transformers.BertConfig")
for name, source in (("imports", IMPORTED), ("reaches", BUILT.format(seed="pass"))):
    kept(
        f"a model class that the step {name} was fetched before",
        source,
        "transformers.BertModel",
        base="torch.manual_seed(4)",
    )
    seen(
        f"the seed where the step makes a model of a class that it {name}",
        source,
        "torch.manual_seed(5)",
        base="torch.manual_seed(4)",
        names="rng*",
    )
kept(
    "the seed where the step seeds before it makes a model",
    BUILT.format(seed="torch.manual_seed(0)"),
    "torch.manual_seed(5)",
    base="torch.manual_seed(4)",
)
seen(
    "one's own class put under a name that was not fetched",
    REACHED,
    """
        class BertConfig:
            def __init__(self, num_hidden_layers):
                self.num_hidden_layers = num_hidden_layers + 1
        transformers.BertConfig = BertConfig
        """,
    names=(STEP, "runtime.transformers"),
)

# Operators of torch

OPERATORS = """
    import torch


    def step(batch, batch_idx):
        return {"score": torch.ops.aten.special_ndtri(torch.ones(2)).tolist(), "mode": "plain"}
    """
kept("an operator of torch that was asked for before", OPERATORS, "torch.ops.aten.special_ndtri")
seen("another operator of torch", OPERATORS, OPERATORS.replace("ndtri", "ndtr"))

# A module of a class of one's own

MODULE_CLASS = """
    from lab import names


    def step(batch, i):
        return names.scale


    ## file names.py
    import sys
    import types

    FOUND = {"scale": 2, "offset": 7}


    class Names(types.ModuleType):
        def __getattr__(self, name):
            return FOUND[name]


    sys.modules[__name__].__class__ = Names
    """
snippet("mutation", GROUP, "what the class of a module finds", MODULE_CLASS, '"scale": 2', '"scale": 3', file="names.py",
        names=STEP)  # fmt: skip
snippet("mutation", GROUP, "how the class of a module finds it", MODULE_CLASS, "return FOUND[name]",
        "return FOUND[name] + 1", file="names.py", names=STEP)  # fmt: skip
snippet("no-op", GROUP, "another function beside the class of a module", MODULE_CLASS, "FOUND =",
        "def other():\n    return 1\n\n\nFOUND =", file="names.py")  # fmt: skip
PACKAGE = """
    def step(batch, i):
        from lab import late

        return late.scale


    ## file late.py
    scale = 2
    """
snippet("mutation", GROUP, "a module imported by the step from a package", PACKAGE, "scale = 2", "scale = 3",
        file="late.py", names=STEP)  # fmt: skip

# Variables of the environment

ASKED = """
    import os


    def step(batch, i):
        return 0 if "ABLATE" in os.environ else 1
    """
asked = {"file": "ops.py", "names": STEP}
snippet("mutation", GROUP, "another variable that the step asks for", ASKED, '"ABLATE"', '"ABLATED"', **asked)
mutation(GROUP, "a variable that the step asks for is there", "op", do("import os; os.environ['ABLATE'] = '1'"),
         base=(write("ops.py", dedent(ASKED).lstrip("\n")),), names=STEP, places=("module",))  # fmt: skip
noop(GROUP, "the value of a variable of which the step asks whether it is there", "op",
     do("os.environ['ABLATE'] = '2'"),
     base=(write("ops.py", dedent(ASKED).lstrip("\n")), do("import os; os.environ['ABLATE'] = '1'")),
     places=("module",))  # fmt: skip
noop(GROUP, "a variable for which the step does not ask", "op", do("import os; os.environ['ABLATION'] = '1'"),
     base=(write("ops.py", dedent(ASKED).lstrip("\n")),), places=("module",))  # fmt: skip

# A tokenizer's backend, reached by the tokenizer's property

BACKEND = """
    from lab.deep import build_tokenizer

    tokenizer = build_tokenizer()


    def step(batch, batch_idx):
        {first}
        return {{"score": tokenizer.backend_tokenizer.{call}, "mode": "plain"}}
    """
ENCODED = BACKEND.format(first="pass", call="encode(batch['text'][0]).ids")
ASKED_FOR = BACKEND.format(first="tokenizer(batch['text'])", call="token_to_id('the')")
CALLED = "tokenizer(['the cat', 'the'], padding='max_length', truncation=True, max_length=4)"
seen("the padding of a tokenizer's backend that the step calls", ENCODED,
     "tokenizer.backend_tokenizer.enable_padding(length=5)")  # fmt: skip
seen("the truncation of a tokenizer's backend that the step calls", ENCODED,
     "tokenizer.backend_tokenizer.enable_truncation(2)")  # fmt: skip
seen("the normaliser of a tokenizer's backend that the step calls", ENCODED, """
     from tokenizers.normalizers import Lowercase
     tokenizer.backend_tokenizer.normalizer = Lowercase()
     """)  # fmt: skip
kept("the padding side of a tokenizer of which the step calls the backend", ENCODED, "tokenizer.padding_side = 'left'")
kept("a tokenizer was called whose backend the step asks for an id", ASKED_FOR, CALLED)
seen("the vocabulary where the step asks the backend for an id", ASKED_FOR, "tokenizer.add_tokens(['moon'])")
HELD = """
    from lab.deep import build_tokenizer


    class Holder:
        def __init__(self):
            self.backend_tokenizer = build_tokenizer()._tokenizer
            self.other = 1


    held = Holder()


    def step(batch, batch_idx):
        return {"score": held.backend_tokenizer.token_to_id("the"), "mode": "plain"}
    """
kept("another attribute beside a backend that the user's own object holds", HELD, "held.other = 2")

# A module edited on disk between its import and the first key

EDITED = (
    write("ops.py", "from lab import late\n\n\ndef step(batch, i):\n    return late.double(i)\n"),
    write("late.py", "def double(x, y=None):\n    'Doubles.'\n    if y is None:\n        return x * 2\n    return y\n"),
)
REWRITE = """
    import pathlib, lab.late
    path = pathlib.Path(lab.late.__file__)
    path.write_text(path.read_text().replace({old!r}, {new!r}))
    """
for name, new in (("edited", "    'Gives twice as much.'\n"), ("taken away", "")):
    noop(GROUP, f"a docstring {name} on disk since the import", "op",
         do(REWRITE.format(old="    'Doubles.'\n", new=new)), base=EDITED, places=("module",))  # fmt: skip
mutation(GROUP, "code with another docstring on disk than was imported", "op", edit("late.py", "x * 2", "x * 3"),
         do(REWRITE.format(old="    'Doubles.'\n    if y is None:\n        return x * 3",
                           new="    if y is None:\n        return x * 2")),
         base=EDITED, names=STEP, places=("module",))  # fmt: skip
