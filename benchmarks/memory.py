"""Claim: writing an entry of 5 GB keeps memory below 512 MB over the step's own; reading one row reads no other.

Two processes: one writes the entry through `materialize` and reports its peak of resident memory over what it had when
the step's own buffer was made; the other opens it, reads one row, and reports the growth of its resident memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from _claims import Claim, report

TARGET_MB = 512
#: A row of 16 MB as numpy: its pages of the file, and the copy that `datasets` makes of it.
TARGET_READING_MB = 64
ROW_MB = 16

WRITE = """
import numpy as np, sys
from datasets import Array2D, Features
from interpretune.analysis.cache import enable_analysisstore_caching, last_outcome, materialize
sys.path.insert(0, {here!r})
from memory import peak_mb
enable_analysisstore_caching(True)
buffer = np.zeros(({rows}, 1000), dtype="float32")
features = Features({{"x": Array2D(shape=(None, 1000), dtype="float32")}})
def step(batch, index):
    buffer[:] = index
    return {{"x": buffer}}
before = peak_mb()
rows = materialize(step, list(range({batches})), features=features)
assert len(rows) == {batches} and last_outcome().status == "miss", last_outcome()
print(peak_mb() - before, last_outcome().path)
"""

READ = """
import sys
from interpretune.analysis.cache.entry import open_entry
from pathlib import Path
sys.path.insert(0, {here!r})
from memory import resident_mb
open_entry(Path({path!r})).dataset()
before = resident_mb()
rows = open_entry(Path({path!r})).dataset().with_format("numpy")
value = rows[len(rows) // 2]["x"]
assert value[0, 0] == len(rows) // 2
print(resident_mb() - before)
"""


def peak_mb() -> float:
    """Give the highest resident memory of this process so far, without what is mapped from files, in MB."""
    # Linux counts kB, macOS bytes. Pages of mapped files count as well, so this is an upper bound.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def resident_mb() -> float:
    """Give the resident memory of this process now, in MB; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--gigabytes", type=float, default=5.0)
    options.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = options.parse_args()
    here = str(Path(__file__).parent)
    batches = round(arguments.gigabytes * 1e3 / ROW_MB)
    with tempfile.TemporaryDirectory() as base:
        environment = {**os.environ, "IT_ANALYSIS_CACHE": base}

        def run(code: str) -> list[str]:
            done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True)
            return done.stdout.decode().split()

        written, path = run(WRITE.format(here=here, rows=ROW_MB * 250, batches=batches))
        [read] = run(READ.format(here=here, path=path))
    figures = {
        "written, MB": batches * ROW_MB,
        "peak over the step's own, MB": float(written),
        "reading a row, MB": float(read),
    }
    for name, figure in figures.items():
        print(f"{name:32}{figure:10.1f}")
    claims = [
        Claim("peak while writing, over the step's own, MB", float(written), at_most=TARGET_MB),
        Claim(f"growth by reading one row of {ROW_MB} MB, MB", float(read), at_most=TARGET_READING_MB),
    ]
    report("memory", figures, claims, arguments.json)


if __name__ == "__main__":
    main()
