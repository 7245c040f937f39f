"""The demo as a command: four runs, each in a process of its own, as the lines of a table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from ..entry import open_entry
from ..explain import sentences, stored_fingerprint
from ..html import size_text

__all__ = ["demo"]

SIZE_NAMES = ("tiny", "small", "gpt2")
LINE = "{:<3}{:<24}{:<10}{:>17}{:>11}{:>11}"


@click.command()
@click.option(
    "--size",
    type=click.Choice(SIZE_NAMES),
    default="small",
    show_default=True,
    help="The model; gpt2 has 124M parameters.",
)
@click.option(
    "--sentences",
    "count",
    type=click.IntRange(32, 320),
    default=320,
    show_default=True,
    help="How many prompts to run.",
)
@click.option(
    "--base",
    type=click.Path(file_okay=False),
    help="Where to keep the entries; a new temporary directory if not given.",
)
def demo(size: str, count: int, base: str | None) -> None:
    """Run a small transformer over some text, and see its results found again in new processes."""
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"the demo needs {' and '.join(missing)}: pip install 'interpretune-analysis-cache[demo]'"
        )
    base = os.path.abspath(base or tempfile.mkdtemp(prefix="interpretune-demo-"))
    click.echo(
        "A transformer with random weights reads short prompts. Of each prompt two things are kept: the logits of the\n"
        'answers "yes" and "no", and the activations of one layer. Each run below is a new Python process; what it\n'
        "knows of those before it lies in the cache.\n"
    )
    click.echo(LINE.format("", "run", "outcome", "batches computed", "time", "size"))
    batches = -(-count // 16)
    request = {"size": size, "sentences": count, "base": base}
    first = _show(1, "first run", request)
    again = _show(2, "the same again", request)
    fewer = _show(3, f"only {batches // 2} of the batches", {**request, "limit": batches // 2})
    changed = _show(4, "one weight changed", {**request, "change_weight": True})

    click.echo(_about(size, first))
    same = again["digests"] == first["digests"] and fewer["digests"] == first["digests"][: fewer["rows"]]
    click.echo(f"\nRuns 2 and 3 gave the same rows as run 1: {'yes' if same else 'NO'}.")
    click.echo("Run 4 was not given them, as something differs that can change the rows:")
    for sentence in _differences(first, changed):
        click.echo(f"  {sentence}")
    click.echo(
        f"\nThe entry of runs 1 to 3, plain files that `datasets.load_from_disk` opens:\n  {first['path']}\n"
        f"The whole cache of this demo (remove it as you like):\n  {base}"
    )
    if not same:
        sys.exit(1)


def _show(number: int, title: str, request: dict[str, Any]) -> dict[str, Any]:
    result = _run(request)
    click.echo(
        LINE.format(
            number,
            title,
            result["status"],
            f"{result['computed']} of {result['batches']}",
            _duration(result["seconds"]),
            size_text(open_entry(Path(result["path"])).nbytes),
        )
    )
    return result


def _about(size: str, result: dict[str, Any]) -> str:
    length, width = result["shape"]
    return (
        f"\nThe model: {size}, {result['parameters'] / 1e6:.1f} million parameters. "
        f"The rows: {result['rows']} prompts in {result['batches']} batches,\n"
        f"each with 2 logits and {length} x {width} activations of layer {result['layer']}. "
        "The time is that of asking the cache\nand, where it had to be, computing; "
        "it leaves out starting Python and building the model."
    )


def _run(request: dict[str, Any]) -> dict[str, Any]:
    """Do one run in a process of its own."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    command = [sys.executable, "-m", f"{__package__}.analysis", json.dumps(request)]
    # A person at a terminal sees the progress bar of a long run; into a file goes the table alone.
    watched = sys.stderr.isatty()
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=None if watched else subprocess.PIPE, text=True
    )
    if done.returncode:
        raise click.ClickException(f"a run failed with exit code {done.returncode}\n{done.stderr or ''}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _differences(older: dict[str, Any], newer: dict[str, Any]) -> list[str]:
    fingerprints = [stored_fingerprint(open_entry(Path(result["path"]))) for result in (older, newer)]
    return sentences(fingerprints[0].diff(fingerprints[1]))


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
