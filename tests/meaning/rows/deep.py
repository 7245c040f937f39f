"""Rows about models, tokenizers, data loaders, numerics and randomness: the run with a tiny GPT-2 in it."""

from functools import partial

from ..table import do, edit, mutation, noop

MODEL = "inputs.model*"
HEAD = "inputs.head*"
TOKENIZER = ("inputs.tokenizer*", "data*")


def seen(group, name, lines, names, part="", base="", **more):
    mutation(group, name, "deep", do(lines), base=_base(base), names=names, part=part, **more)


def kept(group, name, lines, base="", **more):
    noop(group, name, "deep", do(lines), base=_base(base), **more)


def _base(lines):
    return tuple(do(text) for text in ([lines] if isinstance(lines, str) else lines) if text)


models = partial(seen, "models")
same = partial(kept, "models")
ATTENTION = "model.transformer.h[0].attn"
WEIGHT = f"{ATTENTION}.c_attn.weight"

models("one weight", f"{WEIGHT}.data[0, 0] += 1", MODEL, part="h.0.attn.c_attn.weight")
models(
    "one weight by the smallest step",
    f"torch.nn.utils.vector_to_parameters(torch.nextafter(torch.nn.utils.parameters_to_vector([{WEIGHT}]), torch.tensor(9.0)), [{WEIGHT}])",
    MODEL,
    part="h.0.attn.c_attn.weight",
)
models("one weight under no_grad", f"with torch.no_grad():\n    {WEIGHT}[3, 3] = 0.5", MODEL, part="c_attn.weight")
models(
    "the sign of a zero weight",
    f"{WEIGHT}.data[0, 0] = -0.0",
    MODEL,
    base=f"{WEIGHT}.data[0, 0] = 0.0",
    part="c_attn.weight",
)
models("a weight through a tied name", "model.lm_head.weight.data[0, 0] += 1", MODEL)
models("a weight through numpy", f"{WEIGHT}.detach().numpy()[1, 1] = 7", MODEL, part="c_attn.weight")
models(
    "two weights swapped",
    """
        a, b = model.transformer.h
        a.attn.c_attn.weight, b.attn.c_attn.weight = b.attn.c_attn.weight, a.attn.c_attn.weight
        """,
    MODEL,
    part="c_attn.weight",
)
models("two layers swapped", "model.transformer.h = torch.nn.ModuleList(reversed(model.transformer.h))", MODEL)
models("a layer taken away", "del model.transformer.h[1]", MODEL)
models("a layer twice", "model.transformer.h.append(model.transformer.h[0])", MODEL)
models("a layer made an identity", "model.transformer.h[0].mlp = torch.nn.Identity()", MODEL)
models("another seed", "model = build_model(seed=1); session.model = model", MODEL)
models("a weight's type", "model.half()", MODEL)
models("a weight's type of equal values", "head.linear.double()", HEAD, part="linear.weight")
models(
    "a weight's shape of equal bytes",
    "head.linear.weight = torch.nn.Parameter(head.linear.weight.detach().reshape(16, 4).contiguous())",
    HEAD,
    part="linear.weight",
)
models("a bias taken away", "head.linear.bias = None", HEAD, base="head.linear.bias.data.zero_()")
models("a parameter added", "head.extra = torch.nn.Parameter(torch.ones(1))", HEAD, part="extra")
models("a buffer", "head.norm.running_mean[0] = 1", HEAD, part="running_mean")
models("a buffer that is not saved", "head.mask[0] = 0.5", HEAD, part="mask")
models(
    "a tensor that is no buffer",
    "head.direction = torch.tensor([1.0, 2.5])",
    HEAD,
    base="head.direction = torch.tensor([1.0, 2.0])",
    part="direction",
)
models(
    "a list of tensors",
    "head.directions = [torch.ones(2), torch.ones(3)]",
    HEAD,
    base="head.directions = [torch.ones(2), torch.zeros(3)]",
    part="directions",
)
models("a plain attribute", "head.temperature = 3.0", HEAD, part="temperature")
models("a function held as an attribute", "head.activation = torch.sigmoid", HEAD, part="activation")
models("the epsilon of a norm", "model.transformer.ln_f.eps = 1e-3", MODEL, part="eps")
models("the number of heads", f"{ATTENTION}.num_heads = 4; {ATTENTION}.head_dim = 4", MODEL, part="num_heads")
models("the scaling of attention", f"{ATTENTION}.scale_attn_weights = False", MODEL, part="scale_attn_weights")
models("an activation module", "model.transformer.h[0].mlp.act = torch.nn.ReLU()", MODEL, part="act")
models("a field of the model's config", "model.config.output_hidden_states = True", MODEL, part="output_hidden_states")
models("a field of the config that the forward reads", "model.config.use_cache = False", MODEL, part="use_cache")
models("a class attribute of the head's class", "Head.factor = 3", HEAD, base="Head.factor = 2")
models("the forward of the head's class, replaced at run time", "Head.forward = lambda self, hidden: hidden", HEAD)
models(
    "the forward of one object, replaced",
    """
        import types
        head.forward = types.MethodType(lambda self, hidden: self.linear(hidden), head)
        """,
    HEAD,
)
models(
    "the forward of one submodule, replaced", "model.transformer.h[0].mlp.forward = lambda states: states * 2", MODEL
)
models(
    "the forward of an installed class, replaced at run time",
    """
        from transformers.models.gpt2 import modeling_gpt2
        modeling_gpt2.GPT2MLP.forward = lambda self, states: states * 2
        """,
    MODEL,
)
models("a forward hook", "head.linear.register_forward_hook(lambda module, args, out: out * 0)", HEAD)
models("a forward pre-hook", "head.linear.register_forward_pre_hook(lambda module, args: (args[0] * 0,))", HEAD)
models(
    "a forward hook of the model's layer",
    "model.transformer.h[1].register_forward_hook(lambda module, args, out: out)",
    MODEL,
)
models(
    "a hook with keyword arguments",
    "model.transformer.h[1].register_forward_pre_hook(lambda module, args, kwargs: (args, kwargs), with_kwargs=True)",
    MODEL,
)
models("a backward hook", "head.linear.register_full_backward_hook(lambda module, into, out: None)", HEAD)
models("the order of two hooks", "head.linear._forward_hooks.move_to_end(first.id)", HEAD,
       base="""
        first = head.linear.register_forward_hook(lambda module, args, out: out + 1)
        second = head.linear.register_forward_hook(lambda module, args, out: out * 2)
        """)  # fmt: skip
