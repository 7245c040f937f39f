"""A persistent, semantic cache for the datasets that interpretability analyses produce.

Switch it on with `enable_analysisstore_caching`; from then on the host's analyses come back at once in any later
process, as long as nothing changed that could change their rows. Without the host, `materialize` and
`dataset_from_generator` do the same for a function over batches.

Names are imported when they are first asked for: whoever only lists entries need not wait for `datasets`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import (
    AnalysisCacheError,
    CorruptEntryError,
    LockTimeoutError,
    RowError,
    UnfingerprintableError,
    UnsafeBaseError,
)
from .host import toggle
from .settings import (
    Settings,
    analysisstore_caching,
    configure,
    enable_analysisstore_caching,
    is_analysisstore_caching_enabled,
    on_toggle,
)

if TYPE_CHECKING:
    from .digests.policy import Policy
    from .digests.registry import register_encoder
    from .directories import get_analysis_cache_dir
    from .hasher import AnalysisStoreHasher, Difference, Fingerprint
    from .materializing import dataset_from_generator, materialize
    from .outcome import Outcome, last_outcome
    from .store import AnalysisCache

__all__ = [
    "AnalysisCache",
    "AnalysisCacheError",
    "AnalysisStoreHasher",
    "CorruptEntryError",
    "Difference",
    "Fingerprint",
    "LockTimeoutError",
    "Outcome",
    "Policy",
    "RowError",
    "Settings",
    "UnfingerprintableError",
    "UnsafeBaseError",
    "analysisstore_caching",
    "configure",
    "dataset_from_generator",
    "enable_analysisstore_caching",
    "get_analysis_cache_dir",
    "is_analysisstore_caching_enabled",
    "last_outcome",
    "materialize",
    "register_encoder",
]

#: Where the names lie that are imported when they are asked for.
_LATER = {
    "AnalysisCache": "store",
    "AnalysisStoreHasher": "hasher",
    "Difference": "hasher",
    "Fingerprint": "hasher",
    "Outcome": "outcome",
    "Policy": "digests.policy",
    "dataset_from_generator": "materializing",
    "get_analysis_cache_dir": "directories",
    "last_outcome": "outcome",
    "materialize": "materializing",
    "register_encoder": "digests.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_LATER[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# The hook into the host follows the toggle; until caching is enabled it is not in place.
on_toggle(toggle)
