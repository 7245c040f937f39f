"""Rows about code: one feature of the language each, with an op of its own."""

from functools import partial

from ..table import do, mutation, snippet

seen = partial(snippet, "mutation", "code", names="op.implementation*")
kept = partial(snippet, "no-op", "code")

seen(
    "a nested function's body",
    """
        def step(batch, i):
            def inner(x):
                return x + 1
            return inner(i)
        """,
    "x + 1",
    "x + 2",
)
seen(
    "a nested lambda's body",
    """
        def step(batch, i):
            return sorted(batch, key=lambda row: row[0])
        """,
    "row[0]",
    "row[1]",
)
seen(
    "a nested lambda's default",
    """
        def step(batch, i):
            return (lambda x, k=2: x * k)(i)
        """,
    "k=2",
    "k=3",
)
seen(
    "another lambda of the same line",
    """
        first, second = (lambda b, i: i + 1), (lambda b, i: i + 2)
        step = first
        """,
    "step = first",
    "step = second",
)
seen("a lambda of a line with another", "first, step = (lambda b, i: i + 1), (lambda b, i: i + 2)\n", "i + 2", "i + 3")
seen(
    "a lambda over several lines",
    """
        step = (
            lambda b, i: [
                x + 1
                for x in b
            ]
        )
        """,
    "x + 1",
    "x + 3",
)
seen(
    "a lambda in a dict",
    """
        steps = {'a': lambda b, i: i + 1, 'b': lambda b, i: i - 1}
        step = steps['a']
        """,
    "steps['a']",
    "steps['b']",
)
seen(
    "the first of two functions of one name",
    """
        def helper(x):
            return x + 1


        first = helper


        def helper(x):
            return x + 2


        def step(batch, i):
            return first(i)
        """,
    "x + 1",
    "x + 9",
)
seen(
    "the branch in which a helper is defined",
    """
        FAST = True
        if FAST:
            def helper(x):
                return x
        else:
            def helper(x):
                return x * 2


        def step(batch, i):
            return helper(i)
        """,
    "FAST = True",
    "FAST = False",
)
seen(
    "a helper imported inside the function",
    """
        def step(batch, i):
            from lab.late import late
            return late(i)
        ## file late.py
        def late(x):
            return x + 1
        """,
    "x + 1",
    "x + 2",
    file="late.py",
)
seen(
    "a module imported inside the function",
    """
        def step(batch, i):
            import lab.late as module
            return module.late(i)
        ## file late.py
        def late(x):
            return x + 1
        """,
    "x + 1",
    "x + 2",
    file="late.py",
)
seen(
    "a helper of a star import",
    """
        from lab.late import *


        def step(batch, i):
            return late(i)
        ## file late.py
        def late(x):
            return x + 1
        """,
    "x + 1",
    "x + 2",
    file="late.py",
)
seen(
    "a helper reached through a dotted module",
    """
        import lab.late


        def step(batch, i):
            return lab.late.late(i)
        ## file late.py
        def late(x):
            return x + 1
        """,
    "x + 1",
    "x + 2",
    file="late.py",
)
seen(
    "a helper re-exported by a second module",
    """
        from lab.hub import late


        def step(batch, i):
            return late(i)
        ## file hub.py
        from lab.late import late
        ## file late.py
        def late(x):
            return x + 1
        """,
    "x + 1",
    "x + 2",
    file="late.py",
)
seen(
    "a function in a list of the module",
    """
        def one(x):
            return x + 1


        CHAIN = [one, abs]


        def step(batch, i):
            for function in CHAIN:
                i = function(i)
            return i
        """,
    "x + 1",
    "x + 2",
)
seen(
    "a function in a dict of the module",
    """
        def one(x):
            return x + 1


        TABLE = {'one': one}


        def step(batch, i):
            return TABLE['one'](i)
        """,
    "x + 1",
    "x + 2",
)
seen(
    "one of two functions that call each other",
    """
        def even(n):
            return n == 0 or odd(n - 1)


        def odd(n):
            return n != 0 and even(n - 1)


        def step(batch, i):
            return even(i)
        """,
    "n != 0 and",
    "n > 0 and",
)
seen(
    "a function that calls itself",
    """
        def step(batch, i):
            return 1 if i < 1 else i * step(batch, i - 1)
        """,
    "i < 1",
    "i < 2",
)
seen(
    "a captured number",
    """
        def make(k):
            def step(batch, i):
                return i + k
            return step


        step = make(1)
        """,
    "make(1)",
    "make(2)",
)
seen(
    "a captured function's body",
    """
        def make(f):
            def step(batch, i):
                return f(i)
            return step


        def plus(x):
            return x + 1


        step = make(plus)
        """,
    "x + 1",
    "x + 2",
)
seen(
    "a captured list, changed in place",
    """
        def make(values):
            def step(batch, i):
                return values
            return step


        values = [1, 2]
        step = make(values)
        values.append(3)
        """,
    "append(3)",
    "append(4)",
)
seen(
    "a captured array",
    """
        import numpy as np


        def make(values):
            return lambda batch, i: values.sum()


        step = make(np.arange(6.0))
        """,
    "6.0",
    "7.0",
)
seen(
    "an array of the module",
    """
        import numpy as np

        DIRECTION = np.array([1.0, 2.0])


        def step(batch, i):
            return DIRECTION[0]
        """,
    "2.0",
    "2.5",
)
seen(
    "a loop variable captured late",
    """
        steps = []
        for k in range(3):
            steps.append(lambda b, i, k=k: i + k)
        step = steps[1]
        """,
    "steps[1]",
    "steps[2]",
)
seen(
    "a keyword bound by partial",
    """
        from functools import partial


        def work(batch, i, k=1):
            return k


        step = partial(work, k=2)
        """,
    "k=2",
    "k=3",
)
seen(
    "a function bound by partial",
    """
        from functools import partial


        def double(x):
            return x * 2


        def work(f, batch, i):
            return f(i)


        step = partial(work, double)
        """,
    "x * 2",
    "x * 3",
)
seen(
    "a partial of a partial",
    """
        from functools import partial


        def work(a, b, batch, i):
            return a - b


        step = partial(partial(work, 1), 2)
        """,
    "(work, 1), 2)",
    "(work, 2), 1)",
)
seen(
    "a function under lru_cache",
    """
        import functools


        @functools.lru_cache(maxsize=None)
        def table(n):
            return n + 1


        def step(batch, i):
            return table(i)
        """,
    "n + 1",
    "n + 2",
)
seen(
    "a function wrapped with wraps",
    """
        import functools


        def twice(f):
            @functools.wraps(f)
            def wrapper(*a):
                return f(*a)
            return wrapper


        @twice
        def step(batch, i):
            return i + 1
        """,
    "i + 1",
    "i + 2",
)
seen(
    "a wrapper that wraps",
    """
        import functools


        def twice(f):
            @functools.wraps(f)
            def wrapper(*a):
                return f(*a)
            return wrapper


        @twice
        def step(batch, i):
            return i + 1
        """,
    "return f(*a)",
    "return 2 * f(*a)",
)
seen(
    "a wrapper without wraps",
    """
        def twice(f):
            def wrapper(*a):
                return f(*a)
            return wrapper


        @twice
        def step(batch, i):
            return i + 1
        """,
    "i + 1",
    "i + 2",
)
seen(
    "a decorator that is a class",
    """
        class Times:
            def __init__(self, f):
                self.f = f

            def __call__(self, *a):
                return self.f(*a) * 2


        @Times
        def helper(x):
            return x + 1


        def step(batch, i):
            return helper(i)
        """,
    "* 2",
    "* 3",
)
seen(
    "a function under a decorator that is a class",
    """
        class Times:
            def __init__(self, f):
                self.f = f

            def __call__(self, *a):
                return self.f(*a) * 2


        @Times
        def helper(x):
            return x + 1


        def step(batch, i):
            return helper(i)
        """,
    "x + 1",
    "x + 2",
)
seen(
    "the order of two decorators",
    """
        def plus(f):
            return lambda *a: f(*a) + 1


        def times(f):
            return lambda *a: f(*a) * 2


        @plus
        @times
        def step(batch, i):
            return i
        """,
    "@plus\n@times",
    "@times\n@plus",
)
seen(
    "an implementation under singledispatch",
    """
        import functools


        @functools.singledispatch
        def show(x):
            return 'any'


        @show.register
        def _(x: int):
            return 'int'


        def step(batch, i):
            return show(i)
        """,
    "'int'",
    "'number'",
)
seen(
    "a context manager's body",
    """
        import contextlib


        @contextlib.contextmanager
        def scaled():
            yield 2


        def step(batch, i):
            with scaled() as k:
                return i * k
        """,
    "yield 2",
    "yield 3",
)
seen(
    "a generator's body",
    """
        def numbers(n):
            for k in range(n):
                yield k * 2


        def step(batch, i):
            return list(numbers(3))
        """,
    "k * 2",
    "k * 3",
)
seen(
    "a conversion in an f-string",
    """
        def step(batch, i):
            return f'{i!s:>4}'
        """,
    "!s",
    "!r",
)
seen(
    "a format in an f-string",
    """
        def step(batch, i):
            w = 4
            return f'{i:>{w}.2f}'
        """,
    ".2f",
    ".3f",
)
seen(
    "an operator of a class",
    """
        class Vector:
            def __init__(self, x):
                self.x = x

            def __add__(self, other):
                return self.x + other.x


        def step(batch, i):
            return Vector(i) + Vector(1)
        """,
    "self.x + other.x",
    "self.x - other.x",
)
seen(
    "an item access of a class",
    """
        class Box:
            def __getitem__(self, k):
                return k + 1


        BOX = Box()


        def step(batch, i):
            return BOX[i]
        """,
    "k + 1",
    "k + 2",
)
seen(
    "an object that is called",
    """
        class Scorer:
            def __init__(self, k):
                self.k = k

            def __call__(self, batch, i):
                return self.k * i


        step = Scorer(2)
        """,
    "self.k * i",
    "self.k + i",
)
seen(
    "the state of an object that is called",
    """
        class Scorer:
            def __init__(self, k):
                self.k = k

            def __call__(self, batch, i):
                return self.k * i


        step = Scorer(2)
        """,
    "Scorer(2)",
    "Scorer(3)",
)
seen(
    "a bound method's object",
    """
        class Scorer:
            def __init__(self, k):
                self.k = k

            def run(self, batch, i):
                return self.k * i


        step = Scorer(2).run
        """,
    "Scorer(2)",
    "Scorer(3)",
)
seen(
    "a bound method's body",
    """
        class Scorer:
            def __init__(self, k):
                self.k = k

            def run(self, batch, i):
                return self.k * i


        step = Scorer(2).run
        """,
    "self.k * i",
    "self.k + i",
)
seen(
    "the order of base classes",
    """
        class A:
            def go(self):
                return 1


        class B:
            def go(self):
                return 2


        class C(A, B):
            pass


        def step(batch, i):
            return C().go()
        """,
    "C(A, B)",
    "C(B, A)",
)
seen(
    "what super() reaches",
    """
        class A:
            def go(self):
                return 1


        class C(A):
            def go(self):
                return super().go() + 1


        def step(batch, i):
            return C().go()
        """,
    "return 1",
    "return 5",
)
seen(
    "a metaclass",
    """
        class Meta(type):
            def __call__(cls, *a):
                return 1


        class C(metaclass=Meta):
            pass


        def step(batch, i):
            return C()
        """,
    "return 1",
    "return 2",
)
seen(
    "__init_subclass__ of the base",
    """
        class A:
            def __init_subclass__(cls, **k):
                cls.size = 3


        class C(A):
            pass


        def step(batch, i):
            return C.size
        """,
    "cls.size = 3",
    "cls.size = 4",
)
seen(
    "a descriptor",
    """
        class Twice:
            def __get__(self, obj, kind):
                return 2


        class C:
            size = Twice()


        def step(batch, i):
            return C().size
        """,
    "return 2",
    "return 4",
)
seen(
    "a cached property",
    """
        import functools


        class C:
            @functools.cached_property
            def size(self):
                return 2


        def step(batch, i):
            return C().size
        """,
    "return 2",
    "return 4",
)
seen(
    "a class inside a function",
    """
        def step(batch, i):
            class C:
                size = 2
            return C.size
        """,
    "size = 2",
    "size = 3",
)
seen(
    "a nested class",
    """
        class Outer:
            class Inner:
                size = 2


        def step(batch, i):
            return Outer.Inner.size
        """,
    "size = 2",
    "size = 3",
)
seen(
    "the order of a dataclass's fields",
    """
        from dataclasses import dataclass


        @dataclass
        class C:
            low: int = 1
            high: int = 2


        def step(batch, i):
            return C(3).low
        """,
    "    low: int = 1\n    high: int = 2\n",
    "    high: int = 2\n    low: int = 1\n",
)
seen(
    "the default of a dataclass's field",
    """
        from dataclasses import dataclass


        @dataclass
        class C:
            low: int = 1


        def step(batch, i):
            return C().low
        """,
    "= 1",
    "= 2",
)
seen(
    "a dataclass's default factory",
    """
        from dataclasses import dataclass, field


        @dataclass
        class C:
            low: list = field(default_factory=lambda: [1])


        def step(batch, i):
            return C().low
        """,
    "[1]",
    "[2]",
)
seen(
    "a dataclass's __post_init__",
    """
        from dataclasses import dataclass


        @dataclass
        class C:
            low: int = 1

            def __post_init__(self):
                self.low += 1


        def step(batch, i):
            return C().low
        """,
    "+= 1",
    "+= 2",
)
seen(
    "an argument of the dataclass decorator",
    """
        from dataclasses import dataclass


        @dataclass
        class C:
            low: int = 1


        def step(batch, i):
            return C(1) == C(1)
        """,
    "@dataclass\nclass",
    "@dataclass(eq=False)\nclass",
)
seen(
    "a field turned into a class attribute",
    """
        from dataclasses import dataclass


        @dataclass
        class C:
            low: int = 1
            high: int = 2


        def step(batch, i):
            return repr(C())
        """,
    "low: int = 1",
    "low = 1",
)
seen(
    "the default of a named tuple's field",
    """
        from typing import NamedTuple


        class C(NamedTuple):
            low: int = 1


        def step(batch, i):
            return C().low
        """,
    "= 1",
    "= 2",
)
seen(
    "a member of an enum",
    """
        import enum


        class Mode(enum.Enum):
            A = 1
            B = 2


        def step(batch, i):
            return Mode.A.value
        """,
    "A = 1",
    "A = 3",
)
seen(
    "a method of an enum",
    """
        import enum


        class Mode(enum.Enum):
            A = 1

            def times(self):
                return self.value * 2


        def step(batch, i):
            return Mode.A.times()
        """,
    "* 2",
    "* 3",
)
seen(
    "an exception's class",
    """
        class Odd(ValueError):
            code = 3


        def step(batch, i):
            try:
                raise Odd
            except Odd as error:
                return error.code
        """,
    "code = 3",
    "code = 4",
)
seen(
    "the exception that is caught",
    """
        def step(batch, i):
            try:
                return batch[i]
            except KeyError:
                return 0
        """,
    "except KeyError",
    "except IndexError",
)
seen(
    "a pattern compiled by the module",
    """
        import re

        WORD = re.compile('[a-z]+')


        def step(batch, i):
            return WORD.findall('ab c')
        """,
    "[a-z]+",
    "[a-z]",
)
seen(
    "the flags of a pattern",
    """
        import re

        WORD = re.compile('[a-z]+')


        def step(batch, i):
            return WORD.findall('ab C')
        """,
    "'[a-z]+')",
    "'[a-z]+', re.I)",
)
seen(
    "an itemgetter of the module",
    """
        import operator

        GET = operator.itemgetter('text')


        def step(batch, i):
            return GET(batch)
        """,
    "'text'",
    "'label'",
)
seen(
    "a default dict of the module",
    """
        import collections

        COUNTS = collections.defaultdict(int, a=1)


        def step(batch, i):
            return COUNTS['a']
        """,
    "a=1",
    "a=2",
)
seen(
    "a named tuple of the module",
    """
        import collections

        Pair = collections.namedtuple('Pair', 'x y')
        PAIR = Pair(1, 2)


        def step(batch, i):
            return PAIR.x
        """,
    "Pair(1, 2)",
    "Pair(2, 2)",
)
seen(
    "a namespace of the module",
    """
        import types

        ARGS = types.SimpleNamespace(k=1)


        def step(batch, i):
            return ARGS.k
        """,
    "k=1",
    "k=2",
)
seen(
    "a range of the module",
    """
        LAYERS = range(0, 4)


        def step(batch, i):
            return list(LAYERS)
        """,
    "range(0, 4)",
    "range(0, 4, 2)",
)
seen(
    "a slice of the module",
    """
        LAST = slice(-1, None)


        def step(batch, i):
            return batch[LAST]
        """,
    "-1",
    "-2",
)
seen(
    "a date of the module",
    """
        import datetime

        DAY = datetime.date(2024, 1, 1)


        def step(batch, i):
            return DAY.year
        """,
    "2024",
    "2025",
)
seen(
    "the sign of a zero",
    """
        def step(batch, i):
            return 0.0
        """,
    "0.0",
    "-0.0",
)
seen(
    "an integer made a float",
    """
        def step(batch, i):
            return 1
        """,
    "return 1",
    "return 1.0",
)
seen(
    "an integer made a truth value",
    """
        def step(batch, i):
            return 1
        """,
    "return 1",
    "return True",
)
seen(
    "a string made bytes",
    """
        def step(batch, i):
            return 'a'
        """,
    "'a'",
    "b'a'",
)
seen(
    "and made or",
    """
        def step(batch, i):
            return batch and i
        """,
    "and",
    "or",
)
seen(
    "an equality made an identity",
    """
        def step(batch, i):
            return i == 1000
        """,
    "==",
    "is",
)
seen(
    "the bounds of a slice",
    """
        def step(batch, i):
            return batch[1:]
        """,
    "1:",
    ":1",
)
seen(
    "a star taken away",
    """
        def step(batch, i):
            return [*batch]
        """,
    "[*batch]",
    "[batch]",
)
seen(
    "a keyword's name",
    """
        def step(batch, i):
            return dict(a=i)
        """,
    "a=i",
    "b=i",
)
seen(
    "a return indented",
    """
        def step(batch, i):
            for k in batch:
                i += k
            return i
        """,
    "    return i",
    "        return i",
)
seen(
    "a docstring that the code reads",
    'def step(batch, i):\n    """Add one."""\n    return step.__doc__\n',
    "Add one",
    "Add two",
)
seen(
    "annotations that the code reads",
    """
        def helper(x: int):
            return x


        def step(batch, i):
            return str(helper.__annotations__)
        """,
    "x: int",
    "x: str",
)
seen(
    "a name that the code reads",
    """
        def helper(x):
            return x


        chosen = helper


        def step(batch, i):
            return chosen.__name__
        """,
    "def helper(x):\n    return x\n\n\nchosen = helper",
    "def other(x):\n    return x\n\n\nchosen = other",
)
seen(
    "an attribute of a function",
    """
        def helper(x):
            return helper.scale * x


        helper.scale = 2


        def step(batch, i):
            return helper(i)
        """,
    "scale = 2",
    "scale = 3",
)
seen(
    "a constant looked up with getattr",
    """
        from lab import late


        def step(batch, i):
            return getattr(late, 'SIZE') + i
        ## file late.py
        SIZE = 2
        """,
    "SIZE = 2",
    "SIZE = 3",
    file="late.py",
)
seen(
    "a function that another one changes",
    """
        COUNT = 2


        def setup():
            global COUNT
            COUNT = 5


        setup()


        def step(batch, i):
            return COUNT
        """,
    "COUNT = 5",
    "COUNT = 6",
)
seen(
    "code that was executed from a string",
    r"""
        space = {}
        exec('def helper(x):\n    return x + 1\n', space)
        helper = space['helper']


        def step(batch, i):
            return helper(i)
        """,
    "x + 1",
    "x + 2",
)
seen(
    "a lambda that was evaluated from a string",
    """
        helper = eval('lambda x: x * 2')


        def step(batch, i):
            return helper(i)
        """,
    "x * 2",
    "x * 3",
)
seen(
    "a class made with type()",
    """
        Made = type('Made', (), {'size': 2})


        def step(batch, i):
            return Made.size
        """,
    "2}",
    "3}",
)
seen(
    "a class made in a function",
    """
        def make(k):
            class C:
                size = k
            return C


        Made = make(2)


        def step(batch, i):
            return Made.size
        """,
    "make(2)",
    "make(3)",
)
seen(
    "a builtin put in a helper's place",
    """
        better = max


        def step(batch, i):
            return better(batch)
        """,
    "= max",
    "= min",
)
seen(
    "a function of the standard library swapped",
    """
        import math


        def step(batch, i):
            return math.floor(i)
        """,
    "math.floor",
    "math.ceil",
)
seen(
    "a library function imported under the same name",
    """
        from math import floor as whole


        def step(batch, i):
            return whole(i)
        """,
    "floor as",
    "ceil as",
)
seen(
    "a function of the standard library written in Python",
    """
        from textwrap import dedent as clean


        def step(batch, i):
            return clean(batch)
        """,
    "textwrap import dedent",
    "inspect import cleandoc",
)
seen(
    "a coroutine's body",
    """
        import asyncio


        async def fetch(i):
            return i + 1


        def step(batch, i):
            return asyncio.run(fetch(i))
        """,
    "i + 1",
    "i + 2",
)
seen(
    "a match statement's pattern",
    """
        def step(batch, i):
            match i:
                case 0:
                    return 'none'
                case _:
                    return 'some'
        """,
    "case 0",
    "case 1",
)
seen(
    "a walrus",
    """
        def step(batch, i):
            return [y for x in batch if (y := x + 1)]
        """,
    "x + 1",
    "x + 2",
)
seen(
    "a nonlocal's start",
    """
        def step(batch, i):
            total = 0

            def add(x):
                nonlocal total
                total += x
            add(i)
            return total
        """,
    "total = 0",
    "total = 1",
)
seen(
    "a comment that looks like one inside a string",
    """
        def step(batch, i):
            return '''a  # one'''
        """,
    "# one",
    "# two",
)
seen(
    "white space in a string",
    """
        def step(batch, i):
            return '''a
            b'''
        """,
    "a\n    b",
    "a\n     b",
)
seen(
    "a string that stands alone but is not first",
    """
        def step(batch, i):
            x = 'a'
            'text'
            return x
        """,
    "x = 'a'",
    "x = 'b'",
)
seen(
    "a fallback helper when a library is missing",
    """
        try:
            from lab.missing import helper
        except ImportError:
            def helper(x):
                return x + 1


        def step(batch, i):
            return helper(i)
        """,
    "x + 1",
    "x + 2",
)