models(
    "a parametrization",
    """
        class Twice(torch.nn.Module):
            def forward(self, weight):
                return weight * 2
        torch.nn.utils.parametrize.register_parametrization(head.linear, 'weight', Twice())
        """,
    HEAD,
)
models("weight norm", "torch.nn.utils.parametrizations.weight_norm(head.linear)", HEAD)
models("dropout made active", "head.dropout.train()", (HEAD, "rng*"))
models("dropout's probability while it is active", "head.dropout.p = 0.5", HEAD, base="head.dropout.train()", part="p")
models("batch norm's training", "head.norm.train()", HEAD)
models("the whole model's training", "model.train()", (MODEL, "rng*"))
models(
    "attention's implementation",
    "model.set_attn_implementation('eager')",
    (MODEL, "numerics*"),
    part="attn_implementation",
)
models(
    "an adapter (LoRA)",
    """
        import peft
        model = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=['c_attn'], fan_in_fan_out=True, init_lora_weights=False)).eval(); session.model = model
        """,
    (MODEL, "runtime.peft"),
    needs="peft",
)
LORA = """
        import peft
        torch.manual_seed(3)
        model = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=['c_attn'], fan_in_fan_out=True, init_lora_weights=False)).eval(); session.model = model
        model.add_adapter('second', peft.LoraConfig(r=2, target_modules=['c_attn'], fan_in_fan_out=True, init_lora_weights=False)); model.eval()
        """
models("the active adapter", "model.set_adapter('second')", MODEL, needs="peft", base=LORA)
models(
    "an adapter's scaling",
    "model.base_model.model.transformer.h[0].attn.c_attn.scaling['default'] = 9.0",
    MODEL,
    needs="peft",
    base=LORA,
    part="scaling",
)
models(
    "an adapter's weight",
    "model.base_model.model.transformer.h[0].attn.c_attn.lora_A['default'].weight.data[0, 0] += 1",
    MODEL,
    needs="peft",
    base=LORA,
    part="lora_A",
)
models("adapters switched off", "model.base_model.disable_adapter_layers()", MODEL, needs="peft", base=LORA)
QUANTIZED = """
        from torch.ao.quantization import quantize_dynamic
        head = quantize_dynamic(head, {torch.nn.Linear}, dtype=torch.qint8)
        """
models(
    "a quantised weight",
    "head.linear.set_weight_bias(torch.quantize_per_tensor(torch.ones(4, 16), 0.1, 0, torch.qint8), head.linear.bias())",
    HEAD,
    base=QUANTIZED,
)
models(
    "a quantised weight's scale",
    """
        w = head.linear.weight()
        head.linear.set_weight_bias(torch._make_per_tensor_quantized_tensor(w.int_repr(), w.q_scale() * 2, w.q_zero_point()), head.linear.bias())
        """,
    HEAD,
    base=QUANTIZED,
)
models(
    "the order of a parameter list",
    "head.pair = torch.nn.ParameterList(reversed(list(head.pair)))",
    HEAD,
    base="head.pair = torch.nn.ParameterList([torch.zeros(1), torch.ones(1)])",
)
models("a module in a plain list", """
        head.others = [torch.nn.Linear(2, 2)]
        torch.nn.init.ones_(head.others[0].weight); torch.nn.init.ones_(head.others[0].bias)
        """, HEAD,
       base="""
        head.others = [torch.nn.Linear(2, 2)]
        torch.nn.init.ones_(head.others[0].weight); torch.nn.init.zeros_(head.others[0].bias)
        """)  # fmt: skip
