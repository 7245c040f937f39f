"""Rows about code: the op of the realistic run, and what it reaches."""

from ..table import append, do, edit, mutation, noop, windows, write

GROUP = "code"
OP = {"names": "op.implementation"}


def seen(name, *steps, **more):
    mutation(GROUP, name, "whole", *steps, **{**OP, **more})


def kept(name, *steps, **more):
    noop(GROUP, name, "whole", *steps, **more)


seen("a constant in the op's body", edit("ops.py", "raw**power", "raw**power * 2"), part="score")
seen("an operator", edit("ops.py", "return value / temperature", "return value * temperature"), part="temper")
seen("a comparison", edit("helpers.py", "len(word) > 1", "len(word) >= 1"), part="keep")
seen("the value of a default argument", edit("ops.py", "TEMPERATURE = 0.5", "TEMPERATURE = 0.25"))
seen("a keyword default", edit("ops.py", "power=2", "power=3"), part="score")
seen("a helper in a second module", edit("helpers.py", "max(1, len(word))", "max(2, len(word))"), part="density")
seen("a helper of a helper, in a third module", edit("text.py", '.strip(".,")', '.strip(".")'), part="normalise")
seen("a constant of the third module", edit("text.py", 'VOWELS = "aeiou"', 'VOWELS = "aeiouy"'), part="VOWELS")
seen("a constant that a helper uses", edit("helpers.py", "SCALE = 2.0", "SCALE = 3.0"), part="SCALE")
seen("a constant's type", edit("helpers.py", "SCALE = 2.0", "SCALE = 2"), part="SCALE")
seen("a constant read through its module", edit("constants.py", "OFFSET = 0.25", "OFFSET = 0.5"), part="OFFSET")
seen("a member of a set that a helper uses", edit("constants.py", '"of", "and"', '"of", "or"'), part="STOP_WORDS")
seen("a value captured by a closure", edit("constants.py", '"high": 50.0', '"high": 5.0'))
seen("the body of a closure's function", edit("ops.py", "max(low, min(high, value))", "min(high, value)"))
seen("an argument bound by partial", edit("ops.py", "temperature=0.7", "temperature=0.8"), part="soften")
seen("the function of a partial", edit("ops.py", "soften = functools.partial(temper,", "soften = functools.partial(pow_,"),
     base=(edit("ops.py", "def clipped(", "def pow_(value, temperature):\n    return value**temperature\n\n\ndef clipped("),))  # fmt: skip
seen("the body of a decorator", edit("ops.py", "return function(*args, **kwargs)", "return -function(*args, **kwargs)"))
seen("a decorator taken away", edit("ops.py", '@traced("score")\n', ""))
seen("the function that a decorator is given", edit("ops.py", "times=1):", "times=2):"),
     base=(edit("ops.py", "def traced(label):", "def traced(label, times=1):"), edit("ops.py", "return function(*args, **kwargs)", "return times * function(*args, **kwargs)")))  # fmt: skip
seen("a method", edit("probes.py", "if word[0] in", "if word[-1] in"), part="measure")
seen("a method of the base class", edit("probes.py", "value + self.bias", "value - self.bias"), part="shift")
seen("a class attribute of the base class", edit("probes.py", "bias = 0.125", "bias = 0.5"), part="bias")
seen("a class attribute", edit("probes.py", "sharpness = 3", "sharpness = 4"), part="sharpness")
seen("a property", edit("probes.py", "return self.cfg.gain", "return self.cfg.gain * 2"), part="gain")
seen("a static method", edit("probes.py", "value % 7", "value % 5"), part="fold")
seen("a class method", edit("probes.py", "cls.sharpness * 2", "cls.sharpness * 4"), part="edge")
seen("the base class swapped", edit("probes.py", "class Probe(BaseProbe):", "class Probe(OtherProbe):"),
     base=(edit("probes.py", "class Probe(", "class OtherProbe:\n    bias = 0.125\n\n    def shift(self, value):\n"
                "        return value * self.bias\n\n\nclass Probe("),))  # fmt: skip
seen(
    "a method added that overrides",
    edit("probes.py", "    @staticmethod", "    def shift(self, value):\n        return value\n\n    @staticmethod"),
)
seen("what __init__ puts on the object", edit("probes.py", "self.cfg = cfg", "self.cfg = type(cfg)(gain=9.0)"))
seen(
    "a method of a config's class",
    edit("config.py", "len(word) > 5", "len(word) > 4"),
    names=("op.implementation*", "inputs.cfg*"),
)
seen("the order of two statements", edit("ops.py", "    power *= 2\n    power += 1\n", "    power += 1\n    power *= 2\n"),
     base=(edit("ops.py", "    words = [", "    power *= 2\n    power += 1\n    words = ["),))  # fmt: skip
