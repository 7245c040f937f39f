"""The manifest: what is written is read back, and nothing else is believed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from interpretune.analysis.cache.errors import CorruptEntryError
from interpretune.analysis.cache.manifest import (
    MANIFEST_NAME,
    FileInfo,
    ForeignFormatError,
    Manifest,
    ShardInfo,
    parse_manifest,
    read_manifest,
)

KEY = "0123456789abcdef" * 2
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
COUNTS = st.integers(0, 2**40)
WHERE = Path("entry") / MANIFEST_NAME


@st.composite
def shards(draw, number):
    runs = tuple(draw(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 1000)), max_size=4)))
    return ShardInfo(
        f"data-{number:05d}.arrow",
        sum(count * each for count, each in runs),
        draw(COUNTS),
        draw(HEX),
        runs,
        draw(st.floats(0, 1e6)),
    )


@st.composite
def manifests(draw):
    return Manifest(
        key=draw(HEX),
        key_version=draw(st.integers(0, 99)),
        features=draw(st.dictionaries(st.text(), st.just({"dtype": "int64", "_type": "Value"}), max_size=3)),
        components=draw(st.dictionaries(st.text(), HEX, max_size=3)),
        context=draw(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3)),
        files={"dataset_info.json": FileInfo(draw(COUNTS), draw(HEX))},
        shards=tuple(draw(shards(number)) for number in range(draw(st.integers(0, 4)))),
        complete=draw(st.booleans()),
        split=draw(st.none() | st.text()),
        created=draw(st.text()),
    )


def sealed(fields: dict | list | str) -> bytes:
    """Give a manifest of any content whose digest is right, as somebody who means harm could."""
    text = fields if isinstance(fields, str) else json.dumps(fields)[:-1]
    body = text.encode("utf-8", "surrogatepass")
    return body + b',\n "digest": "%s"\n}\n' % xxhash.xxh3_128_hexdigest(body).encode()


def good() -> dict:
    manifest = Manifest(
        KEY,
        1,
        {"x": {"dtype": "int64", "_type": "Value"}},
        shards=(ShardInfo("data-00000.arrow", 5, 100, "0" * 32, ((2, 1), (1, 3))),),
    )
    fields = json.loads(manifest.to_bytes())
    del fields["digest"]
    return fields


@given(manifests())
def test_it_is_read_as_it_was_written(manifest):
    data = manifest.to_bytes()
    assert parse_manifest(data, WHERE) == manifest
    assert parse_manifest(data, WHERE).to_bytes() == data
    assert json.loads(data)["rows"] == manifest.rows


@given(manifests(), st.data())
def test_every_flipped_bit_and_every_cut_is_seen(manifest, data):
    whole = manifest.to_bytes()
    position = data.draw(st.integers(0, len(whole) * 8 - 1))
    flipped = bytearray(whole)
    flipped[position // 8] ^= 1 << position % 8
    with pytest.raises(CorruptEntryError):
        parse_manifest(bytes(flipped), WHERE)
    with pytest.raises(CorruptEntryError):
        parse_manifest(whole[: data.draw(st.integers(0, len(whole) - 1))], WHERE)


@given(manifests(), st.integers(0, 5000))
def test_rows_of_the_first_batches(manifest, batches):
    each = [rows for shard in manifest.shards for count, rows in shard.batch_rows for _ in range(count)]
    assert manifest.batches == len(each)
    assert manifest.rows_in(batches) == sum(each[:batches])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(sorted(good())), JSON)
def test_any_value_in_any_field_is_refused_or_has_a_meaning(name, value):
    fields = {**good(), name: value}
    try:
        manifest = parse_manifest(sealed(fields), WHERE)
    except CorruptEntryError:
        return
    assert manifest.batches >= 0


@given(st.sampled_from(sorted(good()["shards"][0])), JSON)
def test_any_value_in_any_field_of_a_shard_is_refused_or_has_a_meaning(name, value):
    fields = good()
    fields["shards"][0][name] = value
    try:
        manifest = parse_manifest(sealed(fields), WHERE)
    except CorruptEntryError:
        return
    assert Path(manifest.shards[0].file).name.startswith("data-")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data):
    with pytest.raises(CorruptEntryError):
        parse_manifest(data, WHERE)


@pytest.mark.parametrize(
    "name",
    ["../data-00000.arrow", "/etc/passwd", "data-00000.arrow/../../x", "data-0.arrow", "", "data-00000.arrow\n", "."],
)
def test_names_that_lead_out_of_the_entry_are_refused(name):
    fields = good()
    fields["shards"][0]["file"] = name
    with pytest.raises(CorruptEntryError, match="no name of a shard"):
        parse_manifest(sealed(fields), WHERE)


def test_a_file_beside_the_shards_must_be_one_of_an_entry():
    fields = {**good(), "files": {"../../secret": {"bytes": 1, "xxh3_128": "0" * 32}}}
    with pytest.raises(CorruptEntryError, match="no file of an entry"):
        parse_manifest(sealed(fields), WHERE)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rows": 6}, "its rows are 6, its shards hold 5"),
        ({"batches": 2}, "its batches are 2"),
        ({"key": "xyz"}, "hexadecimal"),
        ({"complete": 1}, "neither true nor false"),
        ({"rows": True}, "no count"),
        ({"rows": -5}, "no count"),
        ({"rows": 5.0}, "no count"),
        ({"key_version": 2**70}, "no count"),
    ],
)
def test_contradictions_are_refused_with_their_reason(change, reason):
    with pytest.raises(CorruptEntryError, match=reason):
        parse_manifest(sealed({**good(), **change}), WHERE)


def test_batches_that_do_not_add_up_and_shards_named_twice_are_refused():
    fields = good()
    fields["shards"][0]["batch_rows"] = [[2, 1], [1, 4]]
    with pytest.raises(CorruptEntryError, match="do not add up"):
        parse_manifest(sealed(fields), WHERE)
    fields = good()
    fields["shards"] *= 2
    with pytest.raises(CorruptEntryError, match="names a shard twice"):
        parse_manifest(sealed(fields), WHERE)


@pytest.mark.parametrize(("version", "age"), [(0, "older"), (2, "newer"), (10**6, "newer")])
def test_another_format_is_named_as_such(version, age):
    with pytest.raises(ForeignFormatError, match=f"format {version} is {age}"):
        parse_manifest(sealed({**good(), "format": version}), WHERE)


@pytest.mark.parametrize("version", [None, "1", True, 1.5, []])
def test_no_format_is_damage(version):
    with pytest.raises(CorruptEntryError, match="no format version") as caught:
        parse_manifest(sealed({**good(), "format": version}), WHERE)
    assert not isinstance(caught.value, ForeignFormatError)


def test_a_field_given_twice_is_refused():
    text = json.dumps(good())[:-1]
    with pytest.raises(CorruptEntryError, match="twice"):
        parse_manifest(sealed(text + f', "key": "{"f" * 32}"'), WHERE)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, '{"format": NaN', '{"n": ' + "9" * 10_000, "{", ""])
def test_hostile_json_is_refused(text):
    with pytest.raises(CorruptEntryError):
        parse_manifest(sealed(text), WHERE)


def test_what_is_no_regular_file_or_too_large_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_manifest(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_manifest(tmp_path / "missing")
    manifest = tmp_path / MANIFEST_NAME
    manifest.mkdir()
    with pytest.raises(CorruptEntryError):
        read_manifest(tmp_path)
    manifest.rmdir()
    (tmp_path / "elsewhere.json").write_bytes(sealed(good()))
    manifest.symlink_to("elsewhere.json")
    with pytest.raises(CorruptEntryError):
        read_manifest(tmp_path)
    manifest.unlink()
    os.mkfifo(manifest)
    with pytest.raises(CorruptEntryError, match="regular"):
        read_manifest(tmp_path)
    manifest.unlink()
    with manifest.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(CorruptEntryError, match="at most"):
        read_manifest(tmp_path)