models(
    "a strided weight's own values",
    "head.linear.weight.data = torch.arange(128.0)[::2].reshape(4, 16)",
    HEAD,
    base="head.linear.weight.data = torch.arange(64.0).reshape(4, 16)",
    part="linear.weight",
)
models(
    "a complex number's imaginary part",
    "head.wave = torch.tensor([1 + 2j])",
    HEAD,
    base="head.wave = torch.tensor([1 + 1j])",
    part="wave",
)
models(
    "a tensor conjugated lazily",
    "head.wave = torch.tensor([1 + 2j]).conj()",
    HEAD,
    base="head.wave = torch.tensor([1 + 2j])",
    part="wave",
)
models(
    "a sparse tensor's place",
    "head.sparse = torch.sparse_coo_tensor([[1]], [2.0], (4,))",
    HEAD,
    base="head.sparse = torch.sparse_coo_tensor([[2]], [2.0], (4,))",
    part="sparse",
)
models(
    "bfloat16 for float16 of equal bytes",
    "head.half = torch.zeros(3, dtype=torch.bfloat16)",
    HEAD,
    base="head.half = torch.zeros(3, dtype=torch.float16)",
    part="half",
)

for title, old, new, part in [
    (
        "the forward of the head's class",
        "self.linear(hidden)) / self.temperature",
        "self.linear(hidden)) * self.temperature",
        "forward",
    ),
    ("what the head's __init__ sets", "temperature=2.0", "temperature=2.5", "temperature"),
    ("a dropout probability that is not active", "nn.Dropout(0.1)", "nn.Dropout(0.2)", ""),
]:
    if part:
        mutation("models", title, "deep", edit("deep.py", old, new), names=HEAD, part=part)
noop(
    "models",
    "the docstring of the head's forward",
    "deep",
    edit("deep.py", '"""Give four numbers for each position\'s state."""', '"""Give numbers."""'),
)

same("a gradient", "model(torch.tensor([[1, 2]])).logits.sum().backward(); head(torch.ones(2, 16)).sum().backward()")
same(
    "a forward",
    """
        with torch.no_grad():
            model(torch.tensor([[1, 2, 3]]), output_hidden_states=True); head(torch.ones(2, 16))
        """,
)
same("a forward of the step", "make_deep_step(session, head)(next(iter(loader)), 0)")
same("a generation", "model.generate(torch.tensor([[1, 2]]), max_new_tokens=3, do_sample=False, pad_token_id=0)")
same(
    "a generation that sampled",
    """
        state = torch.get_rng_state()
        model.generate(torch.tensor([[1, 2]]), max_new_tokens=3, do_sample=True, pad_token_id=0)
        torch.set_rng_state(state)
        """,
)
same("requires_grad", "model.requires_grad_(False); head.requires_grad_(False)")
same("train and back", "model.train(); model.eval(); head.train(); head.eval()")
same("eval once more", "model.eval(); head.eval()")
same(
    "a hook added and removed",
    "model.transformer.h[0].register_forward_hook(print).remove(); head.register_forward_pre_hook(print).remove()",
)
same("a version counter", "model.transformer.wte.weight.data.add_(0); head.mask.mul_(1)")
same("a weight that is not contiguous", f"{WEIGHT}.data = {WEIGHT}.data.t().contiguous().t()")
same(
    "a weight that is a view of a larger storage",
    """
        big = torch.zeros(4, 32)
        big[:, 8:24] = head.linear.weight.data
        head.linear.weight.data = big[:, 8:24]
        """,
)
same(
    "a weight at an offset",
    """
        big = torch.zeros(100)
        big[7:71] = head.linear.weight.data.flatten()
        head.linear.weight.data = big[7:71].view(4, 16)
        """,
)
same("a weight broadcast", "head.mask = torch.ones(1).expand(4)", base="head.mask = torch.ones(4)")
same(
    "tied weights made separate copies",
    "model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())",
)
same(
    "a parameter exchanged for an equal one",
    "head.linear.weight = torch.nn.Parameter(head.linear.weight.detach().clone())",
)
same("weights in shared memory", "model.share_memory(); head.share_memory()")
same("built a second time", "model = build_model(); head = build_head(); session = Session(cfg, model, tokenizer)")
same(
    "copied",
    """
        import copy
        model = copy.deepcopy(model); head = copy.deepcopy(head); session.model = model
        """,
)
same(
    "copied, and the copy thrown away",
    """
        import copy
        copy.deepcopy(model); copy.deepcopy(head)
        """,
)
same(
    "pickled, and thrown away",
    """
        import pickle
        pickle.dumps(model); pickle.dumps(head)
        """,
)
same(
    "pickled and loaded",
    """
        import pickle
        model = pickle.loads(pickle.dumps(model)); session.model = model
        """,
)
same("saved with torch.save", "torch.save(model.state_dict(), 'a.pt'); torch.save(head, 'b.pt')")
same(
    "saved with torch.save and loaded",
    "torch.save(model.state_dict(), 'a.pt'); model = build_model(seed=9); model.load_state_dict(torch.load('a.pt')); session.model = model",
)
same(
    "loaded mapped from a file",
    "torch.save(model.state_dict(), 'a.pt'); model = build_model(seed=9); model.load_state_dict(torch.load('a.pt', mmap=True), assign=True); model.tie_weights(); session.model = model",
)
same(
    "saved as safetensors and loaded",
    "model.save_pretrained('saved'); model = GPT2LMHeadModel.from_pretrained('saved').eval(); session.model = model",
)
same(
    "saved in shards and loaded",
    "model.save_pretrained('saved', max_shard_size='10KB'); model = GPT2LMHeadModel.from_pretrained('saved').eval(); session.model = model",
)
same(
    "loaded from two directories",
    "model.save_pretrained('other/place'); model = GPT2LMHeadModel.from_pretrained('other/place').eval(); session.model = model",
    base="model.save_pretrained('saved'); model = GPT2LMHeadModel.from_pretrained('saved').eval(); session.model = model",
)
same("moved to where it is", "model.to('cpu'); head.to('cpu').float()")
same("compiled, not yet called", "model = torch.compile(model); session.model = model")
same("compiled in place", "head.compile()")
same("the name it was loaded from", "model.config._name_or_path = '/elsewhere'; model.name_or_path = '/elsewhere'")
same("the salted hash in its generation config", "model.generation_config._original_object_hash = 12345")
same("gradients zeroed", "model.zero_grad(set_to_none=False)")
same(
    "parts named, counted and printed",
    "repr(model); list(model.named_modules()); sum(p.numel() for p in model.parameters()); model.num_parameters(); model.get_input_embeddings(); model.device; model.dtype",
)
same("a state dict taken", "model.state_dict(); head.state_dict()")
same(
    "a state dict loaded that is its own",
    "model.load_state_dict(model.state_dict()); head.load_state_dict(head.state_dict())",
)
same("the grad mode", "torch.set_grad_enabled(False)")
same("inference mode", "guard = torch.inference_mode(); guard.__enter__()")
same(
    "a parametrization added and removed",
    """
        class Same(torch.nn.Module):
            def forward(self, weight):
                return weight
        torch.nn.utils.parametrize.register_parametrization(head.linear, 'weight', Same())
        torch.nn.utils.parametrize.remove_parametrizations(head.linear, 'weight')
        """,
)
same("a buffer added and removed", "head.register_buffer('late', torch.ones(1)); del head.late")
same(
    "channels last",
    """
        head.conv = torch.nn.Conv2d(2, 2, 3)
        for p in head.conv.parameters():
            p.data.fill_(1.5)
        head.conv = head.conv.to(memory_format=torch.channels_last)
        """,
    base="""
        head.conv = torch.nn.Conv2d(2, 2, 3)
        for p in head.conv.parameters():
            p.data.fill_(1.5)
        """,
)

