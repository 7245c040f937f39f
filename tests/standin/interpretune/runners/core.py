"""One step of a run."""

from __future__ import annotations


def run_step(step_fn, module, batch, batch_idx, as_generator=False):
    if not getattr(module, "keeps_labels", True):
        batch.pop("labels")
    output = getattr(module, step_fn)(batch, batch_idx)
    module.global_step += 1
    return output
