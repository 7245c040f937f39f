"""Rows about the order of captured dictionaries: it counts where code goes through them, and nowhere else."""

from functools import partial

from ..table import snippet

seen = partial(snippet, "mutation", "order", names="op.implementation*")
kept = partial(snippet, "no-op", "order")

SOURCE = """import contextlib
import dataclasses
import functools
import itertools
import json
import operator
import pprint
import queue
import random
import types


def first(x):
    return x + 1


def second(x):
    return x * 2


REGISTRY = {"second": second, "first": first}
SCALES = {"b": 1.5, "a": 2.5}
NESTED = {"x": SCALES}
PROMPTS = [SCALES]
COUNTS = {"b": 1, "a": 2}
HOLES = {"b": float("nan"), "a": 0.5}
ZEROS = {"b": 0.0, "a": -0.0}
SPACE = types.SimpleNamespace(b=1, a=2)


class Probe:
    def __init__(self, table):
        self.table = table

    def weigh(self, x):
        return [x * value for value in self.table.values()]


class Looker:
    def __init__(self, table):
        self.held = table

    def look(self, x):
        return x * self.held["a"]


@dataclasses.dataclass
class Config:
    table: dict

    def scaled(self, x):
        return [x * value for value in self.table.values()]


probe = Probe(SCALES)
config = Config(SCALES)


def through(table, x):
    return [x * value for value in table.values()]


def looked_up(table, x):
    return x * table["a"]


def beside(x):
    return {"scales": SCALES}, x


def given_one_by_one():
    yield SCALES


@contextlib.contextmanager
def lent():
    yield SCALES


class Shown:
    def __init__(self, held):
        self.kept_here = held

    @property
    def shown(self):
        return self.kept_here


LAST = None


def remember():
    global LAST
    LAST = SCALES


def drawn(x):
    return x * random.random()


def caught(**words):
    return list(words)


def make(table):
    def step(batch, i):
        return [i * value for value in table.values()]

    return step


def step(batch, i):
    {body}
"""

FUNCTIONS = ('{"second": second, "first": first}', '{"first": first, "second": second}')
NUMBERS = ('SCALES = {"b": 1.5, "a": 2.5}', 'SCALES = {"a": 2.5, "b": 1.5}')
INTEGERS = ('{"b": 1, "a": 2}', '{"a": 2, "b": 1}')
WITH_NAN = ('{"b": float("nan"), "a": 0.5}', '{"a": 0.5, "b": float("nan")}')
WITH_ZEROS = ('{"b": 0.0, "a": -0.0}', '{"a": -0.0, "b": 0.0}')
NAMES = ("(b=1, a=2)", "(a=2, b=1)")


def body(text):
    return SOURCE.replace("{body}", text)


