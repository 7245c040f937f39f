"""Runs analyses."""

from __future__ import annotations

from functools import partialmethod

from datasets import Dataset
from datasets.fingerprint import generate_random_fingerprint

from interpretune.analysis.core import schema_to_features
from interpretune.config.runner import init_analysis_cfgs
from interpretune.runners.core import run_step

#: What was dumped about failed runs.
DUMPS = []


def handle_exception_with_debug_dump(error, context_data, operation_name):
    DUMPS.append((operation_name, type(error).__name__))
    raise error


def analysis_store_generator(module, datamodule, limit_analysis_batches=-1, step_fn="analysis_step", max_epochs=1):
    loader = datamodule.test_dataloader()
    for epoch in range(max_epochs):
        module.current_epoch = epoch
        for batch_idx, batch in enumerate(loader):
            if batch_idx >= limit_analysis_batches >= 0:
                break
            yield from run_step(step_fn=step_fn, batch=batch, batch_idx=batch_idx, module=module, as_generator=True)
        module.on_analysis_epoch_end()
        module.analysis_cfg.reset_op_state(epoch_boundary=True)


def generate_analysis_dataset(module, features, it_format_kwargs, gen_kwargs, split="validation", **kwargs):
    try:
        return Dataset.from_generator(
            analysis_store_generator,
            features=features,
            cache_dir=str(module.analysis_cfg.output_store.cache_dir),
            gen_kwargs=gen_kwargs,
            split=split,
            fingerprint=generate_random_fingerprint(),
        ).with_format("interpretune", **it_format_kwargs)
    except Exception as error:
        handle_exception_with_debug_dump(error, (features, gen_kwargs), "dataset_generation")


def core_analysis_loop(module, datamodule, limit_analysis_batches=-1, step_fn="analysis_step", max_epochs=1, **kwargs):
    module.on_analysis_start()
    schema = (
        module.analysis_cfg.output_schema or (module.analysis_cfg.op and module.analysis_cfg.op.output_schema) or {}
    )
    features = schema_to_features(module, schema) if schema else {}
    it_format_kwargs = {"col_cfg": {name: cfg.to_dict() for name, cfg in schema.items()}}
    gen_kwargs = {
        "module": module,
        "datamodule": datamodule,
        "limit_analysis_batches": limit_analysis_batches,
        "step_fn": step_fn,
        "max_epochs": max_epochs,
    }
    dataset = generate_analysis_dataset(module, features, it_format_kwargs, gen_kwargs)
    store = module.analysis_cfg.output_store
    dataset.save_to_disk(store.save_dir)
    store.dataset = dataset
    module.on_analysis_end()
    return store


class AnalysisRunner:
    def __init__(self, run_cfg):
        self.run_cfg = run_cfg
        session = run_cfg.it_session
        session.datamodule.prepare_data()
        session.datamodule.setup()
        session.module.setup(datamodule=session.datamodule)

    def _run(self, loop, cfg):
        run, session = self.run_cfg, self.run_cfg.it_session
        return loop(
            session.module, session.datamodule, run.limit_analysis_batches, cfg.step_fn, max_epochs=run.max_epochs
        )

    analysis = partialmethod(_run, core_analysis_loop)

    def run_analysis(self, analysis_cfgs):
        run, module = self.run_cfg, self.run_cfg.it_session.module
        cfgs = analysis_cfgs if isinstance(analysis_cfgs, list) else [analysis_cfgs]
        init_analysis_cfgs(module, cfgs, run.cache_dir, run.op_output_dataset_path, run.ignore_manual)
        results = {}
        for cfg in cfgs:
            cfg.reset_op_state()
            before, module.analysis_cfg = module.analysis_cfg, cfg
            try:
                results[cfg.name] = self.analysis(cfg)
            finally:
                module.analysis_cfg = before
                cfg.finalize_op_state()
        return next(iter(results.values())) if len(results) == 1 else results
