"""Rows about files that a step reads, or asks for, by a path that is certain, and about settings of libraries."""

from functools import partial

from ..table import snippet

seen = partial(snippet, "mutation", "files", names="op.implementation*")
kept = partial(snippet, "no-op", "files")

TEXT = """
    import json
    import os
    from pathlib import Path

    import numpy

    DIRECTORY = Path("kept")
    NAME = "vector"
    DIRECTORY.mkdir(exist_ok=True)
    (DIRECTORY / "vector.json").write_text("[1]")
    numpy.save("kept/vector.npy", [1.0])


    def load(path):
        with open(path) as file:
            return json.load(file)


    def step(batch, batch_idx):
        return READ
    """
for title, read, file in [
    ("by open", "json.load(open('kept/vector.json'))", "json"),
    ("by open in binary", "open('kept/vector.json', 'rb').read()", "json"),
    ("by a helper", "load('kept/vector.json')", "json"),
    ("by a path that is made of parts", "(DIRECTORY / f'{NAME}.json').read_text()", "json"),
    ("by a path that is joined", "json.load(open(os.path.join('kept', NAME + '.json')))", "json"),
    ("by opening a path", "json.load((DIRECTORY / 'vector.json').open())", "json"),
    ("by numpy", "numpy.load(DIRECTORY / 'vector.npy')", "npy"),
]:
    text = TEXT.replace("READ", read)
    old = 'write_text("[1]")' if file == "json" else '"kept/vector.npy", [1.0]'
    seen(f"a file that the step reads {title}", text, old, old.replace("1", "2"))
    kept(f"a file beside one that the step reads {title}", text, "DIRECTORY.mkdir(exist_ok=True)", 'DIRECTORY.mkdir(exist_ok=True); (DIRECTORY / "other.json").write_text("1")')  # fmt: skip
there = "DIRECTORY.joinpath('flag').touch()"
for title, read in [("by os", "os.path.exists('kept/flag')"), ("by its path", "(DIRECTORY / 'flag').is_file()")]:
    seen(f"a file that the step asks for {title}", TEXT.replace("READ", read), "numpy.save", f"{there}; numpy.save")
kept(
    "a file that the step writes itself",
    TEXT.replace(
        "return READ", "open('kept/log.txt', 'a').write('x')\n        return len(open('kept/log.txt').read())"
    ),
    "numpy.save(",
    "(DIRECTORY / 'log.txt').write_text('earlier'); numpy.save(",
)

SETTING = """
    import decimal

    import numpy

    DIGITS = 3


    def step(batch, batch_idx):
        return READ
    """
FEW, MANY = "decimal.getcontext().prec = 5; DIGITS = 3", "numpy.set_printoptions(precision=2); DIGITS = 3"
seen("the precision of decimals", SETTING.replace("READ", "decimal.Decimal(1) / decimal.Decimal(3)"), "DIGITS = 3", FEW)
seen("how numpy writes arrays down", SETTING.replace("READ", "str(numpy.array([1 / 3]))"), "DIGITS = 3", MANY)
for title, setting in [("the precision of decimals", FEW), ("how numpy writes arrays down", MANY)]:
    kept(f"{title}, where nobody sees it", SETTING.replace("READ", "numpy.array([batch])"), "DIGITS = 3", setting)
