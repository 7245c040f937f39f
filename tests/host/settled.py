"""What has to be decided before the host is imported: where it puts its files, and which ops of the tests it finds."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

__all__ = ["WORKDIR"]

WORKDIR = Path(sys.argv[1]).resolve()
OPS_YAML = """collection:
  name: of_the_tests
  version: 0.0.1
spread:
  description: how far the answers' logits lie apart
  implementation: ops_of_the_tests.spread_impl
  importable_params:
    reduce_fn: ops_of_the_tests.widest
  normal_params:
    scale: 1.0
  input_schema:
    answer_logits:
      datasets_dtype: float32
  output_schema:
    spread:
      datasets_dtype: float32
"""
OPS_PY = """FACTOR = 1.0


def middle(values):
    return values.flatten(1).mean(dim=1)


def widest(values):
    return middle(values.amax(dim=-1) - values.amin(dim=-1)) * FACTOR


def spread_impl(module, analysis_batch, reduce_fn=widest, scale=1.0):
    analysis_batch.update(spread=reduce_fn(analysis_batch.answer_logits) * scale)
    return analysis_batch
"""


def write_ops() -> str:
    """Write the ops, changed as ``OP_EDITS`` says, into a directory of their own."""
    texts = {"ops_of_the_tests.yaml": OPS_YAML, "ops_of_the_tests.py": OPS_PY}
    for old, new in json.loads(os.environ.get("OP_EDITS", "{}")).items():
        assert any(old in text for text in texts.values()), old
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    directory = WORKDIR / hashlib.sha256("".join(texts.values()).encode()).hexdigest()[:8]
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_text(text)
    return str(directory)


os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TQDM_DISABLE="1")
os.environ["HF_HOME"] = str(WORKDIR / "hugging_face")
os.environ["IT_ANALYSIS_OP_PATHS"] = write_ops()
os.environ["STUMBLE"] = str(WORKDIR / "stumble")
