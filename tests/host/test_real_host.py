"""The way through the real host, on its own classes, over a tiny random GPT-2 and a tiny random SAE."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
Found = dict[str, dict[str, Any]]
OWN_OP = "labels_to_ids.model_fwd.logit_diffs.spread"
OTHER = ["labels_to_ids.model_fwd.spread"]
LATENT_OP = ["logit_diffs_latent"]
CHAIN = ["logit_diffs_latent", "labels_to_ids.model_ablation.ablation_attribution"]
ACTS = "blocks.0.hook_resid_pre.hook_sae_acts_"

#: Variants by name, for each adapter; those of one adapter run one after the other in one process.
CORE: dict[str, dict[str, Any]] = {
    "base": {},
    "again": {},
    # What changes the rows.
    "weight": {"weight": True},
    "row": {"row": True},
    "padding side": {"padding_side": "right"},
    "batch size": {"batch_size": 6},
    "prompts": {"cfg": {"save_prompts": True}},
    "tokens": {"cfg": {"save_tokens": True}},
    "temperature": {"generation": {"temperature": 0.5}},
    "attention": {"attention": "eager"},
    "two epochs": {"epochs": 2},
    "two epochs, some batches": {"epochs": 2, "limit": 2},
    "dropout": {"dropout": 0.5},
    "dropout, again": {"dropout": 0.5},
    "dropout, other seed": {"dropout": 0.5, "seed": 1, "against": "dropout"},
    "sampling": {"module": "Generating", "generation": {"temperature": 9.0}},
    "sampling, other seed": {
        "module": "Generating",
        "generation": {"temperature": 9.0},
        "seed": 1,
        "against": "sampling",
    },
    # Other forms of a run.
    "manual": {"module": "Manual"},
    "own op": {"ops": [OWN_OP]},
    "list": {"ops": ["labels_to_ids.model_fwd", OWN_OP]},
    "list, again": {"ops": ["labels_to_ids.model_fwd", OWN_OP]},
    "list of one name": {"ops": ["labels_to_ids.model_fwd", OWN_OP], "cfg": {"name": "both"}},
    "first two": {"limit": 2},
    "two of another": {"ops": OTHER, "limit": 2},
    "all of another": {"ops": OTHER},
    "in a thread": {"thread": True},
    "direct": {"direct": True},
    # What changes no row.
    "places and labels": {"log_dir": "elsewhere", "task_name": "t", "out": "elsewhere", "cfg": {"name": "mine"}},
    "attributes that nothing reads": {"attributes": {"run_name": "r", "started": 1.5, "save_dir": "/x"}},
    "order of fields": {"other_order": True},
    "workers": {"workers": 1},
    # Trouble.
    "stumbles": {"module": "Stumbling", "stumbles": "error"},
    "stumbles no more": {"module": "Stumbling"},
    "interrupted": {"module": "Stumbling", "stumbles": "interrupt", "cfg": {"save_tokens": True}},
    "interrupted no more": {"module": "Stumbling", "cfg": {"save_tokens": True}},
    "switched off meanwhile": {"module": "SwitchingOff"},
    "not kept": {"enable_datasets_cache": False},
    # The host alone.
    "without us": {"caching": False},
    "without us, manual": {"caching": False, "module": "Manual"},
    "without us, two epochs": {"caching": False, "epochs": 2},
    "without us, two epochs, some batches": {"caching": False, "epochs": 2, "limit": 2},
    "without us, own op": {"caching": False, "ops": [OWN_OP]},
    "without us, list of one name": {
        "caching": False,
        "ops": ["labels_to_ids.model_fwd", OWN_OP],
        "cfg": {"name": "both"},
    },
    "without us, stumbles": {"caching": False, "module": "Stumbling", "stumbles": "error"},
    "without us, direct": {"caching": False, "direct": True},
}
LATENT: dict[str, dict[str, Any]] = {
    "base": {"ops": LATENT_OP},
    "again": {"ops": LATENT_OP},
    "latent weight": {"ops": LATENT_OP, "sae_weight": 1},
    "names": {"ops": LATENT_OP, "cfg": {"names_filter": f"{ACTS}post"}},
    "names, as a list": {"ops": LATENT_OP, "cfg": {"names_filter": [f"{ACTS}post"]}},
    "names, as a function": {"ops": LATENT_OP, "wanted": [f"{ACTS}post"]},
    "other names": {"ops": LATENT_OP, "cfg": {"names_filter": f"{ACTS}pre"}, "against": "names"},
    "other names, as a function": {"ops": LATENT_OP, "wanted": [f"{ACTS}pre"], "against": "names"},
    "chain": {"ops": CHAIN, "chain": True, "limit": 2},
    "chain, again": {"ops": CHAIN, "chain": True, "limit": 2},
    "used before": {"ops": LATENT_OP, "used": True},
    "heads": {"ops": LATENT_OP, "heads": True},
    "ablation": {"ops": ["logit_diffs_attr_ablation"], "limit": 2},
    "gradient": {"ops": ["logit_diffs_attr_grad"], "limit": 2},
    "without us": {"ops": LATENT_OP, "caching": False},
}
PLAIN = {"base": {}, "again": {}, "weight": {"weight": True}, "without us": {"caching": False}}
ADAPTERS = {
    "core": CORE,
    "nnsight": PLAIN,
    "hooked": PLAIN,
    "bridge": {**PLAIN, "compatible": {"bridge": {"enable_compatibility_mode": True}}},
    "sae_hooked": {**LATENT, "heads, used before": {"ops": LATENT_OP, "heads": True, "used": True}},
    "sae_bridge": LATENT,
}
#: Runs of which a second process cannot find all, and those that ask nothing of the cache.
NOT_FOUND = {"stumbles", "interrupted", "switched off meanwhile", "not kept", "direct"}
#: Edits of the user's ops, and the components that tell.
EDITS: dict[str, tuple[dict[str, str], set[str]]] = {
    "parameter": ({"scale: 1.0": "scale: 2.0"}, {"op.parameters"}),
    "implementation": ({") * scale": ") + scale"}, {"op.implementation"}),
    "helper": ({"flatten(1).mean": "flatten(1).sum"}, {"op.implementation", "op.parameters"}),
    "constant": ({"FACTOR = 1.0": "FACTOR = 2.0"}, {"op.implementation", "op.parameters"}),
    "comment": ({"FACTOR = 1.0": "FACTOR = 1.0  # one"}, set()),
}


def run(place: Path, adapter: str, variants: Found, **environment: str) -> Found:
    listed = [{"name": name, **variant} for name, variant in variants.items()]
    variables = {**os.environ, "IT_ANALYSIS_CACHE": str(place / "base"), "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, str(HERE / "scenario.py"), str(place / "work"), adapter, json.dumps(listed)],
        capture_output=True,
        text=True,
        env=variables,
        timeout=500,
    )
    assert done.returncode == 0, f"{done.stdout[-300:]}\n{done.stderr[-4000:]}"
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"name"')]
    return {found["name"]: found for found in map(json.loads, lines)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("host")


@pytest.fixture(scope="module")
def first(place: Path) -> Callable[[str], Found]:
    """Give what happened to the variants of an adapter in the process that ran them first."""
    return cache(lambda adapter: run(place, adapter, ADAPTERS[adapter], PYTHONHASHSEED="1"))


@pytest.fixture(scope="module")
def core(first: Callable[[str], Found]) -> Found:
    return first("core")


def changed(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    mine, theirs = one["components"], other["components"]
    return {name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name)}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_hits_in_the_same_process_and_in_the_next(first: Callable[[str], Found], place: Path, adapter: str) -> None:
    here = first(adapter)
    assert here["base"]["statuses"] == ["miss"]
    assert here["again"]["statuses"] == ["hit"]
    assert here["again"]["forwards"] == 0
    wanted = {
        name: variant
        for name, variant in ADAPTERS[adapter].items()
        if name not in NOT_FOUND and not name.startswith("without us")
    }
    there = run(place, adapter, wanted, PYTHONHASHSEED="2")
    assert {name: set(there[name]["statuses"]) for name in wanted} == {name: {"hit"} for name in wanted}
    assert {name: there[name]["forwards"] for name in wanted} == dict.fromkeys(wanted, 0)
    for name in wanted:
        assert there[name]["stores"] == here[name]["stores"], name
        assert there[name]["saved"], name


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_gives_what_the_host_alone_gives(first: Callable[[str], Found], adapter: str) -> None:
    here = first(adapter)
    assert here["without us"]["statuses"] == []
    assert here["base"]["stores"] == here["without us"]["stores"]


@pytest.mark.parametrize("name", ["manual", "two epochs", "two epochs, some batches", "own op", "list of one name"])
def test_gives_what_the_host_alone_gives_in_other_runs(core: Found, name: str) -> None:
    assert core[name]["stores"] == core[f"without us, {name}"]["stores"]


@pytest.mark.parametrize(
    ("name", "component", "part"),
    [
        ("weight", "model.weights", "transformer.h.0.attn"),
        ("row", "data.dataset.rows", "labels"),
        ("padding side", "data.tokenizer", "padding_side"),
        ("batch size", "data", "batch_size"),
        ("prompts", "run.analysis_cfg", "save_prompts"),
        ("tokens", "run.analysis_cfg", "save_tokens"),
        ("temperature", "generation", "temperature"),
        ("attention", "model.config", "attn_implementation"),
        ("two epochs", "run.max_epochs", "max_epochs"),
        ("dropout", "model.training", "resid_dropout"),
        ("dropout, other seed", "rng", "torch"),
        ("sampling, other seed", "rng", "torch"),
    ],
)
def test_a_change_is_a_miss_that_names_it(core: Found, name: str, component: str, part: str) -> None:
    assert core[name]["statuses"] == ["miss"]
    assert any(part in path for path in core[name]["differences"][component])
    assert component in core[name]["explained"][0]


@pytest.mark.parametrize(
    "name",
    [
        "places and labels",
        "attributes that nothing reads",
        "order of fields",
        "workers",
        "in a thread",
        "dropout, again",
    ],
)
def test_what_changes_no_row_keeps_the_hit(core: Found, name: str) -> None:
    assert core[name]["statuses"] == ["hit"]
    assert core[name]["forwards"] == 0


def test_runs_that_draw_random_numbers_say_so(core: Found) -> None:
    assert core["dropout"]["stochastic"] == core["sampling"]["stochastic"] == [True]
    assert core["base"]["stochastic"] == [False]
    assert core["dropout"]["stores"] != core["dropout, other seed"]["stores"]


def test_slices_and_extends(core: Found) -> None:
    assert core["first two"]["statuses"] == ["hit"]
    assert core["first two"]["stores"][0]["rows"] == 2
    assert core["two of another"]["computed"] == [2]
    assert core["all of another"]["statuses"] == ["extended"]
    assert core["all of another"]["computed"] == [4]


def test_lists_of_configs(core: Found) -> None:
    assert core["list"]["statuses"] == ["miss", "hit"]
    assert core["list, again"]["statuses"] == core["list of one name"]["statuses"] == ["hit", "hit"]


def test_a_change_of_the_users_own_op_is_told_by_what_changed(core: Found, place: Path) -> None:
    variants: Found = {"own op": {"ops": [OWN_OP]}, "base": {}}
    for name, (edits, components) in EDITS.items():
        found = run(place, "core", variants, OP_EDITS=json.dumps(edits))
        assert found["base"]["statuses"] == ["hit"], name
        assert found["own op"]["statuses"] == (["miss"] if components else ["hit"]), name
        assert changed(core["own op"], found["own op"]) == components, name
        assert all(component in found["own op"]["explained"][0] for component in components), name


def test_a_step_that_fails_raises_as_in_the_host_and_keeps_what_was_computed(core: Found) -> None:
    assert core["stumbles"]["errors"] == core["without us, stumbles"]["errors"]
    assert core["stumbles no more"]["statuses"] == ["extended"]
    assert core["stumbles no more"]["computed"] == [3]
    assert core["stumbles no more"]["stores"] == core["manual"]["stores"]


def test_an_interrupted_run_goes_on(core: Found) -> None:
    assert core["interrupted"]["errors"][0][0] == "KeyboardInterrupt: as the test asked for"
    assert core["interrupted no more"]["statuses"] == ["extended"]
    assert core["interrupted no more"]["stores"][0]["rows"] == 6


def test_switching_off_in_the_middle_harms_nothing(core: Found) -> None:
    assert core["switched off meanwhile"]["stores"] == core["manual"]["stores"]


def test_says_that_nothing_is_kept_without_hugging_face_caching(core: Found) -> None:
    assert core["not kept"]["statuses"] == ["temporary"]
    assert any("itdm_cfg.enable_datasets_cache" in text for text in core["not kept"]["warnings"])


def test_other_bases_are_read_and_not_written(core: Found, place: Path) -> None:
    def files() -> list[tuple[str, int]]:
        entries = [path for path in (place / "base").rglob("*") if path.is_file() and path.suffix == ".arrow"]
        return sorted((str(path), path.stat().st_mtime_ns) for path in entries)

    settings = {"base": str(place / "other base"), "readonly_bases": [str(place / "base")]}
    before = files()
    found = run(place, "core", {"base": {"settings": settings}, "weight": {"weight": True, "settings": settings}})
    assert found["base"]["statuses"] == found["weight"]["statuses"] == ["hit"]
    assert found["base"]["stores"] == core["base"]["stores"]
    assert found["base"]["saved"]
    assert files() == before


def test_the_direct_form_finds_the_files_of_datasets(core: Found, place: Path) -> None:
    ours, alone = core["direct"]["direct"][0], core["without us, direct"]["direct"][0]
    again = run(place, "core", {"direct": {"direct": True}}, PYTHONHASHSEED="2")["direct"]["direct"][0]
    other = run(place, "core", {"direct": {"direct": True, "weight": True}})["direct"]["direct"][0]
    assert (ours["ran"], alone["ran"], again["ran"], other["ran"]) == (1, 1, 0, 1)
    assert again["files"] == ours["files"] != other["files"]
    assert again["content"] == ours["content"] == alone["content"] != other["content"]
    assert again["first"] == ours["first"] == alone["first"]
    assert again["plain"] == ours["plain"] == alone["plain"]


def test_another_mode_of_a_bridge_is_a_miss(first: Callable[[str], Found]) -> None:
    found = first("bridge")["compatible"]
    assert found["statuses"] == ["miss"]
    assert any(name.startswith("model") for name in found["differences"])


@pytest.mark.parametrize("adapter", ["sae_hooked", "sae_bridge"])
def test_latent_models_and_names(first: Callable[[str], Found], adapter: str) -> None:
    found = first(adapter)
    assert found["latent weight"]["statuses"] == ["miss"]
    assert any("W_enc" in path for path in found["latent weight"]["differences"]["latent_models[0].weights"])
    assert "latent_models[0].weights: 1 of" in found["latent weight"]["explained"][0]
    assert found["names, as a list"]["statuses"] == found["names, as a function"]["statuses"] == ["hit"]
    assert found["other names"]["statuses"] == ["miss"]
    assert found["other names, as a function"]["statuses"] == ["hit"]
    assert "hooks.names" in found["other names"]["differences"]
    assert found["chain, again"]["statuses"] == ["hit", "hit"]
    assert found["used before"]["statuses"] == ["hit"]


def test_a_forward_leaves_nothing_in_an_sae_over_heads(first: Callable[[str], Found]) -> None:
    found = first("sae_hooked")
    assert [found[name]["statuses"] for name in ("heads", "heads, used before")] == [["miss"], ["hit"]]


def test_another_composition_is_another_key(first: Callable[[str], Found]) -> None:
    keys = {adapter: first(adapter)["base"] for adapter in ("core", "nnsight", "bridge")}
    for adapter in ("nnsight", "bridge"):
        assert "session.composition" in changed(keys["core"], keys[adapter])
