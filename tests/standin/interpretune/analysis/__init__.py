"""Registers the format of analyses."""

from datasets.formatting import _register_formatter

from interpretune.analysis.formatters import AnalysisFormatter

_register_formatter(AnalysisFormatter, "interpretune", aliases=["it"])
