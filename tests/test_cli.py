"""The command line: what each command prints and its exit code, on an empty, a normal and a damaged base."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from interpretune.analysis.cache import AnalysisCache
from interpretune.analysis.cache.__main__ import main
from interpretune.analysis.cache.listing import parse_age, parse_filter, parse_size
from interpretune.analysis.cache.locks import KeyLock
from interpretune.analysis.cache.statistics import count
from interpretune.analysis.cache.terminal import printable
from storing import KEY, store

OTHER = "fedcba9876543210" * 2
CONTEXT = {"op": "logit_diff", "module": "GPT2LMHeadModel", "dataset": "sst2", "notes": ["a \x1b[31mnote"]}
PARTS = {"op": {"op.scale": ["1" * 32, "0.5"]}}


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def cache(base: Path) -> AnalysisCache:
    """A base with two entries that differ in one constant."""
    found = AnalysisCache(base)
    store(found, 5, context=CONTEXT, parts=PARTS, complete=True)
    changed = {"op": {"op.scale": ["2" * 32, "0.7"]}}
    store(found, 3, key=OTHER, context=CONTEXT, parts=changed, components={"op": "1" * 32})
    return found


def unused(cache: AnalysisCache) -> None:
    """Let all entries look as if they were last used a year ago."""
    for entry in cache.entries():
        os.utime(entry.path / "manifest.json", (time.time() - 365 * 86400,) * 2)


def damage(cache: AnalysisCache) -> Path:
    """Flip a bit of a shard's data, which only its checksum can tell."""
    [entry] = [entry for entry in cache.entries() if entry.key == KEY]
    shard = entry.path / entry.manifest.shards[0].file
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    return entry.path


@pytest.mark.parametrize("command", ["ls", "verify", "prune", "stats", "size", "dir"])
def test_an_empty_base_is_no_error(command):
    result = run(command)
    assert result.exit_code == 0, result.output
    assert "Error" not in result.output


def test_ls_is_a_table_for_people(cache):
    result = run("ls", "--sort", "key")
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["KEY", "OP", "DATASET", "MODULE", "ROWS", "SIZE", "CREATED", "USED"]
    assert [row.split()[:5] for row in rows] == [
        [KEY[:12], "logit_diff", "sst2", "GPT2LMHeadModel", "4"],
        [OTHER[:12], "logit_diff", "sst2", "GPT2LMHeadModel", "3"],
    ]
    assert result.stderr == ""


def test_ls_gives_json_to_programs(cache):
    found = json.loads(run("ls", "--json", "--sort", "rows:desc").stdout)
    assert found["schema_version"] == 1
    assert [entry["key"] for entry in found["entries"]] == [KEY, OTHER]
    assert isinstance(found["entries"][0]["size"], int)
    assert found["entries"][0]["created"].endswith("+00:00")
    assert found["damage"] == []


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ([], [KEY, OTHER]),
        (["-f", "op=logit_*"], [KEY, OTHER]),
        (["-f", "op!=logit_*"], []),
        (["-f", "rows>3"], [KEY]),
        (["-f", "rows>3", "-f", "complete=no"], []),
        (["-f", "complete=true"], [KEY]),
        (["-f", "size>1GB"], []),
        (["-f", "used<1h"], [KEY, OTHER]),
        (["-f", "created>30d"], []),
        (["--limit", "1"], [KEY]),
        (["--limit", "0"], []),
        (["--sort", "rows"], [OTHER, KEY]),
    ],
)
def test_ls_filters_sorts_and_cuts(cache, words, keys):
    result = run("ls", "-q", *(["--sort", "key"] if "--sort" not in words else []), *words)
    assert result.stdout.split() == keys


@pytest.mark.parametrize(
    "words", [*(["-f", text] for text in ("colour=red", "size>much", "rows>many", "op>a")), ["--sort", "colour"]]
)
def test_ls_refuses_what_it_does_not_understand(words):
    result = run("ls", *words)
    assert result.exit_code == 2
    assert "write for instance" in result.stderr or "write a field" in result.stderr or "only =" in result.stderr


def test_show_tells_what_an_entry_is(cache):
    result = run("show", KEY[:8])
    assert result.exit_code == 0
    assert KEY in result.stdout
    assert "data-00000.arrow" in result.stdout
    assert "\x1b" not in result.stdout
    assert r"a \x1b[31mnote" in result.stdout
    assert json.loads(run("show", KEY[:8], "--json").stdout)["entry"]["components"] == {"op": "0" * 32}


def test_explain_names_what_changed(cache):
    for words in ([OTHER], [OTHER, KEY]):
        result = run("explain", *words)
        assert result.exit_code == 0
        assert result.stdout.splitlines()[1].strip() == "op: scale: 0.5 became 0.7"
    found = json.loads(run("explain", OTHER, "--json").stdout)
    assert (found["other"], found["differences"]) == (KEY, ["op: scale: 0.5 became 0.7"])


