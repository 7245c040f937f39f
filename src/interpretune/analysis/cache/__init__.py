"""A persistent, semantic cache for the datasets that interpretability analyses produce.

Switch it on with `enable_analysisstore_caching`; from then on the host's analyses come back at once in any later
process, as long as nothing changed that could change their rows. Without the host, `materialize` and
`dataset_from_generator` do the same for a function over batches.
"""

from __future__ import annotations

from .digests.registry import register_encoder
from .directories import get_analysis_cache_dir
from .errors import (
    AnalysisCacheError,
    CorruptEntryError,
    LockTimeoutError,
    RowError,
    UnfingerprintableError,
    UnsafeBaseError,
)
from .hasher import AnalysisStoreHasher, Difference, Fingerprint
from .settings import (
    Settings,
    analysisstore_caching,
    configure,
    enable_analysisstore_caching,
    is_analysisstore_caching_enabled,
)

__all__ = [
    "AnalysisCacheError",
    "AnalysisStoreHasher",
    "CorruptEntryError",
    "Difference",
    "Fingerprint",
    "LockTimeoutError",
    "RowError",
    "Settings",
    "UnfingerprintableError",
    "UnsafeBaseError",
    "analysisstore_caching",
    "configure",
    "enable_analysisstore_caching",
    "get_analysis_cache_dir",
    "is_analysisstore_caching_enabled",
    "register_encoder",
]
