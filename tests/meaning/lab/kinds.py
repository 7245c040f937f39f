"""Kinds of values for the rows about values."""

import enum
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Shade(enum.Enum):
    RED = 1
    BLUE = 2


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Left:
    size: int = 3
    name: str = "n"


@dataclass
class Right:
    size: int = 3
    name: str = "n"


@dataclass
class Nested:
    left: Left = field(default_factory=Left)
    values: list = field(default_factory=list)
    hidden: int = field(default=0, repr=False, compare=False)
    late: int = field(default=0, init=False)

    @cached_property
    def total(self):
        return sum(self.values)


@dataclass(frozen=True)
class Frozen:
    size: int = 3


@dataclass
class Slotted:
    __slots__ = ("size",)
    size: int


class Point(NamedTuple):
    x: int
    y: int
