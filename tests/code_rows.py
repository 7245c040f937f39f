"""Rows for the tests of code: a small program, and edits of it that must, or must not, change the key of its `op`."""

from __future__ import annotations

#: The program: `ops.op` is the step; everything it reaches counts.
OPS = '''
"""The step."""
import functools
import helpers
import helpers as aliased
from dataclasses import dataclass, field
from helpers import clip, Base, DEFAULTS, traced, make_adder
from collections import namedtuple
from enum import Enum
import math

FACTOR = 0.5
LIMITS = {"low": 0, "high": 10}
NAMES = {"b", "a"}


class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"


@dataclass
class Config:
    scale: float = 2.0
    names: list = field(default_factory=list)

    def doubled(self):
        return self.scale * 2


Point = namedtuple("Point", "x y")


class Step(Base):
    rate = 3

    def __init__(self, size=1):
        self.size = size

    def run(self, x):
        """Run it."""
        return super().run(x) + self.rate + self.hidden

    @property
    def hidden(self):
        return self.size + 1

    @staticmethod
    def plain(x):
        return x - 1

    @classmethod
    def made(cls, x):
        return cls(x)


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


OPERATIONS = {"plus": lambda x: x + 1, "minus": lambda x: x - 1}


def dispatch(name, x):
    return OPERATIONS[name](x)


@traced
def decorated(x):
    return x + 100


@functools.lru_cache(maxsize=None)
def memoised(x):
    return x + 200


adder = make_adder(7)
bound = functools.partial(helpers.scale, factor=4)


def unused(x):
    return x + 99


UNUSED = 17


def op(batch: dict, power=2, *, offset=1) -> dict:
    """The step itself."""
    # A comment.
    rows = [clip(x * FACTOR) for x in batch["x"] if x > 0]
    local = lambda x: x + 5
    step = Step.made(3)

    def inner(y):
        return y ** power + helpers.deep.CONSTANT

    text = f"{rows[0]:>{LIMITS['high']}} and {offset!r}"
    match batch:
        case {"kind": "one"}:
            rows = rows[:1]
        case _:
            pass
    if (n := len(rows)) > 3:
        rows = rows[:3]
    try:
        rows[0] / 1
    except (ZeroDivisionError, TypeError):
        rows = []
    return {
        "x": [inner(local(x)) for x in rows],
        "y": aliased.scale(n, 3) + step.run(1) + Step.plain(2),
        "z": (even(4), factorial(3), dispatch("plus", 1), decorated(1), memoised(1), adder(1), bound(1)),
        "mode": Mode.FAST, "config": Config(1.0).doubled(), "point": Point(1, 2), "names": sorted(NAMES),
        "defaults": DEFAULTS["alpha"], "text": text, "pi": math.sin(1.0),
    }
'''

HELPERS = """
import functools
import deep

DEFAULTS = {"alpha": 1.5, "beta": 2}
BOUND = 10


def clip(x):
    return min(x, limit())


def limit():
    return BOUND + deep.extra(1)


def scale(x, factor=2):
    return x * factor


class Base:
    start = 8

    def run(self, x):
        return x + self.start


def traced(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * 1
    return wrapper


def make_adder(n):
    def add(x):
        return x + n
    return add


def not_used():
    return 0
"""

DEEP = """
CONSTANT = 11


def extra(x):
    return x + 12


class Unrelated:
    pass
"""

PROGRAM = {"ops": OPS, "helpers": HELPERS, "deep": DEEP}

