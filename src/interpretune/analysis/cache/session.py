"""From a session of the host to the components of a key, as the table in `session_table` says.

Nothing is imported from the host or from torch: sessions are understood by their attributes. `session_components` gives
a value for each component, which the hasher walks like any other named input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .digests.attributes import objects_understood
from .digests.policy import Policy
from .digests.tokens import frame
from .digests.walk import Composed, Walk
from .session_hooks import encode_hooks, encode_names
from .session_latents import attributes_of, encode_latents
from .session_names import put_into_host, user_classes
from .session_ops import encode_implementation, encode_parameters, encode_schemas, encode_traits
from .session_run import SessionRun, session_references, torch_module_of
from .session_table import NOISE, UNREAD, row_of

__all__ = ["SessionRun", "encode_store", "refuse_session", "session_components", "session_references"]

#: Components that the functions here put together by themselves; all others are made of fields, as the table says.
_BY_HAND = frozenset(
    {"model", "latent_models", "data", "data.tokenizer", "hooks.names", "hooks.forward", "hooks.backward",
     "op.implementation", "op.parameters", "op.schema", "op.traits", "inputs.store"}
)  # fmt: skip
#: Attributes whose inside the table takes apart.
_TAKEN_APART = frozenset({"module.it_cfg", "module.analysis_run_cfg", "module._modules", "datamodule.itdm_cfg"})
#: Where a field of a config goes that the table does not name.
_OF_CONFIG = {"module.it_cfg": "session.it_cfg", "datamodule.itdm_cfg": "session.itdm_cfg", "cfg": "run.analysis_cfg"}
_ATTRIBUTES = "session.attributes"
#: Attributes of a store that say what it gives, and those that do not.
_OF_STORE = ("dataset", "it_format_kwargs", "stack_batches")
_NOISE_OF_STORE = ("cache_dir", "streaming", "op_output_dataset_path", "split", "_protocol_cls", "op_provenance")


def session_components(session: Any, policy: Policy) -> dict[str, Any]:
    """Give a value for each component that a session feeds.

    Args:
        session: an ``ITSession``, a module of the host or a `SessionRun`.
        policy: the user's decisions; a noise field that ``include`` names counts.

    Raises:
        UnfingerprintableError: it is no session of the host.
    """
    run = SessionRun.of(session)
    encoders: dict[str, Callable[[Walk], bytes]] = {
        "data.tokenizer": lambda walk: _tokenizers(run, walk),
        "session.code": lambda walk: _code(run, walk),
        "session.composition": lambda walk: _composition(run, walk),
    }
    if getattr(run.module, "saes", None):
        encoders["latent_models"] = lambda walk: encode_latents(run, walk)
    if run.cfg is not None:
        encoders.update(_of_config(run))
    encoders.update((name, partial(_encode_fields, held)) for name, held in _fields(run, policy).items())
    found: dict[str, Any] = {name: _understood(encode) for name, encode in encoders.items()}
    found.update({"model": torch_module_of(run.module), "data": run.loader, "schema": run.features})
    return {name: value for name, value in found.items() if value is not None}


def _understood(encode: Callable[[Walk], bytes]) -> Composed:
    """Let the fields of a session hold any helper object whose state can be seen."""

    def understanding(walk: Walk) -> bytes:
        with objects_understood(walk):
            return encode(walk)

    return Composed(understanding)


# ------------------------------------------------------------------------------------------------- fields by the table


def _fields(run: SessionRun, policy: Policy) -> dict[str, list[tuple[str, str, Any]]]:
    """Give the fields that count, by component: the path of the owner, the name, the value."""
    found: dict[str, list[tuple[str, str, Any]]] = {}
    for owner, name, value in _held(run):
        component = _component(run, policy, owner, name)
        if component is not None:
            found.setdefault(component, []).append((owner, name, value))
    for name, value in _run_arguments(run):
        found.setdefault("run.arguments", []).append(("module.analysis_run_cfg", name, value))
    if "global_step" in run.names:
        found.setdefault("run.counters", []).append(("module", "global_step", getattr(run.module, "global_step", None)))
    return found


def _run_arguments(run: SessionRun) -> Iterator[tuple[str, Any]]:
    """Give the arguments of the run that the user's code reads off its config, beside the session itself."""
    arguments = getattr(run.module, "analysis_run_cfg", None)
    if arguments is not None and run.reads_in_batches("module", "analysis_run_cfg"):
        for name, value in sorted(attributes_of(arguments).items()):
            if name in run.names and name not in ("it_session", "module", "datamodule", "analysis_cfgs"):
                yield name, value


