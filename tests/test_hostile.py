"""Entries that somebody prepared: whatever their manifest says, reading them stays inside and ends with our errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interpretune.analysis.cache.eviction import plan_prune
from interpretune.analysis.cache.explain import stored_fingerprint
from interpretune.analysis.cache.manifest import MANIFEST_NAME, MAX_BYTES
from interpretune.analysis.cache.store import AnalysisCache
from storing import KEY, LOCATION, store, texts
from test_manifest import good, sealed

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "60"))  # more for a long campaign

TYPES = ["Value", "List", "LargeList", "Sequence", "ClassLabel", "Array2D", "Array3D", "Translation", "Image", "Audio"]
TYPES += ["TranslationVariableLanguages", "Features", "Dataset", "os.system", "InitVar", "", "List.feature"]
DTYPES = ["int64", "float32", "string", "null", "nonsense", "decimal128(400, 2)", "timestamp[xx]", "\ud800", "object"]
NAMES = st.sampled_from(["_type", "dtype", "feature", "length", "shape", "names", "names_file", "num_classes", "."])
NUMBERS = st.integers(-3, 3) | st.sampled_from([2**31, 2**63, 2**70, -(2**40), 10**400]) | st.floats(allow_nan=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.sampled_from([*TYPES, *DTYPES, "/etc/passwd", "../x"]) | st.text()


@st.composite
def features(draw, depth=3):
    """Descriptions of features, mostly of the right form, with anything at any place."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return {"dtype": draw(st.sampled_from(DTYPES)), "_type": draw(st.sampled_from(["Value", *TYPES]))}
    described = {"_type": draw(st.sampled_from(TYPES))} if draw(st.booleans()) else {}
    described["feature"] = draw(features(depth=depth - 1) | LEAVES)
    described.update(draw(st.dictionaries(NAMES, st.lists(LEAVES, max_size=3) | LEAVES, max_size=3)))
    return described


ANY = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=3)
)


@st.composite
def changes(draw):
    """Changes of a real manifest's fields: any value, or a likely one."""
    name = draw(st.sampled_from([*sorted(good()), "features", "features"]))
    if name == "features" and draw(st.integers(0, 4)):
        return {name: draw(st.dictionaries(st.sampled_from(["a", "b", "c", "\ud800", ""]), features(), max_size=3))}
    return {name: draw(ANY)}


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """An entry, and the fields of its manifest."""
    base = tmp_path_factory.mktemp("hostile")
    entry = store(AnalysisCache(base), 4, complete=True)
    fields = json.loads((entry.path / MANIFEST_NAME).read_bytes())
    del fields["digest"]
    return base, entry.path, fields


_opened: list[str] | None = None


def _note(event, args):
    if _opened is not None and event == "open" and isinstance(args[0], str):
        _opened.append(args[0])


sys.addaudithook(_note)


@contextmanager
def opened_files():
    """Note the files that are opened meanwhile, by Python or by Arrow."""
    global _opened
    plain = pa.memory_map
    opened = _opened = []
    pa.memory_map = lambda path, *args: opened.append(os.fsdecode(path)) or plain(path, *args)
    try:
        yield opened
    finally:
        _opened, pa.memory_map = None, plain


def use(base):
    """Do all that reads an entry; give the rows if it is served."""
    cache = AnalysisCache(base)
    damage = []
    for entry in cache.entries(damage):
        stored_fingerprint(entry)
        entry._repr_html_()
    cache._repr_html_()
    assert not plan_prune(cache).entries
    found = cache.open(KEY, LOCATION)
    return None if found is None else found[1]["b"][:]


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(changes(), st.data())
def test_whatever_a_manifest_says_it_is_refused_or_harmless(real, change, data):
    base, path, fields = real
    if data.draw(st.booleans()):
        shard = data.draw(st.sampled_from(sorted(fields["shards"][0])))
        change = {"shards": [{**fields["shards"][0], shard: data.draw(ANY)}, *fields["shards"][1:]]}
    check_harmless(base, path, sealed({**fields, **change}))


