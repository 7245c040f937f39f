"""What tracing libraries put into the modules that they wrap: the forward that runs outside of a trace.

nnsight puts a controller in the place of the forward of each module. Beside it lies the forward as it was, which runs,
whether or not a trace has instrumented it meanwhile: that is what both mean. Who listens does not count, as a trace is
code of the step.
"""

from __future__ import annotations

from typing import Any

from .tokens import frame
from .walk import Walk

__all__ = ["encode_controller", "encode_state"]


def encode_controller(value: Any, walk: Walk) -> bytes:
    """Give the token of an nnsight controller: of the forward that it stands before.

    Args:
        value: the controller.
        walk: where it was met.
    """
    walk.use("nnsight")
    return frame("controller", walk.child(value.state, ".state"))


def encode_state(value: Any, walk: Walk) -> bytes:
    """Give the token of the state that nnsight keeps beside a module: of the forward that it found there.

    Args:
        value: the state.
        walk: where it was met.
    """
    walk.use("nnsight")
    return frame("state", walk.child(value.original, ".original"))
