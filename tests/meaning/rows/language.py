"""Rows about code: constants, statements, dynamic code, log lines and random numbers; each op with its own source."""

from functools import partial

from ..table import do, mutation, snippet

seen = partial(snippet, "mutation", "code", names="op.implementation*")
kept = partial(snippet, "no-op", "code")

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
