"""Small programs for the tests of code: one construct each, with edits that must, or must not, count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Small:
    """A module whose `op` is the step, and edits of its text (or of the helper module's)."""

    name: str
    source: str
    #: What stands there and what stands there afterwards: the key must change.
    changed: tuple[tuple[str, str], ...] = ()
    #: The same, and the key must stay.
    kept: tuple[tuple[str, str], ...] = ()
    helper_changed: tuple[tuple[str, str], ...] = ()
    helper_kept: tuple[tuple[str, str], ...] = ()


#: The module `helpers_x` that some of them import.
HELPER = """
def f(x): return x + 1
def g(x): return x + 2
K = 3
"""

#: Built, as nobody would write them down: deeper than functions may call each other.
_SUM = "def op(b): return " + " + ".join(["b"] * 900) + "\n"
_BRANCHES = "def op(b):\n    if b == 0: return 0\n" + "".join(f"    elif b == {i}: return {i}\n" for i in range(1, 300))
_CHAIN = "".join(f"def h{i}(x): return h{i + 1}(x)\n" for i in range(300)) + "def h300(x): return x.k\n"
_HOLDER = "class S:\n    def __init__(self): self.k = 1; self.u = object()\ns = S()\n"

SMALL = [
    Small(
        "async",
        """
import asyncio
async def h(x): return x+1
async def op(b):
    async with asyncio.Lock() as l: pass
    return [await h(x) async for x in b]
""",
        changed=(
            ("x+1", "x+2"),
            ("await h(x)", "h(x)"),
        ),
    ),
    Small(
        "generator",
        """
def h(x): yield x+1
def op(b):
    yield from h(b)
""",
        changed=(
            ("x+1", "x+2"),
            ("yield from h(b)", "return h(b)"),
        ),
    ),
    Small(
        "singledispatch",
        """
from functools import singledispatch
@singledispatch
def op(b): return 1
@op.register
def _(b: int): return 2
@op.register(str)
def _(b): return 3
""",
        changed=(
            ("return 3", "return 4"),
            ("return 1", "return 5"),
            ("register(str)", "register(bytes)"),
            ("b: int", "b: float"),
        ),
    ),
    Small(
        "singledispatch used",
        """
from functools import singledispatch
@singledispatch
def g(b): return 1
@g.register
def _(b: int): return 2
@g.register(str)
def _(b): return 3
def op(b): return g(b)
""",
        changed=(
            ("return 3", "return 4"),
            ("return 1", "return 5"),
        ),
        kept=(("op(b): return", "op(b):\n    # c\n    return"),),
    ),
    Small(
        "partialmethod",
        """
from functools import partialmethod
class A:
    def f(self, x, k=1): return x*k
    g = partialmethod(f, k=2)
def op(b): return A().g(b)
""",
        changed=(
            ("k=2", "k=3"),
            ("x*k", "x+k"),
        ),
    ),
    Small(
        "metaclass",
        """
class M(type):
    def __call__(cls, *a): return 5
class A(metaclass=M): pass
def op(b): return A()
""",
        changed=(("return 5", "return 6"),),
    ),
    Small(
        "abc",
        """
import abc
class A(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
    def g(self): return self.f()
class B(A):
    def f(self): return 3
def op(b): return B().g()
""",
        changed=(
            ("return 3", "return 4"),
            ("return self.f()", "return self.f()+1"),
        ),
    ),
    Small(
        "generic",
        """
from typing import Generic, TypeVar
T=TypeVar('T')
class A(Generic[T]):
    def f(self, x: T) -> T: return x
def op(b): return A[int]().f(b)
""",
        changed=(
            ("return x\n", "return [x]\n"),
            ("A[int]", "A[str]"),
        ),
        kept=(("x: T", "x"),),
    ),
    Small(
        "protocol",
        """
from typing import Protocol, runtime_checkable
@runtime_checkable
class P(Protocol):
    def f(self): ...
def op(b): return isinstance(b, P)
""",
        changed=(("def f(", "def g("),),
    ),
    Small(
        "typed namedtuple",
        """
from typing import NamedTuple
class P(NamedTuple):
    x: int = 1
    def d(self): return self.x
def op(b): return P().d()
""",
        changed=(
            ("= 1", "= 2"),
            ("return self.x", "return -self.x"),
        ),
        kept=(("x: int", "x: float"),),
    ),
    Small(
        "enum methods",
        """
from enum import Enum, auto
class E(Enum):
    A=auto()
    B=auto()
    def f(self): return 1
def op(b): return E.A.f()
""",
        changed=(("return 1", "return 2"),),
    ),
    Small(
        "intflag",
        """
from enum import IntFlag
class E(IntFlag):
    A=1
    B=2
def op(b): return E.A|E.B
""",
        changed=(("B=2", "B=4"),),
    ),
    Small(
        "dataclass inherit",
        """
from dataclasses import dataclass, field
@dataclass
class A:
    x: int = 1
    def __post_init__(self): self.y=self.x
@dataclass(frozen=False)
class B(A):
    z: list = field(default_factory=lambda: [1])
def op(b): return B().z
""",
        changed=(
            ("[1]", "[2]"),
            ("self.y=self.x", "self.y=2"),
            ("x: int = 1", "x: int = 2"),
        ),
    ),
    Small(
        "dataclass slots",
        """
from dataclasses import dataclass
@dataclass(slots=True, kw_only=True)
class A:
    x: int = 1
    def f(self): return self.x
def op(b): return A().f()
""",
        changed=(
            ("= 1", "= 2"),
            ("return self.x", "return -self.x"),
        ),
    ),
    Small(
        "dataclass captured",
        """
from dataclasses import dataclass
@dataclass
class A:
    x: int = 1
    y: object = None
    def f(self): return self.x
a=A(2, object())
def op(b): return a.f()
""",
        changed=(
            ("A(2,", "A(3,"),
            ("self.x\n", "-self.x\n"),
        ),
        kept=(("object())", "object)"),),
    ),
    Small(
        "nonlocal",
        """
def make():
    n=0
    def op(b):
        nonlocal n
        n+=1
        return b+K
    return op
K=1
op=make()
""",
        changed=(("K=1", "K=2"),),
    ),
    Small(
        "import in body",
        """
def op(b):
    import helpers_x as h
    from helpers_x import g as gg
    return h.f(b)+gg(b)
""",
        helper_changed=(("x + 1", "x + 9"), ("x + 2", "x + 9")),
        helper_kept=(("K = 3", "K = 4"),),
    ),
    Small(
        "descriptor",
        """
class D:
    def __get__(self, o, t=None): return 1 if o is None else o.k*2
class A:
    d=D()
    def __init__(self): self.k=1; self.u=object()
a=A()
def op(b): return a.d
""",
        changed=(
            ("o.k*2", "o.k*3"),
            ("self.k=1", "self.k=2"),
        ),
    ),
    Small(
        "setname",
        """
class D:
    def __init__(self, v): self.v=v
    def __get__(self, o, t=None): return self.v
class A:
    d=D(3)
a=A()
def op(b): return a.d
""",
        changed=(
            ("D(3)", "D(4)"),
            ("return self.v", "return -self.v"),
        ),
    ),
    Small(
        "decorator args",
        """
import functools
def times(n):
    def d(f):
        @functools.wraps(f)
        def w(*a): return n*f(*a)
        return w
    return d
@times(2)
@times(3)
def op(b): return b
""",
        changed=(
            ("times(2)", "times(4)"),
            ("times(3)", "times(4)"),
            ("@times(2)\n@times(3)", "@times(3)\n@times(2)"),
            ("n*f", "n+f"),
        ),
    ),
    Small(
        "class decorator",
        """
def deco(c):
    c.k=5
    return c
@deco
class A:
    def f(self): return self.k
def op(b): return A().f()
""",
        changed=(("c.k=5", "c.k=6"),),
    ),
    Small(
        "class wrapper decorator",
        """
class Deco:
    def __init__(self, f): self.f=f; self.n=0
    def __call__(self, *a): return self.f(*a)
@Deco
def op(b): return b+1
""",
        changed=(
            ("b+1", "b+2"),
            ("self.f(*a)", "-self.f(*a)"),
        ),
        kept=(("self.n=0", "self.n=1"),),
    ),
    Small(
        "fn attribute",
        """
def f(b): return f.k
f.k=1
def op(b): return f(b)
""",
        changed=(("f.k=1", "f.k=2"),),
    ),
    Small(
        "fn name",
        """
def f(b): return b
def op(b): return f.__name__
""",
        changed=(("f(b): return b", "g(b): return b\nf=g"),),
    ),
    Small(
        "doc read",
        """
def f(b):
    'doc'
    return b
def op(b): return f.__doc__
""",
        changed=(("'doc'", "'doc2'"),),
    ),
    Small(
        "default mutable",
        """
def op(b, cache={}, fn=lambda x: x+1): return fn(b)
""",
        changed=(("x+1", "x+2"),),
    ),
    Small(
        "global registry uses itself",
        """
REG={}
def reg(f):
    REG[f.__name__]=f
    return f
@reg
def a(x): return REG['b'](x)
@reg
def b(x): return REG['a'](x) if x else 1
def op(x): return REG['a'](x)
""",
        changed=(("if x else 1", "if x else 2"),),
    ),
    Small(
        "registry dynamic",
        """
REG={}
def reg(f):
    REG[f.__name__]=f
    return f
@reg
def a(x): return 1
@reg
def b(x): return 2
def op(n,x): return REG[n](x)
""",
        changed=(
            ("return 2", "return 3"),
            ("def b", "def c"),
        ),
    ),
    Small(
        "class registry",
        """
class Base:
    subs={}
    def __init_subclass__(cls): Base.subs[cls.__name__]=cls
    def f(self): return 1
class A(Base):
    def f(self): return 2
def op(n): return Base.subs[n]().f()
""",
        changed=(("return 2", "return 3"),),
    ),
    Small(
        "eval",
        """
def op(b): return eval('b')
""",
        changed=(("'b'", "'c'"),),
    ),
    Small(
        "getattr dyn module",
        """
import helpers_x
def op(b,n): return getattr(helpers_x, n)(b)
""",
        helper_changed=(("x + 1", "x + 9"), ("K = 3", "K = 4")),
    ),
    Small(
        "match class",
        """
class P:
    __match_args__=('x',)
    def __init__(self,x): self.x=x
def op(b):
    match b:
        case P(x): return x
        case [1, *rest]: return rest
        case {'k': v, **kw}: return kw
        case None: return 0
        case 1|2 as q: return q
        case _: return 1
""",
        changed=(
            ("('x',)", "('y',)"),
            ("case None", "case True"),
            ("1|2", "1|3"),
        ),
    ),
    Small(
        "posonly",
        """
def h(a,/,b,*,c=1): return a
def op(b): return h(b,1)
""",
        changed=(("a,/,b", "a,b"),),
    ),
    Small(
        "fstring nested",
        """
w=3
def op(b): return f'{b:{w}.{w}}' f"{b!r:>{w}}" f'{b=}'
""",
        changed=(
            ("w=3", "w=4"),
            ("!r", "!s"),
            (":>{w}", ":<{w}"),
        ),
    ),
    Small(
        "big",
        r"""
def op(b): return 123456789012345678901234567890 + 1e308*10 + 2j - 0.0 + len(b'x\x00') + (1,2,3)[0]
""",
        changed=(
            ("2j", "3j"),
            ("- 0.0", "+ 0.0"),
            ("x\\x00", "x\\x01"),
            ("7890 +", "7891 +"),
        ),
    ),
    Small(
        "surrogate",
        r"""
def op(b): return '\ud800'
""",
        changed=(("ud800", "ud801"),),
    ),
    Small(
        "lambda default",
        """
fs=[lambda x, k=k: x*k for k in range(3)]
def op(b): return fs[1](b)
""",
        changed=(("x*k", "x+k"),),
        kept=(("range(3)", "range(4)"),),
    ),
    Small(
        "while",
        """
def op(b):
    while b>3: b-=1
    else: b=0
    return b
""",
        changed=(
            ("b>3", "b>4"),
            ("b=0", "b=1"),
        ),
    ),
    Small(
        "slice step",
        """
def op(b): return b[1:2:3], b[...], b[:, 1]
""",
        changed=(
            ("1:2:3", "1:2"),
            ("b[:, 1]", "b[:, 2]"),
        ),
    ),
    Small(
        "kwargs call",
        """
def h(**k): return k
def op(b): return h(**{'a':1}, c=2)
""",
        changed=(
            ("'a'", "'b'"),
            ("c=2", "c=3"),
        ),
    ),
    Small(
        "property setter",
        """
class A:
    def __init__(self): self._v=1
    @property
    def v(self): return self._v
    @v.setter
    def v(self, x): self._v=x*2
def op(b):
    a=A(); a.v=b
    return a.v
""",
        changed=(("x*2", "x*3"),),
    ),
    Small(
        "user ctx",
        """
class C:
    def __init__(self): self.k=2; self.u=object()
    def __enter__(self): return self.k
    def __exit__(self,*a): return False
c=C()
def op(b):
    with c as k: return k*b
""",
        changed=(
            ("self.k=2", "self.k=3"),
            ("return False", "return True"),
        ),
    ),
    Small(
        "global instance setattr",
        """
class C:
    def __init__(self): self.k=2; self.u=object()
c=C()
def op(b):
    c.last=b
    c.hist=getattr(c,'hist',0)
    return c.k
""",
        changed=(("self.k=2", "self.k=3"),),
    ),
    Small(
        "swap helper fns",
        """
def f(x): return x+1
def g(x): return x-1
def op(b): return f(b)*2+g(b)
""",
        changed=(("def f(x): return x+1\ndef g(x): return x-1", "def f(x): return x-1\ndef g(x): return x+1"),),
    ),
    Small(
        "rename helper",
        """
def f(x): return x+1
def op(b): return f(b)
""",
        changed=(("f(", "ff("),),
    ),
    Small(
        "rename op's module fn",
        """
def op_(x): return x+1
op=op_
""",
        kept=(("op_", "op__"),),
    ),
    Small(
        "lock global",
        """
import threading, logging
LOCK=threading.Lock()
log=logging.getLogger('x')
def op(b):
    log.info('hi %s', b)
    with LOCK: return b
""",
        kept=(
            ("getLogger('x')", "getLogger('y')"),
            ("threading.Lock()", "threading.RLock()"),
        ),
    ),
    Small(
        "counter",
        """
from collections import Counter, defaultdict, OrderedDict, deque
C=Counter('aab'); D=defaultdict(list); O=OrderedDict(a=1); Q=deque([1],maxlen=2)
def op(b): return C, D, O, Q
""",
        changed=(
            ("aab", "abb"),
            ("maxlen=2", "maxlen=3"),
            ("defaultdict(list)", "defaultdict(tuple)"),
        ),
    ),
    Small(
        "bound builtin",
        """
L=[1,2]
f=L.count
def op(b): return f(b), ' '.join(b), 'x'.format
""",
        changed=(("[1,2]", "[1,3]"),),
    ),
    Small(
        "itemgetter",
        """
from operator import itemgetter, attrgetter, methodcaller
g=itemgetter(1,2); a=attrgetter('x'); m=methodcaller('f', 1, k=2)
def op(b): return g(b), a(b), m(b)
""",
        changed=(
            ("(1,2)", "(1,3)"),
            ("'x'", "'y'"),
            ("k=2", "k=3"),
        ),
    ),
    Small(
        "regex",
        """
import re
P=re.compile('a+')
def op(b): return P.match(b)
""",
        changed=(("a+", "a*"),),
    ),
    Small(
        "numpy const",
        """
import numpy as np
A=np.arange(3)
def op(b): return A+b
""",
        changed=(("arange(3)", "arange(4)"),),
    ),
    Small(
        "path",
        """
from pathlib import Path
P=Path('x')
def op(b): return P
""",
        changed=(("'x'", "'y'"),),
    ),
    Small(
        "class attr unknown noise",
        """
import logging
class A:
    log=logging.getLogger('a')
    k=1
    def f(self):
        self.log.info('x')
        return self.k
def op(b): return A().f()
""",
        changed=(("k=1", "k=2"),),
        kept=(("getLogger('a')", "getLogger('b')"),),
    ),
    Small(
        "super chain",
        """
class A:
    def f(self): return 1
class B(A):
    def f(self): return super().f()+1
class C(B):
    def f(self): return super().f()+1
c=C()
def op(b): return c.f()
""",
        changed=(
            ("return 1\n", "return 2\n"),
            ("class C(B)", "class C(A)"),
        ),
    ),
    Small(
        "mro swap",
        """
class A:
    def f(self): return 1
class B:
    def f(self): return 2
class C(A,B): pass
c=C()
def op(b): return c.f()
""",
        changed=(("C(A,B)", "C(B,A)"),),
    ),
    Small(
        "instance method override",
        """
class A:
    def f(self): return 1
a=A()

def op(b): return a.f()
""",
        changed=(("a=A()\n", "a=A(); a.f=lambda: 2\n"),),
    ),
    Small(
        "module level if",
        """
import sys
if True:
    def h(x): return x+1
else:
    def h(x): return x+2
def op(b): return h(b)
""",
        changed=(("if True", "if False"),),
    ),
    Small(
        "name mangling",
        """
class A:
    def __init__(self): self.__k=1; self.u=object()
    def f(self): return self.__k
a=A()
def op(b): return a.f()
""",
        changed=(("__k=1", "__k=2"),),
    ),
    Small(
        "iter protocol",
        """
class A:
    def __init__(self): self.k=[1,2]; self.i=0; self.u=object()
    def __iter__(self): self.i=0; return self
    def __next__(self):
        self.i+=1
        if self.i>2: raise StopIteration
        return self.k[self.i-1]
a=A()
def op(b): return [x for x in a]
""",
        changed=(
            ("[1,2]", "[1,3]"),
            ("self.i>2", "self.i>1"),
        ),
    ),
    Small(
        "pkg lazy attr",
        """
import json.decoder, os.path
def op(b): return json.decoder.JSONDecoder().decode(b), os.path.join(b,'x')
""",
        changed=(("os.path.join", "os.path.basename"),),
    ),
    Small(
        "closure loop",
        """
def make():
    def a(n): return b(n-1)
    def b(n): return a(n) if n else 1
    return a
op=make()
""",
        changed=(("else 1", "else 2"),),
    ),
    Small(
        "obj default arg",
        """
class S:
    def __init__(self): self.k=1; self.u=object()
s=S()
def op(b, s=s): return s.k
""",
        changed=(("self.k=1", "self.k=2"),),
    ),
    Small(
        "kwonly obj default",
        """
class S:
    def __init__(self): self.k=1; self.u=object()
s=S()
def op(b, *, s=s): return s.k
""",
        changed=(("self.k=1", "self.k=2"),),
    ),
    Small(
        "attrs setattr in init",
        """
class S:
    def __init__(self, k): setattr(self,'k',k); self.u=object()
s=S(1)
def op(b): return s.k
""",
        changed=(("S(1)", "S(2)"),),
    ),
    Small(
        "dynamic globals",
        """
def f(): return 1
def op(b): return globals()[b]()
""",
        changed=(("return 1", "return 2"),),
    ),
    Small(
        "star import",
        """
from helpers_x import *
def op(b): return f(b)
""",
        helper_changed=(("x + 1", "x + 9"),),
        helper_kept=(("x + 2", "x + 9"), ("K = 3", "K = 4")),
    ),
    Small(
        "try and finally",
        """
def op(b):
    try: return b
    except (ValueError, KeyError) as e: return 1
    finally: print(b)
""",
        changed=(("return 1", "return 2"), ("KeyError", "TypeError")),
    ),
    Small(
        "imported under each other's names",
        """
from math import sin as s, cos as c
def op(b): return s(b) + c(b)
""",
        changed=(("sin as s, cos as c", "cos as s, sin as c"),),
    ),
    Small("long sum", _SUM, changed=(("return b", "return 1"),)),
    Small("many branches", _BRANCHES, changed=(("b == 7:", "b == -7:"),)),
    Small(
        "long chain of helpers",
        _HOLDER + _CHAIN + "def op(b): return h0(s)\n",
        changed=(("self.k = 1", "self.k = 2"), ("return x.k", "return -x.k")),
    ),
]