same(
    "loaded by its class or by AutoModel",
    """
        from transformers import AutoModelForCausalLM
        model.save_pretrained('saved'); model = AutoModelForCausalLM.from_pretrained('saved').eval(); session.model = model
        """,
)
same(
    "a generation with a static cache",
    "model.generate(torch.tensor([[1, 2]]), max_new_tokens=3, do_sample=False, pad_token_id=0, cache_implementation='static')",
)
same(
    "checkpointing of gradients on and off",
    "model.gradient_checkpointing_enable(); model.gradient_checkpointing_disable()",
)
same("a hook on a parameter added and removed", f"{WEIGHT}.register_hook(lambda grad: grad * 0).remove()")
models("a hook on a parameter", f"{WEIGHT}.register_hook(lambda grad: grad * 0)", MODEL, part="c_attn.weight")
STEER = """
        class Steer:
            def __init__(self, by):
                self.by = by
                self.calls = 0
            def __call__(self, module, args, out):
                self.calls += 1
                return out + self.by
        head.linear.register_forward_hook(Steer(%s))
        """
models("what a hook object adds", STEER % "torch.ones(4)", HEAD, part="by", base=STEER % "torch.zeros(4)")
same("a hook object's counter", "head(torch.ones(2, 16)); head(torch.ones(2, 16))", base=STEER % "torch.ones(4)")
same("the handle of a hook kept", "head.handle = handle", base="""
        head.handle = handle = head.linear.register_forward_hook(lambda module, args, out: out * 2)
        """)  # fmt: skip
models("the order of a module dict", "head.heads = torch.nn.ModuleDict({'b': head.heads['b'], 'a': head.heads['a']})", HEAD,
       base="head.heads = torch.nn.ModuleDict({'a': torch.nn.ReLU(), 'b': torch.nn.Tanh()})", part="heads.keys()")  # fmt: skip
models("a function in a list", "head.steps = [torch.tanh]", HEAD, base="head.steps = [torch.relu]", part="steps[0]")
SPECTRAL = """
        torch.manual_seed(0)
        torch.nn.utils.parametrizations.spectral_norm(head.linear, n_power_iterations=%d)
        head.eval()
        """
models(
    "a setting of spectral norm",
    "head.linear.parametrizations.weight[0].n_power_iterations = 3",
    HEAD,
    base=SPECTRAL % 1,
)
same("spectral norm in a forward", "head(torch.ones(2, 16))", base=SPECTRAL % 1)
models("weights pruned", "torch.nn.utils.prune.l1_unstructured(head.linear, 'weight', amount=3)", HEAD, part="weight_mask",
       base="import torch.nn.utils.prune; torch.nn.utils.prune.l1_unstructured(head.linear, 'weight', amount=2)")  # fmt: skip
