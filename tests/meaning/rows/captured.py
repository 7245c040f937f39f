"""Rows about captured objects: what the code reads of them counts, and the rest of them does not."""

from functools import partial

from ..table import snippet

SESSION = """import logging
import threading
import uuid


class Config:
    def __init__(self):
        self.scale = 2.0
        self.label = "a"


class Tower:
    size = 4

    def __init__(self):
        self.cfg = Config()
        self.scale = 3.0
        self.layers = [1, 2, 3]
        self.table = {"a": 1, "b": 2}
        self.fn = abs
        self.mode = "mean"
        self.noise = 5
        self.logger = logging.getLogger("x")
        self.lock = threading.Lock()
        self.run_id = uuid.uuid4()
        self.owner = self
        self.history = []

    @property
    def doubled(self):
        return self.scale * 2

    def scaled(self, x):
        return x * self.scale

    def indirect(self, x):
        return self.scaled(x) + 1

    def quiet(self):
        return self.noise


class Tall(Tower):
    def scaled(self, x):
        return super().scaled(x) + self.size


tower = Tower()
"""

seen = partial(snippet, "mutation", "captured", names="op.implementation*")
kept = partial(snippet, "no-op", "captured")


def reads(expression):
    return SESSION + f"\n\ndef step(batch, i):\n    return {expression}\n"


def reads_self(body):
    return (
        SESSION.replace(
            "    def quiet(self):", f"    def step(self, batch, i):\n        {body}\n\n    def quiet(self):"
        )
        + "\n\nstep = tower.step\n"
    )


def closes(body, before=""):
    return (
        SESSION
        + f"\n\ndef make(it):\n    {before}def step(batch, i):\n        {body}\n    return step\n\n\nstep = make(tower)\n"
    )


OTHER = ("self.noise = 5", "self.noise = 6")
SCALE = ("self.scale = 3.0", "self.scale = 4.0")

for title, source, seen_edit in [
    ("an attribute", closes("return it.scale"), SCALE),
    ("an attribute of an attribute", closes("return it.cfg.scale"), ("self.scale = 2.0", "self.scale = 2.5")),
    ("an object of the module", reads("tower.scale"), SCALE),
    ("self in a bound method", reads_self("return self.scale * i"), SCALE),
    ("what a method reads", closes("return it.scaled(i)"), SCALE),
    ("what a method of a method reads", closes("return it.indirect(i)"), SCALE),
    ("what a property reads", closes("return it.doubled"), SCALE),
    ("a class attribute", closes("return it.size"), ("size = 4", "size = 5")),
    ("an item of a list", closes("return it.layers[0]"), ("[1, 2, 3]", "[9, 2, 3]")),
    ("a list that is looped over", closes("return [x for x in it.layers]"), ("[1, 2, 3]", "[1, 2]")),
    ("an item of a dict", closes("return it.table['a']"), ('"a": 1', '"a": 7')),
    ("a function held as an attribute", closes("return it.fn(i)"), ("self.fn = abs", "self.fn = int")),
    ("an attribute in an f-string", closes("return f'{it.mode}'"), ('"mean"', '"sum"')),
    ("an alias", closes("other = it\n        return other.scale"), SCALE),
    ("an alias of a part", closes("cfg = it.cfg\n        return cfg.scale"), ("self.scale = 2.0", "self.scale = 2.5")),
    ("an alias outside of the closure", closes("return cfg.scale", before="cfg = it.cfg\n    "), ("self.scale = 2.0", "self.scale = 2.5")),
    ("a nested function that reads", closes("inner = lambda x: x * it.scale\n        return inner(i)"), SCALE),
    ("a comprehension that reads", closes("return [x * it.scale for x in batch]"), SCALE),
    ("a back-reference", closes("return it.owner.owner.scale"), SCALE),
    ("getattr with a constant name", closes("return getattr(it, 'scale')"), SCALE),
    ("hasattr", closes("return hasattr(it, 'extra')"), ("self.history = []", "self.history = []\n        self.extra = 1")),
    ("a helper that is handed the object", SESSION + "\n\ndef helper(thing):\n    return thing.scale\n\n\ndef step(batch, i):\n    return helper(tower)\n", SCALE),
    ("a helper that is handed a part", SESSION + "\n\ndef helper(cfg):\n    return cfg.scale\n\n\ndef step(batch, i):\n    return helper(tower.cfg)\n", ("self.scale = 2.0", "self.scale = 2.5")),
    ("a helper that is handed the object by name", SESSION + "\n\ndef helper(*, thing):\n    return thing.scale\n\n\ndef step(batch, i):\n    return helper(thing=tower)\n", SCALE),
    ("a default argument", SESSION + "\n\ndef step(batch, i, it=tower):\n    return it.scale\n", SCALE),
    ("an object bound by partial", SESSION + "\n\nimport functools\n\n\ndef work(it, batch, i):\n    return it.scale\n\n\nstep = functools.partial(work, tower)\n", SCALE),
    ("a subclass's super()", closes("return it.scaled(i)").replace("tower = Tower()", "tower = Tall()"), SCALE),
    ("an object in a list", SESSION + "\n\nTOWERS = [tower]\n\n\ndef step(batch, i):\n    return TOWERS[0].scale\n", SCALE),
    ("an object in a dict", SESSION + "\n\nTOWERS = {'a': tower}\n\n\ndef step(batch, i):\n    return TOWERS['a'].scale\n", SCALE),
    ("a logger beside it", closes("it.logger.info('%s', it.run_id)\n        return it.scale"), SCALE),
    ("a lock around it", closes("with it.lock:\n            return it.scale"), SCALE),
    ("an attribute set by the step, then read", closes("it.last = i\n        return it.scale"), SCALE),
    ("a bound method held in a variable", closes("go = it.scaled\n        return go(i)"), SCALE),
    ("a bound method captured", SESSION + "\n\ndef make(go):\n    def step(batch, i):\n        return go(i)\n    return step\n\n\nstep = make(tower.scaled)\n", SCALE),
    ("a bound method mapped", closes("return list(map(it.scaled, batch))"), SCALE),
    ("two objects unpacked", SESSION + "\n\nPAIR = (tower, 2)\n\n\ndef step(batch, i):\n    it, k = PAIR\n    return it.scale * k\n", SCALE),
    ("an attribute with slots", SESSION + "\n\nclass Slim:\n    __slots__ = ('scale',)\n\n    def __init__(self):\n        self.scale = 1.0\n\n\nslim = Slim()\n\n\ndef step(batch, i):\n    return slim.scale\n", ("self.scale = 1.0", "self.scale = 1.5")),
    ("__getattr__ of its class", SESSION + "\n\nclass Proxy:\n    def __init__(self, inner):\n        self.inner = inner\n\n    def __getattr__(self, name):\n        return getattr(self.inner, name)\n\n\nproxy = Proxy(tower.cfg)\n\n\ndef step(batch, i):\n    return proxy.scale\n", ("self.scale = 2.0", "self.scale = 2.5")),
]:  # fmt: skip
    seen(f"read through {title}", source, *seen_edit)
    if title != "__getattr__ of its class":
        kept(f"unread beside {title}", source, *OTHER)