seen(
    "an argument of a decorator",
    """
        def times(k):
            def decorate(f):
                return lambda *a: f(*a) * k
            return decorate


        @times(2)
        def step(batch, i):
            return i
        """,
    "@times(2)",
    "@times(3)",
)
LOGGED = """
        import logging

        log = logging.getLogger('a')
        seen = []


        def note(x):
            seen.append(x)
            return x


        def step(batch, i):
            log.info('%s', note(1))
            return len(seen)
        """
seen("a function called in the arguments of a log line", LOGGED, "note(1)", "note(note(1))")
seen(
    "the body of a function called in the arguments of a log line",
    LOGGED,
    "seen.append(x)",
    "seen.append(x); seen.append(x)",
)
seen(
    "a walrus in the arguments of a log line",
    """
        import logging

        log = logging.getLogger('a')


        def step(batch, i):
            log.info('%s', (k := 2))
            return k
        """,
    "k := 2",
    "k := 3",
)
seen(
    "an object of one's own that looks like a logger",
    """
        class Log:
            def __init__(self):
                self.lines = []

            def info(self, text):
                self.lines.append(text)


        log = Log()


        def step(batch, i):
            log.info('one')
            return log.lines
        """,
    "'one'",
    "'two'",
)
seen(
    "a text that is printed and returned",
    """
        def step(batch, i):
            text = 'one'
            print(text)
            return text
        """,
    "'one'",
    "'two'",
)
seen(
    "a warning turned into an error",
    """
        import warnings


        def step(batch, i):
            try:
                warnings.warn('one', UserWarning)
            except UserWarning:
                return 1
        """,
    "return 1",
    "return 2",
)
seen(
    "a clock's reading in the result",
    """
        import time


        def step(batch, i):
            return time.time() * 1
        """,
    "* 1",
    "* 2",
)

