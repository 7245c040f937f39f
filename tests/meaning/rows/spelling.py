"""Rows about code that is spelled otherwise and does the same; each op with its own source."""

from functools import partial

from ..table import snippet

kept = partial(snippet, "no-op", "code")

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
