"""The tutorial runs, cell by cell in a real Jupyter kernel, and prints what it says that it prints."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial.md"
PIECE = re.compile(r"^```(?P<kind>python|text)\n(?P<text>.*?)^```$|^<!-- the kernel is restarted", re.M | re.S)


def cells() -> Iterator[tuple[str, str | None]]:
    """Give the source of each cell with the text below it, or None; an empty cell where the kernel is restarted."""
    pieces = [(piece["kind"], piece["text"]) for piece in PIECE.finditer(TUTORIAL.read_text(encoding="utf-8"))]
    for index, (kind, text) in enumerate(pieces):
        if kind != "text":
            following = pieces[index + 1 : index + 2]
            yield text or "", following[0][1] if following and following[0][0] == "text" else None


class Kernel:
    """A Jupyter kernel in a process of its own."""

    def __init__(self, directory: Path) -> None:
        manager = pytest.importorskip("jupyter_client.manager")
        self.manager, self.client = manager.start_new_kernel(kernel_name="python3", cwd=str(directory))

    def run(self, source: str) -> str:
        """Run a cell and give what it printed."""
        printed: list[str] = []

        def hear(message: dict) -> None:
            content = message["content"]
            if message["msg_type"] == "error":
                printed.append("\n".join(content["traceback"]))
            elif content.get("name") == "stdout":
                printed.append(content["text"])

        reply = self.client.execute_interactive(source, output_hook=hear, timeout=120, allow_stdin=False)
        assert reply["content"]["status"] == "ok", "".join(printed)
        return "".join(printed)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_tutorial_prints_what_it_says(tmp_path: Path) -> None:
    for library in ("torch", "transformers", "ipykernel"):
        pytest.importorskip(library)
    kernel = Kernel(tmp_path)
    checker = doctest.OutputChecker()
    try:
        for number, (source, promised) in enumerate(found := list(cells())):
            if not source:
                kernel.close()
                kernel = Kernel(tmp_path)
                for earlier, _ in found[:number]:
                    kernel.run(earlier)
                continue
            printed = kernel.run(source)
            if promised is not None:
                assert checker.check_output(promised, printed, doctest.ELLIPSIS), f"{source}\nprinted\n{printed}"
    finally:
        kernel.close()
