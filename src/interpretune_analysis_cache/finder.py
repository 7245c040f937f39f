"""The finder that makes this project's `interpretune.analysis.cache` win over the host's placeholder of that name.

Where interpretune is installed editable, its checkout is found as *the* package `interpretune`, and its own
`analysis/cache.py` with it: our directory of that name elsewhere on `sys.path` is then never looked at. A `.pth` file
imports this module when the interpreter starts, and the finder answers for that one name before the others are asked.

Every start of the interpreter pays for this module, so it imports `sys` alone until a name of ours is asked for.
"""

import sys

TYPE_CHECKING = False  # as in `typing`, which is not imported here
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["DoorstepFinder", "install"]

OURS = "interpretune.analysis.cache"
HOST = "interpretune"


class DoorstepFinder:
    """Answers for `interpretune.analysis.cache`, and keeps our namespace directory from hiding the host."""

    @staticmethod
    def find_spec(
        fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Give the spec of a module, as the import system asks for it.

        Args:
            fullname: dotted name of the module.
            path: the parent package's `__path__`; None for a top-level module.
            target: the module that is about to be reloaded, if any.

        Returns:
            The spec, or None to let the other finders answer.
        """
        if fullname == OURS:
            return _our_spec()
        if fullname == HOST:
            return _regular_spec(fullname, path, target)
        return None


def _our_spec() -> "ModuleSpec | None":
    from importlib.util import spec_from_file_location
    from pathlib import Path

    package = Path(__file__).parent.parent.joinpath(*OURS.split("."))
    source = package / "__init__.py"
    if not source.is_file():  # removed while this interpreter runs: the host's own is better than none
        return None
    return spec_from_file_location(OURS, source, submodule_search_locations=[str(package)])


def _regular_spec(fullname: str, path: "Sequence[str] | None", target: "ModuleType | None") -> "ModuleSpec | None":
    # Our directory `interpretune/` has no `__init__.py`. The path-based finder takes it for a namespace package, and
    # the finder of a host installed editable, which stands behind that one, would never be asked.
    for finder in sys.meta_path:
        if isinstance(finder, DoorstepFinder) or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            return spec
    return None


def install() -> None:
    """Put the finder in front of `sys.meta_path`, once."""
    if not any(isinstance(finder, DoorstepFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, DoorstepFinder())
