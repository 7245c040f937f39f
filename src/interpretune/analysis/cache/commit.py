"""Writing an entry: shard by shard, each committed by a rename, so that what is there is always whole.

A commit does, in this order: finish the shard under a name of its own and bring it to the disk; publish it under the
first ``data-NNNNN.arrow`` that is free, never over another file; bring the directory to the disk; replace
``manifest.json``; replace ``state.json``. A crash anywhere leaves the old manifest with its shards, or the new one with
its own, and at most files that no manifest names, which the next writer of the entry removes.

Two writers of one entry, which only a file system without working locks lets happen, cannot spoil it: each publishes
its shards under names that the other cannot take, and a manifest names only shards of the one that wrote it, or those
that were there before. Whoever sees that the manifest is no longer the one it left stops publishing
(`SupersededError`) and keeps its rows for its caller. A writer leaves a mark, ``.writer-<pid>-…``, while it is at work:
nobody removes unnamed files of an entry in which another living process has one. The mark also tells those who wait how
far the work is.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import datasets
import xxhash

from .entry import INFO_NAME, PARTS_NAME, STATE_NAME, Entry, state_bytes, update_state
from .errors import AnalysisCacheError
from .files import (
    create_exclusively,
    make_directories,
    remove_empty_parents,
    replace_atomically,
    sync_directory,
    sync_parents,
)
from .leftovers import MARK_PREFIX, named_files, own_marks, remove_leftovers
from .manifest import GENERATION, MANIFEST_NAME, MAX_BYTES, FileInfo, Manifest, ShardInfo
from .opening import info_bytes, read_features
from .paths import aside_name
from .rows import EncodedRows
from .writer import ShardWriter

__all__ = ["EntryWriter", "Plan", "SupersededError"]

#: Seconds between two notes of progress in a writer's mark.
MARK_SECONDS = 1.0
_SHARD = re.compile(r"data-([0-9]{5,9})\.arrow", re.ASCII)


class SupersededError(AnalysisCacheError, OSError):
    """Another process has written the entry meanwhile, although this one was to be alone: locks do not work here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"another process writes the cache entry {str(path)!r} at the same time, so file locks do not work there. "
            "Its result stands; this process keeps its rows for itself. Put the cache base on another file system."
        )


@dataclass(frozen=True)
class Plan:
    """What is to be written where, known before the first row.

    Args:
        key: the key, 32 hexadecimal digits.
        key_version: version of the encoding that the key was made with.
        features: features of the rows.
        components: components of the key, name to digest.
        context: facts for people: op, classes, dataset, versions. JSON, without user or host names.
        parts: what explains the components, JSON; goes into ``parts.json``. None to write no such file.
        split: name of the split.
        shard_bytes: commit after so many bytes,
        shard_seconds: or after so many seconds since the last commit, whichever comes first.
    """

    key: str
    key_version: int
    features: datasets.Features
    components: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Any] | None = None
    split: str | None = None
    shard_bytes: int = 64 * 2**20
    shard_seconds: float = 30.0