same("in data parallel", "head = torch.nn.DataParallel(head)")
same("quantised a second time", QUANTIZED.replace("head =", "again ="), base=QUANTIZED)
models(
    "the engine of quantised layers", "torch.backends.quantized.engine = 'qnnpack'", HEAD, base=QUANTIZED, part="engine"
)
same(
    "an adapter saved and loaded",
    """
        model.save_pretrained('adapter'); model = peft.PeftModel.from_pretrained(build_model(), 'adapter').eval(); session.model = model
        """,
    needs="peft",
    base="""
        import peft
        torch.manual_seed(3)
        model = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=['c_attn'], fan_in_fan_out=True, init_lora_weights=False)).eval(); session.model = model
        """,
)
same("adapters switched off for a while", """
        with model.disable_adapter():
            model(torch.tensor([[1, 2]]))
        """, needs="peft", base=LORA)  # fmt: skip

PIPELINE = """
        from transformers import pipeline
        head = pipeline('text-generation', model=build_model(seed=4), tokenizer=tokenizer, device='cpu')
        """
models("a weight in a pipeline", "head.model.transformer.ln_f.weight.data[0] += 1", HEAD, part="ln_f", base=PIPELINE)
same("a pipeline called", "head(['the cat'], max_new_tokens=2, do_sample=False)", base=PIPELINE)
same("hooks of accelerate added and removed", """
        from accelerate.hooks import ModelHook, add_hook_to_module, remove_hook_from_module
        add_hook_to_module(head, ModelHook())
        remove_hook_from_module(head)
        """, needs="accelerate")  # fmt: skip
CACHE = """
        head = model(torch.tensor([[1, %d]]), use_cache=True).past_key_values
        """
models("what a key-value cache holds", CACHE % 3, HEAD, base=CACHE % 2)
same("a key-value cache made a second time", CACHE % 2, base=CACHE % 2)

tokens = partial(seen, "tokenizers")
same_tokens = partial(kept, "tokenizers")
REMADE = "; session.tokenizer = tokenizer; loader = build_loader(tokenizer, dataset)"
STEP_TOO = (*TOKENIZER, "op.implementation*")
for title, lines in [
    ("a word of the vocabulary", "tokenizer = build_tokenizer([w.replace('sun', 'moon') for w in WORDS])" + REMADE),
    ("two words' numbers swapped", "tokenizer = build_tokenizer([*WORDS[:3], WORDS[4], WORDS[3], *WORDS[5:]])" + REMADE),
    ("a word added", "tokenizer.add_tokens(['planet'])"),
    ("a special token added", "tokenizer.add_special_tokens({'additional_special_tokens': ['<x>']})"),
    ("another padding token", "tokenizer.pad_token = '[UNK]'"),
    ("the padding side", "tokenizer.padding_side = 'left'"),
    ("the truncation side", "tokenizer.truncation_side = 'left'"),
    ("the longest input", "tokenizer.model_max_length = 4"),
    ("a normaliser", """
        from tokenizers.normalizers import Lowercase
        tokenizer.backend_tokenizer.normalizer = Lowercase()
        """),
    ("the pre-tokenizer", """
        from tokenizers.pre_tokenizers import WhitespaceSplit
        tokenizer.backend_tokenizer.pre_tokenizer = WhitespaceSplit()
        """),
    ("a template", """
        from tokenizers.processors import TemplateProcessing
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single='[UNK] $A', special_tokens=[('[UNK]', 1)])
        """),
    ("a decoder", """
        from tokenizers.decoders import WordPiece
        tokenizer.backend_tokenizer.decoder = WordPiece()
        """),
    ("a chat template", "tokenizer.chat_template = '{{ messages }}'"),
    ("the names of its outputs", "tokenizer.model_input_names = ['input_ids']"),
    ("a flag of an added token", """
        from transformers import AddedToken
        tokenizer.add_tokens([AddedToken('sun', single_word=True)])
        """),
    ("special tokens that are split", "tokenizer.split_special_tokens = True"),
]:  # fmt: skip
    tokens(title, lines, (*TOKENIZER, MODEL) if "Lowercase" in lines else TOKENIZER)
