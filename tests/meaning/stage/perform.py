"""Plays one scene in this process and tells its fingerprints. Imported where the op lives: module, script, cell."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any


def enter(root: str, cwd: str) -> None:
    """Go to the scene's directories, so that ``import lab`` finds its copy of the project."""
    for name in [name for name in sys.modules if name == "lab" or name.startswith("lab.")]:
        del sys.modules[name]
    sys.path[:] = [root, *(entry for entry in sys.path if not Path(entry, "lab").is_dir())]
    sys.path_importer_cache.clear()
    Path(cwd).mkdir(parents=True, exist_ok=True)
    os.chdir(cwd)


def play(namespace: dict[str, Any], scene: dict[str, Any], root: str) -> None:
    """Run the scene's set-up and its own statements, from a file so that functions defined there have a source."""
    for part in ("setup", "lines"):
        path = Path(root, f"scene_{part}.py")
        path.write_text(scene[part], encoding="utf-8")
        exec(compile(scene[part], str(path), "exec"), namespace)


def ask(namespace: dict[str, Any], scene: dict[str, Any]) -> dict[str, Any]:
    """Ask for the fingerprints of a scene that was played.

    Returns:
        By the name of each question: key, components, parts, notes, stochastic; or the error.
    """
    from interpretune.analysis.cache.digests.policy import Policy
    from interpretune.analysis.cache.errors import UnfingerprintableError
    from interpretune.analysis.cache.hasher import AnalysisStoreHasher

    answers: dict[str, Any] = {}
    for name, question in scene["asks"].items():
        try:
            given = eval(question, namespace)
            found = AnalysisStoreHasher(Policy(**scene["policy"])).fingerprint(**given)
        except UnfingerprintableError as error:
            answers[name] = {"refused": str(error), "path": error.path}
        else:
            answers[name] = {
                "key": found.hexdigest,
                "components": dict(found.components),
                "parts": {
                    component: {path: [part.digest, part.text] for path, part in parts.items()}
                    for component, parts in found.parts.items()
                },
                "notes": list(found.notes),
                "stochastic": list(found.stochastic),
                "ignored": list(found.ignored),
            }
    return answers


def attempt(action: Any, *args: Any) -> dict[str, Any]:
    """Give what an action gives, or how it failed."""
    try:
        return action(*args)  # type: ignore[no-any-return]
    except BaseException:
        return {"failed": traceback.format_exc()}
