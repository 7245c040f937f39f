"""The demo's analysis: what a user of the cache would write.

Run as a program it does one run and prints what came of it as JSON: the demo starts it anew for each line of its table.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import datasets
import torch
import transformers
import xxhash

from ..materializing import materialize
from ..outcome import last_outcome
from ..settings import analysisstore_caching
from .text import ANSWERS, Vocabulary, prompts

__all__ = ["BATCH_SIZE", "SIZES", "answer_step", "build_model", "declared", "run", "tokenized"]

#: Layers, width and heads; the last has the shape and size of GPT-2, 124 million parameters.
SIZES = {"tiny": (2, 64, 2), "small": (6, 384, 6), "gpt2": (12, 768, 12)}
BATCH_SIZE = 16


def build_model(size: str, words: int) -> transformers.GPT2LMHeadModel:
    """Give a transformer of GPT-2's shape with random weights, the same ones in every process."""
    layers, width, heads = SIZES[size]
    config = transformers.GPT2Config(
        n_layer=layers,
        n_embd=width,
        n_head=heads,
        vocab_size=50257 if size == "gpt2" else words,
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(config).eval()


def tokenized(vocabulary: Vocabulary, sentences: int) -> datasets.Dataset:
    """Give the prompts as token ids of one common length, padded on the right."""
    items = prompts()
    length = max(len(vocabulary.encode(item["prompt"])) for item in items)

    def encode(item: dict[str, str]) -> dict[str, list[int]]:
        ids = vocabulary.encode(item["prompt"])
        padding = [0] * (length - len(ids))
        return {"input_ids": ids + padding, "attention_mask": [1] * len(ids) + padding}

    return datasets.Dataset.from_list([{**item, **encode(item)} for item in items[:sentences]]).with_format("torch")


def declared(length: int, width: int) -> datasets.Features:
    """Give the features of the analysis' rows.

    Args:
        length: tokens of a prompt.
        width: of the model.
    """
    return datasets.Features(
        {
            "prompt": datasets.Value("string"),
            "answer": datasets.Value("string"),
            "answer_logits": datasets.List(datasets.Value("float32"), length=len(ANSWERS)),
            "activations": datasets.Array2D(shape=(length, width), dtype="float32"),
        }
    )


def answer_step(model: Any, layer: int, vocabulary: Vocabulary) -> Callable[[Any, int], Iterator[dict[str, Any]]]:
    """Give the step of the analysis: the logits of the answers after each prompt, and the activations of one layer."""
    answer_ids = [vocabulary.encode(word)[0] for word in ANSWERS]

    def answer_logits(batch: dict[str, Any], batch_idx: int) -> Iterator[dict[str, Any]]:
        with torch.inference_mode():
            output = model(batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True)
        last = batch["attention_mask"].sum(dim=1) - 1
        logits = output.logits[torch.arange(len(last)), last][:, answer_ids]
        for index, prompt in enumerate(batch["prompt"]):
            yield {
                "prompt": prompt,
                "answer": batch["answer"][index],
                "answer_logits": logits[index],
                "activations": output.hidden_states[layer][index],
            }

    return answer_logits


def run(
    size: str, sentences: int, base: str, *, limit: int | None = None, change_weight: bool = False
) -> dict[str, Any]:
    """Do the analysis once, through the cache.

    Args:
        size: one of `SIZES`.
        sentences: how many prompts there are.
        base: root of the cache's entries.
        limit: how many batches to ask for; None for all.
        change_weight: add one to a single weight of the model before.

    Returns:
        The outcome's fields, the number of parameters, the shape of the activations, and a digest of the rows.
    """
    vocabulary = Vocabulary()
    model = build_model(size, len(vocabulary))
    layers, width, _ = SIZES[size]
    if change_weight:
        model.transformer.h[layers // 2].mlp.c_fc.weight.data[0, 0] += 1
    rows = tokenized(vocabulary, sentences)
    length = len(rows[0]["input_ids"])
    layer = layers // 2
    start = time.perf_counter()
    with analysisstore_caching(base=base):
        result = materialize(
            answer_step(model, layer, vocabulary),
            torch.utils.data.DataLoader(rows, batch_size=BATCH_SIZE),
            features=declared(length, width),
            inputs={"model": model, "layer": layer},
            limit=limit,
            split="test",
        )
    seconds = time.perf_counter() - start
    outcome = last_outcome()
    assert outcome is not None
    logits = result.with_format("numpy")["answer_logits"][:]
    return {
        "status": outcome.status,
        "key": outcome.key,
        "path": str(outcome.path),
        "rows": outcome.rows,
        "batches": outcome.batches,
        "computed": outcome.batches_computed,
        "seconds": seconds,
        "parameters": model.num_parameters(),
        "shape": [length, width],
        "layer": layer,
        "digests": [xxhash.xxh3_64_hexdigest(row.tobytes()) for row in logits],
    }


if __name__ == "__main__":
    print(json.dumps(run(**json.loads(sys.argv[1]))))
