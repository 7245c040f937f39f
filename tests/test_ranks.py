"""Ranks of one `torch.distributed` group: one computes what all ask for, each computes what only it has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

RANK = """
import json, sys
import torch
import torch.distributed as distributed
import streaming
from interpretune.analysis.cache import enable_analysisstore_caching, last_outcome, materialize

rank, store = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
enable_analysisstore_caching()
numbers = list(range(8))

def ask(sampler):
    calls = streaming.Calls()
    loader = torch.utils.data.DataLoader(numbers, batch_size=2, sampler=sampler, collate_fn=list)
    distributed.barrier()
    rows = materialize(streaming.make_step(calls), loader, features=streaming.FEATURES)
    outcome = last_outcome()
    return {"key": outcome.key, "status": outcome.status, "calls": len(calls.indices), "rows": rows["text"][:]}

same = ask(None)
own = ask(torch.utils.data.distributed.DistributedSampler(numbers, shuffle=False))
print(json.dumps([same, own]), flush=True)
distributed.barrier()
distributed.destroy_process_group()
"""


def test_ranks_share_what_is_the_same_and_keep_apart_what_is_not(base, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(rank), str(tmp_path / "store")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for rank in range(2)
    ]
    answers = [rank.communicate(timeout=200) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], answers
    (same, own), (same_there, own_there) = (json.loads(output.splitlines()[-1]) for output, _ in answers)
    assert same["key"] == same_there["key"]
    assert same["rows"] == same_there["rows"] == [str(number) for number in range(8)]
    assert sorted([same["calls"], same_there["calls"]]) == [0, 4]
    assert {same["status"], same_there["status"]} == {"miss", "hit"}
    assert own["key"] != own_there["key"]
    assert (own["rows"], own_there["rows"]) == (["0", "2", "4", "6"], ["1", "3", "5", "7"])
    assert own["calls"] == own_there["calls"] == 2
