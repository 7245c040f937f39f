"""Rows about weights and modules that are one object at two places of a model, or equal copies."""

from functools import partial
from textwrap import dedent

from ..table import edit, mutation, noop, write

TEXT = """
    import copy

    import torch


    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)

        def forward(self, x):
            return self.last(self.first(x))


    def double(module, args, out):
        return out * 2


    torch.manual_seed(0)
    net = Net()
    %s
    first = net.first


    def step(x):
        %s
    """
MODULE = "net.last = net.first"
WEIGHT = "net.last = copy.deepcopy(net.first); net.last.weight = net.first.weight"
COPY = "net.last = copy.deepcopy(net.first)"
CALL = "return net(x)"


def told(kind, name, body, old, new=COPY):
    more = {"names": ("op.implementation*", "sharing")} if kind is mutation else {}
    base = (write("ops.py", dedent(TEXT % (old, body.replace("\n", "\n        "))).lstrip("\n")),)
    kind("sharing", name, "library", edit("ops.py", old, new), base=base, **more)


seen, kept = partial(told, mutation), partial(told, noop)

WEIGHTS = [
    ("in place", "first.weight.data.mul_(2)\nreturn net(x)"),
    ("by a number", "net.first.weight.data[0] = 5\nreturn net(x)"),
    ("by loading", "net.first.load_state_dict(dict.fromkeys(('weight', 'bias'), x))\nreturn net(x)"),
    ("for one call", "return torch.func.functional_call(net, {'first.weight': x}, (x,))"),
    ("of which another part is called", "net.first.weight.data.add_(1)\nreturn net.last(x)"),
    ("that are listed each once", "return sum(p.numel() for p in net.parameters())"),
]
MODULES = [
    ("that gets a hook", "with net.first.register_forward_hook(double):\n    return net(x)"),
    ("that gets another bias", "net.first.bias = None\nreturn net(x)"),
    ("of which names are listed", "return [name for name, _ in net.named_modules()]"),
]
CALLS = [
    ("only calls", CALL),
    ("changes what comes out", "out = net(x)\nout.mul_(2)\nout[0] = 1\nreturn out"),
    ("reads a weight", "row = {}\nrow['norm'] = first.weight.norm()\nreturn row, net(x)"),
    ("asks for the device", "return net(x.to(next(net.parameters()).device))"),
]
ROWS = [
    (seen, WEIGHT, "tied weights that a step edits or lists, or copies", WEIGHTS),
    (seen, MODULE, "one module or two, where a step edits its weight or lists them", WEIGHTS),
    (seen, MODULE, "a module at two places or two copies", MODULES),
    (kept, WEIGHT, "tied weights or copies in a module", MODULES),
    (kept, WEIGHT, "tied weights or copies, where a step", CALLS),
    (kept, MODULE, "a module at two places or two copies, where a step", CALLS),
]
TWO = "other = torch.nn.Linear(3, 3); other.weight = net.first.weight"
TWO_COPIES = "other = torch.nn.Linear(3, 3); other.weight = copy.deepcopy(net.first).weight"
EDIT = "first.weight.data.mul_(2)\nreturn other(x)"
told(
    mutation, "weights of one model that lie in another one, or copies, where a step edits them", EDIT, TWO, TWO_COPIES
)
told(
    noop,
    "weights of one model that lie in another one, or copies, where a step calls both",
    "return first(other(x))",
    TWO,
    TWO_COPIES,
)
for kind, shared, group, bodies in ROWS:
    for title, body in bodies:
        kind(f"{group}: {title}", body, shared)
