"""What an import of the package loads and costs."""

from __future__ import annotations

import subprocess
import sys


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_import_costs_little_more_than_datasets() -> None:
    code = (
        "import datasets, time\n"
        "start = time.perf_counter()\n"
        "import interpretune.analysis.cache\n"
        "print(time.perf_counter() - start)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(3)]
    assert min(float(run.stdout) for run in runs) < 0.05
