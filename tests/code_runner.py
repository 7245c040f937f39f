"""Run in a fresh process by the tests of code: import each variant of a source and print the key of its `op`.

Reads from standard input ``{name: {file: text}}``, writes ``{name: key or error}`` to standard output.
"""

from __future__ import annotations

import importlib
import json
import linecache
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from interpretune.analysis.cache.digests.registry import find_encoder
from interpretune.analysis.cache.digests.results import WalkResult
from interpretune.analysis.cache.digests.walk import Walk


def digest(op: Any) -> WalkResult:
    walk = Walk("op.implementation", find_encoder)
    return walk.finish(walk.code(op, ""))


def key_of(op: Any) -> str:
    return digest(op).components["op.implementation"]


def digest_of_text(text: str) -> WalkResult:
    """Run a text, as a notebook runs a cell, and give the digest of its `op`."""
    name = f"<text {hash(text)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = sys.modules["written"] = ModuleType("written")
    try:
        exec(compile(text, name, "exec"), module.__dict__)
        return digest(module.op)
    finally:
        del sys.modules["written"]


def key_of_files(files: dict[str, str]) -> str:
    """Write modules into a folder of their own, import the one that comes first, and give the key of its `op`."""
    before = set(sys.modules)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
            Path(folder, f"{name}.py").write_text(text)
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            module = importlib.import_module(next(iter(files)))
            for change in getattr(module, "CHANGES", ()):
                change()
            return key_of(module.op)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            sys.path.remove(folder)
            for name in set(sys.modules) - before:
                if str(getattr(sys.modules[name], "__file__", "")).startswith(folder):
                    del sys.modules[name]


if __name__ == "__main__":
    json.dump({name: key_of_files(files) for name, files in json.load(sys.stdin).items()}, sys.stdout)
