"""Training mode: in which modules the `training` flag matters, and which modules draw random numbers."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, cast

from torch.nn.modules.module import Module

from .distributions import function_origin
from .module_code import ClassCodes, names_in
from .module_tree import plain_class

__all__ = ["passes_on", "randomness", "training_matters"]


def _always(module: Any) -> bool:
    return True


def _never(module: Any) -> bool:
    return False


def _drops(module: Any) -> bool:
    return bool(module.p > 0)


def _drops_between_layers(module: Any) -> bool:
    return bool(module.dropout > 0)


#: Torch's own layers that read the training flag, each with when it makes a difference. `MultiheadAttention` and the
#: `Transformer` layers take another, faster path in evaluation mode, whose results differ in the last bits.
_TRAINING_MATTERS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
        _drops,
    ),
    **dict.fromkeys(("RNNBase", "RNN", "LSTM", "GRU"), _drops_between_layers),
    **dict.fromkeys(
        ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
        lambda module: module.running_mean is not None,
    ),
    **dict.fromkeys(
        ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
        lambda module: bool(module.track_running_stats),
    ),
    "RReLU": lambda module: bool(module.lower != module.upper),
    **dict.fromkeys(
        ("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer", "TransformerEncoder"), _always
    ),
    **dict.fromkeys(("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Identity"), _never),
}


#: Modules of other libraries that give their input back, and that are taken out and put in anew around a forward.
_PASSING_ON = frozenset({"transformer_lens.hook_points.HookPoint"})


def passes_on(value: Any) -> bool:
    """Tell whether an object is a module that only gives its input back; as an attribute it is a name for a place."""
    return f"{type(value).__module__}.{type(value).__qualname__}" in _PASSING_ON


def training_matters(module: Module, codes: ClassCodes) -> bool:
    """Tell whether a module's own `training` flag can change what it computes (its submodules have their own).

    Torch's layers are known one by one. Of any other class, the flag counts if a method names it or hands the module on
    to code that could read it there.

    Args:
        module: any module.
        codes: of this walk.
    """
    cls = plain_class(module)
    if cls.__module__.startswith("torch.nn.modules."):
        matters = _TRAINING_MATTERS.get(cls.__name__)
        return matters(module) if matters is not None else _names_training(cls, codes)
    if passes_on(module):
        return False
    return _names_training(cls, codes) or any(code.hands_itself_on for code in codes.own(cls))


def _names_training(cls: type, codes: ClassCodes) -> bool:
    return any("training" in code.words for code in codes.own(cls))


# --- randomness

_RANDOM_ALWAYS = ("FractionalMaxPool2d", "FractionalMaxPool3d")
_RANDOM_IN_TRAINING = ("RReLU", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout",
                       "RNNBase", "RNN", "LSTM", "GRU")  # fmt: skip
#: Functions and methods that draw from torch's or numpy's generators.
_DRAWING = frozenset(
    {
        *("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "multinomial"),
        *("bernoulli", "bernoulli_", "normal_", "uniform_", "exponential_", "random_", "gumbel_softmax"),
    }
)


def randomness(module: Module, codes: ClassCodes) -> str | None:
    """Say why a forward of this module (without its submodules) draws random numbers, or None.

    Args:
        module: any module. Its code is read for names with "drop" in them, and an installed class's `forward`, which
            is followed no further, for functions that draw; a user's is followed where all code is.
        codes: of this walk.
    """
    cls = plain_class(module)
    if cls.__module__.startswith("torch.nn.modules."):
        if cls.__name__ in _RANDOM_ALWAYS and getattr(module, "_random_samples", None) is None:
            return f"{cls.__name__} draws its regions at random"
        if not module.training:
            return None
        if cls.__name__ in _RANDOM_IN_TRAINING and training_matters(module, codes):
            return f"{cls.__name__} in training mode"
        if cls.__name__ == "MultiheadAttention" and cast("float", module.dropout) > 0:
            return "attention dropout in training mode"
        return None
    drawing = _names_of_forward(cls, codes)
    if not drawing.isdisjoint(_DRAWING) and (module.training or "training" not in drawing):
        return f"{cls.__qualname__}.forward names {min(drawing & _DRAWING)}"
    if not module.training or not training_matters(module, codes):
        return None
    for name in sorted({name for code in codes.own(cls) for name in code.dropping}):
        value = module.__dict__.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if value > 0:
                return f"{name} = {value} in training mode"
        elif name not in module.__dict__ and name not in module._modules and _calls_dropout(name):
            return f"{name} in training mode"
    return None


def _names_of_forward(cls: type, codes: ClassCodes) -> frozenset[str]:
    """Give the names in an installed class's `forward` and in the methods that it names."""
    methods: dict[str, FunctionType] = {}
    for code in reversed(codes.own(cls)):
        methods.update(code.functions)
    forward = methods.get("forward")
    if forward is None or function_origin(forward).user:
        return frozenset()
    called = set(names_in(forward.__code__))
    return frozenset(called.union(*(names_in(methods[name].__code__) for name in called & methods.keys())))


def _calls_dropout(name: str) -> bool:
    return name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
