"""What each command prints and its exit code, on an empty, a normal and a damaged base, as one transcript.

`tests/golden/cli.txt` is what a person would see; after a change that is meant, this file run
as a script writes it anew.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner

from interpretune.analysis.cache import AnalysisCache
from interpretune.analysis.cache.__main__ import main
from storing import KEY, store

GOLDEN = Path(__file__).parent / "golden" / "cli.txt"
OTHER = "fedcba9876543210" * 2
ABSENT = "a" * 32
CONTEXT = {"op": "logit_diff", "module": "GPT2LMHeadModel", "dataset": "sst2", "notes": ["a \x1b[31mnote"]}

#: The last commands of each base change it.
COMMANDS = [
    "ls",
    "ls --json",
    "ls -q --sort rows:desc --limit 1",
    "ls -f rows>3 -f op=logit_*",
    "ls -f nonsense",
    f"show {KEY}",
    f"show {KEY} --json",
    f"show {ABSENT}",
    "show 0123",
    f"explain {KEY}",
    f"explain {KEY} {OTHER} --json",
    f"explain {ABSENT}",
    "verify",
    "verify --json",
    f"verify {OTHER}",
    "stats",
    "stats --json",
    "dir",
    "dir --json",
    "size",
    "size --json",
    f"pin {KEY}",
    f"unpin {KEY} -q",
    f"pin {ABSENT}",
    "prune",
    "prune --dry-run --json",
    "prune --max-size 1B --max-age 1s -y",
    "prune --max-size much",
    f"rm {KEY}",
    f"rm {KEY} --dry-run",
    f"rm {ABSENT} -y",
    "verify --repair",
    f"rm {KEY} -y",
    f"rm {OTHER} -y --json",
    "ls",
]


def empty(base: Path) -> None:
    """Nothing was ever stored."""


def normal(base: Path) -> None:
    """Two entries that differ in one constant."""
    cache = AnalysisCache(base)
    store(cache, 5, context=CONTEXT, parts={"op": {"op.scale": ["1" * 32, "0.5"]}}, complete=True)
    changed = {"op": {"op.scale": ["2" * 32, "0.7"]}}
    store(cache, 3, key=OTHER, context=CONTEXT, parts=changed, components={"op": "1" * 32})


def damaged(base: Path) -> None:
    """One of the two lost a shard's end, the other has a manifest that says nothing."""
    normal(base)
    first, second = sorted(AnalysisCache(base).entries(), key=lambda entry: entry.key)
    shard = first.path / first.manifest.shards[0].file
    os.truncate(shard, shard.stat().st_size // 2)
    (second.path / "manifest.json").write_text("{}")


def transcript(directory: Path) -> Iterator[str]:
    """Give what a person would see who gives all commands on each base."""
    for make in (empty, normal, damaged):
        base = directory / make.__name__
        make(base)
        yield f"# {make.__name__}: {make.__doc__}"
        for command in COMMANDS:
            result = CliRunner().invoke(main, [*command.split(), "--base", str(base)], prog_name="it-cache")
            yield f"\n$ it-cache {command}"
            yield from _steady(result.stdout, base)
            yield from (f"(stderr) {line}" for line in _steady(result.stderr, base))
            if result.exit_code:
                yield f"(exit code {result.exit_code})"
        yield ""


def _steady(text: str, base: Path) -> list[str]:
    """Leave out what another day, place or release of Arrow changes."""
    text = text.replace(str(base), "BASE")
    text = re.sub(r"\d{4}-\d\d-\d\d(T[\d:.]+Z?)?(\+00:00)?", "DATE", text)
    text = re.sub(r'("(?:bytes|size|frees)": )\d+', r"\1BYTES", text)
    text = re.sub(r"\b(size +)\d+$", r"\1BYTES", text, flags=re.M)
    text = re.sub(r"\b(?!0 B)\d+(\.\d)? (B|kB)\b", "SIZE", text)
    text = re.sub(r"(SIZE|0 B) +", r"\1  ", text)
    text = re.sub(r"\b\d+ bytes, the manifest states \d+", "BYTES, the manifest states BYTES", text)
    # How click words its hint is click's.
    return [line.rstrip() for line in text.splitlines() if line and not line.startswith(("Usage:", "Try '"))]


def test_the_transcript_is_what_is_kept(tmp_path: Path) -> None:
    assert "\n".join(transcript(tmp_path)) == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        GOLDEN.write_text("\n".join(transcript(Path(directory))), encoding="utf-8")
    sys.stdout.write(f"wrote {GOLDEN}\n")
