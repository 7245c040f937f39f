"""Saving rows that the cache holds: linked, complete, and never a way to write into the cache."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import datasets
import pytest
from datasets import Array2D, Dataset, Features, Value, load_from_disk

from interpretune.analysis.cache import AnalysisCache
from interpretune.analysis.cache.commit import Plan
from interpretune.analysis.cache.host_dataset import KeptDataset
from interpretune.analysis.cache.store import Location

FEATURES = Features({"logits": Array2D(shape=(None, 3), dtype="float32"), "name": Value("string")})
KEY = "0123456789abcdef" * 2


def row(number: int) -> dict[str, object]:
    return {"logits": [[float(number), 1.0, 2.0]] * (1 + number % 3), "name": f"row {number}"}


@pytest.fixture
def entry(base: Path) -> Path:
    """An entry of three shards with two rows each."""
    cache = AnalysisCache(base)
    location = Location(op="logits")
    with cache.writing(location, Plan(KEY, 1, FEATURES, split="test", shard_bytes=1)) as writer:
        for batch in range(3):
            writer.append([row(2 * batch), row(2 * batch + 1)])
        writer.complete()
    return cache.locate(KEY, location)


def kept(entry: Path, batches: int | None = None) -> KeptDataset:
    opened = AnalysisCache().open(KEY, batches=batches)
    assert opened is not None
    found, dataset = opened
    shards = tuple((found.path / shard.file, shard.rows) for shard in found.manifest.shards)
    return KeptDataset.of(dataset, shards)


def shards(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.arrow"))


def test_saves_what_datasets_would_have_saved(entry: Path, tmp_path: Path) -> None:
    dataset = kept(entry).with_format("numpy", columns=["logits"], dtype="float64")
    dataset.save_to_disk(tmp_path / "ours")
    Dataset.save_to_disk(dataset, tmp_path / "theirs")
    ours, theirs = load_from_disk(str(tmp_path / "ours")), load_from_disk(str(tmp_path / "theirs"))
    assert ours.with_format(None)[:] == theirs.with_format(None)[:]
    assert ours.features == theirs.features == FEATURES
    assert ours.format == theirs.format
    assert ours.split == theirs.split == "test"
    assert ours._fingerprint == theirs._fingerprint


def test_shards_share_their_bytes_with_the_entry(entry: Path, tmp_path: Path) -> None:
    kept(entry).save_to_disk(tmp_path)
    assert shards(tmp_path) == shards(entry) == [f"data-{number:05d}.arrow" for number in range(3)]
    for name in shards(entry):
        link, shard = tmp_path / name, entry / name
        assert link.read_bytes() == shard.read_bytes()
        # A clone is a file of its own; a link is the same file, which nobody may write to.
        assert link.stat().st_ino != shard.stat().st_ino or not link.stat().st_mode & 0o222


@pytest.mark.parametrize("batches", [1, 2])
def test_part_of_the_rows_is_saved_as_that_part(entry: Path, tmp_path: Path, batches: int) -> None:
    dataset = kept(entry, batches)
    dataset.save_to_disk(tmp_path)
    assert load_from_disk(str(tmp_path))["name"][:] == [f"row {number}" for number in range(2 * batches)]


def test_part_of_a_shard_is_written_anew(entry: Path, tmp_path: Path) -> None:
    whole = kept(entry)
    part = KeptDataset.of(whole.select(range(5)), whole._shards)
    part.save_to_disk(tmp_path)
    assert load_from_disk(str(tmp_path))["name"][:] == [f"row {number}" for number in range(5)]
    assert (tmp_path / "data-00000.arrow").stat().st_size == (entry / "data-00000.arrow").stat().st_size


def test_a_later_save_of_datasets_never_reaches_the_entry(entry: Path, tmp_path: Path) -> None:
    before = {name: (entry / name).read_bytes() for name in shards(entry)}
    kept(entry).save_to_disk(tmp_path)
    for rows in (1, 7):
        Dataset.from_list([{"other": number} for number in range(rows)]).save_to_disk(str(tmp_path))
        assert load_from_disk(str(tmp_path))["other"][:] == list(range(rows))
    assert {name: (entry / name).read_bytes() for name in shards(entry)} == before
    assert AnalysisCache(verify="full").find(KEY) is not None


def test_saves_in_turn_leave_only_what_is_listed(entry: Path, tmp_path: Path) -> None:
    Dataset.from_list([{"other": 1}]).save_to_disk(str(tmp_path))
    kept(entry).save_to_disk(tmp_path)
    assert shards(tmp_path) == shards(entry)
    assert len(load_from_disk(str(tmp_path))) == 6
    kept(entry, 1).save_to_disk(tmp_path)
    assert len(shards(tmp_path)) == 1
    assert len(load_from_disk(str(tmp_path))) == 2


def test_rows_stay_readable_when_the_entry_is_removed(entry: Path, tmp_path: Path) -> None:
    kept(entry).save_to_disk(tmp_path)
    for path in entry.iterdir():
        path.unlink()
    assert load_from_disk(str(tmp_path))["name"][0] == "row 0"


def test_files_are_copied_where_neither_clone_nor_link_is_to_be_had(
    entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interpretune.analysis.cache.host_dataset._clone", lambda source, target: False)

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    kept(entry).save_to_disk(tmp_path)
    assert len(load_from_disk(str(tmp_path))) == 6
    assert (tmp_path / "data-00000.arrow").stat().st_nlink == 1


def test_links_stand_where_there_is_no_clone(entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpretune.analysis.cache.host_dataset._clone", lambda source, target: False)
    kept(entry).save_to_disk(tmp_path)
    assert (tmp_path / "data-00000.arrow").stat().st_ino == (entry / "data-00000.arrow").stat().st_ino
    assert not (entry / "data-00000.arrow").stat().st_mode & 0o222
    kept(entry).save_to_disk(tmp_path)
    assert len(load_from_disk(str(tmp_path))) == 6


def test_a_dataset_is_not_saved_over_its_own_entry(entry: Path) -> None:
    with pytest.raises(PermissionError, match="another place"):
        kept(entry).save_to_disk(entry)


def test_other_ways_of_saving_are_left_to_datasets(entry: Path, tmp_path: Path) -> None:
    kept(entry).save_to_disk(tmp_path, num_shards=2)
    assert shards(tmp_path) == ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    shuffled = kept(entry).shuffle(seed=0)
    shuffled.save_to_disk(str(tmp_path / "shuffled"))
    assert load_from_disk(str(tmp_path / "shuffled"))[:] == shuffled[:]


def test_saves_as_datasets_when_the_entry_is_gone(entry: Path, tmp_path: Path) -> None:
    dataset = kept(entry)
    for path in entry.glob("*.arrow"):
        path.unlink()
    dataset.save_to_disk(tmp_path)
    assert len(load_from_disk(str(tmp_path))) == 6


def test_is_a_dataset_like_any_other(entry: Path) -> None:
    dataset = kept(entry)
    assert dataset.select([1])[0]["name"] == "row 1"
    assert dataset.map(lambda row: {"length": len(row["logits"])})["length"][:] == [1, 2, 3, 1, 2, 3]
    assert pickle.loads(pickle.dumps(dataset))[:] == dataset[:]
    assert copy.deepcopy(dataset)[:] == dataset[:]
    assert isinstance(dataset.with_format("numpy"), KeptDataset)
    assert datasets.concatenate_datasets([dataset, dataset]).num_rows == 12
