"""`interpretune.analysis.cache` is ours in every installation: real environments, real wheels, a stand-in host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytest.importorskip("hatchling")
pytest.importorskip("setuptools")

ROOT = Path(__file__).parent.parent
DISTRIBUTION = "interpretune-analysis-cache"

#: What interpretune does on its way up, in small: a finder of its own in front, the placeholder imported by `analysis`.
HOST_FILES = {
    "interpretune/__init__.py": """
import sys
from importlib.machinery import PathFinder

class Hook:
    def find_spec(self, fullname, path=None, target=None):
        return PathFinder.find_spec(fullname, path, target) if fullname == "interpretune.analysis" else None

sys.meta_path.insert(0, Hook())
IS_HOST = True
""",
    "interpretune/analysis/__init__.py": "from interpretune.analysis.cache import enable_analysisstore_caching\n",
    "interpretune/analysis/cache.py": "IS_PLACEHOLDER = True\ndef enable_analysisstore_caching(): ...\n",
}
HOST_PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "interpretune"
version = "0.1"
[tool.setuptools.packages.find]
"""

PROBE = """
import importlib, json, sys
import interpretune
from interpretune.analysis.cache import enable_analysisstore_caching
cache = sys.modules["interpretune.analysis.cache"]
placeholder = hasattr(cache, "IS_PLACEHOLDER")
print(json.dumps({
    "host": hasattr(interpretune, "IS_HOST"),
    "placeholder": placeholder,
    "file": cache.__file__,
    "submodule": None if placeholder else importlib.import_module(cache.__name__ + ".errors").__file__,
}))
"""

SPAWN = """
import multiprocessing

def which(_):
    import interpretune.analysis.cache as cache
    return cache.__file__

if __name__ == "__main__":
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(*pool.map(which, [0]))
"""


