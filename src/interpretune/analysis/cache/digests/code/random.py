"""Which installed functions draw from a random generator that all code shares: numpy's, Python's, torch's.

A run whose code reaches one of them is stochastic, so the state of that generator enters the key. Told apart is what
takes a generator of its own, which counts by its state where the code captures it.
"""

from __future__ import annotations

import functools
import inspect
import sys
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from ..asking import asked
from ..base_names import base_names
from ..distributions import module_origin, public_name

__all__ = [
    "CONFIGURED",
    "DISTRIBUTIONS",
    "FRAMED",
    "SAMPLED",
    "SEEDING",
    "SHARED",
    "TOLD",
    "TRAINED",
    "Switch",
    "builds_at_random",
    "drawing_method",
    "drawn_from",
    "draws_by_itself",
    "generator_of",
    "installed_name",
    "is_module_class",
    "makes_at_random",
    "refills",
    "seeded_by",
    "seeds_taken",
    "shared_name",
    "switches_of",
]

#: Draws where a generation config that takes part says so.
CONFIGURED = "a generation config samples"
#: Draws where a dictionary that takes part, and may be handed on as keywords, says so.
TOLD = "a dictionary says `do_sample`"
#: Draws where one of `torch.distributions` takes part.
SAMPLED = "a distribution is sampled"
#: Draws where a data frame takes part; from numpy's generator.
FRAMED = "a data frame is sampled"
#: Draws, such as dropout, where the code switches training mode on by itself.
TRAINED = "the code switches training mode on"
#: Where distributions lie, by the beginning of their names.
DISTRIBUTIONS = "torch.distributions."

#: Modules whose functions draw, and the generator they draw from.
_MODULES = {"random": "python", "numpy.random": "numpy", "torch.nn.init": "torch"}
#: What in these modules makes a generator of its own, sets or tells a state, or computes without one.
_CALM = frozenset(
    {
        *("Random", "SystemRandom", "seed", "setstate", "getstate", "default_rng", "Generator", "BitGenerator"),
        *("RandomState", "SeedSequence", "set_state", "get_state", "MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"),
        *("constant_", "ones_", "zeros_", "eye_", "dirac_", "calculate_gain", "bit_generator", "mtrand"),
        *("get_bit_generator", "set_bit_generator"),
    }
)

#: Stands for the position of a parameter that is only given by its name.
_KEYWORD = -1


@dataclass(frozen=True)
class Switch:
    """A parameter that must be true for a function to draw, or must not be given."""

    name: str
    position: int
    default: bool = True
    absent: bool = False


