"""Rows about hooks that speak with each other, and about what a run leaves behind in captured objects."""

import re
from functools import partial
from textwrap import dedent

from ..table import edit, mutation, noop, snippet, write
from .deep import HEAD, kept, seen

talking = partial(seen, "talking hooks")
alone = partial(kept, "talking hooks")

ABLATOR = """
        class Ablator:
            def __init__(self):
                self.active, self.unit, self.calls = False, 0, 0
            def start(self, module, args):
                self.active = True
            def start_second(self, module, args):
                self.active = True
                self.unit = 1
            def count(self, module, args):
                self.calls += 1
            def zero(self, module, args, out):
                if self.active:
                    out = out.clone()
                    out[:, self.unit] = 100.0
                    return out
            def told(self):
                return f"{self.calls} calls"
        ablator = Ablator()
        head.linear.register_forward_hook(ablator.zero)
        """
START = "handle = head.register_forward_pre_hook(ablator.start)"
talking("a hook that switches another on", START, HEAD, part="pre_hooks", base=ABLATOR)
talking("a hook that switched another on, removed", "handle.remove()", HEAD, part="pre_hooks", base=(ABLATOR, START))
talking(
    "which unit one hook tells another",
    "handle.remove(); head.register_forward_pre_hook(ablator.start_second)",
    HEAD,
    part="pre_hooks",
    base=(ABLATOR, START),
)
alone("a counter beside hooks that speak", "head.register_forward_pre_hook(ablator.count)", base=(ABLATOR, START))
alone(
    "the forwards counted beside hooks that speak",
    "ablator.calls = 7",
    base=(ABLATOR, START, "head.register_forward_pre_hook(ablator.count)"),
)
alone(
    "a flag that no other hook asks for",
    "ablator = Ablator(); head.linear.register_forward_pre_hook(ablator.start)",
    base=ABLATOR,
)
alone("two counters in one object", "head.register_forward_pre_hook(both.one); head.register_forward_pre_hook(both.two)", base="""
        class Both:
            def __init__(self):
                self.ones, self.twos = 0, 0
            def one(self, module, args):
                self.ones += 1
            def two(self, module, args):
                if self.ones:
                    self.twos += 1
        both = Both()
        """)  # fmt: skip
TOLD = """
        def make_hooks(unit):
            context = {"unit": 0}
            def say(module, args):
                context["unit"] = unit
            def zero(module, args, out):
                out = out.clone()
                out[:, context["unit"]] = 0
                return out
            return say, zero
        say, zero = make_hooks(%d)
        handles = [head.linear.register_forward_pre_hook(say), head.linear.register_forward_hook(zero)]
        """
talking(
    "what a hook puts into a container for another",
    "[handle.remove() for handle in handles]\n" + dedent(TOLD % 2),
    HEAD,
    part="pre_hooks",
    base=TOLD % 1,
)
COUNTED = """
        calls = 0
        def count(module, args):
            global calls
            calls += 1
        def every_second(module, args, out):
            return out * 0 if calls % 2 else out
        """
talking(
    "a counter by which another hook goes",
    "head.linear.register_forward_pre_hook(count)",
    HEAD,
    part="pre_hooks",
    base=(COUNTED, "head.linear.register_forward_hook(every_second)"),
)
alone("a counter by which nobody goes", "head.linear.register_forward_pre_hook(count)", base=COUNTED)
CHAIN = """
        class Chain:
            def __init__(self):
                self.calls, self.active = 0, False
            def count(self, module, args):
                self.calls += 1
            def start(self, module, args):
                if self.calls > 1:
                    self.active = True
            def zero(self, module, args, out):
                if self.active:
                    return out * 0
        chain = Chain()
        head.linear.register_forward_pre_hook(chain.start)
        head.linear.register_forward_hook(chain.zero)
        """
talking(
    "a counter by which a hook goes that switches another on",
    "head.register_forward_pre_hook(chain.count)",
    HEAD,
    part="pre_hooks",
    base=CHAIN,
)
GAINED = """
        class Gained(Head):
            def loud(self, module, args):
                self.temperature = 9.0
            def count(self, module, args):
                self.calls = 1
        torch.manual_seed(0)
        head = Gained().eval()
        head.calls = 0
        """
