"""The same code means the same wherever it runs from, and the running code counts, not what lies on disk."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from code_runner import digest, key_of
from interpretune.analysis.cache.digests.distributions import PYTHON, file_origin, function_origin, module_origin
from interpretune.analysis.cache.digests.installed import local_build
from interpretune.analysis.cache.digests.numerics import runtime_versions
from interpretune.analysis.cache.digests.policy import Policy

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src"

STEP = '''
import helping
from helping import scale

FACTOR = 0.5


class Rescale:
    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return scale(x) * self.by


rescale = Rescale(3)


def op(batch):
    """A step."""
    return [rescale(x) * FACTOR + helping.OFFSET for x in batch]
'''
HELPING = """
OFFSET = 1


def scale(x):
    return x * 2
"""


def environment(*folders: Path) -> dict[str, str]:
    path = os.pathsep.join(map(str, (*folders, SOURCE, HERE)))
    return {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "5"}


def run(script: str, folder: Path, *arguments: str, paths: tuple[Path, ...] = (), feed: str | None = None) -> str:
    """Run Python in a fresh process; give the last line that it prints."""
    command = [sys.executable, *arguments, *([script] if script else [])]
    done = subprocess.run(
        command, input=feed, cwd=folder, env=environment(*paths), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "helping.py").write_text(HELPING)
    (tmp_path / "stepping.py").write_text(STEP)
    return tmp_path


@pytest.fixture
def imported() -> Iterator[Any]:
    """Import a module from a folder; forget it afterwards."""
    before, path = set(sys.modules), list(sys.path)

    def load(folder: Path, name: str) -> ModuleType:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield load
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def module_key(folder: Path, name: str = "stepping") -> str:
    return run(f"import code_runner, {name}; print(code_runner.key_of({name}.op))", folder, "-c", paths=(folder,))


SHOW = "\nimport code_runner\nprint(code_runner.key_of(op))\n"


def test_a_module_a_script_and_a_renamed_module_have_one_key(folder: Path) -> None:
    (folder / "script.py").write_text("# A script.\n\n" + STEP + SHOW)
    (folder / "renamed.py").write_text("\n\n" + STEP)
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "inner.py").write_text(STEP)
    keys = {module_key(folder), module_key(folder, "renamed"), run("script.py", folder)}
    keys.add(
        run("import code_runner, package.inner as m; print(code_runner.key_of(m.op))", folder, "-c", paths=(folder,))
    )
    assert len(keys) == 1


def test_a_notebook_has_the_key_of_a_module(folder: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient").NotebookClient
    head, _, tail = STEP.partition("def op")
    cells = [
        "import code_runner", head, f"def op{tail}", "print(code_runner.key_of(op))",
        "FACTOR = 0.25", "print(code_runner.key_of(op))",
        f"def op{tail}".replace("FACTOR +", "FACTOR -"), "FACTOR = 0.5", "print(code_runner.key_of(op))",
    ]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    os.environ["PYTHONPATH"], before = environment(folder)["PYTHONPATH"], os.environ.get("PYTHONPATH", "")
    try:
        client(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    finally:
        os.environ["PYTHONPATH"] = before
    keys = ["".join(output.get("text", "") for output in cell.outputs).strip() for cell in notebook.cells]
    first, constant, body = (key for key in keys if key)
    assert first == module_key(folder)
    (folder / "stepping.py").write_text(STEP.replace("FACTOR = 0.5", "FACTOR = 0.25"))
    assert constant == module_key(folder)
    (folder / "stepping.py").write_text(STEP.replace("FACTOR +", "FACTOR -"))
    assert body == module_key(folder)


@pytest.mark.parametrize("how", ["exec", "standard input"])
def test_code_without_source_counts_by_its_compiled_form(folder: Path, how: str) -> None:
    # What is called cannot be told from what is passed on in compiled code, so the object's method is named.
    step = STEP.replace("__call__", "run").replace("rescale(x)", "rescale.run(x)")

    def key(before: str = "", after: str = "") -> str:
        text = step.replace(before, after)
        if how == "standard input":
            return run("-", folder, feed=text + SHOW)
        return run(f"import code_runner; n = {{}}; exec({text!r}, n); print(code_runner.key_of(n['op']))", folder, "-c")

    keys = [key(), key(), key("FACTOR = 0.5", "FACTOR = 0.25"), key("Rescale(3)", "Rescale(4)")]
    keys += [key("FACTOR +", "FACTOR -"), key("scale(x) * self.by", "scale(x) + self.by")]
    (folder / "helping.py").write_text(HELPING.replace("x * 2", "x * 3"))
    keys.append(key())
    (folder / "helping.py").write_text(HELPING.replace("OFFSET = 1", "OFFSET = 2"))
    keys.append(key())
    assert keys[0] == keys[1]
    assert len(set(keys)) == 7


def test_code_without_source_is_noted() -> None:
    names: dict[str, Any] = {}
    exec("def op(batch):\n    return batch + 1", names)
    assert any("valid for this Python version only" in note for note in digest(names["op"]).notes)


def test_a_reloaded_module_counts_as_it_runs(folder: Path, imported: Any) -> None:
    module = imported(folder, "helping")
    before = key_of(module.scale)
    (folder / "helping.py").write_text("# Moved.\n" + HELPING.replace("x * 2", "x * 30"))
    assert key_of(module.scale) == before
    importlib.reload(module)
    assert key_of(module.scale) != before
    (folder / "helping.py").write_text(HELPING)
    importlib.invalidate_caches()
    os.utime(folder / "helping.py", (1, 1))
    importlib.reload(module)
    assert key_of(module.scale) == before


def test_a_file_edited_after_its_import_is_not_believed(folder: Path, imported: Any) -> None:
    edited = HELPING.replace("x * 2", "x * 30")
    scale = imported(folder, "helping").scale
    (folder / "helping.py").write_text(edited)
    (folder / "later.py").write_text(edited)
    running = digest(scale)
    assert any("no source was found" in note for note in running.notes)
    assert running.components["op.implementation"] != key_of(imported(folder, "later").scale)


def test_a_file_whose_other_lines_were_edited_is_believed(folder: Path, imported: Any) -> None:
    (folder / "before.py").write_text(HELPING)
    before = key_of(imported(folder, "before").scale)
    scale = imported(folder, "helping").scale
    (folder / "helping.py").write_text("import os\n\n\n" + HELPING.replace("OFFSET = 1", "OFFSET = 2"))
    assert digest(scale).notes == []
    assert key_of(scale) == before


def test_lambdas_on_one_line_are_told_apart(folder: Path, imported: Any) -> None:
    (folder / "lines.py").write_text(
        "a, b, c, d = (lambda x: x + 1), (lambda x: x + 2), (lambda: lambda: 1), (lambda x: x + 1)\n"
    )
    module = imported(folder, "lines")
    keys = [key_of(getattr(module, name)) for name in "abcd"] + [key_of(module.c())]
    assert len(set(keys)) == 4
    assert keys[0] == keys[3]
    assert all(digest(getattr(module, name)).notes == [] for name in "abcd")


REGISTERED = """
class Base:
    def run(self, x): return x
