"""Claim: the key of a 124M-parameter model costs little more than reading its weights once.

A GPT-2 of 124M parameters (498 MB of float32, random weights) through

- `torch.sum` over every parameter: the machine's read bandwidth;
- the model's key, all of it: weights, structure, config, hooks, versions;
- the same where all weights are views that are not contiguous, so that they are copied in slabs;
- the same where version counters are trusted, so that no weight is read;
- `datasets.fingerprint.Hasher` and, where it is installed, `joblib.hash`.

Extra memory is the high-water mark of a fresh process during the call, less what it held before; Linux only.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from datasets.fingerprint import Hasher

from interpretune.analysis.cache.digests.walk import Policy
from interpretune.analysis.cache.hasher import AnalysisStoreHasher

OURS = "key"
TARGET_OF_HASHER = 1 / 20
TARGET_OF_JOBLIB = 1 / 60
TARGET_OF_BANDWIDTH = 0.6
TARGET_MEMORY = 64


def build_model() -> Any:
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(transformers.GPT2Config()).eval()


def as_views(model: Any) -> Any:
    for parameter in model.parameters():
        if parameter.dim() == 2:
            parameter.data = parameter.data.t().contiguous().t()
    return model


def read(model: Any) -> None:
    for parameter in model.parameters():
        parameter.data.view(-1).sum()


def key(model: Any, **policy: Any) -> str:
    return AnalysisStoreHasher(Policy(**policy)).fingerprint(inputs={"model": model}).hexdigest


def joblib_hash(model: Any) -> str:
    import joblib

    return joblib.hash(model)


WAYS: dict[str, Callable[[Any], Any]] = {
    "torch.sum": read,
    OURS: key,
    "key, of views": key,
    "key, versions trusted": lambda model: key(model, trust_versions=True),
    "datasets Hasher": Hasher.hash,
}
if importlib.util.find_spec("joblib"):
    WAYS["joblib.hash"] = joblib_hash


def model_for(way: str) -> Any:
    return as_views(build_model()) if way == "key, of views" else build_model()


def high_water() -> int:
    """Bytes of memory at the highest, since the mark was last put back."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


def extra_memory(way: str) -> float:
    """Megabytes that one call takes beyond what the process held; to be run in a process of its own."""
    model = model_for(way)
    WAYS[way](torch.nn.Linear(2, 2))  # so that what is loaded at the first call does not count
    Path("/proc/self/clear_refs").write_text("5")
    before = high_water()
    WAYS[way](model)
    return (high_water() - before) / 2**20


def measure_memory(way: str) -> float | None:
    if platform.system() != "Linux":
        return None
    command = [sys.executable, "-W", "ignore", __file__, "--memory-of", way]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def measure(repeat: int) -> list[dict[str, Any]]:
    models = {way: model_for(way) for way in WAYS}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    # Round by round, so that what else the machine does meets all of them; the first round warms it up.
    for index in range(repeat + 1):
        for way, run in WAYS.items():
            began = time.perf_counter()
            run(models[way])
            if index:
                seconds[way].append(time.perf_counter() - began)
    size = sum(parameter.nbytes for parameter in models[OURS].parameters())
    return [
        {
            "way": way,
            "seconds": statistics.median(taken),
            "best": min(taken),
            "GB/s": size / statistics.median(taken) / 1e9,
            "memory_mb": measure_memory(way),
            "all": taken,
        }
        for way, taken in seconds.items()
    ]


def show(results: list[dict[str, Any]]) -> None:
    by_way = {result["way"]: result for result in results}
    ours = by_way[OURS]["seconds"]
    print(f"{'':24}{'seconds':>10}{'GB/s':>8}{'extra MB':>10}{'key takes, of it':>18}")
    for result in results:
        memory = "" if result["memory_mb"] is None else f"{result['memory_mb']:.0f}"
        share = f"1/{result['seconds'] / ours:.1f}" if result["seconds"] > ours else f"{ours / result['seconds']:.2f}"
        print(f"{result['way']:24}{result['seconds']:10.4f}{result['GB/s']:8.1f}{memory:>10}{share:>18}")
    bandwidth = by_way["torch.sum"]["seconds"] / ours
    print(f"\nOf the read bandwidth: {bandwidth:.2f}. Targets: at least {TARGET_OF_BANDWIDTH} of it;")
    print(f"time at most 1/{1 / TARGET_OF_HASHER:.0f} of Hasher's and 1/{1 / TARGET_OF_JOBLIB:.0f} of joblib's;")
    print(f"extra memory at most {TARGET_MEMORY} MB.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7, help="timed rounds, of which the median counts")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/model_key.json"))
    parser.add_argument("--memory-of", choices=list(WAYS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(extra_memory(arguments.memory_of))
        return
    results = measure(arguments.repeat)
    show(results)
    versions = {
        "python": platform.python_version(),
        **{module.__name__: module.__version__ for module in (datasets, torch, transformers)},
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(
        json.dumps({"benchmark": "model_key", "versions": versions, "results": results}, indent=2) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
