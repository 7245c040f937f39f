"""Ops: a function over batches with its parameters and the columns that it reads and writes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class ColCfg:
    datasets_dtype: str
    sequence_type: bool = True
    array_shape: tuple | None = None
    dyn_dim: int | None = None
    default: Any = None

    def to_dict(self):
        return asdict(self)


class OpSchema(dict):
    """Columns by name."""


class AnalysisBatch(dict):
    """What ops add to."""


class AnalysisOp:
    def __init__(self, name, description, output_schema, input_schema=None, impl_params=None, op_state=None, **traits):
        self.name = name
        self.description = description
        self.output_schema = output_schema
        self.input_schema = input_schema
        self.impl_params = impl_params or {}
        self.op_state = op_state
        self.requires_grad = traits.get("requires_grad", False)
        self.uses_default_hooks = traits.get("uses_default_hooks", False)
        self.required_capabilities = frozenset(traits.get("required_capabilities", ()))
        self._aliases = traits.get("aliases")
        self._ctx_key = None
        self._impl = None

    def __call__(self, module, analysis_batch, batch, batch_idx):
        state = module.analysis_cfg.op_state_for(self)
        return self._impl(module, analysis_batch, batch, state=state, **self.impl_params)


class CompositeAnalysisOp(AnalysisOp):
    def __init__(self, ops, name=None):
        schema = OpSchema({column: cfg for op in ops for column, cfg in op.output_schema.items()})
        super().__init__(name or ".".join(op.name for op in ops), "composite", schema)
        self.composition = ops

    def __call__(self, module, analysis_batch, batch, batch_idx):
        for op in self.composition:
            analysis_batch = op(module, analysis_batch, batch, batch_idx)
        return analysis_batch


class OpWrapper:
    """Stands for an op until it is used."""

    def __init__(self, name, get):
        self._name, self._get = name, get

    def _ensure_instantiated(self):
        return self._get(self._name)

    def __call__(self, *args, **kwargs):
        return self._ensure_instantiated()(*args, **kwargs)
