"""What other systems make of the same component, each in its best case; used by `benchmarks/meaning.py` only."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from typing import Any


def ours(value: Any) -> str:
    from interpretune.analysis.cache import AnalysisStoreHasher

    # As a run gives it: a step is only called, and what draws brings the states of generators.
    given = {"step": value} if callable(value) and not isinstance(value, type) else {"inputs": {"value": value}}
    return AnalysisStoreHasher().fingerprint(**given).hexdigest


def datasets_hasher(value: Any) -> str:
    from datasets.fingerprint import Hasher

    return str(Hasher.hash(value))


def joblib_memory(value: Any) -> str:
    """Give what `joblib.Memory` decides by: the source text of a function, the hash of any other argument."""
    import joblib
    from joblib.func_inspect import get_func_code

    if inspect.isroutine(value):
        return hashlib.sha256(str(get_func_code(value)[0]).encode()).hexdigest()
    return str(joblib.hash(value))


def tango_det_hash(value: Any) -> str:
    from tango.common import det_hash

    return str(det_hash(value))


def exca_uid(value: Any) -> str:
    from exca import ConfDict

    return ConfDict({"value": value}).to_uid()


PEERS: dict[str, Callable[[Any], str]] = {
    "this package": ours,
    "datasets Hasher": datasets_hasher,
    "joblib": joblib_memory,
    "tango det_hash": tango_det_hash,
    "exca": exca_uid,
}


def ask(namespace: dict[str, Any], scene: dict[str, Any]) -> dict[str, Any]:
    """Give each peer's key of the scene's component, or None where it refuses."""
    value = eval(scene["component"], namespace)
    keys: dict[str, str | None] = {}
    for name in scene["peers"]:
        try:
            keys[name] = PEERS[name](value)
        except Exception:
            keys[name] = None
    return {"keys": json.loads(json.dumps(keys))}
