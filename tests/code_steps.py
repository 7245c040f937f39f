"""Steps that capture a session in one way each; named after what they do with it."""

from __future__ import annotations

import functools
import json
import logging
import operator
from collections.abc import Callable
from typing import Any

from code_session import (
    CallableStep,
    Model,
    Proxy,
    Session,
    Slotted,
    TimedStep,
    by_keyword,
    by_name,
    by_rest,
    same,
    weigh,
    weigh_any,
    weigh_twice,
)  # fmt: skip

Step = Callable[..., Any]


def enters(s: Session) -> Step:
    def op(b: Any) -> Any:
        with s.model as m:
            return m.weight

    return op


def aliases(s: Session) -> Step:
    def op(b: Any) -> Any:
        m, _ = s.model, s.other
        if q := m:
            return q.weight
        return None

    return op


def enters_generator(s: Session) -> Step:
    def op(b: Any) -> Any:
        with s.entered() as q:
            return q

    return op


def counts_itself(s: Session) -> Step:
    def op(b: Any) -> Any:
        s.count += 1
        s.history.append(b)
        s.last = b
        s.logger.debug("%s", s.count)
        return s.scale

    return op


def counts_and_reads(s: Session) -> Step:
    def op(b: Any) -> Any:
        s.count += 1
        return s.count * s.scale

    return op


def assigns_first(s: Session) -> Step:
    def op(b: Any) -> Any:
        s.scratch = b * 2
        return s.scratch + s.scale

    return op


def assigns_maybe(s: Session) -> Step:
    def op(b: Any) -> Any:
        if b:
            s.scale = b * 2
        return s.scale

    return op


def logs(s: Session) -> Step:
    def op(b: Any) -> Any:
        if s.logger is not None:
            s.logger.info("x %s", s.run_id)
        if s.logger.isEnabledFor(10):
            s.logger.debug(f"x {s.run_id}")
        print(s.run_id, str(s.run_id))
        log = logging.getLogger(__name__)
        log.info("%s", s.run_id)
        s.lock.acquire()
        try:
            return s.scale
        finally:
            s.lock.release()

    return op


def works_while_logging(s: Session) -> Step:
    def op(b: Any) -> Any:
        s.logger.info("x %s", s.common())
        return b

    return op


def nests(s: Session) -> Step:
    def op(b: Any) -> Any:
        def inner() -> Any:
            return s.model

        return inner().weight

    return op


def loops_over_a_tuple(s: Session) -> Step:
    def op(b: Any) -> Any:
        for m in (s.model, s.other):
            b = m(b)
        return b

    return op


def walks_in_a_loop(s: Session) -> Step:
    def op(b: Any) -> Any:
        here = s
        while b:
            here = here.session
        return here.scale

    return op


def binds_in_a_loop(s: Session) -> Step:
    def op(b: Any) -> Any:
        steps = [lambda x, m=m: m.weight * x for m in s.layers]
        return [step(b) for step in steps]

    return op


def pairs(s: Session) -> Step:
    def op(b: Any) -> Any:
        return [m.weight * x for m, x in zip(s.layers, b, strict=True)]

    return op


class Handler:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.unknown = object()

    def __enter__(self) -> int:
        return self.session.scale

    def __exit__(self, *error: object) -> None:
        self.session.logger.info("done")


def enters_handler(s: Session) -> Step:
    handler = Handler(s)

    def op(b: Any) -> Any:
        with handler as scale:
            return scale

    return op


def set_scale(s: Session) -> None:
    s.scale = 9


def set_model(s: Session) -> None:
    s.model.weight = 9


def set_other(s: Session) -> None:
    s.other.weight = 9


def set_layer(s: Session) -> None:
    s.layers[1].weight = 9


def set_first_layer(s: Session) -> None:
    s.layers[0].weight = 9


def add_layer(s: Session) -> None:
    s.layers.append(Model())


def set_named(s: Session) -> None:
    s.named["b"].weight = 9


def add_named(s: Session) -> None:
    s.named["c"] = Model()


def set_count(s: Session) -> None:
    s.count = 5


def set_history(s: Session) -> None:
    s.history.append(1)


def set_last(s: Session) -> None:
    s.last = s.scratch = 5  # type: ignore[attr-defined]


def set_factor(s: Session) -> None:
    s.factor = 8


def set_noise(s: Session) -> None:
    s.logger, s.run_id = logging.getLogger("other"), 1  # type: ignore[assignment]
    s.logger.setLevel(logging.ERROR)


def set_method(s: Session) -> None:
    s.get_model = lambda: s.other  # type: ignore[method-assign]


def fill_cache(s: Session) -> None:
    assert s.cached


def set_used(s: Session) -> None:
    s.config["used"] = 2


def set_unused(s: Session) -> None:
    s.config["unknown"] = 2


