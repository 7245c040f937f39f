"""The digest of a data loader: rows, batches and their order; not how its workers go about it."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import datasets  # noqa: E402
from torch.utils import data  # noqa: E402

from interpretune.analysis.cache import AnalysisStoreHasher  # noqa: E402
from interpretune.analysis.cache.digests.policy import Policy  # noqa: E402
from interpretune.analysis.cache.digests.registry import find_encoder  # noqa: E402
from interpretune.analysis.cache.digests.results import WalkResult  # noqa: E402
from interpretune.analysis.cache.digests.walk import Walk  # noqa: E402
from interpretune.analysis.cache.errors import UnfingerprintableError  # noqa: E402

ROWS = torch.arange(12).reshape(6, 2)


def walked(value: Any, **policy: Any) -> WalkResult:
    walk = Walk("data", find_encoder, Policy(**policy))
    return walk.finish(walk.child(value))


def key(value: Any, **policy: Any) -> dict[str, str]:
    return walked(value, **policy).components


def loader(dataset: Any = None, **options: Any) -> Any:
    return data.DataLoader(data.TensorDataset(ROWS) if dataset is None else dataset, **{"batch_size": 2, **options})


def table(values: Any = range(6)) -> Any:
    return datasets.Dataset.from_dict({"x": list(values)})


def seeded(seed: int) -> Any:
    return torch.Generator().manual_seed(seed)


def collate(rows: Any) -> Any:
    return rows


def other_collate(rows: Any) -> Any:
    return rows[::-1]


def started(worker: int) -> None:
    random.seed(worker)


class Squares(data.Dataset):
    """A user's map-style dataset, with things that do not count beside those that do."""

    def __init__(self, power: int = 2, label: str = "") -> None:
        self.power, self.values, self.label = power, [1, 2, 3, 4], label
        self.log, self.lock = logging.getLogger("squares"), threading.Lock()

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> Any:
        with self.lock:
            self.log.info("row %s", index)
        return self.values[index] ** self.power


class Counting(data.IterableDataset):
    def __init__(self, stop: int) -> None:
        self.stop = stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.stop))


class Backwards(data.Sampler):
    def __init__(self, dataset: Any, step: int = 1) -> None:
        self.size, self.step = len(dataset), step

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.size - 1, -1, -self.step))

    def __len__(self) -> int:
        return self.size


class Shuffled(data.Sampler):
    def __init__(self, size: int) -> None:
        self.size = size

    def __iter__(self) -> Iterator[int]:
        order = list(range(self.size))
        random.shuffle(order)
        return iter(order)

    def __len__(self) -> int:
        return self.size


class Pairs(data.Sampler):
    def __init__(self, width: int) -> None:
        self.width = width

    def __iter__(self) -> Iterator[list[int]]:
        return iter([list(range(start, start + self.width)) for start in range(0, 6, self.width)])

    def __len__(self) -> int:
        return 6 // self.width


NO_OPS = {
    "workers": {"num_workers": 2},
    "prefetch": {"num_workers": 1, "prefetch_factor": 4},
    "persistent workers": {"num_workers": 1, "persistent_workers": True},
    "time-out": {"num_workers": 1, "timeout": 3},
    "start of workers that there are not": {"worker_init_fn": started},
    "start method": {"num_workers": 1, "multiprocessing_context": "spawn"},
    "a generator that nobody draws from": {"generator": seeded(1)},
    "not shuffled, said aloud": {"shuffle": False},
    "the sampler that it would take anyway": {"sampler": data.SequentialSampler(ROWS)},
    "the same batches": {
        "batch_size": 1,
        "batch_sampler": data.BatchSampler(data.SequentialSampler(ROWS), 2, False),
    },
    "the collate function that it would take anyway": {"collate_fn": data.default_collate},
}

