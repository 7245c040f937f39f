"""Stores of results, and the filters and hooks of a run."""

from __future__ import annotations

from pathlib import Path

from datasets import Array3D, Features, Value
from datasets import Sequence as Listed


class AnalysisStore:
    def __init__(self, dataset=None, op_output_dataset_path=None, cache_dir=None, it_format_kwargs=None):
        self.dataset = dataset
        self.op_output_dataset_path = op_output_dataset_path
        self.cache_dir = cache_dir
        self.it_format_kwargs = it_format_kwargs
        self.stack_batches = False
        self.op_provenance = ()

    @property
    def save_dir(self):
        return Path(self.op_output_dataset_path)

    def __getattr__(self, name):
        if name.startswith("_") or name not in (self.dataset.column_names if self.dataset is not None else ()):
            raise AttributeError(name)
        return [row[name] for row in self.dataset]


def schema_to_features(module, schema):
    features = {}
    for name, cfg in schema.items():
        if cfg.array_shape:
            features[name] = Array3D(shape=cfg.array_shape, dtype=cfg.datasets_dtype)
        else:
            features[name] = Listed(Value(cfg.datasets_dtype)) if cfg.sequence_type else Value(cfg.datasets_dtype)
    return Features(features)


def resolve_names_filter(names_filter):
    if isinstance(names_filter, str):
        filter_str = names_filter
        return lambda name: name == filter_str
    if isinstance(names_filter, list):
        filter_list = names_filter
        return lambda name: name in filter_list
    return names_filter


def _make_simple_cache_hook(cache_dict, is_backward=False):
    def cache_hook(act, hook):
        cache_dict[hook.name + ("_grad" if is_backward else "")] = act.detach()

    return cache_hook