_TRAINED = (Switch("p", 1, True), Switch("training", 2, True))
_UNTRAINED = (Switch("p", 1, True), Switch("training", 2, False))
#: Functions that draw where all of these parameters are true.
_SWITCHES: dict[str, tuple[Switch, ...]] = {
    **{
        f"torch.nn.functional.{name}": _TRAINED for name in ("dropout", "dropout1d", "dropout2d", "dropout3d")
    },
    **{f"torch.nn.functional.{name}": _UNTRAINED for name in ("alpha_dropout", "feature_alpha_dropout")},
    **{
        f"torch.{name}": (Switch("p", 1, True), Switch("train", 2, True))
        for name in ("dropout", "dropout_", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
    },
    "torch.native_dropout": (Switch("p", 1, True), Switch("train", 2, True)),
    "torch.nn.functional.rrelu": (Switch("training", 3, False),),
    "torch.rrelu": (Switch("training", 3, False),),
    "torch.nn.functional.scaled_dot_product_attention": (Switch("dropout_p", 4, False),),
    "torch.nn.functional.multi_head_attention_forward": (Switch("dropout_p", 10), Switch("training", 13)),
    "torch.lobpcg": (Switch("X", 3, absent=True),),
    "torch.quasirandom.SobolEngine": (Switch("scramble", 1, False), Switch("seed", 2, absent=True)),
    "torch.utils.data.DataLoader": (Switch("shuffle", 2, False),),
    **{f"torch.nn.{name}": (Switch("p", 0, True),) for name in (
        *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
    )},
}  # fmt: skip
#: Methods of tensors; what they are called on is often not known.
_METHODS = frozenset(
    {
        *("bernoulli", "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "multinomial"),
        *("normal_", "random_", "uniform_"),
    }
)
_FUNCTIONS = frozenset(
    {
        *(f"torch.{name}" for name in _METHODS),
        *(f"torch.{name}" for name in ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial")),
        *(f"torch.{name}_like" for name in ("rand", "randn", "randint")),
        *("torch.poisson", "torch.binomial", "torch.nn.functional.gumbel_softmax", "torch.utils.data.random_split"),
        *(
            "torch.nn.functional.fractional_max_pool2d",
            "torch.nn.functional.fractional_max_pool3d",
            "torch.pca_lowrank",
        ),
        *(f"torch.utils.data.{name}Sampler" for name in ("Random", "SubsetRandom", "WeightedRandom")),
        *("torch.pca_lowrank", "torch.svd_lowrank", "torch.testing.make_tensor"),
        *("torch.nn.utils.spectral_norm", "torch.nn.utils.parametrizations.spectral_norm"),
        *(f"torch.nn.utils.prune.random_{kind}" for kind in ("structured", "unstructured")),
    }
)
#: Objects that installed modules keep, whose methods draw from the generator that all code shares.
_OBJECTS = {"random._inst": "python", "numpy.random._rand": "numpy"}
#: The generators that all code shares.
SHARED = frozenset({"numpy", "python", "torch"})
#: Functions that set generators to a state that follows from their argument.
_SEEDS = {
    "random.seed": ("python",),
    "numpy.random.seed": ("numpy",),
    **dict.fromkeys(("torch.manual_seed", "torch.random.manual_seed"), ("torch",)),
    **dict.fromkeys(("transformers.set_seed", "transformers.trainer_utils.set_seed"), tuple(SHARED)),
    **dict.fromkeys(("lightning.seed_everything", "lightning.fabric.utilities.seed.seed_everything"), tuple(SHARED)),
}
#: Parameters by which a function is told where its random numbers come from.
SEEDING = frozenset({"generator", "random_seed", "random_state", "rng", "seed"})
#: Names under which libraries keep what they offer under another.
_SPELLED = (
    ("torch._VariableFunctionsClass.", "torch."),
    ("torch._C._VariableFunctionsClass.", "torch."),
    ("torch._C._nn.", "torch.nn.functional."),
    ("aten::", "torch."),
    ("numpy.random.mtrand.", "numpy.random."),
    ("torch.nn.modules.dropout.", "torch.nn."),
    ("torch.utils.data.sampler.", "torch.utils.data."),
)


def shared_name(value: Any) -> str:
    """Give the name of a method of an instance that its module keeps, such as `random.choice`; empty for others."""
    held = asked(value, "__self__")
    if held is None or not isinstance(value, (MethodType, BuiltinFunctionType)):
        return ""
    home = sys.modules.get(type(held).__module__)
    name = str(getattr(value, "__name__", ""))
    if home is None or vars(home).get(name) != value or module_origin(home).user:
        return ""
    return f"{home.__name__}.{name}"


def _operator_name(value: Any) -> str:
    """Give the name of an operator of `torch.ops`, whichever of its overloads it is; empty for others."""
    if type(value).__module__ != "torch._ops":
        return ""
    return str(asked(asked(value, "_overloadpacket", value), "_qualified_op_name", ""))


def installed_name(value: Any, name: str = "") -> str:
    """Give the dotted name that installed code is told by here, whichever module it was taken from.

    Args:
        value: the function or class.
        name: how it was reached, where that is known.
    """
    name = name or shared_name(value) or _operator_name(value) or public_name(value)
    for before, after in _SPELLED:
        if name.startswith(before):
            return after + name[len(before) :]
    return name


def drawn_from(name: str) -> str:
    """Tell from which generator an installed function or class draws when it is called.

    Args:
        name: its `installed_name`.

    Returns:
        ``"numpy"``, ``"python"`` or ``"torch"``; empty where it draws from none.
    """
    module, _, function = name.rpartition(".")
    if function in _CALM:
        return ""
    return "torch" if name in _FUNCTIONS or name in _SWITCHES else _MODULES.get(module, "")


def switches_of(name: str) -> tuple[Switch, ...]:
    """Give the parameters that must all be true for a function of this name to draw."""
    return _SWITCHES.get(name, ())


def seeded_by(name: str) -> tuple[str, ...]:
    """Tell which generators a function of this name sets to a state that follows from its argument."""
    return _SEEDS.get(name, ())


def generator_of(drawn: str) -> str:
    """Give the shared generator that is drawn from in a circumstance; of a shared generator, itself."""
    if drawn in SHARED:
        return drawn
    return "numpy" if drawn == FRAMED else "torch"


def drawing_method(name: str) -> bool:
    """Tell whether a method of this name, of a tensor, draws."""
    return name in _METHODS


def refills(name: str) -> bool:
    """Tell whether a method of this name, of a torch module, gives it first weights, all of them or further ones."""
    return name in _REFILLING or name in _GROWING


def makes_at_random(cls: type, name: str) -> bool:
    """Tell whether a method of this name, of an installed class, makes a module whose first weights it draws."""
    return name in _MAKING and (builds_at_random(cls) or _AUTO in base_names(cls))


def draws_by_itself(name: str) -> str:
    """Tell from which generator an object that an installed module keeps under this name draws, if from any."""
    return _OBJECTS.get(name, "")


def is_module_class(cls: type) -> bool:
    """Tell whether a class is one of torch modules."""
    return _MODULE in base_names(cls)


def seeds_taken(function: Any) -> tuple[Switch, ...]:
    """Give the parameters of an installed function for a seed or generator that need not be given."""
    try:
        function = inspect.unwrap(function) if callable(function) else None
    except Exception:  # an object that wraps nothing, and raises anything when it is asked
        return ()
    if not isinstance(function, FunctionType):
        return ()
    code, defaults = function.__code__, function.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount]
    given = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
    given.update(function.__kwdefaults__ or {})
    places = {name: index for index, name in enumerate(positional)}
    return tuple(
        Switch(name, places.get(name, _KEYWORD), absent=True)
        for name, default in given.items()
        if name in SEEDING and default is None
    )


@functools.lru_cache(maxsize=4096)
def builds_at_random(cls: type) -> bool:
    """Tell whether making an instance of an installed class of torch modules draws its first weights.

    That is read off the names in its `__init__` and in the methods that fill its parameters.
    """
    return _builds_at_random(cls, set())


#: The class of all torch modules.
_MODULE = "torch.nn.modules.module.Module"
_REFILLING = ("reset_parameters", "_reset_parameters", "init_weights", "_init_weights")
_FILLING = ("__init__", *_REFILLING, "post_init")
_GROWING = ("resize_token_embeddings",)
_MAKING = ("from_config", "_from_config")
#: The class of what picks a class of models by a config.
_AUTO = "transformers.models.auto.auto_factory._BaseAutoModelClass"


def _builds_at_random(cls: type, seen: set[type]) -> bool:
    if cls in seen or not is_module_class(cls):
        return False
    seen.add(cls)
    for base in cls.__mro__:
        for method in _FILLING:
            function = base.__dict__.get(method)
            if not isinstance(function, FunctionType):
                continue
            for name in function.__code__.co_names:
                if name in _METHODS or _fills_at_random(name):
                    return True
                part = function.__globals__.get(name)
                if isinstance(part, type) and _builds_at_random(part, seen):
                    return True
    return False


def _fills_at_random(name: str) -> bool:
    init = sys.modules.get("torch.nn.init")
    offered = init is not None and name.endswith("_") and not name.startswith("_") and name in vars(init)
    return offered and bool(drawn_from(f"torch.nn.init.{name}"))