kept("a logger's name", closes("return it.scale"), 'getLogger("x")', 'getLogger("y")')
kept("a lock's kind", closes("return it.scale"), "threading.Lock()", "threading.RLock()")
kept(
    "a new attribute that nobody reads",
    closes("return it.scale"),
    "self.history = []",
    "self.history = []\n        self.extra = (x for x in ())",
)

seen(
    "an attribute that shadows a method",
    closes("return it.scaled(i)"),
    "self.history = []",
    "self.history = []\n        self.scaled = abs",
)
seen("the class of a captured object", closes("return it.scaled(i)"), "tower = Tower()", "tower = Tall()")
seen("the body of a method that is reached", closes("return it.indirect(i)"), "x * self.scale", "x / self.scale")
seen("the body of a property that is reached", closes("return it.doubled"), "self.scale * 2", "self.scale * 5")
seen(
    "a method that reads one thing more",
    closes("return it.indirect(i)"),
    "self.scaled(x) + 1",
    "self.scaled(x) + self.noise",
)
seen("another object captured", closes("return it.scale"), "make(tower)", "make(tower.cfg)")
seen(
    "a list attribute's content reached by a helper",
    SESSION
    + "\n\ndef total(values):\n    return sum(values)\n\n\ndef step(batch, i):\n    return total(tower.layers)\n",
    "[1, 2, 3]",
    "[1, 2, 4]",
)
seen(
    "which of two captured objects is which",
    SESSION
    + "\n\nother = Tower()\nother.scale = 9.0\n\n\ndef make(a, b):\n    return lambda batch, i: a.scale - b.scale\n\n\nstep = make(tower, other)\n",
    "make(tower, other)",
    "make(other, tower)",
)

# What a subclass of the user's adds to a thread, a lock, a logger or a progress bar

OWN_NOISE = """
        import logging
        import threading

        found = []
        table = {"scale": 1.0}


        class Worker(threading.Thread):
            scale = 2.0

            def process(self, x):
                found.append(x * self.scale)

            def other(self, x):
                found.append(x * 7)


        class Setting(threading.Semaphore):
            alpha = 3.0

            def __enter__(self):
                table["scale"] = self.alpha
                return super().__enter__()

            def __exit__(self, *error):
                table["scale"] = 1.0
                return super().__exit__(*error)


        class Guard(threading.Semaphore):
            def acquire(self, *args, **kwargs):
                found.append(5.0)
                return super().acquire(*args, **kwargs)


        class Log(logging.Logger):
            factor = 4.0

            def info(self, message, *args):
                super().info("so: " + message, *args)

            def tell(self, message):
                return self.warning(message)

            def keep(self, x):
                if self.isEnabledFor(10):
                    super().info("kept")
                found.append(x * self.factor)


        class Plain(threading.Semaphore):
            unused = 1.0


        worker, setting, guard, log, plain = Worker(), Setting(), Guard(), Log("a"), Plain()


        def step(batch, i):
            found.clear()
            {body}
            return found[-1]
        """
