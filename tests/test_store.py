"""The store: entries are found by key, sliced, extended, checked, and opened by plain `datasets`."""

from __future__ import annotations

import errno
import getpass
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import datasets
import pyarrow as pa
import pytest
import xxhash

from interpretune.analysis.cache.errors import CorruptEntryError, RowError, UnsafeBaseError
from interpretune.analysis.cache.files import remove
from interpretune.analysis.cache.locks import KeyLock
from interpretune.analysis.cache.store import AnalysisCache, Damage, Location
from storing import FEATURES, KEY, LOCATION, names, plan, rows_of, store, texts


@pytest.fixture
def cache(tmp_path):
    return AnalysisCache(tmp_path / "base")


def test_what_was_stored_is_found_by_its_key(cache):
    assert cache.find(KEY, LOCATION) is None
    entry = store(cache, 5, complete=True, parts={"op": {"x": 1}}, context={"op": "logit_diff"}, split="validation")
    assert entry.path == cache.locate(KEY, LOCATION)
    assert entry.path.relative_to(cache.base).parts == ("sst2", "d" * 32, "GPT2LMHeadModel", f"logit_diff-{KEY}")
    assert (entry.key, entry.rows, entry.batches, entry.complete) == (KEY, 4, 5, True)
    assert entry.components == {"op": "0" * 32}
    assert entry.parts() == {"op": {"x": 1}}
    assert entry.manifest.seconds == 2.5
    dataset = entry.dataset()
    assert dataset["b"][:] == texts(5)
    assert dataset.features == FEATURES
    assert dataset.split == "validation"
    assert dataset[3]["a"] == [[4.0] * 4]
    assert [file["filename"] for file in dataset.cache_files] == [str(entry.path / "data-00000.arrow")]
    assert names(entry.path) == {"manifest.json", "state.json", "dataset_info.json", "parts.json", "data-00000.arrow"}


def test_one_key_is_one_entry_whatever_the_names(cache):
    entry = store(cache, 3)
    assert cache.find(KEY) == entry
    other = Location(None, "e" * 32, "Other", "renamed")
    assert cache.find(KEY, other) == entry
    with cache.writing(other, plan()) as writer:
        assert writer.batches_done == 3
        writer.append(rows_of(3))
    assert [found.batches for found in cache.entries()] == [4]


def test_a_note_of_the_place_is_not_followed_out_of_the_base(cache, tmp_path):
    entry = store(cache, 3)
    outside = tmp_path / "a" / "b" / "c" / f"op-{KEY}"
    shutil.copytree(entry.path, outside)
    shutil.rmtree(entry.path)
    note = cache.base / ".keys" / KEY[:2] / KEY
    for text in (
        f"../a/b/c/op-{KEY}",
        str(outside),
        f".quarantine/b/c/op-{KEY}",
        "",
        "a/b/c/op-other",
        f"a/\0/c/op-{KEY}",
        "\udcff",
        "x" * 10_000,
    ):
        note.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert cache.find(KEY) is None


def test_an_entry_put_under_another_key_is_not_served(cache):
    entry = store(cache, 3)
    other = "f" * 32
    shutil.copytree(entry.path, cache.base / LOCATION.directory(other))
    with pytest.warns(UserWarning, match=f"it is of the key {KEY}"):
        assert cache.find(other, LOCATION) is None
    assert cache.find(KEY) == entry


@pytest.mark.parametrize("asked", range(8))
def test_fewer_batches_are_a_slice_without_copying(cache, asked):
    entry = store(cache, 7, shard_bytes=1)
    assert len(entry.manifest.shards) == 5
    dataset = entry.dataset(asked)
    assert dataset["b"][:] == texts(asked)
    assert dataset.features == FEATURES
    assert len(dataset.data.table.column("b").chunks) <= 7
    assert dataset._indices is None


def test_a_dataset_has_a_fingerprint_of_its_meaning(cache, tmp_path):
    entry = store(cache, 5)
    again = store(AnalysisCache(tmp_path / "other"), 5, shard_bytes=1)
    assert entry.dataset()._fingerprint == again.dataset()._fingerprint
    assert entry.dataset(4)._fingerprint != entry.dataset()._fingerprint
    loaded = pickle.loads(pickle.dumps(entry.dataset(4)))
    assert loaded["b"][:] == texts(4)
    assert loaded._fingerprint == entry.dataset(4)._fingerprint


