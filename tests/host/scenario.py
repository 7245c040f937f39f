"""Runs analyses on the real host, all offline, and prints what happened to each variant as one line of JSON.

    python scenario.py WORKDIR ADAPTER '[{"name": "base"}, {"name": "one weight", "weight": true}]'

`pieces.py` has the adapters and what the variants may change of a session.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import warnings
from pathlib import Path

from settled import WORKDIR  # isort: skip

import datasets
import torch
from interpretune.config import init_analysis_cfgs
from interpretune.runners.analysis import dataset_features_and_format
from pieces import COMPOSITE, DRAWN, build

from interpretune import (
    DISPATCHER,
    AnalysisBatch,
    AnalysisCfg,
    AnalysisRunner,
    AnalysisRunnerCfg,
    LatentAnalysisTargets,
)

ADAPTER = sys.argv[2]


def configs(variant: dict) -> list[AnalysisCfg]:
    given = dict(variant.get("cfg", {}))
    if "sae" in ADAPTER:
        given["latent_analysis_targets"] = LatentAnalysisTargets(
            sae_release="tiny", target_sae_ids=["blocks.0"], target_layers=[0]
        )
    if "wanted" in variant:
        wanted = variant["wanted"]
        given["names_filter"] = lambda name: name in wanted
    if "module" in variant:
        drawn = variant["module"] == "Generating"
        given["output_schema"] = DRAWN if drawn else DISPATCHER.compile_ops(COMPOSITE).output_schema
        return [AnalysisCfg(**{"name": "manual", **given})]
    return [AnalysisCfg(target_op=op, **given) for op in variant.get("ops", [COMPOSITE])]


class Counts:
    """How many modules were called in this process; nothing of a session is touched."""

    def __init__(self) -> None:
        self.forwards = 0
        torch.nn.modules.module.register_module_forward_pre_hook(self._see)

    def _see(self, module, inputs):
        self.forwards += 1


def content(dataset) -> str:
    plain = dataset.with_format("arrow")[:].to_pydict()
    return hashlib.sha256(json.dumps([str(dataset.features), plain], sort_keys=True, default=str).encode()).hexdigest()


def shapes(value):
    if isinstance(value, dict):
        return {str(name): shapes(inner) for name, inner in value.items()}
    return [str(getattr(value, "dtype", type(value).__name__)), list(getattr(value, "shape", ()))]


def told(store) -> dict:
    """Tell all that a store answers."""
    return {
        "rows": len(store.dataset),
        "content": content(store.dataset),
        "format": store.dataset.format["type"],
        "col_cfg": sorted(store.dataset.format["format_kwargs"]["col_cfg"]),
        "first": shapes(dict(store.dataset[0])),
        "attribute": shapes({"x": getattr(store, store.dataset.column_names[0], None)})["x"],
        "provenance": [item.to_dict() for item in store.op_provenance],
    }


def analyse(variant: dict, session, out: Path) -> list:
    """Run the analyses of a variant, and give their stores."""
    runner = AnalysisRunner(
        AnalysisRunnerCfg(
            it_session=session,
            op_output_dataset_path=str(out),
            limit_analysis_batches=variant.get("limit", -1),
            max_epochs=variant.get("epochs", 1),
        )
    )
    torch.manual_seed(variant.get("seed", 0))
    if not variant.get("chain"):
        result = runner.run_analysis(configs(variant))
        return list(result.values()) if isinstance(result, dict) else [result]
    stores: list = []
    for cfg in configs(variant):
        cfg.input_store = stores[-1] if stores else None
        stores.append(runner.run_analysis(cfg, op_output_dataset_path=str(out / str(len(stores)))))
    return stores


def run(variant: dict, number: int, counts: Counts, fingerprints: dict) -> dict:
    from interpretune.analysis.cache import analysisstore_caching
    from interpretune.analysis.cache.outcome import observe

    session, outcomes, stores, errors = build(ADAPTER, variant), [], [], []
    sign = Path(os.environ["STUMBLE"])
    sign.write_text(variant["stumbles"]) if "stumbles" in variant else sign.unlink(missing_ok=True)
    out = WORKDIR / "out" / variant.get("out", f"{os.getpid()}-{number}")

    def attempt() -> None:
        try:
            stores.extend(direct(session, out) if variant.get("direct") else analyse(variant, session, out))
        except BaseException as error:
            if "stumbles" not in variant:
                raise
            causes = [error, error.__cause__, error.__context__]
            errors.append([f"{type(cause).__name__}: {cause}" for cause in causes if cause is not None])
            torch.set_grad_enabled(True)  # the host leaves it as the failing run had it

    forget, forwards = observe(outcomes.append), counts.forwards
    caching = analysisstore_caching(variant.get("caching", True), **variant.get("settings", {}))
    with warnings.catch_warnings(record=True) as caught, caching:
        warnings.simplefilter("always")
        if variant.get("thread"):
            thread = threading.Thread(target=attempt)
            thread.start()
            thread.join()
        else:
            attempt()
        explained = [outcome.explain() for outcome in outcomes if outcome.status == "miss"]
    forget()
    found = {
        "name": variant["name"],
        "forwards": counts.forwards - forwards,
        "warnings": [str(warning.message) for warning in caught if "cache" in str(warning.message)],
        "errors": errors,
        "statuses": [outcome.status for outcome in outcomes],
        "reasons": [outcome.reason for outcome in outcomes],
        "explained": explained,
        "computed": [outcome.batches_computed for outcome in outcomes],
        "stochastic": [bool(outcome.fingerprint and outcome.fingerprint.stochastic) for outcome in outcomes],
        "stores": [told(store) for store in stores if not variant.get("direct")],
        "direct": stores if variant.get("direct") else None,
    }
    if found["stores"]:
        saved = datasets.load_from_disk(str(stores[-1].save_dir))
        found["saved"] = content(saved) == content(stores[-1].dataset) and saved.format["type"] == "interpretune"
    fingerprint = outcomes[-1].fingerprint if outcomes else None
    if fingerprint is not None:
        fingerprints[variant["name"]] = fingerprint
        found["components"] = dict(fingerprint.components)
        against = fingerprints.get(variant.get("against", "base"))
        differences = against.diff(fingerprint) if against is not None else []
        found["differences"] = {one.component: [path for path, _, _ in one.parts] for one in differences}
    return found


def direct(session, out: Path) -> list:
    """Make a dataset as the host's tests and notebooks do, of a generator over the session, and one without."""
    AnalysisRunner(AnalysisRunnerCfg(it_session=session, op_output_dataset_path=str(out), max_epochs=1))
    module, cfg = session.module, configs({})[0]
    init_analysis_cfgs(module, [cfg], op_output_dataset_path=str(out))
    module.analysis_cfg = cfg
    batches = list(session.datamodule.test_dataloader())[:2]
    with torch.no_grad():
        results = [
            cfg.op(module=module, analysis_batch=AnalysisBatch(), batch=dict(batch), batch_idx=index)
            for index, batch in enumerate(batches)
        ]
    features, it_format_kwargs, _ = dataset_features_and_format(module, {})
    ran: list[bool] = []

    def multi_batch_generator():
        ran.append(True)
        for result, batch in zip(results, batches, strict=True):
            yield module.analysis_cfg.op.save_batch(
                result,
                batch,
                tokenizer=session.datamodule.tokenizer,
                save_prompts=session.module.analysis_cfg.save_prompts,
                save_tokens=session.module.analysis_cfg.save_tokens,
                decode_kwargs=session.module.analysis_cfg.decode_kwargs,
            )

    def plain_generator():
        yield {"x": 1}

    made = datasets.Dataset.from_generator(
        generator=multi_batch_generator, features=features, cache_dir=str(WORKDIR / "direct"), split="validation"
    ).with_format("interpretune", **it_format_kwargs)
    plain = datasets.Dataset.from_generator(generator=plain_generator, cache_dir=str(WORKDIR / "direct"))
    return [
        {
            "ran": len(ran),
            "content": content(made),
            "files": [Path(file["filename"]).relative_to(WORKDIR).as_posix() for file in made.cache_files],
            "first": shapes(dict(made[0])),
            "plain": [plain._fingerprint, *(file["filename"] for file in plain.cache_files)],
        }
    ]


def main() -> None:
    counts, fingerprints = Counts(), {}
    for number, variant in enumerate(json.loads(sys.argv[3])):
        print(json.dumps(run(variant, number, counts, fingerprints)), flush=True)


if __name__ == "__main__":
    main()
