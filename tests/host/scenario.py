"""Runs analyses on the real host, all offline: a tiny random GPT-2, a tiny random SAE, a few made-up sentences.

    python scenario.py WORKDIR ADAPTER '[{"name": "base"}, {"name": "one weight", "weight": true}]'

Prints what happened to each variant as one line of JSON. Adapters: core, hooked, bridge, sae_hooked, sae_bridge.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
from pathlib import Path

WORKDIR, ADAPTER = Path(sys.argv[1]).resolve(), sys.argv[2]
OPS_YAML = """collection:
  name: of_the_tests
  version: 0.0.1
spread:
  description: how far the answers' logits lie apart
  implementation: ops_of_the_tests.spread_impl
  importable_params:
    reduce_fn: ops_of_the_tests.widest
  normal_params:
    scale: {scale}
  input_schema:
    answer_logits:
      datasets_dtype: float32
  output_schema:
    spread:
      datasets_dtype: float32
"""
OPS_PY = """FACTOR = {factor}


def widest(values):
    return (values.amax(dim=-1) - values.amin(dim=-1)).flatten(1).mean(dim=1) * FACTOR


def spread_impl(module, analysis_batch, reduce_fn=widest, scale=1.0):
    analysis_batch.update(spread=reduce_fn(analysis_batch.answer_logits) * scale)
    return analysis_batch
"""


def settle() -> None:
    """Decide what must be decided before the host is imported."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TQDM_DISABLE="1")
    os.environ["HF_HOME"] = str(WORKDIR / "hugging_face")
    scale, factor = os.environ.get("OP_SCALE", "1.0"), os.environ.get("OP_FACTOR", "1.0")
    directory = WORKDIR / f"ops-{scale}-{factor}"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "ops_of_the_tests.yaml").write_text(OPS_YAML.format(scale=scale))
    (directory / "ops_of_the_tests.py").write_text(OPS_PY.format(factor=factor))
    os.environ["IT_ANALYSIS_OP_PATHS"] = str(directory)


settle()

import datasets  # noqa: E402
import torch  # noqa: E402
from interpretune.config import (  # noqa: E402
    CoreGenerationConfig,
    ITLensBridgeConfig,
    ITLensConfig,
    ITLensCustomConfig,
    SAELensConfig,
    SAELensCustomConfig,
)
from interpretune.protocol import Adapter  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast  # noqa: E402

import interpretune as it  # noqa: E402
from interpretune import (  # noqa: E402
    DISPATCHER,
    AnalysisBatch,
    AnalysisCfg,
    AnalysisRunner,
    AnalysisRunnerCfg,
    GenerativeClassificationConfig,
    HFFromPretrainedConfig,
    ITConfig,
    ITDataModule,
    ITDataModuleConfig,
    ITSession,
    ITSessionConfig,
    LatentAnalysisTargets,
)

WORDS = [
    "[pad]",
    "[unk]",
    "[end]",
    "Yes",
    "No",
    *["a", "the", "cat", "dog", "sits", "runs", "here", "there", "and", "is", "it", "so", "?"],
]
COMPOSITE = "labels_to_ids.model_fwd.logit_diffs"


def tokenizer(variant: dict, names: list[str]) -> PreTrainedTokenizerFast:
    path = WORKDIR / "tokenizer"  # on disk, as transformer_lens loads it once more by its name
    if not path.exists():
        made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[unk]"))
        made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        special = {"pad_token": "[pad]", "unk_token": "[unk]", "eos_token": "[end]", "bos_token": "[end]"}
        PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=32, **special).save_pretrained(path)
    tokens = PreTrainedTokenizerFast.from_pretrained(path)
    tokens.model_input_names = names
    tokens.padding_side = variant.get("padding_side", "left")
    return tokens


def model_directory() -> Path:
    path = WORKDIR / "model"
    if not path.exists():
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=len(WORDS), n_positions=32, n_embd=32, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=2,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        )  # fmt: skip
        GPT2LMHeadModel(config).save_pretrained(path)
    return path


def rows_directory(variant: dict, names: list[str], tokens: PreTrainedTokenizerFast) -> Path:
    label = f"rows-{names[0]}-{len(names)}-{tokens.padding_side}-{int(variant.get('row', False))}"
    path = WORKDIR / label
    if path.exists():
        return path
    texts, labels = [], []
    for number in range(24):
        texts.append(" ".join(WORDS[5 + (number * step) % 13] for step in range(1, 5 + number % 3)))
        labels.append(number % 2)
    if variant.get("row"):
        labels[5] = 1 - labels[5]
    encoded = tokens(texts, padding="max_length", max_length=8)
    columns = {name: encoded["input_ids" if name.startswith("input") else name] for name in names}
    datasets.DatasetDict(
        {split: datasets.Dataset.from_dict({**columns, "labels": labels}) for split in ("validation", "test")}
    ).save_to_disk(str(path))
    return path


