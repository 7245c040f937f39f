"""Errors are the nearest builtin, carry their facts, say what to do, and survive pickling."""

from __future__ import annotations

import concurrent.futures
import io
import itertools
import pickle
import threading
from pathlib import Path

import pytest

from interpretune.analysis.cache import (
    AnalysisCacheError,
    AnalysisStoreHasher,
    CorruptEntryError,
    LockTimeoutError,
    RowError,
    UnfingerprintableError,
    UnsafeBaseError,
)

CASES = [
    (UnfingerprintableError("module.it_cfg.foo", "unknown", type_name="a.B"), TypeError, "module.it_cfg.foo"),
    (CorruptEntryError("base/data-00000.arrow", "truncated"), OSError, "data-00000.arrow"),
    (LockTimeoutError("base/.locks/k", 3.0, "process 7"), TimeoutError, "process 7"),
    (RowError(3, "logits", "float32 (4, 2)", "float32 (4, 3)"), ValueError, "row 3, column 'logits'"),
    (UnsafeBaseError("base", "anyone can write to it"), PermissionError, "anyone can write"),
]


@pytest.mark.parametrize(("error", "builtin", "words"), CASES, ids=lambda value: type(value).__name__)
def test_each_error(error, builtin, words):
    assert isinstance(error, AnalysisCacheError)
    assert isinstance(error, builtin)
    assert words in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_fields_carry_the_facts():
    error = CASES[0][0]
    assert (error.path, error.reason, error.type_name) == ("module.it_cfg.foo", "unknown", "a.B")
    assert "__fingerprint__" in str(error)
    assert "register_encoder" in str(error)
    assert "ignore=('module.it_cfg.foo',)" in str(error)
    assert CASES[1][0].path == Path("base/data-00000.arrow")
    assert CASES[3][0].row == 3
    assert RowError(0, "", "a mapping", "int").args[0].startswith("row 0: expected a mapping")


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: (item for item in ()), "gone through once only"),
        (lambda: iter([1]), "gone through once only"),
        (lambda: zip([1], [2], strict=True), "gone through once only"),
        (lambda: itertools.chain([1], [2]), "gone through once only"),
        (lambda: io.StringIO("text"), "give its path or what was read from it"),
        (threading.Lock, "make it inside of the step"),
        (lambda: concurrent.futures.ThreadPoolExecutor(1), "make it inside of the step"),
    ],
)
def test_what_no_class_of_the_users_can_explain_is_refused_with_other_advice(make, advice):
    with pytest.raises(UnfingerprintableError, match=r"ignore=\('inputs\.x',\)") as caught:
        AnalysisStoreHasher().fingerprint(inputs={"x": make()})
    assert advice in str(caught.value)
    assert "__fingerprint__" not in str(caught.value)
