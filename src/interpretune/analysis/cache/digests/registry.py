"""Which encoder understands which object.

Libraries are never imported to ask: a class is recognised by the names in its method resolution order, so the encoder
of a torch tensor is loaded only when somebody brought a torch tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeVar, cast

from .asking import asked
from .distributions import is_offered
from .instances import holds_builtin, is_record
from .tokens import IGNORED, frame
from .walk import Composed, Encoder, Walk

__all__ = ["find_encoder", "has_own_meaning", "register_encoder"]

T = TypeVar("T")

_registered: dict[type, Callable[[Any], Any]] = {}

#: Exact types of the closed world: a subclass may behave otherwise, so it is not taken for its base.
_EXACT = {
    **{
        f"builtins.{name}": "values:encode_scalar"
        for name in (
            *("NoneType", "bool", "int", "float", "complex", "str", "bytes"),
            *("ellipsis", "EllipsisType", "NotImplementedType"),
        )
    },
    **{f"builtins.{name}": "values:encode_sequence" for name in ("list", "tuple")},
    **{f"builtins.{name}": "values:encode_set" for name in ("set", "frozenset")},
    "builtins.dict": "values:encode_mapping",
    **{f"builtins.{name}": "values:encode_bytes_like" for name in ("bytearray", "memoryview")},
    "builtins.mappingproxy": "standard:encode_mapping_proxy",
    **dict.fromkeys(
        (
            *("builtins.range", "builtins.slice", "re.Pattern", "array.array", "random.Random", "uuid.UUID"),
            *("decimal.Decimal", "fractions.Fraction", "zoneinfo.ZoneInfo", "zoneinfo._zoneinfo.ZoneInfo"),
            *(f"datetime.{kind}" for kind in ("date", "time", "datetime", "timedelta", "timezone")),
            *(f"ipaddress.IPv{v}{kind}" for v in (4, 6) for kind in ("Address", "Network", "Interface")),
            *("string.Template", "_struct.Struct", "decimal.Context"),
            *(f"{library}.{kind}" for library in ("torch", "numpy") for kind in ("finfo", "iinfo")),
        ),
        "standard:encode_standard",
    ),
    **{f"builtins.dict_{kind}": "standard:encode_view" for kind in ("keys", "values", "items")},
    **dict.fromkeys(
        (
            *(f"contextlib.{kind}" for kind in ("nullcontext", "suppress")),
            *("json.encoder.JSONEncoder", "string.Formatter"),
        ),
        "attributes:encode_object",
    ),
    "_contextvars.ContextVar": "standard:encode_standard",
    "weakref.ReferenceType": "attributes:encode_object",
    "types.SimpleNamespace": "instances:encode_instance",
    "argparse.Namespace": "instances:encode_instance",
    "builtins.function": "code.encoders:encode_code",
    "builtins.method": "code.encoders:encode_code",
    "builtins.builtin_function_or_method": "code.encoders:encode_code",
    **{
        f"{module}.{kind}": "code.encoders:encode_code"
        for module, kinds in {
            "builtins": "module classmethod staticmethod property code wrapper_descriptor method_descriptor "
            "classmethod_descriptor getset_descriptor member_descriptor method-wrapper",
            "functools": "partial partialmethod cached_property _lru_cache_wrapper singledispatchmethod",
            "operator": "itemgetter attrgetter methodcaller",
            "types": "GenericAlias UnionType",
            "typing": "_GenericAlias _SpecialGenericAlias _CallableGenericAlias _CallableType _TupleType "
            "_UnionGenericAlias _LiteralGenericAlias _AnnotatedAlias _ConcatenateGenericAlias _SpecialForm "
            "_LiteralSpecialForm _AnyMeta TypeVar ParamSpec TypeVarTuple ForwardRef NewType Union",
            "numpy": "ufunc",
        }.items()
        for kind in kinds.split()
    },
}

_FEATURES = (
    *(f"features.{name}" for name in ("Value", "ClassLabel", "List", "LargeList", "_ArrayXD")),
    *("image.Image", "audio.Audio", "video.Video"),
    *("translation.Translation", "translation.TranslationVariableLanguages"),
)
_ARROW = ("Table", "RecordBatch", "ChunkedArray", "Array", "Scalar", "Schema", "Field", "DataType")
_TOKENIZER_PIECES = (
    *("models.Model", "normalizers.Normalizer", "pre_tokenizers.PreTokenizer", "processors.PostProcessor"),
    "decoders.Decoder",
)
#: Classes of libraries whose objects are what their attributes say, beside the library's version.
_LIBRARY_OBJECTS = (
    "peft.config.PeftConfigMixin",
    "transformers.feature_extraction_utils.FeatureExtractionMixin",
    "transformers.image_processing_base.ImageProcessingMixin",
    "transformers.processing_utils.ProcessorMixin",
    "transformers.cache_utils.Cache",
    "sklearn.base.BaseEstimator",
    "scipy.sparse._base._spbase",
)

#: Base classes: whatever derives from them is understood by their encoder.
_BASES = {
    "numpy.vectorize": "attributes:encode_object",
    "torch.utils._contextlib._DecoratorContextManager": "attributes:encode_object",
    "torch.amp.autocast_mode.autocast": "attributes:encode_object",
    "torch.overrides.TorchFunctionMode": "attributes:encode_object",
    "torch.utils._python_dispatch.TorchDispatchMode": "attributes:encode_object",
    "torch.jit.torch.jit.ScriptFunction": "programs:encode_script_function",
    "enum.Enum": "instances:encode_enum",
    "builtins.type": "code.encoders:encode_code",
    **{f"{module}.PurePath": "standard:encode_path" for module in ("pathlib", "pathlib._local")},
    **{
        f"collections.{name}": "instances:encode_instance"
        for name in ("ChainMap", "UserDict", "UserList", "UserString")
    },
    "attr._make.Attribute": "instances:encode_attrs_field",
    "attr._make.Factory": "instances:encode_instance",
    "attr._make.Converter": "instances:encode_instance",
    "tokenizers.Encoding": "instances:encode_encoding",
    "numpy.ndarray": "arrays:encode_array",
    "numpy.generic": "arrays:encode_array",
    "numpy.dtype": "arrays:encode_dtype",
    "numpy.random.mtrand.RandomState": "arrays:encode_random_state",
    "numpy.random._generator.Generator": "arrays:encode_random_state",
    "numpy.random.bit_generator.BitGenerator": "arrays:encode_random_state",
    "numpy.random.bit_generator.SeedSequence": "arrays:encode_random_state",
    "datasets.features.features.Features": "tables:encode_features",
    "pandas.core.generic.NDFrame": "frames:encode_frame",
    "pandas.Index": "frames:encode_index",
    "pandas.core.indexes.base.Index": "frames:encode_index",
    "pandas._libs.tslibs.timestamps._Timestamp": "frames:encode_moment",
    "pandas._libs.tslibs.timedeltas._Timedelta": "frames:encode_moment",
    "pandas._libs.tslibs.nattype._NaT": "frames:encode_missing",
    "pandas._libs.missing.C_NAType": "frames:encode_missing",
    # Where a class says that it is defined differs between versions.
    **dict.fromkeys(("pandas.Interval", "pandas._libs.interval.Interval"), "frames:encode_span"),
    "pandas._libs.tslibs.period._Period": "frames:encode_span",
    **{
        f"{module}.Extension{kind}": f"frames:encode_extension_{kind.lower()}"
        for kind, modules in {"Dtype": "dtypes.base", "Array": "arrays.base"}.items()
        for module in ("pandas.api.extensions", f"pandas.core.{modules}")
    },
    "datasets.splits.NamedSplit": "tables:encode_split",
    "datasets.arrow_dataset.Column": "tables:encode_column",
    **{f"datasets.features.{name}": "tables:encode_feature" for name in _FEATURES},
    **{f"pyarrow.lib.{name}": "tables:encode_arrow" for name in _ARROW},
    "datasets.arrow_dataset.Dataset": "tables:encode_dataset",
    "datasets.dataset_dict.DatasetDict": "tables:encode_dataset_dict",
    "datasets.iterable_dataset.IterableDataset": "tables:encode_iterable_dataset",
    "torch.Tensor": "tensors:encode_tensor",
    "torch.dtype": "tensors:encode_dtype",
    "torch.device": "tensors:encode_device",
    "torch.Size": "tensors:encode_size",
    "torch.layout": "tensors:encode_name",
    "torch.memory_format": "tensors:encode_name",
    "torch.qscheme": "tensors:encode_name",
    "torch.ScriptObject": "programs:encode_script_object",
    "torch.fx.graph.Graph": "programs:encode_graph",
    "torch._ops.OpOverload": "programs:encode_operator",
    "torch._ops.OpOverloadPacket": "programs:encode_operator",
    "tokenizers.Tokenizer": "tokenizers:encode_backend",
    "tokenizers.AddedToken": "tokenizers:encode_added_token",
    **{f"tokenizers.{name}": "tokenizers:encode_piece" for name in _TOKENIZER_PIECES},
    **dict.fromkeys(_LIBRARY_OBJECTS, "attributes:encode_library_object"),
    "transformers.data.data_collator.DataCollatorMixin": "loaders:encode_collator",
    "torch.nn.modules.module.Module": "models:encode_module",
    "torch.utils.data.dataloader.DataLoader": "loaders:encode_loader",
    "torch._C.Generator": "loaders:encode_generator",
    "torch.utils.data.sampler.Sampler": "loaders:encode_sampler",
    "torch.utils.data.dataset.Dataset": "loaders:encode_torch_dataset",
    "transformers.tokenization_utils_base.PreTrainedTokenizerBase": "tokenizers:encode_tokenizer",
    "transformers.configuration_utils.PretrainedConfig": "module_config:encode_config",
    "transformers.configuration_utils.PreTrainedConfig": "module_config:encode_config",
    "transformers.generation.configuration_utils.GenerationConfig": "module_config:encode_config",
    "transformers.pipelines.base.Pipeline": "models:encode_pipeline",
    "nnsight.intervention.source.Controller": "tracers:encode_controller",
    "nnsight.intervention.source.State": "tracers:encode_state",
    # What only the session knows how to read, one layer above: loaded by name when such an object is met.
    "interpretune.analysis.ops.base.AnalysisOp": ".session_ops:encode_op",
    "interpretune.analysis.ops.base.OpWrapper": ".session_ops:encode_op",
    "interpretune.analysis.core.AnalysisStore": ".session:encode_store",
    "interpretune.session.ITSession": ".session:refuse_session",
    "interpretune.base.modules.BaseITModule": ".session:refuse_session",
    "interpretune.base.datamodules.ITDataModule": ".session:refuse_session",
}


def register_encoder(cls: type[T], encode: Callable[[T], Any]) -> None:
    """Teach the cache what objects of a class mean.

    Args:
        cls: the class; its subclasses are understood in the same way unless they are registered themselves.
        encode: gives a value of the closed world (numbers, strings, containers, arrays, ...) that is equal for objects
            of equal meaning and different for others.
    """
    _registered[cls] = encode


def has_own_meaning(value: Any) -> bool:
    """Tell whether the user said what an object means, by `register_encoder` or a ``__fingerprint__()`` method."""
    kind: Any = type(value)
    return any(base in _registered or callable(base.__dict__.get("__fingerprint__")) for base in kind.__mro__)


def find_encoder(value: Any) -> Encoder | None:
    """Give the encoder that understands an object, or None."""
    kind: Any = type(value)
    # Asked each time, as notebooks give a class its method after it was refused once.
    if _registered or asked(kind, "__fingerprint__") is not None:
        for base in kind.__mro__:
            if base in _registered:
                return _own_meaning(_registered[base])
            if callable(base.__dict__.get("__fingerprint__")):
                return _own_meaning(lambda value: value.__fingerprint__())
    encoder = _encoder_of(kind)
    if encoder is None and callable(value) and is_offered(value):
        return _load("code.encoders:encode_code")
    return encoder


@lru_cache(maxsize=4096)
def _encoder_of(cls: type) -> Encoder | None:
    if cls is Composed:
        return _encode_composed
    target = _EXACT.get(_name(cls))
    if target is None:
        target = next((_BASES[_name(base)] for base in cls.__mro__ if _name(base) in _BASES), None)
    if target is None and cls.__name__ == "cython_function_or_method":
        target = "code.encoders:encode_code"
    if target is None and (is_record(cls) or holds_builtin(cls)):
        target = "instances:encode_instance"
    if target is None:
        return None
    return _load(target)


def _load(target: str) -> Encoder:
    module, _, function = target.partition(":")
    return cast("Encoder", getattr(import_module(f".{module}", __package__), function))


def _encode_composed(value: Composed, walk: Walk) -> bytes:
    token = value.encode(walk)
    return token if token == IGNORED else frame("composed", token)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _own_meaning(encode: Callable[[Any], Any]) -> Encoder:
    def encoder(value: Any, walk: Walk) -> bytes:
        kind = type(value)
        # Two classes with one encoder may give equal meanings; what they are still tells them apart.
        return frame("own", kind.__qualname__.encode(), walk.child(encode(value), ".__fingerprint__()"))

    return encoder
