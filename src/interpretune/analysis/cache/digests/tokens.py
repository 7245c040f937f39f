"""Tokens: bytes that stand for a meaning, and how several become one.

Scalars have short readable tokens (``b"int:5"``); everything else has ``frame(tag, *tokens)``. `frame` prefixes each
piece with its length, so ``["ab", "c"]`` and ``["a", "bc"]`` differ, and begins with ``@``, which no scalar token does.
"""

from __future__ import annotations

import xxhash

__all__ = ["IGNORED", "NOISE", "frame", "hex_digest"]

#: Token of what the user left out. Where things have names, nothing is left of it, not even its name.
IGNORED = b"ignored"
#: Token of an object that can change nothing, such as a logger.
NOISE = b"noise"


def frame(tag: str, *pieces: bytes) -> bytes:
    """Digest a tag and pieces so that no other tag or division of the same bytes gives the same result.

    Args:
        tag: the kind of thing, such as ``"list"``; part of the digest.
        pieces: tokens or raw bytes, in an order that means something (sort what is unordered).

    Returns:
        ``b"@"`` and the 16 bytes of an xxh3-128.
    """
    hasher = xxhash.xxh3_128()
    for piece in (tag.encode(), *pieces):
        hasher.update(len(piece).to_bytes(8, "little"))
        hasher.update(piece)
    return b"@" + hasher.digest()


def hex_digest(token: bytes) -> str:
    """Give any token as 32 hexadecimal digits."""
    return token[1:].hex() if len(token) == 17 and token[:1] == b"@" else frame("token", token)[1:].hex()
