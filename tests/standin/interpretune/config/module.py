"""Configurations of module and data module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class GenerationCfg:
    enabled: bool = False
    max_new_tokens: int = 1
    temperature: float = 1.0


@dataclass(kw_only=True)
class ITConfig:
    model_name_or_path: str = ""
    task_name: str = ""
    core_log_dir: str | None = None
    experiment_tag: str = "default"
    tokenizer: Any = None
    num_labels: int = 2
    generative_step_cfg: GenerationCfg = field(default_factory=GenerationCfg)
    analysis_cfg: Any = None
    auto_comp_cfg: Any = None
    #: How the stand-in makes models; the real host reads it from other fields of the same fate.
    model_class: Callable | None = None

    def model_factory(self):
        return self.model_class()


@dataclass(kw_only=True)
class ITDataModuleConfig:
    dataset_path: str = ""
    enable_datasets_cache: bool = False
    tokenizer: Any = None
    train_batch_size: int = 4
    eval_batch_size: int = 4
    dataloader_kwargs: dict = field(default_factory=dict)
    prompt_cfg: Any = None