#: Name of the row, file, what stands there, what stands there afterwards.
MUTATIONS = [
    ("body", "ops", "x * FACTOR", "x / FACTOR"),
    ("comprehension condition", "ops", "if x > 0]", "if x >= 0]"),
    ("literal type", "ops", "rows[0] / 1", "rows[0] / 1.0"),
    ("literal bool", "ops", "rows[0] / 1", "rows[0] / True"),
    ("literal sign of zero", "ops", "math.sin(1.0)", "math.sin(-1.0)"),
    ("constant", "ops", "FACTOR = 0.5", "FACTOR = 0.25"),
    ("constant's type", "ops", "UNUSED = 17\n", "UNUSED = 17\nFACTOR = 1\n"),
    ("constant in a dictionary", "ops", '"high": 10', '"high": 11'),
    ("constant set", "ops", '{"b", "a"}', '{"b", "c"}'),
    ("default", "ops", "power=2", "power=3"),
    ("default's type", "ops", "power=2", "power=2.0"),
    ("keyword default", "ops", "offset=1", "offset=2"),
    ("default becomes keyword-only", "ops", "power=2, *, offset=1", "*, power=2, offset=1"),
    ("lambda in the body", "ops", "lambda x: x + 5", "lambda x: x + 6"),
    ("nested function", "ops", "y ** power", "y * power"),
    ("f-string text", "ops", " and {offset", " or {offset"),
    ("f-string conversion", "ops", "{offset!r}", "{offset!s}"),
    ("f-string format spec", "ops", ":>{LIMITS", ":<{LIMITS"),
    ("match pattern", "ops", '"kind": "one"', '"kind": "two"'),
    ("assignment expression", "ops", "(n := len(rows)) > 3", "(n := len(rows)) > 4"),
    ("exception caught", "ops", "(ZeroDivisionError, TypeError)", "(ZeroDivisionError, ValueError)"),
    ("key of the result", "ops", '"pi":', '"tau":'),
    ("builtin called", "ops", "sorted(NAMES)", "list(NAMES)"),
    ("installed function", "ops", "math.sin", "math.cos"),
    ("installed function under the same name", "ops", "import math\n", "import cmath as math\n"),
    ("method", "ops", "super().run(x) + self.rate", "super().run(x) - self.rate"),
    ("base class's method", "helpers", "return x + self.start", "return x - self.start"),
    ("base class's attribute", "helpers", "start = 8", "start = 9"),
    ("class attribute", "ops", "rate = 3", "rate = 4"),
    ("property", "ops", "return self.size + 1", "return self.size + 2"),
    ("static method", "ops", "return x - 1\n\n    @classmethod", "return x - 2\n\n    @classmethod"),
    ("class method", "ops", "return cls(x)", "return cls(x + 1)"),
    ("constructor's default", "ops", "size=1", "size=2"),
    ("constructor", "ops", "self.size = size", "self.size = size + 1"),
    ("method overridden", "ops", "    rate = 3\n", "    rate = 3\n\n    def extra(self):\n        return 1\n"),
    ("static becomes class method", "ops", "@staticmethod\n    def plain(x)", "@classmethod\n    def plain(x)"),
    ("base class taken away", "ops", "class Step(Base):", "class Step(helpers.Base, dict):"),
    ("enum value", "ops", 'FAST = "fast"', 'FAST = "quick"'),
    ("dataclass default", "ops", "scale: float = 2.0", "scale: float = 3.0"),
    ("dataclass factory", "ops", "default_factory=list", "default_factory=tuple"),
    ("dataclass method", "ops", "self.scale * 2", "self.scale * 3"),
    ("dataclass order", "ops", "@dataclass\n", "@dataclass(order=True)\n"),
    ("named tuple's fields", "ops", '"x y"', '"y x"'),
    ("recursion", "ops", "n * factorial(n - 1)", "n + factorial(n - 1)"),
    ("mutual recursion, near", "ops", "True if n == 0", "None if n == 0"),
    ("mutual recursion, far", "ops", "False if n == 0", "None if n == 0"),
    (
        "mutual recursion, swapped",
        "ops",
        "return False if n == 0 else even(n - 1)",
        "return False if n == 0 else odd(n - 1)",
    ),
    ("registry function", "ops", "lambda x: x + 1", "lambda x: x + 2"),
    ("registry name", "ops", '"minus": ', '"less": '),
    (
        "registry swapped",
        "ops",
        '"plus": lambda x: x + 1, "minus": lambda x: x - 1',
        '"plus": lambda x: x - 1, "minus": lambda x: x + 1',
    ),
    ("wrapped function", "ops", "return x + 100", "return x + 101"),
    ("decorator", "helpers", "(*args, **kwargs) * 1", "(*args, **kwargs) * 2"),
    ("decorator taken away", "ops", "@traced\n", ""),
    ("memoised function", "ops", "return x + 200", "return x + 201"),
    ("closure value", "ops", "make_adder(7)", "make_adder(8)"),
    ("closure's function", "helpers", "return x + n", "return x - n"),
    ("partial's argument", "ops", "factor=4", "factor=5"),
    ("partial's function", "helpers", "return x * factor", "return x / factor"),
    ("helper", "helpers", "min(x, limit())", "max(x, limit())"),
    ("helper's helper", "helpers", "BOUND + deep.extra(1)", "BOUND - deep.extra(1)"),
    ("helper's constant", "helpers", "BOUND = 10", "BOUND = 20"),
    ("helper's default", "helpers", "factor=2", "factor=3"),
    ("helper's helper in a third module", "deep", "return x + 12", "return x + 13"),
    ("constant through two modules", "deep", "CONSTANT = 11", "CONSTANT = 12"),
    ("imported constant", "helpers", '"alpha": 1.5', '"alpha": 1.25'),
    ("other helper of the same name", "ops", "from helpers import clip,", "from helpers import limit as clip,"),
    ("name rebound later", "ops", "def unused(x):", "def clip(x):"),
    ("call order", "ops", "even(4), factorial(3)", "factorial(3), even(4)"),
    ("tuple becomes list", "ops", '"z": (even(4)', '"z": [even(4)][:] and (even(4)'),
    ("method replaced at run time", "ops", "\ndef op(", "\nStep.run = lambda self, x: x\n\n\ndef op("),
    ("helper replaced at run time", "ops", "\ndef op(", "\nhelpers.scale = lambda x, factor: x\n\n\ndef op("),
    ("class attribute set at run time", "ops", "\ndef op(", "\nStep.rate = 5\n\n\ndef op("),
    ("registry grown at run time", "ops", "\ndef op(", "\nOPERATIONS['times'] = lambda x: x * 2\n\n\ndef op("),
    ("base constant set at run time", "ops", "\ndef op(", "\nBase.start = 5\n\n\ndef op("),
]

