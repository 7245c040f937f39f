"""What a fingerprint costs beyond reading bytes, counted and not timed."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from lab.config import RunConfig
from lab.probes import Probe

from interpretune.analysis.cache import AnalysisStoreHasher


def score(word: str, probe: Probe) -> float:
    return probe.measure(word)


def make_step() -> Any:
    probe = Probe(RunConfig().probe)

    def step(batch: Any, i: int) -> Any:
        return [score(word, probe) for word in batch]

    return step


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count the texts that are parsed."""
    found: list[str] = []
    parse = ast.parse

    def counting(text: str, *args: Any, **kwargs: Any) -> ast.AST:
        found.append(text)
        return parse(text, *args, **kwargs)

    monkeypatch.setattr(ast, "parse", counting)
    return found


def test_code_is_parsed_once(parsed: list[str]) -> None:
    hasher = AnalysisStoreHasher()
    first = hasher.fingerprint(step=make_step())
    parsed.clear()
    assert hasher.fingerprint(step=make_step()).hexdigest == first.hexdigest
    assert AnalysisStoreHasher().fingerprint(step=make_step()).hexdigest == first.hexdigest
    assert parsed == []


def test_known_weights_are_not_read_again_where_versions_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    import xxhash

    from interpretune.analysis.cache.digests.policy import Policy

    model = torch.nn.Sequential(*(torch.nn.Linear(64, 64) for _ in range(4)))
    hasher = AnalysisStoreHasher(Policy(trust_versions=True))
    first = hasher.fingerprint(inputs={"model": model})
    read: list[int] = []
    hash_ = xxhash.xxh3_128_digest

    def counting(data: Any, *args: Any) -> bytes:
        read.append(memoryview(data).nbytes)
        return hash_(data, *args)

    monkeypatch.setattr(xxhash, "xxh3_128_digest", counting)
    assert hasher.fingerprint(inputs={"model": model}).hexdigest == first.hexdigest
    assert sum(read) < 64 * 64
    with torch.no_grad():
        model[2].weight[0, 0] += 1
    assert hasher.fingerprint(inputs={"model": model}).hexdigest != first.hexdigest
