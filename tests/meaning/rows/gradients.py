"""Rows about gradients and flags that a step comes by in roundabout ways, and about when it clears them."""

from functools import partial
from textwrap import dedent

from ..table import edit, mutation, noop, write

TEXT = """
    import contextlib
    import operator

    import torch


    class Reading(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(3, 1)

        def forward(self, x):
            return self.inner(x) * self.inner.weight.grad.sum()

        def norm(self):
            return sum(p.grad.sum() for p in self.parameters())


    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2, bias=False), torch.nn.Linear(2, 3))
    reading = Reading()
    other = torch.nn.Linear(3, 1)
    steer = torch.zeros(3, requires_grad=True)
    params = list(model.parameters())
    named = dict(model.named_parameters())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    get = operator.attrgetter("grad")
    x = torch.ones(1, 3)
    ONCE = 1.0


    def run(times):
        (model(x).sum() * times).backward()
        (reading.inner(x).sum() * times).backward()
        ((steer * 2).sum() * times).backward()


    def helper(held):
        return [p.grad.sum() for p in held]


    def one(p):
        return p.grad.sum()


    run(ONCE)
    EARLIER


    def step(batch, batch_idx):
        BODY
"""


def text(body, earlier="nothing = 0"):
    lines = "\n".join(f"        {line}" for line in dedent(body).strip().splitlines())
    return TEXT.replace("        BODY", lines).replace("EARLIER", earlier)


def told(kind, name, body, old="run(ONCE)", new="run(3.0)", earlier="nothing = 0"):
    more = {"names": "op.implementation*"} if kind is mutation else {}
    base = (write("ops.py", dedent(text(body, earlier)).lstrip("\n")),)
    kind("gradients", name, "library", edit("ops.py", old, new), base=base, **more)


seen, kept = partial(told, mutation), partial(told, noop)
BACKWARD = "model(x).sum().backward()"

for title, read in [
    ("from a dictionary of parameters", 'dict(model.named_parameters())["0.weight"].grad'),
    ("from a list of parameters", "list(model.parameters())[0].grad"),
    ("of all submodules", "[m.weight.grad for m in model.modules() if isinstance(m, torch.nn.Linear)]"),
    ("of a named submodule", 'dict(model.named_modules())["0"].weight.grad'),
    ("of a submodule by its path", 'model.get_submodule("0").weight.grad'),
    ("of a layer by its number", "model[0].weight.grad"),
    ("of layers in turn", "[layer.weight.grad for layer in model]"),
    ("of what an optimizer holds", '[p.grad for group in optimizer.param_groups for p in group["params"]]'),
    ("of a captured list", "[p.grad for p in params]"),
    ("of a captured dictionary", "{n: p.grad for n, p in named.items()}"),
    ("that a helper reads of parameters", "helper(model.parameters())"),
    ("that a helper reads of one parameter", "[one(p) for p in model.parameters()]"),
    ("that a method reads", "reading.norm()"),
    ("that a forward reads", "reading(x)"),
    ("by a getter", "[get(p) for p in model.parameters()]"),
    ("as a norm", "torch.nn.utils.clip_grad_norm_(model.parameters(), 9.0)"),
]:
    seen(f"a gradient {title}", f"{BACKWARD}\nreturn {read}")
for title, body in [
    ("before the step clears it", f"{BACKWARD}\ngiven = params[0].grad.clone()\nmodel.zero_grad()\nreturn given"),
    ("that the step clears at times", f"if batch_idx:\n    model.zero_grad()\n{BACKWARD}\nreturn model[0].weight.grad"),
    (
        "of a tensor, where the step clears those of a model",
        "model.zero_grad()\n(model(x) + steer).sum().backward()\nreturn steer.grad",
    ),
    (
        "of a model, where the step clears that of a tensor",
        f"steer.grad = None\n{BACKWARD}\nreturn [p.grad for p in model.parameters()]",
    ),
    (
        "that the step may not come to clear",
        f"with contextlib.suppress(ValueError):\n    int('a')\n    model.zero_grad()\n{BACKWARD}\nreturn helper(params)",
    ),
]:
    seen(f"a gradient {title}", body)
for title, clear, read in [
    ("of all submodules", "model.zero_grad()", "[m.weight.grad for m in model]"),
    ("of parameters in turn", "for p in model.parameters():\n    p.grad = None", "helper(model.parameters())"),
    ("of named parameters", "for n, p in model.named_parameters():\n    p.grad = None", "helper(model.parameters())"),
    ("of several", "for m in (model, other):\n    m.zero_grad()", "helper([*model.parameters()])"),
    ("as a norm", "model.zero_grad()", "torch.nn.utils.clip_grad_norm_(model.parameters(), 9.0)"),
    ("by deleting", "del steer.grad\n(steer * 3).sum().backward()", "steer.grad"),
]:
    kept(f"a gradient cleared before it is read: {title}", f"{clear}\n{BACKWARD}\nreturn {read}")
kept(
    "a gradient of what the step makes",
    f"y = x.clone().requires_grad_()\nmodel(y).sum().backward()\n{BACKWARD}\nreturn y.grad",
)
kept(
    "a gradient of a result, beside a look at a parameter",
    "h = model[0](x)\nh.retain_grad()\nmodel[1](h).sum().backward()\nreturn h.grad, next(model.parameters()).device.type",
)
FREEZE = "model[0].weight.requires_grad_(False)"
CLEAR = f"model.zero_grad()\n{BACKWARD}\n"
frozen = partial(told, mutation, old="nothing = 0", new=FREEZE)
frozen(
    "a frozen layer, where gradients are gathered",
    f"{CLEAR}return [p.grad for p in model.parameters() if p.grad is not None]",
)
frozen(
    "a frozen layer, where a norm is taken", f"{CLEAR}return torch.nn.utils.clip_grad_norm_(model.parameters(), 9.0)"
)
frozen(
    "a frozen layer, where submodules are asked",
    "return [m.weight.requires_grad for m in model.modules() if hasattr(m, 'weight')]",
)
told(
    mutation,
    "frozen layers, where a result is asked",
    "return model(x).requires_grad",
    "nothing = 0",
    "model.requires_grad_(False)",
)
told(
    mutation,
    "the grad mode, where a result is asked",
    "return model(x).requires_grad",
    "nothing = 0",
    "torch.set_grad_enabled(False)",
)
told(
    noop,
    "a frozen layer, where the step sets it itself",
    "model.requires_grad_(True)\n" + CLEAR + "return [p.grad for p in params]",
    "nothing = 0",
    FREEZE,
)
told(noop, "the grad mode, where nobody asks", "return model(x)", "nothing = 0", "torch.set_grad_enabled(False)")
TIED = (
    "a, b = torch.nn.Linear(3, 3, bias=False), torch.nn.Linear(3, 3, bias=False); model = torch.nn.Sequential(a, b); %s"
)
told(
    mutation,
    "tied weights, where gradients are taken",
    "model.zero_grad()\nmodel(x).sum().backward()\nreturn a.weight.grad",
    TIED % "b.weight = a.weight",
    TIED % "b.weight.data.copy_(a.weight.data)",
    TIED % "b.weight = a.weight",
)
told(
    noop,
    "tied weights, where none are taken",
    "return model(x)",
    TIED % "b.weight = a.weight",
    TIED % "b.weight.data.copy_(a.weight.data)",
    TIED % "b.weight = a.weight",
)
