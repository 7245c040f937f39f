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
    ("by a descriptor", "os.read(os.open('kept/vector.json', os.O_RDONLY), 9)", "json"),
    (
        "by a descriptor that a condition makes one to write",
        "os.read(os.open('kept/vector.json', os.O_WRONLY if batch else os.O_RDONLY), 9)",
        "json",
    ),
    ("by open, to change it", "open('kept/vector.json', 'r+').read()", "json"),
    ("by open, to add to it", "open('kept/vector.json', 'a+').read()", "json"),
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
kept(
    "a file that the step writes itself by a descriptor",
    TEXT.replace(
        "return READ",
        "os.write(os.open('kept/log.txt', os.O_WRONLY | os.O_CREAT), b'x')\n        return len(open('kept/log.txt').read())",
    ),
    "numpy.save(",
    "(DIRECTORY / 'log.txt').write_text('earlier'); numpy.save(",
)

#: Files that lie beside the module, and so in another place in each scene.
BESIDE = """
    import configparser
    import json
    import os
    import zipfile
    from pathlib import Path

    import numpy

    NAMES = {"vector": "beside.json"}
    LAYER = 3
    HERE = Path(__file__).parent
    PLACE = os.path.dirname(__file__)
    (HERE / "beside.json").write_text("[1]")
    (HERE / "beside3.json").write_text("[1]")
    (HERE / "beside.ini").write_text("[1]")
    (HERE / "beside.zip").write_text("[1]")


    def by_default(name="beside.json"):
        return json.loads((Path(__file__).parent / name).read_text())


    def from_a_text(path):
        path = Path(path)
        return json.loads(path.read_text())


    def step_by_step():
        directory = os.path.dirname(os.path.realpath(__file__))
        path = f"{directory}/beside.json"
        with open(path) as file:
            return json.load(file)


    def settings():
        parser = configparser.ConfigParser()
        parser.read(Path(__file__).with_name("beside.ini"))
        return parser.sections()


    def step(batch, batch_idx):
        return READ
    """
for title, read, file in [
    ("by a keyword", "json.load(open(file=os.path.join(os.path.dirname(__file__), 'beside.json')))", "json"),
    ("by the default of a parameter", "by_default()", "json"),
    ("by a parameter that a path is made of", "from_a_text(os.path.dirname(__file__) + '/beside.json')", "json"),
    (
        "by one of two paths that a helper is passed",
        "from_a_text(Path(__file__).parent / 'beside3.json') + from_a_text(os.path.dirname(__file__) + '/beside.json')",
        "json",
    ),
    ("by names that a function gives to parts", "step_by_step()", "json"),
    ("beside the module", "open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'beside.json')).read()", "json"),
    ("by the parents of a path", "(Path(__file__).resolve().parents[0] / 'beside.json').read_text()", "json"),
    ("by joining a path", "Path(__file__).parent.joinpath('beside.json').read_text()", "json"),
    ("by another name in the same place", "Path(__file__).with_name('beside').with_suffix('.json').read_text()", "json"),
    ("by an entry of a dictionary", "Path(__file__).with_name(NAMES['vector']).read_text()", "json"),
    ("by a number in its name", "Path(__file__).with_name(f'beside{LAYER}.json').read_text()", "3.json"),
    ("by `%`", "open(os.path.dirname(__file__) + '/beside%d.json' % LAYER).read()", "3.json"),
    ("by `format`", "open('{}/beside.json'.format(os.path.dirname(__file__))).read()", "json"),
    ("below a directory that the module names", "(HERE / 'beside.json').read_text()", "json"),
    ("below a directory that the module names, by open", "json.load(open(os.path.join(PLACE, 'beside.json')))", "json"),
    ("with a parser of settings", "settings()", "ini"),
    ("inside an archive", "zipfile.ZipFile(Path(__file__).with_name('beside.zip')).read('inner')", "zip"),
]:  # fmt: skip
    text = BESIDE.replace("READ", read)
    old = f'"beside.{file}").write_text("[1]"'.replace(".3", "3")
    seen(f"a file that the step reads {title}", text, old, old.replace("[1]", "[2]"), places=("module", "script"))
    kept(f"a file beside one that the step reads {title}", text, "LAYER = 3", "LAYER = 3; Path(__file__).with_name('other.json').write_text('1')", places=("module", "script"))  # fmt: skip

LOADED = """
    from pathlib import Path

    import datasets

    DIRECTORY = Path("kept")
    (DIRECTORY / "rows").mkdir(parents=True, exist_ok=True)
    (DIRECTORY / "rows/data.arrow").write_text("[1]")
    (DIRECTORY / "rows.json").write_text('{"value": 1}')


    def step(batch, batch_idx):
        return READ
    """
for title, read, old in [
    ("a directory", "datasets.load_from_disk('kept/rows')[0]", '"[1]"'),
    ("a directory that it names by a keyword", "datasets.Dataset.load_from_disk(dataset_path='kept/rows')[0]", '"[1]"'),
    ("a file that `datasets` reads", "datasets.Dataset.from_json(str(DIRECTORY / 'rows.json'))[0]", "'{\"value\": 1}'"),
    ("a file that a loader of `datasets` reads", "datasets.load_dataset('json', data_files='kept/rows.json')", "'{\"value\": 1}'"),
]:  # fmt: skip
    text = LOADED.replace("READ", read)
    seen(f"{title}, which the step loads", text, old, old.replace("1", "2"))
    kept(f"what lies beside {title}, which the step loads", text, "DIRECTORY = ", "Path('kept').mkdir(exist_ok=True); Path('kept/other').write_text('1'); DIRECTORY = ")  # fmt: skip
kept(
    "what is hidden in a directory that the step loads",
    LOADED.replace("READ", "datasets.load_from_disk('kept/rows')[0]"),
    '(DIRECTORY / "rows.json")',
    "(DIRECTORY / 'rows/.seen').write_text('1'); (DIRECTORY / \"rows.json\")",
)
CONFIGURED = LOADED.replace("READ", "datasets.load_dataset('kept/rows', split='train')[0]").replace(
    '(DIRECTORY / "rows.json")',
    "(DIRECTORY / 'rows/.huggingface.yaml').write_text('configs: [{config_name: default, data_files: 1.json}]')\n"
    '    (DIRECTORY / "rows.json")',
)
seen("the hidden configuration of a directory that `load_dataset` loads", CONFIGURED, "1.json", "2.json")
kept(
    "what else is hidden beside the configuration of a directory that `load_dataset` loads",
    CONFIGURED,
    '(DIRECTORY / "rows.json")',
    "(DIRECTORY / 'rows/.DS_Store').write_text('1'); (DIRECTORY / \"rows.json\")",
)
seen(
    "another file in a directory that the step loads",
    LOADED.replace("READ", "datasets.load_from_disk('kept/rows')[0]"),
    '(DIRECTORY / "rows.json")',
    "(DIRECTORY / 'rows/more.arrow').write_text('1'); (DIRECTORY / \"rows.json\")",
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
