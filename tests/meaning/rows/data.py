"""Rows about the rows of a dataset: what they are counts, not how they came."""

from functools import partial

from ..table import pair

seen = partial(pair, "mutation", "data", run="data")
kept = partial(pair, "no-op", "data", run="data")
BASE = "build_dataset()"
CHANGED = "dataset = datasets.Dataset.from_dict({**COLUMNS, %s})"


def cast(column, feature):
    return f"features = dataset.features.copy()\nfeatures['{column}'] = {feature}\ndataset = dataset.cast(features)"


for title, variant in [
    ("a cell", CHANGED % "'label': [0, 1, 2, 0]"),
    ("a character", CHANGED % "'text': ['The cat sat in the sun', *COLUMNS['text'][1:]]"),
    ("a bit of a float", CHANGED % "'weight': [0.5, 1.0, -0.0, 2.5000000000000004]"),
    ("the sign of a zero", CHANGED % "'weight': [0.5, 1.0, 0.0, 2.5]"),
    ("the division of a nested list", CHANGED % "'tokens': [[1, 2], [3, 4], [], [5, 6]]"),
    ("an empty list and a missing one", CHANGED % "'tokens': [[1, 2, 3], [4], None, [5, 6]]"),
    ("an empty text and a missing one", CHANGED % "'text': [*COLUMNS['text'][:3], None]"),
    ("nan and a missing number", CHANGED % "'weight': [0.5, 1.0, -0.0, None]"),
    ("the order of rows", "dataset = dataset.select([1, 0, 2, 3])"),
    ("rows shuffled", "dataset = dataset.shuffle(seed=3)"),
    ("a row dropped at the end", "dataset = dataset.select(range(3))"),
    ("a row dropped at the start", "dataset = dataset.select([1, 2, 3])"),
    ("a row twice", "dataset = dataset.select([0, 1, 2, 3, 3])"),
    ("two cells swapped", CHANGED % "'label': [1, 0, 2, 1]"),
    ("two columns' names swapped", "dataset = dataset.rename_columns({'label': 'x', 'weight': 'label'}).rename_column('x', 'weight')"),
    ("a column renamed", "dataset = dataset.rename_column('label', 'labels')"),
    ("a column more", "dataset = dataset.add_column('extra', [0, 0, 0, 0])"),
    ("a column less", "dataset = dataset.remove_columns('weight')"),
    ("a column's type narrowed", cast("label", "datasets.Value('int32')")),
    ("a column's type made a float", cast("label", "datasets.Value('float64')")),
    ("a column's float narrowed", cast("weight", "datasets.Value('float32')")),
    ("a column made a class label", cast("label", "datasets.ClassLabel(names=['a', 'b', 'c'])")),
    ("a column that is an array", "dataset = datasets.Dataset.from_dict({'a': [[[1, 2]], [[3, 4]]]}, features=datasets.Features(a=datasets.Array2D((1, 2), 'int64')))"),
    ("the format the step sees", "dataset = dataset.with_format('numpy')"),
    ("the columns the step sees", "dataset = dataset.with_format('numpy', columns=['label'])"),
    ("a transform", "dataset = dataset.with_transform(lambda rows: {'label': [x + 1 for x in rows['label']]})"),
    ("a map", "dataset = dataset.map(lambda row: {'label': row['label'] * 2})"),
    ("a filter", "dataset = dataset.filter(lambda row: row['label'] < 2)"),
    ("a sort", "dataset = dataset.sort('label')"),
    ("rows reversed through indices", "dataset = dataset.select([3, 2, 1, 0])"),
]:  # fmt: skip
    seen(title, BASE, variant)

