"""`python -m interpretune.analysis.cache`: the command line, and the demo."""

from __future__ import annotations

from .cli import main
from .demo.command import demo

__all__ = ["main"]

main.add_command(demo)

if __name__ == "__main__":
    main(prog_name="python -m interpretune.analysis.cache")
