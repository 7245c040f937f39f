"""The command ``it-cache``: starts without waiting for the host.

Importing `interpretune.analysis.cache` imports its parent packages first. Where interpretune is installed these take
seconds, torch and all, which listing a few files need not wait for. The command is alone in its process, so light
stand-ins may take their place there.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    _stand_in_for_parents()
    # Set for notebooks and jobs, it would hook into a host that is not there.
    os.environ.pop("IT_ANALYSISSTORE_CACHING", None)
    from interpretune.analysis.cache.__main__ import main as command

    command(prog_name="it-cache")


def _stand_in_for_parents() -> None:
    root = Path(__file__).parent.parent / "interpretune"
    for name, directory in (("interpretune", root), ("interpretune.analysis", root / "analysis")):
        if name not in sys.modules:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(directory)]
            sys.modules[name] = module_from_spec(spec)