for title, lines in [
    ("called with padding and truncation", "tokenizer(['the cat', 'sun'], padding='max_length', truncation=True, max_length=5)"),
    ("called without padding", "tokenizer('the cat')"),
    ("its backend left padding and truncating", "tokenizer.backend_tokenizer.enable_padding(length=9); tokenizer.backend_tokenizer.enable_truncation(3)"),
    ("decoded, counted and printed", "tokenizer.decode([1, 2]); len(tokenizer); repr(tokenizer); tokenizer.get_vocab(); tokenizer.all_special_ids"),
    ("saved and loaded", "tokenizer.save_pretrained('saved'); tokenizer = PreTrainedTokenizerFast.from_pretrained('saved')" + REMADE),
    ("saved and loaded twice", """
        for place in ('one', 'two'):
            tokenizer.save_pretrained(place)
            tokenizer = PreTrainedTokenizerFast.from_pretrained(place)
        session.tokenizer = tokenizer; loader = build_loader(tokenizer, dataset)
        """),
    ("copied", "import copy\ntokenizer = copy.deepcopy(tokenizer)" + REMADE),
    ("pickled and loaded", "import pickle\ntokenizer = pickle.loads(pickle.dumps(tokenizer))" + REMADE),
    ("built a second time", "tokenizer = build_tokenizer()" + REMADE),
    ("the name it was loaded from", "tokenizer.name_or_path = '/elsewhere'"),
    ("the padding token set to what it is", "tokenizer.pad_token = '[PAD]'"),
    ("a batch collated", "next(iter(loader))"),
]:  # fmt: skip
    same_tokens(title, lines)

BERT = """
        import pathlib
        from transformers import BertTokenizer
        pathlib.Path('%s').mkdir(); pathlib.Path('%s/vocab.txt').write_text('\\n'.join(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '%s']))
        tokenizer = BertTokenizer('%s/vocab.txt')
        session.tokenizer = tokenizer; loader = build_loader(tokenizer, dataset)
        """
same_tokens(
    "made from files in another directory",
    BERT % ("two", "two", "sun", "two"),
    base=BERT % ("one", "one", "sun", "one"),
)
tokens(
    "a word in the file that it is made from",
    BERT % ("two", "two", "moon", "two"),
    TOKENIZER,
    base=BERT % ("one", "one", "sun", "one"),
)
same_tokens(
    "loaded by its class or by AutoTokenizer",
    """
        from transformers import AutoTokenizer
        tokenizer.save_pretrained('saved'); tokenizer = AutoTokenizer.from_pretrained('saved')
        """
    + REMADE[2:],
)
same_tokens(
    "used, saved and loaded",
    "tokenizer(['the cat', 'sun'], padding='max_length', truncation=True, max_length=5); tokenizer.save_pretrained('saved'); tokenizer = PreTrainedTokenizerFast.from_pretrained('saved')"
    + REMADE,
)

loads = partial(seen, "data loader")
same_loads = partial(kept, "data loader")
DATA = "data*"
loads("the batch size", "loader = build_loader(tokenizer, dataset, batch_size=3)", DATA, part="batch_size")
loads("the last batch dropped", "loader = build_loader(tokenizer, dataset, drop_last=True)", DATA, part="drop_last")
loads(
    "shuffling with a seeded generator",
    "loader = build_loader(tokenizer, dataset, shuffle=True, generator=torch.Generator().manual_seed(1))",
    DATA,
)
loads(
    "the seed of a shuffling loader",
    "loader = build_loader(tokenizer, dataset, shuffle=True, generator=torch.Generator().manual_seed(2))",
    DATA,
    base="loader = build_loader(tokenizer, dataset, shuffle=True, generator=torch.Generator().manual_seed(1))",
)
loads(
    "a generator that was drawn from",
    "loader.generator.manual_seed(1); torch.rand(3, generator=loader.generator)",
    DATA,
    base="loader = build_loader(tokenizer, dataset, shuffle=True, generator=torch.Generator().manual_seed(1))",
)
loads("shuffling without a seed", "loader = build_loader(tokenizer, dataset, shuffle=True)", (DATA, "rng*"))
loads(
    "the order of a sampler",
    "loader = build_loader(tokenizer, dataset, sampler=[3, 2, 1, 0])",
    DATA,
    base="loader = build_loader(tokenizer, dataset, sampler=[0, 1, 2, 3])",
)
loads(
    "the rows of a subset",
    "loader = build_loader(tokenizer, torch.utils.data.Subset(dataset, [0, 2]))",
    DATA,
    base="loader = build_loader(tokenizer, torch.utils.data.Subset(dataset, [0, 1]))",
)
loads(
    "the batches of a batch sampler",
    "loader = DataLoader(dataset, batch_sampler=[[0, 1], [2, 3]], collate_fn=Collate(tokenizer))",
    DATA,
    base="loader = DataLoader(dataset, batch_sampler=[[0], [1, 2, 3]], collate_fn=Collate(tokenizer))",
)
loads(
    "an argument of the collate function",
    "loader = build_loader(tokenizer, dataset, collate_fn=Collate(tokenizer, length=4))",
    DATA,
    part="length",
)
loads(
    "the collate function",
    "loader = build_loader(tokenizer, dataset, collate_fn=lambda rows: tokenizer([row['text'] for row in rows], padding=True, return_tensors='pt'))",
    DATA,
)
loads(
    "a cell of the dataset",
    "loader = build_loader(tokenizer, type(dataset).from_dict({**COLUMNS, 'label': [0, 0, 0, 0]}))",
    DATA,
    part="label",
)
mutation(
    "data loader",
    "the code of the collate class",
    "deep",
    edit("deep.py", 'row["text"].lower()', 'row["text"].upper()'),
    names=DATA,
    part="__call__",
)
loads(
    "a dataset that is a class of its own",
    "loader = DataLoader(Squares(5), batch_size=2)",
    DATA,
    base="""
        class Squares(torch.utils.data.Dataset):
            def __init__(self, n):
                self.n = n
            def __len__(self):
                return self.n
            def __getitem__(self, i):
                return i * i
        loader = DataLoader(Squares(4), batch_size=2)
        """,
)
loads(
    "a tensor dataset's cell",
    "loader = DataLoader(torch.utils.data.TensorDataset(torch.tensor([1, 2, 4])), batch_size=2)",
    DATA,
    base="loader = DataLoader(torch.utils.data.TensorDataset(torch.tensor([1, 2, 3])), batch_size=2)",
)
loads(
    "weights of a weighted sampler",
    "loader = build_loader(tokenizer, dataset, sampler=torch.utils.data.WeightedRandomSampler([1.0, 1.0, 1.0, 3.0], 4, generator=torch.Generator().manual_seed(1)))",
    DATA,
    base="loader = build_loader(tokenizer, dataset, sampler=torch.utils.data.WeightedRandomSampler([1.0, 1.0, 1.0, 1.0], 4, generator=torch.Generator().manual_seed(1)))",
)
PLAIN = """
        class Pairs:
            def __init__(self, size):
                self.size, self.made = size, 0
            def __iter__(self):
                for start in range(0, 4, self.size):
                    self.made += 1
                    yield list(range(start, min(4, start + self.size)))
            def __len__(self):
                return -(-4 // self.size)
        """
