"""What is to be run in a session, and what code takes part in it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .digests.code.random import is_module_class
from .digests.tokens import frame
from .errors import UnfingerprintableError
from .session_hooks import hook_functions
from .session_names import OUTSIDE_OF_BATCHES, functions_of, names_read, reachable, user_classes
from .session_ops import implementations, ops_of
from .session_reads import Code, host_reads, reads_field
from .session_state import carries_state

__all__ = ["SessionRun", "session_references", "torch_module_of"]

_GENERATED = "_generated_"
#: Methods that generate text: the model's, and the host's own that calls it.
_GENERATING = frozenset({"generate", "it_generate"})


@dataclass(frozen=True)
class SessionRun:
    """A session, and what is to be run in it.

    Args:
        module: the host's module.
        datamodule: its data module.
        cfg: the active analysis config; None where the session itself is meant.
        step_fn: name of the module's method that runs for each batch; None for the config's.
        max_epochs: how often the loader is gone through.
        limit: batches of each epoch that are asked for; negative or None for all.
        split: name of the split of the result.
        features: features of the rows.
        format: how the rows are formatted when they are read.
    """

    module: Any
    datamodule: Any
    cfg: Any = None
    step_fn: str | None = None
    max_epochs: int = 1
    limit: int | None = None
    split: str | None = None
    features: Any = None
    format: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, session: Any) -> SessionRun:
        """Give the run that a session stands for: itself, an ``ITSession``, or a module of the host.

        Raises:
            UnfingerprintableError: it is none of these.
        """
        if isinstance(session, cls):
            return session
        module: Any = session if _is_module(session) else getattr(session, "module", None)
        if not _is_module(module):
            kind = type(session)
            raise UnfingerprintableError(
                "session",
                "it is no session of interpretune: it has no `module` with an `it_cfg`",
                type_name=f"{kind.__module__}.{kind.__qualname__}",
                hint="Pass what the step depends on by name instead, as `inputs={'model': model, …}`.",
            )
        datamodule = getattr(session, "datamodule", None) or getattr(module, "datamodule", None)
        return cls(module, datamodule, getattr(module.it_cfg, "analysis_cfg", None))

    @cached_property
    def loader(self) -> Any:
        """The loader whose batches the host's runner goes through; None where the data module gives none."""
        make = getattr(self.datamodule, "test_dataloader", None)
        return None if make is None else make()

    @cached_property
    def step(self) -> Any:
        """The method of the user that runs for each batch; None where the host generates it from the op."""
        name = self.step_fn or getattr(self.cfg, "step_fn", None)
        return None if name is None or name.startswith(_GENERATED) else getattr(self.module, name, None)

    @cached_property
    def ops(self) -> list[Any]:
        """The op, the members of composites, and the ops that these or the user's code call by name."""
        return ops_of(getattr(self.cfg, "op", None), self._own_functions)

    @cached_property
    def _own_functions(self) -> list[Any]:
        return [*(function for _, function in _methods(self.module)), *hook_functions(self.cfg)]

    @cached_property
    def parts(self) -> dict[str, Any]:
        """Module, data module and configs, as the session table names them."""
        return {
            "module": self.module,
            "module.it_cfg": self.module.it_cfg,
            "datamodule": self.datamodule,
            "datamodule.itdm_cfg": getattr(self.datamodule, "itdm_cfg", None),
            "cfg": self.cfg,
        }

    @cached_property
    def called(self) -> list[tuple[str, str, Any]]:
        """Methods of the user's data module and configs that code taking part names: part, name and function."""
        waiting = [
            (part, name, function)
            for part, value in self.parts.items()
            if part != "module" and value is not None
            for name, function in _methods(value)
            if not name.startswith("__") and name not in OUTSIDE_OF_BATCHES
        ]
        found: list[tuple[str, str, Any]] = []
        names = names_read([*self._own_functions, *implementations(self.ops)])
        while more := [method for method in waiting if method[1] in names]:
            found += more
            waiting = [method for method in waiting if method not in more]
            names |= names_read(function for _, _, function in more)
        return found

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that code of the user reads where it takes part: methods, implementations of ops, hooks."""
        called = (function for _, _, function in self.called)
        return names_read([*self._own_functions, *implementations(self.ops), *called])

    @cached_property
    def _codes(self) -> list[Code]:
        """The code that runs for batches."""
        roots = [("module", function) for name, function in _methods(self.module) if name not in OUTSIDE_OF_BATCHES]
        roots += [(part, function) for part, _, function in self.called]
        others = [*hook_functions(self.cfg), *implementations(self.ops)]
        methods = {function: part for part, function in roots}
        return [Code(function, methods.get(function, "")) for function in reachable([*methods, *others])]

    def reads(self, name: str) -> bool:
        """Tell whether code that takes part, the user's or the host's, reads an attribute of this name."""
        return name in self.names or host_reads(name, (type(self.module), type(self.datamodule)))

    def reads_in_batches(self, part: str, name: str) -> bool:
        """Tell whether the user's code reads a field of a part of the session while a batch is computed."""
        return reads_field(self._codes, part, name)

    @cached_property
    def sampling(self) -> str | None:
        """Why text is drawn at random where the user's code generates some; None where it does not, or is greedy."""
        if self.names.isdisjoint(_GENERATING):
            return None
        config = getattr(getattr(self.module.it_cfg, "generative_step_cfg", None), "lm_generation_cfg", None)
        arguments = {**getattr(config, "model_config", {}), **getattr(config, "generate_kwargs", {})}
        if arguments.get("do_sample", getattr(config, "do_sample", False)):
            return "module.it_cfg.generative_step_cfg: text is generated with `do_sample`"
        return "model: text is generated with `do_sample`" if _samples(getattr(self.module, "model", None)) else None

    @cached_property
    def dependence(self) -> str | None:
        """Why batches are not independent of each other, or None: then a run may be sliced, extended and resumed."""
        stateful = [op for op in self.ops if getattr(op, "op_state", None) is not None]
        if stateful:
            return f"the op {getattr(stateful[0], 'name', '')!r} declares state that it carries from batch to batch"
        if self.max_epochs != 1:
            return f"the loader is gone through {self.max_epochs} times"
        step = [] if self.step is None else [self.step]
        code = [*step, *implementations(self.ops), *hook_functions(self.cfg)]
        others = [child for name, child in getattr(self.module, "_modules", {}).items() if name != "model"]
        latents = [getattr(held, "handle", held) for held in getattr(self.module, "saes", None) or ()]
        return carries_state(code, [self.module], [torch_module_of(self.module), *others, *latents])

    @cached_property
    def batches(self) -> int | None:
        """How many batches of an epoch are asked for; None for all."""
        if self.limit is None or self.limit < 0:
            return None
        try:
            return None if self.limit >= len(self.loader) else self.limit
        except TypeError:  # a loader without a length
            return self.limit