talking(
    "a pre-hook that sets what the forward reads",
    "head.register_forward_pre_hook(head.loud)",
    HEAD,
    part="pre_hooks",
    base=GAINED,
)
alone(
    "a pre-hook that sets what no forward reads",
    "head.register_forward_pre_hook(head.count)",
    base=GAINED,
)
PATCHING = """
        kept = {}
        def keep_first(module, args, out):
            kept["state"] = out[:, 0]
        def keep_second(module, args, out):
            kept["state"] = out[:, 1]
        def patch(module, args, out):
            return out + kept["state"].mean()
        handle = model.transformer.h[0].mlp.register_forward_hook(keep_first)
        model.transformer.h[1].mlp.register_forward_hook(patch)
        """
MODEL = "inputs.model*"
talking("a hook that keeps what another patches in, removed", "handle.remove()", MODEL, part="hooks", base=PATCHING)
talking(
    "what a hook keeps that another patches in",
    "handle.remove(); model.transformer.h[0].mlp.register_forward_hook(keep_second)",
    MODEL,
    part="hooks",
    base=PATCHING,
)
READ = """
        class Told:
            def __init__(self):
                self.unit, self.calls = 0, 0
            def say(self, module, args):
                self.unit = 2
            def count(self, module, args):
                self.calls += 1
        told = Told()
        def make_deep_step(session, head):
            def step(batch, batch_idx):
                scores = head(session.model(**batch).logits[:, -1, :16])
                return {"score": scores[:, told.unit].tolist(), "mode": "told"}
            return step
        plain_step = make_deep_step(session, head)
        """
talking(
    "a hook that says which unit the step takes",
    "head.register_forward_pre_hook(told.say)",
    HEAD,
    part="pre_hooks",
    base=READ,
)
alone("a hook that says what the step does not ask for", "head.register_forward_pre_hook(told.count)", base=READ)

filled = partial(snippet, "no-op", "left behind")
read = partial(snippet, "mutation", "left behind", names="op.implementation*")
RUNNER = """
    from collections import Counter, OrderedDict, defaultdict, deque


    class Runner:
        def __init__(self):
            self.log = defaultdict(list)
            self.named = {}
            self.seen = Counter()
            self.sums = defaultdict(float)
            self.counts = {"steps": 0}
            self.recent = deque(maxlen=3)
            self.total = 0
            self.lines = []
            self.scale = 2

        def step(self, batch, i):
            BODY


    runner = Runner()
    EARLIER
    step = runner.step
    """


def runs(body, earlier="pass"):
    return RUNNER.replace("BODY", body).replace("EARLIER", earlier)


for title, body, after in [
    ("a list in a defaultdict", "self.log['n'].append(i)", "runner.log['n'].append(3)"),
    ("a list under a name that is made up", "self.log[f'{i}'].append(i)", "runner.log['n'].append(3)"),
    ("a list by setdefault", "self.named.setdefault('n', []).append(i)", "runner.named['n'] = [3]"),
    ("an entry of a counter", "self.seen['n'] += 1", "runner.seen['n'] = 3"),
    ("a counter updated", "self.seen.update([i])", "runner.seen['n'] = 3"),
    ("an entry of a defaultdict of numbers", "self.sums[i] += 0.5", "runner.sums[3] = 1.5"),
    ("an entry of a dictionary of numbers", "self.counts['steps'] += 1", "runner.counts['steps'] = 3"),
    ("a queue", "self.recent.append(i)", "runner.recent.append(3)"),
    ("a sum", "self.total = self.total + i", "runner.total = 3"),
    ("a sum of several", "self.total = self.total + i * 2 + 1", "runner.total = 3"),
    ("a list added to", "self.lines += [i]", "runner.lines += [3]"),
]:
    done = runs(f"{body}; return batch * self.scale", after)
    filled(f"{title}, only filled", done.replace(after, "pass"), "pass", after)
    answer = re.split(r"[\[.( ]", body.removeprefix("self."))[0]
    told = runs(f"{body}; return batch, str(self.{answer})", after)
    read(f"{title}, filled and read", told.replace(after, "pass"), "pass", after)
filled_with = runs(
    "self.total = self.total + self.scale; self.log['n'].append(i); return batch * self.total", "runner.scale = 3"
)
read("what a sum is made of, where the sum is read", filled_with, "runner.scale = 3", "runner.scale = 4")
read(
    "the name under which a list is filled, where it is read",
    runs("self.log[self.scale].append(i); return self.log", "runner.scale = 3"),
    "runner.scale = 3",
    "runner.scale = 4",
)
read(
    "a sum that a setter takes",
    runs("self.level = self.level + 1; return self.scale").replace(
        "        def step",
        """        @property
        def level(self):
            return self.total

        @level.setter
        def level(self, value):
            self.scale = value

        def step""",
    ),
    "self.total = 0",
    "self.total = 5",
)
read(
    "a dictionary without the entry that is counted up",
    runs("self.counts['steps'] += 1; return batch"),
    '{"steps": 0}',
    '{"other": 0}',
)

