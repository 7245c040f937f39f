"""Implementations of ops, in a module of their own; the tests change copies of this text."""

import interpretune as it

BIAS = 0.0


def reduce_rows(values):
    return values.mean(dim=-1) + BIAS


def logits_impl(module, analysis_batch, batch, state=None):
    analysis_batch["logits"] = module.model(batch["input_ids"]).detach().unsqueeze(1)
    return analysis_batch


def scored_impl(module, analysis_batch, batch, state=None, factor=1.0, reduce=reduce_rows):
    analysis_batch["score"] = reduce(analysis_batch["logits"][:, 0]) * factor
    return analysis_batch


def calling_impl(module, analysis_batch, batch, state=None):
    return it.scored(module, analysis_batch, batch, 0)


def undeclared_impl(module, analysis_batch, batch, state=None):
    return it.scored(module, analysis_batch, batch, 0)


def running_impl(module, analysis_batch, batch, state=None):
    state["highest"] = max(state.get("highest", 0.0), float(analysis_batch["logits"].max()))
    analysis_batch["score"] = analysis_batch["logits"][:, 0].amax(dim=-1) / state["highest"]
    return analysis_batch


def watching_impl(module, analysis_batch, batch, state=None):
    analysis_batch["score"] = module.above(analysis_batch["logits"][:, 0])
    return analysis_batch


def graded_impl(module, analysis_batch, batch, state=None):
    loss = module.model(batch["input_ids"]).sum()
    loss.backward()
    gradient = module.model.out.bias.grad
    module.model.out.bias.grad = None
    analysis_batch["score"] = gradient[: len(batch["labels"])].clone()
    return analysis_batch


def from_store_impl(module, analysis_batch, batch, state=None):
    stored = module.analysis_cfg.input_store.dataset[0]["logits"]
    analysis_batch["score"] = module.model(batch["input_ids"]).detach().sum(dim=-1) + float(stored.sum())
    return analysis_batch
