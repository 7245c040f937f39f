"""What is done before an analysis runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpretune.analysis.cache import get_analysis_cache_dir


@dataclass(kw_only=True)
class AnalysisRunnerCfg:
    it_session: Any
    limit_analysis_batches: int = -1
    max_epochs: int = 1
    cache_dir: Any = None
    op_output_dataset_path: Any = None
    ignore_manual: bool = False

    def __post_init__(self):
        self.it_session.module.analysis_run_cfg = self


def init_analysis_cfgs(module, cfgs, cache_dir=None, op_output_dataset_path=None, ignore_manual=False):
    cache_dir = get_analysis_cache_dir(module, explicit_cache_dir=cache_dir)
    for cfg in cfgs:
        cfg.ignore_manual = cfg.ignore_manual or ignore_manual
        if not cfg.applied_to(module):
            cfg.apply(module, str(cache_dir), str(Path(op_output_dataset_path or "unset")))
