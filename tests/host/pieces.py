"""What the scenarios run: a tiny random GPT-2, a tiny random SAE, made-up sentences, ops, and sessions over them.

The host reads the environment when it is imported, so `settled.py` has to be imported before this module.
"""

from __future__ import annotations

import os
from pathlib import Path

from settled import WORKDIR  # isort: skip

import datasets
import torch
from interpretune.config import (
    CoreGenerationConfig,
    ITLensBridgeConfig,
    ITLensConfig,
    ITLensCustomConfig,
    SAELensConfig,
    SAELensCustomConfig,
)
from interpretune.protocol import Adapter
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

import interpretune as it
from interpretune import (
    AnalysisBatch,
    GenerativeClassificationConfig,
    HFFromPretrainedConfig,
    ITConfig,
    ITDataModule,
    ITDataModuleConfig,
    ITSession,
    ITSessionConfig,
)
from interpretune.analysis import ColCfg, OpSchema
from interpretune.analysis.cache import enable_analysisstore_caching

WORDS = [
    "[pad]",
    "[unk]",
    "[end]",
    "Yes",
    "No",
    *["a", "the", "cat", "dog", "sits", "runs", "here", "there", "and", "is", "it", "so", "?"],
]
COMPOSITE = "labels_to_ids.model_fwd.logit_diffs"
DRAWN = OpSchema(drawn=ColCfg("int64"))
ADAPTERS = {
    "core": (Adapter.core,),
    "nnsight": (Adapter.core, Adapter.nnsight),
    "hooked": (Adapter.core, Adapter.transformer_lens),
    "bridge": (Adapter.core, Adapter.transformer_lens),
    "sae_hooked": (Adapter.core, Adapter.sae_lens),
    "sae_bridge": (Adapter.core, Adapter.sae_lens),
}


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


def model_directory(variant: dict) -> Path:
    dropout = variant.get("dropout", 0.0)
    path = WORKDIR / f"model-{dropout}"
    if not path.exists():
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=len(WORDS), n_positions=32, n_embd=32, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=2,
            resid_pdrop=dropout, embd_pdrop=0.0, attn_pdrop=0.0,
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
        self(**{name: value for name, value in batch.items() if name != "labels"})


class Manual(Module):
    def analysis_step(self, batch, batch_idx, dataloader_idx=0):
        rows = AnalysisBatch()
        for op in (it.labels_to_ids, it.model_fwd, it.logit_diffs):
            rows = op(module=self, analysis_batch=rows, batch=batch, batch_idx=batch_idx)
        yield from self.analysis_cfg.save_batch(rows, batch, tokenizer=self.datamodule.tokenizer)


def stumble(batch_idx):
    """Fail at the fourth batch as a file says, if there is one: trouble from outside, of which no key can know."""
    sign = Path(os.environ["STUMBLE"])
    if batch_idx == 3 and sign.exists():
        raise {"error": RuntimeError, "interrupt": KeyboardInterrupt}[sign.read_text()]("as the test asked for")


class Stumbling(Manual):
    def analysis_step(self, batch, batch_idx, dataloader_idx=0):
        stumble(batch_idx)
        yield from super().analysis_step(batch, batch_idx)


class SwitchingOff(Manual):
    def analysis_step(self, batch, batch_idx, dataloader_idx=0):
        if batch_idx == 2:
            enable_analysisstore_caching(False)
        yield from super().analysis_step(batch, batch_idx)


class Generating(Module):
    def analysis_step(self, batch, batch_idx, dataloader_idx=0):
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        tokens = self.it_generate(inputs, **self.it_cfg.generative_step_cfg.lm_generation_cfg.generate_kwargs)
        rows = AnalysisBatch(drawn=tokens[:, -1])
        yield from self.analysis_cfg.save_batch(rows, batch, tokenizer=self.datamodule.tokenizer)


def config_of(adapter: str, variant: dict, tokens: PreTrainedTokenizerFast):
    shared = {
        "task_name": variant.get("task_name", "tests"),
        "model_name_or_path": str(model_directory(variant)),
        "tokenizer": tokens,
        "classification_mapping": ("Yes", "No"),
        "generative_step_cfg": GenerativeClassificationConfig(
            enabled=True,
            lm_generation_cfg=CoreGenerationConfig(**{"max_new_tokens": 1, **variant.get("generation", {})}),
        ),
        "core_log_dir": str(WORKDIR / variant.get("log_dir", "log")),
        "log_to_stream": False,
        "log_to_file": False,
        "log_env_details": False,
        "logging_level": "ERROR",
    }
    if variant.get("other_order"):
        shared = dict(reversed(shared.items()))
    loading = HFFromPretrainedConfig(
        pretrained_kwargs={"device_map": "cpu", "dtype": "float32"}, model_head="transformers.GPT2LMHeadModel"
    )
    if adapter == "core":
        return ITConfig(hf_from_pretrained_cfg=loading, **shared)
    if adapter == "nnsight":
        from interpretune.config.nnsight import ITNNsightConfig, NNsightConfig

        return ITNNsightConfig(
            nnsight_cfg=NNsightConfig(model_name=shared["model_name_or_path"], device_map="cpu"), **shared
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
            "apply_b_dec_to_input": False, "normalize_activations": "none",
            "reshape_activations": "hook_z" if variant.get("heads") else "none",
            "metadata": {
                "model_name": "tiny",
                "hook_name": "blocks.0.attn.hook_z" if variant.get("heads") else "blocks.0.hook_resid_pre",
                "prepend_bos": False,
            },
        }
    )  # fmt: skip
    bridge = "bridge" in adapter
    lens = (
        {"tl_cfg": ITLensBridgeConfig(device="cpu", **variant.get("bridge", {})), "hf_from_pretrained_cfg": loading}
        if bridge
        else {"tl_cfg": custom}
    )
    if "sae" in adapter:
        return SAELensConfig(use_bridge=bridge, sae_cfgs=[latent], **lens, **shared)
    return ITLensConfig(**lens, **shared)


def build(adapter: str, variant: dict) -> ITSession:
    """Make a session as a variant says."""
    hooked, bridge = "hooked" in adapter, "bridge" in adapter
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
    torch.manual_seed(0)
    session = ITSession(
        ITSessionConfig(
            adapter_ctx=ADAPTERS[adapter],
            datamodule_cfg=data_cfg,
            module_cfg=config_of(adapter, variant, tokens),
            datamodule_cls=Data,
            module_cls=globals()[variant.get("module", "Module")],
        )
    )
    module = session.module
    with torch.no_grad():
        for handle in getattr(module, "sae_handles", ()):
            for name, parameter in sorted(handle.named_parameters()):
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))))
            handle.W_enc[0, 0] += float(variant.get("sae_weight", 0))
        if variant.get("weight"):
            sorted(module.model.named_parameters())[0][1].view(-1)[0] += 1
    if variant.get("dropout"):
        module.model.train()
    if "attention" in variant:
        module.model.set_attn_implementation(variant["attention"])
    for name, value in variant.get("attributes", {}).items():
        setattr(module, name, value)
    if variant.get("used"):
        with torch.no_grad():
            module.model.run_with_cache_with_saes(torch.tensor([[3, 4, 5]]), saes=module.sae_handles)
    return session
