"""The way through the host, on a stand-in with the same seams: keyed, looked up, and on a hit not executed."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
MANUAL: dict[str, Any] = {"schema": "BOTH", "op_names": [None]}
LABELS: dict[str, Any] = {**MANUAL, "module": "LabelsModule"}
SAMPLING: dict[str, Any] = {
    "model": "SamplingModel",
    "module": "GeneratingModule",
    "schema": "SCORE",
    "op_names": [None],
}
TWO = ["logits.scored", "logits.running"]
RATIO = {"values.mean(dim=-1) + BIAS": "values.mean(dim=-1) * 2 + BIAS"}
#: What carries something from batch to batch, or looks as if it did.
CARRYING: dict[str, dict[str, Any]] = {
    "tracker": {**MANUAL, "module": "TrackingModule"},
    "average": {"model": "AveragingModel"},
    "decaying hook": {"decaying": True},
    "limit": {**MANUAL, "module": "LimitedModule"},
    "recording": {"model": "RecordingModel"},
    "capturing": {**MANUAL, "module": "CapturingModule"},
}

#: Each variant by name; all of them run in one process, one after the other, on one base. The first is the one that
#: the others are held against.
VARIANTS: dict[str, dict[str, Any]] = {
    "base": {},
    "again": {},
    # What changes the rows, and the component that tells.
    "weight": {"weight": True},
    "row": {"row": True},
    "batch size": {"data_cfg": {"eval_batch_size": 6}},
    "tokens saved": {"cfg": {"save_tokens": True}},
    "parameter": {"op_parameters": {"factor": 2.0}},
    "helper": {"ops": RATIO},
    "constant": {"ops": {"BIAS = 0.0": "BIAS = 1.0"}},
    "generation": {"generation": {"temperature": 0.5}},
    "unknown field": {"it_cfg": {"future_knob": 2}},
    "unknown data field": {"data_cfg": {"prompt": "b"}},
    "run input": {"cfg": {"run_inputs": {"layer": 5}}},
    "epochs": {"run": {"max_epochs": 2}},
    "epochs, some batches": {"run": {"max_epochs": 3, "limit_analysis_batches": 2}},
    "own hook": {"own_hook": 2.0},
    "other own hook": {"own_hook": 3.0},
    "epoch end": {"module": "OtherEpochEnd"},
    "latent model": {"latent_weight": 1.0},
    "other latent weight": {"latent_weight": 2.0},
    "dropout": {"dropout": True},
    "dropout, again": {"dropout": True},
    "dropout, other seed": {"dropout": True, "seed": 1},
    "sampling": SAMPLING,
    "sampling, again": SAMPLING,
    "sampling, other seed": {**SAMPLING, "seed": 1},
    # Ops that are called by name.
    "calls required": {"op_names": ["logits.calling"]},
    "calls required, changed": {"op_names": ["logits.calling"], "ops": RATIO},
    "calls undeclared": {"op_names": ["logits.undeclared"]},
    "calls undeclared, changed": {"op_names": ["logits.undeclared"], "ops": RATIO},
    "reads threshold": {"op_names": ["logits.watching"]},
    "reads threshold, changed": {"op_names": ["logits.watching"], "attributes": {"threshold": 0.75}},
    "gradients": {"op_names": ["graded"]},
    "read by the host": {"attributes": {"keeps_labels": False}},
    "constant of a config's class": {"levels": [0.25, 0.75]},
    "host patched": {"patched": True},
    "labels": LABELS,
    "labels, again": LABELS,
    "labels, tag": {**LABELS, "it_cfg": {"experiment_tag": "tagged"}},
    "labels, size": {**LABELS, "data_cfg": {"train_batch_size": 9}},
    "labels, name": {**LABELS, "cfg": {"name": "longer than before"}},
    "labels, place": {**LABELS, "it_cfg": {"core_log_dir": "/elsewhere", "model_name_or_path": "/m"}},
    "cut": {"data_module": "CuttingDataModule"},
    "cut elsewhere": {"data_module": "CuttingDataModule", "data_cfg": {"train_batch_size": 3}},
    # What changes no row.
    "places and labels": {
        "it_cfg": {"core_log_dir": "/elsewhere", "task_name": "t", "model_name_or_path": "/m", "experiment_tag": "x"},
        "data_cfg": {"train_batch_size": 99, "dataloader_kwargs": {"num_workers": 3}},
        "cfg": {"name": "mine"},
        "out": "elsewhere",
    },
    "comment": {"ops": {"BIAS = 0.0": "BIAS = 0.0  # none\n# at all"}},
    "unread attribute": {"attributes": {"made_at": 12345.6, "nobody_reads_this": "x", "output_store": 1}},
    "own base": {"run": {"cache_dir": "own base"}},
    "own base, again": {"run": {"cache_dir": "own base"}},
    # Slices and extensions.
    "first two": {"run": {"limit_analysis_batches": 2}},
    "first nine hundred": {"run": {"limit_analysis_batches": 900}},
    "few of another": {"op_parameters": {"factor": 3.0}, "run": {"limit_analysis_batches": 2}},
    "more of another": {"op_parameters": {"factor": 3.0}, "run": {"limit_analysis_batches": 4}},
    "all of another": {"op_parameters": {"factor": 3.0}},
    "stateful": {"op_names": ["logits.running"], "run": {"limit_analysis_batches": 4}},
    "stateful, fewer": {"op_names": ["logits.running"], "run": {"limit_analysis_batches": 2}},
    "stateful, again": {"op_names": ["logits.running"], "run": {"limit_analysis_batches": 4}},
    "counting step": {**MANUAL, "module": "CountingModule", "run": {"limit_analysis_batches": 2}},
    "counting step, all": {**MANUAL, "module": "CountingModule"},
    **{
        f"{name}, {batches}": {**variant, "run": {"limit_analysis_batches": batches}}
        for name, variant in CARRYING.items()
        for batches in (2, 4)
    },
    **{
        f"switched off, {name}": {**variant, "caching": False, "run": {"limit_analysis_batches": 4}}
        for name, variant in CARRYING.items()
    },
    # Manual steps.
    "manual": {**MANUAL, "module": "ManualModule"},
    "manual, again": {**MANUAL, "module": "ManualModule"},
    "manual, op changed": {**MANUAL, "module": "ManualModule", "ops": RATIO},
    "manual, ignored": {"module": "ManualModule", "run": {"ignore_manual": True}},
    "two rows": {**MANUAL, "module": "TwoRowsModule", "run": {"limit_analysis_batches": 2}},
    "two rows, all": {**MANUAL, "module": "TwoRowsModule"},
    "two rows, three": {**MANUAL, "module": "TwoRowsModule", "run": {"limit_analysis_batches": 3}},
    "no columns": {"module": "ManualModule", "op_names": [None]},
    # Several at once, and chains.
    "two configs": {"op_names": TWO},
    "two configs, again": {"op_names": TWO},
    "two configs of one name": {"op_names": TWO, "cfg": {"name": "both"}},
    "in a thread": {"thread": True},
    "chain": {"op_names": ["logits", "from_store"], "chain": True},
    "chain, again": {"op_names": ["logits", "from_store"], "chain": True},
    "chain, noted": {"op_names": ["logits", "from_store"], "chain": True, "note": 1.0},
    "chain, noted otherwise": {"op_names": ["logits", "from_store"], "chain": True, "note": 2.0},
    # The same meaning of the upstream store by another way; and another meaning.
    "chain, other upstream code": {
        "op_names": ["logits", "from_store"],
        "chain": True,
        "ops": {".detach().unsqueeze(1)": ".detach()[:, None]"},
    },
    "chain, other upstream rows": {
        "op_names": ["logits", "from_store"],
        "chain": True,
        "ops": {".detach().unsqueeze(1)": ".detach().unsqueeze(1) + 1"},
    },
    # Filters in each form.
    "filter: name": {"cfg": {"names_filter": "embed.out"}},
    "filter: list": {"cfg": {"names_filter": ["embed.out", "not.there"]}},
    "filter: function": {"cfg": {"only": ["embed.out"]}},
    "filter: other": {"cfg": {"names_filter": ["embed.out", "logits.out"]}},
    "filter: none": {},
    # Settings.
    "ignored, but not there": {"settings": {"ignore": ["module.it_cfg.nothing", "model.transformer*"]}},
    "a field ignored": {"it_cfg": {"future_knob": 3}, "settings": {"ignore": ["module.it_cfg.future_knob"]}},
    "a field ignored, other": {"it_cfg": {"future_knob": 4}, "settings": {"ignore": "module.it_cfg.*_knob"}},
    "place included": {"it_cfg": {"core_log_dir": "/a"}, "settings": {"include": ["module.it_cfg.core_log_dir"]}},
    "other place included": {"it_cfg": {"core_log_dir": "/b"}, "settings": {"include": ["*.core_log_dir"]}},
    "versions left out": {"settings": {"runtime": "ignore"}},
    "any device": {"settings": {"device": "portable"}},
    # Trouble.
    "not understood": {"not_understood": "field"},
    "told": {"not_understood": "told"},
    "told, again": {"not_understood": "told"},
    "told otherwise": {"not_understood": "told", "label": "other"},
    "fails": {**MANUAL, "module": "FailingModule", "fails": "error"},
    "fails no more": {**MANUAL, "module": "FailingModule"},
    "interrupted": {**MANUAL, "module": "FailingModule", "fails": "interrupt", "weight": True},
    "interrupted no more": {**MANUAL, "module": "FailingModule", "weight": True},
    "switched off meanwhile": {**MANUAL, "module": "SwitchingOffModule"},
    "no batch": {"run": {"limit_analysis_batches": 0}},
    "switched off": {"caching": False},
    "switched off, epochs": {"caching": False, "run": {"max_epochs": 3, "limit_analysis_batches": 2}},
    "not kept": {"enable_datasets_cache": False},
    "kept again": {},
}


#: Places of what cannot be understood, each where the analysis reads it.
NOT_UNDERSTOOD: dict[str, dict[str, Any]] = {
    "module.it_cfg.future_knob": {"not_understood": "field"},
    "module.tickets": {
        "not_understood": "attribute",
        "op_names": ["logits.watching"],
        "ops": {"module.above(": "(module.tickets is None) + module.above("},
    },
    "op.logits._impl.TICKETS": {
        "ops": {
            "BIAS = 0.0": "BIAS = 0.0\nTICKETS = (number for number in range(3))",
            ".detach().unsqueeze(1)": ".detach().unsqueeze(1) + 0 * sum(TICKETS)",
        }
    },
}


def run(directory: Path, base: Path, names: list[str], seed: int) -> dict[str, dict[str, Any]]:
    return play(directory, base, {name: VARIANTS[name] for name in names}, seed)


def play(directory: Path, base: Path, named: dict[str, dict[str, Any]], seed: int) -> dict[str, dict[str, Any]]:
    variants = [{"name": name, **variant} for name, variant in named.items()]
    lines = script("scenario.py", directory, base, json.dumps(variants), seed=seed)
    return {found["name"]: found for found in map(json.loads, lines)}


def script(name: str, directory: Path, base: Path, *arguments: str, seed: int) -> list[str]:
    directory.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE / "standin"), str(SOURCE)]),
        "PYTHONHASHSEED": str(seed),
        "IT_ANALYSIS_CACHE": str(base),
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(HERE / "standin" / name), str(directory), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=directory, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    made = tmp_path_factory.mktemp("standin")
    return made / "first", made / "second", made / "base"


@pytest.fixture(scope="module")
def runs(places: tuple[Path, Path, Path]) -> dict[str, dict[str, Any]]:
    return run(places[0], places[2], list(VARIANTS), seed=1)


def statuses(found: dict[str, Any]) -> list[str]:
    return [outcome["status"] for outcome in found["outcomes"]]


def changed(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    mine, theirs = one["components"], other["components"]
    return {name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name)}


def test_second_run_is_a_hit_and_executes_nothing(runs: dict[str, dict[str, Any]]) -> None:
    first, again = runs["base"], runs["again"]
    assert statuses(first) == ["miss"]
    assert first["forwards"] == first["drawn"] == 6
    assert statuses(again) == ["hit"]
    assert again["forwards"] == again["drawn"] == 0
    assert first["stores"] == again["stores"]


def test_second_process_finds_what_the_first_stored(
    runs: dict[str, dict[str, Any]], places: tuple[Path, Path, Path]
) -> None:
    names = ["base", "latent model", "own hook", "manual", "two rows, all", "two configs", "chain", "stateful"]
    names += ["filter: list", "reads threshold", "epochs"]
    found = run(places[1], places[2], names, seed=2)
    for name in names:
        assert set(statuses(found[name])) == {"hit"}, name
        assert found[name]["forwards"] == found[name]["drawn"] == 0, name
        assert found[name]["stores"] == runs[name]["stores"], name


def test_result_is_what_the_host_alone_gives(runs: dict[str, dict[str, Any]]) -> None:
    ours, plain = runs["base"]["stores"][0], runs["switched off"]["stores"][0]
    assert plain["class"] == "Dataset"
    assert plain["files"] == ["data-00000-of-00001.arrow"]
    for name in ("rows", "content", "features", "columns", "format", "format_kwargs", "first", "saved", "provenance"):
        assert ours[name] == plain[name], name
    assert ours["saved"] == ours["content"]


def test_a_limit_is_of_each_epoch(runs: dict[str, dict[str, Any]]) -> None:
    ours, plain = (runs[name]["stores"][0] for name in ("epochs, some batches", "switched off, epochs"))
    assert ours["rows"] == plain["rows"] == 6
    assert ours["content"] == plain["content"]


@pytest.mark.parametrize(
    ("name", "components"),
    [
        ("weight", {"model.weights"}),
        ("row", {"data.dataset.rows"}),
        ("batch size", {"data", "session.itdm_cfg"}),
        ("tokens saved", {"run.analysis_cfg"}),
        ("parameter", {"op.parameters"}),
        ("constant", {"op.parameters", "op.implementation"}),
        ("helper", {"op.parameters", "op.implementation"}),
        ("generation", {"generation"}),
        ("unknown field", {"session.it_cfg"}),
        ("unknown data field", {"session.itdm_cfg"}),
        ("run input", {"inputs.run"}),
        ("epochs", {"run.max_epochs", "run.limit"}),
        ("own hook", {"hooks.forward"}),
        ("epoch end", {"session.code"}),
        ("read by the host", {"session.attributes"}),
        ("constant of a config's class", {"session.it_cfg"}),
        ("host patched", {"session.code", "session.composition"}),
        ("dropout", {"model.training", "rng", "run.limit"}),
    ],
)
def test_a_change_is_a_miss_that_names_it(runs: dict[str, dict[str, Any]], name: str, components: set[str]) -> None:
    assert statuses(runs[name]) == ["miss"]
    assert changed(runs["base"], runs[name]) == components


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("own hook", "other own hook"),
        ("latent model", "other latent weight"),
        ("calls required", "calls required, changed"),
        ("calls undeclared", "calls undeclared, changed"),
        ("reads threshold", "reads threshold, changed"),
        ("manual", "manual, op changed"),
        ("manual", "manual, ignored"),
        ("filter: name", "filter: other"),
    ],
)
def test_a_change_of_what_only_some_analyses_use_is_a_miss(
    runs: dict[str, dict[str, Any]], before: str, after: str
) -> None:
    keys = [runs[name]["outcomes"][0]["key"] for name in (before, after)]
    assert None not in keys
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    "name", ["places and labels", "comment", "unread attribute", "filter: none", "kept again", "in a thread"]
)
def test_what_changes_no_row_keeps_the_hit(runs: dict[str, dict[str, Any]], name: str) -> None:
    assert statuses(runs[name]) == ["hit"]
    assert runs[name]["forwards"] == 0


def test_labels_and_places_count_where_a_step_reads_them(runs: dict[str, dict[str, Any]]) -> None:
    base = runs["labels"]
    assert statuses(runs["labels, again"]) == statuses(runs["labels, place"]) == ["hit"]
    for name, component in (("tag", "session.it_cfg"), ("size", "session.itdm_cfg"), ("name", "run.analysis_cfg")):
        found = runs[f"labels, {name}"]
        assert changed(base, found) == {component}, name
        assert found["stores"][0]["content"] != base["stores"][0]["content"]
    assert changed(runs["cut"], runs["cut elsewhere"]) == {"data"}


def test_a_directory_that_the_run_names_is_the_base(
    runs: dict[str, dict[str, Any]], places: tuple[Path, Path, Path]
) -> None:
    assert [statuses(runs[name]) for name in ("own base", "own base, again")] == [["miss"], ["hit"]]
    assert list((places[0] / "own base").rglob("manifest.json"))
    assert runs["own base"]["stores"] == runs["base"]["stores"]


def test_fewer_batches_are_a_slice_and_more_compute_the_difference(runs: dict[str, dict[str, Any]]) -> None:
    assert statuses(runs["first two"]) == statuses(runs["first nine hundred"]) == ["hit"]
    assert runs["first two"]["stores"][0]["rows"] == 2
    few, more, every = (runs[f"{how} of another"] for how in ("few", "more", "all"))
    assert [found["outcomes"][0]["computed"] for found in (few, more, every)] == [2, 2, 2]
    assert [statuses(found)[0] for found in (few, more, every)] == ["miss", "extended", "extended"]
    assert every["forwards"] == every["drawn"] == 2
    assert every["stores"][0]["saved"] == every["stores"][0]["content"]


def test_rows_of_a_batch_stay_together_when_there_are_several(runs: dict[str, dict[str, Any]]) -> None:
    two, every, three = (runs[name] for name in ("two rows", "two rows, all", "two rows, three"))
    assert [found["stores"][0]["rows"] for found in (two, every, three)] == [3, 11, 5]
    assert [statuses(found)[0] for found in (two, every, three)] == ["miss", "extended", "hit"]


def test_state_carried_from_batch_to_batch_forbids_slices_and_extensions(runs: dict[str, dict[str, Any]]) -> None:
    assert [statuses(runs[name])[0] for name in ("stateful", "stateful, fewer", "stateful, again")] == [
        "miss",
        "miss",
        "hit",
    ]
    assert [statuses(runs[name])[0] for name in ("counting step", "counting step, all")] == ["miss", "miss"]
    assert "run.limit" in runs["counting step"]["components"]


@pytest.mark.parametrize("name", CARRYING)
def test_state_in_objects_layers_and_hooks_forbids_extensions(runs: dict[str, dict[str, Any]], name: str) -> None:
    alone = name in ("recording", "capturing")
    assert [statuses(runs[f"{name}, {batches}"])[0] for batches in (2, 4)] == ["miss", "extended" if alone else "miss"]
    assert runs[f"{name}, 4"]["stores"][0]["content"] == runs[f"switched off, {name}"]["stores"][0]["content"]


def test_manual_steps_are_cached(runs: dict[str, dict[str, Any]]) -> None:
    assert statuses(runs["manual"]) == ["miss"]
    assert statuses(runs["manual, again"]) == ["hit"]
    assert runs["manual, again"]["forwards"] == 0


def test_filters_mean_the_names_that_they_select(runs: dict[str, dict[str, Any]]) -> None:
    assert statuses(runs["filter: name"]) == ["miss"]
    assert statuses(runs["filter: list"]) == statuses(runs["filter: function"]) == ["hit"]


def test_several_configs_are_keyed_each(runs: dict[str, dict[str, Any]]) -> None:
    assert statuses(runs["two configs"]) == ["hit", "miss"]
    assert statuses(runs["two configs, again"]) == ["hit", "hit"]
    assert runs["two configs"]["stores"] == runs["two configs, again"]["stores"]
    assert statuses(runs["two configs of one name"]) == ["hit", "hit"]
    assert runs["two configs of one name"]["stores"][0]["content"] == runs["two configs"]["stores"][1]["content"]


def test_chains_are_keyed_by_the_content_of_the_store(runs: dict[str, dict[str, Any]]) -> None:
    assert statuses(runs["chain"]) == ["miss", "miss"]
    assert statuses(runs["chain, again"]) == ["hit", "hit"]
    assert statuses(runs["chain, other upstream code"]) == ["miss", "hit"]
    assert statuses(runs["chain, other upstream rows"]) == ["miss", "miss"]
    assert "inputs.store" in runs["chain"]["components"]
    noted = [runs[f"chain{how}"] for how in ("", ", noted", ", noted otherwise")]
    assert [statuses(found)[1] for found in noted] == ["miss"] * 3
    assert changed(noted[1], noted[2]) == {"inputs.store"}


def test_what_cannot_be_understood_runs_uncached_and_says_so_once(runs: dict[str, dict[str, Any]]) -> None:
    found = runs["not understood"]
    assert statuses(found) == ["bypassed"]
    assert found["stores"][0]["content"] == runs["base"]["stores"][0]["content"]
    (warning,) = found["warnings"]
    for part in ("module.it_cfg.future_knob", "gone through once only", "ignore=", "uncached"):
        assert part in warning
    assert "enable_analysisstore_caching(ignore=" in warning


def test_what_says_itself_what_it_means_counts_by_that(runs: dict[str, dict[str, Any]]) -> None:
    assert [statuses(runs[name])[0] for name in ("told", "told, again", "told otherwise")] == ["miss", "hit", "miss"]
    assert changed(runs["told"], runs["told otherwise"]) == {"session.it_cfg"}


@pytest.fixture(scope="module")
def advised(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Run what cannot be understood, and then twice as the warnings say."""
    made = tmp_path_factory.mktemp("advice")
    warned = play(made / "1", made / "base", NOT_UNDERSTOOD, seed=1)
    advice = {}
    for name, variant in NOT_UNDERSTOOD.items():
        ignore = re.findall(r"leave it out of the key with `ignore=(\(.*?\))`", " ".join(warned[name]["warnings"]))
        following = {**variant, "settings": {"ignore": ast.literal_eval(ignore[0])}}
        advice.update({name: following, f"{name}, again": following})
    return warned, play(made / "2", made / "base", advice, seed=2)


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_the_way_out_in_the_warning_is_one(
    advised: tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]], name: str
) -> None:
    warned, found = advised
    assert statuses(warned[name]) == ["bypassed"]
    assert f"`{name}`" in warned[name]["warnings"][0]
    assert [statuses(found[which]) for which in (name, f"{name}, again")] == [["miss"], ["hit"]]
    assert not found[name]["warnings"]
    assert found[name]["stores"][0]["content"] == warned[name]["stores"][0]["content"]


