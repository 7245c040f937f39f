"""Runs analyses on the stand-in, one variant after the other, and prints what happened to each as one line of JSON.

python scenario.py WORKDIR '[{"name": "base"}, {"name": "one weight", "weight": true}]'
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import threading
import types
import warnings
from pathlib import Path

from interpretune_analysis_cache import finder

HERE = Path(__file__).resolve().parent


def prepare_data(directory: Path, changed_row: bool) -> str:
    from datasets import Dataset, DatasetDict

    path = directory / f"data-{int(changed_row)}"
    if not path.exists():
        rows = [{"input_ids": [(3 * i + j) % 12 for j in range(5)], "label": i % 2} for i in range(24)]
        if changed_row:
            rows[7]["input_ids"][2] = 0
        DatasetDict(test=Dataset.from_list(rows)).save_to_disk(str(path))
    return str(path)


def load_ops(source: str) -> None:
    """Load the user's ops from a text, as the module `user_ops`, whatever was loaded before."""
    import linecache

    filename = f"<user_ops {hashlib.sha256(source.encode()).hexdigest()[:8]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = sys.modules.get("user_ops") or types.ModuleType("user_ops")
    module.__dict__.update(__name__="user_ops", __file__=None)
    sys.modules["user_ops"] = module
    exec(compile(source, filename, "exec"), module.__dict__)


def build(variant: dict, workdir: Path):
    """Make a session as a variant says."""
    source = (HERE / "user_ops.py").read_text()
    for old, new in variant.get("ops", {}).items():
        assert old in source, old
        source = source.replace(old, new)
    load_ops(source)
    import user_side
    from interpretune.config.module import GenerationCfg

    from interpretune import ITSession

    user_side.register_ops(**variant.get("op_parameters", {}))
    data_cfg = user_side.UserDataConfig(
        dataset_path=prepare_data(workdir, variant.get("row", False)),
        enable_datasets_cache=variant.get("enable_datasets_cache", True),
        **{"eval_batch_size": 4, **variant.get("data_cfg", {})},
    )
    generation = GenerationCfg(**variant.get("generation", {}))
    cfg = user_side.UserConfig(
        model_class=getattr(user_side, variant.get("model", "TinyModel")),
        generative_step_cfg=generation,
        **variant.get("it_cfg", {}),
    )
    if variant.get("not_understood") == "field":
        cfg.future_knob = user_side.tickets()
    elif variant.get("not_understood") == "told":
        cfg.future_knob = user_side.TicketBox(variant.get("label", ""))
    elif variant.get("not_understood") == "raising":
        cfg.future_knob = user_side.ForgetfulBox()
    session = ITSession(
        getattr(user_side, variant.get("data_module", "UserDataModule")),
        getattr(user_side, variant.get("module", "UserModule")),
        data_cfg,
        cfg,
    )
    session.module.it_cfg.__class__.LEVELS = tuple(variant.get("levels", (0.25, 0.5)))
    patch_host(variant.get("patched", False))
    if variant.get("weight"):
        session.module.model.out.bias.data[3] += 1
    if variant.get("dropout"):
        session.module.model.train()
    for name, value in variant.get("attributes", {}).items():
        setattr(session.module, name, value)
    if variant.get("not_understood") == "attribute":
        session.module.tickets = user_side.tickets()
    if variant.get("decaying"):
        session.module.model.out.register_forward_hook(user_side.Decaying())
    if variant.get("latent_weight") is not None:
        session.module.saes = [latent_model(variant["latent_weight"])]
    sign = Path(os.environ.setdefault("FAIL_WHILE", str(workdir / "fail")))
    sign.write_text(variant["fails"]) if "fails" in variant else sign.unlink(missing_ok=True)
    return session


def patch_host(wanted: bool) -> None:
    """Put a function of the user's into a class of the host, or take it out."""
    from interpretune.base.modules import BaseITModule
    from user_side import halved

    if hasattr(BaseITModule.finish_rows, "__wrapped__"):
        BaseITModule.finish_rows = BaseITModule.finish_rows.__wrapped__
    if wanted:
        BaseITModule.finish_rows = halved(BaseITModule.finish_rows)


def latent_model(weight: float):
    import torch

    handle = torch.nn.Linear(2, 2)
    with torch.no_grad():
        for parameter in handle.parameters():
            parameter.fill_(weight)
    handle.cfg = types.SimpleNamespace(metadata=types.SimpleNamespace(hook_name="embed.out"))
    handle.hook_dict = {"acts": None}
    return types.SimpleNamespace(handle=handle)


def config(variant: dict, op: str | None, store=None):
    """Make the configuration of an analysis."""
    import user_side
    from interpretune.config.analysis import AnalysisCfg

    given = dict(variant.get("cfg", {}))
    if "only" in given:
        wanted = given.pop("only")
        given["names_filter"] = lambda name: name in wanted
    if variant.get("own_hook") is not None:
        given["fwd_hooks"] = [("embed.out", own_hook(variant["own_hook"]))]
    if variant.get("schema"):
        given["output_schema"] = getattr(user_side, variant["schema"])
    return AnalysisCfg(target_op=op, input_store=store, **given)