def _held(run: SessionRun) -> Iterator[tuple[str, str, Any]]:
    for owner, value in run.parts.items():
        # The classes of the module count as code, whole.
        constants = {} if owner == "module" else _constants_of(value)
        for name, attribute in sorted({**constants, **attributes_of(value)}.items()):
            is_hooks = (
                owner == "module" and name.startswith(("_forward_", "_backward_")) and isinstance(attribute, dict)
            )
            # Torch numbers hooks with a counter of the process; their order is what counts.
            yield owner, name, list(attribute.values()) if is_hooks else attribute
    for name, child in sorted(getattr(run.module, "_modules", {}).items()):
        yield "module", name, child


def _constants_of(value: Any) -> dict[str, Any]:
    """Give what the user's classes of an object hold beside code."""
    return {
        name: held
        for cls in reversed(user_classes(value))
        for name, held in vars(cls).items()
        if not (name.startswith("_") or callable(held) or hasattr(type(held), "__get__"))
    }


def _component(run: SessionRun, policy: Policy, owner: str, name: str) -> str | None:
    """Give the component that a field feeds, or None where it does not count or counts elsewhere."""
    field = f"{owner}.{name}"
    row = row_of(field)
    if field in _TAKEN_APART or (row is not None and row.component in _BY_HAND):
        return None
    if row is not None and row.component not in (NOISE, UNREAD):
        return row.component
    if row is not None and row.component == UNREAD and run.reads_in_batches(owner, name):
        return _OF_CONFIG.get(owner, _ATTRIBUTES)
    if row is None and owner in _OF_CONFIG:
        return _OF_CONFIG[owner]
    if row is None and run.reads(name):
        return _ATTRIBUTES
    return _OF_CONFIG.get(owner, _ATTRIBUTES) if policy.include and policy.includes(field) else None


def _encode_fields(held: list[tuple[str, str, Any]], walk: Walk) -> bytes:
    pieces: list[bytes] = []
    for owner, name, value in held:
        with walk.standing(owner):
            pieces += (f"{owner}.{name}".encode(), walk.child(value, f".{name}"))
    return frame("fields", *pieces)


# -------------------------------------------------------------------------------------------- what has a way of its own


def _tokenizers(run: SessionRun, walk: Walk) -> bytes:
    """Give one token for each place that holds a tokenizer; mostly all of them hold the same one."""
    places = (run.datamodule, run.module.it_cfg, getattr(run.datamodule, "itdm_cfg", None))
    known: dict[int, bytes] = {}
    pieces = []
    for place in places:
        tokenizer = getattr(place, "tokenizer", None)
        if id(tokenizer) not in known:
            # Equal tokenizers give equal tokens wherever they are held, as `apart` files nothing under a path.
            known[id(tokenizer)] = walk.apart(tokenizer, "")
        pieces.append(known[id(tokenizer)])
    return frame("tokenizers", *pieces)


def _code(run: SessionRun, walk: Walk) -> bytes:
    pieces = []
    if run.sampling is not None:
        walk.stochastic(run.sampling, "torch")
    with walk.standing("module"):
        pieces += [walk.code(cls, f".{cls.__name__}") for cls in user_classes(run.module)]
        pieces += [walk.code(function, f".{name}") for name, function in put_into_host(run.module)]
        if run.step is not None and getattr(run.step, "__self__", None) is not run.module:
            pieces.append(
                walk.child(run.step, ".step")
            )  # put onto this module from elsewhere, so in none of its classes
    for part, name, method in run.called:
        with walk.standing(part):
            pieces.append(walk.code(method, f".{name}"))
    return frame("user code", *pieces)


