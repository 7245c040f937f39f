"""A dataset whose rows lie in immutable shards, and which is therefore saved by linking instead of writing.

The host saves each analysis into a directory of the user's right after it was made. For rows that the cache holds
already, the shards are cloned where the file system can (the copy shares their blocks until one is changed), else
hard-linked, else copied as files. The directory opens with ``datasets.load_from_disk`` as after any other save.

A hard link must never become a way to write into the cache. Its name is that of the shard (``data-00000.arrow``), which
no writer of `datasets` uses (``data-00000-of-00001.arrow``), so the next save into the same directory never opens it;
its file is made read-only; and a later save of ours removes the name before it makes a new one.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, Features
from datasets.info import DatasetInfo

from .entry import INFO_NAME, STATE_NAME
from .files import replace_atomically

__all__ = ["KeptDataset"]

#: The request for a copy that shares its blocks with the original (Linux: btrfs, xfs, bcachefs, …).
_FICLONE = 0x40049409
_ROWS_NAME = re.compile(r"data-[0-9]{5,9}(-of-[0-9]{5,9})?\.arrow", re.ASCII)
_REST = "data-99999.arrow"


class KeptDataset(Dataset):  # type: ignore[misc]  # `datasets` has no types
    """A `datasets.Dataset` over shards of the cache; only `save_to_disk` differs.

    Datasets made from it (`select`, `map`, …) are plain ones.
    """

    #: The shards that the rows begin with, in order, each with its number of rows.
    _shards: tuple[tuple[Path, int], ...] = ()

    @classmethod
    def of(cls, dataset: Dataset, shards: tuple[tuple[Path, int], ...]) -> KeptDataset:
        """Give a dataset that knows its shards.

        Args:
            dataset: rows that begin with those of the shards, or with a part of them.
            shards: immutable files with the rows, each with its number of rows.
        """
        kept = cls(
            dataset.data,
            info=dataset.info.copy(),
            split=dataset.split,
            fingerprint=getattr(dataset, "_fingerprint", None),
        )
        kept._shards = shards
        return kept

    def save_to_disk(self, dataset_path: Any, *args: Any, **kwargs: Any) -> None:
        """Save the dataset as `Dataset.save_to_disk` does, linking the shards where they can stand as they are.

        Args:
            dataset_path: the directory; one that is not local, and further arguments, are left to `datasets`.
            args: further arguments of `Dataset.save_to_disk`.
            kwargs: further arguments of `Dataset.save_to_disk`.
        """
        directory = Path(os.fspath(dataset_path)).expanduser() if "://" not in str(dataset_path) else None
        whole = self._whole_shards()
        if directory is None or args or any(value is not None for value in kwargs.values()) or not whole:
            super().save_to_disk(dataset_path, *args, **kwargs)
            return
        if directory.resolve() in {path.resolve().parent for path, _ in whole}:
            raise PermissionError(f"{str(directory)!r} holds the rows of this dataset itself; save it to another place")
        state = self._state()
        directory.mkdir(parents=True, exist_ok=True)
        _clear(directory)
        try:
            files = [_provide(path, directory / f"data-{number:05d}.arrow") for number, (path, _) in enumerate(whole)]
            rest = sum(rows for _, rows in whole)
            if rest < len(self):
                files.append(_write(self.data.slice(rest), self.features, directory / _REST))
        except OSError:
            _clear(directory)
            super().save_to_disk(dataset_path)
            return
        state["_data_files"] = [{"filename": name} for name in files]
        replace_atomically(directory / STATE_NAME, json.dumps(state, indent=2, sort_keys=True).encode(), sync=False)
        replace_atomically(directory / INFO_NAME, _info(self.info), sync=False)

    def _whole_shards(self) -> list[tuple[Path, int]]:
        """Give the shards of which all rows are in this dataset, as long as they are there."""
        if self._indices is not None or not self._shards:
            return []
        whole, rows = [], 0
        for path, count in self._shards:
            rows += count
            if rows > len(self) or not path.is_file():
                break
            whole.append((path, count))
        return whole

    def _state(self) -> dict[str, Any]:
        names = ("_fingerprint", "_format_columns", "_format_kwargs", "_format_type", "_output_all_columns")
        state: dict[str, Any] = {name: self.__dict__[name] for name in names}
        for name, value in state["_format_kwargs"].items():
            try:
                json.dumps(value)
            except TypeError as error:
                raise TypeError(f"{error}: the format's keyword {name!r} cannot be saved as JSON") from None
        state["_split"] = None if self.split is None else str(self.split)
        return state


def _info(info: DatasetInfo) -> bytes:
    found = asdict(info)
    return json.dumps({name: found[name] for name in sorted(found)}, indent=2).encode()


def _clear(directory: Path) -> None:
    """Remove the rows of an earlier save: the files that its state names, and our links beside them."""
    named: set[str] = set()
    with suppress(OSError, ValueError, TypeError, KeyError):
        state = json.loads((directory / STATE_NAME).read_bytes())
        named = {str(file["filename"]) for file in state["_data_files"]}
    for path in directory.glob("data-*.arrow"):
        match = _ROWS_NAME.fullmatch(path.name)
        if match and (path.name in named or match.group(1) is None):
            with suppress(FileNotFoundError):
                path.unlink()


def _provide(source: Path, target: Path) -> str:
    """Let a file stand under a second name, as cheaply as the file system can.

    Args:
        source: an immutable file.
        target: the name, which is free.
    """
    if not _clone(source, target):
        try:
            os.link(source, target, follow_symlinks=False)
            # Whoever opens it for writing by whatever name is stopped, unless the system lets them do everything.
            os.chmod(target, 0o444)
        except OSError:
            with suppress(FileNotFoundError):
                target.unlink()
            shutil.copyfile(source, target)
    return target.name


def _clone(source: Path, target: Path) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    with open(source, "rb") as original, open(target, "xb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), _FICLONE, original.fileno())
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
        else:
            return True
    target.unlink()
    return False


def _write(table: Any, features: Features, target: Path) -> str:
    """Write the rows of which only a part of a shard is wanted."""
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_stream(sink, features.arrow_schema) as stream:
        for batch in table.to_batches():
            stream.write_batch(batch)
    return target.name
