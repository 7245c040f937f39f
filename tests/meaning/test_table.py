"""Every row of the table, each side in processes of its own."""

from __future__ import annotations

import json
import os
import pickle

import pytest
from filelock import FileLock

from .document import GOLDEN, golden_keys, grouped, title
from .harness import Verdict, play, playable
from .table import ROWS

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Verdict]]:
    """Play the table once, also where several test processes share the work."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    answer = shared / "meaning.pickle"
    with FileLock(shared / "meaning.lock"):
        if not answer.exists():
            answer.write_bytes(pickle.dumps(play(ROWS, tmp_path_factory.mktemp("meaning"))))
    return grouped(pickle.loads(answer.read_bytes()))


@pytest.mark.parametrize("row", ROWS, ids=title)
def test_row(row, verdicts: dict[str, list[Verdict]]) -> None:
    if not playable(row):
        pytest.skip("needs torch and transformers")
    problems = [
        f"{verdict.place}, {verdict.ask}: {verdict.problem}" for verdict in verdicts[title(row)] if verdict.problem
    ]
    assert not problems, "\n".join(problems)


def test_an_op_has_one_key_wherever_it_lives(verdicts: dict[str, list[Verdict]]) -> None:
    different = []
    for name, found in verdicts.items():
        for side in ("base", "variant"):
            keys = {verdict.place: getattr(verdict, side).get("key") for verdict in found}
            if len(set(keys.values())) > 1 and len(found[0].row.places) > 1:
                different.append(f"{name}, {side}: {keys}")
    assert not different, "\n".join(different)


def test_the_keys_are_those_of_every_other_python(verdicts: dict[str, list[Verdict]]) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found = golden_keys(verdicts)
    assert {name: key for name, key in golden.items() if found.get(name) != key} == {}
    assert set(found) == set(golden), "run `python tests/meaning/document.py --write` and read what changed"


def test_the_table_is_large_enough() -> None:
    kinds = [row.kind for row in ROWS]
    assert kinds.count("mutation") >= 100
    assert kinds.count("no-op") >= 100
