"""The examples of the README and the documentation run, and CI runs the command that the README gives."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: The tutorial has a test of its own, as it needs more than one process.
PAGES = [ROOT / "README.md", *sorted(set((ROOT / "docs").glob("*.md")) - {ROOT / "docs" / "tutorial.md"})]
BLOCK = re.compile(r"^(?P<mark><!-- not run: .+ -->\n)?```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(page: Path) -> str:
    """Give the Python of a page that is meant to run, as one program whose line numbers are the page's."""
    text = page.read_text(encoding="utf-8")
    program = ""
    for block in BLOCK.finditer(text):
        if not block["mark"]:
            program += "\n" * (text.count("\n", 0, block.start("code")) - program.count("\n")) + block["code"]
    return program


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)], ids=lambda page: page.name)
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    program = examples(page)
    for library in ("torch", "transformers"):
        if f"import {library}\n" in program:
            pytest.importorskip(library)
    script = tmp_path / f"{page.stem}.py"
    script.write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_ci_runs_the_command_of_the_readme() -> None:
    command = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.endswith("nox -s tests"))
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert command.replace("nox -s tests", "nox --allow-parallel --parallel 2 -s lint docs tests") in script