for name, body, old, new in [
    ("a method of a thread's subclass reads", "worker.process(i)", "scale = 2.0", "scale = 2.5"),
    ("a method of a thread's subclass does", "worker.process(i)", "x * self.scale", "x + self.scale"),
    ("a lock's subclass does when it is entered", "with setting: found.append(i)", "alpha = 3.0", "alpha = 3.5"),
    ("a lock's subclass does when it is left", "with setting: found.append(i)", '= 1.0\n        return', '= 2.0\n        return'),
    ("an override of a lock does", "guard.acquire(); found.append(i)", "append(5.0)", "append(5.5)"),
    ("a method of a logger's subclass reads", "log.keep(i)", "factor = 4.0", "factor = 4.5"),
    ("an override of a logger writes", "log.info('x'); found.append(i)", "so: ", "thus: "),
]:  # fmt: skip
    seen(f"what {name}", OWN_NOISE.replace("{body}", body), old, new)
seen(
    "an attribute set on a thread of a subclass",
    OWN_NOISE.replace("{body}", "worker.process(i)").replace("Plain()\n", "Plain()\n        worker.scale = 9.0\n"),
    "worker.scale = 9.0",
    "worker.scale = 8.0",
)
for name, body, old, new in [
    ("a method of a thread's subclass that is not called", "worker.process(i)", "x * 7", "x * 8"),
    ("a method that a logger's subclass adds, beside another", "log.tell(i); found.append(i)", "= 4.0", "= 5.0"),
    ("the name of a logger of a subclass", "log.keep(i)", 'Log("a")', 'Log("b")'),
    ("an attribute of a lock's subclass that nothing reads", "with plain: found.append(i)", "unused = 1.0", "unused = 2"),
    ("what a lock's subclass does, where another is entered", "with plain: found.append(i)", "alpha = 3.0", "alpha = 4"),
]:  # fmt: skip
    kept(name, OWN_NOISE.replace("{body}", body), old, new)

# What threads do that a step starts

THREADS = """
        import threading

        found = []
        scale = 2.0


        class Worker(threading.Thread):
            def __init__(self, factor=1.0, **more):
                super().__init__(**more)
                self.factor = factor

            def run(self):
                found.append(work() * self.factor)

            def other(self):
                found.append(7.0)


        class Holder:
            def __init__(self):
                self.thread = threading.Thread(target=self.work)

            def work(self):
                found.append(work())


        def work():
            return scale * 3.0


        def put(x=0.0):
            found.append(work() + x)


        worker, given, timer = Worker(), threading.Thread(target=put, args=(4.0,)), threading.Timer(0.0, put)
        holder, threads = Holder(), [threading.Thread(target=lambda: found.append(work() + 5.0))]


        def step(batch, i):
            found.clear()
            {body}
            return found[-1]
        """
STARTED = [
    ("a captured thread of a subclass", "worker.start(); worker.join()"),
    ("a captured thread with a target", "given.start(); given.join()"),
    ("a captured timer", "timer.start(); timer.join()"),
    ("a thread that an object holds", "holder.thread.start(); holder.thread.join()"),
    ("threads in a list", "for thread in threads: thread.start(); thread.join()"),
    ("a thread that the step makes", "thread = threading.Thread(target=put, args=(i,)); thread.start(); thread.join()"),
    ("a thread of a subclass that the step makes", "thread = Worker(); thread.start(); thread.join()"),
]
for name, body in STARTED:
    seen(f"what {name} does", THREADS.replace("{body}", body), "scale * 3.0", "scale * 3.5")
    seen(f"what {name} reads", THREADS.replace("{body}", body), "scale = 2.0", "scale = 2.5")
seen(
    "what a thread is to give its target", THREADS.replace("{body}", "given.start(); given.join()"), "(4.0,)", "(4.5,)"
)
seen("what a thread holds", THREADS.replace("{body}", "worker.start(); worker.join()"), "Worker(),", "Worker(2.0),")
kept("what a thread does that is not started", THREADS.replace("{body}", "found.append(i)"), "3.0", "3.5")
kept(
    "the name of a thread", THREADS.replace("{body}", "worker.start(); worker.join()"), "Worker(),", "Worker(name='a'),"
)
kept(
    "another method of a captured thread",
    THREADS.replace("{body}", "worker.start(); worker.join()"),
    "found.append(7.0)",
    "found.append(8.0)",
)
