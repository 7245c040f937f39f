"""What a user of the host writes: a model, a data module, modules, ops."""

from __future__ import annotations

import functools
import logging
import os
import threading
import uuid
from dataclasses import dataclass
from typing import Any

import torch
import user_ops
from interpretune.analysis.ops.base import AnalysisBatch, AnalysisOp, ColCfg, OpSchema
from interpretune.analysis.ops.dispatcher import DISPATCHER
from interpretune.base.datamodules import ITDataModule
from interpretune.config.module import ITConfig, ITDataModuleConfig
from torch.utils.data import DataLoader

import interpretune as it
from interpretune.analysis.cache import enable_analysisstore_caching

VOCABULARY = 12


class HookPoint:
    """A named place in the model, at which functions are called."""

    def __init__(self, name):
        self.name = name
        self.functions = []

    def __call__(self, value):
        for function in self.functions:
            function(value, self)
        return value


class TinyModel(torch.nn.Module):
    """Logits of the next token from the mean of embeddings."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.embed = torch.nn.Embedding(VOCABULARY, 8)
        self.out = torch.nn.Linear(8, VOCABULARY)
        self.drop = torch.nn.Dropout(0.5)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        self.eval()

    @property
    def hook_dict(self):
        return {name: HookPoint(name) for name in ("embed.out", "logits.out")}

    def forward(self, input_ids):
        return self.out(self.drop(self.embed(input_ids).mean(dim=1)))


class AveragingModel(TinyModel):
    """Holds against each batch the mean of all before."""

    mean = 0.0

    def forward(self, input_ids):
        logits = super().forward(input_ids)
        self.mean = 0.5 * self.mean + float(logits.mean())
        return logits - self.mean


class RecordingModel(TinyModel):
    """Leaves behind what the last batch gave."""

    mask = None
    calls = 0

    def forward(self, input_ids):
        if self.mask is None:
            self.mask = torch.ones(1)
        self.calls += 1
        self.last = super().forward(input_ids)
        return self.last * self.mask


class SamplingModel(TinyModel):
    """Draws what comes next, as models do unless they are told otherwise."""

    def generate(self, input_ids, do_sample=True):
        logits = self(input_ids)
        return torch.multinomial(logits.softmax(dim=-1), 1)[:, 0] if do_sample else logits.argmax(dim=-1)


@dataclass(kw_only=True)
class UserConfig(ITConfig):
    #: Fields that no table names: they count.
    future_knob: Any = 1
    note: str = ""
    #: Of the class, as it has no annotation.
    LEVELS = (0.25, 0.5)

    @property
    def is_tagged(self):
        return self.experiment_tag == "tagged"


@dataclass(kw_only=True)
class UserDataConfig(ITDataModuleConfig):
    prompt: str = "a"


def halved(function):
    """Give a function of the host with something done to what it gives."""

    @functools.wraps(function)
    def changed(self, rows):
        return {name: value / 2 for name, value in function(self, rows).items()}

    return changed


def tickets():
    """Give what no cache can understand: a generator that is under way."""
    return (number for number in range(3))


class TicketBox:
    """Holds what no cache can understand, and says itself what it means."""

    def __init__(self, label):
        self.tickets, self.label = tickets(), label

    def __fingerprint__(self):
        return self.label


class ForgetfulBox:
    """Says itself what it means, by what it does not have."""

    def __getattr__(self, name):
        return self.__dict__[name]

    def __fingerprint__(self):
        return self.label


class UserDataModule(ITDataModule):
    def collate(self, rows):
        return {
            "input_ids": torch.tensor([row["input_ids"] for row in rows]),
            "labels": torch.tensor([row["label"] for row in rows]),
        }

    def test_dataloader(self):
        return DataLoader(self.dataset["test"], batch_size=self.itdm_cfg.eval_batch_size, collate_fn=self.collate)


class CuttingDataModule(UserDataModule):
    """Reads in its collate function what other analyses have no use for."""

    def collate(self, rows):
        batch = super().collate(rows)
        return {**batch, "input_ids": batch["input_ids"][:, : self.itdm_cfg.train_batch_size]}


class UserModule:
    """What an analysis has no use for counts for nothing, and what it reads counts."""

    def __init__(self, it_cfg):
        super().__init__(it_cfg)
        self.run_id = uuid.uuid4().hex
        self.logger = logging.getLogger(__name__)
        self.lock = threading.Lock()
        self.threshold = 0.25

    def above(self, logits):
        return (logits > self.threshold).float().mean(dim=-1)


class OtherEpochEnd(UserModule):
    def on_analysis_epoch_end(self):
        self.epochs_ended = True


class ManualModule(UserModule):
    """Runs ops by itself; what it calls by name counts."""

    def analysis_step(self, batch, batch_idx):
        rows = it.logits(self, AnalysisBatch(), batch, batch_idx)
        rows = it.undeclared(self, rows, batch, batch_idx)
        yield from self.analysis_cfg.save_batch(rows, batch)


class LabelsModule(ManualModule):
    """Reads what other analyses have no use for, in three ways."""

    def analysis_step(self, batch, batch_idx):
        rows = it.logits(self, AnalysisBatch(), batch, batch_idx)
        place = self.datamodule.itdm_cfg.train_batch_size
        rows["score"] = torch.full((len(batch["labels"]),), float(self.it_cfg.is_tagged + place + len(name_of(self))))
        yield from self.analysis_cfg.save_batch(rows, batch)


def name_of(module):
    return module.analysis_cfg.name


class CountingModule(UserModule):
    """Carries something from batch to batch."""

    def analysis_step(self, batch, batch_idx):
        self.seen = getattr(self, "seen", 0) + 1
        rows = it.logits(self, AnalysisBatch(), batch, batch_idx)
        rows["score"] = torch.full((len(batch["labels"]),), float(self.seen))
        yield from self.analysis_cfg.save_batch(rows, batch)


class Tracker:
    """Keeps what it was given, and tells of it."""

    def __init__(self):
        self.total, self.calls = 0.0, 0

    def push(self, value):
        self.calls += 1
        self.total += value


class Decaying:
    """A hook that adds less and less."""

    def __init__(self):
        self.strength = 1.0

    def __call__(self, layer, inputs, output):
        self.strength = self.strength / 2
        return output + self.strength


class TrackingModule(UserModule):
    """Carries something from batch to batch in an object."""

    def __init__(self, it_cfg):
        super().__init__(it_cfg)
        self.tracker = Tracker()

    def analysis_step(self, batch, batch_idx):
        rows = it.logits(self, AnalysisBatch(), batch, batch_idx)
        self.tracker.push(float(rows["logits"].sum()))
        rows["score"] = torch.full((len(batch["labels"]),), self.tracker.total)
        yield from self.analysis_cfg.save_batch(rows, batch)


class CapturingModule(UserModule):
    """Keeps of each batch, in a place of its own, only what it uses for that batch."""

    def analysis_step(self, batch, batch_idx):
        kept = []

        def keep(layer, inputs, output):
            kept.append(output)

        handle = self.model.embed.register_forward_hook(keep)
        rows = it.logits(self, AnalysisBatch(), batch, batch_idx)
        handle.remove()
        rows["score"] = kept[0].sum(dim=(1, 2))
        yield from self.analysis_cfg.save_batch(rows, batch)


class LimitedModule(UserModule):
    """Reads the arguments of the run."""

    def analysis_step(self, batch, batch_idx):
        rows = it.logits(self, AnalysisBatch(), batch, batch_idx)
        limit = self.analysis_run_cfg.limit_analysis_batches
        rows["score"] = torch.full((len(batch["labels"]),), float(limit))
        yield from self.analysis_cfg.save_batch(rows, batch)


class TwoRowsModule(UserModule):
    """Gives two rows for each batch but the first."""

    def analysis_step(self, batch, batch_idx):
        rows = it.scored(self, it.logits(self, AnalysisBatch(), batch, batch_idx), batch, batch_idx)
        for _ in range(2 if batch_idx else 1):
            yield from self.analysis_cfg.save_batch(rows, batch)


class GeneratingModule(UserModule):
    """Lets the model say what comes next."""

    def analysis_step(self, batch, batch_idx):
        rows = AnalysisBatch(score=self.model.generate(batch["input_ids"]).float())
        yield from self.analysis_cfg.save_batch(rows, batch)


class SwitchingOffModule(ManualModule):
    """Switches caching off while it runs."""

    def analysis_step(self, batch, batch_idx):
        if batch_idx == 2:
            enable_analysisstore_caching(False)
        yield from super().analysis_step(batch, batch_idx)


class FailingModule(UserModule):
    """Fails at a batch while there is a file that says so: trouble from outside, of which no key can know."""

    def analysis_step(self, batch, batch_idx):
        if batch_idx == 4 and os.path.exists(os.environ["FAIL_WHILE"]):
            with open(os.environ["FAIL_WHILE"]) as sign:
                raise (KeyboardInterrupt if sign.read() == "interrupt" else RuntimeError)("the step fails")
        rows = it.scored(self, it.logits(self, AnalysisBatch(), batch, batch_idx), batch, batch_idx)
        yield from self.analysis_cfg.save_batch(rows, batch)


LOGITS = OpSchema(logits=ColCfg("float32", sequence_type=False, array_shape=(None, 1, VOCABULARY)))
SCORE = OpSchema(score=ColCfg("float32"))
BOTH = OpSchema({**LOGITS, **SCORE})


def register_ops(factor=1.0, output=SCORE):
    """Make all ops known; they are made anew for each run, as a change of one is a change of its definition."""
    ops = {
        "logits": (LOGITS, user_ops.logits_impl, {}, {}),
        "scored": (output, user_ops.scored_impl, {"factor": factor, "reduce": user_ops.reduce_rows}, {}),
        "calling": (SCORE, user_ops.calling_impl, {}, {}),
        "undeclared": (SCORE, user_ops.undeclared_impl, {}, {}),
        "running": (SCORE, user_ops.running_impl, {}, {"op_state": ("highest",)}),
        "watching": (SCORE, user_ops.watching_impl, {}, {"uses_default_hooks": True}),
        "graded": (SCORE, user_ops.graded_impl, {}, {"requires_grad": True}),
        "from_store": (SCORE, user_ops.from_store_impl, {}, {}),
    }
    for name, (schema, implementation, parameters, traits) in ops.items():
        op = AnalysisOp(name, f"the op {name}", schema, impl_params=parameters, **traits)
        op._impl = implementation
        DISPATCHER.register(op, required_ops=["scored"] if name == "calling" else [])