loads("a batch sampler of a plain class", "loader = DataLoader(dataset, batch_sampler=Pairs(2))", DATA, part="size",
      base=(PLAIN, "loader = DataLoader(dataset, batch_sampler=Pairs(3))"))  # fmt: skip
same_loads("a batch sampler of a plain class that was used", "list(loader.batch_sampler)",
           base=(PLAIN, "loader = DataLoader(dataset, batch_sampler=Pairs(3))"))  # fmt: skip
MASKS = """
        from transformers import DataCollatorForLanguageModeling
        tokenizer.mask_token = '[UNK]'
        loader = DataLoader(dataset, collate_fn=DataCollatorForLanguageModeling(tokenizer, mlm=%s, seed=%s))
        torch.manual_seed(1)
        """
loads("torch's seed where the collator masks at random", "torch.manual_seed(2)", "rng*", base=MASKS % (True, None))
loads("the seed of a collator that masks", "loader.collate_fn.seed = 6", DATA, base=MASKS % (True, 5), part="seed")
loads("workers where the collator masks at random", "loader.num_workers = 2", "rng*", base=MASKS % (True, None))
loads(
    "workers where the collator masks by a seed of its own",
    "loader.num_workers = 2",
    DATA,
    base=MASKS % (True, 5),
    part="workers",
)
same_loads("torch's seed where the collator masks by a seed of its own", "torch.manual_seed(2)", base=MASKS % (True, 5))
same_loads("torch's seed where the collator masks nothing", "torch.manual_seed(2)", base=MASKS % (False, None))
for title, lines in [
    ("workers", "loader = build_loader(tokenizer, dataset, num_workers=2)"),
    ("prefetching and lasting workers", "loader = build_loader(tokenizer, dataset, num_workers=2, prefetch_factor=4, persistent_workers=True)"),
    ("pinned memory", "loader = build_loader(tokenizer, dataset, pin_memory=True)"),
    ("a time-out", "loader = build_loader(tokenizer, dataset, num_workers=1, timeout=30)"),
    ("a sequential sampler written out", "loader = build_loader(tokenizer, dataset, sampler=torch.utils.data.SequentialSampler(dataset))"),
    ("a generator that nothing draws from", "loader = build_loader(tokenizer, dataset, generator=torch.Generator().manual_seed(5))"),
    ("iterated once", "list(loader)"),
    ("built a second time", "loader = build_loader(build_tokenizer(), build_dataset())"),
    ("its dataset through disk", """
        import datasets
        dataset.save_to_disk('saved')
        loader = build_loader(tokenizer, datasets.load_from_disk('saved'))
        """),
]:  # fmt: skip
    same_loads(title, lines)
same_loads(
    "a generator of one state made twice",
    "loader = build_loader(tokenizer, dataset, shuffle=True, generator=torch.Generator().manual_seed(1))",
    base="""
        g = torch.Generator()
        g.manual_seed(1)
        loader = build_loader(tokenizer, dataset, shuffle=True, generator=g)
        """,
)
same_loads(
    "a sampler of indices given as a range",
    "loader = build_loader(tokenizer, torch.utils.data.Subset(dataset, [0, 1]))",
    base="loader = build_loader(tokenizer, torch.utils.data.Subset(dataset, list(range(2))))",
)

