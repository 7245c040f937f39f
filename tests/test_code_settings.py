"""What decorators were told, what objects say of themselves, and what code reads about code: each with its edits."""

from __future__ import annotations

from typing import Any

import pytest

from code_runner import digest_of_text
from code_small_rows import Small

KEEPER = """
from interpretune.analysis.cache import register_encoder
class Keeper:
    def __init__(self): self.k = 1; self.items = []; self.unknown = object()
    def __fingerprint__(self): return ("v", 1)
    @property
    def half(self): return self.k / 2
    def times(self, b): return self.k * b
keeper = Keeper()
"""
STATE = (("self.k = 1", "self.k = 2"), ("self.items = []", "self.items = [3]"))
DECORATED = """
import torch
@torch.no_grad()
@torch.autocast("cpu", dtype=torch.bfloat16)
def helper(b): return b + 1
def op(b): return helper(b)
"""

CONVERTED = """
class A:
    def __init__(self): self.k = 1; self.unknown = object()
    def __float__(self): return self.k
    __hash__ = __abs__ = __index__ = __float__
a = A()
"""
ROWS = [
    Small(
        "an attribute of an object that says what it means",
        f"{KEEPER}def op(b): return len(keeper.items)",
        kept=STATE,
        changed=(('("v", 1)', '("v", 2)'),),
    ),
    Small(
        "a method of an object that says what it means",
        f"{KEEPER}def op(b): return keeper.times(b)",
        kept=STATE,
        changed=(('("v", 1)', '("v", 2)'), ("self.k * b", "self.k + b")),
    ),
    Small(
        "a property of an object that says what it means",
        f"{KEEPER}def op(b): return keeper.half",
        kept=STATE,
        changed=(('("v", 1)', '("v", 2)'), ("self.k / 2", "self.k / 3")),
    ),
    Small(
        "an object with a registered encoder",
        KEEPER.replace("__fingerprint__", "told")
        + "register_encoder(Keeper, Keeper.told)\ndef f(it): return it.k\ndef op(b): return f(keeper)",
        kept=STATE,
        changed=(('("v", 1)', '("v", 2)'),),
    ),
    Small(
        "a context manager of the user's as decorator",
        """
import contextlib
class Scaled(contextlib.ContextDecorator):
    def __init__(self, k): self.k = k
    def __enter__(self): return self.k
    def __exit__(self, *error): return False
@Scaled(1)
def op(b): return b
""",
        changed=(("Scaled(1)", "Scaled(2)"), ("return self.k", "return -self.k"), ("return b", "return b + 1")),
    ),
    Small(
        "a method that goes by the class of its argument",
        """
import functools
class A:
    def __init__(self): self.k = 3; self.unknown = object()
    @functools.singledispatchmethod
    def f(self, x): return 1
    @f.register
    def _(self, x: int): return self.k
a = A()
def op(b): return a.f(b)
""",
        changed=(("return 1", "return 2"), ("self.k = 3", "self.k = 4"), ("return self.k", "return -self.k")),
        kept=(("object()", "object"),),
    ),
    Small(
        "numpy.vectorize",
        "import numpy as np\ndef f(x): return x + 1\ng = np.vectorize(f, otypes=[float])\ndef op(b): return g(b)\n",
        changed=(("x + 1", "x + 2"), ("[float]", "[int]")),
    ),
    Small(
        "annotations of a class",
        "import typing\nclass A:\n    x: int\ndef op(b): return typing.get_type_hints(A)\n",
        changed=(("x: int", "x: float"),),
    ),
    Small(
        "types of fields",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1\n"
        "def op(b): return [f.type for f in dataclasses.fields(A)]\n",
        changed=(("x: int", "x: float"),),
    ),
    Small(
        "names of fields",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1\n"
        "def op(b): return [f.name for f in dataclasses.fields(A)]\n",
        kept=(("x: int", "x: float"),),
    ),
    Small(
        "documentation",
        'import inspect\ndef f(a):\n    "text"\n    return 1\ndef op(b): return inspect.getdoc(f)\n',
        changed=(('"text"', '"other"'),),
    ),
    Small(
        "source text",
        "import inspect\ndef f(a): return 1  # text\ndef op(b): return inspect.getsource(f)\n",
        changed=(("# text", "# other"),),
    ),
    Small("a module's text", '"text"\ndef op(b): return __doc__\n', changed=(('"text"', '"other"'),)),
    Small(
        "a name of the module",
        """
k = 3
z = 4
def op(b): return globals()['k']
""",
        changed=(("k = 3", "k = 5"),),
        kept=(("z = 4", "z = 5"),),
    ),
    Small(
        "any function of the module",
        """
def f(): return 1
def op(b):
    names = globals()
    return names[b]()
""",
        changed=(("return 1", "return 2"),),
    ),
    Small(
        "the module by its name",
        """
import sys
k = 3
def op(b): return sys.modules[__name__].k
""",
        changed=(("k = 3", "k = 5"),),
    ),
    Small(
        "the names of another module",
        """
import types
m = types.ModuleType('m')
m.k = 3
def op(b): return vars(m)['k'] + m.__dict__['k']
""",
        changed=(("m.k = 3", "m.k = 5"),),
    ),
    Small(
        "the attributes of an object",
        """
class A:
    def __init__(self): self.k = 1; self.unknown = object()
a = A()
def op(b): return vars(a)['k'] + a.__dict__['k']
""",
        changed=(("self.k = 1", "self.k = 2"),),
        kept=(("object()", "object"),),
    ),
    Small(
        "a text that is evaluated",
        """
k = 3
def op(b): return eval('k + b')
""",
        changed=(("k = 3", "k = 5"), ("k + b", "k - b")),
    ),
    Small(
        "a member of an enum by its name",
        """
import enum
class E(enum.Enum):
    A = 1
    B = 2
def op(b): return E[b].value
""",
        changed=(("B = 2", "B = 3"),),
    ),
    Small(
        "a field of a named tuple",
        """
from collections import namedtuple
P = namedtuple('P', 'x y')
p = P(1, 2)
def op(b): return p.x
""",
        changed=(("P(1,", "P(3,"),),
        kept=((", 2)\n", ", 3)\n"),),
    ),
    Small(
        "a weak reference",
        """
import weakref
class A:
    def __init__(self): self.k = 1
a = A()
r = weakref.ref(a)
p = weakref.proxy(a)
def op(b): return r().k + p.k
""",
        changed=(("self.k = 1", "self.k = 2"),),
    ),
    Small(
        "a variable of a context",
        """
import contextvars
v = contextvars.ContextVar('v', default=3)
def op(b): return v.get()
""",
        changed=(("default=3", "default=4"), ("=3)\n", "=3); v.set(4)\n")),
    ),
    Small(
        "an installed function of a class of its own",
        """
import numpy as np
f = np.max
def op(b): return f(b)
""",
        changed=(("np.max", "np.min"),),
    ),
    *(
        Small(
            f"special methods: {used}",
            f"{CONVERTED}def op(b): return {used}\n",
            changed=(("self.k = 1", "self.k = 2"),),
            kept=(("object()", "object"),),
        )
        for used in ("float(a)", "hash(a)", "abs(a)", "b[a]", "sum(b) + abs(a)")
    ),
    Small(
        "an attribute whose name is put together",
        """
class A:
    def __init__(self, kind): self.kind = kind; self.unknown = object()
    def run_a(self, b): return 1
    def run_b(self, b): return 2
    def step(self, b): return getattr(self, f"run_{self.kind}")(b)
op = A("a").step
""",
        changed=(("return 1", "return 3"), ('A("a")', 'A("b")')),
    ),
    Small(
        "a sentinel",
        """
NOT_GIVEN = object()
class Other: pass
OTHER = Other()
def f(x, y=NOT_GIVEN): return 1 if y is NOT_GIVEN else y
def op(b): return f(b) if b is not OTHER else 0
""",
        changed=(("return 1", "return 2"), ("y is NOT", "y is not NOT")),
    ),
    Small(
        "which object it is",
        """
class A: pass
one, other = A(), A()
chosen = one
def op(b): return 1 if chosen is one else 2
""",
        changed=(("chosen = one", "chosen = other"),),
    ),
]
TORCH = [
    Small(
        "stacked decorators",
        DECORATED,
        changed=(("torch.bfloat16", "torch.float16"), ("b + 1", "b + 2"), ("no_grad", "enable_grad")),
    ),
    Small(
        "stacked decorators of the step",
        DECORATED.replace("def op(b): return helper(b)", "op = helper"),
        changed=(("torch.bfloat16", "torch.float16"), ("b + 1", "b + 2"), ("no_grad", "enable_grad")),
    ),
    Small(
        "a mode",
        "import torch\n@torch.inference_mode(True)\ndef op(b): return b\n",
        changed=(("True", "False"), ("return b", "return b + 1")),
    ),
    Small(
        "a captured context",
        "import torch\nmode = torch.autocast('cpu', dtype=torch.bfloat16)\ndef op(b):\n    with mode: return b\n",
        changed=(("torch.bfloat16", "torch.float16"),),
    ),
    Small(
        "a function made by an installed one",
        "import torch.nn.functional as F\nPOOL = F.max_pool2d\ndef op(b): return POOL(b)\n",
        changed=(("F.max_pool2d", "F.max_pool1d"),),
    ),
    Small(
        "a vectorised function",
        "import torch\ndef f(x): return x + 1\ng = torch.func.vmap(f, in_dims=0)\ndef op(b): return g(b)\n",
        changed=(("x + 1", "x + 2"), ("in_dims=0", "in_dims=1")),
    ),
]


