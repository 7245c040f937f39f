"""The base of data modules."""

from __future__ import annotations

import datasets


class ITDataModule:
    def __init__(self, itdm_cfg):
        self.itdm_cfg = itdm_cfg
        self._module = None
        if itdm_cfg.enable_datasets_cache:
            datasets.enable_caching()
        else:
            datasets.disable_caching()
        self.tokenizer = itdm_cfg.tokenizer

    def prepare_data(self):
        """For the user."""

    def setup(self):
        self.dataset = datasets.load_from_disk(self.itdm_cfg.dataset_path)
