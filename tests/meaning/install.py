"""Installs the project as people do, editable or as a wheel, into an environment of its own."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

from .table import LAB

PYPROJECT = """
[build-system]
requires = []
build-backend = "build_lab"
backend-path = ["."]

[project]
name = "lab-project"
version = "{version}"
"""

#: A build backend without dependencies, so that nothing is downloaded.
BACKEND = """
import zipfile
from pathlib import Path

INFO = "lab_project-{version}.dist-info"


def build(directory, files):
    name = "lab_project-{version}-py3-none-any.whl"
    files = {{
        **files,
        f"{{INFO}}/METADATA": "Metadata-Version: 2.1\\nName: lab-project\\nVersion: {version}\\n",
        f"{{INFO}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: lab\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    record = "".join(f"{{path}},,\\n" for path in [*files, f"{{INFO}}/RECORD"])
    with zipfile.ZipFile(Path(directory, name), "w") as wheel:
        for path, text in {{**files, f"{{INFO}}/RECORD": record}}.items():
            wheel.writestr(path, text)
    return name


def build_editable(directory, config_settings=None, metadata_directory=None):
    return build(directory, {{"lab_project.pth": str(Path.cwd())}})


def build_wheel(directory, config_settings=None, metadata_directory=None):
    return build(directory, {{str(path): path.read_text() for path in Path("lab").glob("*.py")}})
"""


def editable_install(directory: Path) -> tuple[str, str]:
    """Make an environment in which the project is installed editable.

    Returns:
        The environment's Python and the project's directory.
    """
    project = lay_out_project(directory / "project")
    python = environment(directory / "environment")
    install(python, "-e", str(project))
    return str(python), str(project)


def lay_out_project(project: Path, version: str = "1.0") -> Path:
    """Write the project with what it takes to install it."""
    shutil.copytree(LAB, project / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "pyproject.toml").write_text(PYPROJECT.format(version=version), encoding="utf-8")
    (project / "build_lab.py").write_text(BACKEND.format(version=version), encoding="utf-8")
    return project


def environment(directory: Path) -> Path:
    """Make a virtual environment that sees the libraries of this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    python = directory / "bin" / "python"
    libraries = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    outer = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()])
    Path(libraries, "outer.pth").write_text("\n".join(outer) + "\n", encoding="utf-8")
    return python


def install(python: Path, *what: str) -> None:
    """Install with pip, from this machine only."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    finished = subprocess.run(
        [*command, "--no-build-isolation", "--disable-pip-version-check", *what], capture_output=True, text=True
    )
    if finished.returncode:
        raise RuntimeError(f"pip install {' '.join(what)} failed:\n{finished.stdout}\n{finished.stderr}")