def test_explain_without_another_entry(base):
    store(AnalysisCache(base), 1)
    result = run("explain", KEY)
    assert result.exit_code == 0
    assert "no other entry" in result.stderr


@pytest.mark.parametrize("command", ["show", "explain", "verify", "rm", "pin", "unpin"])
def test_a_key_that_is_not_there_exits_with_1(cache, command):
    result = run(command, "aaaaaaaa")
    assert result.exit_code == 1
    assert "`it-cache ls` lists them" in result.stderr


@pytest.mark.parametrize("prefix", ["0123", "x"])
def test_a_key_that_is_too_short_exits_with_2(cache, prefix):
    assert run("show", prefix).exit_code == 2


def test_an_ambiguous_key_exits_with_2(cache):
    store(cache, 1, key=KEY[:16] + "0" * 16)
    result = run("show", KEY[:8])
    assert result.exit_code == 2
    assert "begins 2 keys" in result.stderr


def test_verify_finds_one_flipped_bit_and_repairs(cache):
    assert run("verify").exit_code == 0
    path = damage(cache)
    result = run("verify")
    assert result.exit_code == 1
    assert "data-00000.arrow" in result.stdout or str(path) in result.stdout
    assert path.exists()
    repaired = run("verify", KEY, "--repair")
    assert repaired.exit_code == 1
    assert "1 moved to" in repaired.stderr
    assert not path.exists()
    assert (cache.base / ".quarantine" / path.name).is_dir()
    assert run("verify").exit_code == 0


def test_a_damaged_manifest_is_told_beside_the_list(cache):
    [entry] = [entry for entry in cache.entries() if entry.key == OTHER]
    (entry.path / "manifest.json").write_text("{}")
    result = run("ls", "-q")
    assert result.exit_code == 0
    assert result.stdout.split() == [KEY]
    told = json.loads(run("ls", "--json").stdout)["damage"]
    assert [item["path"] for item in told] == [str(entry.path)]


def test_rm_wants_a_yes(cache):
    refused = run("rm", KEY)
    assert refused.exit_code == 2
    assert "give -y" in refused.stderr
    shown = run("rm", KEY, "--dry-run")
    assert shown.exit_code == 0
    assert KEY[:12] in shown.stdout
    assert len(list(cache.entries())) == 2
    assert run("rm", KEY, "-y").exit_code == 0
    assert [entry.key for entry in cache.entries()] == [OTHER]
    assert run("rm", KEY, "-y").exit_code == 1


def test_prune_by_size_and_age_spares_the_pinned_and_the_just_used(cache):
    assert json.loads(run("prune", "--max-size", "0", "-y", "--json").stdout)["entries"] == []
    unused(cache)
    assert run("pin", KEY).exit_code == 0
    found = json.loads(run("prune", "--max-age", "30d", "--dry-run", "--json").stdout)
    assert (found["entries"], found["removed"]) == ([OTHER], False)
    assert json.loads(run("prune", "--max-size", "1kB", "-y", "--json").stdout)["entries"] == [OTHER]
    assert run("rm", KEY, "-y", "-q").stdout == ""
    assert run("unpin", KEY).exit_code == 0
    assert json.loads(run("prune", "--max-age", "30d", "-y", "--json").stdout)["entries"] == [KEY]
    assert list(cache.entries()) == []


def test_what_stays_is_told_with_the_reason(cache):
    assert "2 left alone: pinned, or used in the last five minutes" in run("prune", "--max-size", "0", "-y").stderr
    assert "left alone" not in run("prune").stderr
    assert run("pin", KEY).exit_code == 0
    result = run("rm", KEY, OTHER, "-y")
    assert "1 entry removed" in result.stderr
    assert "1 left alone: pinned; `it-cache unpin`" in result.stderr
    assert [entry.key for entry in cache.entries()] == [KEY]


def test_an_entry_that_is_being_written_is_not_told_as_removed(cache):
    lock = KeyLock(cache.base, KEY)
    lock.acquire()
    try:
        result = run("rm", KEY, OTHER, "-y", "--json")
    finally:
        lock.release()
    assert json.loads(result.stdout)["entries"] == [OTHER]
    assert "1 entry in use meanwhile, and left alone" in result.stderr
    assert [entry.key for entry in cache.entries()] == [KEY]