def test_settings_say_what_counts(runs: dict[str, dict[str, Any]]) -> None:
    assert statuses(runs["ignored, but not there"]) == ["hit"]
    assert statuses(runs["a field ignored"]) == ["miss"]
    assert statuses(runs["a field ignored, other"]) == ["hit"]
    assert changed(runs["base"], runs["a field ignored"]) == {"session.it_cfg"}
    assert changed(runs["place included"], runs["other place included"]) == {"session.it_cfg"}


def test_settings_say_how_closely_libraries_and_devices_count(runs: dict[str, dict[str, Any]]) -> None:
    assert "runtime.torch" in changed(runs["base"], runs["versions left out"])
    assert not any(name.startswith("runtime.") for name in runs["versions left out"]["components"])
    assert "model.device" in changed(runs["base"], runs["any device"])


def test_a_failing_step_raises_as_in_the_host_and_keeps_what_was_computed(runs: dict[str, dict[str, Any]]) -> None:
    assert runs["fails"]["error"] == "DatasetGenerationError: An error occurred while generating the dataset"
    assert statuses(runs["fails no more"]) == ["extended"]
    assert runs["fails no more"]["outcomes"][0]["computed"] == 2
    assert runs["fails no more"]["stores"][0]["rows"] == 6


def test_an_interrupted_run_goes_on(runs: dict[str, dict[str, Any]]) -> None:
    assert runs["interrupted"]["error"] == "KeyboardInterrupt: the step fails"
    assert statuses(runs["interrupted no more"]) == ["extended"]
    assert runs["interrupted no more"]["outcomes"][0]["computed"] == 2