MUTATIONS = {
    "batch size": {"batch_size": 3},
    "no batches": {"batch_size": None},
    "drop_last": {"drop_last": True},
    "collate function": {"collate_fn": collate},
    "another collate function": {"collate_fn": other_collate},
    "shuffled with a seed": {"shuffle": True, "generator": seeded(1)},
    "shuffled with another seed": {"shuffle": True, "generator": seeded(2)},
    "some rows": {"sampler": data.SubsetRandomSampler([1, 2], generator=seeded(1))},
    "other rows": {"sampler": data.SubsetRandomSampler([1, 3], generator=seeded(1))},
    "weights": {"sampler": data.WeightedRandomSampler([1, 2, 1, 1, 1, 1], 6, generator=seeded(1))},
    "other weights": {"sampler": data.WeightedRandomSampler([1, 3, 1, 1, 1, 1], 6, generator=seeded(1))},
    "with replacement": {"sampler": data.RandomSampler(ROWS, replacement=True, generator=seeded(1))},
    "more samples": {"sampler": data.RandomSampler(ROWS, replacement=True, num_samples=9, generator=seeded(1))},
    "one share of two": {"sampler": data.distributed.DistributedSampler(ROWS, 2, 0, shuffle=False)},
    "the other share": {"sampler": data.distributed.DistributedSampler(ROWS, 2, 1, shuffle=False)},
    "a list of indices": {"sampler": [3, 1, 2]},
    "another list of indices": {"sampler": [1, 3, 2]},
    "own sampler": {"sampler": Backwards(ROWS)},
    "own sampler, other step": {"sampler": Backwards(ROWS, 2)},
    "own batches": {"batch_size": 1, "batch_sampler": Pairs(2)},
    "own batches, wider": {"batch_size": 1, "batch_sampler": Pairs(3)},
    "start of workers": {"num_workers": 1, "worker_init_fn": started},
}


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
class TestOptions:
    @pytest.mark.parametrize("no_op", NO_OPS)
    def test_keeps_its_key(self, no_op: str) -> None:
        assert key(loader(**NO_OPS[no_op])) == key(loader())

    def test_every_mutation_has_a_key_of_its_own(self) -> None:
        found = [str(key(loader(**options))) for options in (*MUTATIONS.values(), {})]
        assert len(set(found)) == len(found)

    @pytest.mark.filterwarnings("ignore:'pin_memory'")
    def test_pinning(self) -> None:
        assert key(loader(pin_memory=True)) == key(loader())

    def test_a_generator_that_was_drawn_from(self) -> None:
        shuffling = loader(shuffle=True, generator=seeded(1))
        before = key(shuffling)
        list(shuffling)
        assert key(shuffling) != before
        shuffling.generator.manual_seed(1)
        assert key(shuffling) == before

    def test_an_iteration_leaves_nothing_behind(self) -> None:
        used = loader()
        before = key(used)
        list(used)
        next(iter(used))
        assert key(used) == before

    def test_epoch_of_a_distributed_sampler(self) -> None:
        sampler = data.distributed.DistributedSampler(ROWS, 2, 0, seed=3)
        before = key(loader(sampler=sampler))
        sampler.set_epoch(1)
        assert key(loader(sampler=sampler)) != before

    def test_a_loader_class_of_the_user(self) -> None:
        class Limited(data.DataLoader):
            limit = 2

        class More(data.DataLoader):
            limit = 3

        keys = {str(key(cls(ROWS, batch_size=2))) for cls in (Limited, More, data.DataLoader)}
        assert len(keys) == 3


class TestRandomness:
    def reasons(self, **options: Any) -> list[str]:
        return walked(loader(**options)).stochastic

    def test_shuffling_without_a_generator_is_told(self) -> None:
        assert self.reasons(shuffle=True) == ["data.sampler: shuffling without a generator"]
        assert len(self.reasons(sampler=data.SubsetRandomSampler([1, 2]))) == 1
        assert len(self.reasons(batch_size=1, batch_sampler=data.BatchSampler(data.RandomSampler(ROWS), 2, True))) == 1
        assert walked(loader(shuffle=True)).draws == {"torch"}

    def test_shuffling_of_a_users_own_is_told(self) -> None:
        result = walked(loader(sampler=Shuffled(6)))
        assert result.stochastic == ["`random.shuffle` in function `Shuffled.__iter__`"]
        assert result.draws == {"python"}

    def test_nothing_is_told_where_nothing_is_drawn(self) -> None:
        assert self.reasons() == []
        assert self.reasons(shuffle=True, generator=seeded(1)) == []
        assert self.reasons(sampler=Backwards(ROWS)) == []