class Data(ITDataModule):
    def test_dataloader(self):
        return DataLoader(
            self.dataset["test"],
            batch_size=self.itdm_cfg.eval_batch_size,
            collate_fn=self.data_collator,
            num_workers=self.itdm_cfg.dataloader_kwargs["num_workers"],
        )

    train_dataloader = val_dataloader = predict_dataloader = test_dataloader


class Module:
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_fn = torch.nn.CrossEntropyLoss()

    def _before_it_cfg_init(self, it_cfg):
        it_cfg.num_labels = 2
        return it_cfg

    def post_auto_model_init(self):
        if not hasattr(self.model, "tokenizer"):
            self.model.tokenizer = self.it_cfg.tokenizer
        self.model.eval()

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        return self(**batch)


class Manual(Module):
    def analysis_step(self, batch, batch_idx, dataloader_idx=0):
        rows = AnalysisBatch()
        for op in (it.labels_to_ids, it.model_fwd, it.logit_diffs):
            rows = op(module=self, analysis_batch=rows, batch=batch, batch_idx=batch_idx)
        yield from self.analysis_cfg.save_batch(rows, batch, tokenizer=self.datamodule.tokenizer)


def build(variant: dict) -> ITSession:
    hooked, bridge, sae = "hooked" in ADAPTER, "bridge" in ADAPTER, "sae" in ADAPTER
    names = ["input"] if hooked else ["input" if bridge else "input_ids", "attention_mask"]
    tokens = tokenizer(variant, names)
    data_cfg = ITDataModuleConfig(
        task_name="tests",
        tokenizer=tokens,
        dataset_path=str(rows_directory(variant, names, tokens)),
        signature_columns=[*names, "labels"],
        enable_datasets_cache=variant.get("enable_datasets_cache", True),
        eval_batch_size=variant.get("batch_size", 4),
        dataloader_kwargs={"num_workers": variant.get("workers", 0)},
    )
    shared = {
        "task_name": variant.get("task_name", "tests"),
        "model_name_or_path": str(model_directory()),
        "tokenizer": tokens,
        "classification_mapping": ("Yes", "No"),
        "generative_step_cfg": GenerativeClassificationConfig(
            enabled=True,
            lm_generation_cfg=CoreGenerationConfig(max_new_tokens=1, temperature=variant.get("temperature", 1.0)),
        ),
        "core_log_dir": str(WORKDIR / variant.get("log_dir", "log")),
        "log_to_stream": False,
        "log_to_file": False,
        "log_env_details": False,
        "logging_level": "ERROR",
    }
    loading = HFFromPretrainedConfig(
        pretrained_kwargs={"device_map": "cpu", "dtype": "float32"}, model_head="transformers.GPT2LMHeadModel"
    )
    custom = ITLensCustomConfig(
        cfg={
            "n_layers": 2, "d_mlp": 64, "d_model": 32, "d_head": 16, "n_heads": 2, "n_ctx": 32, "d_vocab": len(WORDS),
            "act_fn": "gelu_new", "seed": 0, "device": "cpu", "dtype": "float32", "default_prepend_bos": False,
        },
        default_padding_side=tokens.padding_side,
    )  # fmt: skip
    latent = SAELensCustomConfig(
        cfg={
            "architecture": "standard", "d_in": 32, "d_sae": 48, "dtype": "float32", "device": "cpu",
            "apply_b_dec_to_input": False, "normalize_activations": "none", "reshape_activations": "none",
            "metadata": {"model_name": "tiny", "hook_name": "blocks.0.hook_resid_pre", "prepend_bos": False},
        }
    )  # fmt: skip
    lens = (
        {"tl_cfg": custom}
        if hooked
        else {"tl_cfg": ITLensBridgeConfig(device="cpu"), "hf_from_pretrained_cfg": loading}
    )
    if sae:
        adapters, cfg = (
            (Adapter.core, Adapter.sae_lens),
            SAELensConfig(use_bridge=bridge, sae_cfgs=[latent], **lens, **shared),
        )
    elif ADAPTER == "core":
        adapters, cfg = (Adapter.core,), ITConfig(hf_from_pretrained_cfg=loading, **shared)
    else:
        adapters, cfg = (Adapter.core, Adapter.transformer_lens), ITLensConfig(**lens, **shared)
    torch.manual_seed(0)
    session = ITSession(
        ITSessionConfig(
            adapter_ctx=adapters,
            datamodule_cfg=data_cfg,
            module_cfg=cfg,
            datamodule_cls=Data,
            module_cls=Manual if variant.get("manual") else Module,
        )
    )
    with torch.no_grad():
        for handle in getattr(session.module, "sae_handles", ()):
            for name, parameter in sorted(handle.named_parameters()):
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))))
            handle.W_enc[0, 0] += float(variant.get("sae_weight", 0))
        if variant.get("weight"):
            sorted(session.module.model.named_parameters())[0][1].view(-1)[0] += 1
    return session