def test_a_covered_request_is_opened_in_one_step(cache):
    store(cache, 4)
    entry, dataset = cache.open(KEY, batches=2)
    assert (entry.batches, dataset["b"][:]) == (4, texts(2))
    assert cache.open(KEY, batches=5) is None
    assert cache.open(KEY) is None, "the stream may have more"
    store(cache, 4, complete=True)
    assert cache.open(KEY)[1]["b"][:] == cache.open(KEY, batches=99)[1]["b"][:] == texts(4)


def test_writing_goes_on_after_the_last_commit(cache):
    store(cache, 2)
    with cache.writing(LOCATION, plan()) as writer:
        assert (writer.batches_done, writer.rows_done) == (2, 1)
        writer.append(rows_of(2))
        assert (writer.batches_done, writer.batches_committed, writer.rows_done) == (3, 2, 3)
        writer.commit()
        assert writer.batches_committed == 3
        writer.append(rows_of(3))
    entry = cache.find(KEY)
    assert [shard.file for shard in entry.manifest.shards] == [f"data-{number:05d}.arrow" for number in range(3)]
    assert entry.dataset()["b"][:] == texts(4)


def test_a_shard_is_committed_by_size_and_by_time(cache, monkeypatch):
    entry = store(cache, 6, shard_bytes=1)
    assert [shard.batches for shard in entry.manifest.shards] == [2, 1, 2, 1], "batches without rows bring no bytes"
    now = [0.0]
    monkeypatch.setattr("interpretune.analysis.cache.commit.time.monotonic", lambda: now[0])
    with cache.writing(LOCATION, plan("a" * 32, shard_seconds=30.0)) as writer:
        for batch in range(4):
            now[0] += 10.0
            writer.append(rows_of(batch))
        assert writer.batches_committed == 3


def test_an_empty_stream_is_a_result(cache):
    with cache.writing(LOCATION, plan()) as writer:
        writer.complete()
    entry, dataset = cache.open(KEY)
    assert (entry.batches, entry.complete, len(dataset), dataset.features) == (0, True, 0, FEATURES)
    assert len(datasets.load_from_disk(str(entry.path))) == 0


def test_nothing_asked_for_is_a_result_as_well(cache):
    with cache.writing(LOCATION, plan()) as writer:
        writer.commit_even_if_empty()
    entry, dataset = cache.open(KEY, batches=0)
    assert (entry.batches, entry.complete, len(dataset)) == (0, False, 0)
    assert store(cache, 3).dataset()["b"][:] == texts(3)


def test_nothing_written_leaves_nothing(cache):
    with cache.writing(LOCATION, plan()):
        pass
    with pytest.raises(RuntimeError, match="step"), cache.writing(LOCATION, plan()):
        raise RuntimeError("step")
    assert names(cache.base) == {"CACHEDIR.TAG", ".gitignore", ".locks"}


def test_an_error_keeps_what_was_appended(cache):
    def step_that_fails():
        with cache.writing(LOCATION, plan()) as writer:
            for batch in range(3):
                writer.append(rows_of(batch))
            raise RuntimeError("step")

    with pytest.raises(RuntimeError, match="step"):
        step_that_fails()
    assert cache.find(KEY).batches == 3


def test_a_wrong_row_keeps_the_batches_before_it(cache):
    with cache.writing(LOCATION, plan()) as writer:
        for batch in range(3):
            writer.append(rows_of(batch))
        with pytest.raises(RowError) as caught:
            writer.append([*rows_of(4), {"a": 1}])
        assert caught.value.row == 4
        assert (writer.batches_done, writer.rows_done) == (3, 3)
    assert cache.find(KEY).dataset()["b"][:] == texts(3)


def test_beginning_anew_drops_an_incomplete_entry_only(cache):
    store(cache, 3)
    with cache.writing(LOCATION, plan(), fresh=True) as writer:
        assert writer.batches_done == 0
        writer.append(rows_of(0))
        writer.complete()
    with cache.writing(LOCATION, plan(), fresh=True) as writer:
        assert writer.entry.complete
        assert writer.batches_done == 1


