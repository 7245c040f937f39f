"""A class with state, a base class and a class attribute."""

from lab import helpers


class BaseProbe:
    bias = 0.125

    def shift(self, value):
        """Add the bias."""
        return value + self.bias


class Probe(BaseProbe):
    """Measures words."""

    sharpness = 3

    def __init__(self, cfg):
        self.cfg = cfg
        self.history = []

    @property
    def gain(self):
        return self.cfg.gain

    @staticmethod
    def fold(value):
        return value % 7

    @classmethod
    def edge(cls):
        return cls.sharpness * 2

    def measure(self, word):
        bonus = 1 if word[0] in self.cfg.letters else 0
        raw = self.gain * helpers.density(word) * self.cfg.weight(word) + bonus
        return self.fold(self.shift(raw) + self.edge())

    def report(self):
        """Nobody calls this in a run."""
        return len(self.history)
