"""Training mode: in which modules the `training` flag matters, and which modules draw random numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import Any, cast

from torch.nn.modules.module import Module

from .distributions import function_origin
from .module_code import ClassCodes, names_in

__all__ = ["ClassTraining", "passes_on", "randomness", "training_matters"]


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
    kind: Any = type(value)
    return _passes_on(kind)


@lru_cache(maxsize=4096)
def _passes_on(cls: type) -> bool:
    return f"{cls.__module__}.{cls.__qualname__}" in _PASSING_ON


@dataclass(frozen=True)
class ClassTraining:
    """What the code of a module class says about training mode and randomness; the same for all of its modules."""

    cls: type
    #: Whether a method names the training flag,
    names_training: bool
    #: or hands the module on to code that could read it.
    hands_itself_on: bool
    #: Names in the code with "drop" in them, sorted.
    dropping: tuple[str, ...]
    #: Names in an installed class's `forward` and in the methods that it names.
    in_forward: frozenset[str]

    @classmethod
    def of(cls, module_class: type, codes: ClassCodes) -> ClassTraining:
        """Look at the code of a module class and its bases.

        Args:
            module_class: without the layer that torch may have put over it.
            codes: of this walk.
        """
        own = codes.own(module_class)
        return cls(
            module_class,
            any("training" in code.words for code in own),
            any(code.hands_itself_on for code in own),
            tuple(sorted({name for code in own for name in code.dropping})),
            _names_of_forward(module_class, codes),
        )

    @property
    def is_torchs(self) -> bool:
        """Whether the class is one of torch's own layers."""
        return self.cls.__module__.startswith("torch.nn.modules.")


def training_matters(module: Module, said: ClassTraining) -> bool:
    """Tell whether a module's own `training` flag can change what it computes (its submodules have their own).

    Torch's layers are known one by one. Of any other class, the flag counts if a method names it or hands the module on
    to code that could read it there.

    Args:
        module: any module.
        said: what the code of its class says.
    """
    if said.is_torchs:
        matters = _TRAINING_MATTERS.get(said.cls.__name__)
        return matters(module) if matters is not None else said.names_training
    return not passes_on(module) and (said.names_training or said.hands_itself_on)


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


def randomness(module: Module, said: ClassTraining, training: bool) -> str | None:
    """Say why a forward of this module (without its submodules) draws random numbers in a mode, or None.

    Args:
        module: any module. Its code is read for names with "drop" in them, and an installed class's `forward`, which
            is followed no further, for functions that draw; a user's is followed where all code is.
        said: what the code of its class says.
        training: the mode: whether it is trained.
    """
    cls = said.cls
    if said.is_torchs:
        if cls.__name__ in _RANDOM_ALWAYS and getattr(module, "_random_samples", None) is None:
            return f"{cls.__name__} draws its regions at random"
        if not training:
            return None
        if cls.__name__ in _RANDOM_IN_TRAINING and training_matters(module, said):
            return f"{cls.__name__} in training mode"
        if cls.__name__ == "MultiheadAttention" and cast("float", module.dropout) > 0:
            return "attention dropout in training mode"
        return None
    drawing = said.in_forward
    if not drawing.isdisjoint(_DRAWING) and (training or "training" not in drawing):
        return f"{cls.__qualname__}.forward names {min(drawing & _DRAWING)}"
    if not training or not training_matters(module, said):
        return None
    for name in said.dropping:
        value = module.__dict__.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if value > 0:
                return f"{name} = {value} in training mode"
        elif name not in module.__dict__ and name not in module._modules and _calls_dropout(name):
            return f"{name} in training mode"
    return None


def _names_of_forward(cls: type, codes: ClassCodes) -> frozenset[str]:
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
