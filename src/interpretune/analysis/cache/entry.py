"""An entry that is there: checked, described, opened.

Opening reads the manifest and maps the shards; no row is read. What is checked is decided by ``verify``:

``"size"``
    the manifest's digest and sense; that each file is there, is a regular file and has its size; that the shards have
    the features and the numbers of rows that the manifest states. Sees truncated, missing and foreign files.
``"full"``
    that, and the xxh3-128 of every file. Sees every changed bit.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from . import html
from .derived import linked
from .errors import CorruptEntryError
from .files import digest_file, mark_used, read_bounded, replace_atomically, size_on_disk
from .manifest import MANIFEST_NAME, MAX_BYTES, Manifest, parse_manifest, read_manifest

if TYPE_CHECKING:
    import datasets

__all__ = ["INFO_NAME", "PARTS_NAME", "STATE_NAME", "Entry", "open_entry", "state_bytes", "update_state"]

STATE_NAME = "state.json"
INFO_NAME = "dataset_info.json"
PARTS_NAME = "parts.json"
PIN_NAME = ".pinned"
_MAX_SIDE_FILE = 512 * 2**20
_DIGEST = re.compile(rb',\n  "digest": "([0-9a-f]{32})"\n}')
_DIGEST_LENGTH = len(',\n  "digest": ""\n}') + 32


@dataclass(frozen=True)
class Entry:
    """One stored result; made by `open_entry` and by `AnalysisCache`.

    Args:
        path: its directory.
        manifest: what it holds.
        data: the bytes that the manifest was read from.
        derived: where `datasets` is to keep what it makes of the rows; None for the entry's directory.
    """

    path: Path
    manifest: Manifest
    data: bytes = field(default=b"", repr=False, compare=False)
    derived: Path | None = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> str:
        """The key, 32 hexadecimal digits."""
        return self.manifest.key

    @property
    def rows(self) -> int:
        """Rows committed."""
        return self.manifest.rows

    @property
    def batches(self) -> int:
        """Batches committed."""
        return self.manifest.batches

    @property
    def complete(self) -> bool:
        """Whether nothing will follow: the stream of batches ended."""
        return self.manifest.complete

    @property
    def components(self) -> Mapping[str, str]:
        """The components of the key, name to digest."""
        return self.manifest.components

    @property
    def nbytes(self) -> int:
        """Bytes that it takes on the disk: those of all files in its directory, also what `datasets` put there."""
        return size_on_disk(self.path)

    @property
    def is_pinned(self) -> bool:
        """Whether a person asked to keep it."""
        return os.path.lexists(f"{self.path}/{PIN_NAME}")  # a list asks it of thousands: a `Path` takes twice as long

    @property
    def last_used(self) -> float:
        """When it was last opened or written, in seconds since the epoch, to the minute; 0 where it is gone."""
        try:
            return os.stat(f"{self.path}/{MANIFEST_NAME}", follow_symlinks=False).st_mtime
        except OSError:
            return 0.0

    def record_use(self) -> None:
        """Remember that it was used now, in the manifest's modification time; never waits, never fails."""
        with suppress(OSError):
            mark_used(self.path / MANIFEST_NAME)

    def is_unreplaced(self) -> bool:
        """Tell whether its files are still the ones that its manifest names; more may have come since it was read."""
        try:
            data = read_bounded(self.path / MANIFEST_NAME, MAX_BYTES)
            if data == self.data:
                return True
            shards = parse_manifest(data, self.path / MANIFEST_NAME).shards
        except OSError:
            return False
        return shards[: len(self.manifest.shards)] == self.manifest.shards

    def covers(self, batches: int | None) -> bool:
        """Tell whether all of the first batches are here.

        Args:
            batches: how many; None for all that the stream has.
        """
        return self.complete or (batches is not None and self.batches >= batches)

    def _repr_html_(self) -> str:
        context = self.manifest.context
        facts = [(name, str(context[name])) for name in ("op", "dataset", "module") if context.get(name)]
        rows = [
            *(("key", self.key), *facts, ("path", str(self.path))),
            ("rows", f"{self.rows:,} in {self.batches:,} batches{'' if self.complete else ', more may follow'}"),
            ("size", html.size_text(self.nbytes)),
            ("created", self.manifest.created),
        ]
        return html.page("Entry", html.table(rows), html.tree(self.components, {}))

    def parts(self) -> dict[str, Any]:
        """Give what explains the components: the content of ``parts.json``, or nothing where there is none.

        Raises:
            CorruptEntryError: it is not what the manifest says.
        """
        info = self.manifest.files.get(PARTS_NAME)
        if info is None:
            return {}
        path = self.path / PARTS_NAME
        try:
            data = read_bounded(path, _MAX_SIDE_FILE)
        except FileNotFoundError as error:
            raise CorruptEntryError(path, "it is missing") from error
        if xxhash.xxh3_128_hexdigest(data) != info.xxh3_128:
            raise CorruptEntryError(path, "its content does not have the digest that the manifest states")
        found: dict[str, Any] = json.loads(data)
        return found

    def check(self, verify: str = "size") -> None:
        """Hold the files against the manifest, without opening them as Arrow.

        Args:
            verify: ``"size"`` or ``"full"``.

        Raises:
            CorruptEntryError: a file is missing, of another size, of another kind or, with ``"full"``, of other bytes.
        """
        for name, size, digest in self._files():
            path = self.path / name
            self._check_size(path, size)
            if verify == "full" and digest_file(path) != digest:
                raise CorruptEntryError(path, "its content does not have the digest that the manifest states")
        self._check_state(verify)

    def _files(self) -> Iterator[tuple[str, int, str]]:
        for name, info in self.manifest.files.items():
            yield name, info.bytes, info.xxh3_128
        for shard in self.manifest.shards:
            yield shard.file, shard.bytes, shard.xxh3_128

    def _check_size(self, path: Path, size: int) -> None:
        try:
            found = _size(path)
        except FileNotFoundError as error:
            raise CorruptEntryError(path, "it is missing") from error
        if found != size:
            raise CorruptEntryError(path, f"it has {found} bytes, the manifest states {size}")

    def _check_state(self, verify: str) -> None:
        # `state.json` is for plain `datasets`; nothing is read by it here. It is written after the manifest, so a crash
        # in between leaves that of an earlier manifest, or none at all, which is no damage.
        path = self.path / STATE_NAME
        try:
            if verify != "full" and _size(path) == len(state_bytes(self.manifest)):
                return
            is_whole = is_whole_state(read_bounded(path, _MAX_SIDE_FILE))
        except FileNotFoundError:
            return
        if not is_whole:
            raise CorruptEntryError(path, "its content does not have the digest that it states")

    @property
    def is_state_current(self) -> bool:
        """Whether ``state.json`` probably lists what the manifest does: whether it has the size."""
        try:
            return _size(self.path / STATE_NAME) == len(state_bytes(self.manifest))
        except OSError:
            return False

    def dataset(self, batches: int | None = None, *, split: str | None = None) -> datasets.Dataset:
        """Open it, memory-mapped.

        Args:
            batches: give only the rows of the first so many batches, without copying; None for all that are here.
            split: name of the split; None for the one that was stored.

        Returns:
            A dataset with the stored features. Its fingerprint follows from key and rows, so that what Hugging Face
            `datasets` derives from it (`map`, `filter`) is found again in other processes.

        Raises:
            CorruptEntryError: the shards cannot be opened or do not hold what the manifest states.
        """
        from .opening import assemble, check_split, map_shards, read_features, schema_of

        rows = self.rows if batches is None else self.manifest.rows_in(batches)
        where = self.path / MANIFEST_NAME
        features = read_features(self.manifest.features, where)
        check_split(self.manifest.split, where)
        shards = self.manifest.shards
        directory = self.path
        if self.derived is not None:
            directory = linked(self.derived, self.path, [shard.file for shard in shards])
        return assemble(
            map_shards(((directory / shard.file, shard.rows) for shard in shards), schema_of(features, where)),
            features,
            rows=rows,
            split=split or self.manifest.split,
            fingerprint=dataset_fingerprint(self.key, rows, self.manifest.generation),
        )