def test_every_command_means_by_a_size_what_goes_from_the_disk(cache):
    entry = cache.find(KEY)
    (entry.path / "cache-0123456789abcdef.arrow").write_bytes(bytes(12_345))  # as `map` leaves it
    derived = cache.base / ".derived" / KEY / "0" / "cache-0123456789abcdef.arrow"
    derived.parent.mkdir(parents=True)
    derived.write_bytes(bytes(1_234))
    listed = {found["key"]: found["size"] for found in json.loads(run("ls", "--json").stdout)["entries"]}
    assert listed[KEY] == sum(path.stat().st_size for path in entry.path.iterdir()) > 12_345
    assert json.loads(run("show", KEY, "--json").stdout)["entry"]["size"] == listed[KEY]
    assert json.loads(run("rm", KEY, "--dry-run", "--json").stdout)["frees"] == listed[KEY]
    total = json.loads(run("size", "--json").stdout)["bytes"]
    assert total == sum(listed.values()) + 1_234
    assert json.loads(run("stats", "--json").stdout)["statistics"]["bytes"] == total
    unused(cache)
    os.utime(derived.parent, (1, 1))
    fitting = ("prune", "--max-age", "9999d", "--dry-run", "--json", "--max-size")
    assert json.loads(run(*fitting, str(total - 1_234)).stdout)["entries"] == []
    assert len(json.loads(run(*fitting, str(total - 1_235)).stdout)["entries"]) == 1


def test_a_removal_measures_each_entry_once(cache, monkeypatch):
    measured = []
    monkeypatch.setattr(
        "interpretune.analysis.cache.entry.size_on_disk", lambda path: measured.append(path) or len(measured)
    )
    assert json.loads(run("rm", KEY, OTHER, "-y", "--json").stdout)["frees"] == 3
    assert len(measured) == 2


def test_prune_refuses_what_is_no_size_or_age():
    assert run("prune", "--max-size", "lots").exit_code == 2
    assert run("prune", "--max-age", "long").exit_code == 2


def test_stats_size_and_dir(cache):
    count(cache.base, "hit", rows=4, seconds_saved=2.5)
    found = json.loads(run("stats", "--json").stdout)["statistics"]
    assert (found["entries"], found["hits"], found["seconds_saved"]) == (2, 1, 2.5)
    total = sum(file.stat().st_size for entry in cache.entries() for file in entry.path.iterdir())
    assert json.loads(run("size", "--json").stdout)["bytes"] == total == found["bytes"]
    assert run("dir").stdout.strip() == str(cache.base)
    assert run("dir", "--base", str(cache.base / "other")).stdout.strip() == str(cache.base / "other")


@pytest.mark.parametrize("words", [["ls"], ["prune", "--max-size", "0", "-y"], ["size"], ["verify", "--repair"]])
def test_a_base_that_is_named_is_the_one_that_is_looked_at(cache, tmp_path, words):
    """Not the user's own, in whose place no other one can be made or written."""
    unused(cache)
    (tmp_path / "file").write_text("in the way")
    for named in (tmp_path / "typo", tmp_path / "file" / "base"):
        result = run(*words, "--base", str(named))
        assert result.exit_code == 0
        assert f"there is no cache at {named}" in result.stderr
        assert not named.exists()
    assert len(list(cache.entries())) == 2


def test_a_warning_is_told_as_such(cache, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: cache.base)
    monkeypatch.setenv("IT_ANALYSIS_CACHE", str(tmp_path / "file"))
    result = run("dir")
    assert result.stdout.strip() == str(cache.base)
    assert result.stderr.startswith("Warning: the cache base")


@pytest.mark.parametrize("command", ["rm", "pin"])
def test_what_cannot_be_written_is_an_error_of_one_line(cache, monkeypatch, command):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(cache.base))

    monkeypatch.setattr("interpretune.analysis.cache.eviction.remove", refuse)
    monkeypatch.setattr("interpretune.analysis.cache.eviction.replace_atomically", refuse)
    result = run(command, KEY, *(["-y"] if command == "rm" else []))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [f"Error: [Errno 30] Read-only file system: '{cache.base}'"]


def test_wrong_usage_exits_with_2():
    for words in (["--nonsense"], ["nonsense"], ["rm"], ["ls", "--limit", "-1"]):
        assert run(*words).exit_code == 2


def test_control_characters_are_escaped():
    assert printable("a\x1b[31m\nb ä") == r"a\x1b[31m\nb ä"


def test_sizes_ages_and_filters():
    assert [parse_size(text) for text in ("1", "2kB", "1.5 GB", "1MiB")] == [1, 2000, 1_500_000_000, 2**20]
    assert [parse_age(text) for text in ("90s", "2h", "1d")] == [90, 7200, 86400]
    for parse, text in ((parse_size, "1 parsec"), (parse_age, "1"), (parse_size, "")):
        with pytest.raises(ValueError, match="write for instance"):
            parse(text)
    with pytest.raises(ValueError, match="is no filter"):
        parse_filter("size", 0.0)


def test_the_command_starts_without_anything_heavy(cache):
    code = (
        "import sys; sys.argv = ['it-cache', 'ls', '-q']\n"
        "from interpretune_analysis_cache.command import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print({'torch', 'datasets', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *keys, heavy = done.stdout.splitlines()
    assert sorted(keys) == [KEY, OTHER]
    assert heavy == "set()"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(shell):
    result = CliRunner().invoke(main, [], env={"_IT_CACHE_COMPLETE": f"{shell}_source"}, prog_name="it-cache")
    assert result.exit_code == 0
    assert "it-cache" in result.stdout