for name, text, change in [
    ("a list of what the functions of a registry give", "return [f(i) for f in REGISTRY.values()]", FUNCTIONS),
    ("a loop over the items of a registry",
     "out = []\n    for name, f in REGISTRY.items():\n        out.append(f(i))\n    return out", FUNCTIONS),
    ("functions asked for by name", "return [REGISTRY[name](i) for name in REGISTRY]", FUNCTIONS),
    ("a list of a dictionary", "return list(SCALES)", NUMBERS),
    ("numbers that are counted", "return [n * v for n, v in enumerate(SCALES.values())]", NUMBERS),
    ("a dictionary beside something else", "return list(zip(SCALES, batch))", NUMBERS),
    ("what is handed on with a star", "return max(i, *SCALES.values())", NUMBERS),
    ("the first key", "return next(iter(SCALES))", NUMBERS),
    ("a sum of fractions", "return sum(SCALES.values())", NUMBERS),
    ("keys in one text", "return ','.join(SCALES)", NUMBERS),
    ("the largest by what may be equal", "return max(SCALES, key=len)", NUMBERS),
    ("two names at once", "one, two = SCALES.values()\n    return one", NUMBERS),
    ("a copy", "own = dict(SCALES)\n    return list(own.values())", NUMBERS),
    ("a dictionary made of it", "own = {k: v * i for k, v in SCALES.items()}\n    return list(own.values())", NUMBERS),
    ("a dictionary in a dictionary", "return list(NESTED[i].values())", NUMBERS),
    ("dictionaries in a list", "return [value for record in PROMPTS for value in record.values()]", NUMBERS),
    ("what a helper goes through", "return through(SCALES, i)", NUMBERS),
    ("a dictionary in a dictionary that a helper goes through", "return through(NESTED[i], i)", NUMBERS),
    ("an attribute", "return probe.weigh(i)", NUMBERS),
    ("an attribute of what the step makes", "return Probe(SCALES).weigh(i)", NUMBERS),
    ("an attribute of what is handed on", "return batch.use(config)", NUMBERS),
    ("keywords that are gone through", "return caught(**SCALES)", NUMBERS),
    ("a chain", "return list(itertools.chain(SCALES, batch))", NUMBERS),
    ("a loop in compiled code", "pass\n\n\nexec('def step(batch, i):\\n    return [i * v for v in SCALES.values()]')",
     NUMBERS),
    ("a text", "return f'{SCALES} are the scales'", NUMBERS),
    ("a text with a dictionary inside", "return str(PROMPTS)", NUMBERS),
    ("a closure", "pass\n\n\nstep = make(SCALES)", NUMBERS),
    ("a default", "pass\n\n\ndef step(batch, i, table=SCALES):\n    return list(table)", NUMBERS),
    ("the largest where one is no number", "return max(HOLES.values())", WITH_NAN),
    ("numbers put in order where one is no number", "return sorted(v for v in HOLES.values())", WITH_NAN),
    ("the largest of what is made of each", "return max(v * i for v in SCALES.values())", NUMBERS),
    ("the smaller of two zeros", "return min(ZEROS.values())", WITH_ZEROS),
    ("a text made by `%`", "return '%s of %s' % (SCALES, i)", NUMBERS),
    ("a text made by `format`", "return '{}'.format(SCALES)", NUMBERS),
    ("a text asked for by its method", "return SCALES.__repr__()", NUMBERS),
    ("an encoder that is made", "return json.JSONEncoder().encode(SCALES)", NUMBERS),
    ("installed code that gets it as a whole", "return pprint.pformat(SCALES, sort_dicts=False)", NUMBERS),
    ("installed code that gets it in a list", "return json.dumps([SCALES, i])", NUMBERS),
    ("a view asked for by name", "given = getattr(SCALES, 'values')\n    return list(given())", NUMBERS),
    ("a view by the method of the class", "return list(dict.values(SCALES))", NUMBERS),
    ("the names of a namespace", "return list(vars(SPACE))", NAMES),
    ("the names in the dictionary of a namespace", "return [name for name in SPACE.__dict__]", NAMES),
    ("an entry of a dictionary made there", "own = {'x': SCALES}\n    return list(own['x'])", NUMBERS),
    ("values of a dictionary made there", "own = {'x': SCALES}\n    return [list(v) for v in own.values()]", NUMBERS),
    ("an element put into a list", "own = []\n    own.append(SCALES)\n    return list(own[0])", NUMBERS),
    ("an entry that is set", "own = {}\n    own['x'] = SCALES\n    return list(own['x'].values())", NUMBERS),
    ("an element of a list in a dictionary",
     "own = {}\n    own.setdefault(i, []).append(SCALES)\n    return [list(v) for v in own[i]]", NUMBERS),
    ("a dictionary brought up to date", "own = {}\n    own.update(SCALES)\n    return list(own)", NUMBERS),
    ("a tuple in a tuple", "(one, two), three = (SCALES, i), i\n    return list(one)", NUMBERS),
    ("a list made of dictionaries", "own = [v for v in (SCALES, batch)]\n    return list(own[0])", NUMBERS),
    ("what a helper gives back inside others", "own, x = beside(i)\n    return list(own['scales'])", NUMBERS),
    ("what a generator gives", "return [list(v) for v in given_one_by_one()]", NUMBERS),
    ("a function for each", "return list(map(through, NESTED.values(), batch))", NUMBERS),
    ("a function that is given it beforehand", "return functools.partial(through, SCALES)(i)", NUMBERS),
    ("a class made there",
     "class Own:\n        def __init__(self, held):\n            self.held = held\n    return list(Own(SCALES).held)", NUMBERS),
    ("a name in a pattern", "match SCALES:\n        case {'c': _, **rest} | rest:\n            return list(rest)", NUMBERS),
    ("what a pattern finds in a list", "match [SCALES]:\n        case [first]:\n            return list(first)", NUMBERS),
    ("what a context gives", "with lent() as held:\n        return list(held)", NUMBERS),
    ("a queue", "waiting = queue.Queue()\n    waiting.put(SCALES)\n    return list(waiting.get())", NUMBERS),
    ("a function for each in a pool", "return list(batch.pool.map(str, SCALES))", NUMBERS),
    ("a function in a pool", "return batch.pool.submit(list, SCALES).result()", NUMBERS),
    ("names given to a namespace", "return list(vars(types.SimpleNamespace(**SCALES)))", NUMBERS),
    ("a global that a helper sets", "remember()\n    return list(LAST)", NUMBERS),
    ("dictionaries put together", "return list(functools.reduce(operator.or_, [SCALES, {'z': i}]))", NUMBERS),
    ("keys of several", "return list(itertools.chain.from_iterable([SCALES, COUNTS]))", NUMBERS),
    ("what asking each leaves behind", "out = []\n    any(out.append(name) for name in SCALES)\n    return out", NUMBERS),
    ("a row that is numbered", "numbers = iter(batch)\n    return {name: next(numbers) for name in SCALES}", NUMBERS),
    ("a row that a helper draws",
     "random.seed(i)\n    return {name: drawn(value) for name, value in SCALES.items()}", NUMBERS),
    ("a row that a generator draws", "own = random.Random(i)\n    return {name: own.gauss(0, 1) for name in SCALES}", NUMBERS),
    ("a row that is drawn", "random.seed(i)\n    return {name: random.random() for name in SCALES}", NUMBERS),
    ("an attribute that a property of what is made gives", "return list(Shown(SCALES).shown)", NUMBERS),
    ("an attribute of a class made there", "class Own:\n        held = SCALES\n    return list(Own.held)", NUMBERS),
]:  # fmt: skip
    seen(f"{name}: the order", body(text), *change)