def _methods(value: Any) -> list[tuple[str, Any]]:
    return [method for cls in user_classes(value) for method in functions_of(cls)]


def _samples(model: Any) -> bool:
    """Tell whether a model samples when it is asked to generate and nothing more is said."""
    generate: Any = getattr(type(model), "generate", None)
    default = None
    with suppress(TypeError, ValueError, KeyError):  # no function, one that does not tell its parameters, or not this
        default = inspect.signature(generate).parameters["do_sample"].default
    return bool(getattr(getattr(model, "generation_config", None), "do_sample", False) if default is None else default)


def torch_module_of(module: Any) -> Any:
    """Give the torch module that is the model of a module of the host, or whatever it holds as one."""
    model = getattr(module, "model", None)
    if model is None or is_module_class(type(model)):
        return model
    # Tracing wrappers (nnsight) answer for the torch module that they trace, and are none themselves.
    held = (getattr(model, name, None) for name in ("_model", "_module"))
    return next((inner for inner in held if is_module_class(type(inner))), model)


def _is_module(value: Any) -> bool:
    return value is not None and hasattr(value, "it_cfg")


def session_references(session: Any) -> list[tuple[Any, bytes]]:
    """Give the objects of a session that other inputs may hold, with the tokens that stand for them there.

    What they mean is in the session's own components, so a closure over the session need not count it again.

    Args:
        session: an ``ITSession``, a module of the host or a `SessionRun`.
    """
    run = SessionRun.of(session)
    held = {
        "session": session,
        "datamodule": run.datamodule,
        "it_cfg": run.module.it_cfg,
        "itdm_cfg": getattr(run.datamodule, "itdm_cfg", None),
        "cfg": run.cfg,
        "output_store": getattr(run.cfg, "output_store", None),
        "module": run.module,
    }
    return [(value, frame("of the session", name.encode())) for name, value in held.items() if value is not None]
