"""Claim: what a first run computes in minutes, a hit in a new process gives back in milliseconds.

The demo on the model with the 124 million parameters of GPT-2: the first run, the second in a new process, one weight
changed, fewer batches.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", default="gpt2", choices=("tiny", "small", "gpt2"))
    options.add_argument("--sentences", default="64")
    options.add_argument("--json", type=Path, help="write the demo's table there, as text in JSON")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as base:
        words = ["demo", "--size", arguments.size, "--sentences", arguments.sentences, "--base", base]
        command = [sys.executable, "-m", "interpretune.analysis.cache", *words]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    if arguments.json:
        arguments.json.write_text(json.dumps({"table": done.stdout.splitlines()}, indent=1))


if __name__ == "__main__":
    main()
