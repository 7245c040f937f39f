"""Tensors in rows: every dtype and layout, stored as `datasets` stores them, or refused as it refuses them."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Array2D, Array3D, Dataset, Features, List, Value

from interpretune.analysis.cache.columns import Column
from interpretune.analysis.cache.copying import RowCopier
from interpretune.analysis.cache.errors import RowError
from interpretune.analysis.cache.recycling import RecycledMemory
from interpretune.analysis.cache.rows import RowEncoder
from interpretune.analysis.cache.writer import ShardWriter

torch = pytest.importorskip("torch")


def read_back(path: Path, features: Features, rows: list[dict]) -> Dataset:
    writer = ShardWriter(path, features)
    writer.write(rows)
    writer.close()
    return Dataset.from_file(str(path))


def reference(tmp_path: Path, features: Features, rows: list[dict]) -> Dataset:
    return Dataset.from_generator(lambda: iter(rows), features=features, cache_dir=str(tmp_path / "hf"))


DTYPES = {
    torch.bool: "bool",
    torch.uint8: "uint8",
    torch.uint16: "uint16",
    torch.uint32: "uint32",
    torch.uint64: "uint64",
    torch.int8: "int8",
    torch.int16: "int16",
    torch.int32: "int32",
    torch.int64: "int64",
    torch.float16: "float16",
    torch.bfloat16: "float32",
    torch.float32: "float32",
    torch.float64: "float64",
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_each_dtype_is_stored_exactly(tmp_path, dtype):
    name = DTYPES[dtype]
    features = Features(
        {"list": List(List(Value(name))), "array": Array2D(shape=(None, 3), dtype=name), "one": Value(name)}
    )
    values = torch.tensor([[0, 1, 1], [1, 0, 1]], dtype=torch.int8)
    values = values.to(dtype) if dtype == torch.bool else (values * 3).to(dtype)
    rows = [{"list": values, "array": values, "one": values[0, 1]} for _ in range(2)]
    ours = read_back(tmp_path / "shard.arrow", features, rows)
    assert ours[0] == {"list": values.tolist(), "array": values.tolist(), "one": values[0, 1].item()}
    assert ours[:] == reference(tmp_path, features, rows)[:]


def test_bfloat16_goes_through_float32_into_any_float(tmp_path):
    values = torch.randn(2, 3).to(torch.bfloat16)
    features = Features({name: List(List(Value(name))) for name in ("float32", "float64", "float16")})
    rows = [dict.fromkeys(features, values)]
    ours = read_back(tmp_path / "shard.arrow", features, rows)
    assert ours[:] == reference(tmp_path, features, rows)[:]
    assert ours[0]["float64"] == values.double().tolist()


LAYOUTS = {
    "transposed": lambda tensor: tensor.transpose(0, 2).contiguous().transpose(0, 2),
    "expanded": lambda tensor: tensor[:1].expand(4, 2, 3),
    "strided": lambda tensor: tensor.repeat_interleave(2, dim=1)[:, ::2],
    "a slice": lambda tensor: torch.cat([tensor, tensor])[2:6],
    "with a gradient": lambda tensor: (tensor * 1.0).requires_grad_() * 2,
    "a parameter": torch.nn.Parameter,
    "in inference mode": lambda tensor: torch.inference_mode()(lambda: tensor * 2)(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("own", [True, False])
def test_each_layout_is_stored_by_its_values(layout, own):
    features = Features(
        {"array": Array3D(shape=(4, 2, 3), dtype="float32"), "list": List(List(List(Value("float32"))))}
    )
    value = LAYOUTS[layout](torch.arange(24, dtype=torch.float32).reshape(4, 2, 3))
    encoded = RowEncoder(features).encode([{"array": value, "list": value}], own=own)
    row = encoded.batches[0].to_pylist()[0]
    assert row == {"array": value.tolist(), "list": value.tolist()}


def test_a_tensors_memory_is_shared_only_where_that_is_allowed():
    tensor = torch.zeros(5)
    column = Column("x", List(Value("float32")))
    shared, owned = column.build([tensor], copies=None), column.build([tensor], copies=RecycledMemory())
    tensor.fill_(1)
    assert shared.to_pylist() == [[1.0] * 5]
    assert owned.to_pylist() == [[0.0] * 5]


def test_a_converted_tensor_is_free_as_well():
    tensor = torch.zeros(5, dtype=torch.bfloat16)
    encoded = RowEncoder(Features({"x": List(Value("float32")), "y": List(Value("float64"))})).encode(
        [{"x": tensor, "y": tensor}]
    )
    tensor.fill_(1)
    assert encoded.batches[0].to_pylist() == [{"x": [0.0] * 5, "y": [0.0] * 5}]


def test_ragged_tensors_in_dictionaries_and_lists(tmp_path):
    features = Features({"x": {"layers": List(List(List(Value("float16")))), "name": Value("string")}})
    rows = [
        {"x": {"layers": [torch.ones(2, 3).half(), torch.ones(0, 4).half(), torch.ones(1, 0).half()], "name": "a"}},
        {"x": {"layers": [], "name": torch.tensor(3)}},
        {"x": {"layers": [None, torch.ones(1, 1).half()], "name": None}},
        {"x": None},
    ]
    assert read_back(tmp_path / "s.arrow", features, rows)[:] == reference(tmp_path, features, rows)[:]


REFUSED = {
    "complex": lambda: torch.zeros(2, dtype=torch.complex64),
    "float8": lambda: torch.zeros(2).to(torch.float8_e4m3fn),
    "sparse": lambda: torch.eye(2).to_sparse()[0],
    "meta": lambda: torch.zeros(2, device="meta"),
    "two dimensions": lambda: torch.zeros(2, 2),
    "no dimension": lambda: torch.tensor(1.0),
    "a fraction for an integer": lambda: torch.tensor([1.0, float("nan")]),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_arrow_cannot_hold_is_refused_with_its_shape_and_dtype(tmp_path, kind):
    value = REFUSED[kind]()
    features = Features({"x": List(Value("int32" if "integer" in kind else "float32"))})
    writer = ShardWriter(tmp_path / "shard.arrow", features)
    with pytest.raises(RowError) as caught:
        writer.write([{"x": torch.ones(2)}, {"x": value}])
    writer.abort()
    assert caught.value.row == 1
    assert f"Tensor of shape {tuple(value.shape)} and dtype {value.dtype}" in caught.value.got


LARGE = 2**19


@pytest.mark.parametrize("dtype", [*DTYPES, torch.bfloat16, torch.complex64, torch.float8_e4m3fn])
def test_a_large_tensor_is_copied_bit_by_bit_with_and_without_memory_made_ready(dtype):
    copier = RowCopier(RecycledMemory())
    value = torch.arange(2 * LARGE).remainder(2).to(dtype).view(2, LARGE)
    copies = []
    for number in range(4):
        copied, _ = copier.copy({"x": value.clone()})
        copies.append(copied)
        copier.make_ready(copied)
        assert bool(copier._ready) == (number > 0)
    assert len({copied["x"].data_ptr() for copied in copies}) == len(copies)
    for copied in copies:
        assert copied["x"].dtype == dtype
        assert torch.equal(copied["x"].view(torch.uint8), value.view(torch.uint8))


OTHERS = {
    "requires grad": torch.ones(2, LARGE, requires_grad=True),
    "computed": torch.ones(2, LARGE, requires_grad=True) * 1.0,
    "transposed": torch.ones(LARGE, 2).T,
    "expanded": torch.ones(2, 1).expand(2, LARGE),
    "of another shape": torch.ones(LARGE, 2),
    "of another dtype": torch.ones(2, LARGE, dtype=torch.float16),
    "negated when read": torch.full((2, LARGE), -1j).conj().imag,
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("ready", [False, True])
def test_tensors_of_all_kinds_are_copied_where_memory_is_ready_for_plain_ones(kind, ready):
    copier = RowCopier(RecycledMemory())
    plain, _ = copier.copy({"x": torch.zeros(2, LARGE)})
    for _ in range(2 if ready else 0):
        copier.make_ready(plain)
    value = OTHERS[kind]
    copied = copier.copy({"x": value})[0]["x"]
    assert not copied.requires_grad
    assert copied.data_ptr() != value.data_ptr()
    assert copied.dtype == value.dtype
    assert torch.equal(copied, value.detach())


@pytest.mark.parametrize("ready", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(2, LARGE, device="meta"),
        torch.zeros(2, LARGE).to_sparse(),
        torch.nn.Parameter(torch.zeros(2, LARGE)),
    ],
    ids=["meta", "sparse", "parameter"],
)
def test_what_cannot_be_copied_is_left_to_the_encoder(value, ready):
    copier = RowCopier(RecycledMemory())
    plain, _ = copier.copy({"x": torch.zeros(2, LARGE)})
    for _ in range(2 if ready else 0):
        copier.make_ready(plain)
    assert copier.copy({"x": value}) is None


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_nested_tensor_is_left_to_the_encoder():
    ragged = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])
    assert RowCopier(RecycledMemory()).copy({"x": ragged}) is None
    with pytest.raises(RowError, match="Tensor of shape that differs by row"):
        RowEncoder(Features({"x": List(List(Value("float32")))})).encode([{"x": ragged}])