def open_entry(path: Path, *, key: str | None = None, verify: str | None = "size") -> Entry:
    """Read an entry's manifest and check its files.

    Args:
        path: the entry's directory.
        key: the key that it must have; None for any.
        verify: ``"size"``, ``"full"``, or None to look at the manifest only.

    Raises:
        FileNotFoundError: there is no entry.
        CorruptEntryError: it is damaged.
        OSError: it cannot be read.
    """
    while True:
        manifest, data = read_manifest(path)
        entry = Entry(path, manifest, data)
        try:
            if key is not None and manifest.key != key:
                raise CorruptEntryError(path / MANIFEST_NAME, f"it is of the key {manifest.key}, not {key}")
            if verify is not None:
                entry.check(verify)
        except CorruptEntryError:
            # A file can be missing because the entry was removed or replaced since its manifest was read: look again.
            with suppress(CorruptEntryError):
                if read_manifest(path)[1] != data:
                    continue
            raise
        return entry


def _size(path: Path) -> int:
    status = os.stat(path, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise CorruptEntryError(path, "it is no regular file")
    return status.st_size


def dataset_fingerprint(key: str, rows: int, generation: str = "") -> str:
    """Give the Hugging Face fingerprint of an entry's first rows: the same in every process.

    Args:
        key: the key.
        rows: how many.
        generation: what tells rows that were asked to be computed anew from those before, as they may be others.
    """
    return xxhash.xxh3_128_hexdigest(":".join((key, str(rows), *filter(None, [generation]))).encode())


def state_bytes(manifest: Manifest) -> bytes:
    """Give the ``state.json`` with which `datasets.load_from_disk` finds the shards.

    Args:
        manifest: the entry's manifest.
    """
    state: dict[str, Any] = {
        "_data_files": [{"filename": shard.file} for shard in manifest.shards],
        "_fingerprint": dataset_fingerprint(manifest.key, manifest.rows, manifest.generation),
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": manifest.split,
    }
    body = json.dumps(state, indent=2)[: -len("\n}")].encode()
    return body + b',\n  "digest": "%s"\n}' % xxhash.xxh3_128_hexdigest(body).encode()


def is_whole_state(data: bytes) -> bool:
    """Tell whether this is a ``state.json`` as it was written once: it ends with the digest of what precedes it."""
    body, found = data[:-_DIGEST_LENGTH], _DIGEST.fullmatch(data[-_DIGEST_LENGTH:])
    return found is not None and found.group(1).decode() == xxhash.xxh3_128_hexdigest(body)


def update_state(entry: Entry) -> None:
    """Let ``state.json`` list what the manifest does, where a crash kept it from being written.

    Args:
        entry: the entry; the caller holds its lock.

    Raises:
        OSError: it cannot be written.
    """
    path, wanted = entry.path / STATE_NAME, state_bytes(entry.manifest)
    try:
        if read_bounded(path, _MAX_SIDE_FILE) == wanted:
            return
    except FileNotFoundError:
        pass
    replace_atomically(path, wanted)