seen(
    "the names of a class label",
    "dataset = dataset.cast_column('label', datasets.ClassLabel(names=['a', 'b', 'c']))",
    "dataset = dataset.cast_column('label', datasets.ClassLabel(names=['c', 'b', 'a']))",
)
seen(
    "the body of a transform",
    "dataset = dataset.with_transform(lambda rows: {'n': [x + 1 for x in rows['label']]})",
    "dataset = dataset.with_transform(lambda rows: {'n': [x + 2 for x in rows['label']]})",
)
seen(
    "the order of a transposed pair of columns",
    "datasets.Dataset.from_dict({'a': [1], 'b': [2]})",
    "datasets.Dataset.from_dict({'a': [2], 'b': [1]})",
)
seen("bytes", "datasets.Dataset.from_dict({'a': [b'x\\0']})", "datasets.Dataset.from_dict({'a': [b'x']})")
seen(
    "a field of a struct",
    "datasets.Dataset.from_dict({'a': [{'x': 1, 'y': None}]})",
    "datasets.Dataset.from_dict({'a': [{'x': 1, 'y': 0}]})",
)
seen(
    "texts that share their bytes",
    "datasets.Dataset.from_dict({'a': ['ab', 'c']})",
    "datasets.Dataset.from_dict({'a': ['a', 'bc']})",
)
seen(
    "an instant's zone",
    "datasets.Dataset.from_dict({'a': [0]}, features=datasets.Features(a=datasets.Value('timestamp[s]')))",
    "datasets.Dataset.from_dict({'a': [0]}, features=datasets.Features(a=datasets.Value('timestamp[s, tz=UTC]')))",
)
seen("a list of dicts' cell", "dataset = [{'a': 1}, {'a': 2}]", "dataset = [{'a': 1}, {'a': 3}]")
seen(
    "a generator function's body",
    """
        def dataset():
            yield {'a': 1}
        """,
    """
        def dataset():
            yield {'a': 2}
        """,
)
seen(
    "a split of a dataset dict",
    "dataset = datasets.DatasetDict(test=dataset)",
    "dataset = datasets.DatasetDict(test=dataset.select([0]))",
)
seen(
    "an adapter of a split's name",
    "dataset = datasets.DatasetDict(test=dataset)",
    "dataset = datasets.DatasetDict(train=dataset)",
)

for title, variant in [
    ("made by from_list", "dataset = datasets.Dataset.from_list([dict(zip(COLUMNS, row)) for row in zip(*COLUMNS.values())])"),
    ("made by from_generator", "dataset = datasets.Dataset.from_generator(lambda: (dict(zip(COLUMNS, row)) for row in zip(*COLUMNS.values())), cache_dir='hf')"),
    ("made from pandas", """
        import pandas
        dataset = datasets.Dataset.from_pandas(dataset.to_pandas())
        """),
    ("saved and loaded", """
        dataset.save_to_disk('saved')
        dataset = datasets.load_from_disk('saved')
        """),
    ("saved in several shards and loaded", """
        dataset.save_to_disk('saved', num_shards=3)
        dataset = datasets.load_from_disk('saved')
        """),
    ("loaded into memory", """
        dataset.save_to_disk('saved')
        dataset = datasets.load_from_disk('saved', keep_in_memory=True)
        """),
    ("written to Parquet and read", """
        dataset.to_parquet('a.parquet')
        dataset = datasets.Dataset.from_parquet('a.parquet', cache_dir='hf')
        """),
    ("written to Parquet in small groups", """
        dataset.to_parquet('a.parquet', batch_size=1)
        dataset = datasets.Dataset.from_parquet('a.parquet', cache_dir='hf')
        """),
    ("copied to another directory", """
        import shutil
        dataset.save_to_disk('saved')
        shutil.copytree('saved', 'copy')
        dataset = datasets.load_from_disk('copy')
        """),
    ("files touched", """
        import os, pathlib
        dataset.save_to_disk('saved')
        [os.utime(path, (1, 1)) for path in pathlib.Path('saved').iterdir()]
        dataset = datasets.load_from_disk('saved')
        """),
    ("in two chunks", "dataset = datasets.concatenate_datasets([dataset.select([0, 1]), dataset.select([2, 3])])"),
    ("in chunks of one row", "dataset = datasets.concatenate_datasets([dataset.select([i]) for i in range(4)])"),
    ("columns joined", "dataset = datasets.concatenate_datasets([dataset.select_columns(['text', 'label']), dataset.select_columns(['weight', 'tokens'])], axis=1)"),
    ("an identity select", "dataset = dataset.select(range(4))"),
    ("an identity select by a list", "dataset = dataset.select([0, 1, 2, 3])"),
    ("indices flattened", "dataset = dataset.select([0, 1, 2, 3]).flatten_indices()"),
    ("shuffled and restored", """
        order = dataset.add_column('i', range(4)).shuffle(seed=1)
        dataset = order.sort('i').remove_columns('i')
        """),
    ("reversed twice", "dataset = dataset.select([3, 2, 1, 0]).select([3, 2, 1, 0])"),
    ("a slice of a longer one", "dataset = datasets.concatenate_datasets([dataset, dataset]).select(range(4))"),
    ("a slice from the middle of a longer one", "dataset = datasets.concatenate_datasets([dataset.select([3]), dataset]).select(range(1, 5))"),
    ("a column added and removed", "dataset = dataset.add_column('x', [0] * 4).remove_columns('x')"),
    ("a column renamed there and back", "dataset = dataset.rename_column('label', 'x').rename_column('x', 'label')"),
    ("a map that changes nothing", "dataset = dataset.map(lambda row: row)"),
    ("a filter that keeps all", "dataset = dataset.filter(lambda row: True)"),
    ("a cast there and back", cast("label", "datasets.Value('int32')") + "\n" + cast("label", "datasets.Value('int64')")),
    ("a format set and reset", "dataset = dataset.with_format('numpy').with_format(None)"),
    ("another fingerprint", """
        dataset = build_dataset()
        dataset._fingerprint = 'abc'
        """),
    ("a description", """
        dataset.info.description = 'new'
        dataset.info.citation = 'new'
        """),
    ("a split's name", "dataset = datasets.Dataset.from_dict(COLUMNS, split='test')"),
    ("read before", """
        dataset = build_dataset()
        dataset[0]; dataset['text'][:]; list(dataset)
        """),
    ("pickled and loaded", """
        import pickle
        dataset = pickle.loads(pickle.dumps(dataset))
        """),
    ("copied", """
        import copy
        dataset = copy.deepcopy(dataset)
        """),
    ("a contiguous shard of one", "dataset = dataset.shard(num_shards=1, index=0)"),
    ("taken and skipped", "dataset = datasets.concatenate_datasets([dataset.take(2), dataset.skip(2)])"),
    ("split and joined", """
        halves = dataset.train_test_split(test_size=0.5, shuffle=False)
        dataset = datasets.concatenate_datasets([halves['train'], halves['test']])
        """),
]:  # fmt: skip
    kept(title, BASE, variant)

