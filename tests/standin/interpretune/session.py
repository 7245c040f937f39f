"""A session: a data module and a module, whose class is composed when the session is made."""

from __future__ import annotations

from collections.abc import Mapping

from interpretune.base.datamodules import ITDataModule
from interpretune.base.modules import BaseITModule


class ITSession(Mapping):
    def __init__(self, datamodule_cls, module_cls, itdm_cfg, it_cfg):
        self.datamodule = type("InterpretunableDataModule", (datamodule_cls, ITDataModule), {})(itdm_cfg)
        bases = {"_orig_module_name": module_cls.__qualname__, "_composed_classes": (BaseITModule,)}
        self.module = type("InterpretunableModule", (module_cls, BaseITModule), bases)(it_cfg)
        self.datamodule._module = self.module

    def __getitem__(self, key):
        return {"datamodule": self.datamodule, "module": self.module}[key]

    def __iter__(self):
        return iter(("datamodule", "module"))

    def __len__(self):
        return 2
