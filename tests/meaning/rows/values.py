"""Rows about values: type-exact and boundary-exact; free of order only where there is none."""

from functools import partial

from ..table import pair

seen = partial(pair, "mutation", "values")
kept = partial(pair, "no-op", "values")

for title, base, variant in [
    ("1 and 1.0", "1", "1.0"),
    ("1 and True", "1", "True"),
    ("1 and '1'", "1", "'1'"),
    ("0 and False", "0", "False"),
    ("0 and None", "0", "None"),
    ("None and 'None'", "None", "'None'"),
    ("'' and None", "''", "None"),
    ("'a' and b'a'", "'a'", "b'a'"),
    ("'int:5' and 5", "'int:5'", "5"),
    ("['ab', 'c'] and ['a', 'bc']", "['ab', 'c']", "['a', 'bc']"),
    ("[[1], [2]] and [[1, 2]]", "[[1], [2]]", "[[1, 2]]"),
    ("[[1, 2], []] and [[1], [2]]", "[[1, 2], []]", "[[1], [2]]"),
    ("[1, [2]] and [[1], 2]", "[1, [2]]", "[[1], 2]"),
    ("[1, 2] and [2, 1]", "[1, 2]", "[2, 1]"),
    ("list and tuple", "[1, 2]", "(1, 2)"),
    ("a nested tuple made a list", "{'a': ((1, 2), 3)}", "{'a': ([1, 2], 3)}"),
    ("[] and ()", "[]", "()"),
    ("[] and {}", "[]", "{}"),
    ("{} and set()", "{}", "set()"),
    ("set and frozenset", "{1, 2}", "frozenset({1, 2})"),
    ("set and list", "{1, 2}", "[1, 2]"),
    ("[None] and []", "[None]", "[]"),
    ("[''] and []", "['']", "[]"),
    ("0.0 and -0.0", "0.0", "-0.0"),
    ("nan and infinity", "math.nan", "math.inf"),
    ("nan and None", "math.nan", "None"),
    ("infinity and -infinity", "math.inf", "-math.inf"),
    ("0.1 + 0.2 and 0.3", "0.1 + 0.2", "0.3"),
    ("1e16 and 1e16 + 2", "1e16", "1e16 + 2"),
    ("two neighbours among floats", "1.0", "math.nextafter(1.0, 2)"),
    ("2**64 and 2**64 + 1", "2**64", "2**64 + 1"),
    ("2**64 and 0", "2**64", "0"),
    ("a big int and its negative", "10**40", "-(10**40)"),
    ("an int beyond 4300 digits", "10**5000", "10**5000 + 1"),
    ("1 and 1 + 0j", "1", "1 + 0j"),
    ("the sign of a complex zero", "complex(0.0, 0.0)", "complex(0.0, -0.0)"),
    ("a trailing zero byte", "b'a'", "b'a\\0'"),
    ("a trailing zero character", "'a'", "'a\\0'"),
    ("composed and decomposed letters", "'\\u00e9'", "'e\\u0301'"),
    ("a lone surrogate", "'\\ud800'", "'\\ud801'"),
    ("upper and lower case", "'Mean'", "'mean'"),
    ("a trailing space", "'mean'", "'mean '"),
    ("a dict's value", "{'a': 1, 'b': 2}", "{'a': 2, 'b': 1}"),
    ("a dict's key", "{'a': 1}", "{'b': 1}"),
    ("a dict's key type", "{1: 'x'}", "{'1': 'x'}"),
    ("a dict's key 1 and True", "{1: 'x'}", "{True: 'x'}"),
    ("a dict's key 1 and 1.0", "{1: 'x'}", "{1.0: 'x'}"),
    ("a key with None and no key", "{'a': None}", "{}"),
    ("keys and values that swap a boundary", "{'ab': 'c'}", "{'a': 'bc'}"),
    ("a nested dict and a flat one", "{'a': {'b': 1}}", "{'a.b': 1}"),
    ("a dict and its list of items", "{'a': 1}", "[('a', 1)]"),
    ("a member of a set", "{'a', 'b'}", "{'a', 'c'}"),
    ("a deep change", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[2]]]]]]]]]]]]]]]]"),
    ("the last of many", "list(range(100_000))", "[*range(99_999), 0]"),
    ("one of many keys", "{str(i): i for i in range(5000)}", "{str(i): i + (i == 4321) for i in range(5000)}"),
    ("two members of an enum", "Color.RED", "Color.BLUE"),
    ("an enum's member and its value", "Color.RED", "1"),
    ("members of two enums", "Color.RED", "Shade.RED"),
    ("two flags", "Access.READ", "Access.READ | Access.WRITE"),
    ("an IntEnum's member and its value", "Level.LOW", "1"),
    ("a dataclass's field", "Left(3)", "Left(4)"),
    ("a dataclass's field type", "Left(1)", "Left(True)"),
    ("two dataclasses of equal fields", "Left()", "Right()"),
    ("a dataclass and its dict", "Left(3, 'n')", "{'size': 3, 'name': 'n'}"),
    ("a nested dataclass's field", "Nested(Left(3))", "Nested(Left(4))"),
    ("a nested dataclass's class", "Nested(Left())", "Nested(Right())"),
    ("a field left out of repr and comparison", "Nested(hidden=0)", "Nested(hidden=1)"),
    ("a field left out of __init__", "value = Nested()", """
        value = Nested()
        value.late = 1
        """),
    ("an attribute that is no field", "value = Left()", """
        value = Left()
        value.extra = 1
        """),
    ("a frozen dataclass's field", "Frozen(3)", "Frozen(4)"),
    ("a dataclass with slots", "Slotted(3)", "Slotted(4)"),
    ("a named tuple's field", "Point(1, 2)", "Point(2, 1)"),
    ("a named tuple and a tuple", "Point(1, 2)", "(1, 2)"),
    ("a dataclass and a subclass that adds nothing", "Left()", "type('Under', (Left,), {})()"),
    ("a path", "pathlib.Path('a/b')", "pathlib.Path('a/c')"),
    ("a path and a string", "pathlib.PurePosixPath('a')", "'a'"),
    ("an array's cell", "np.arange(6)", "np.arange(6) + (np.arange(6) == 3)"),
    ("an array's shape", "np.arange(6).reshape(2, 3)", "np.arange(6).reshape(3, 2)"),
    ("an array transposed", "np.arange(4).reshape(2, 2)", "np.arange(4).reshape(2, 2).T"),
    ("an array's type", "np.arange(6, dtype='int32')", "np.arange(6, dtype='int64')"),
    ("an array's type of equal bytes", "np.zeros(4, 'float32')", "np.zeros(4, 'int32')"),
    ("an array and a list", "np.array([1, 2])", "[1, 2]"),
    ("an array with one more axis", "np.zeros(4)", "np.zeros((1, 4))"),
    ("an array of none and one of one", "np.zeros((0, 3))", "np.zeros((3, 0))"),
    ("a middle cell of a large array", "np.zeros(2_000_000)", """
        value = np.zeros(2_000_000)
        value[1_000_003] = 1e-9
        """),
    ("the sign of an array's zero", "np.array([0.0])", "np.array([-0.0])"),
    ("an array of texts", "np.array(['ab', 'c'])", "np.array(['a', 'bc'])"),
    ("an array of objects", "np.array(['a', 1], dtype=object)", "np.array(['a', '1'], dtype=object)"),
    ("an array of records' field names", "np.zeros(2, [('a', 'i4'), ('b', 'i4')])", "np.zeros(2, [('b', 'i4'), ('a', 'i4')])"),
    ("a masked array's mask", "np.ma.array([1, 2], mask=[0, 1])", "np.ma.array([1, 2], mask=[1, 0])"),
    ("an array's unit of time", "np.array([1], 'datetime64[s]')", "np.array([1], 'datetime64[ms]')"),
    ("a numpy number's type", "np.float32(1.5)", "np.float64(1.5)"),
    ("a numpy number and a number", "np.int64(1)", "1"),
    ("a numpy number and an array of no axes", "np.int64(1)", "np.array(1)"),
    ("a dtype", "np.dtype('float32')", "np.dtype('float64')"),
    ("a dtype and its name", "np.dtype('float32')", "'float32'"),
    ("a date", "datetime.date(2024, 1, 1)", "datetime.date(2024, 1, 2)"),
    ("a function", "len", "sum"),
    ("a class", "Left", "Right"),
    ("a class and its object", "Left", "Left()"),
    ("a range", "range(3)", "range(4)"),
    ("a range and its list", "range(3)", "[0, 1, 2]"),
    ("an ellipsis", "...", "None"),
    ("an order in an OrderedDict", """
        import collections
        value = collections.OrderedDict(a=1, b=2)
        """, """
        import collections
        value = collections.OrderedDict(b=2, a=1)
        """),
    ("a field's name", "{'value': 1}", "{'values': 1}"),
]:  # fmt: skip
    seen(title, base, variant)

