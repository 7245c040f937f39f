"""Ops by name."""

from __future__ import annotations

from dataclasses import dataclass, field

import interpretune
from interpretune.analysis.ops.base import CompositeAnalysisOp, OpWrapper


@dataclass
class OpDef:
    op: object
    required_ops: list = field(default_factory=list)
    composition: list | None = None


class Dispatcher:
    def __init__(self):
        self._op_definitions = {}

    def register(self, op, required_ops=()):
        self._op_definitions[op.name] = OpDef(op, list(required_ops))
        setattr(interpretune, op.name, OpWrapper(op.name, self.get_op))

    def get_op(self, name):
        return self._op_definitions[name].op

    def compile_ops(self, names):
        return CompositeAnalysisOp([self.get_op(name) for name in names.split(".")])


DISPATCHER = Dispatcher()