class Twice(Base):
    def run(self, x): return x * 2
class Below(Twice):
    def run(self, x): return x * 3
def op(batch):
    return [cls().run(batch) for cls in Base.__subclasses__()]
"""


def test_classes_that_are_found_as_subclasses_count(folder: Path, imported: Any) -> None:
    def key(name: str, old: str = "", new: str = "") -> str:
        (folder / f"{name}.py").write_text(REGISTERED.replace(old, new))
        return key_of(imported(folder, name).op)

    first = key("first")
    assert key("again") == first
    assert first != key("direct", "x * 2", "x * 4")
    assert first != key("below", "x * 3", "x * 4")
    assert first != key("more", "def op", "class Another(Base): pass\ndef op")


def test_doctests_have_source(folder: Path) -> None:
    (folder / "documented.py").write_text(
        '"""\n>>> def op(batch):\n...     return batch + 1\n>>> import code_runner\n'
        '>>> result = code_runner.digest(op)\n>>> result.notes\n[]\n"""\n'
    )
    run("documented.py", folder, "-m", "doctest", "-v")


# Installed and user code


def install(site: Path, name: str, files: dict[str, str], listed: bool = True, editable: bool = False) -> None:
    """Write what installing a distribution leaves behind."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    for file, text in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text)
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files) if listed else "")
    if editable:
        (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": True}}))


def test_installed_code_counts_by_distribution_and_name(tmp_path: Path, imported: Any) -> None:
    install(tmp_path / "site", "Some_Library", {"some_library/__init__.py": HELPING})
    module = imported(tmp_path / "site", "some_library")
    assert not module_origin(module).user
    assert function_origin(module.scale).distribution == "some-library"

    def op(batch: Any) -> Any:
        return module.scale(batch)

    result = digest(op)
    assert result.uses == {"some-library"}
    (tmp_path / "site" / "some_library" / "__init__.py").write_text(HELPING.replace("x * 2", "x * 3"))
    importlib.reload(module)
    assert digest(op).components == result.components


@pytest.mark.parametrize(
    ("url", "origin", "counts"),
    [
        ("file:///x", "dir_info", True),
        ("https://example.org/x.git", "vcs_info", True),
        ("file:///x/dist/x.whl", "archive_info", True),
        ("https://example.org/x.whl", "archive_info", False),
        ("file:///builder/x", "dir_info by conda", False),
        ("file:///builder/x.whl", "archive_info by conda", False),
        ("", "", False),
    ],
)
def test_what_was_installed_again_under_its_version_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, origin: str, counts: bool
) -> None:
    told, _, installer = origin.partition(" by ")

    def version(number: int, extra: str = "") -> str:
        site = tmp_path / str(number)
        install(site, "somelibrary", {"somelibrary.py": HELPING})
        info = site / "somelibrary-1.0.dist-info"
        text = f"somelibrary.py,sha256={number},9\n__pycache__/somelibrary.cpython.pyc,,\n"
        (info / "RECORD").write_text(text + f"somelibrary-1.0.dist-info/direct_url.json,sha256=x{extra},1\n")
        if told:
            (info / "direct_url.json").write_text(json.dumps({"url": url, told: {}}))
        (info / "INSTALLER").write_text(f"{installer or 'pip'}\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(site))
            local_build.cache_clear()
            try:
                return runtime_versions(["somelibrary"], Policy())["somelibrary"]
            finally:
                local_build.cache_clear()

    first = version(1)
    assert first.startswith("1.0")
    assert (version(2) != first) is counts
    shutil.rmtree(tmp_path / "1")
    assert version(1, extra="another place") == first


@pytest.mark.parametrize("how", ["editable", "dropped", "folder"])
def test_code_that_is_not_installed_counts_by_source(tmp_path: Path, imported: Any, how: str) -> None:
    files = {"some_module.py": HELPING}
    if how == "folder":
        (tmp_path / "site-packages").mkdir()
        (tmp_path / "site-packages" / "some_module.py").write_text(HELPING)
    else:
        install(tmp_path / "site-packages", "some-module", files, listed=how == "editable", editable=how == "editable")
    module = imported(tmp_path / "site-packages", "some_module")
    assert module_origin(module).user
    before = key_of(module.scale)
    (tmp_path / "site-packages" / "some_module.py").write_text(HELPING.replace("x * 2", "x * 30"))
    importlib.reload(module)
    assert key_of(module.scale) != before


def test_an_installed_function_that_was_replaced_counts_by_source(tmp_path: Path, imported: Any) -> None:
    install(tmp_path / "site", "some-library", {"some_library.py": HELPING})
    module = imported(tmp_path / "site", "some_library")

    def op(batch: Any) -> Any:
        return module.scale(batch)

    keys = {key_of(op)}
    module.scale = lambda x: x * 5
    keys.add(key_of(op))
    module.scale = lambda x: x * 6
    keys.add(key_of(op))
    assert len(keys) == 3


def test_the_standard_library_is_not_the_users() -> None:
    assert file_origin(json.__file__) == PYTHON
    assert module_origin(sys) == PYTHON
    assert file_origin(__file__).user


def test_compiled_code_of_the_user_counts_by_its_file(tmp_path: Path) -> None:
    import _bisect

    file = getattr(_bisect, "__file__", None)
    if file is None:
        pytest.skip("this Python has no extension module to copy")
    text = (
        "import sys, importlib.util as u, code_runner\n"
        "spec = u.spec_from_file_location('_bisect', sys.argv[1])\n"
        "module = sys.modules['_bisect'] = u.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "find = module.bisect_left\n"
        "def op(batch): return find(batch, 1)\n"
        "print(code_runner.key_of(op))\n"
    )
    (tmp_path / "script.py").write_text(text)
    keys = []
    for number, extra in enumerate((b"", b"", b"changed")):
        copy = tmp_path / f"{number}" / Path(file).name
        copy.parent.mkdir()
        copy.write_bytes(Path(file).read_bytes() + extra)
        done = subprocess.run(
            [sys.executable, "script.py", str(copy)],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        keys.append(done.stdout.strip())
    assert keys[0] == keys[1] != keys[2]
