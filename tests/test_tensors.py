"""The digest of a tensor: its dtype, shape and elements, and nothing else about it."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from interpretune.analysis.cache.digests import tensor_bytes, tensors  # noqa: E402
from interpretune.analysis.cache.digests.policy import Policy  # noqa: E402
from interpretune.analysis.cache.digests.registry import find_encoder  # noqa: E402
from interpretune.analysis.cache.digests.results import WalkResult  # noqa: E402
from interpretune.analysis.cache.digests.walk import Walk  # noqa: E402
from interpretune.analysis.cache.errors import UnfingerprintableError  # noqa: E402


def walked(value: Any, **policy: Any) -> WalkResult:
    walk = Walk("inputs.x", find_encoder, Policy(**policy))
    return walk.finish(walk.child(value))


def key(value: Any, **policy: Any) -> dict[str, str]:
    return walked(value, **policy).components


def sample(*shape: int, seed: int = 0) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class TestWhatCounts:
    def test_one_element(self) -> None:
        changed = sample(3, 4)
        changed[1, 2] += 1e-6
        assert key(changed) != key(sample(3, 4))

    def test_one_bit_of_the_last_chunk_of_a_large_one(self) -> None:
        large = torch.zeros(tensor_bytes.CHUNK_BYTES // 4 * 2 + 5)
        changed = large.clone()
        changed[-1] = 1
        swapped = large.clone()
        swapped[0] = 1
        assert len({str(key(large)), str(key(changed)), str(key(swapped))}) == 3

    def test_shape_of_equal_bytes(self) -> None:
        flat = torch.arange(6)
        shapes = [flat, flat.reshape(2, 3), flat.reshape(3, 2), flat.reshape(1, 6), flat.reshape(6, 1)]
        assert len({str(key(shape)) for shape in shapes}) == 5

    def test_empty_shapes(self) -> None:
        shapes = [torch.empty(0), torch.empty(0, 3), torch.empty(3, 0), torch.empty(0, dtype=torch.int64)]
        assert len({str(key(shape)) for shape in shapes}) == 4

    def test_dtype_of_equal_bytes_and_of_equal_values(self) -> None:
        ints = torch.tensor([1, 2], dtype=torch.int32)
        others = [ints, ints.view(torch.float32), ints.long(), ints.float(), ints.view(torch.uint8), ints.bool()]
        assert len({str(key(other)) for other in others}) == 6

    def test_a_scalar_is_no_vector_and_no_number(self) -> None:
        assert len({str(key(value)) for value in (torch.tensor(1.0), torch.tensor([1.0]), 1.0)}) == 3

    def test_sign_of_zero_and_nan(self) -> None:
        assert key(torch.tensor(-0.0)) != key(torch.tensor(0.0))
        assert key(torch.tensor(float("nan"))) == key(torch.tensor(float("nan")))

    def test_a_change_through_data_or_numpy_is_seen(self) -> None:
        value = torch.nn.Parameter(sample(4))
        before = key(value)
        value.data.mul_(2)
        after = key(value)
        value.detach().numpy()[0] = 7
        assert len({str(before), str(after), str(key(value))}) == 3

    def test_public_attributes_of_a_tensor(self) -> None:
        value = sample(3)
        value.scale = 2
        assert key(value) != key(sample(3))


def storages() -> list[Any]:
    base = sample(6, 4, 5, 3)
    wide = torch.zeros(6, 4, 5, 9)
    wide[..., ::3] = base
    flipped = base.flip(0).contiguous()
    return [
        base,
        base.permute(3, 1, 0, 2).contiguous().permute(2, 1, 3, 0),
        base.contiguous(memory_format=torch.channels_last),
        wide[..., ::3],
        torch.cat([torch.zeros(1, 4, 5, 3), base])[1:],
        flipped.flip(0),
        torch.nn.Parameter(base.clone()),
        base.clone().requires_grad_(),
        (base.clone().requires_grad_() * 1.0),
        pickle.loads(pickle.dumps(base)),
        copy.deepcopy(base),
        base.neg()._neg_view(),
        torch.from_numpy(base.numpy().copy()),
    ]


class TestWhatDoesNotCount:
    def test_how_it_is_stored(self) -> None:
        assert len({str(key(value)) for value in storages()}) == 1

    def test_slabs_of_a_large_view_give_the_digest_of_its_copy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tensor_bytes, "CHUNK_BYTES", 1000)
        monkeypatch.setattr(tensor_bytes, "SLAB_BYTES", 112)
        for value in (sample(7, 50).t(), sample(3, 4, 5, 6).permute(2, 0, 3, 1), sample(2000)[::2], sample(1, 90, 3)):
            assert key(value) == key(value.contiguous())

    def test_expanded(self) -> None:
        row = sample(1, 5)
        assert key(row.expand(4, 5)) == key(row.repeat(4, 1))

    def test_lazy_conjugate(self) -> None:
        value = torch.complex(sample(3, 2), sample(3, 2, seed=1))
        assert key(value.conj()) == key(value.conj().resolve_conj()) != key(value)
        assert key(value.conj().imag) == key(value.conj().imag.resolve_neg())

    def test_gradients_and_version_counter(self) -> None:
        value = torch.nn.Parameter(sample(4))
        before = key(value)
        value.sum().backward()
        with torch.no_grad():
            value.mul_(1.0)
        assert key(value) == before

    def test_number_of_threads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        named = {f".t{n}": sample(300_000 + n, seed=n) for n in range(5)}
        walk = Walk("inputs.x", find_encoder)
        found = []
        for threads in (1, 2, 7):
            monkeypatch.setattr(tensor_bytes, "_processors", lambda threads=threads: threads)
            found.append(tensors.tensor_digests(named, walk))
        assert found[0] == found[1] == found[2]
        assert found[0] == {name: tensors.encode_tensor(value, walk) for name, value in named.items()}

    @pytest.mark.parametrize("started", [0, 1])
    def test_without_threads_or_with_fewer_than_wanted(
        self,
        monkeypatch: pytest.MonkeyPatch,
        started: int,
        threads_begun: Callable[[int], list[threading.Thread]],
    ) -> None:
        named = {f".t{n}": sample(300_000 + n, seed=n) for n in range(5)}
        walk = Walk("inputs.x", find_encoder)
        expected = tensors.tensor_digests(named, walk)
        monkeypatch.setattr(tensor_bytes, "_processors", lambda: 4)
        begun = threads_begun(started)
        assert tensors.tensor_digests(named, walk) == expected
        assert len(begun) == started

    def test_what_goes_wrong_in_a_thread_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: tensor_bytes.Leaf, at: int) -> None:
            if threading.current_thread() is not threading.main_thread():
                raise MemoryError("none left")
            done.wait()

        done = threading.Event()
        monkeypatch.setattr(tensor_bytes.Leaf, "do", fail)
        monkeypatch.setattr(tensor_bytes, "_processors", lambda: 2)
        run = tensor_bytes.Hashing._run
        monkeypatch.setattr(tensor_bytes.Hashing, "_run", lambda self: (run(self), done.set()))
        with pytest.raises(MemoryError, match="none left"):
            tensors.tensor_digests({f".t{n}": sample(300_000, seed=n) for n in range(3)}, Walk("x", find_encoder))

    def test_sharing_of_storage(self) -> None:
        value = sample(400_000)
        walk = Walk("inputs.x", find_encoder)
        shared = tensors.tensor_digests({".a": value, ".b": value, ".c": value[:300_000]}, walk)
        apart = tensors.tensor_digests({".a": value, ".b": value.clone(), ".c": value[:300_000].clone()}, walk)
        assert shared == apart
        assert shared[".a"] == shared[".b"] != shared[".c"]

    def test_another_process_with_another_hash_seed(self) -> None:
        script = (
            "import torch, json\n"
            "from interpretune.analysis.cache.digests.registry import find_encoder\n"
            "from interpretune.analysis.cache.digests.walk import Walk\n"
            "walk = Walk('inputs.x', find_encoder)\n"
            "print(json.dumps(walk.finish(walk.child(torch.arange(10.0).reshape(2, 5))).components))"
        )
        outputs = {
            subprocess.run(
                [sys.executable, "-c", script],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(outputs) == 1


NAMES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "bfloat16",
    "float32", "float64", "complex32", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
    "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "uint4", "int4",
]  # fmt: skip
DTYPES = [name for name in NAMES if hasattr(torch, name)]


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_every_dtype_by_its_bits(name: str) -> None:
    dtype = getattr(torch, name)
    width = torch.empty(1, dtype=dtype).element_size()
    raw = torch.randint(0, 2, (4, 6 * width), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    value = raw.view(dtype)
    other = raw.clone()
    other[3, -1] ^= 1
    assert key(value) == key(raw.clone().view(dtype))
    assert key(value) != key(other.view(dtype))
    assert key(value) != key(raw) or dtype is torch.uint8
    # A view whose elements do not lie next to each other, made without any kernel for this dtype.
    spaced = torch.zeros(4, 9 * width, dtype=torch.uint8)
    spaced[:, : 6 * width] = raw
    assert key(spaced.view(dtype)[:, :6]) == key(value)


@pytest.mark.filterwarnings(
    "ignore:.*[Ss]parse", "ignore:.*quantized tensor", "ignore:.*nested tensor", "ignore:TypedStorage"
)
class TestOtherKinds:
    def test_sparse_by_coalesced_content(self) -> None:
        twice = torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 0]], [3.0, 1.0, 2.0], (2, 3))
        once = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 3.0], (2, 3))
        assert key(twice) == key(once)
        assert not twice.is_coalesced()
        others = [
            torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)),
            torch.sparse_coo_tensor([[0, 1], [1, 0]], [3.0, 3.0], (2, 3)),
            torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 3.0], (2, 4)),
            once.to_dense(),
            once.to_dense().to_sparse_csr(),
            once.to_dense().to_sparse_csc(),
        ]
        assert len({str(key(other)) for other in (once, *others)}) == 7

    def test_quantized_with_its_state(self) -> None:
        value = sample(4, 3)
        scales = torch.tensor([0.1, 0.2, 0.3, 0.4])
        zeros = torch.zeros(4, dtype=torch.int64)
        integers = torch._make_per_tensor_quantized_tensor(torch.ones(4, 3, dtype=torch.int8), 0.1, 0)
        found = [
            integers,
            torch._make_per_tensor_quantized_tensor(torch.ones(4, 3, dtype=torch.int8), 0.2, 0),
            torch._make_per_tensor_quantized_tensor(torch.ones(4, 3, dtype=torch.int8), 0.1, 1),
            torch.quantize_per_channel(value, scales, zeros, 0, torch.qint8),
            torch.quantize_per_channel(value, scales * 2, zeros, 0, torch.qint8),
        ]
        assert len({str(key(one)) for one in found}) == 5
        assert key(copy.deepcopy(integers)) == key(integers)

    @pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
    def test_nested_by_components(self, layout: Any) -> None:
        def make(*rows: Any) -> Any:
            return torch.nested.nested_tensor(list(rows), layout=layout)

        assert key(make(sample(2, 3), sample(4, 3))) == key(make(sample(2, 3), sample(4, 3)))
        assert key(make(sample(2, 3), sample(4, 3))) != key(make(sample(2, 3), sample(4, 3, seed=1)))

    def test_subclass_that_says_what_it_is_made_of(self) -> None:
        def make(left: float, right: float) -> Any:
            from torch.testing._internal.two_tensor import TwoTensor

            return TwoTensor(torch.full((2,), left), torch.full((2,), right))

        assert key(make(1, 2)) == key(make(1, 2))
        assert len({str(key(one)) for one in (make(1, 2), make(1, 3), make(3, 2), torch.ones(2))}) == 4

    def test_own_subclass_with_its_attributes(self) -> None:
        class Scaled(torch.Tensor):
            pass

        def make(scale: float) -> Any:
            value = sample(3).as_subclass(Scaled)
            value.scale = scale
            return value

        assert key(make(2.0)) == key(make(2.0))
        assert len({str(key(one)) for one in (make(2.0), make(3.0), sample(3))}) == 3

    def test_small_companions(self) -> None:
        values = [
            torch.float16, torch.float32, torch.Size([2, 3]), (2, 3), torch.strided, torch.channels_last,
            torch.device("cpu"), torch.device("cuda", 0),
        ]  # fmt: skip
        assert len({str(key(value)) for value in values}) == 8
        assert key(torch.device("cuda", 0)) == key(torch.device("cuda", 1))
        assert key(torch.device("cuda"), device="portable") == key(torch.device("cpu"), device="portable")


class TestRefused:
    def test_meta(self) -> None:
        with pytest.raises(UnfingerprintableError, match="meta device") as error:
            key({"a": [torch.empty(3, device="meta")]})
        assert error.value.path == "inputs.x['a'][0]"
        assert "to_empty" in str(error.value)

    def test_fake(self) -> None:
        from torch._subclasses.fake_tensor import FakeTensorMode

        with FakeTensorMode():
            value = torch.empty(3)
        with pytest.raises(UnfingerprintableError, match="fake tensor"):
            key(value)

    def test_lazy(self) -> None:
        with pytest.raises(UnfingerprintableError, match="lazy"):
            key(torch.nn.parameter.UninitializedParameter())


class TestTrustedVersions:
    def test_reuses_until_torch_counts_a_change(self, monkeypatch: pytest.MonkeyPatch) -> None:
        value = torch.nn.Parameter(sample(400_000))
        first = key(value, trust_versions=True)
        assert first == key(value)
        reads = []
        monkeypatch.setattr(tensors, "Leaf", reads.append)
        assert key(value, trust_versions=True) == first
        assert reads == []
        monkeypatch.undo()
        with torch.no_grad():
            value[0] += 1
        assert key(value, trust_versions=True) == key(value) != first

    def test_does_not_see_what_torch_does_not_count(self) -> None:
        value = torch.nn.Parameter(sample(8))
        first = key(value, trust_versions=True)
        value.data.mul_(2)
        assert key(value, trust_versions=True) == first != key(value)

    def test_another_storage_behind_the_same_parameter(self) -> None:
        value = torch.nn.Parameter(sample(8))
        seen = {str(key(value, trust_versions=True))}
        for seed in range(1, 6):
            value.data = sample(8, seed=seed)
            seen.add(str(key(value, trust_versions=True)))
        assert len(seen) == 6

    def test_tensors_of_inference_mode_are_read(self) -> None:
        with torch.inference_mode():
            value = sample(8)
            first = key(value, trust_versions=True)
            value.mul_(2)
            assert key(value, trust_versions=True) != first

    def test_keeps_no_tensor_alive(self) -> None:
        value = sample(8)
        key(value, trust_versions=True)
        before = len(tensors._trusted._known)
        del value
        assert len(tensors._trusted._known) < before


def test_from_many_threads_and_after_a_fork() -> None:
    value = sample(1_000_000)
    expected = key(value)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(key(value))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_strided_view_equals_its_copy(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(0, 5), max_size=4))
    value = (
        torch.arange(max(1, int(torch.Size(shape).numel()))).reshape(shape) if 0 not in shape else torch.empty(shape)
    )
    for _ in range(data.draw(st.integers(0, 4))):
        if value.dim() == 0:
            value = value.expand(data.draw(st.integers(1, 3)))
            continue
        axis = data.draw(st.integers(0, value.dim() - 1))
        kind = data.draw(st.sampled_from(["transpose", "step", "narrow", "unsqueeze"]))
        if kind == "transpose":
            value = value.transpose(0, axis)
        elif kind == "step":
            value = value[(slice(None),) * axis + (slice(None, None, 2),)]
        elif kind == "narrow":
            value = value.narrow(axis, min(1, value.shape[axis]), max(0, value.shape[axis] - 1))
        else:
            value = value.unsqueeze(axis)
    assert key(value) == key(value.clone(memory_format=torch.contiguous_format))
