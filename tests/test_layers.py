"""Imports go one way only: `python tests/test_layers.py` says where they do not (the lint session runs that).

The hasher knows nothing of storage, storage nothing of sessions, and neither knows the host.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "interpretune" / "analysis" / "cache"

#: Each layer: its modules, and the layers whose modules these may import besides their own. A module `session_ops` is
#: of the layer of `session`.
LAYERS: dict[str, tuple[set[str], set[str]]] = {
    "ground": ({"errors", "settings", "paths", "html", "notices"}, set()),
    "digests": ({"digests"}, {"ground"}),
    "session": (
        {"session", "session_hooks", "session_names", "session_ops", "session_run", "session_table"},
        {"ground", "digests"},
    ),
    "hasher": ({"hasher"}, {"ground", "digests", "session"}),
    "storage": (
        {
            "bases",
            "buffers",
            "columns",
            "commit",
            "computing",
            "copying",
            "derived",
            "entry",
            "eviction",
            "files",
            "gathering",
            "kinds",
            "leftovers",
            "locks",
            "lookup",
            "manifest",
            "opening",
            "pipeline",
            "quarantine",
            "recycling",
            "rows",
            "sink",
            "statistics",
            "store",
            "writer",
        },
        {"ground"},
    ),
    "directories": ({"directories"}, {"ground", "digests"}),
    "getting": (
        {"arguments", "batches", "explain", "materializing", "outcome", "request"},
        {"ground", "digests", "hasher", "storage", "directories"},
    ),
    "faces": (
        {
            "__init__",
            "__main__",
            "cli",
            "terminal",
            "demo",
            "host",
            "host_call",
            "host_dataset",
            "host_generator",
            "host_run",
            "host_warnings",
            "listing",
            "observed",
        },
        {"ground", "digests", "session", "hasher", "storage", "directories", "getting"},
    ),
}
LAYER_OF = {module: layer for layer, (modules, _) in LAYERS.items() for module in modules}


def layer_of(module: str) -> str | None:
    return LAYER_OF.get(module) or LAYER_OF.get(module.partition("_")[0])


def imports(file: Path, *, typing: bool = True) -> Iterator[tuple[int, str]]:
    """Give the line and the absolute name of all that a module of the package imports, inside functions as well.

    Args:
        file: the module.
        typing: take those along that only a type checker makes.
    """
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    tree = ast.parse(file.read_text(encoding="utf-8"))
    if not typing:
        tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node))]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(["", *parts[: -node.level], *filter(None, [node.module])])
            if node.module:
                yield node.lineno, base
            else:
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def violations() -> list[str]:
    """Give one line for each import against the direction, and for each module that is in no layer."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).with_suffix("").parts[0]
        place = file.relative_to(PACKAGE.parents[3])
        layer = layer_of(name)
        if layer is None:
            found.append(f"{place}: module in no layer; put it into the table of {Path(__file__).name}")
            continue
        for line, imported in imports(file):
            if imported.startswith("."):
                other = layer_of(imported.split(".")[1])
                if other not in {layer, *LAYERS[layer][1]}:
                    found.append(f"{place}:{line}: {layer} imports {imported[1:]}, which is of {other}")
            elif imported.split(".")[0] == "interpretune" and layer != "faces":
                found.append(f"{place}:{line}: {layer} imports {imported}; only the faces know the host")
    return found


def code_violations() -> list[str]:
    """Give one line for each module of the package about code that imports one that its description names later."""
    package = PACKAGE / "digests" / "code"
    items = re.findall(
        r"^\d+\. (.*?)[:.]", ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or "", re.M
    )
    order = [name for item in items for name in re.findall(r"`(\w+)`", item)]
    modules = {file.stem for file in package.glob("*.py")} - {"__init__"}
    if modules != set(order):
        return [f"{package}/__init__.py: {name} is not both told of and there" for name in modules ^ set(order)]
    return [
        f"{package / module}.py:{line}: imports {other}, which comes later in {package}/__init__.py"
        for position, module in enumerate(order)
        for line, imported in imports(package / f"{module}.py", typing=False)
        if imported.startswith(".digests.code.") and (other := imported.rpartition(".")[2]) not in order[:position]
    ]


def test_imports_go_one_way_only() -> None:
    assert violations() == []


def test_the_package_about_code_is_as_it_is_described() -> None:
    assert code_violations() == []


if __name__ == "__main__":
    sys.exit("\n".join(violations() + code_violations()) or None)