kept(
    "the order of a dict of splits",
    "dataset = datasets.DatasetDict(a=dataset, b=dataset.select([0]))",
    "dataset = datasets.DatasetDict(b=dataset.select([0]), a=dataset)",
)
kept(
    "a struct's missing value over hidden bytes",
    "datasets.Dataset.from_dict({'a': [1, None]})",
    r"""
        import pyarrow
        dataset = datasets.Dataset(pyarrow.table({'a': pyarrow.Array.from_buffers(pyarrow.int64(), 2, [pyarrow.py_buffer(b'\1'), pyarrow.py_buffer(bytes([1] + [0] * 7 + [9] * 8))])}))
        """,
)
kept("a list of dicts built otherwise", "dataset = [{'a': 1, 'b': 2}]", "dataset = [dict(b=2, a=1)]")
kept(
    "texts dictionary-encoded by nobody",
    "datasets.Dataset.from_dict({'a': ['x', 'x']})",
    "datasets.Dataset.from_dict({'a': ['x', 'y']}).map(lambda row: {'a': 'x'})",
)

PICTURES = """
        import pathlib
        import PIL.Image
        pathlib.Path('%s').mkdir()
        for name, color in (('a.png', 'red'), ('b.png', '%s')):
            PIL.Image.new('RGB', (2, 2), color).save('%s/' + name)
        dataset = datasets.Dataset.from_dict({'picture': ['%s/a.png', '%s/b.png']}, features=datasets.Features(picture=datasets.Image()))
        """
seen(
    "a picture in a file",
    PICTURES % ("p", "blue", "p", "p", "p"),
    PICTURES % ("p", "green", "p", "p", "p"),
    needs="PIL",
)
kept(
    "pictures in another directory",
    PICTURES % ("p", "blue", "p", "p", "p"),
    PICTURES % ("q", "blue", "q", "q", "q"),
    needs="PIL",
)
kept("pictures put into the rows", PICTURES % ("p", "blue", "p", "p", "p"), PICTURES % ("p", "blue", "p", "p", "p") + """
        rows = [{'bytes': pathlib.Path(f'p/{name}.png').read_bytes(), 'path': None} for name in 'ab']
        dataset = datasets.Dataset.from_dict({'picture': rows}, features=dataset.features)
        """, needs="PIL")  # fmt: skip
seen("how pictures are shown", PICTURES % ("p", "blue", "p", "p", "p"), PICTURES % ("p", "blue", "p", "p", "p") + """
        dataset = dataset.cast_column('picture', datasets.Image(mode='L'))
        """, needs="PIL")  # fmt: skip
