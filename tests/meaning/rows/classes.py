"""Rows about code: classes, their objects, operators, bases and fields; each op with its own source."""

from functools import partial

from ..table import snippet

seen = partial(snippet, "mutation", "code", names="op.implementation*")

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
    "metadata of a field that the code asks for",
    """
        import dataclasses


        @dataclasses.dataclass
        class Config:
            scale: float = dataclasses.field(default=1.0, metadata={"unit": "m"})


        def step(batch, i):
            return [field.metadata["unit"] for field in dataclasses.fields(Config)]
        """,
    '"unit": "m"',
    '"unit": "s"',
)
seen(
    "a class that is registered with an abstract one",
    """
        import abc


        class Scaling(abc.ABC):
            pass


        class Doubling:
            pass


        Scaling.register(Doubling)


        def step(batch, i):
            return isinstance(Doubling(), Scaling)
        """,
    "Scaling.register(Doubling)",
    "Scaling.register(dict)",
)
seen(
    "a property of a module's own class",
    """
        import types


        class Settings(types.ModuleType):
            @property
            def scale(self):
                return 2


        settings = Settings("settings")


        def step(batch, i):
            return i * settings.scale
        """,
    "return 2",
    "return 3",
)
kept = partial(snippet, "no-op", "code")
kept(
    "metadata of a field that nobody asks for",
    """
        import dataclasses


        @dataclasses.dataclass
        class Config:
            scale: float = dataclasses.field(default=1.0, metadata={"help": "how much"})


        def step(batch, i):
            return i * Config().scale
        """,
    "how much",
    "how large",
)