def _check(row: Small) -> None:
    def told(text: str) -> Any:
        return digest_of_text(text).components

    key = told(row.source)
    assert told(row.source) == key
    for kind in ("changed", "kept"):
        for before, after in getattr(row, kind):
            assert before in row.source
            assert (told(row.source.replace(before, after)) != key) == (kind == "changed"), (kind, before, after)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Small) -> None:
    _check(row)


@pytest.mark.parametrize("row", TORCH, ids=lambda row: row.name)
def test_row_with_torch(row: Small) -> None:
    pytest.importorskip("torch")
    _check(row)


#: A method below an installed decorator, by how it is written and how it is used.
DECORATED_METHODS = [
    ("__call__(self, b)", "def op(b): return a(b)"),
    ("__call__(self, b)", "op = a"),
    ("__getitem__(self, b)", "def op(b): return a[b]"),
    ("f(self, b)", "def op(b): return a.f(b)"),
    ("f(self, b)", "def op(b): return list(map(a.f, b))"),
    ("f(self, b)", "import functools\nop = functools.partial(a.f, 3)"),
]


@pytest.mark.parametrize(("method", "use"), DECORATED_METHODS)
def test_a_decorated_method_counts_by_what_it_reads(method: str, use: str) -> None:
    pytest.importorskip("torch")
    text = f"""
import torch
class A:
    def __init__(self): self.k = 1; self.unknown = object()
    @torch.no_grad()
    def {method}: return self.k + 1
a = A()
{use}
"""
    changed = (("self.k = 1", "self.k = 2"), ("self.k + 1", "self.k + 2"), ("no_grad", "enable_grad"))
    _check(Small(use, text, changed=changed, kept=(("object()", "object"),)))