fresh = partial(kept, "captured activations")
stale = partial(seen, "captured activations")
CAPTURING = """
        acts = {}
        def keep(module, args, out):
            acts["x"] = %s
        def make_deep_step(session, head):
            def step(batch, batch_idx):
                with torch.no_grad():
                    hidden = session.model(**batch).logits[:, -1, :16]
                    %s
                return {"score": %s, "mode": "kept"}
            return step
        plain_step = make_deep_step(session, head)
        """
KEPT = 'acts["x"].flatten()[:4].tolist()'
DETACHED = "out.detach()"
BLOCK = "model.transformer.h[1].mlp.register_forward_hook(keep)"
EARLIER = "acts['x'] = torch.ones(2, 4)"
AFTERWARDS = ("op.implementation*", MODEL, HEAD)
for title, register, keeping in [
    ("of the head", "head.register_forward_hook(keep)", DETACHED),
    ("of a layer of the head", "head.linear.register_forward_hook(keep)", DETACHED),
    ("of the head, as it is", "head.register_forward_hook(keep)", "out"),
    ("by a lambda", "head.register_forward_hook(lambda module, args, out: acts.__setitem__('x', out.detach()))", "out"),
    ("by a lambda that updates", "head.register_forward_hook(lambda module, args, out: acts.update(x=out))", "out"),
]:
    fresh(f"an activation {title}", EARLIER, base=(CAPTURING % (keeping, "head(hidden)", KEPT), register))
fresh(
    "an activation of the model",
    EARLIER,
    base=(
        CAPTURING % (DETACHED, "pass", KEPT),
        "model.register_forward_hook(keep)".replace("keep)", "lambda module, args, out: acts.update(x=out.logits))"),
    ),
)
fresh("an activation of a block's part", EARLIER, base=(CAPTURING % (DETACHED, "pass", KEPT), BLOCK))
stale(
    "an activation from before the run",
    EARLIER,
    AFTERWARDS,
    base=(CAPTURING % (DETACHED, "pass", KEPT), "head.register_forward_hook(keep)", "acts['x'] = torch.zeros(2, 4)"),
)
stale(
    "an activation that is only kept at times",
    EARLIER,
    AFTERWARDS,
    base=(
        CAPTURING % (DETACHED, "batch_idx and head(hidden)", KEPT),
        "head.register_forward_hook(keep)",
        "acts['x'] = torch.zeros(2, 4)",
    ),
)
stale(
    "an activation that a hook only keeps at times",
    EARLIER,
    AFTERWARDS,
    base=(
        CAPTURING.replace('acts["x"] = %s', "if len(args) > 1:\n                acts['x'] = %s")
        % (DETACHED, "head(hidden)", KEPT),
        "head.register_forward_hook(keep)",
        "acts['x'] = torch.zeros(2, 4)",
    ),
)
stale(
    "an activation read before the model is called",
    EARLIER,
    AFTERWARDS,
    base=(
        CAPTURING % (DETACHED, f"before = {KEPT}; head(hidden)", "before"),
        "head.register_forward_hook(keep)",
        "acts['x'] = torch.zeros(2, 4)",
    ),
)
stale(
    "an activation of a layer that is only called at times",
    EARLIER,
    AFTERWARDS,
    base=(
        CAPTURING % (DETACHED, "head(hidden)", KEPT),
        """
        class Gated(Head):
            def forward(self, hidden):
                if hidden.sum() > 0:
                    return self.linear(hidden)
                return hidden
        torch.manual_seed(0)
        head = Gated().eval()
        head.linear.register_forward_hook(keep)
        """,
        "acts['x'] = torch.zeros(2, 4)",
    ),
)
stale(
    "what is kept of an activation",
    "head._forward_hooks.clear(); head.register_forward_hook(lambda module, args, out: acts.update(x=out[:, 1]))",
    AFTERWARDS,
    base=(
        CAPTURING % (DETACHED, "head(hidden)", KEPT),
        "head.register_forward_hook(lambda module, args, out: acts.update(x=out[:, 0]))",
    ),
)
stale(
    "an activation whose hook the step takes away",
    EARLIER,
    AFTERWARDS,
    base=(
        CAPTURING % (DETACHED, "head._forward_hooks.clear(); head(hidden)", KEPT),
        "head.register_forward_hook(keep); acts['x'] = torch.zeros(2, 4)",
    ),
)
NAMED = """
        def keeps_under(name):
            def keep(module, args, out):
                acts[name] = out.detach()
            return keep
        head.register_forward_hook(keeps_under("x"))
        """