class TestRows:
    def test_of_tensors(self) -> None:
        assert key(loader(data.TensorDataset(ROWS.clone()))) == key(loader())
        before, after = walked(loader()), walked(loader(data.TensorDataset(ROWS + 1)))
        assert {name for name in before.components if before.components[name] != after.components[name]} == {
            "data.rows"
        }

    def test_of_a_table(self) -> None:
        assert key(loader(table())) == key(loader(table()))
        assert key(loader(table())) != key(loader(table([0, 1, 2, 3, 4, 6])))

    def test_of_subsets(self) -> None:
        whole = data.TensorDataset(ROWS)
        subsets = [data.Subset(whole, [0, 1]), data.Subset(whole, [1, 0]), data.Subset(whole, range(2)), whole]
        keys = [str(key(loader(subset))) for subset in subsets]
        assert keys[0] == keys[2]
        assert len(set(keys)) == 3

    def test_of_concatenated_ones(self) -> None:
        one, other = data.TensorDataset(ROWS), data.TensorDataset(ROWS + 1)
        keys = {str(key(loader(data.ConcatDataset(parts)))) for parts in ([one, other], [other, one], [one])}
        assert len(keys) == 3

    def test_of_a_users_dataset_by_what_it_reads(self) -> None:
        assert key(loader(Squares())) == key(loader(Squares(label="another run")))
        assert key(loader(Squares())) != key(loader(Squares(power=3)))
        changed = Squares()
        changed.values[2] = 7
        assert key(loader(Squares())) != key(loader(changed))
        assert key(loader(data.Subset(Squares(), [0]))) == key(loader(data.Subset(Squares(label="b"), [0])))

    def test_of_a_users_stream(self) -> None:
        assert key(loader(Counting(3))) == key(loader(Counting(3)))
        assert key(loader(Counting(3))) != key(loader(Counting(4)))
        assert key(loader(Counting(3))) != key(loader(Counting(3), batch_size=3))
        assert key(loader(Counting(3))) != key(loader(Counting(3), num_workers=1))

    def test_of_a_list(self) -> None:
        assert key(loader([1, 2, 3])) == key(loader([1, 2, 3])) != key(loader([1, 2, 4]))

    def test_what_cannot_be_understood_is_refused(self) -> None:
        class Unreadable(Squares):
            def __init__(self) -> None:
                super().__init__()
                self.rows = iter([1])

            def __getitem__(self, index: int) -> Any:
                return next(self.rows)

        with pytest.raises(UnfingerprintableError) as error:
            key(loader(Unreadable()))
        assert error.value.path.endswith(".rows")


def test_generators_by_their_state() -> None:
    assert key(seeded(1)) == key(seeded(1)) != key(seeded(2))
    drawn = seeded(1)
    torch.rand(1, generator=drawn)
    assert key(drawn) != key(seeded(1))


def test_datasets_by_themselves() -> None:
    assert key(data.TensorDataset(ROWS)) == key(data.TensorDataset(ROWS.clone())) != key(data.TensorDataset(ROWS + 1))
    assert key(data.Subset(data.TensorDataset(ROWS), [1])) != key(data.Subset(data.TensorDataset(ROWS), [2]))


MASKING = """
import sys, torch, transformers
from tokenizers import Tokenizer, models
from interpretune.analysis.cache import AnalysisStoreHasher

words = {"[PAD]": 0, "[MASK]": 1, "a": 2, "b": 3}
tokenizer = transformers.PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.WordLevel(words)), pad_token="[PAD]", mask_token="[MASK]"
)
collator = transformers.DataCollatorForLanguageModeling(tokenizer, mlm=True, seed=3)
loader = torch.utils.data.DataLoader([[2, 3], [3, 2]], batch_size=2, collate_fn=collator)
for _ in range(3):
    print(AnalysisStoreHasher().fingerprint(data=loader).hexdigest)
    list(loader)
"""


def test_a_masking_collator_with_a_seed_counts_by_what_it_drew_and_not_by_its_process(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "masking.py").write_text(MASKING, encoding="utf-8")
    told = []
    for seed in ("1", "4242"):
        run = subprocess.run(
            [sys.executable, str(tmp_path / "masking.py")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(run.stdout.split())
    assert told[0] == told[1]
    assert len(set(told[0])) == 3


class Noisy(data.Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return torch.rand(2)


def noisy_collate(rows: Any) -> Any:
    return torch.rand(len(rows))


def test_workers_count_where_rows_are_drawn_in_them() -> None:
    def told(dataset: Any = None, **options: Any) -> str:
        torch.manual_seed(0)
        return AnalysisStoreHasher().fingerprint(data=loader(dataset, **options)).hexdigest

    for random_rows in ({"dataset": Noisy()}, {"collate_fn": noisy_collate}):
        keys = [told(**random_rows, num_workers=count) for count in (0, 1, 2)]
        keys += [told(**random_rows, num_workers=2, generator=seeded(seed)) for seed in (1, 2)]
        assert len(set(keys)) == 5
        assert told(**random_rows, num_workers=2) == keys[2]
        assert told(**random_rows, generator=seeded(1)) == keys[0]
    assert told(shuffle=True) == told(shuffle=True, num_workers=2)
    assert told() == told(num_workers=2, generator=seeded(1))
