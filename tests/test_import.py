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
        "start = time.process_time()\n"
        "import interpretune.analysis.cache\n"
        "print(time.process_time() - start)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(3)]
    assert min(float(run.stdout) for run in runs) < 0.05


def test_each_public_name_is_what_it_says_in_whatever_order_it_is_asked_for() -> None:
    """A submodule of the same name would take a name's place as soon as anything imports it."""
    code = (
        "import inspect, pkgutil, interpretune.analysis.cache as cache\n"
        "names = list(reversed(cache.__all__))\n"
        "values = {name: getattr(cache, name) for name in names}\n"
        "for found in pkgutil.iter_modules(cache.__path__):\n"
        "    assert found.name not in names, found.name\n"
        "assert not [name for name, value in values.items() if inspect.ismodule(value)]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