seen("a filter in a comprehension", edit("ops.py", " if keep(word)]", "]"))
seen("another function imported under the same name", edit("ops.py", "import keep, rescale", "import drop as keep, rescale"),
     base=(edit("helpers.py", "def density", "def drop(word):\n    return False\n\n\ndef density"),))  # fmt: skip
seen(
    "a builtin shadowed by a function of the module",
    edit("text.py", "def vowels", "def sum(values):\n    return 0\n\n\ndef vowels"),
)
seen("a name of the op's result", edit("ops.py", '"score": rescale', '"scores": rescale'))
seen("what the op reads of the session", edit("ops.py", "session.module.cfg.scale", "session.module.cfg.probe.gain"))

seen(
    "a constant rebound at run time",
    do("""
        import lab.helpers
        lab.helpers.SCALE = 5.0
        """),
    part="SCALE",
)
seen(
    "a helper replaced at run time",
    do("""
        import lab.helpers
        lab.helpers.density = lab.helpers.unrelated
        """),
    part="density",
)
seen(
    "a method replaced at run time",
    do("""
        from lab.probes import BaseProbe
        BaseProbe.shift = lambda self, value: value * 3
        """),
    part="shift",
)
seen(
    "a helper's defaults replaced at run time",
    do("""
        import lab.helpers
        lab.helpers.rescale.__defaults__ = (4.0,)
        """),
    part="rescale",
)
seen(
    "a helper's keyword defaults replaced at run time",
    do("""
        import lab.helpers
        lab.helpers.rescale.__kwdefaults__['digits'] = 1
        """),
    part="rescale",
)
seen(
    "a helper's code replaced at run time",
    do("""
        import lab.helpers
        lab.helpers.density.__code__ = lab.helpers.keep.__code__
        """),
    part="density",
)
seen(
    "a member added to a module's set at run time",
    do("""
        import lab.constants
        lab.constants.STOP_WORDS.add('cat')
        """),
    part="STOP_WORDS",
)
seen(
    "a class attribute set at run time",
    do("""
        from lab.probes import Probe
        Probe.sharpness = 11
        """),
    part="sharpness",
)
EDIT = """
        import importlib, pathlib, lab.helpers
        path = pathlib.Path(lab.helpers.__file__)
        path.write_text(path.read_text().replace('max(1, len(word))', 'max(3, len(word))'))
        """
seen("a reload of a module that was edited", do("importlib.reload(lab.helpers)"), base=(do(EDIT),), part="density")
seen("a module edited and reloaded", do(EDIT + "importlib.reload(lab.helpers)"), part="density")

kept(
    "comments",
    edit("ops.py", "    words = [", "    # Long words first?\n    words = ["),
    edit("helpers.py", "# Short words say little.", "# Nothing."),
)
kept("the docstring of a function", edit("ops.py", '"""Divide by the temperature."""', '"""Cool it down."""'))
kept("a docstring taken away", edit("ops.py", '    """Divide by the temperature."""\n', ""))
kept("the docstring of the step", edit("ops.py", '"""Score a batch."""', '"""Another text."""'))
kept(
    "the docstring of a class", edit("probes.py", '"""Measures words."""', '"""Another text.\n\n    And more.\n    """')
)
kept("the docstring of a method", edit("probes.py", '"""Add the bias."""', '"""Subtract it?"""'))
kept(
    "the docstring of a module",
    edit("helpers.py", '"""Helpers of the op, in a module of their own."""', '"""Other."""'),
)
kept("annotations of arguments and result", edit("text.py", "def normalise(word):", "def normalise(word: str) -> str:"))
kept("annotations that import typing", edit("helpers.py", "def keep(word):", "def keep(word: 'Sequence[str]') -> bool:"),
     edit("helpers.py", "from lab import constants", "from collections.abc import Sequence\n\nfrom lab import constants"))  # fmt: skip
kept("an annotation of a local variable", edit("ops.py", "    raw = sum(", "    raw: float = sum("))
kept(
    "blank lines",
    edit("ops.py", "    raw = sum(", "\n\n    raw = sum("),
    edit("helpers.py", "SCALE = 2.0", "\n\n\n\nSCALE = 2.0"),
)
kept("formatting", edit("helpers.py", "return normalise(word) not in constants.STOP_WORDS and len(word) > 1",
     "return (\n        normalise( word ) not in constants.STOP_WORDS\n        and len(word)>1\n    )"))  # fmt: skip