for name, text, change in [
    ("an entry", "return REGISTRY['first'](i)", FUNCTIONS),
    ("a pattern", "match SCALES:\n        case {'a': value}:\n            return value", NUMBERS),
    ("what a context gives", "with lent() as held:\n        return held['a']", NUMBERS),
    ("an entry by a name that is computed", "return SCALES[batch]", NUMBERS),
    ("`get`", "return SCALES.get(batch, 0)", NUMBERS),
    ("whether a key is there", "return batch in SCALES", NUMBERS),
    ("sorted keys", "return [REGISTRY[name](i) for name in sorted(REGISTRY)]", FUNCTIONS),
    ("sorted items", "return sorted(SCALES.items(), key=lambda pair: pair[0])", NUMBERS),
    ("a set", "return {value * i for value in SCALES.values()}", NUMBERS),
    ("the length", "return len(SCALES)", NUMBERS),
    ("a comparison", "return SCALES.items() == batch", NUMBERS),
    ("a copy that is looked up", "own = dict(SCALES)\n    return own['a']", NUMBERS),
    ("keywords", "return batch.use(**SCALES)", NUMBERS),
    ("keywords of a helper", "return dict(x=1, **SCALES)", NUMBERS),
    ("whether any is large", "return any(value > i for value in SCALES.values())", NUMBERS),
    ("the largest", "return max(SCALES.values())", NUMBERS),
    ("a sum of integers", "return sum(COUNTS.values())", INTEGERS),
    ("a row made of it", "return {name: f(i) for name, f in REGISTRY.items()}", FUNCTIONS),
    ("a row with names made of it", "return {f'{name}_score': f(i) for name, f in REGISTRY.items()}", FUNCTIONS),
    ("a dictionary handed on as a whole", "return batch.use(SCALES)", NUMBERS),
    ("records that are looked up", "return [record['a'] for record in PROMPTS]", NUMBERS),
    ("a helper that looks up", "return looked_up(SCALES, i) + looked_up(NESTED[i], i)", NUMBERS),
    ("an attribute that is looked up", "return Looker(SCALES).look(i)", NUMBERS),
    ("what is only told", "print(list(SCALES))\n    return i", NUMBERS),
    ("the largest of pairs", "return max(SCALES.items())", NUMBERS),
    ("keys put in order where a value is no number", "return sorted(HOLES)", WITH_NAN),
    ("pairs put in order where a value is no number", "return sorted((k, v) for k, v in HOLES.items())", WITH_NAN),
    ("the longest", "return max(len(name) for name in SCALES)", NUMBERS),
    ("a text of single entries", "return '%(a)s and %(b)s' % SCALES", NUMBERS),
    ("a text with sorted keys", "return json.dumps(SCALES, sort_keys=True)", NUMBERS),
    ("names of a namespace that are read", "return SPACE.a + vars(SPACE)['b']", NAMES),
    ("an entry of a dictionary made there", "own = {'x': SCALES}\n    return [v['a'] for v in own.values()]", NUMBERS),
    ("an element put into a list", "own = []\n    own.append(SCALES)\n    return own[0]['a']", NUMBERS),
    ("a row that holds it", "row = {'x': i}\n    row['scales'] = SCALES\n    return row", NUMBERS),
    ("what a helper gives back inside others", "own, x = beside(i)\n    return own['scales']['a']", NUMBERS),
    ("what a generator gives", "return [v['a'] for v in given_one_by_one()]", NUMBERS),
    ("weights that are loaded", "return batch.load_state_dict(SCALES)", NUMBERS),
    ("a function that is given it beforehand", "return functools.partial(looked_up, SCALES)(i)", NUMBERS),
]:  # fmt: skip
    kept(f"{name}: the order", body(text), *change)
