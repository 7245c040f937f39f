"""Fuzzing of the manifest reader, guided by what each input reaches; needs `atheris`.

    python tests/soak/fuzz_manifest.py -max_total_time=60

Inputs are manifests without their digest, which is added, so that what lies behind that check is reached too.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))

with atheris.instrument_imports(include=["interpretune.analysis.cache.manifest"]):
    from interpretune.analysis.cache.errors import CorruptEntryError
    from interpretune.analysis.cache.manifest import parse_manifest

from test_manifest import good, sealed

WHERE = Path("entry") / "manifest.json"


def read(data: bytes) -> None:
    """Read one input: our error, or a manifest that makes sense and is written as it was read."""
    try:
        manifest = parse_manifest(sealed(data.decode("utf-8", "surrogateescape")), WHERE)
    except (CorruptEntryError, UnicodeEncodeError):  # the latter of `sealed`
        return
    assert manifest.rows_in(manifest.batches) == manifest.rows
    assert all(shard.file.startswith("data-") and "/" not in shard.file for shard in manifest.shards)
    assert parse_manifest(manifest.to_bytes(), WHERE) == manifest


def main() -> None:
    """Fuzz from a good manifest on, with the options of libFuzzer."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "good").write_bytes(json.dumps(good())[:-1].encode())
        atheris.Setup([sys.argv[0], directory, *sys.argv[1:]], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
