"""Tokenizers: what turns text into ids and back, not where it was loaded from nor what the last call left in it.

A fast tokenizer is its backend's JSON without ``padding`` and ``truncation``, which every call sets anew, and the
settings of the Python object around it. A slow one is its class's code and its attributes.
"""

from __future__ import annotations

import json
from typing import Any

from .attributes import counted, objects_understood
from .distributions import class_origin
from .patches import class_patches, encode_patches
from .tokens import frame
from .walk import Walk

__all__ = ["NOISE_ATTRIBUTES", "encode_added_token", "encode_backend", "encode_piece", "encode_tokenizer"]

_ORIGIN = "says where the tokenizer came from"
_DERIVED = "follows from what counts already"

#: Attributes of tokenizers that do not count, each with the reason.
NOISE_ATTRIBUTES: dict[str, str] = {
    **dict.fromkeys(
        ("init_inputs", "init_kwargs", "files_loaded", "vocab_file", "merges_file", "_processor_class", "_auto_class"),
        _ORIGIN,
    ),
    **dict.fromkeys(
        ("tokens_trie", "_should_update_post_processor", "total_vocab_size", "backend", "_added_tokens_encoder"),
        _DERIVED,
    ),
    **dict.fromkeys(("verbose", "deprecation_warnings"), "says what is logged"),
    "cache": "pieces of words that were met before",
}
#: The same for tokenizers around a backend: what it was made from, which may be the names of files.
_BUILT_FROM = frozenset({"_vocab", "_merges"})

_ADDED_TOKEN_FIELDS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
#: Attributes that name special tokens; loading a tokenizer turns their texts into `AddedToken` objects.
_TOKEN_NAMES = ("_special_tokens_map", "_extra_special_tokens")


def encode_tokenizer(value: Any, walk: Walk) -> bytes:
    """Give the token of a tokenizer of transformers, fast or slow.

    Args:
        value: a `PreTrainedTokenizerBase`.
        walk: where it was met.

    Raises:
        UnfingerprintableError: the backend holds a custom part in Python that it cannot write down.
    """
    walk.use("transformers")
    pieces = [walk.code(type(value), ".__class__")]
    built = hasattr(value.__dict__.get("_tokenizer"), "to_str") and not class_origin(type(value)).user
    with objects_understood(walk):
        for name, attribute in counted(value, walk):
            noise = name in NOISE_ATTRIBUTES or (built and name in _BUILT_FROM)
            if noise and not walk.policy.includes(f"{walk.path}.{name}"):
                continue
            with walk.at(f".{name}"):
                pieces += (name.encode(), _attribute(name, attribute, walk))
    return frame("tokenizer", *pieces)


def _attribute(name: str, value: Any, walk: Walk) -> bytes:
    kind = type(value)
    if name == "_tokenizer" and hasattr(value, "to_str"):
        return _backend(value, walk, ("padding", "truncation"))
    if name in _TOKEN_NAMES:
        return walk.child(_texts(value))
    if hasattr(value, "serialized_model_proto"):
        token = frame("sentencepiece", value.serialized_model_proto())
        walk.part(token, kind.__name__)
        return token
    return walk.child(value)


def _texts(value: Any) -> Any:
    # The flags of special tokens (`lstrip`, `normalized`, ...) lie in the vocabulary of added tokens.
    if isinstance(value, dict):
        return {name: _texts(token) for name, token in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts(token) for token in value]
    return value if value is None else str(value)


def encode_backend(value: Any, walk: Walk) -> bytes:
    """Give the token of a `tokenizers.Tokenizer` used by itself; its padding and truncation are then the user's."""
    return _backend(value, walk, ())


def encode_added_token(value: Any, walk: Walk) -> bytes:
    """Give the token of a `tokenizers.AddedToken`: its text and its flags."""
    return frame("added token", *(walk.child(getattr(value, name, None), f".{name}") for name in _ADDED_TOKEN_FIELDS))


def encode_piece(value: Any, walk: Walk) -> bytes:
    """Give the token of a part of a `tokenizers.Tokenizer` by itself, such as a normaliser: its class and its JSON."""
    walk.use("tokenizers")
    state = value.__getstate__()
    token = frame("tokenizer piece", type(value).__qualname__.encode(), state)
    walk.part(token, f"{type(value).__qualname__} {state.decode(errors='replace')}")
    return token


def _backend(value: Any, walk: Walk, without: tuple[str, ...]) -> bytes:
    walk.use("tokenizers")
    try:
        text = value.to_str()
    except Exception as error:  # the Rust side raises plain `Exception`
        walk.refuse(value, f"its backend cannot be written down ({error})")
    if getattr(value.model, "dropout", None):
        walk.stochastic(f"{walk.path}: the tokenizer drops merges at random")
    pieces: list[bytes] = []
    for name, section in _sections(text):
        if name not in without:
            token = frame("section", name.encode(), section.encode())
            walk.part(token, section if len(section) < 2000 else f"{len(section):,} characters", f"{walk.path}.{name}")
            pieces.append(token)
    patches = class_patches(type(value), walk)
    return frame("backend", *pieces, *([encode_patches(patches, walk)] if patches else []))


def _sections(text: str) -> list[tuple[str, str]]:
    """Give the members of a JSON object as texts; from ``"model"`` on, by far the largest and the last, as one."""
    decoder = json.JSONDecoder()
    found: list[tuple[str, str]] = []
    position = 1
    while text[position] != "}":
        name, position = decoder.raw_decode(text, position)
        begin = position + 1
        end = len(text) - 1 if name == "model" else decoder.raw_decode(text, begin)[1]
        found.append((name, text[begin:end]))
        position = end + (text[end] == ",")
    return found