fresh("an activation under a captured name", EARLIER, base=(CAPTURING % (DETACHED, "head(hidden)", KEPT), NAMED))

# Who else listens, where a hook's container lies, and who takes hooks away

ELSEWHERE = "other = build_head(1); session.other = other; other.linear.register_forward_hook(ablator.zero)"
OTHER_STEP = """
        def make_deep_step(session, head):
            def step(batch, batch_idx):
                scores = head(session.model(**batch).logits[:, -1, :16])
                return {"score": (scores + session.other(scores.repeat(1, 4))).tolist(), "mode": "two"}
            return step
        plain_step = make_deep_step(session, head)
        """
talking(
    "a hook that switches on one of another model",
    "head.register_forward_pre_hook(ablator.start)",
    HEAD,
    part="pre_hooks",
    base=(ABLATOR.replace("head.linear.register_forward_hook(ablator.zero)", ""), ELSEWHERE, OTHER_STEP),
)
TARGETS = """
        first, second = [], []
        def make_hook(store):
            def keep(module, args, out):
                store.append(out)
            return keep
        def make_deep_step(session, head):
            def step(batch, batch_idx):
                first.clear(); second.clear()
                head(session.model(**batch).logits[:, -1, :16])
                return {"score": [float(len(first)), float(len(second))], "mode": "kept"}
            return step
        plain_step = make_deep_step(session, head)
        handle = head.linear.register_forward_hook(make_hook(%s))
        """
talking(
    "into which container a hook puts something",
    "handle.remove()\n" + dedent(TARGETS % "second"),
    HEAD,
    part="hooks",
    base=TARGETS % "first",
)
alone(
    "a hook made anew for the same container", "handle.remove()\n" + dedent(TARGETS % "first"), base=TARGETS % "first"
)
TAKING = CAPTURING.replace(
    "acts = {}",
    """acts = {"x": torch.ones(2)}
        @contextlib.contextmanager
        def quiet():
            before, head._forward_hooks = head._forward_hooks, {}
            yield
            head._forward_hooks = before
        """,
).replace("with torch.no_grad():", "with quiet():") % ("out", "head(hidden)", "acts['x'].tolist()")
stale(
    "what hooks kept, where a context manager takes them away",
    "acts['x'] = torch.zeros(2)",
    "op.implementation*",
    base=("import contextlib\n", TAKING + "head.linear.register_forward_hook(keep)\n"),
)
TRIED = """
    todo = [1, 2]


    def step(batch, batch_idx):
        try:
            todo.BODY
        except (IndexError, ValueError):
            return None
        return batch
    """
for taking, less in [("pop()", "[]"), ("remove(2)", "[1]")]:
    read(f"a list that may be too short for {taking}", TRIED.replace("BODY", taking), "[1, 2]", less)
filled("a list that is put into, where errors are kept", TRIED.replace("BODY", "append(batch_idx)"), "[1, 2]", "[1]")

OF_ALL = """
    import torch
    import transformers

    calls = 0


    def double(module, args, out):
        return out * 2


    def count(module, args, out):
        global calls
        calls += 1


    handle = None


    def step(x):
        return {body}
    """
REGISTER = "handle = torch.nn.modules.module.register_module_forward_hook(%s)"
for name, body in [
    ("that the step makes", "torch.nn.ReLU()(x)"),
    ("that the step loads", "transformers.AutoModel.from_pretrained('checkpoint')(x)"),
]:
    base = (write("ops.py", dedent(OF_ALL.replace("{body}", body)).lstrip("\n")),)
    hooked, counted = (edit("ops.py", "handle = None", REGISTER % hook) for hook in ("double", "count"))
    title = f"of all modules, with a model {name}"
    mutation("talking hooks", f"a hook {title}", "library", hooked, base=base, names="numerics.hooks")
    noop("talking hooks", f"a counter {title}", "library", counted, base=base)
