"""The manifest: the only truth about an entry, and a reader of it that believes nothing.

The file is JSON. Its last field is the xxh3-128 of all bytes before it, so every change of the file is seen at once;
beyond that each value is checked, as whoever can write the file can compute a digest too. A manifest names only files
``data-NNNNN.arrow`` beside itself.

Fields: ``format``, ``key_version``, ``key``, ``created`` (UTC), ``split``, ``complete`` (nothing will follow),
``rows``, ``batches``, ``seconds`` (spent computing), ``components`` (name to digest), ``context`` (for people: op,
classes, dataset, versions; never a user or host name), ``features`` (as `datasets` writes them), ``files`` (size and
xxh3-128 of the files that never change: ``dataset_info.json`` and ``parts.json``), ``shards`` and ``digest``. A shard
holds whole batches; ``batch_rows`` gives their row counts as runs ``[batches, rows each]``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import xxhash

from .errors import CorruptEntryError
from .files import read_bounded

__all__ = [
    "FORMAT",
    "GENERATION",
    "MANIFEST_NAME",
    "FileInfo",
    "ForeignFormatError",
    "Manifest",
    "ShardInfo",
    "parse_manifest",
    "read_manifest",
]

FORMAT = 1
MANIFEST_NAME = "manifest.json"
#: The fact of the context that tells rows computed anew from those before.
GENERATION = "generation"
#: Bytes that a manifest may have: enough for about 200,000 shards, little enough to be read without thought.
MAX_BYTES = 32 * 2**20
_MAX_COUNT = 2**62
_SHARD_NAME = re.compile(r"data-[0-9]{5,9}\.arrow", re.ASCII)
_FIXED_FILES = frozenset({"dataset_info.json", "parts.json"})
_HEX = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TRAILER = re.compile(rb',\n "digest": "([0-9a-f]{32})"\n}\n')
_TRAILER_LENGTH = len(',\n "digest": ""\n}\n') + 32


class ForeignFormatError(CorruptEntryError):
    """The manifest is whole, but of a format that this version does not know; its entry is left where it is."""


@dataclass(frozen=True)
class FileInfo:
    """Size in bytes and xxh3-128 (32 hexadecimal digits) of a file of an entry."""

    bytes: int
    xxh3_128: str


@dataclass(frozen=True)
class ShardInfo:
    """One immutable Arrow file of an entry, covering whole batches.

    Args:
        file: its name, ``data-NNNNN.arrow``.
        rows: rows that it holds.
        bytes: its size.
        xxh3_128: digest of its bytes, 32 hexadecimal digits.
        batch_rows: rows of its batches in order, as runs ``(number of batches, rows of each)``.
        seconds: time spent computing these batches.
    """

    file: str
    rows: int
    bytes: int
    xxh3_128: str
    batch_rows: tuple[tuple[int, int], ...]
    seconds: float = 0.0

    @property
    def batches(self) -> int:
        """Number of batches that it holds."""
        return sum(count for count, _ in self.batch_rows)


@dataclass(frozen=True)
class Manifest:
    """What an entry is and holds; the module's text tells the fields."""

    key: str
    key_version: int
    features: Mapping[str, Any]
    components: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, FileInfo] = field(default_factory=dict)
    shards: tuple[ShardInfo, ...] = ()
    complete: bool = False
    split: str | None = None
    created: str = ""

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def batches(self) -> int:
        """Batches of all shards."""
        return sum(shard.batches for shard in self.shards)

    @property
    def nbytes(self) -> int:
        """Bytes of all shards."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def seconds(self) -> float:
        """Seconds spent computing what all shards hold."""
        return round(sum(shard.seconds for shard in self.shards), 6)

    @property
    def generation(self) -> str:
        """What tells rows that were asked to be computed anew from those that were there before; mostly empty."""
        return str(self.context.get(GENERATION, ""))

    def rows_in(self, batches: int) -> int:
        """Give the number of rows that the first batches hold together.

        Args:
            batches: how many batches, counted from the first; at most `Manifest.batches` have rows.
        """
        rows = 0
        for shard in self.shards:
            for count, each in shard.batch_rows:
                taken = min(count, batches)
                rows += taken * each
                batches -= taken
                if not batches:
                    return rows
        return rows

    def seconds_in(self, batches: int) -> float:
        """Give the seconds that the first batches took to compute; a shard's batches are taken to have taken the same.

        Args:
            batches: how many batches, counted from the first.
        """
        seconds = 0.0
        for shard in self.shards:
            taken = min(shard.batches, batches)
            seconds += shard.seconds * taken / shard.batches if shard.batches else 0.0
            batches -= taken
        return seconds

    def with_shard(self, shard: ShardInfo) -> Manifest:
        """Give the manifest with one more shard."""
        return replace(self, shards=(*self.shards, shard))

    def to_bytes(self) -> bytes:
        """Write it as JSON, with the digest of everything before it as the last field."""
        fields = {
            "format": FORMAT,
            "key_version": self.key_version,
            "key": self.key,
            "created": self.created,
            "split": self.split,
            "complete": self.complete,
            "rows": self.rows,
            "batches": self.batches,
            "seconds": self.seconds,
            "components": dict(sorted(self.components.items())),
            "context": dict(self.context),
            "features": self.features,
            "files": {name: vars(info) for name, info in sorted(self.files.items())},
            "shards": [vars(shard) for shard in self.shards],
        }
        # One line per field: a person can read it, and the quick encoder (the one without indentation) writes it.
        lines = [f" {json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in fields.items()]
        body = ("{\n" + ",\n".join(lines)).encode()
        return body + b',\n "digest": "%s"\n}\n' % xxhash.xxh3_128_hexdigest(body).encode()


def read_manifest(directory: Path) -> tuple[Manifest, bytes]:
    """Read the manifest of an entry.

    Args:
        directory: the entry's directory.

    Returns:
        The manifest, and the bytes that it was read from.

    Raises:
        FileNotFoundError: there is none, so there is no entry.
        ForeignFormatError: it is of another format version.
        CorruptEntryError: it is not a manifest, or one that contradicts itself.
        OSError: it cannot be read (permissions, an input/output error): nothing is known about the entry.
    """
    path = directory / MANIFEST_NAME
    data = read_bounded(path, MAX_BYTES)
    return parse_manifest(data, path), data


def parse_manifest(data: bytes, path: Path) -> Manifest:
    """Read a manifest's bytes.

    Args:
        data: the content of the file.
        path: where it came from, for messages.

    Raises:
        ForeignFormatError: it is of another format version.
        CorruptEntryError: it is not a manifest, or one that contradicts itself.
    """
    body, trailer = data[:-_TRAILER_LENGTH], _TRAILER.fullmatch(data[-_TRAILER_LENGTH:])
    if trailer is None:
        raise CorruptEntryError(path, "it does not end as a manifest does (empty, truncated or not ours)")
    if xxhash.xxh3_128_hexdigest(body).encode() != trailer.group(1):
        raise CorruptEntryError(path, "its content does not have the digest that it states")
    return _Reader(path).manifest(data)


class _Reader:
    """Turns parsed JSON into a `Manifest`, refusing whatever is not as it must be."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def refuse(self, reason: str) -> NoReturn:
        raise CorruptEntryError(self._path, reason)

    def manifest(self, data: bytes) -> Manifest:
        try:
            fields = json.loads(data, object_pairs_hook=self._object, parse_constant=self._constant)
        except (ValueError, RecursionError) as error:
            self.refuse(f"it is not JSON: {type(error).__name__}")
        fields = self._mapping(fields, "the manifest")
        version = fields.get("format")
        if version != FORMAT or isinstance(version, bool):
            if not isinstance(version, int) or isinstance(version, bool):
                self.refuse("it states no format version")
            age = "newer" if version > FORMAT else "older"
            raise ForeignFormatError(
                self._path, f"format {version} is {age} than the one that this version reads ({FORMAT})"
            )
        manifest = Manifest(
            key=self._hex(fields.get("key"), "key"),
            key_version=self._count(fields.get("key_version"), "key_version"),
            features=self._mapping(fields.get("features"), "features"),
            components=self._texts(fields.get("components"), "components"),
            context=self._mapping(fields.get("context"), "context"),
            files=self._files(fields.get("files")),
            shards=tuple(self._shard(shard) for shard in self._list(fields.get("shards"), "shards")),
            complete=self._flag(fields.get("complete"), "complete"),
            split=None if fields.get("split") is None else self._text(fields["split"], "split"),
            created=self._text(fields.get("created"), "created"),
        )
        if len({shard.file for shard in manifest.shards}) != len(manifest.shards):
            self.refuse("it names a shard twice")
        for name, total in (("rows", manifest.rows), ("batches", manifest.batches)):
            if self._count(fields.get(name), name) != total:
                self.refuse(f"its {name} are {fields[name]}, its shards hold {total}")
        return manifest

    def _shard(self, value: Any) -> ShardInfo:
        fields = self._mapping(value, "a shard")
        name = self._text(fields.get("file"), "a shard's file")
        if not _SHARD_NAME.fullmatch(name):
            self.refuse(f"{name[:80]!r} is no name of a shard")
        runs = []
        for run in self._list(fields.get("batch_rows"), "batch_rows"):
            pair = self._list(run, "a run of batch_rows")
            if len(pair) != 2:
                self.refuse("a run of batch_rows is no pair")
            runs.append((self._count(pair[0], "batches"), self._count(pair[1], "rows")))
        seconds = fields.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < _MAX_COUNT:
            self.refuse("a shard's seconds are no number")
        shard = ShardInfo(
            name,
            self._count(fields.get("rows"), "rows"),
            self._count(fields.get("bytes"), "bytes"),
            self._hex(fields.get("xxh3_128"), "xxh3_128"),
            tuple(runs),
            float(seconds),
        )
        if sum(count * each for count, each in shard.batch_rows) != shard.rows:
            self.refuse(f"the batches of {name} do not add up to its {shard.rows} rows")
        return shard

    def _files(self, value: Any) -> dict[str, FileInfo]:
        found = {}
        for name, info in self._mapping(value, "files").items():
            if name not in _FIXED_FILES:
                self.refuse(f"{name[:80]!r} is no file of an entry")
            fields = self._mapping(info, name)
            found[name] = FileInfo(
                self._count(fields.get("bytes"), name), self._hex(fields.get("xxh3_128"), "xxh3_128")
            )
        return found

    def _object(self, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                self.refuse(f"it has the field {name[:80]!r} twice")
            found[name] = value
        return found

    def _constant(self, name: str) -> NoReturn:
        self.refuse(f"it holds {name}, which is not JSON")

    def _mapping(self, value: Any, what: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.refuse(f"{what} is no object")
        return value

    def _list(self, value: Any, what: str) -> list[Any]:
        if not isinstance(value, list):
            self.refuse(f"{what} is no list")
        return value

    def _texts(self, value: Any, what: str) -> dict[str, str]:
        return {name: self._text(text, what) for name, text in self._mapping(value, what).items()}

    def _text(self, value: Any, what: str) -> str:
        if not isinstance(value, str):
            self.refuse(f"{what} is no text")
        return value

    def _hex(self, value: Any, what: str) -> str:
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            self.refuse(f"{what} is not 32 hexadecimal digits")
        return value

    def _flag(self, value: Any, what: str) -> bool:
        if not isinstance(value, bool):
            self.refuse(f"{what} is neither true nor false")
        return value

    def _count(self, value: Any, what: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MAX_COUNT:
            self.refuse(f"{what} is no count")
        return value