class EntryWriter:
    """Appends batches to one entry; made by `AnalysisCache.writing`, which holds the entry's lock meanwhile.

    Batches that are committed already count: `batches_done` tells with which to go on. One thread at a time may use it.
    A process forked from this one shares its files: there, `commit` and `close` do nothing.

    Args:
        base: the root of the entries.
        path: the entry's directory; it need not be there.
        plan: what is to be written.
        entry: what is committed already, or None.
        on_commit: called after each commit.

    Attributes:
        batches_dropped: committed batches that were removed because the entry is begun anew.
    """

    def __init__(
        self,
        base: Path,
        path: Path,
        plan: Plan,
        entry: Entry | None = None,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.plan = plan
        self.batches_dropped = 0
        self._base = base
        self._pid = os.getpid()
        self._on_commit = on_commit
        self._features = plan.features
        self._manifest = Manifest(plan.key, plan.key_version, plan.features.to_dict())
        self._stored: bytes | None = None
        if entry is not None:
            self._manifest = entry.manifest
            self._stored = entry.manifest.to_bytes()
            self._features = read_features(entry.manifest.features, path / MANIFEST_NAME)
        self._shard: ShardWriter | None = None
        #: A shard that has its name, but that no manifest names yet.
        self._published: Path | None = None
        self._runs: list[tuple[int, int]] = []
        self._seconds = 0.0
        self._last_commit = time.monotonic()
        self._last_mark = 0.0
        self._mark: Path | None = None

    @property
    def entry(self) -> Entry:
        """The entry as committed so far."""
        return Entry(self.path, self._manifest)

    @property
    def features(self) -> datasets.Features:
        """The features, with the columns in the order in which they are stored."""
        return self._features

    @property
    def generation(self) -> str:
        """What tells these rows from others that were stored under the key before; mostly empty."""
        return self._manifest.generation or str(self.plan.context.get(GENERATION, ""))

    @property
    def batches_committed(self) -> int:
        """Batches that survive a crash."""
        return self._manifest.batches

    @property
    def batches_done(self) -> int:
        """Batches committed and appended: the number of the next one."""
        return self.batches_committed + sum(count for count, _ in self._runs)

    @property
    def rows_done(self) -> int:
        """Rows committed and appended: the number of the next one."""
        return self._manifest.rows + (0 if self._shard is None else self._shard.rows)

    def append(self, rows: Sequence[Mapping[str, Any]] | EncodedRows, *, seconds: float = 0.0) -> None:
        """Take the rows of the next batch, or encoded rows of several; commits when enough has gathered.

        Args:
            rows: all rows of the batch, perhaps none; or the same, or those of several batches, encoded.
            seconds: time spent computing them.

        Raises:
            RowError: a row does not fit the features; the batch is not taken, earlier ones stay.
            OSError: it could not be written. Nothing more can be appended; what was committed stays.
        """
        shard = self._open_shard()
        if isinstance(rows, EncodedRows):
            shard.write_encoded(rows)
        else:
            shard.write(rows)
        for each in rows.batch_rows if isinstance(rows, EncodedRows) else (len(rows),):
            if self._runs and self._runs[-1][1] == each:
                self._runs[-1] = (self._runs[-1][0] + 1, each)
            else:
                self._runs.append((1, each))
        self._seconds += seconds
        now = time.monotonic()
        if shard.bytes >= self.plan.shard_bytes or now - self._last_commit >= self.plan.shard_seconds:
            self.commit()
        elif now - self._last_mark >= MARK_SECONDS:
            self._note_progress()

    def commit(self) -> None:
        """Make all that was appended survive a crash.

        Raises:
            OSError: it could not be written; what was committed before stays.
            SupersededError: another process has written the entry meanwhile.
        """
        if self._runs and self._pid == os.getpid():
            self._commit(complete=False)

    def complete(self) -> None:
        """Commit, and record that nothing will follow. An entry without any shard gets one without rows.

        Raises:
            OSError: it could not be written; what was committed before stays.
            SupersededError: another process has written the entry meanwhile.
        """
        self._commit(complete=True)

    def commit_even_if_empty(self) -> None:
        """Commit, also an entry that holds no batch yet, so that the next one who asks for none finds it.

        Raises:
            OSError: it could not be written; what was committed before stays.
            SupersededError: another process has written the entry meanwhile.
        """
        if self._runs or not self._manifest.shards:
            self._commit(complete=False)

    def close(self) -> None:
        """Drop what was not committed and leave no trace of the work; never raises."""
        if self._pid != os.getpid():
            return
        if self._shard is not None:
            self._shard.abort()
            _unlink(self._shard.path)  # a shard that was finished, but not published, outlives its `abort`
        if self._published is not None:
            named = named_files(self.path)
            if named is not None and self._published.name not in named:
                _unlink(self._published)
        self._shard, self._published, self._runs = None, None, []
        if self._mark is not None:
            _unlink(self._mark)
            own_marks.discard(self._mark.name)
            self._mark = None
            if not self._manifest.shards:
                remove_empty_parents(self._base, self.path)

    def _open_shard(self) -> ShardWriter:
        if self._shard is None:
            self._prepare()
            self._shard = ShardWriter(self.path / aside_name(), self._features, first_row=self._manifest.rows)
        return self._shard

    def _prepare(self) -> None:
        """Make the directory, clear it of what a crash left, and leave a mark."""
        if self._mark is not None:
            return
        make_directories(self._base, self.path)
        mark = self.path / f"{MARK_PREFIX}{os.getpid()}-{uuid.uuid4().hex[:12]}"
        own_marks.add(mark.name)
        self._mark = mark
        self._note_progress()
        # First the list for plain `datasets`, which may still name what goes then.
        if self._manifest.shards:
            update_state(self.entry)
        remove_leftovers(self.path)

    def _note_progress(self) -> None:
        self._last_mark = time.monotonic()
        if self._mark is None:
            return
        note = {"pid": os.getpid(), "batches": self.batches_done, "rows": self.rows_done}
        with suppress(OSError):  # it only tells people
            self._mark.write_text(json.dumps(note))

    def _commit(self, *, complete: bool) -> None:
        manifest = self._manifest
        if self._runs or not manifest.shards:
            manifest = self._publish_shard(manifest)
        if complete:
            manifest = replace(manifest, complete=True)
        self._prepare()
        data = manifest.to_bytes()
        if len(data) > MAX_BYTES:
            told = f"its manifest would have {len(data)} bytes, and more than {MAX_BYTES} are not read"
            raise OSError(f"{told}; batches of equal length, or larger ones, need fewer")
        self._check_alone()
        if self._stored is None:
            sync_parents(self._base, self.path)
        replace_atomically(self.path / MANIFEST_NAME, data)
        # From here on the commit stands: what fails below is made good by the next writer.
        self._manifest, self._stored, self._published = manifest, data, None
        self._last_commit = time.monotonic()
        sync_directory(self.path)
        self._on_commit()
        replace_atomically(self.path / STATE_NAME, state_bytes(manifest))
        self._note_progress()

    def _publish_shard(self, manifest: Manifest) -> Manifest:
        shard = self._open_shard()
        if not manifest.shards:
            manifest = self._first(manifest)
        stats = shard.close()
        numbers = [int(found.group(1)) for known in manifest.shards if (found := _SHARD.fullmatch(known.file))]
        number = max(numbers, default=-1) + 1
        while not create_exclusively(shard.path, self.path / f"data-{number:05d}.arrow"):
            number += 1
        self._published = self.path / f"data-{number:05d}.arrow"
        sync_directory(self.path)
        info = ShardInfo(
            self._published.name, stats.rows, stats.bytes, stats.xxh3_128, tuple(self._runs), round(self._seconds, 6)
        )
        self._shard, self._runs, self._seconds = None, [], 0.0
        return manifest.with_shard(info)

    def _first(self, manifest: Manifest) -> Manifest:
        """Write the files that never change, and what else is known once."""
        contents = {INFO_NAME: info_bytes(self._features)}
        if self.plan.parts is not None:
            contents[PARTS_NAME] = json.dumps(self.plan.parts).encode()
        for name, data in contents.items():
            replace_atomically(self.path / name, data)
        return replace(
            manifest,
            components=dict(self.plan.components),
            context=dict(self.plan.context),
            split=self.plan.split,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            files={name: FileInfo(len(data), xxhash.xxh3_128_hexdigest(data)) for name, data in contents.items()},
        )

    def _check_alone(self) -> None:
        try:
            found: bytes | None = (self.path / MANIFEST_NAME).read_bytes()
        except FileNotFoundError:
            found = None
        if found != self._stored:
            raise SupersededError(self.path)


def _unlink(path: Path) -> None:
    with suppress(OSError):
        os.unlink(path)