_STATIC = "    @staticmethod\n    def plain(x):\n        return x - 1\n"
_MADE = "    @classmethod\n    def made(cls, x):\n        return cls(x)\n"

NO_OPS = [
    ("nothing", "ops", "FACTOR", "FACTOR"),
    ("comment", "ops", "# A comment.", "# Another comment."),
    ("comment added", "ops", "    rows = [clip", "    # first\n    rows = [clip"),
    ("docstring", "ops", "The step itself.", "The very step."),
    ("docstring taken away", "ops", '    """The step itself."""\n', ""),
    ("docstring of a method", "ops", '        """Run it."""\n', ""),
    ("docstring of a class", "ops", "class Step(Base):\n", 'class Step(Base):\n    """A step."""\n\n'),
    ("docstring of a helper", "helpers", "def limit():\n", 'def limit():\n    """Give the limit."""\n'),
    ("docstring of a nested function", "ops", "    def inner(y):\n", '    def inner(y):\n        """Doc."""\n'),
    ("docstring of the module", "ops", '"""The step."""', '"""The module of the step."""'),
    ("annotation", "ops", "batch: dict, power=2", "batch: list, power: int = 2"),
    ("annotations taken away", "ops", "(batch: dict, power=2, *, offset=1) -> dict", "(batch, power=2, *, offset=1)"),
    ("annotation of a helper", "helpers", "def clip(x):", "def clip(x: float) -> float:"),
    ("annotation of a variable", "ops", "    step = Step.made(3)", "    step: Step = Step.made(3)"),
    ("annotation of an attribute", "ops", "        self.size = size", "        self.size: int = size"),
    ("annotation of a class attribute", "ops", "    rate = 3", "    rate: int = 3"),
    ("annotation of a constant", "ops", "FACTOR = 0.5", "FACTOR: float = 0.5"),
    ("future annotations", "ops", '"""The step."""', '"""The step."""\nfrom __future__ import annotations'),
    ("blank lines", "ops", "    step = Step", "\n\n    step = Step"),
    ("moved down", "ops", "import functools\n", "\n\n\n\nimport functools\n"),
    ("spaces", "ops", "x * FACTOR", "x*FACTOR"),
    ("parentheses", "ops", "clip(x * FACTOR)", "clip((x * FACTOR))"),
    ("line break", "ops", "rows = [clip(x * FACTOR) for", "rows = [\n        clip(x * FACTOR)\n        for"),
    ("trailing comma", "ops", "aliased.scale(n, 3)", "aliased.scale(n, 3,)"),
    ("quotes", "ops", 'batch["x"]', "batch['x']"),
    ("raw string", "ops", '"mode"', 'r"mode"'),
    ("unicode prefix", "ops", '"mode"', 'u"mode"'),
    ("number's spelling", "ops", "rows[:3]", "rows[:0x3]"),
    ("constant's spelling", "ops", "FACTOR = 0.5", "FACTOR = 1 / 2"),
    ("joined strings", "ops", "} and {", '} an" f"d {'),
    ("pass added", "ops", "    step = Step.made(3)", "    pass\n    step = Step.made(3)"),
    ("semicolon", "ops", "    step = Step.made(3)\n", "    pass; step = Step.made(3)\n"),
    ("unrelated function", "ops", "x + 99", "x + 98"),
    ("unrelated constant", "ops", "UNUSED = 17", "UNUSED = 18"),
    ("unrelated unknown object", "ops", "UNUSED = 17", "UNUSED = object()"),
    ("unrelated neighbour in a helper module", "helpers", "return 0", "return 1"),
    ("unrelated class", "deep", "    pass", "    x = 1"),
    ("neighbour added", "ops", "def unused(x):", "def added(x):\n    return 1\n\n\ndef unused(x):"),
    ("lambda added before on the line", "ops", "adder = make", "other = lambda x: x + 5; adder = make"),
    ("unrelated key of a dictionary read by constant", "helpers", '"beta": 2', '"beta": 3'),
    ("order of a dictionary", "ops", '{"low": 0, "high": 10}', '{"high": 10, "low": 0}'),
    ("order of a set", "ops", '{"b", "a"}', '{"a", "b"}'),
    (
        "order of functions",
        "ops",
        "def unused(x):\n    return x + 99\n\n\nUNUSED = 17\n",
        "UNUSED = 17\n\n\ndef unused(x):\n    return x + 99\n",
    ),
    (
        "order of methods",
        "ops",
        _STATIC + "\n" + _MADE,
        _MADE + "\n" + _STATIC,
    ),
    ("order of imports", "ops", "import functools\nimport helpers\n", "import helpers\nimport functools\n"),
    ("unused import", "ops", "import functools\n", "import functools\nimport json\n"),
    ("memoisation taken away", "ops", "@functools.lru_cache(maxsize=None)\n", ""),
    ("equal function in its place", "ops", "\ndef op(", "\nexec('')\n\n\ndef op("),
    (
        "pickled before",
        "ops",
        "\ndef op(",
        "\nimport copy, pickle\npickle.dumps(Config()); copy.deepcopy(Step())\n\n\ndef op(",
    ),
    ("called before", "ops", "    rate = 3", "    rate = 3  # called"),
    ("memoised function called before", "ops", "\nadder = ", "\nmemoised(1)\nadder = "),
    ("subclass made elsewhere", "ops", "\ndef op(", "\nclass Other(Step):\n    pass\n\n\ndef op("),
]
