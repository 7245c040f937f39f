"""Runs analyses from the cells of a notebook, in which module and op are defined; prints one status for each run.

python notebook.py WORKDIR
"""

from __future__ import annotations

import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from scenario import prepare_data

from interpretune_analysis_cache import finder

SETUP = """
import torch, warnings
from interpretune import AnalysisRunner, AnalysisRunnerCfg, ITSession
from interpretune.analysis.cache import enable_analysisstore_caching, last_outcome
from interpretune.analysis.ops.base import AnalysisBatch, AnalysisOp
from interpretune.config.analysis import AnalysisCfg
import user_side
enable_analysisstore_caching()
"""
DEFINE = """
SCALE = 2.0

def shrink(values):
    return values.mean(dim=-1) * SCALE

class CellModule(user_side.UserModule):
    def analysis_step(self, batch, batch_idx):
        rows = AnalysisBatch(score=shrink(self.model(batch["input_ids"]).detach()))
        yield from self.analysis_cfg.save_batch(rows, batch)
"""
RUN = """
session = ITSession(
    user_side.UserDataModule,
    CellModule,
    user_side.UserDataConfig(dataset_path=DATA, enable_datasets_cache=True),
    user_side.UserConfig(model_class=user_side.TinyModel),
)
runner = AnalysisRunner(AnalysisRunnerCfg(it_session=session, op_output_dataset_path=OUT))
store = runner.run_analysis(AnalysisCfg(name="cells", output_schema=user_side.SCORE))
print("status:", last_outcome().status)
"""


def main(workdir: Path) -> None:
    finder.install()
    shell = InteractiveShell.instance()
    shell.user_ns.update(DATA=prepare_data(workdir, changed_row=False), OUT=str(workdir / "out"))
    cells = [SETUP, DEFINE, RUN, RUN]
    cells += ["x = 1", DEFINE.replace("SCALE = 2.0", "SCALE = 2.0  # twice"), RUN]
    cells += [DEFINE.replace("* SCALE", "+ SCALE"), RUN]
    for cell in cells:
        shell.run_cell(cell, store_history=True).raise_error()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
