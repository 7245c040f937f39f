"""A stand-in for the host; see the README beside it."""

from interpretune.config.runner import AnalysisRunnerCfg
from interpretune.runners.analysis import AnalysisRunner
from interpretune.session import ITSession

__all__ = ["AnalysisRunner", "AnalysisRunnerCfg", "ITSession"]
