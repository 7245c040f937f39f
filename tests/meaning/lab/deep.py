"""The same run with a transformer in it: a tiny GPT-2 with random weights, a tokenizer made here, a data loader."""

import torch
from lab.rows import build_dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

WORDS = [
    "[PAD]",
    "[UNK]",
    "the",
    "cat",
    "sat",
    "in",
    "sun",
    "dogs",
    "of",
    "war",
    "a",
    "yellow",
    "xylophone",
    "and",
    "so",
]


def build_model(seed=0, **changes):
    torch.manual_seed(seed)
    settings = {
        "vocab_size": 32,
        "n_positions": 16,
        "n_embd": 16,
        "n_layer": 2,
        "n_head": 2,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    return GPT2LMHeadModel(GPT2Config(**{**settings, **changes})).eval()


def build_tokenizer(words=WORDS, **changes):
    backend = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(
        **{"tokenizer_object": backend, "unk_token": "[UNK]", "pad_token": "[PAD]", "model_max_length": 16, **changes}
    )


class Head(nn.Module):
    """A researcher's own module: a plain attribute, a function as attribute, a buffer, dropout, batch norm."""

    def __init__(self, temperature=2.0):
        super().__init__()
        self.temperature = temperature
        self.activation = torch.tanh
        self.linear = nn.Linear(16, 4)
        self.norm = nn.BatchNorm1d(4)
        self.dropout = nn.Dropout(0.1)
        self.register_buffer("mask", torch.tensor([1.0, 1.0, 0.0, 1.0]), persistent=False)

    def forward(self, hidden):
        """Give four numbers for each position's state."""
        return self.dropout(self.norm(self.activation(self.linear(hidden)) / self.temperature)) * self.mask


def build_head(seed=0):
    torch.manual_seed(seed)
    return Head().eval()


class Collate:
    """Tokenizes the sentences of a batch."""

    def __init__(self, tokenizer, length=8):
        self.tokenizer = tokenizer
        self.length = length

    def __call__(self, rows):
        texts = [row["text"].lower() for row in rows]
        return self.tokenizer(texts, padding="max_length", truncation=True, max_length=self.length, return_tensors="pt")


def build_loader(tokenizer, dataset=None, **changes):
    settings = {"batch_size": 2, "collate_fn": Collate(tokenizer), **changes}
    return DataLoader(build_dataset() if dataset is None else dataset, **settings)


def make_deep_step(session, head):
    def step(batch, batch_idx):
        session.logger.info("batch %d", batch_idx)
        with torch.no_grad():
            out = session.model(**batch, output_hidden_states=True)
            scores = head(out.hidden_states[-1][:, -1])
        return {"score": (scores * session.cfg.scale).flatten().tolist(), "mode": session.tokenizer.padding_side}

    return step


def plain_step(batch, batch_idx, model, head, scale):
    with torch.no_grad():
        out = model(**batch, output_hidden_states=True)
        return {"score": (head(out.hidden_states[-1][:, -1]) * scale).flatten().tolist(), "mode": "plain"}


class Rounding(TorchDispatchMode):
    """What a fake quantisation does: results of all products, rounded to so many steps."""

    def __init__(self, steps=4):
        super().__init__()
        self.steps = steps

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        return torch.round(result * self.steps) / self.steps if "mm" in str(function) else result


class Doubling(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        return result * 2 if function is nn.functional.linear else result