DRAWS = """
        import random
        import numpy
        {seed}


        def step(batch, i):
            return {call}
        """
seen(
    "numpy's seed where the step draws from it",
    DRAWS.format(seed="numpy.random.seed(1)", call="numpy.random.rand()"),
    "seed(1)",
    "seed(2)",
    names="rng*",
)
seen(
    "Python's seed where the step draws from it",
    DRAWS.format(seed="random.seed(1)", call="random.choice(batch)"),
    "seed(1)",
    "seed(2)",
    names="rng*",
)
kept(
    "numpy's seed where the step makes a generator",
    DRAWS.format(seed="numpy.random.seed(1)", call="numpy.random.default_rng(i).random()"),
    "seed(1)",
    "seed(2)",
)
kept(
    "Python's seed where the step makes a generator",
    DRAWS.format(seed="random.seed(1)", call="random.Random(i).random()"),
    "seed(1)",
    "seed(2)",
)
seen(
    "a random generator's state that the step holds",
    """
        import random

        RNG = random.Random(1)


        def step(batch, i):
            return RNG.random()
        """,
    "Random(1)",
    "Random(2)",
    names=("op.implementation*", "rng*"),
)
seen(
    "a numpy generator's state that the step holds",
    """
        import numpy

        RNG = numpy.random.default_rng(1)


        def step(batch, i):
            return RNG.random()
        """,
    "rng(1)",
    "rng(2)",
    names=("op.implementation*", "rng*"),
)