class Environment:
    """A virtual environment that sees this one's dependencies, and this project only where a test installs it."""

    def __init__(self, directory: Path, dependencies: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
        self.python = directory / "bin" / "python"
        self.site = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
        (self.site / "dependencies.pth").write_text(f"{dependencies}\n")

    def run(self, *arguments: str | Path) -> str:
        """Run a fresh interpreter, which must write nothing to stderr, and give its output."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
        command = [self.python, *arguments]
        done = subprocess.run(command, env=env, cwd=self.python.parent, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def probe(self, *options: str) -> dict[str, object]:
        """Tell which `interpretune.analysis.cache` an import gives."""
        return json.loads(self.run(*options, "-c", PROBE))

    def pip(self, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def install(self, *wheels: Path) -> None:
        self.pip("install", "--no-deps", "--no-index", *wheels)

    def uninstall(self, distribution: str) -> None:
        self.pip("uninstall", "--yes", distribution)


def build(project: Path, backend: str, hook: str, into: Path) -> Path:
    """Build a wheel by the hook that `pip install` (`build_wheel`) or `pip install -e` (`build_editable`) calls."""
    into.mkdir(parents=True)
    code = f"import {backend} as backend; backend.{hook}({str(into)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=project, check=True, capture_output=True)
    (wheel,) = into.glob("*.whl")
    return wheel


def host_project(directory: Path, source: str) -> Path:
    """Write the stand-in host's checkout, its packages in `source`."""
    for name, text in HOST_FILES.items():
        file = directory / source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    where = f'where = ["{source}"]\n' if source else 'include = ["interpretune*"]\n'
    (directory / "pyproject.toml").write_text(HOST_PROJECT + where)
    return directory


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    tmp = tmp_path_factory.mktemp("wheels")
    layered, flat = host_project(tmp / "layered", "src"), host_project(tmp / "flat", "")
    return {
        "wheel": build(ROOT, "hatchling.build", "build_wheel", tmp / "1"),
        "editable": build(ROOT, "hatchling.build", "build_editable", tmp / "2"),
        "host wheel": build(layered, "setuptools.build_meta", "build_wheel", tmp / "3"),
        # setuptools makes the first of these visible by a path, the second by a finder.
        "host editable by path": build(layered, "setuptools.build_meta", "build_editable", tmp / "4"),
        "host editable by finder": build(flat, "setuptools.build_meta", "build_editable", tmp / "5"),
    }


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that is installed here but this project, as one directory of links."""
    links = tmp_path_factory.mktemp("dependencies")
    for site in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for item in Path(site).iterdir():
            if "interpretune" not in item.name and item.suffix != ".pth":
                (links / item.name).symlink_to(item)
    return links


@pytest.fixture
def environment(tmp_path: Path, dependencies: Path) -> Environment:
    return Environment(tmp_path / "venv", dependencies)


@pytest.fixture(scope="module")
def beside_a_host(tmp_path_factory: pytest.TempPathFactory, dependencies: Path, wheels: dict[str, Path]) -> Environment:
    """An environment with the host that those tests share which leave it as it was."""
    made = Environment(tmp_path_factory.mktemp("beside") / "venv", dependencies)
    made.install(wheels["wheel"], wheels["host editable by path"])
    return made


@pytest.mark.parametrize("ours", ["wheel", "editable"])
def test_without_a_host(environment: Environment, wheels: dict[str, Path], ours: str) -> None:
    environment.install(wheels[ours])
    source = environment.site if ours == "wheel" else ROOT / "src"
    package = source / "interpretune" / "analysis" / "cache"
    expected = {"host": False, "placeholder": False}
    files = {"file": str(package / "__init__.py"), "submodule": str(package / "errors.py")}
    assert environment.probe() == expected | files
    assert (
        environment.run("-c", "import interpretune.analysis as a; print(a.__file__)") == "None\n"
    )  # a namespace package

    environment.uninstall(DISTRIBUTION)
    assert not list(environment.site.glob("*interpretune*"))


@pytest.mark.parametrize("host", ["host wheel", "host editable by path", "host editable by finder"])
@pytest.mark.parametrize("ours", ["wheel", "editable"])
def test_beside_a_host(environment: Environment, wheels: dict[str, Path], ours: str, host: str) -> None:
    environment.install(wheels[ours], wheels[host])
    found = environment.probe()
    assert (found["host"], found["placeholder"]) == (True, False)

    environment.uninstall(DISTRIBUTION)
    restored = environment.probe()
    assert (restored["host"], restored["placeholder"]) == (True, True)

    environment.install(wheels[ours])
    assert environment.probe() == found


def test_every_way_to_start_an_interpreter(beside_a_host: Environment, tmp_path: Path) -> None:
    expected = beside_a_host.probe()
    assert expected["host"] is True
    assert beside_a_host.probe("-I") == expected
    assert beside_a_host.probe("-E", "-s") == expected

    script = tmp_path / "script.py"
    script.write_text(SPAWN)
    assert set(beside_a_host.run(script).split()) == {expected["file"]}


def test_start_up_loads_nothing_but_the_finder(environment: Environment, wheels: dict[str, Path]) -> None:
    listing = "import sys; print(*sorted(sys.modules))"
    before = set(environment.run("-c", listing).split())
    environment.install(wheels["wheel"])
    after = set(environment.run("-c", listing).split())
    assert after - before == {"interpretune_analysis_cache", "interpretune_analysis_cache.finder"}


@pytest.mark.parametrize(
    "gone", ["interpretune_analysis_cache", "interpretune_analysis_cache/finder.py", "interpretune"]
)
def test_files_gone_leave_a_quiet_interpreter(beside_a_host: Environment, tmp_path: Path, gone: str) -> None:
    assert beside_a_host.probe()["placeholder"] is False
    aside = (beside_a_host.site / gone).rename(tmp_path / "gone")
    found = beside_a_host.probe()
    aside.rename(beside_a_host.site / gone)
    assert found["placeholder"] is True


def test_pytest_starts_without_a_warning(environment: Environment, wheels: dict[str, Path], tmp_path: Path) -> None:
    """It finds the package of our plugin imported already, by the finder."""
    environment.install(wheels["wheel"])
    file = tmp_path / "test_nothing.py"
    file.write_text("def test_nothing(): pass")
    assert "1 passed" in environment.run("-m", "pytest", "-W", "error", "-p", "no:cacheprovider", file)