def own_hook(scale):
    def hook(act, hook):
        return act * scale

    return hook


def content(dataset) -> str:
    plain = dataset.with_format("arrow")
    return hashlib.sha256(json.dumps(plain[:].to_pydict(), sort_keys=True).encode()).hexdigest()


class Counts:
    """How often a model's forward ran and a batch was drawn, in this process; nothing of a session is touched."""

    def __init__(self) -> None:
        import torch
        from torch.utils.data import dataloader

        self.forwards = self.drawn = 0
        torch.nn.modules.module.register_module_forward_pre_hook(self._see)
        original = dataloader._BaseDataLoaderIter.__next__

        def counted(iterator):
            batch = original(iterator)
            self.drawn += 1
            return batch

        dataloader._BaseDataLoaderIter.__next__ = counted

    def _see(self, module, inputs):
        if type(module).__name__ == "TinyModel":
            self.forwards += 1


def run(variant: dict, workdir: Path, number: int, counts: Counts) -> dict:
    """Run one variant and tell what happened."""
    import datasets
    import torch

    from interpretune import AnalysisRunner, AnalysisRunnerCfg
    from interpretune.analysis.cache import analysisstore_caching
    from interpretune.analysis.cache.outcome import observe

    session = build(variant, workdir)
    ops = variant.get("op_names", ["logits.scored"])
    outcomes: list = []
    forget = observe(outcomes.append)
    forwards, drawn = counts.forwards, counts.drawn
    out = Path(variant.get("out") or workdir / f"out-{os.getpid()}-{number}")
    found: dict = {"name": variant["name"], "error": None}
    stores: list = []
    caching = analysisstore_caching(variant.get("caching", True), **variant.get("settings", {}))
    outside = {name: os.environ.get(name) for name in {"IT_ANALYSIS_CACHE", *variant.get("environment", {})}}
    os.environ.update(variant.get("environment", {}))
    user = os.geteuid
    if variant.get("foreign_base"):
        foreign = workdir / "foreign"
        foreign.mkdir(exist_ok=True)
        foreign.chmod(0o777)
        os.environ["IT_ANALYSIS_CACHE"] = str(foreign)
        os.geteuid = lambda: foreign.stat().st_uid + 1

    def analyse() -> None:
        try:
            runner = AnalysisRunner(
                AnalysisRunnerCfg(it_session=session, op_output_dataset_path=out, **variant.get("run", {}))
            )
            torch.manual_seed(variant.get("seed", 0))
            if variant.get("chain"):
                for op in ops:
                    for store in stores if "note" in variant else ():
                        store.note = variant["note"]
                    stores.append(runner.run_analysis(config(variant, op, stores[-1] if stores else None)))
            else:
                result = runner.run_analysis([config(variant, op) for op in ops])
                stores.extend(result.values() if isinstance(result, dict) else [result])
        except BaseException as error:
            found["error"] = f"{type(error).__name__}: {error}"

    with warnings.catch_warnings(record=True) as caught, caching:
        warnings.simplefilter("always")
        if variant.get("warnings_are_errors"):
            warnings.simplefilter("error", UserWarning)
        if variant.get("thread"):
            thread = threading.Thread(target=analyse)
            thread.start()
            thread.join()
        else:
            analyse()
    forget()
    os.geteuid = user
    for name, value in outside.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    found["warnings"] = [str(warning.message) for warning in caught if warning.category is UserWarning]
    found["forwards"], found["drawn"] = counts.forwards - forwards, counts.drawn - drawn
    found["outcomes"] = [
        {"status": o.status, "key": o.key, "batches": o.batches, "computed": o.batches_computed, "reason": o.reason}
        for o in outcomes
    ]
    found["components"] = dict(outcomes[-1].fingerprint.components) if outcomes and outcomes[-1].fingerprint else {}
    found["stores"] = [
        {
            "rows": len(store.dataset),
            "content": content(store.dataset),
            "columns": store.dataset.column_names,
            "features": str(store.dataset.features),
            "format": store.dataset.format["type"],
            "format_kwargs": sorted(store.dataset.format["format_kwargs"]),
            "class": type(store.dataset).__name__,
            "first": {name: list(getattr(value, "shape", ())) for name, value in store.dataset[0].items()},
            "saved": content(datasets.load_from_disk(str(store.save_dir))) if store is stores[-1] else None,
            "files": sorted(path.name for path in store.save_dir.glob("*.arrow")),
            "provenance": list(store.op_provenance),
            "same_by_attribute": len(getattr(store, store.dataset.column_names[0])) == len(store.dataset),
        }
        for store in stores
    ]
    return found


def main(workdir: str, variants: str) -> None:
    finder.install()
    logging.disable()
    counts = Counts()
    for number, variant in enumerate(json.loads(variants)):
        print(json.dumps(run(variant, Path(workdir), number, counts)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
