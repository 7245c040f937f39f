"""Claim: the key of a 124M-parameter model costs little more than reading its weights once.

A GPT-2 of 124M parameters (498 MB of float32, random weights) through

- `datasets.fingerprint.Hasher` and, where it is installed, `joblib.hash`;
- the model's key, all of it: weights, structure, config, hooks, versions;
- its key where all weights are views that are not contiguous, so that they are copied in slabs;
- its key where version counters are trusted, so that no weight is read;
- `torch.sum` over every parameter: the machine's read bandwidth. It follows the key and reads the same memory, as the
  bandwidth of a shared machine changes by half within a second, and with the pages that a model happens to lie on.

The best of several rounds counts. Extra memory is the high-water mark of a fresh process during the call, less what it
held before; Linux only.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from _claims import Claim, best_seconds, report
from datasets.fingerprint import Hasher

from interpretune.analysis.cache.digests.policy import Policy
from interpretune.analysis.cache.hasher import AnalysisStoreHasher

OURS, READ = "key", "torch.sum"
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
    "datasets Hasher": Hasher.hash,
    "key, of views": key,
    "key, versions trusted": lambda model: key(model, trust_versions=True),
}
if importlib.util.find_spec("joblib"):
    WAYS["joblib.hash"] = joblib_hash
WAYS[OURS] = key
# The last of each round: its threads keep a processor busy for a while after it, waiting for more.
WAYS[READ] = read


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


def measure(rounds: int) -> dict[str, dict[str, Any]]:
    models = {way: model_for(way) for way in WAYS if way != READ}
    models[READ] = models[OURS]
    seconds = best_seconds({way: partial(run, models[way]) for way, run in WAYS.items()}, rounds)
    size = sum(parameter.nbytes for parameter in models[OURS].parameters())
    return {
        way: {"seconds": best, "GB/s": size / best / 1e9, "memory_mb": measure_memory(way)}
        for way, best in seconds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=40, help="timed rounds, of which the best counts")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--memory-of", choices=list(WAYS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(extra_memory(arguments.memory_of))
        return
    figures = measure(arguments.repeat)
    print(f"{'':24}{'seconds':>10}{'GB/s':>8}{'extra MB':>10}")
    for way, found in figures.items():
        memory = "" if found["memory_mb"] is None else f"{found['memory_mb']:.0f}"
        print(f"{way:24}{found['seconds']:10.4f}{found['GB/s']:8.1f}{memory:>10}")
    ours = figures[OURS]["seconds"]
    claims = [
        Claim("key over datasets' Hasher", ours / figures["datasets Hasher"]["seconds"], at_most=TARGET_OF_HASHER),
        Claim("key's share of torch.sum's bandwidth", figures[READ]["seconds"] / ours, at_least=TARGET_OF_BANDWIDTH),
    ]
    if "joblib.hash" in figures:
        claims.append(Claim("key over joblib.hash", ours / figures["joblib.hash"]["seconds"], at_most=TARGET_OF_JOBLIB))
    if figures[OURS]["memory_mb"] is not None:
        claims.append(Claim("extra memory of the key, MB", figures[OURS]["memory_mb"], at_most=TARGET_MEMORY))
    report("model_key", figures, claims, arguments.json)


if __name__ == "__main__":
    main()
