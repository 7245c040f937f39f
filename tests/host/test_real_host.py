"""The way through the real host, on its own classes, over a tiny random GPT-2 and a tiny random SAE."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
OWN_OP = "labels_to_ids.model_fwd.logit_diffs.spread"
CHAIN = ["logit_diffs_latent", "labels_to_ids.model_ablation.ablation_attribution"]

#: Variants by name, for each adapter; those of one adapter run one after the other in one process, on one base.
CORE: dict[str, dict[str, Any]] = {
    "base": {},
    "again": {},
    "weight": {"weight": True},
    "row": {"row": True},
    "padding side": {"padding_side": "right"},
    "batch size": {"batch_size": 6},
    "prompts": {"cfg": {"save_prompts": True}},
    "temperature": {"temperature": 0.5},
    "manual": {"manual": True},
    "own op": {"ops": [OWN_OP]},
    "list": {"ops": ["labels_to_ids.model_fwd", OWN_OP]},
    "list, again": {"ops": ["labels_to_ids.model_fwd", OWN_OP]},
    "first two": {"limit": 2},
    "two of another": {"ops": ["labels_to_ids.model_fwd.spread"], "limit": 2},
    "all of another": {"ops": ["labels_to_ids.model_fwd.spread"]},
    "two epochs": {"epochs": 2},
    "places and labels": {"log_dir": "elsewhere", "task_name": "t", "out": "elsewhere", "cfg": {"name": "mine"}},
    "workers": {"workers": 1},
    "not kept": {"enable_datasets_cache": False},
    "without us": {"caching": False},
    "without us, manual": {"caching": False, "manual": True},
    "without us, two epochs": {"caching": False, "epochs": 2},
    "without us, own op": {"caching": False, "ops": [OWN_OP]},
}
LATENT: dict[str, dict[str, Any]] = {
    "base": {"ops": ["logit_diffs_latent"]},
    "again": {"ops": ["logit_diffs_latent"]},
    "latent weight": {"ops": ["logit_diffs_latent"], "sae_weight": 1},
    "names": {
        "ops": ["logit_diffs_latent"],
        "cfg": {"names_filter": "blocks.0.hook_resid_pre.hook_sae_acts_post"},
    },
    "names, as a list": {
        "ops": ["logit_diffs_latent"],
        "cfg": {"names_filter": ["blocks.0.hook_resid_pre.hook_sae_acts_post"]},
    },
    "other names": {
        "ops": ["logit_diffs_latent"],
        "cfg": {"names_filter": "blocks.0.hook_resid_pre.hook_sae_acts_pre"},
    },
    "chain": {"ops": CHAIN, "chain": True, "limit": 2},
    "chain, again": {"ops": CHAIN, "chain": True, "limit": 2},
    "without us": {"ops": ["logit_diffs_latent"], "caching": False},
}
LENS = {"base": {}, "again": {}, "weight": {"weight": True}, "without us": {"caching": False}}
ADAPTERS = {"core": CORE, "hooked": LENS, "bridge": LENS, "sae_hooked": LATENT, "sae_bridge": LATENT}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("host")


def run(place: Path, adapter: str, names: list[str], **environment: str) -> dict[str, dict[str, Any]]:
    variants = [{"name": name, **ADAPTERS[adapter][name]} for name in names]
    variables = {**os.environ, "IT_ANALYSIS_CACHE": str(place / "base"), "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, str(HERE / "scenario.py"), str(place / "work"), adapter, json.dumps(variants)],
        capture_output=True,
        text=True,
        env=variables,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return {found["name"]: found for found in map(json.loads, lines)}


@pytest.fixture(scope="module", params=list(ADAPTERS))
def runs(place: Path, request: pytest.FixtureRequest) -> tuple[str, dict[str, dict[str, Any]]]:
    return request.param, run(place, request.param, list(ADAPTERS[request.param]), PYTHONHASHSEED="1")


@pytest.fixture(scope="module")
def core(place: Path) -> dict[str, dict[str, Any]]:
    return run(place / "core", "core", list(CORE), PYTHONHASHSEED="1")


def changed(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    mine, theirs = one["components"][0], other["components"][0]
    return {name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name)}


def test_hits_in_the_same_process_and_in_the_next(runs: tuple[str, dict[str, dict[str, Any]]], place: Path) -> None:
    adapter, here = runs
    assert here["base"]["statuses"] == ["miss"]
    assert here["again"]["statuses"] == ["hit"]
    assert here["again"]["forwards"] == 0
    names = [name for name in here if name not in ("without us", "not kept") and not name.startswith("without")]
    there = run(place, adapter, names, PYTHONHASHSEED="2")
    for name in names:
        assert set(there[name]["statuses"]) == {"hit"}, name
        assert there[name]["forwards"] == 0, name
        assert there[name]["stores"] == here[name]["stores"], name
        assert there[name]["saved"], name


def test_gives_what_the_host_alone_gives(runs: tuple[str, dict[str, dict[str, Any]]]) -> None:
    _, here = runs
    assert here["without us"]["statuses"] == []
    assert here["base"]["stores"] == here["without us"]["stores"]


@pytest.mark.parametrize("name", ["manual", "two epochs", "own op"])
def test_gives_what_the_host_alone_gives_in_other_runs(core: dict[str, dict[str, Any]], name: str) -> None:
    assert core[name]["stores"] == core[f"without us, {name}"]["stores"]


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("weight", "model.weights"),
        ("row", "data.dataset.rows"),
        ("padding side", "data.tokenizer"),
        ("batch size", "data"),
        ("prompts", "run.analysis_cfg"),
        ("temperature", "generation"),
        ("two epochs", "run.max_epochs"),
    ],
)
def test_a_change_is_a_miss_that_names_it(core: dict[str, dict[str, Any]], name: str, component: str) -> None:
    assert core[name]["statuses"] == ["miss"]
    assert component in changed(core["base"], core[name])


@pytest.mark.parametrize("name", ["places and labels", "workers"])
def test_what_changes_no_row_keeps_the_hit(core: dict[str, dict[str, Any]], name: str) -> None:
    assert core[name]["statuses"] == ["hit"]
    assert core[name]["forwards"] == 0


def test_slices_and_extends(core: dict[str, dict[str, Any]]) -> None:
    assert core["first two"]["statuses"] == ["hit"]
    assert core["first two"]["stores"][0]["rows"] == 2
    assert core["two of another"]["computed"] == [2]
    assert core["all of another"]["statuses"] == ["extended"]
    assert core["all of another"]["computed"] == [4]


def test_lists_of_configs(core: dict[str, dict[str, Any]]) -> None:
    assert core["list"]["statuses"] == ["miss", "hit"]
    assert core["list, again"]["statuses"] == ["hit", "hit"]


def test_a_change_of_the_users_own_op_is_a_miss(core: dict[str, dict[str, Any]], place: Path) -> None:
    same = run(place / "core", "core", ["own op"])
    other = run(place / "core", "core", ["own op"], OP_FACTOR="2.0")
    scaled = run(place / "core", "core", ["own op", "base"], OP_SCALE="2.0")
    assert same["own op"]["statuses"] == ["hit"]
    assert other["own op"]["statuses"] == scaled["own op"]["statuses"] == ["miss"]
    assert "op.implementation" in changed(core["own op"], other["own op"])
    assert "op.parameters" in changed(core["own op"], scaled["own op"])
    assert scaled["base"]["statuses"] == ["hit"]


def test_says_that_nothing_is_kept_without_hugging_face_caching(core: dict[str, dict[str, Any]]) -> None:
    assert core["not kept"]["statuses"] == ["temporary"]
    assert any("itdm_cfg.enable_datasets_cache" in text for text in core["not kept"]["warnings"])


@pytest.mark.parametrize("adapter", ["sae_hooked", "sae_bridge"])
def test_latent_models_and_names(place: Path, adapter: str) -> None:
    found = run(place / f"own-{adapter}", adapter, list(LATENT))
    assert found["latent weight"]["statuses"] == ["miss"]
    assert any(name.startswith("latent_models") for name in changed(found["base"], found["latent weight"]))
    assert found["names, as a list"]["statuses"] == ["hit"]
    assert found["other names"]["statuses"] == ["miss"]
    assert "hooks.names" in changed(found["names"], found["other names"])
    assert found["chain, again"]["statuses"] == ["hit", "hit"]


def test_another_composition_is_another_key(place: Path) -> None:
    core = run(place, "core", ["base"])["base"]
    bridge = run(place, "bridge", ["base"])["base"]
    assert "session.composition" in changed(core, bridge)
