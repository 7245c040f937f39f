"""Which fields of the active config a step reads, under whatever name it has the config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from interpretune.analysis.cache.session_reads import Code, reads_field


def directly(self: Any) -> Any:
    return self.analysis_cfg.name


def by_another_name(self: Any) -> Any:
    chosen = self.analysis_cfg
    return chosen.name


def label(chosen: Any) -> Any:
    return chosen.name


def as_an_argument(self: Any) -> Any:
    return label(self.analysis_cfg)


def by_a_text(self: Any) -> Any:
    chosen = getattr(self, "analysis_cfg")  # noqa: B009
    return chosen.name


def in_a_nested_function(self: Any) -> Any:
    chosen = self.analysis_cfg
    return [chosen.name for _ in range(2)]


def of_something_else(self: Any, op: Any) -> Any:
    self.analysis_cfg.save_batch(op.name)
    return self.name


@pytest.mark.parametrize(
    ("functions", "read"),
    [
        ((directly,), True),
        ((by_another_name,), True),
        ((as_an_argument, label), True),
        ((by_a_text,), True),
        ((in_a_nested_function,), True),
        ((of_something_else,), False),
        ((of_something_else, label), False),
    ],
    ids=lambda value: "+".join(function.__name__ for function in value) if isinstance(value, tuple) else "",
)
def test_the_name_of_the_config_counts_where_it_is_read(functions: tuple[Callable[..., Any], ...], read: bool) -> None:
    codes = [Code(function, "module" if "self" in function.__code__.co_varnames else "") for function in functions]
    assert reads_field(codes, "cfg", "name") is read