numerics = partial(seen, "numerics")
NUMERICS = "numerics*"
numerics("the default dtype", "torch.set_default_dtype(torch.float64)", NUMERICS)
numerics("autocast", "guard = torch.autocast('cpu', torch.bfloat16); guard.__enter__()", NUMERICS)
numerics(
    "autocast's type",
    "guard = torch.autocast('cpu', torch.float16); guard.__enter__()",
    NUMERICS,
    base="""
        first = torch.autocast('cpu', torch.bfloat16)
        first.__enter__()
        """,
)
numerics("the precision of matrix products", "torch.set_float32_matmul_precision('medium')", NUMERICS)
numerics("TF32 in matrix products", "torch.backends.cuda.matmul.allow_tf32 = True", NUMERICS)
numerics("TF32 in convolutions", "torch.backends.cudnn.allow_tf32 = False", NUMERICS)
numerics("deterministic algorithms", "torch.use_deterministic_algorithms(True)", NUMERICS)
numerics("cuDNN's determinism", "torch.backends.cudnn.deterministic = True", NUMERICS)
numerics("cuDNN's search for the fastest", "torch.backends.cudnn.benchmark = True", NUMERICS)
numerics("an attention kernel switched off", "torch.backends.cuda.enable_flash_sdp(False)", NUMERICS)
numerics(
    "reduced precision in bfloat16 sums",
    "torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False",
    NUMERICS,
)
numerics("oneDNN switched off", "torch.backends.mkldnn.set_flags(False)", NUMERICS)
numerics("denormals flushed", "torch.set_flush_denormal(True)", NUMERICS)
numerics("a dispatch mode", "Rounding().__enter__()", NUMERICS)
numerics("what a dispatch mode holds", "Rounding(5).__enter__()", NUMERICS, base="Rounding(4).__enter__()")
numerics("a function mode", "Doubling().__enter__()", NUMERICS)
for title, lines in [
    ("how tensors are printed", "torch.set_printoptions(precision=2)"),
    ("the log level of transformers", """
        import transformers
        transformers.logging.set_verbosity_debug()
        """),
    ("warnings of torch", "torch.set_warn_always(True)"),
    ("autocast left again", """
        with torch.autocast('cpu', torch.bfloat16):
            pass
        """),
    ("a default dtype set and reset", "torch.set_default_dtype(torch.float64); torch.set_default_dtype(torch.float32)"),
    ("a dispatch mode left again", """
        with Rounding(), Doubling():
            model(torch.ones(1, 2, dtype=torch.long))
        """),
    ("a default device for a while", "torch.device('cpu').__enter__()"),
    ("anomaly detection", "torch.autograd.set_detect_anomaly(True)"),
    ("the environment of tokenizers", """
        import os
        os.environ['TOKENIZERS_PARALLELISM'] = 'true'
        """),
]:  # fmt: skip
    kept("numerics", title, lines)

ACTIVE = "model.train()\ntorch.manual_seed(1)\n"
random = partial(seen, "randomness")
random("torch's seed where dropout is active", "torch.manual_seed(2)", "rng*", base=ACTIVE)
random("random numbers drawn where dropout is active", "torch.rand(1)", "rng*", base=ACTIVE)
random(
    "torch's seed where the loader shuffles",
    "torch.manual_seed(2)",
    "rng*",
    base="""
        loader = build_loader(tokenizer, dataset, shuffle=True)
        torch.manual_seed(1)
        """,
)
DRAWS = """
        import random
        import numpy


        def draws(batch, batch_idx, model, head, scale):
            return {"score": [%s]}


        plain_step = draws
        make_deep_step = lambda session, head: draws
        """
for name, call in [
    ("torch", "float(torch.rand(1))"),
    ("torch", "torch.zeros(1).normal_().item()"),
    ("torch", "torch.nn.functional.dropout(torch.ones(1)).item()"),
    ("numpy", "numpy.random.rand()"),
    ("Python", "random.random()"),
]:
    seed = {"torch": "torch.manual_seed(%d)", "numpy": "numpy.random.seed(%d)", "Python": "random.seed(%d)"}[name]
    random(f"{name}'s seed where the step calls {call}", seed % 2, "rng*", base=(DRAWS % call, seed % 1))
SAMPLING = (
    PIPELINE
    + """
        head.model.generation_config.do_sample = %s
        torch.manual_seed(1)
        """
)
random("torch's seed where a pipeline samples", "torch.manual_seed(2)", "rng*", base=SAMPLING % True)
kept("randomness", "torch's seed where a pipeline takes the likeliest", "torch.manual_seed(2)", base=SAMPLING % False)
for title, lines, base in [
    ("torch's seed where nothing is random", "torch.manual_seed(2)", ""),
    ("seeds of numpy and Python where nothing is random", """
        import random, numpy
        random.seed(3); numpy.random.seed(3)
        """, ""),
    ("numpy's seed where only dropout draws", "import numpy; numpy.random.seed(3)", ACTIVE),
    ("random numbers drawn where nothing is random", "torch.rand(3)", ""),
    ("one seed set twice where dropout is active", "torch.manual_seed(1)", ACTIVE + "import random, numpy\nrandom.seed(1); numpy.random.seed(1)"),
    ("dropout of probability 0 in training", "torch.manual_seed(2)", """
        head.dropout.p = 0.0
        head.dropout.train()
        torch.manual_seed(1)
        """),
]:  # fmt: skip
    kept("randomness", title, lines, base=base)
