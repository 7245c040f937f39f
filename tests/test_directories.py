"""The directory that the host asks for: named by the rows' content, found once, no cost per batch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import datasets
import pytest

from interpretune.analysis.cache import directories as module_of_directories
from interpretune.analysis.cache import enable_analysisstore_caching, get_analysis_cache_dir
from interpretune.analysis.cache.paths import temporary_directory


class Module:
    """What the host composes: a class that remembers the user's own."""

    _orig_module_name = "MyModule"

    def __init__(self, rows: datasets.Dataset | None) -> None:
        self.datamodule = DataModule(rows)


class DataModule:
    def __init__(self, rows: datasets.Dataset | None) -> None:
        self.dataset = None if rows is None else datasets.DatasetDict({"test": rows})
        self.asked = 0

    def test_dataloader(self) -> SimpleNamespace:
        self.asked += 1
        return SimpleNamespace(dataset=self.dataset["test"])


def rows(*numbers: int) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"x": list(numbers)})


def test_an_explicit_directory_is_made_and_given(tmp_path):
    enable_analysisstore_caching()
    assert get_analysis_cache_dir(Module(None), tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_temporary_while_caching_is_off_here_or_there():
    assert get_analysis_cache_dir(Module(rows(1))) == temporary_directory()
    datasets.disable_caching()
    with pytest.warns(UserWarning, match="enable_caching"):
        enable_analysisstore_caching()
    assert get_analysis_cache_dir(Module(rows(1))) == temporary_directory()


def test_named_by_config_rows_and_module(base):
    enable_analysisstore_caching()
    directory = get_analysis_cache_dir(Module(rows(1, 2)))
    config, digest, module = directory.relative_to(base).parts
    assert (config, module) == ("default", "MyModule")
    assert len(digest) == 32
    assert directory.is_dir()
    assert get_analysis_cache_dir(Module(rows(1, 2).select([0, 1]))) == directory
    assert get_analysis_cache_dir(Module(rows(1, 3))) != directory
    named = rows(1, 2)
    named.info.config_name = "../rte"
    assert get_analysis_cache_dir(Module(named)).parent.parent.parent == base


def test_found_once_until_something_changes(base, monkeypatch, tmp_path):
    enable_analysisstore_caching()
    module = Module(rows(1, 2))
    first = get_analysis_cache_dir(module)
    asked = module.datamodule.asked
    assert [get_analysis_cache_dir(module) for _ in range(100)] == [first] * 100
    assert module.datamodule.asked == asked
    module.datamodule.dataset["test"] = rows(3)
    second = get_analysis_cache_dir(module)
    assert second != first
    monkeypatch.setenv("IT_ANALYSIS_CACHE", str(tmp_path / "other"))
    assert get_analysis_cache_dir(module).is_relative_to(tmp_path / "other")


def test_rows_that_are_not_there_or_not_understood_have_no_lasting_place():
    enable_analysisstore_caching()
    assert get_analysis_cache_dir(Module(None)) == temporary_directory()
    assert get_analysis_cache_dir(SimpleNamespaceModule()) == temporary_directory()


class SimpleNamespaceModule:
    """A module whose data loader gives something that nobody understands."""

    def __init__(self) -> None:
        self.datamodule = SimpleNamespace(test_dataloader=lambda: SimpleNamespace(dataset=iter([])))


def test_a_data_module_or_dataset_that_raises_fails_nothing():
    enable_analysisstore_caching()
    module = Module(rows(1))
    module.datamodule.test_dataloader = raise_not_set_up
    assert get_analysis_cache_dir(module) == temporary_directory()
    module = Module(rows(1))
    module.datamodule.dataset["test"] = Unready()
    assert get_analysis_cache_dir(module) == temporary_directory()


def raise_not_set_up():
    raise RuntimeError("call `setup` first")


class Unready:
    def __fingerprint__(self):
        raise RuntimeError("call `setup` first")


def test_the_digest_of_files_is_remembered_below_the_base(base, tmp_path):
    enable_analysisstore_caching()
    assert module_of_directories.rows_digest(rows(1)) == module_of_directories.rows_digest(rows(1))
    assert not (Path(base) / ".digests").exists()
