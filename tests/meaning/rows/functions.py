"""Rows about code: functions, what they capture, name, import and are wrapped in; each op with its own source."""

from functools import partial

from ..table import snippet

seen = partial(snippet, "mutation", "code", names="op.implementation*")

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