kept(
    "else-if written apart",
    """
        def step(batch, i):
            if i:
                return 1
            elif batch:
                return 2
            return 3
        """,
    "    elif batch:\n        return 2\n",
    "    else:\n        if batch:\n            return 2\n",
)
kept(
    "a string's prefix",
    """
        def step(batch, i):
            return 'a'
        """,
    "'a'",
    "u'a'",
)
kept(
    "a raw string without escapes",
    """
        import re


        def step(batch, i):
            return re.findall('a+', 'aa')
        """,
    "'a+'",
    "r'a+'",
)
kept(
    "a number with underscores",
    """
        def step(batch, i):
            return 1000000
        """,
    "1000000",
    "1_000_000",
)
kept(
    "a float's spelling",
    """
        def step(batch, i):
            return 0.001
        """,
    "0.001",
    "1e-3",
)
kept(
    "an escape's spelling",
    r"""
        def step(batch, i):
            return '\t'
        """,
    "'\\t'",
    "'\\x09'",
)
kept(
    "a line continued",
    """
        def step(batch, i):
            return i + 1
        """,
    "i + 1",
    "i + \\\n        1",
)
kept(
    "tabs for spaces",
    """
        def step(batch, i):
            return i + 1
        """,
    "    return",
    "\treturn",
)
kept(
    "a one-line body",
    """
        def step(batch, i):
            return i + 1
        """,
    ":\n    return",
    ": return",
)
kept(
    "a comment between decorator and function",
    """
        import functools


        @functools.lru_cache
        def table(n):
            return n


        def step(batch, i):
            return table(i)
        """,
    "lru_cache\n",
    "lru_cache\n# a comment\n\n",
)
kept(
    "a type comment",
    """
        def step(batch, i):
            x = []
            return x
        """,
    "x = []",
    "x = []  # type: list[int]",
)
kept(
    "a lambda's neighbour in the same line",
    "first, step = (lambda b, i: i + 1), (lambda b, i: i + 2)\n",
    "i + 1",
    "i - 7",
)
kept(
    "an encoding line",
    """
        def step(batch, i):
            return 'a'
        """,
    "def step",
    "# -*- coding: utf-8 -*-\ndef step",
)
kept(
    "annotations postponed",
    """
        def step(batch, i: int):
            return i
        """,
    "def step",
    "from __future__ import annotations\n\n\ndef step",
)
kept(
    "annotations of a method",
    """
        class C:
            def go(self, x):
                return x


        def step(batch, i):
            return C().go(i)
        """,
    "self, x)",
    "self, x: 'int') -> int",
)
kept(
    "the type of a dataclass's field",
    """
        from dataclasses import dataclass


        @dataclass
        class C:
            low: int = 1


        def step(batch, i):
            return C().low
        """,
    "low: int",
    "low: float",
)
kept(
    "a docstring as the only statement",
    'class Odd(ValueError):\n    """One."""\n\n\ndef step(batch, i):\n    raise Odd\n',
    "One.",
    "Two.",
)
kept(
    "a function's docstring as its only statement",
    'def nothing():\n    """One."""\n\n\ndef step(batch, i):\n    return nothing()\n',
    "One.",
    "Two.",
)
kept(
    "another name for the op's module alias",
    """
        import math as m


        def step(batch, i):
            return m.floor(i)
        """,
    "def step",
    "# m stands for math\n\n\ndef step",
)
kept(
    "a cache of lru_cache filled",
    """
        import functools


        @functools.lru_cache(maxsize=None)
        def table(n):
            return n + 1


        def step(batch, i):
            return table(i)


        ready = False
        """,
    "ready = False",
    "ready = table(3)",
)
kept("a docstring's quotes", 'def step(batch, i):\n    """One."""\n    return i\n', '"""One."""', "'One.'")
kept(
    "a comment of the decorator's line",
    """
        def plain(f):
            return f


        @plain
        def step(batch, i):
            return i
        """,
    "@plain",
    "@plain  # nothing",
)
kept(
    "a lock, a logger and a clock of the module",
    """
        import logging
        import threading
        import time

        log = logging.getLogger('a')
        lock = threading.Lock()


        def step(batch, i):
            start = time.perf_counter()
            with lock:
                log.info('took %s', time.perf_counter() - start)
            return i
        """,
    "getLogger('a')",
    "getLogger('b')",
)
kept(
    "a progress bar's settings in the environment",
    """
        import os

        os.environ['BAR'] = '1'


        def step(batch, i):
            return i
        """,
    "'1'",
    "'0'",
)
kept(
    "a warning filter",
    """
        import warnings

        warnings.simplefilter('ignore')


        def step(batch, i):
            return i
        """,
    "'ignore'",
    "'default'",
)
kept(
    "a neighbour class",
    """
        class Near:
            size = 1


        def step(batch, i):
            return i
        """,
    "size = 1",
    "size = 2",
)
kept(
    "the name of the file's neighbour",
    """
        from lab.late import late


        def step(batch, i):
            return late(i)
        ## file late.py
        def late(x):
            return x + 1


        def early(x):
            return x
        """,
    "return x\n",
    "return x * 2\n",
    file="late.py",
)
kept(
    "a frozen set's order",
    """
        WORDS = frozenset(['a', 'b', 'c'])


        def step(batch, i):
            return 'a' in WORDS
        """,
    "['a', 'b', 'c']",
    "['c', 'a', 'b']",
)
kept(
    "an equal constant built otherwise",
    """
        WORDS = ['a', 'b']


        def step(batch, i):
            return WORDS
        """,
    "['a', 'b']",
    "list('ab')",
)
kept(
    "a captured value equal but distinct",
    """
        def make(k):
            return lambda batch, i: k


        step = make({'a': [1, 2]})
        """,
    "{'a': [1, 2]}",
    "dict(a=list(range(1, 3)))",
)

mutation("code", "a builtin replaced at run time", "op", do("""
        import builtins
        builtins.extra = 2
        """),
         base=(do(r"""
        import builtins
        builtins.extra = 1
        exec(compile('def step(batch, i):\n    return extra\n', '<string>', 'exec'))
        """),),
         names="op.implementation", places=("module",))  # fmt: skip
