"""Which files count for code that reads them, and what a note tells of those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from code_runner import digest_of_text, key_of_files

HEAD = """
import glob, io, os, pickle, subprocess, sqlite3
import numpy as np
from pathlib import Path
def load(path):
    with open(path, "rb") as file:
        return pickle.load(file)
def usual(path="there"):
    return open(path).read()
def fetch(name):
    return np.load(name + ".npy")
"""


def notes(body: str) -> list[str]:
    return digest_of_text(f"{HEAD}\ndef op(b):\n    return {body}\n").notes


@pytest.mark.parametrize(
    "body",
    [
        "open('there').read()",
        "load('there')",
        "load(os.path.join('folder', 'there'))",
        "fetch('there')",
        "usual()",
        "os.read(os.open('there', os.O_RDONLY), 9)",
        "os.open(b, os.O_WRONLY | os.O_CREAT)",
        "os.open(b, os.O_CREAT | (os.O_WRONLY if b else os.O_RDWR | os.O_TRUNC))",
        "os.fdopen(os.open('there', flags=os.O_RDONLY)).read()",
        "np.load(io.BytesIO(b))",
        "open(b, 'w').write('x')",
        "b.open().read()",
    ],
)
def test_nothing_is_said_where_nothing_is_missed(body: str) -> None:
    assert notes(body) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("load(b)", "`open(path, 'rb')`"),
        ("load('there') + load(b)", "`open(path, 'rb')`"),
        ("fetch(b)", "`np.load(name + '.npy')`"),
        ("usual(*b)", "`open(path)`"),
        ("usual(**b)", "`open(path)`"),
        ("np.load(b)", "`np.load(b)`"),
        ("os.read(os.open(b, os.O_RDONLY), 9)", "`os.open(b, os.O_RDONLY)`"),
        ("os.open(b, os.O_WRONLY if b else os.O_RDONLY)", "`os.open(b, os.O_WRONLY if b else os.O_RDONLY)`"),
        ("os.open(b, os.O_RDWR | os.O_TRUNC * len(b))", "`os.open(b, os.O_RDWR | os.O_TRUNC * len(b))`"),
        ("open(b, 'a+').read()", "`open(b, 'a+')`"),
        ("os.open('there', os.O_RDONLY, dir_fd=b)", "`os.open('there', os.O_RDONLY, dir_fd=b)`"),
        ("list(map(os.open, b))", "`os.open`"),
        ("Path(b).read_text()", "`Path(b).read_text()`"),
        ("list(map(np.load, b))", "`numpy.load`"),
        ("list(map(open, b))", "`builtins.open`"),
        ("b.from_pretrained('some/model')", "`'some/model'`"),
        ("b.from_pretrained(b)", "`b.from_pretrained(b)`"),
        ("glob.glob('*.npy')", "lists files"),
        ("os.listdir('.')", "lists files"),
        ("subprocess.check_output('date')", "another program"),
        ("sqlite3.connect('there')", "a database"),
    ],
)
def test_a_note_tells_what_does_not_count(body: str, told: str) -> None:
    (note,) = notes(body)
    assert told in note


def test_a_path_that_grows_without_end_is_given_up() -> None:
    text = (
        "\ndef grow(path):\n    return open(path).read() + grow(path + 'x')\ndef op(b):\n    return grow('a' + 'b')\n"
    )
    assert digest_of_text(HEAD + text).components


@pytest.mark.parametrize(("count", "told"), [(16, 0), (17, 1)])
def test_more_paths_than_are_told_apart_are_noted(count: int, told: int) -> None:
    calls = ", ".join(f"load(os.path.join('.', 'file{number}'))" for number in range(count))
    assert len(notes(f"[{calls}]")) == told


def test_files_that_change_places_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def key(one: str, other: str) -> str:
        Path("one").write_text(one)
        Path("other").write_text(other)
        text = "def op(b):\n    return load(os.path.join('.', 'one')), load(os.path.join('.', 'other'))\n"
        return digest_of_text(HEAD + text).components["op.implementation"]

    assert key("1", "2") == key("1", "2") != key("2", "1")


def test_a_checkpoint_counts_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    text = (
        "import functools\nfrom transformers import GPT2Config\n"
        "@functools.lru_cache\ndef made():\n"
        "    return GPT2Config.from_pretrained(pretrained_model_name_or_path='kept')\n"
        "def op(b):\n    return made()\n"
    )

    def key() -> str:
        return digest_of_text(text).components["op.implementation"]

    without = key()
    Path("kept/inner").mkdir(parents=True)
    Path("kept/config.json").write_text("{}")
    first = key()
    Path("kept/inner/weights").write_text("1")
    second = key()
    Path("kept/inner/weights").write_text("2")
    third = key()
    Path("kept/inner/weights").rename("kept/inner/others")
    assert len({without, first, second, third, key()}) == 5


PLACED = """
import os
from pathlib import Path
HERE = Path(__file__).parent
PLACE = os.path.dirname(__file__)
ELSEWHERE = Path(%r)
(HERE / "vector.txt").write_text("%s")
def op(b):
    return %s
"""


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        ("(HERE / 'vector.txt').read_text()", False),
        ("HERE.joinpath('vector.txt').open().read()", False),
        ("open(HERE / 'vector.txt').read()", False),
        ("open(os.path.join(PLACE, 'vector.txt')).read()", False),
        ("open(f'{PLACE}/vector.txt').read()", False),
        ("(HERE / 'vector.txt').read_text() + str(HERE)", True),
        ("str(HERE / 'vector.txt')", True),
        ("open(HERE / b).read()", True),
        ("open(HERE / 'log.txt', 'w').write(PLACE)", True),
    ],
)
def test_where_a_module_lies_counts_unless_it_only_leads_to_a_file(body: str, counts: bool) -> None:
    # Each time in a folder of its own.
    one, moved, other = (key_of_files({"placed": PLACED % ("", text, body)}) for text in ("1", "1", "2"))
    assert (one != moved) is counts
    assert other not in (one, moved)


def test_a_directory_elsewhere_counts(tmp_path: Path) -> None:
    bodies = [PLACED % (str(tmp_path / name), "1", "(ELSEWHERE / 'vector.txt').read_text()") for name in "ab"]
    assert key_of_files({"placed": bodies[0]}) != key_of_files({"placed": bodies[1]})