MODEL = Small(
    "a pydantic model",
    """
import pydantic
class Base(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    n: int = pydantic.Field(1, gt=0)
    _p: int = pydantic.PrivateAttr(3)
class Config(Base):
    k: int = 1
    inner: Base = pydantic.Field(default_factory=Base)
    @pydantic.field_validator("k")
    def checked(cls, k): return k + 1
    def times(self, b): return b * self.k
config = Config(k=3)
config.model_dump()
def op(b): return config.times(b), config
""",
    changed=(
        ("gt=0", "gt=-1"),
        ('"allow"', '"ignore"'),
        ("Attr(3)", "Attr(4)"),
        ("k + 1", "k + 2"),
        ("b * self.k", "b + self.k"),
        ("Config(k=3)", "Config(k=4)"),
        ("Config(k=3)", "Config(k=3, other=4)"),
        ("k: int", "k: float"),
    ),
    kept=(("Config(k=3)", "Config(k=3, n=1)"), ("config.model_dump()\n", "")),
)


def test_a_pydantic_model() -> None:
    pytest.importorskip("pydantic")
    _check(MODEL)


def test_a_run_leaves_nothing_behind_in_a_decorator() -> None:
    torch = pytest.importorskip("torch")
    from code_runner import digest

    @torch.autocast("cpu", dtype=torch.bfloat16)
    def op(batch: Any) -> Any:
        return batch

    before = digest(op).components
    op(1)
    assert digest(op).components == before


def test_our_own_code_is_not_followed() -> None:
    result = digest_of_text("from interpretune.analysis.cache import materialize\ndef op(b): return materialize(b)\n")
    assert "interpretune-analysis-cache" in result.uses
    assert [name for name in result.parts["op.implementation"] if name.startswith("function")] == ["function `op`"]


def test_a_cell_goes_without_its_number() -> None:
    result = digest_of_text("def helper(b): return b\ndef op(b): return helper(b)\n")
    assert set(result.parts["op.implementation"]) == {"function `op`", "function `helper`"}