def test_plain_datasets_opens_an_entry_without_this_package(cache):
    entry = store(cache, 7, shard_bytes=1, split="validation")
    program = (
        "import sys, json, datasets\n"
        f"found = datasets.load_from_disk({str(entry.path)!r})\n"
        "assert not any(name.split('.')[0] == 'interpretune' for name in sys.modules)\n"
        "print(json.dumps([found['b'][:], found['a'][:], str(found.split), repr(found.features)]))"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd="/", check=True
    )
    own = entry.dataset()
    assert json.loads(done.stdout) == [own["b"][:], own["a"][:], "validation", repr(FEATURES)]


def test_listing_passes_over_what_is_not_ours_and_tells_damage(cache):
    store(cache, 2)
    second = store(cache, 3, key="f" * 32)
    (cache.base / "op_definitions_1.py").write_text("x = 1")
    (cache.base / "modules" / "a" / "b" / "c").mkdir(parents=True)
    (cache.base / "link").symlink_to(cache.base / "sst2")
    broken = second.path.with_name("op-" + "e" * 32)
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    damage: list[Damage] = []
    assert {entry.batches for entry in cache.entries(damage)} == {2, 3}
    assert [found.path for found in damage] == [broken]
    assert "not ours" in damage[0].reason
    assert AnalysisCache(cache.base / "nothing" / "here").find(KEY) is None


def test_a_reader_keeps_its_rows_while_the_entry_grows_and_goes(cache):
    dataset = store(cache, 5).dataset()
    store(cache, 9)
    assert dataset["b"][:] == texts(5)
    shutil.rmtree(cache.base)
    assert dataset["b"][:] == texts(5)
    assert dataset[3]["a"] == [[4.0] * 4]


@pytest.mark.parametrize("verify", ["size", "full"])
@pytest.mark.parametrize(
    "name", ["manifest.json", "data-00000.arrow", "data-00002.arrow", "state.json", "dataset_info.json", "parts.json"]
)
@pytest.mark.parametrize("harm", ["cut", "emptied", "longer", "missing", "directory", "link"])
def test_harmed_files_are_never_served(tmp_path, verify, name, harm):
    cache = AnalysisCache(tmp_path, verify=verify)
    path = store(cache, 4, shard_bytes=1, parts={}).path
    file = path / name
    content = file.read_bytes()
    if harm in ("cut", "emptied", "longer"):
        file.write_bytes({"cut": content[:-1], "emptied": b"", "longer": content + b" "}[harm])
    else:
        file.unlink()
        if harm == "directory":
            file.mkdir()
        elif harm == "link":
            file.symlink_to(tmp_path / "elsewhere")
            (tmp_path / "elsewhere").write_bytes(content)
    if harm == "missing" and name in ("manifest.json", "state.json"):
        # No manifest is no entry; `state.json` can be missing after a crash, and is made again by the next writer.
        assert (cache.find(KEY) is None) == (name == "manifest.json")
    else:
        with pytest.warns(UserWarning, match="quarantine"):
            assert cache.find(KEY) is None
        assert path.name in names(tmp_path / ".quarantine")
        assert not path.exists()
    assert store(cache, 4, complete=True).dataset()["b"][:] == texts(4)
    assert len(datasets.load_from_disk(str(path))) == len(texts(4))


