"""Helpers of the op, in a module of their own."""

from lab import constants
from lab.text import normalise, vowels

SCALE = 2.0
UNUSED = 7


def keep(word):
    # Short words say little.
    return normalise(word) not in constants.STOP_WORDS and len(word) > 1


def rescale(values, factor=1.0, *, digits=6):
    """Scale every value."""
    return [round(value * SCALE * factor, digits) for value in values]


def density(word):
    return vowels(word) / max(1, len(word))


def unrelated(value):
    return value + UNUSED