for title, base, variant in [
    ("a dict's order", "{'a': 1, 'b': [2], 'c': 3}", "{'c': 3, 'b': [2], 'a': 1}"),
    ("a dict's order with keys of two types", "{1: 'a', 'b': 2, None: 3}", "{None: 3, 'b': 2, 1: 'a'}"),
    ("a nested dict's order", "{'a': {'x': 1, 'y': 2}}", "{'a': {'y': 2, 'x': 1}}"),
    ("a set's order", "{'north', 'south', 'east', 'west'}", "{'west', 'east', 'south', 'north'}"),
    ("a set of mixed types", "{1, 'a', None, (2, 3)}", "{(2, 3), None, 'a', 1}"),
    ("a set of sets", "{frozenset({'a', 'b'}), frozenset({'c'})}", "{frozenset({'c'}), frozenset({'b', 'a'})}"),
    ("a set of enums", "{Color.RED, Color.BLUE}", "{Color.BLUE, Color.RED}"),
    ("equal lists that are distinct objects", """
        value = [1]
        value = [value, value]
        """, "[[1], [1]]"),
    ("equal texts that are distinct objects", "'layer'", "''.join(['la', 'yer'])"),
    ("equal ints that are distinct objects", "10**20", "int('1' + '0' * 20)"),
    ("an int computed", "256", "2**8"),
    ("nan computed", "math.nan", "math.inf - math.inf"),
    ("nan of the other sign", "math.nan", "-math.nan"),
    ("a float's spelling", "0.001", "float('1e-3')"),
    ("a dataclass's order of arguments", "Left(size=3, name='n')", "Left(name='n', size=3)"),
    ("a dataclass's defaults written out", "Left()", "Left(3, 'n')"),
    ("a dataclass copied", "Nested(Left(4), [1])", """
        import copy
        value = copy.deepcopy(Nested(Left(4), [1]))
        """),
    ("a dataclass pickled and loaded", "Nested(Left(4), [1])", """
        import pickle
        value = pickle.loads(pickle.dumps(Nested(Left(4), [1])))
        """),
    ("a dataclass compared, shown and hashed", "Frozen(3)", """
        value = Frozen(3)
        value == Frozen(3); repr(value); hash(value)
        """),
    ("a cached property filled", "Nested(values=[1])", """
        value = Nested(values=[1])
        value.total
        """),
    ("a dataclass's attributes set in another order", "Left(1, 'a')", """
        value = Left()
        value.name = 'a'
        value.size = 1
        """),
    ("an enum's member by value", "Color.RED", "Color(1)"),
    ("an enum's member by name", "Color.RED", "Color['RED']"),
    ("flags in another order", "Access.READ | Access.WRITE", "Access.WRITE | Access.READ"),
    ("a path spelled otherwise", "pathlib.Path('a/b')", "pathlib.Path('a//b/')"),
    ("a path put together", "pathlib.Path('a/b')", "pathlib.Path('a') / 'b'"),
    ("an array in Fortran order", "np.arange(6.0).reshape(2, 3)", "np.asfortranarray(np.arange(6.0).reshape(2, 3))"),
    ("an array that is a view", "np.arange(6)", "np.arange(12)[:6]"),
    ("an array with strides", "np.arange(0, 12, 2)", "np.arange(12)[::2]"),
    ("an array with negative strides", "np.arange(6)[::-1].copy()", "np.arange(6)[::-1]"),
    ("an array broadcast", "np.ones((3, 2))", "np.broadcast_to(np.ones(2), (3, 2))"),
    ("an array made read-only", "np.arange(6)", """
        value = np.arange(6)
        value.setflags(write=False)
        """),
    ("an array mapped from a file", "np.arange(6)", """
        np.save('a.npy', np.arange(6))
        value = np.load('a.npy', mmap_mode='r')
        """),
    ("an array of the other byte order", "np.arange(6, dtype='<i4')", "np.arange(6, dtype='<i4').astype('>i4')"),
    ("an array unaligned", "np.arange(4, dtype='<i4')", "np.frombuffer(b'x' + np.arange(4, dtype='<i4').tobytes(), dtype='<i4', offset=1)"),
    ("an empty array that is a view", "np.zeros((0, 3))", "np.zeros((4, 3))[:0]"),
    ("an array of texts in wider cells", "np.array(['a', 'b'])", "np.array(['a', 'b'], dtype='<U1')"),
    ("a dtype by name", "np.dtype('int64')", "np.dtype(np.int64)"),
    ("a numpy number taken from an array", "np.float32(1.5)", "np.array([1.5], 'float32')[0]"),
    ("a generator's settings", "value = {'seed': 1}", "value = dict(**{'seed': 1})"),
    ("a set grown and shrunk", "{'a', 'b'}", """
        value = {str(i) for i in range(100)} | {'a', 'b'}
        value &= {'a', 'b'}
        """),
    ("a dict with a key deleted", "{'a': 1}", """
        value = {'z': 0, 'a': 1}
        del value['z']
        """),
    ("a class after a copy of its object", "Left", """
        import copy
        copy.copy(Left())
        value = Left
        """),
    ("a class after a pickle of its object", "Left", """
        import pickle
        pickle.dumps(Slotted(3), 2); pickle.dumps(Left(), 2)
        value = Left
        """),
]:  # fmt: skip
    kept(title, base, variant)