kept("quotes", edit("text.py", 'VOWELS = "aeiou"', "VOWELS = 'aeiou'"), edit("text.py", 'strip(".,")', "strip('.,')"))
kept(
    "the spelling of a number",
    edit("probes.py", "value % 7", "value % 0x7"),
    edit("helpers.py", "digits=6", "digits=0b110"),
)
kept("a string written in two pieces", edit("text.py", 'VOWELS = "aeiou"', 'VOWELS = "ae" "iou"'))
kept(
    "parentheses that change nothing",
    edit("helpers.py", "vowels(word) / max(1, len(word))", "(vowels(word)) / (max(1, (len(word))))"),
)
kept(
    "a trailing comma",
    edit("helpers.py", "round(value * SCALE * factor, digits)", "round(value * SCALE * factor, digits,)"),
)
kept(
    "semicolons for line breaks",
    edit(
        "ops.py",
        "    words = [word for word in text.split() if keep(word)]\n    raw",
        "    words = [word for word in text.split() if keep(word)]; raw",
    ),
)
kept("Windows line ends", windows("helpers.py"))
kept("a helper moved down in its module", edit("helpers.py", "def density(word):\n    return vowels(word) / max(1, len(word))\n\n\n", ""),
     append("helpers.py", "\n\ndef density(word):\n    return vowels(word) / max(1, len(word))\n"))  # fmt: skip
kept("a helper moved to another module", edit("ops.py", "import keep, rescale", "import keep"),
     edit("ops.py", "from lab.probes", "from lab.moved import rescale\nfrom lab.probes"),
     write("moved.py", "SCALE = 2.0\n\n\ndef rescale(values, factor=1.0, *, digits=6):\n"
                         "    return [round(value * SCALE * factor, digits) for value in values]\n"))  # fmt: skip
kept("an unrelated function of the op's module added", append("ops.py", "\n\ndef nobody_calls_me(x):\n    return x\n"))
kept(
    "an unrelated function of a helper's module changed",
    edit("helpers.py", "return value + UNUSED", "return value - UNUSED"),
)
kept("an unrelated constant", edit("helpers.py", "UNUSED = 7", "UNUSED = 8"))
kept(
    "an unused import",
    edit("helpers.py", "from lab import constants", "import json\nimport textwrap\n\nfrom lab import constants"),
)
kept(
    "an import for type checkers",
    edit(
        "helpers.py",
        "from lab import constants",
        "from typing import TYPE_CHECKING\n\nfrom lab import constants\n\nif TYPE_CHECKING:\n    from lab.probes import Probe",
    ),
)
kept("the order of imports", edit("ops.py", "import functools\nimport logging\n", "import logging\nimport functools\n"))
kept("a __main__ block", append("helpers.py", '\n\nif __name__ == "__main__":\n    print(keep("a"))\n'))
kept("a comment for the linter", edit("text.py", "def vowels(word):", "def vowels(word):  # noqa: D103"))
kept(
    "the order of a dict constant", edit("constants.py", '{"low": -50.0, "high": 50.0}', '{"high": 50.0, "low": -50.0}')
)
kept(
    "the order of a set constant",
    edit("constants.py", '{"the", "a", "of", "and", "in"}', '{"in", "and", "of", "a", "the"}'),
)
kept("a class's method order", edit("probes.py", "    @staticmethod\n    def fold(value):\n        return value % 7\n\n", ""),
     edit("probes.py", "    def report(self):", "    @staticmethod\n    def fold(value):\n        return value % 7\n\n    def report(self):"))  # fmt: skip
kept(
    "a module reloaded as it is",
    do("""
        import importlib, lab.text
        importlib.reload(lab.text)
        """),
)
kept("a module edited on disk elsewhere, not reloaded", do(
    r"""
        import pathlib, lab.helpers
        path = pathlib.Path(lab.helpers.__file__)
        path.write_text('# a line\n' * 3 + path.read_text().replace('value + UNUSED', 'value - UNUSED'))
        """))  # fmt: skip
kept("the op has run", do("step(dataset[:2], 0)"))
kept("the op has run in another order", do("step(dataset[2:], 1); step(dataset[:2], 0)"))
kept(
    "objects of its classes were pickled",
    do("""
        import pickle
        pickle.dumps(Probe(cfg.probe)); pickle.dumps(cfg, protocol=2)
        """),
)
kept(
    "objects of its classes were copied",
    do("""
        import copy
        copy.deepcopy(cfg); copy.copy(Probe(cfg.probe))
        """),
)
kept(
    "the logger has handlers and a level",
    do("""
        import logging
        logging.getLogger().addHandler(logging.NullHandler()); session.logger.setLevel(10); log.setLevel(logging.ERROR)
        """),
)
kept(
    "environment variables",
    do("""
        import os
        os.environ['WANDB_MODE'] = 'offline'; os.environ['LANG'] = 'C'
        """),
)
kept(
    "the command line",
    do("""
        import sys
        sys.argv[:] = ['analyse.py', '--seed', '3']
        """),
)
kept(
    "the working directory",
    do("""
        import os, tempfile
        os.chdir(tempfile.mkdtemp())
        """),
)
kept(
    "a text that is only logged",
    edit("ops.py", '@traced("score")', '@traced("other")'),
)
kept(
    "the files' times",
    do("""
        import os, lab.helpers
        os.utime(lab.helpers.__file__, (1, 1))
        """),
)