def test_full_verification_sees_every_flipped_bit(tmp_path):
    cache = AnalysisCache(tmp_path, verify="full")
    path = store(cache, 4, parts={"x": 1}).path
    for file in sorted(path.iterdir()):
        content = file.read_bytes()
        step = max(1, len(content) * 8 // 40)
        for position in range(0, len(content) * 8, step):
            changed = bytearray(content)
            changed[position // 8] ^= 1 << position % 8
            file.write_bytes(changed)
            with pytest.warns(UserWarning, match="quarantine"):
                assert cache.find(KEY) is None
            moved = next((tmp_path / ".quarantine").iterdir())
            moved.rename(path)
            file.write_bytes(content)
    assert cache.find(KEY).dataset()["b"][:] == texts(4)


def test_shards_of_other_rows_or_features_are_not_served(cache, tmp_path):
    entry = store(cache, 4, shard_bytes=1)
    one, two = (entry.path / entry.manifest.shards[index].file for index in (1, 2))
    shutil.copy(two, one)
    shards = [*entry.manifest.shards]
    shards[1] = replace(shards[1], bytes=one.stat().st_size)
    (entry.path / "manifest.json").write_bytes(replace(entry.manifest, shards=tuple(shards)).to_bytes())
    with pytest.warns(UserWarning, match="rows, "):
        assert cache.open(KEY, batches=3) is None
    assert ".quarantine" in names(cache.base)


@pytest.mark.parametrize("verify", ["size", "full"])
@pytest.mark.parametrize("content", [b"\xff\xff\xff\xff\0\0\0\0", b"\0" * 8, b"\0", b"ARROW1\0\0", b"x" * 100, "cut"])
def test_files_that_are_no_rows_are_not_served(cache, content, verify):
    entry = store(cache, 4)
    shard = entry.path / entry.manifest.shards[0].file
    # As somebody could who means harm: size and checksum are right. One is cut where a message ends.
    data = shard.read_bytes()[:-8].rpartition(b"\xff\xff\xff\xff")[0] if content == "cut" else content
    shard.write_bytes(data)
    info = replace(entry.manifest.shards[0], bytes=len(data), xxh3_128=xxhash.xxh3_128_hexdigest(data))
    (entry.path / "manifest.json").write_bytes(replace(entry.manifest, shards=(info,)).to_bytes())
    with pytest.warns(UserWarning, match="quarantine"):
        assert AnalysisCache(cache.base, verify=verify).open(KEY, batches=4) is None


def test_features_name_no_code(cache):
    entry = store(cache, 2)
    described = {"a": {"_type": "NonMutableDict"}}
    (entry.path / "manifest.json").write_bytes(replace(entry.manifest, features=described).to_bytes())
    with pytest.warns(UserWarning, match="unknown type 'NonMutableDict'"):
        assert cache.open(KEY, batches=1) is None


def test_an_entry_of_another_format_is_left_alone(cache):
    entry = store(cache, 2)
    manifest = entry.path / "manifest.json"
    body = manifest.read_bytes().rsplit(b",\n", 1)[0].replace(b'"format": 1', b'"format": 2')
    manifest.write_bytes(body + b',\n "digest": "%s"\n}\n' % xxhash.xxh3_128_hexdigest(body).encode())
    with pytest.warns(UserWarning, match="newer"):
        assert cache.find(KEY) is None
    with pytest.raises(CorruptEntryError, match="newer"), cache.writing(LOCATION, plan()):
        pass
    assert manifest.exists()


def test_read_only_bases_serve_hits_and_take_nothing(cache, tmp_path):
    shared = AnalysisCache(tmp_path / "shared")
    store(shared, 3)
    before = sorted((path, path.stat().st_mtime_ns) for path in shared.base.rglob("*"))
    both = AnalysisCache(cache.base, readonly_bases=[tmp_path / "nowhere", shared.base])
    assert both.find(KEY, LOCATION).path.is_relative_to(shared.base)
    assert both.find(KEY).dataset()["b"][:] == texts(3)
    damaged = shared.find(KEY).path / "data-00000.arrow"
    damaged.write_bytes(b"")
    with pytest.warns(UserWarning, match="read-only"):
        assert both.find(KEY) is None
    assert damaged.exists()
    assert store(both, 3).path.is_relative_to(cache.base)
    assert sorted(path for path in shared.base.rglob("*")) == [path for path, _ in before]


def test_files_follow_the_umask(tmp_path):
    for mask in (0o002, 0o077):
        before = os.umask(mask)
        try:
            cache = AnalysisCache(tmp_path / str(mask))
            store(cache, 2)
        finally:
            os.umask(before)
        for path in cache.base.rglob("*"):
            expected = (0o777 if path.is_dir() else 0o666) & ~mask
            assert path.stat().st_mode & 0o777 == expected, path


def test_links_inside_the_base_are_not_followed_when_writing(cache, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    cache.base.mkdir(exist_ok=True)
    (cache.base / "sst2").symlink_to(outside)
    with pytest.raises(OSError, match="link"), cache.writing(LOCATION, plan()) as writer:
        writer.append(rows_of(1))
    assert not any(outside.iterdir())


def test_no_names_of_users_or_hosts_are_stored(cache):
    entry = store(cache, 3, shard_bytes=1)
    stored = b"".join(file.read_bytes() for file in entry.path.iterdir())
    home = str(Path.home())
    for name in (getpass.getuser(), socket.gethostname(), home):
        if len(name) > 4:
            assert name.encode() not in stored


def test_what_crashed_writers_left_is_removed_by_the_next(cache):
    path = store(cache, 3).path
    (path / ".tmp-999999999-abcdef").write_bytes(b"x")
    (path / "data-00001.arrow").write_bytes(b"unnamed")
    (path / ".writer-999999999-abcdef").write_text("{}")
    (path / "notes of mine.txt").write_text("x")
    store(cache, 5)
    assert names(path) == {
        "manifest.json",
        "state.json",
        "dataset_info.json",
        "data-00000.arrow",
        "data-00001.arrow",
        "notes of mine.txt",
    }
    assert cache.find(KEY).dataset()["b"][:] == texts(5)


@pytest.mark.parametrize("finder", ["reader", "writer"])
@pytest.mark.parametrize("harm", ["old", "missing"])
def test_a_stale_state_is_brought_up_to_date(cache, finder, harm):
    path = store(cache, 2, shard_bytes=1).path
    state = path / "state.json"
    old = state.read_bytes()
    store(cache, 4, shard_bytes=1)
    state.write_bytes(old) if harm == "old" else state.unlink()
    if finder == "reader":
        assert cache.find(KEY).batches == 4
    else:
        with cache.writing(LOCATION, plan()) as writer:
            writer.append(rows_of(4))
            assert len(datasets.load_from_disk(str(path))) == len(texts(4))
    assert len(datasets.load_from_disk(str(path))) == cache.find(KEY).rows


def test_a_stale_state_is_left_to_whoever_writes(cache):
    path = store(cache, 2).path
    (path / "state.json").unlink()
    lock = KeyLock(cache.base, KEY)
    lock.acquire()
    assert cache.find(KEY).batches == 2
    assert not (path / "state.json").exists()
    lock.release()


def test_trouble_of_the_machine_is_no_damage(cache, monkeypatch):
    path = store(cache, 2).path

    def fail(filename):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), filename)

    with monkeypatch.context() as patch:
        patch.setattr(pa, "memory_map", fail)
        with pytest.raises(OSError, match="Too many open files"):
            cache.open(KEY, batches=1)
    assert cache.find(KEY).path == path


def test_what_is_damaged_and_cannot_be_moved_is_not_written_over(cache, monkeypatch):
    path = store(cache, 2).path
    (path / "data-00000.arrow").write_bytes(b"")
    (cache.base / ".quarantine").write_text("in the way")
    with (
        pytest.warns(UserWarning, match="could not be moved aside"),
        pytest.raises(CorruptEntryError),
        cache.writing(LOCATION, plan()),
    ):
        pass
    assert (path / "manifest.json").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to give a directory away")
def test_a_base_that_everybody_can_write_to_is_refused_unless_allowed(tmp_path, monkeypatch):
    base = tmp_path / "shared"
    store(AnalysisCache(base), 2)
    os.chown(base, 12345, -1)
    AnalysisCache(base)
    base.chmod(0o777)
    with pytest.raises(UnsafeBaseError, match="belongs to another user"):
        AnalysisCache(base)
    with pytest.warns(UserWarning, match="belongs to another user"):
        cache = AnalysisCache(tmp_path / "own", readonly_bases=[base])
    assert cache.find(KEY) is None
    monkeypatch.setenv("IT_ANALYSIS_CACHE_ALLOW_SHARED", "1")
    assert AnalysisCache(base).find(KEY).batches == 2
    assert AnalysisCache(tmp_path / "own", readonly_bases=[base]).find(KEY).batches == 2
    os.chown(base, os.geteuid(), -1)
    monkeypatch.delenv("IT_ANALYSIS_CACHE_ALLOW_SHARED")
    assert AnalysisCache(base).find(KEY).batches == 2


def test_links_inside_the_base_are_not_followed_when_removing(cache, tmp_path):
    entry = store(cache, 2)
    outside = tmp_path / "outside"
    entry.path.parent.rename(outside)
    entry.path.parent.symlink_to(outside)
    kept = names(outside / entry.path.name)
    with pytest.raises(OSError, match="symbolic link"):
        remove(cache.base, entry.path)
    (outside / entry.path.name / "state.json").write_bytes(b"")
    with pytest.warns(UserWarning, match="symbolic link"):
        assert cache.find(KEY) is None
    assert names(outside / entry.path.name) == kept
    assert remove(cache.base, entry.path.parent)
    assert not entry.path.parent.is_symlink()
    assert names(outside / entry.path.name) == kept
