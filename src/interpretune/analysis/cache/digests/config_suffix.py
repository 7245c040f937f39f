"""The suffix that Hugging Face `datasets` puts behind a configuration's name, made the same in every process.

`datasets` hashes a builder's keyword arguments by pickling them, the generator with all that it captured among them;
this differs in each process as soon as a tensor or a session is captured. Here the generator does not take part (what
it means is in the fingerprint), plain values take part as in `datasets`, so that its config ids stay what they were,
and anything else takes part by its digest.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping
from typing import Any

from datasets import Features
from datasets.fingerprint import Hasher

from .registry import find_encoder
from .tokens import frame, hex_digest
from .walk import Walk

__all__ = ["config_suffix"]

#: Keyword arguments that name the configuration rather than vary it, and the generator.
_NOT_COUNTED = frozenset({"name", "version", "generator"})
#: `datasets` writes the arguments out where they are this short.
_READABLE = 32
_PLAIN = (type(None), bool, int, float, str, bytes)


def config_suffix(config_kwargs: Mapping[str, Any], custom_features: Any = None) -> str:
    """Give the suffix of a configuration's id.

    Args:
        config_kwargs: keyword arguments of the builder's configuration; neither their order nor ``generator`` counts.
        custom_features: the `datasets.Features` of the rows, or None.

    Returns:
        16 hexadecimal digits; or, as in `datasets`, ``"key=value,…"`` where there are no features and all arguments
        are short plain values, and ``""`` where there is nothing to tell.

    Raises:
        UnfingerprintableError: an argument holds something that cannot be understood.
    """
    counted = {key: config_kwargs[key] for key in sorted(config_kwargs) if key not in _NOT_COUNTED}
    if counted.get("data_dir", ...) is None:
        del counted["data_dir"]
    elif "data_dir" in counted:
        counted["data_dir"] = os.path.normpath(counted["data_dir"])
    portable = {key: _portable(value, f"config_kwargs[{key!r}]") for key, value in counted.items()}
    suffix = ""
    if portable and all(isinstance(value, (str, int, float)) for value in portable.values()):
        suffix = ",".join(f"{key}={urllib.parse.quote_plus(str(value))}" for key, value in portable.items())
    if portable and not 0 < len(suffix) <= _READABLE:
        suffix = Hasher.hash(portable)
    if custom_features is None:
        return suffix
    hasher = Hasher()
    if suffix:
        hasher.update(suffix)
    hasher.update(custom_features)
    return str(hasher.hexdigest())


def _portable(value: Any, path: str) -> Any:
    """Give what pickles alike in every process: plain values as they are, anything else as its digest."""
    if type(value) in _PLAIN or isinstance(value, Features):
        return value
    if type(value) in (list, tuple):
        return type(value)(_portable(item, f"{path}[{index}]") for index, item in enumerate(value))
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: _portable(item, f"{path}[{key!r}]") for key, item in value.items()}
    walk = Walk(path, find_encoder)
    found = walk.finish(walk.child(value)).components
    return hex_digest(frame("digest", *(piece.encode() for item in found.items() for piece in item)))
