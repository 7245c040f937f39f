"""What surrounds a run: numeric settings of torch, generator states, versions of the libraries that take part.

Everything here is read and nothing is changed: no generator is drawn from, no CUDA context is made. Torch is imported
only by the functions for runs in which torch takes part.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterable
from functools import cache, partial
from importlib import metadata
from typing import Any

from .installed import local_build
from .patches import encode_patches, torch_patches
from .policy import Policy
from .walk import Composed

__all__ = ["numerics_components", "rng_components", "runtime_versions"]

#: Distributions that count by minor version (``2.13``) where ``runtime="strict"``; all others count by full version.
_BY_MINOR = frozenset({"torch", "transformers"})
#: Modes of torch's own under which each function gives what it gives without them.
_COUNTING_MODES = frozenset({"_FlopCounterMode", "FlopCounterMode"})
#: Variables that libraries below torch read when they start, and that change results.
_VARIABLES = ("NVIDIA_TF32_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG")


def numerics_components(policy: Policy) -> dict[str, Any]:
    """Give the numeric settings of torch in force in this thread.

    Not among them: the number of threads and the kind of processor or GPU, which may change the last bits of sums.

    Args:
        policy: where ``device="portable"``, the default device does not count.

    Returns:
        Settings by name, as plain values. Where torch refuses to tell one, its value is ``"mixed"``: old and new ways
        to set it were used side by side. Under ``"modes"``, only where there are any, the modes that stand between the
        caller and torch's functions: torch's own by name, a user's as they are. Under ``"patches"``, only where there
        are any, what was put into torch's own namespaces.
    """
    import torch

    backends: Any = torch.backends
    found: dict[str, Any] = {
        "default_dtype": str(torch.get_default_dtype()),
        "autocast": _autocast(torch),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "deterministic_warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "float32_matmul_precision": _told(torch.get_float32_matmul_precision),
        "flush_denormal": _flushes_denormals(torch),
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ and torch.version.cuda},
    }
    packed = getattr(torch._C, "_get_nnpack_enabled", None)
    if packed is not None:
        found["nnpack_enabled"] = packed()
    modes = _modes()
    if modes:
        found["modes"] = modes
    patches = torch_patches()
    if patches:
        found["patches"] = Composed(partial(encode_patches, patches))
    if policy.device == "strict":
        found["default_device"] = torch.get_default_device().type
    for path in (
        "cuda.matmul.allow_tf32",
        "cuda.matmul.fp32_precision",
        "cuda.matmul.allow_fp16_reduced_precision_reduction",
        "cuda.matmul.allow_bf16_reduced_precision_reduction",
        "cuda.matmul.allow_fp16_accumulation",
        "cuda.flash_sdp_enabled",
        "cuda.mem_efficient_sdp_enabled",
        "cuda.math_sdp_enabled",
        "cuda.cudnn_sdp_enabled",
        "cuda.fp16_bf16_reduction_math_sdp_allowed",
        "cudnn.enabled",
        "cudnn.benchmark",
        "cudnn.deterministic",
        "cudnn.allow_tf32",
        "cudnn.conv.fp32_precision",
        "cudnn.rnn.fp32_precision",
        "mkldnn.enabled",
        "mkldnn.deterministic",
        "mkldnn.allow_tf32",
        "mkldnn.matmul.fp32_precision",
        "mkldnn.conv.fp32_precision",
        "mkldnn.rnn.fp32_precision",
        "mha.get_fastpath_enabled",
        "opt_einsum.enabled",
        "opt_einsum.strategy",
    ):
        value = _told(partial(_follow, backends, path))
        if value == "none" and path.endswith("fp32_precision"):
            value = "ieee"  # nothing was set, here or for all; setting and unsetting a precision leaves this name
        if isinstance(value, (bool, str)):
            found[path.replace(".get_", ".").replace(".", "_")] = value
    return found


def _modes() -> list[Any]:
    """The function and dispatch modes in force, outermost first: each may give other values than torch would."""
    import torch.overrides
    import torch.utils._python_dispatch

    found: list[Any] = []
    for module, name in (
        (torch.overrides, "_get_current_function_mode_stack"),
        (torch.utils._python_dispatch, "_get_current_dispatch_mode_stack"),
    ):
        for mode in getattr(module, name, list)():
            cls = type(mode)
            counts = cls.__module__ == "torch.utils.flop_counter" and cls.__qualname__ in _COUNTING_MODES
            if not counts and cls.__module__ != "torch.utils._device":  # the default device, a setting of its own
                is_torchs = cls.__module__.partition(".")[0] == "torch"
                found.append(f"{cls.__module__}.{cls.__qualname__}" if is_torchs else mode)
    return found


def _autocast(torch: Any) -> dict[str, str]:
    kinds = ("cpu", "cuda", "mps", "xpu")
    return {kind: str(torch.get_autocast_dtype(kind)) for kind in kinds if torch.is_autocast_enabled(kind)}


def _flushes_denormals(torch: Any) -> bool:
    # Torch can set this mode of the processor and not tell it.
    smallest = torch.full((1,), 2.0**-1074, dtype=torch.float64, device="cpu")
    return bool((smallest + smallest).view(torch.int64).item() == 0)


def _follow(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = getattr(value, name, None)
    return value() if callable(value) else value


def _told(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except RuntimeError:
        return "mixed"


def rng_components(generators: Iterable[str] = ("numpy", "python", "torch")) -> dict[str, Any]:
    """Give the states of the global random number generators.

    Args:
        generators: which ones, of ``"numpy"``, ``"python"`` and ``"torch"`` (on the CPU and on GPUs already in use).

    Returns:
        By name, a value that changes with each number drawn.
    """
    found: dict[str, Any] = {}
    if "python" in generators:
        found["python"] = random.getstate()
    if "numpy" in generators:
        import numpy

        found["numpy"] = numpy.random.get_state()
    torch: Any = sys.modules.get("torch")
    if "torch" in generators and torch is not None:
        found["torch"] = torch.get_rng_state()
        if torch.cuda.is_initialized():
            found["cuda"] = torch.cuda.get_rng_state_all()
    return found


def runtime_versions(uses: Iterable[str], policy: Policy) -> dict[str, str]:
    """Give the versions of the distributions that take part in a run.

    Args:
        uses: their names.
        policy: ``runtime="strict"``: torch and transformers by minor version, others by full version without local
            part (``2.13.0+cpu`` is ``2.13.0``). ``"exact"``: all with everything. ``"ignore"``: none.

    Returns:
        Versions by name; ``"unknown"`` where a distribution has no metadata and its module does not tell. Of one that
        was installed from a folder, a repository or an archive on this machine, which may be done again under the same
        version, also a digest of the files that were installed.
    """
    if policy.runtime == "ignore":
        return {}
    return {name: _shortened(name, _version(name), policy.runtime) + local_build(name) for name in sorted(set(uses))}


def _shortened(name: str, version: str, runtime: str) -> str:
    if runtime == "exact":
        return version
    public = version.partition("+")[0]
    return ".".join(public.split(".")[:2]) if name in _BY_MINOR else public


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return str(getattr(sys.modules.get(name.replace("-", "_")), "__version__", "unknown"))