def check_harmless(base, path, manifest):
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    (path / MANIFEST_NAME).write_bytes(manifest)
    try:
        with warnings.catch_warnings(), opened_files() as opened:
            warnings.simplefilter("ignore")
            rows = use(base)
        assert rows in (None, texts(4))
        assert not [name for name in opened if "passwd" in name or ".." in name]
        assert all(name.startswith((str(base), sys.prefix, sys.base_prefix)) for name in opened), opened
    finally:
        moved = base / ".quarantine" / path.name
        if moved.is_dir():
            moved.rename(path)
        for name, content in before.items():
            (path / name).write_bytes(content)


DEEP = 900
INT8 = {"dtype": "int8", "_type": "Value"}


def nested(opening, inner):
    return json.loads(opening * DEEP + inner + "}" * DEEP)


HOSTILE = {
    "features nested deeply": lambda fields: {"features": {"a": nested('{"feature":', "1")}},
    "lists nested deeply": lambda fields: {
        "features": {"a": nested('{"_type":"List","feature":', json.dumps(INT8))},
    },
    "a context nested deeply": lambda fields: {"context": nested('{"op":', "1")},
    "surrogates in names": lambda fields: {
        "components": {"\ud800": "0" * 32},
        "context": {"op": "\udfff", "\ud800": 1},
    },
    "surrogates in a column": lambda fields: {"features": {"\ud800": INT8}},
    "a split that is no name": lambda fields: {"split": "\ud800/../[0:5]+x"},
    "a label from a file": lambda fields: {"features": {"a": {"_type": "ClassLabel", "names_file": "/etc/passwd"}}},
    "a label of many classes": lambda fields: {"features": {"a": {"_type": "ClassLabel", "num_classes": 10**12}}},
    "an array of many dimensions": lambda fields: {
        "features": {"a": {"_type": "Array2D", "shape": [1] * 100_000, "dtype": "int8"}}
    },
    "an array of great size": lambda fields: {
        "features": {"a": {"_type": "Array2D", "shape": [10**15, 10**15], "dtype": "int8"}}
    },
    "seconds beyond any number": lambda fields: {"shards": [{**fields["shards"][0], "seconds": 10**400}]},
    "context of the wrong kind": lambda fields: {
        "context": {"op": {"a": 1}, "module": [1], "versions": "x", "notes": 5}
    },
    "many components": lambda fields: {"components": {f"a.{number}": "0" * 32 for number in range(100_000)}},
    "counts that overflow": lambda fields: {
        "shards": [{**fields["shards"][0], "rows": 2**61, "batch_rows": [[2**61, 1]]}],
        "rows": 2**61,
        "batches": 2**61,
    },
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_manifests_are_harmless(real, kind):
    base, path, fields = real
    began = time.perf_counter()
    check_harmless(base, path, sealed({**fields, **HOSTILE[kind](fields)}))
    assert time.perf_counter() - began < 20


#: Bytes of the largest manifest that is tried; the long campaign tries the largest that is read.
SIZE = int(os.environ.get("HOSTILE_BYTES", MAX_BYTES // 16))
LARGEST = {
    "runs": '"shards": [{"batch_rows": [' + "[0,0]," * (SIZE // 6 - 100) + "[0,0]]",
    "lists": '"context": {"a": [' + "[]," * (SIZE // 3 - 100) + "[]]",
    "fields": '"context": {"a": [' + '{"":{}},' * (SIZE // 8 - 100) + "1]",
    "text": '"context": {"a": "' + "x" * (SIZE - 200) + '"',
}

# Not `ru_maxrss`, which begins with what the process that started this one had.
READ = """
import sys, time
from pathlib import Path
from interpretune.analysis.cache.errors import CorruptEntryError
from interpretune.analysis.cache.manifest import read_manifest
began = time.perf_counter()
try:
    read_manifest(Path(sys.argv[1]))
except CorruptEntryError as error:
    seconds, status = time.perf_counter() - began, Path("/proc/self/status").read_text()
    print(seconds, int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize("kind", LARGEST)
def test_the_largest_manifests_take_bounded_time_and_memory(tmp_path, kind):
    text = f'{{"format": 1, "key_version": 1, "key": "{KEY}", {LARGEST[kind]}'
    (tmp_path / MANIFEST_NAME).write_bytes(sealed(text))
    assert SIZE - 1000 < (tmp_path / MANIFEST_NAME).stat().st_size <= MAX_BYTES
    done = subprocess.run([sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 30
    assert megabytes < 2000
