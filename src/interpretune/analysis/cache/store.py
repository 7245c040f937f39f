"""Where entries live: found by key, checked, written, listed.

The tree below a base::

    <base>/
      CACHEDIR.TAG  .gitignore               backups and version control leave it alone
      <dataset config>/<dataset>/<module>/   names for people
        <op>-<key>/                          an entry: see `manifest`, `entry`, `commit`
      .keys/<aa>/<key>                       where the entry of a key lies, relative to the base
      .locks/<key>.lock                      held by whoever computes (`locks`)
      .quarantine/                           damaged entries, moved here and never served
      .trash/                                what a crash kept from being removed
      .derived/<key>/                        what `datasets` makes of entries that lie in read-only bases (`derived`)

Only the key decides whether an entry is the right one. The names above it are for people, so the same key may be asked
for under other names; ``.keys`` then tells where its entry lies. What ``.keys`` says is checked like everything else.

    cache = AnalysisCache(base)
    entry = cache.find(key)                       # None: a miss
    with cache.writing(location, plan) as writer: # waits for others; goes on where they stopped
        for rows in batches[writer.batches_done:]:
            writer.append(rows)
        writer.complete()
    dataset = cache.find(key).dataset()
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import html, settings
from .bases import DEPTH, Location, check_safe, directories_at, place_of, prepare, record_place
from .derived import derived_directories
from .entry import Entry, open_entry
from .errors import CorruptEntryError, UnsafeBaseError
from .files import remove, size_on_disk
from .leftovers import describe_writer
from .locks import KeyLock, NotNeededError
from .lookup import after_changes, look_up
from .manifest import MANIFEST_NAME, ForeignFormatError
from .notices import notice
from .paths import replaced_base, resolve_base
from .quarantine import quarantine, try_quarantine
from .statistics import Statistics, process_statistics, read_statistics

if TYPE_CHECKING:
    import datasets

    from .commit import EntryWriter, Plan

__all__ = ["AnalysisCache", "Damage", "Location"]

#: Entries that a notebook shows of a cache.
SHOWN = 50


@dataclass(frozen=True)
class Damage:
    """A place of the base that looks like an entry and cannot be read as one."""

    path: Path
    reason: str


class AnalysisCache:
    """The entries of one base, and for reading of further ones.

    Args:
        base: the root; it need not be there. None for the configured one.
        verify: ``"size"`` or ``"full"``, what is checked when an entry is opened; None for the configured mode.
        readonly_bases: further roots that are searched after the base and never written to; None for the configured.
            The configured base is one of them where it cannot be written and another one stands for it.
        lock_timeout: seconds to wait for another process that writes the same entry; None for the configured time.

    Raises:
        UnsafeBaseError: the base belongs to another user and everybody may write to it. A read-only base of which that
            is true is passed over with a warning.
    """

    def __init__(
        self,
        base: str | os.PathLike[str] | None = None,
        *,
        verify: str | None = None,
        readonly_bases: Sequence[Path] | None = None,
        lock_timeout: float | None = None,
    ) -> None:
        configured = settings.current()
        self.base = resolve_base(base)
        check_safe(self.base)
        self.verify = verify or configured.verify
        further = [*(configured.readonly_bases if readonly_bases is None else readonly_bases)]
        if base is None and (replaced := replaced_base(self.base)) is not None:
            further.insert(0, replaced)  # what lies there need not be computed anew
        self.readonly_bases = tuple(filter(_is_safe, further))
        self.lock_timeout = configured.lock_timeout if lock_timeout is None else lock_timeout

    @property
    def _bases(self) -> tuple[Path, ...]:
        return (self.base, *self.readonly_bases)

    def locate(self, key: str, location: Location) -> Path:
        """Give the directory in which the entry of a key lies or would lie.

        Args:
            key: the key.
            location: names to use where there is no entry yet.
        """
        recorded = place_of(self.base, key)
        if recorded is not None and os.path.lexists(recorded / MANIFEST_NAME):
            return recorded
        return self.base / location.directory(key)

    def find(self, key: str, location: Location | None = None) -> Entry | None:
        """Look an entry up, in the base and then in the read-only ones.

        Args:
            key: the key.
            location: the names under which it probably lies; saves reading where it lies.

        Returns:
            The entry, checked as `verify` says, or None. A damaged one is moved to the quarantine with one warning and
            counts as not there.

        Raises:
            OSError: the base cannot be read.
        """
        return look_up(self._bases, key, location, self.verify, lambda _: True, lambda entry: entry)

    def open(
        self, key: str, location: Location | None = None, *, batches: int | None = None, split: str | None = None
    ) -> tuple[Entry, datasets.Dataset] | None:
        """Look an entry up and map its rows, if it has as many as are asked for.

        Args:
            key: the key.
            location: the names under which it probably lies; saves reading where it lies.
            batches: how many batches are asked for; None for all that the stream has.
            split: name of the dataset's split; None for the one that was stored.

        Returns:
            The entry and the rows of the batches; or None where there are not that many. A damaged entry is moved to
            the quarantine with one warning and counts as not there.

        Raises:
            OSError: the base cannot be read.
        """
        return look_up(
            self._bases,
            key,
            location,
            self.verify,
            lambda entry: entry.covers(batches),
            lambda entry: (entry, entry.dataset(batches, split=split)),
        )

    def set_aside(self, damage: Damage) -> None:
        """Move what `entries` or a check found damaged to the quarantine, if nobody is at work on it."""
        key = damage.path.name.rpartition("-")[2]
        try_quarantine(self.base, key, damage.path, self.verify, CorruptEntryError(damage.path, damage.reason))

    @contextmanager
    def writing(
        self,
        location: Location,
        plan: Plan,
        *,
        fresh: bool = False,
        anew: bool = False,
        unless: Callable[[], bool] = lambda: False,
    ) -> Iterator[EntryWriter]:
        """Write an entry, alone: waits for whoever writes it, then goes on where that one stopped.

        What was appended is committed when the block ends, also when it ends with an error.

        Args:
            location: names under which to put it where it is not there yet.
            plan: what is to be written.
            fresh: where the entry is incomplete, remove it and begin anew.
            anew: remove the entry and begin anew in any case.
            unless: asked while another one writes the entry, whenever that one has committed something, and once more
                when it is this one's turn; true ends it there.

        Raises:
            NotNeededError: `unless` has become true.
            LockTimeoutError: another process held the lock for longer than `lock_timeout`.
            NestedLockError: this thread is writing that very entry.
            OSError: the entry cannot be read or written.
        """
        from .commit import EntryWriter  # reading needs neither `datasets` nor `pyarrow`

        prepare(self.base)
        unless = after_changes(lambda: self.locate(plan.key, location), unless)
        lock = KeyLock(self.base, plan.key, lambda: describe_writer(self.locate(plan.key, location)))
        writer: EntryWriter | None = None
        try:
            lock.acquire(self.lock_timeout, unless=unless)
            if unless():
                raise NotNeededError("another one has written meanwhile what was to be written")
            path, entry = self._open_for_writing(location, plan.key)
            dropped = 0
            if entry is not None and (anew or (fresh and not entry.complete)):
                remove(self.base, path)
                dropped, entry = entry.batches, None
            writer = EntryWriter(self.base, path, plan, entry, lambda: record_place(self.base, plan.key, path))
            writer.batches_dropped = dropped
            try:
                yield writer
            except BaseException:
                # The rows are right whatever ended the block; only trouble in keeping them must not hide it.
                with suppress(OSError):
                    writer.commit()
                raise
            writer.commit()
        finally:
            if writer is not None:
                writer.close()
            lock.release()

    def _open_for_writing(self, location: Location, key: str) -> tuple[Path, Entry | None]:
        path = self.locate(key, location)
        try:
            entry = open_entry(path, key=key, verify=self.verify)
            entry.dataset()
            return path, entry
        except FileNotFoundError:
            return path, None
        except ForeignFormatError:
            raise
        except CorruptEntryError as error:
            quarantine(self.base, key, path, self.verify, error)
            if os.path.lexists(path / MANIFEST_NAME):
                raise  # it could not be moved, and nothing is written over what is not understood
            return self.base / location.directory(key), None

    def entries(self, damage: list[Damage] | None = None, *, readonly: bool = False) -> Iterator[Entry]:
        """Go through all entries of the base, looking at their manifests only.

        Args:
            damage: a list that takes what looks like an entry and cannot be read as one; None to leave it out.
            readonly: go through those of the read-only bases as well.
        """
        bases = self._bases if readonly else self._bases[:1]
        for path in (path for base in bases for path in directories_at(base, DEPTH)):
            if not os.path.lexists(os.path.join(path, MANIFEST_NAME)):
                continue
            try:
                yield open_entry(Path(path), verify=None)
            except FileNotFoundError:
                continue  # removed meanwhile
            except OSError as error:
                if damage is not None:
                    damage.append(Damage(Path(path), getattr(error, "reason", None) or str(error)))

    def room(self, entries: Iterable[Entry]) -> int:
        """Tell how much of the disk entries take, with all that `datasets` made of their rows: what `max_size` limits.

        Args:
            entries: all entries of the base.

        Returns:
            Bytes.
        """
        derived = sum(size_on_disk(path) for path, _ in derived_directories(self.base))
        return derived + sum(entry.nbytes for entry in entries)

    def statistics(self, *, process: bool = False) -> Statistics:
        """Tell how often this base served.

        Args:
            process: count what this process asked for, and not what all did.
        """
        return process_statistics(self.base) if process else read_statistics(self.base)

    def _repr_html_(self) -> str:
        entries = list(self.entries())
        sizes = {entry.path: entry.nbytes for entry in entries}
        largest = max(sizes.values(), default=1) or 1
        rows = [
            (
                *(
                    entry.key[:12],
                    *(str(entry.manifest.context.get(name) or "") for name in ("op", "dataset", "module")),
                ),
                *(f"{entry.rows:,}", html.bar(sizes[entry.path] / largest, html.size_text(sizes[entry.path]))),
                entry.manifest.created,
            )
            for entry in sorted(entries, key=lambda entry: -sizes[entry.path])[:SHOWN]
        ]
        total = html.size_text(sum(sizes.values()))
        title = f"{len(entries):,} entries, {total}, in {self.base}"
        counted = read_statistics(self.base)
        served = f"{counted.hits:,} hits, {counted.misses:,} misses, {counted.seconds_saved:,.0f} s saved"
        more = f"the {SHOWN} largest are shown" if len(entries) > SHOWN else ""
        head = ("key", "op", "dataset", "module", "rows", "size", "created")
        return html.page(title, html.table([(served,)]), html.table(rows, head), html.table([(more,)]) if more else "")


def _is_safe(base: Path) -> bool:
    try:
        check_safe(base)
    except UnsafeBaseError as error:
        notice(str(error))
        return False
    return True
