"""Recomputes the digests in `code.json`: `python tests/golden/code.py` prints them, `--write` stores them.

Each is the digest of a step in the programs of `code_rows` and `code_small_rows`. They are the same on every Python
version and in every process; one that changes makes entries unfindable, so it takes a new `KEY_VERSION`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from code_rows import PROGRAM
from code_runner import key_of_files
from code_small_rows import HELPER, SMALL


def computed() -> dict[str, str]:
    """Give the digest of each step, by the name of its program."""
    programs = {"program": PROGRAM, **{row.name: {"ops": row.source, "helpers_x": HELPER} for row in SMALL}}
    return {name: key_of_files(files) for name, files in programs.items()}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help="store them")
    text = json.dumps(computed(), indent=1) + "\n"
    if arguments.parse_args().write:
        Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