def configs(variant: dict) -> list[AnalysisCfg]:
    given = dict(variant.get("cfg", {}))
    if "sae" in ADAPTER:
        given["latent_analysis_targets"] = LatentAnalysisTargets(
            sae_release="tiny", target_sae_ids=["blocks.0"], target_layers=[0]
        )
    if variant.get("manual"):
        given["output_schema"] = DISPATCHER.compile_ops(COMPOSITE).output_schema
        return [AnalysisCfg(name="manual", **given)]
    return [AnalysisCfg(target_op=op, **given) for op in variant.get("ops", [COMPOSITE])]


class Counts:
    """How many modules were called in this process; nothing of a session is touched."""

    def __init__(self) -> None:
        self.forwards = 0
        torch.nn.modules.module.register_module_forward_pre_hook(self._see)

    def _see(self, module, inputs):
        self.forwards += 1


def content(dataset) -> str:
    plain = dataset.with_format("arrow")[:].to_pydict()
    return hashlib.sha256(json.dumps([str(dataset.features), plain], sort_keys=True, default=str).encode()).hexdigest()


def shapes(value):
    if isinstance(value, dict):
        return {str(name): shapes(inner) for name, inner in value.items()}
    return [str(getattr(value, "dtype", type(value).__name__)), list(getattr(value, "shape", ()))]


def run(variant: dict, number: int, counts: Counts) -> dict:
    from interpretune.analysis.cache import analysisstore_caching
    from interpretune.analysis.cache.outcome import observe

    session, outcomes, stores = build(variant), [], []
    forget, forwards = observe(outcomes.append), counts.forwards
    out = WORKDIR / "out" / variant.get("out", f"{os.getpid()}-{number}")
    with warnings.catch_warnings(record=True) as caught, analysisstore_caching(variant.get("caching", True)):
        warnings.simplefilter("always")
        runner = AnalysisRunner(
            AnalysisRunnerCfg(
                it_session=session,
                op_output_dataset_path=str(out),
                limit_analysis_batches=variant.get("limit", -1),
                max_epochs=variant.get("epochs", 1),
            )
        )
        if variant.get("chain"):
            for cfg in configs(variant):
                cfg.input_store = stores[-1] if stores else None
                stores.append(runner.run_analysis(cfg, op_output_dataset_path=str(out / str(len(stores)))))
        else:
            result = runner.run_analysis(configs(variant))
            stores = list(result.values()) if isinstance(result, dict) else [result]
    forget()
    saved = datasets.load_from_disk(str(stores[-1].save_dir))
    return {
        "name": variant["name"],
        "forwards": counts.forwards - forwards,
        "warnings": [str(warning.message) for warning in caught if "cache" in str(warning.message)],
        "statuses": [outcome.status for outcome in outcomes],
        "computed": [outcome.batches_computed for outcome in outcomes],
        "components": [dict(o.fingerprint.components) if o.fingerprint else {} for o in outcomes],
        "stores": [
            {
                "rows": len(store.dataset),
                "content": content(store.dataset),
                "format": store.dataset.format["type"],
                "col_cfg": sorted(store.dataset.format["format_kwargs"]["col_cfg"]),
                "first": shapes(dict(store.dataset[0])),
                "attribute": shapes({"x": getattr(store, store.dataset.column_names[0])})["x"],
                "provenance": [item.to_dict() for item in store.op_provenance],
            }
            for store in stores
        ],
        "saved": content(saved) == content(stores[-1].dataset) and saved.format["type"] == "interpretune",
    }


def main() -> None:
    counts = Counts()
    for number, variant in enumerate(json.loads(sys.argv[3])):
        print(json.dumps(run(variant, number, counts)), flush=True)


if __name__ == "__main__":
    main()
