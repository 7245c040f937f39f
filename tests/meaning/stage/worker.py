"""One side of the table: plays every scene of a list, each in a process of its own, and writes down the answers.

Libraries are imported once; then every scene gets a fork, so none can see what another did. Scenes in notebook cells
share one real kernel, as the cells of a person do.

    python worker.py JOBS.json ANSWERS.json
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SECONDS = 120
current: dict[str, Any] = {}


def main(jobs_path: str, answers_path: str) -> None:
    sys.modules["worker"] = sys.modules["__main__"]
    jobs = json.loads(Path(jobs_path).read_text(encoding="utf-8"))
    answers = {}
    for library in jobs["imports"]:
        importlib.import_module(library)
    for key, scene in jobs["scenes"].items():
        root = lay_out(Path(jobs["directory"]), key, scene, Path(jobs["lab"]), jobs["editable"])
        answers[key] = in_kernel(root, scene) if scene["place"] == "cell" else forked(root, scene)
    if "client" in current:
        current["client"].shutdown()
        current["manager"].shutdown_kernel(now=True)
    Path(answers_path).write_text(json.dumps(answers), encoding="utf-8")


def lay_out(directory: Path, key: str, scene: dict[str, Any], lab: Path, editable: str) -> Path:
    """Write the scene's copy of the project; where it is an editable install, edit the installed one."""
    root = Path(editable) if scene["place"] == "editable" else directory / key
    shutil.rmtree(root / "lab", ignore_errors=True)
    shutil.copytree(lab, root / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in scene["files"].items():
        (root / name).write_bytes(text.encode("utf-8"))
    return root


def forked(root: Path, scene: dict[str, Any]) -> dict[str, Any]:
    import perform

    out = root / "answer.json"
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        out.write_text(json.dumps(perform.attempt(in_child, root, scene)), encoding="utf-8")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        return {"failed": f"the process ended with status {status}"}
    answer: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return answer


def in_child(root: Path, scene: dict[str, Any]) -> dict[str, Any]:
    import perform

    if scene["place"] != "editable":
        perform.enter(str(root), str(root / "elsewhere"))
    if scene["place"] == "script":
        script = root / "analyse.py"
        text = (root / "lab" / "ops.py").read_text(encoding="utf-8")
        script.write_text(text + "\n\nimport worker as _worker\n_worker.on_stage(globals())\n", encoding="utf-8")
        current.update(root=root, scene=scene)
        runpy.run_path(str(script), run_name="__main__")
        answer: dict[str, Any] = current["answer"]
        return answer
    import lab.ops

    if scene["place"] == "editable":
        assert str(root) in str(lab.ops.__file__), lab.ops.__file__
    current.update(root=root, scene=scene)
    on_stage(dict(vars(lab.ops)))
    answer = current["answer"]
    return answer


def on_stage(namespace: dict[str, Any]) -> None:
    """Play and ask, with the names of the op's module at hand."""
    import peers
    import perform

    scene = current["scene"]
    perform.play(namespace, scene, str(current["root"]))
    current["answer"] = peers.ask(namespace, scene) if "peers" in scene else perform.ask(namespace, scene)


def in_kernel(root: Path, scene: dict[str, Any]) -> dict[str, Any]:
    """Run the op's source cell by cell in a real ipykernel, then the scene, then ask."""
    client = kernel()
    text = (root / "lab" / "ops.py").read_text(encoding="utf-8")
    out = root / "answer.json"
    enter = f"import perform; perform.enter({str(root)!r}, {str(root / 'elsewhere')!r})"
    question = (
        f"pathlib.Path({str(out)!r}).write_text(json.dumps(perform.ask(globals(), json.loads({json.dumps(scene)!r}))))"
    )
    cells = [
        "%reset -f",
        enter,
        *text.split("# %%"),
        scene["setup"],
        scene["lines"],
        "import json, pathlib, perform\n" + question,
    ]
    for cell in cells:
        reply = client.execute_interactive(cell, timeout=SECONDS, output_hook=lambda message: None)
        if reply["content"]["status"] != "ok":
            return {"failed": "\n".join(reply["content"].get("traceback", [str(reply["content"])]))}
    answer: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return answer


def kernel() -> Any:
    if "client" not in current:
        from jupyter_client.manager import KernelManager

        manager = KernelManager()
        manager.start_kernel(env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])})
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=SECONDS)
        current.update(manager=manager, client=client)
    return current["client"]


if __name__ == "__main__":
    main(*sys.argv[1:])