def _composition(run: SessionRun, walk: Walk) -> bytes:
    module = run.module
    classes = [*getattr(type(module), "_composed_classes", ())]
    classes += [type(getattr(module, name, None)) for name in ("model", "_model_backend", "_analysis_backend")]
    names = [cls.__name__ for cls in classes if cls is not type(None)]
    walk.use("interpretune")
    token = frame("composition", *(walk.code(cls, f".{cls.__name__}") for cls in classes if cls is not type(None)))
    walk.part(token, ", ".join(names))
    return token


def _of_config(run: SessionRun) -> dict[str, Callable[[Walk], bytes]]:
    cfg, module = run.cfg, run.module

    def standing(encode: Callable[[Walk], bytes], path: str = "cfg") -> Callable[[Walk], bytes]:
        def at_config(walk: Walk) -> bytes:
            with walk.standing(path):
                return encode(walk)

        return at_config

    def hooks(name: str) -> Callable[[Walk], bytes]:
        return standing(lambda walk: encode_hooks(getattr(cfg, name, None), module, walk), f"cfg.{name}")

    found: dict[str, Callable[[Walk], bytes]] = {
        "op.implementation": lambda walk: encode_implementation(run.ops, walk),
        "op.parameters": lambda walk: encode_parameters(run.ops, walk),
        "op.schema": lambda walk: frame("schemas", encode_schemas(run.ops, walk), _schema(cfg, walk)),
        "op.traits": lambda walk: encode_traits(run.ops, walk),
        "hooks.names": standing(lambda walk: encode_names(cfg, module, walk)),
        "hooks.forward": hooks("fwd_hooks"),
        "hooks.backward": hooks("bwd_hooks"),
        "run.step": lambda walk: walk.child("generated" if run.step is None else "the user's"),
        "run.max_epochs": lambda walk: walk.child(run.max_epochs),
        "schema.format": lambda walk: walk.child(dict(run.format or {})),
    }
    if getattr(cfg, "input_store", None) is not None:
        found["inputs.store"] = standing(lambda walk: walk.child(cfg.input_store, ".input_store"))
    if run.split is not None:
        found["run.split"] = lambda walk: walk.child(str(run.split))
    if run.dependence is not None:
        # With several epochs, the limit is of each: until this was so, rows of the last epoch were missing.
        epochs = run.max_epochs if run.batches is not None else 1
        found["run.limit"] = lambda walk: walk.child(run.batches if epochs == 1 else [run.batches, epochs])
    return found


def _schema(cfg: Any, walk: Walk) -> bytes:
    with walk.standing("cfg"):
        return walk.child(getattr(cfg, "output_schema", None), ".output_schema")


def refuse_session(value: Any, walk: Walk) -> bytes:
    """Refuse a session that some code captured, where the key does not have it as its session."""
    walk.refuse(
        value,
        "it is a session of interpretune, or a part of one, of which only some fields count",
        hint="Pass the session as `session=…`; then its fields count as the session table says.",
    )


def encode_store(store: Any, walk: Walk) -> bytes:
    """Give the token of an ``AnalysisStore``: its rows, and how it gives them.

    Args:
        store: the store.
        walk: where it was met.
    """
    pieces = [walk.child(getattr(store, name, None), f".{name}") for name in _OF_STORE]
    with objects_understood(walk):
        for name, value in sorted(getattr(store, "__dict__", {}).items()):
            if name not in (*_OF_STORE, *_NOISE_OF_STORE):  # put there by the user; ops look names up on the store, too
                pieces += (name.encode(), walk.child(value, f".{name}"))
    return frame("store", *pieces)
