"""What surrounds a run: torch's numeric settings, generator states, versions."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

import numpy as np
import pytest

from interpretune.analysis.cache.digests.numerics import numerics_components, rng_components, runtime_versions
from interpretune.analysis.cache.digests.policy import Policy
from interpretune.analysis.cache.digests.registry import find_encoder
from interpretune.analysis.cache.digests.walk import Walk


def key(value: Any) -> str:
    walk = Walk("numerics", find_encoder)
    return str(walk.finish(walk.child(value)).components)


class TestVersions:
    def test_of_what_is_in_use_and_nothing_else(self) -> None:
        assert runtime_versions({"xxhash"}, Policy()) == {"xxhash": metadata.version("xxhash")}
        assert runtime_versions(set(), Policy()) == {}

    def test_by_policy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from interpretune.analysis.cache.digests import numerics

        versions = {"torch": "2.13.1+cpu", "transformers": "5.23.0", "interpretune": "0.1.0.dev3", "numpy": "2.4.6"}
        monkeypatch.setattr(numerics, "_version", versions.__getitem__)
        assert runtime_versions(versions, Policy()) == {
            "interpretune": "0.1.0.dev3",
            "numpy": "2.4.6",
            "torch": "2.13",
            "transformers": "5.23",
        }
        assert runtime_versions(versions, Policy(runtime="exact")) == versions
        assert runtime_versions(versions, Policy(runtime="ignore")) == {}

    def test_of_what_has_no_metadata(self) -> None:
        assert runtime_versions({"no-such-distribution"}, Policy()) == {"no-such-distribution": "unknown"}


class TestGenerators:
    def test_reading_draws_nothing(self) -> None:
        before = key(rng_components())
        assert key(rng_components()) == before

    def test_each_draw_changes_the_state(self) -> None:
        keys = [key(rng_components())]
        random.random()
        keys.append(key(rng_components()))
        np.random.rand()
        keys.append(key(rng_components()))
        assert len(set(keys)) == 3

    def test_only_those_that_are_drawn_from(self) -> None:
        before = key(rng_components(["numpy"]))
        random.random()
        assert key(rng_components(["numpy"])) == before
        assert rng_components([]) == {}

    def test_torch(self) -> None:
        torch = pytest.importorskip("torch")
        torch.manual_seed(1)
        before = key(rng_components(["torch"]))
        torch.rand(1)
        after = key(rng_components(["torch"]))
        torch.manual_seed(1)
        assert before == key(rng_components(["torch"])) != after


@contextmanager
def setting(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def settings() -> dict[str, Any]:
    torch = pytest.importorskip("torch")

    @contextmanager
    def called(function: Any, value: Any, before: Any) -> Iterator[None]:
        function(value)
        try:
            yield
        finally:
            function(before)

    backends = torch.backends
    return {
        "default_dtype": called(torch.set_default_dtype, torch.float64, torch.float32),
        "autocast": torch.autocast("cpu", torch.bfloat16),
        "deterministic_algorithms": called(torch.use_deterministic_algorithms, True, False),
        "float32_matmul_precision": called(torch.set_float32_matmul_precision, "medium", "highest"),
        "flush_denormal": called(torch.set_flush_denormal, True, False),
        "default_device": torch.device("meta"),
        "cudnn_benchmark": setting(backends.cudnn, "benchmark", True),
        "cudnn_deterministic": setting(backends.cudnn, "deterministic", True),
        "cuda_flash_sdp_enabled": called(backends.cuda.enable_flash_sdp, False, True),
        "cuda_math_sdp_enabled": called(backends.cuda.enable_math_sdp, False, True),
        "mha_fastpath_enabled": called(backends.mha.set_fastpath_enabled, False, True),
        "cuda_matmul_allow_fp16_reduced_precision_reduction": setting(
            backends.cuda.matmul, "allow_fp16_reduced_precision_reduction", False
        ),
    }


NAMES = [
    "default_dtype", "autocast", "deterministic_algorithms", "float32_matmul_precision", "flush_denormal",
    "default_device", "cudnn_benchmark", "cudnn_deterministic", "cuda_flash_sdp_enabled", "cuda_math_sdp_enabled",
    "mha_fastpath_enabled", "cuda_matmul_allow_fp16_reduced_precision_reduction",
]  # fmt: skip


class TestNumerics:
    @pytest.fixture(autouse=True)
    def torch(self) -> Any:
        return pytest.importorskip("torch")

    @pytest.mark.parametrize("name", NAMES)
    def test_each_setting_changes_the_key(self, name: str) -> None:
        before = numerics_components(Policy())
        with settings()[name]:
            during = numerics_components(Policy())
            assert key(during) != key(before)
        assert name in {one for one in before if before[one] != during[one]}
        assert numerics_components(Policy()) == before

    def test_autocast_by_its_dtype(self, torch: Any) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            one = numerics_components(Policy())
        with torch.autocast("cpu", torch.float16):
            assert numerics_components(Policy()) != one

    def test_default_device_where_devices_are_portable(self, torch: Any) -> None:
        portable = Policy(device="portable")
        before = numerics_components(portable)
        with torch.device("meta"):
            assert numerics_components(portable) == before

    def test_the_same_in_a_fresh_process_and_no_cuda_context(self) -> None:
        script = (
            "import torch\n"
            "from interpretune.analysis.cache.digests.numerics import numerics_components\n"
            "from interpretune.analysis.cache.digests.policy import Policy\n"
            "print(sorted(numerics_components(Policy()).items())); assert not torch.cuda.is_initialized()\n"
        )
        outputs = {
            subprocess.run(
                [sys.executable, "-c", script],
                env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(outputs) == 1


def test_counting_operations_does_not_count() -> None:
    torch = pytest.importorskip("torch")
    from torch.testing._internal.logging_tensor import LoggingTensorMode
    from torch.utils.flop_counter import FlopCounterMode

    plain = key(numerics_components(Policy()))
    with FlopCounterMode(display=False):
        assert key(numerics_components(Policy())) == plain
        with LoggingTensorMode():
            assert key(numerics_components(Policy())) != plain
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None
