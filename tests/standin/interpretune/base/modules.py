"""The base of modules."""

from __future__ import annotations

import torch


class BaseITModule(torch.nn.Module):
    def __init__(self, it_cfg):
        super().__init__()
        self.it_cfg = it_cfg
        self._it_state = {"log_dir": it_cfg.core_log_dir, "datamodule": None, "epoch": 0, "step": 0}
        self.model = it_cfg.model_factory()
        self.post_auto_model_init()

    def post_auto_model_init(self):
        """For the user."""

    def setup(self, datamodule):
        self._it_state["datamodule"] = datamodule

    @property
    def datamodule(self):
        return self._it_state["datamodule"]

    @property
    def analysis_cfg(self):
        return self.it_cfg.analysis_cfg

    @analysis_cfg.setter
    def analysis_cfg(self, cfg):
        self.it_cfg.analysis_cfg = cfg

    @property
    def current_epoch(self):
        return self._it_state["epoch"]

    @current_epoch.setter
    def current_epoch(self, value):
        self._it_state["epoch"] = value

    @property
    def global_step(self):
        return self._it_state["step"]

    @global_step.setter
    def global_step(self, value):
        self._it_state["step"] = value

    def finish_rows(self, rows):
        return rows

    def on_analysis_start(self):
        self._prev_grad_enabled = torch.is_grad_enabled()
        op = self.analysis_cfg.op
        torch.set_grad_enabled(bool(op is not None and op.requires_grad))

    def on_analysis_epoch_end(self):
        """For the user."""

    def on_analysis_end(self):
        torch.set_grad_enabled(self._prev_grad_enabled)
        del self._prev_grad_enabled