def set_present(s: Session) -> None:
    s.absent = Model()


#: Name, step, what must change its key, what must not.
ROWS: list[tuple[str, Callable[[Session], Step], tuple[Any, ...], tuple[Any, ...]]] = [
    ("attribute", lambda s: lambda b: s.scale, (set_scale,), (set_noise, set_model, set_count)),
    ("chain", lambda s: lambda b: s.model.weight, (set_model,), (set_scale, set_noise)),
    ("call", lambda s: lambda b: s.model(b), (set_model,), (set_scale,)),
    ("subscript", lambda s: lambda b: s.model[b], (set_model,), (set_scale,)),
    ("length", lambda s: lambda b: len(s.model), (set_model,), (set_scale,)),
    ("iteration", lambda s: lambda b: [-x for x in s.model], (set_model,), (set_scale,)),
    ("operator", lambda s: lambda b: s.model + b, (set_model,), (set_scale,)),
    ("containment", lambda s: lambda b: b in s.model, (set_model,), (set_scale,)),
    ("formatting", lambda s: lambda b: f"{s.model} {s.scale:>3}", (set_model, set_scale), (set_other,)),
    ("context manager", enters, (set_model,), (set_scale,)),
    ("context manager of one's own", enters_handler, (set_scale,), (set_noise,)),
    ("helper", lambda s: lambda b: weigh(s.model, b), (set_model,), (set_other, set_noise)),
    ("helper's helper", lambda s: lambda b: weigh_twice(s.model), (set_model,), (set_other,)),
    ("helper that dispatches", lambda s: lambda b: weigh_any(s.model), (set_model,), (set_other, set_noise)),
    ("keyword", lambda s: lambda b: by_keyword(model=s.model), (set_model,), (set_other,)),
    ("keywords in a dictionary", lambda s: lambda b: by_keyword(**{"model": s.model}), (set_model,), (set_other,)),
    ("positions in a list", lambda s: lambda b: weigh(*[s.model, 2]), (set_model,), (set_other,)),
    ("rest of the arguments", lambda s: lambda b: by_rest(s.model), (set_model,), (set_other,)),
    ("attribute named by an argument", lambda s: lambda b: by_name(s, "scale"), (set_scale,), (set_model,)),
    ("given back by a helper", lambda s: lambda b: same(s.model).weight, (set_model,), (set_other,)),
    ("given back by a method", lambda s: lambda b: s.get_model().weight, (set_model, set_method), (set_scale,)),
    ("given back by a property", lambda s: lambda b: s.the_model.weight, (set_model,), (set_scale,)),
    ("given back by an inner function", nests, (set_model,), (set_other,)),
    ("names", aliases, (set_model,), (set_scale, set_noise)),
    ("choice", lambda s: lambda b: (s.model if b else s.other).weight, (set_model, set_other), (set_scale,)),
    ("property", lambda s: lambda b: s.scaled, (set_scale,), (set_model,)),
    ("cached property", lambda s: lambda b: s.cached, (set_scale,), (fill_cache,)),
    ("class method", lambda s: lambda b: s.of_class(), (), (set_scale,)),
    ("static method", lambda s: lambda b: s.static(b), (), (set_scale,)),
    ("base class's method", lambda s: lambda b: s.common(), (set_scale, set_factor), (set_model,)),
    ("recursive method", lambda s: lambda b: s.recursive(3), (set_scale,), (set_model,)),
    ("generator method", lambda s: lambda b: list(s.batches()), (set_layer,), (set_scale,)),
    ("generator as context manager", enters_generator, (set_scale,), (set_model,)),
    ("elements", lambda s: lambda b: [m.weight for m in s.layers], (set_layer, add_layer), (set_scale,)),
    ("elements in a loop of a tuple", loops_over_a_tuple, (set_model, set_other), (set_scale,)),
    (
        "numbered elements",
        lambda s: lambda b: [i * m.weight for i, m in enumerate(s.layers)],
        (set_layer,),
        (set_scale,),
    ),
    (
        "paired elements",
        lambda s: lambda b: [m.weight * x for m, x in zip(s.layers, b, strict=True)],
        (set_layer,),
        (set_scale,),
    ),
    ("sorted elements", lambda s: lambda b: sorted(s.layers, key=lambda m: m.weight)[0](b), (set_layer,), (set_scale,)),
    ("one element", lambda s: lambda b: s.layers[0].weight, (set_first_layer,), (set_layer, set_scale)),
    ("last element", lambda s: lambda b: s.layers[-1].weight, (set_layer,), (set_first_layer,)),
    ("some element", lambda s: lambda b: s.layers[b].weight, (set_layer, set_first_layer), (set_scale,)),
    ("entry", lambda s: lambda b: s.named["b"].weight, (set_named,), (set_scale, add_named)),
    ("entry asked for", lambda s: lambda b: s.named.get("b").weight, (set_named,), (set_scale, add_named)),
    ("some entry", lambda s: lambda b: s.named[b].weight, (set_named, add_named), (set_scale,)),
    ("entries", lambda s: lambda b: [m.weight for _, m in s.named.items()], (set_named, add_named), (set_scale,)),
    ("values", lambda s: lambda b: [m.weight for m in s.named.values()], (set_named,), (set_scale,)),
    ("setting beside an unknown one", lambda s: lambda b: s.config["used"], (set_used,), (set_unused,)),
    ("getattr", lambda s: lambda b: getattr(s, "scale"), (set_scale,), (set_model,)),  # noqa: B009
    ("hasattr", lambda s: lambda b: hasattr(s, "last"), (set_last,), (set_model,)),
    ("is none", lambda s: lambda b: s.absent is None, (set_present,), (set_scale,)),
    ("truth of an object", lambda s: lambda b: 1 if s.lock else 2, (), (set_scale,)),
    ("class of an object", lambda s: lambda b: isinstance(s.absent, Model), (set_present,), (set_model,)),
    ("class attribute", lambda s: lambda b: type(s).limit + s.__class__.limit, (), (set_scale,)),
    ("back-reference", lambda s: lambda b: s.session.session.scale, (set_scale,), (set_model,)),
    ("loop along back-references", walks_in_a_loop, (set_scale,), (set_model,)),
    ("counter", counts_itself, (set_scale,), (set_count, set_history, set_last)),
    ("counter that is read", counts_and_reads, (set_scale, set_count), (set_history,)),
    ("assigned before it is read", assigns_first, (set_scale,), (set_last,)),
    ("perhaps assigned before it is read", assigns_maybe, (set_scale,), (set_model,)),
    ("logging", logs, (set_scale,), (set_noise,)),
    ("logging method", lambda s: s.logged, (set_scale,), (set_noise,)),
    ("work done to log it", works_while_logging, (set_scale,), (set_noise,)),
    ("proxy", lambda s: (lambda p: lambda b: p.scale)(Proxy(s)), (set_scale,), (set_model,)),
    ("slots", lambda s: (lambda p: lambda b: p.a)(Slotted(s.scale)), (set_scale,), (set_model,)),
    ("partial", lambda s: functools.partial(weigh, s.model), (set_model,), (set_other,)),
    ("partial with keyword", lambda s: functools.partial(by_keyword, model=s.model), (set_model,), (set_other,)),
    ("bound method", lambda s: s.common, (set_scale,), (set_model, set_noise)),
    ("callable object", lambda s: CallableStep(s.scale), (set_scale,), (set_model,)),
    ("decorated method", lambda s: TimedStep(s.scale).run, (set_scale,), (set_model,)),
    (
        "decorated method called",
        lambda s: (lambda d: lambda b: d.run(b))(TimedStep(s.scale)),
        (set_scale,),
        (set_model,),
    ),
    ("lambda inside", lambda s: lambda b: sorted(b, key=lambda x: x * s.scale), (set_scale,), (set_model,)),
    ("lambda's default", binds_in_a_loop, (set_layer,), (set_scale,)),
    ("argument of a lambda", lambda s: lambda b: (lambda m: m.weight)(s.model), (set_model,), (set_scale,)),
    ("mapped method", lambda s: lambda b: list(map(s.static, b)), (), (set_scale,)),
    ("mapped object", lambda s: lambda b: list(map(s.model, b)), (set_model,), (set_scale,)),
    ("two objects", lambda s: lambda b: weigh(s.model, 1) - weigh(s.other, 2), (set_model, set_other), (set_scale,)),
]

#: Name, step, the path that the error must give.
REFUSED: list[tuple[str, Callable[[Session], Step], str]] = [
    ("passed to installed code", lambda s: lambda b: json.dumps(s.model), "op.implementation.s.model"),
    ("given back", lambda s: lambda b: s.model, "op.implementation.s.model"),
    ("stored in a container", lambda s: lambda b: {"m": s.model}["m"](b), "op.implementation.s.model"),
    ("attribute that is not told", lambda s: lambda b: getattr(s, b), "op.implementation.s"),
    ("looked into by installed code", lambda s: lambda b: operator.attrgetter("scale")(s), "op.implementation.s"),
    ("in a helper", lambda s: lambda b: same(json.dumps)(s.other), "op.implementation.s.other"),
    ("logger whose answer is used", lambda s: lambda b: s.logger.getEffectiveLevel(), "op.implementation.s.logger"),
    ("in a partial", lambda s: functools.partial(json.dumps, s.model), "op.implementation.args[0]"),
    ("in a list", lambda s: (lambda ms: lambda b: json.dumps(ms))([1, [s.model]]), "op.implementation.ms[1][0]"),
]
