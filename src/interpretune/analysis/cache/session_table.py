"""The session table: which field of a host session counts, into which component, and which is noise, with the reason.

This is the one place where that is decided; `session` applies it, and the documentation prints it. A field is written
as it is reached from the session's ``module`` and ``datamodule``, from the active analysis config (``cfg``), its ``op``
and the arguments of the run (``run``). A ``*`` at the end stands for any ending.

What is not in the table: every other field of a *config* counts, into the component of that config, so that a field
which a later host adds cannot produce a stale hit. Every other attribute of the *module* and the *data module* counts
if code that takes part reads an attribute of that name (the user's classes, the ops and what they call, the host).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["NOISE", "TABLE", "UNREAD", "Row", "row_of", "session_table_markdown"]

#: Stands in the place of a component for what does not count.
NOISE = "noise"
#: The same for what counts only where the user's code reads it while a batch is computed.
UNREAD = "noise unless read"


@dataclass(frozen=True)
class Row:
    """One field of a session.

    Args:
        field: the dotted field; ``*`` at its end stands for any ending.
        component: the component that it feeds, or `NOISE` or `UNREAD`.
        reason: why, in a few words, for people.
    """

    field: str
    component: str
    reason: str


def _rows(component: str, reason: str, *fields: str) -> Iterator[Row]:
    return (Row(field, component, reason) for field in fields)


_MADE_MODEL = "says how the model was made; the model itself counts"
_MADE_ROWS = "says how the rows were made; the rows themselves count"
_MADE_TOKENIZER = "says how the tokenizer was made; the tokenizer itself counts"
_TRAINING = "belongs to training; an analysis does not train"
_LOGGING = "says what is logged and where"
_PLACE = "says where something lies"
_LABEL = "a label for people"
_BOOKKEEPING = "the host's own bookkeeping"
_RESOLVED = "what the host made of it counts"

TABLE: tuple[Row, ...] = (
    # ---------------------------------------------------------------------------------------------------- the module
    Row("module.model", "model", "weights, structure, config, training flags and hooks of the model"),
    Row("module.saes", "latent_models", "each SAE or transcoder: config, weights, reshaping, order"),
    Row("module.it_cfg", "session.it_cfg", "its fields, one by one, see below"),
    Row(
        "module.<classes>",
        "session.code",
        "the user's classes among its bases, with `on_analysis_epoch_end` and the like",
    ),
    Row("module.<composition>", "session.composition", "the adapters that the host composed, and the model's back end"),
    *_rows("session.composition", "which back end runs the model", "module._model_backend", "module._analysis_backend"),
    *_rows(
        NOISE,
        _BOOKKEEPING,
        "module._it_state",
        "module._current_fx_name",
        "module._cached_mro",
        "module._enabled_overrides",
        "module._supported_helper_attrs",
        "module._logged_metrics",
        "module._generated_*",
        "module._prev_grad_enabled",
        "module._gen_sig_keys",
        "module._log_hyperparams",
        "module._hparams*",
        "module.extensions_context",
        "module.prepare_data_per_node",
        "module.allow_zero_length_dataloader_with_multiple_devices",
    ),
    Row("module.analysis_run_cfg", "run.arguments", "those of its fields that your code reads, such as a limit"),
    *_rows(NOISE, "Lightning's own bookkeeping", "module._trainer", "module._fabric*", "module._example_input_array"),
    Row("module._parameters", "session.attributes", "tensors that the module holds beside the model"),
    Row("module._buffers", "session.attributes", "tensors that the module holds beside the model"),
    Row("module._modules", "session.attributes", "modules that the module holds beside the model, if they are read"),
    Row("module.training", UNREAD, "the flags of the model's own modules count"),
    *_rows(
        NOISE,
        "torch's own bookkeeping",
        "module._non_persistent_buffers_set",
        "module._is_full_backward_hook",
        "module._compiled_call_impl",
        "module._state_dict_*",
        "module._load_state_dict_*",
    ),
    *_rows(
        "session.attributes",
        "hooks left registered on the module itself",
        "module._forward_*",
        "module._backward_*",
    ),
    # ------------------------------------------------------------------------------------------------- module.it_cfg
    Row("module.it_cfg.analysis_cfg", NOISE, "the active analysis config counts by itself, as `cfg`"),
    Row("module.it_cfg.tokenizer", "data.tokenizer", "vocabulary, padding side, special tokens, input names"),
    Row("module.it_cfg.generative_step_cfg", "generation", "whether a step generates, and how"),
    *_rows(
        UNREAD,
        _MADE_MODEL,
        "module.it_cfg.model_name_or_path",
        "module.it_cfg.model_class",
        "module.it_cfg.model_cfg",
        "module.it_cfg.hf_from_pretrained_cfg",
        "module.it_cfg.tl_cfg",
        "module.it_cfg.use_bridge",
        "module.it_cfg._load_from_pretrained",
        "module.it_cfg.defer_model_init",
        "module.it_cfg.auto_comp_cfg",
        "module.it_cfg.os_env_model_auth_key",
    ),
    *_rows(
        UNREAD,
        "says how the latent models were made; they themselves count",
        "module.it_cfg.sae_cfgs",
        "module.it_cfg.add_saes_on_init",
    ),
    *_rows(
        UNREAD,
        _MADE_TOKENIZER,
        "module.it_cfg.tokenizer_name",
        "module.it_cfg.tokenizer_kwargs",
        "module.it_cfg.tokenizer_id_overrides",
    ),
    *_rows(
        UNREAD,
        _TRAINING,
        "module.it_cfg.optimizer_init",
        "module.it_cfg.lr_scheduler_init",
        "module.it_cfg.pl_lrs_cfg",
    ),
    *_rows(
        UNREAD,
        _LOGGING,
        "module.it_cfg.core_log_dir",
        "module.it_cfg.log_env_details",
        "module.it_cfg.log_to_stream",
        "module.it_cfg.log_to_file",
        "module.it_cfg.logging_level",
    ),
    *_rows(UNREAD, _LABEL, "module.it_cfg.experiment_tag", "module.it_cfg.task_name"),
    *_rows(
        UNREAD,
        "an extension that watches a run and changes no row",
        "module.it_cfg.debug_lm_cfg",
        "module.it_cfg.memprofiler_cfg",
        "module.it_cfg.neuronpedia_cfg",
    ),
    # ----------------------------------------------------------------------------------------------- the data module
    Row("datamodule.<test_dataloader>", "data", "rows, batch size, order, `drop_last`, collate function"),
    Row("datamodule.tokenizer", "data.tokenizer", "vocabulary, padding side, special tokens, input names"),
    Row("datamodule.itdm_cfg", "session.itdm_cfg", "its fields, one by one, see below"),
    Row(
        "datamodule.<methods>",
        "session.code",
        "methods of the user's data module, and of the user's classes of configs, that code taking part names",
    ),
    Row("datamodule.dataset", UNREAD, "the rows that the runner goes through count, as the loader gives them"),
    Row("datamodule.data_collator", UNREAD, "the loader's collate function counts"),
    *_rows(NOISE, _BOOKKEEPING, "datamodule._module", "datamodule._current_fx_name", "datamodule.trainer"),
    *_rows(
        NOISE,
        "Lightning's own bookkeeping",
        "datamodule._log_hyperparams",
        "datamodule._hparams*",
        "datamodule.prepare_data_per_node",
        "datamodule.allow_zero_length_dataloader_with_multiple_devices",
    ),
    # ------------------------------------------------------------------------------------------- datamodule.itdm_cfg
    Row("datamodule.itdm_cfg.tokenizer", "data.tokenizer", "vocabulary, padding side, special tokens, input names"),
    Row("datamodule.itdm_cfg.prompt_cfg", "session.itdm_cfg", "a step may build prompts with it while it runs"),
    *_rows(
        UNREAD,
        _MADE_ROWS,
        "datamodule.itdm_cfg.remove_unused_columns",
        "datamodule.itdm_cfg.text_fields",
        "datamodule.itdm_cfg.signature_columns",
        "datamodule.itdm_cfg.prepare_data_map_cfg",
        "datamodule.itdm_cfg.cust_tokenization_pattern",
        "datamodule.itdm_cfg.max_seq_length",
        "datamodule.itdm_cfg.tokenizers_parallelism",
    ),
    Row("datamodule.itdm_cfg.data_collator_cfg", UNREAD, "the loader's collate function counts"),
    Row("datamodule.itdm_cfg.dataloader_kwargs", UNREAD, "workers and pinned memory change no row; the loader counts"),
    *_rows(
        UNREAD,
        _MADE_TOKENIZER,
        "datamodule.itdm_cfg.tokenizer_name",
        "datamodule.itdm_cfg.tokenizer_kwargs",
        "datamodule.itdm_cfg.tokenizer_id_overrides",
        "datamodule.itdm_cfg.special_tokens_dict",
        "datamodule.itdm_cfg.local_fast_tokenizer_path",
    ),
    *_rows(
        UNREAD,
        _MADE_MODEL,
        "datamodule.itdm_cfg.model_name_or_path",
        "datamodule.itdm_cfg.os_env_model_auth_key",
        "datamodule.itdm_cfg.defer_model_init",
    ),
    Row("datamodule.itdm_cfg.dataset_path", UNREAD, _PLACE),
    Row("datamodule.itdm_cfg.enable_datasets_cache", UNREAD, "says whether results are kept, not what they are"),
    Row("datamodule.itdm_cfg.train_batch_size", UNREAD, _TRAINING),
    Row("datamodule.itdm_cfg.task_name", UNREAD, _LABEL),
    # ---------------------------------------------------------------------------------------- cfg, the analysis config
    Row("cfg.input_store", "inputs.store", "content of the store that the op reads: the output of another op, often"),
    Row("cfg.batch_inputs", "inputs.batch", "values for the batches"),
    Row("cfg.run_inputs", "inputs.run", "values for the run"),
    Row("cfg.names_filter", "hooks.names", "sorted names of the hooks that it selects, in whichever form it was given"),
    Row("cfg.fwd_hooks", "hooks.forward", "the host's default hooks by name, others by their code"),
    Row("cfg.bwd_hooks", "hooks.backward", "the host's default hooks by name, others by their code"),
    Row("cfg._canonical_to_alias_names", "hooks.names", "names under which a bridge's activations are stored"),
    Row("cfg.output_schema", "op.schema", "columns of the rows, and how they are formatted"),
    Row("cfg.save_prompts", "run.analysis_cfg", "whether the rows hold the prompts"),
    Row("cfg.save_tokens", "run.analysis_cfg", "whether the rows hold the tokens"),
    Row("cfg.decode_kwargs", "run.analysis_cfg", "how prompts are decoded"),
    Row("cfg.auto_prune_batch_encoding", "run.analysis_cfg", "which columns of a batch reach the model"),
    *_rows(UNREAD, _RESOLVED, "cfg.target_op", "cfg.latent_analysis_targets", "cfg.ignore_manual"),
    *_rows(UNREAD, "the step that runs counts, as `run.step`", "cfg.step_fn", "cfg._original_step_fn"),
    Row("cfg._op", "op.implementation", "see `op` below"),
    Row("cfg.name", UNREAD, _LABEL),
    *_rows(NOISE, _BOOKKEEPING, "cfg.output_store", "cfg.cache_dict", "cfg._applied_to", "cfg._op_states"),
    # ------------------------------------------------------------------------------------------------------------ op
    Row("op._impl", "op.implementation", "code of the implementation and of what it calls, not its name"),
    Row("op.composition", "op.implementation", "the members of a composite, in order, each like an op"),
    Row("op.<required>", "op.implementation", "ops that the implementation calls by name, also through others"),
    Row("op.impl_params", "op.parameters", "bound values, and the code of importable parameters"),
    Row("op.input_schema", "op.schema", "columns that it reads, with their defaults"),
    Row("op.output_schema", "op.schema", "columns that it writes"),
    Row("op.op_state", "op.traits", "state that it carries from batch to batch"),
    Row("op.requires_grad", "op.traits", "whether gradients are computed"),
    Row("op.uses_default_hooks", "op.traits", "whether the host's caching hooks are put in place"),
    Row("op.per_latent_preds", "op.traits", "how predictions are joined"),
    Row("op.required_capabilities", "op.traits", "what the op asks of the model's back end"),
    *_rows(NOISE, _LABEL, "op.name", "op.description", "op.composition_name", "op._aliases"),
    *_rows(NOISE, "names the place of the op while it runs", "op._ctx_key"),
    Row("op.protocol_cls", NOISE, "says which attributes the store offers; the rows are the same"),
    # ----------------------------------------------------------------------------------------------------------- run
    Row("run.step", "run.step", "the step that runs: generated from the op, or the user's own by its code"),
    Row("run.split", "run.split", "name of the split of the result"),
    Row("run.max_epochs", "run.max_epochs", "how often the loader is gone through"),
    Row("run.limit_analysis_batches", "run.limit", "only where batches depend on each other; else a slice is taken"),
    Row("run.global_step", "run.counters", "where code that takes part reads it"),
    Row("run.current_epoch", NOISE, "set by the run itself"),
    Row("run.features", "schema", "features of the rows"),
    Row("run.col_cfg", "schema.format", "how the rows are formatted when they are read"),
    *_rows(NOISE, _PLACE, "run.cache_dir", "run.op_output_dataset_path"),
    *_rows(
        NOISE, "limits of other phases", "run.limit_train_batches", "run.limit_val_batches", "run.limit_test_batches"
    ),
    Row("run.artifact_cfg", NOISE, "says what is drawn from the result"),
)


@lru_cache(maxsize=1)
def _index() -> tuple[dict[str, Row], tuple[tuple[str, Row], ...]]:
    exact = {row.field: row for row in TABLE if not row.field.endswith("*")}
    return exact, tuple((row.field[:-1], row) for row in TABLE if row.field.endswith("*"))


def row_of(field: str) -> Row | None:
    """Give the row of a dotted field, or None where the table does not name it."""
    exact, beginnings = _index()
    found = exact.get(field)
    return found or next((row for beginning, row in beginnings if field.startswith(beginning)), None)


def session_table_markdown() -> str:
    """Give the table as Markdown, for the documentation: what counts, by component, and then what does not."""
    counted = [row for row in TABLE if row.component not in (NOISE, UNREAD)]
    lines = ["| field | component | what of it |", "|---|---|---|"]
    lines += [f"| `{row.field}` | `{row.component}` | {row.reason} |" for row in counted]
    for kind, title in ((UNREAD, "counts only where your code reads it for a batch"), (NOISE, "does not count")):
        reasons: dict[str, list[str]] = {}
        for row in TABLE:
            if row.component == kind:
                reasons.setdefault(row.reason, []).append(f"`{row.field}`")
        lines += ["", f"| {title} | as |", "|---|---|"]
        lines += [f"| {', '.join(fields)} | {reason} |" for reason, fields in reasons.items()]
    return "\n".join(lines) + "\n"
