"""Rows about the realistic run as a whole: its config, its session, its data, its result's shape."""

from functools import partial

from ..table import do, edit, mutation, noop

seen = partial(mutation, "run")
kept = partial(noop, "run")
CFG = "inputs.cfg*"
AND_STEP = ("inputs.cfg*", "op.implementation*")

seen("a number of the config", "whole", do("cfg.layers = [0, 2]"), names=CFG, part="layers")
seen("a number of the config that the step reads too", "whole", do("cfg.scale = 2.5"), names=AND_STEP, part="scale")
seen("a number's type in the config", "whole", do("cfg.scale = 2"), names=AND_STEP, part="scale")
seen("the mode of the config", "whole", do("cfg.mode = Mode.SUM"), names=AND_STEP, part="mode")
seen("a member of a set in the config", "whole", do("cfg.tags.add('up')"), names=CFG, part="tags")
seen("a nested field of the config", "whole", do("cfg.probe.gain = 9.0"), names=AND_STEP, part="gain")
seen("an item of a dict in the config", "whole", do("cfg.probe.weights['long'] = 4.0"), names=AND_STEP, part="long")
seen(
    "a default of the config's class",
    "whole",
    edit("config.py", "gain: float = 1.5", "gain: float = 1.25"),
    names=AND_STEP,
    part="gain",
)
seen(
    "a field added to the config's class",
    "whole",
    edit("config.py", "    note: str", "    depth: int = 1\n    note: str"),
    names=CFG,
    part="depth",
)
seen("a text for None in the config", "whole", do("cfg.note = ''"), names=CFG, part="note")
seen("a row of the run's data", "whole", do("dataset = dataset.select([0, 1, 2])"), names="data*")
seen(
    "a cell of the run's data",
    "whole",
    do("dataset = type(dataset).from_dict({**COLUMNS, 'label': [0, 0, 0, 0]})"),
    names="data*",
    part="label",
)
seen(
    "a type in the features",
    "whole",
    edit("rows.py", '"score": [Value("float64")]', '"score": [Value("float32")]'),
    names="schema*",
    part="score",
)
seen(
    "a column in the features",
    "whole",
    edit("rows.py", '"mode": Value("string")', '"mode": Value("string"), "n": Value("int64")'),
    names="schema*",
)
seen(
    "the session's config exchanged",
    "whole",
    do("session.module.cfg = RunConfig(scale=7.0)"),
    names="op.implementation*",
    part="scale",
)

kept("a new session", "whole", do("session = Session(cfg, log_dir='runs/2'); step = make_step(session)"))
kept("the session's log directory", "whole", do("session.log_dir = '/elsewhere'"))
kept(
    "the session's time of start and run id",
    "whole",
    do("""
        import uuid
        session.started = 0.0; session.run_id = uuid.uuid4()
        """),
)
kept("the session's callbacks", "whole", do("session.callbacks.append(print)"))
kept(
    "an attribute added to the session",
    "whole",
    do("session.anything = object(); session.module.file = open(__import__('os').devnull)"),
)
kept("the session's back-reference taken away", "whole", do("session.module.session = None"))
kept("the session's lock held once", "whole", do("session.lock.acquire(); session.lock.release()"))
kept("a config equal but distinct", "whole", do("cfg = RunConfig(); session = Session(cfg); step = make_step(session)"))
kept(
    "the order of a config's dict and set",
    "whole",
    do("cfg.probe.weights = {'long': 3.0, 'short': 1.0}; cfg.tags = {'west', 'east', 'south', 'north'}"),
)
kept(
    "the order of fields in the config's class",
    "whole",
    edit(
        "config.py",
        "    note: str | None = None\n    probe: ProbeConfig = field(default_factory=ProbeConfig)\n",
        "    probe: ProbeConfig = field(default_factory=ProbeConfig)\n    note: str | None = None\n",
    ),
)
kept("annotations of the config's class", "whole", edit("config.py", "note: str | None = None", "note: object = None"))
kept(
    "the same rows by another route",
    "whole",
    do("""
        dataset.save_to_disk('saved')
        import datasets
        dataset = datasets.load_from_disk('saved')
        """),
)
kept(
    "random seeds of a run that draws none",
    "whole",
    do("""
        import random, numpy
        random.seed(5); numpy.random.seed(5); random.random()
        """),
)
kept(
    "the progress bars and the log level of libraries",
    "whole",
    do("""
        import datasets
        datasets.disable_progress_bars(); datasets.logging.set_verbosity_error()
        """),
)
kept(
    "garbage collected",
    "whole",
    do("""
        import gc
        gc.collect(); gc.disable()
        """),
)
kept(
    "a thread beside",
    "whole",
    do("""
        import threading
        threading.Thread(target=print, daemon=True).start()
        """),
)
