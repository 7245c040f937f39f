"""Rows as tensors, with the batch's dimension where the column's configuration says."""

from __future__ import annotations

from datasets.formatting import TorchFormatter


class AnalysisFormatter(TorchFormatter):
    def __init__(self, features=None, col_cfg=None, **kwargs):
        super().__init__(features=features, **kwargs)
        self.swapped = {name: cfg["dyn_dim"] for name, cfg in (col_cfg or {}).items() if cfg.get("dyn_dim")}

    def format_row(self, pa_table):
        row = dict(super().format_row(pa_table))
        for name, dim in self.swapped.items():
            row[name] = row[name].transpose(0, dim)
        return row