def test_switching_off_in_the_middle_harms_nothing(runs: dict[str, dict[str, Any]]) -> None:
    assert runs["switched off meanwhile"]["error"] is None
    assert runs["switched off meanwhile"]["stores"][0]["content"] == runs["manual"]["stores"][0]["content"]


def test_runs_that_draw_random_numbers_are_found_by_the_generators_states(runs: dict[str, dict[str, Any]]) -> None:
    for name in ("dropout", "sampling"):
        found = [runs[name + what] for what in ("", ", again", ", other seed")]
        assert [statuses(one)[0] for one in found] == ["miss", "hit", "miss"]
        assert changed(found[0], found[2]) == {"rng"}
        assert found[0]["stores"][0]["content"] != found[2]["stores"][0]["content"]


def test_modules_and_helpers_in_the_cells_of_a_notebook(tmp_path: Path, base: Path) -> None:
    pytest.importorskip("IPython")
    first, second = (
        [line for line in script("notebook.py", tmp_path / str(seed), base, seed=seed) if line.startswith("status:")]
        for seed in (1, 2)
    )
    # Run twice, with a comment more, with other code.
    assert first == [f"status: {status}" for status in ("miss", "hit", "hit", "miss")]
    assert second == ["status: hit"] * 4


def test_without_columns_or_batches_the_host_decides(runs: dict[str, dict[str, Any]]) -> None:
    assert runs["no batch"]["error"] is not None
    assert statuses(runs["no columns"]) in ([], ["temporary"])


def test_without_hugging_face_caching_nothing_is_kept_and_the_field_is_named(runs: dict[str, dict[str, Any]]) -> None:
    assert statuses(runs["not kept"]) == ["temporary"]
    said = " ".join(runs["not kept"]["warnings"])
    assert "itdm_cfg.enable_datasets_cache" in said
    assert "datasets.enable_caching()" in said
