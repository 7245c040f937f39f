"""The configuration of one analysis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from interpretune.analysis.core import AnalysisStore, _make_simple_cache_hook, resolve_names_filter
from interpretune.analysis.ops.dispatcher import DISPATCHER


class OpState(dict):
    """What an op carries from batch to batch."""


@dataclass(kw_only=True)
class AnalysisCfg:
    output_store: Any = None
    input_store: Any = None
    batch_inputs: dict = field(default_factory=dict)
    run_inputs: dict = field(default_factory=dict)
    target_op: Any = None
    output_schema: Any = None
    name: str | None = None
    fwd_hooks: list = field(default_factory=list)
    bwd_hooks: list = field(default_factory=list)
    cache_dict: dict = field(default_factory=dict)
    names_filter: Any = None
    save_prompts: bool = False
    save_tokens: bool = False
    ignore_manual: bool = False
    step_fn: str = "analysis_step"
    _original_step_fn: str | None = field(default=None, init=False)
    _applied_to: WeakKeyDictionary = field(default_factory=WeakKeyDictionary, init=False)
    _op_states: dict = field(default_factory=dict, init=False)
    _op: Any = None

    def __post_init__(self):
        op = self.target_op
        self._op = DISPATCHER.compile_ops(op) if isinstance(op, str) and "." in op else op
        if isinstance(self._op, str):
            self._op = DISPATCHER.get_op(self._op)
        self.name = self.name or getattr(self._op, "name", "manual")

    @property
    def op(self):
        return self._op

    def op_state_for(self, op):
        return None if op.op_state is None else self._op_states.setdefault(op.name, OpState())

    def reset_op_state(self, *, epoch_boundary=False):
        if not epoch_boundary:
            for state in self._op_states.values():
                state.clear()

    finalize_op_state = reset_op_state

    def applied_to(self, module):
        return module in self._applied_to

    def apply(self, module, cache_dir, op_output_dataset_path):
        if self._original_step_fn is None:
            self._original_step_fn = self.step_fn
        base = self._original_step_fn
        if self.op is not None and (self.ignore_manual or not hasattr(module, base)):

            def generated_analysis_step(module, batch, batch_idx):
                batch_of_rows = module.analysis_cfg.op(module, module.analysis_cfg.begin(), batch, batch_idx)
                yield from module.analysis_cfg.save_batch(module.finish_rows(batch_of_rows), batch)

            setattr(module, f"_generated_{base}", generated_analysis_step.__get__(module))
            self.step_fn = f"_generated_{base}"
        if self.output_store is None:
            self.output_store = AnalysisStore(None, op_output_dataset_path, cache_dir)
        self.output_store.op_provenance = (self.name,)
        self.names_filter = resolve_names_filter(self.names_filter)
        if self.op is not None and self.op.uses_default_hooks:
            self.fwd_hooks = [(self.names_filter, _make_simple_cache_hook(self.cache_dict))]
        self._applied_to[module] = True

    def begin(self):
        from interpretune.analysis.ops.base import AnalysisBatch

        return AnalysisBatch()

    def save_batch(self, analysis_batch, batch):
        if self.save_tokens:
            analysis_batch["tokens"] = batch["input_ids"]
        yield analysis_batch
