"""Tensors to the disk and back: exact, or refused. The safetensors library is the judge of the format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from elman import artifact
from elman.errors import ArtifactError, ConfigError

Refused = Callable[..., str]
Tensors = dict[str, Tensor]


def same(received: Tensors, expected: Tensors) -> bool:
    """Equal names, dtypes, shapes and bits (the sign of a zero counts)."""
    return received.keys() == expected.keys() and all(
        received[name].dtype is tensor.dtype
        and received[name].shape == tensor.shape
        and torch.equal(
            received[name].reshape(-1).view(torch.uint8), tensor.detach().contiguous().reshape(-1).view(torch.uint8)
        )
        for name, tensor in expected.items()
    )


def variety() -> Tensors:
    generator = torch.Generator().manual_seed(1)
    normal = torch.randn(3, 5, generator=generator)
    whole = torch.arange(12.0)
    return {
        "f64": normal.double(),
        "f32": normal,
        "f16": normal.half(),
        "bf16": normal.bfloat16(),
        "i64": torch.tensor([-(2**63), 2**63 - 1]),
        "i32": torch.tensor([-1, 7], dtype=torch.int32),
        "i16": torch.tensor([-1, 7], dtype=torch.int16),
        "i8": torch.tensor([-128, 127], dtype=torch.int8),
        "u8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([[True], [False]]),
        "0-d": torch.tensor(-0.0),
        "0-d bf16": torch.tensor(3.0, dtype=torch.bfloat16),
        "empty": torch.empty(0),
        "empty with sizes": torch.empty(4, 0, 3, dtype=torch.bfloat16),
        "subnormal": torch.tensor([1e-45, -1e-45]),
        "transposed": normal.clone().T,
        "strided": torch.arange(10.0)[::3],
        "half one": whole[:6],
        "half two": whole[6:],
        "expanded": torch.tensor([2.0]).expand(3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "läyer.0/weight": torch.ones(1),
    }


def test_round_trip_is_exact(model: Path) -> None:
    tensors = variety()
    artifact.write_weights(model, tensors)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for source in (model, str(model), artifact.read(model)):
        received = artifact.read_weights(source, shapes)
        assert same(received, tensors)
        assert not any(tensor.requires_grad for tensor in received.values())
    assert same(load_file(model / "weights.safetensors"), tensors)


def test_the_same_tensors_give_the_same_bytes(model: Path, tensors: Tensors) -> None:
    first = (model / "weights.safetensors").read_bytes()
    artifact.write_weights(model, tensors)
    assert (model / "weights.safetensors").read_bytes() == first


def test_what_is_read_can_be_changed_and_leaves_the_file(model: Path, tensors: Tensors) -> None:
    artifact.read_weights(model)["w"].zero_()
    assert same(artifact.read_weights(model), tensors)


def test_a_file_of_another_writer_is_read(model: Path) -> None:
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in variety().items()}
    save_file(tensors, model / "weights.safetensors")
    assert same(artifact.read_weights(model), tensors)


def test_no_tensors_at_all(model: Path) -> None:
    artifact.write_weights(model, {})
    assert artifact.read_weights(model, {}) == {}


def shared_rows() -> Tensors:
    whole = torch.arange(6.0).reshape(3, 2)
    return {"whole": whole, "rows": whole[1:]}


def tied() -> Tensors:
    weight = torch.ones(2)
    return {"embedding": weight, "output": weight}


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (tied, "'embedding' and 'output' with shared memory"),
        (shared_rows, "'whole' and 'rows' with shared memory"),
        (lambda: {"w": torch.tensor([1.0, float("nan")])}, "'w'. Received: NaN"),
        (lambda: {"w": torch.tensor(float("inf"), dtype=torch.bfloat16)}, "'w'. Received: NaN or infinite"),
        (lambda: {"w": torch.ones(2, dtype=torch.complex64)}, "Received: torch.complex64"),
        (lambda: {"w": torch.ones(2).to_sparse()}, "Received: torch.float32, torch.sparse_coo"),
        (lambda: {"w": torch.ones(2, device="meta")}, "on meta"),
        (lambda: {"": torch.ones(2)}, "Received: ''"),
        (lambda: {"__metadata__": torch.ones(2)}, "Received: '__metadata__'"),
        (lambda: {"a\nb": torch.ones(2)}, "printable name"),
        (lambda: {f"t{i}": torch.empty(0) for i in range(10_001)}, "Received: 10001"),
    ],
    ids=range(11),
)
def test_what_could_not_be_read_back_is_not_written(
    model: Path, tensors: Tensors, make: Callable[[], Tensors], part: str
) -> None:
    with pytest.raises(ConfigError, match="Received: ") as caught:
        artifact.write_weights(model, make())
    assert part in str(caught.value)
    assert same(artifact.read_weights(model), tensors)


def test_what_does_not_fit_is_named(model: Path, refused: Refused) -> None:
    message = refused(lambda: artifact.read_weights(model, {"w": (3, 2), "u": (1,)}), model)
    assert "expected 'u' [1]. Received: none" in message
    assert "expected no such tensor. Received: 'b' [2]" in message
    assert "expected 'w' [3, 2]. Received: [2, 3]" in message


def test_a_long_list_of_what_does_not_fit_is_cut(model: Path, refused: Refused) -> None:
    message = refused(lambda: artifact.read_weights(model, {f"t{i}": (1,) for i in range(5000)}), model)
    assert message.endswith("and 4994 more")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite(model: Path, refused: Refused, dtype: torch.dtype, value: float) -> None:
    save_file({"good": torch.ones(3), "bad": torch.tensor([1, value], dtype=dtype)}, model / "weights.safetensors")
    assert "finite numbers in 'bad'" in refused(lambda: artifact.read_weights(model), model)


def test_truth_values_that_are_neither(model: Path, refused: Refused) -> None:
    path = model / "weights.safetensors"
    save_file({"mask": torch.tensor([True, False])}, path)
    path.write_bytes(path.read_bytes()[:-1] + b"\x02")
    assert "booleans in 'mask'" in refused(lambda: artifact.read_weights(model), model)


def test_truncated_at_every_byte(model: Path, refused: Refused) -> None:
    path = model / "weights.safetensors"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert str(path) in refused(lambda: artifact.read_weights(model), model)


@pytest.mark.parametrize("flip", [1, 2, 4, 8, 16, 32, 64, 128, 255])
def test_every_byte_flipped(model: Path, tensors: Tensors, flip: int) -> None:
    # With the digest in the file a flip is found, or it hit a remark that says nothing about the tensors.
    path = model / "weights.safetensors"
    whole = path.read_bytes()
    data = 8 + int.from_bytes(whole[:8], "little")
    accepted = 0
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ flip]) + whole[position + 1 :])
        try:
            received = artifact.read_weights(model)
        except ArtifactError:
            continue
        accepted += 1
        assert position < data
        assert same(received, tensors)
    assert accepted < 40


@pytest.mark.parametrize("flip", [1, 2, 4, 8, 16, 32, 64, 128, 255])
def test_every_byte_of_the_header_flipped_without_a_digest(model: Path, tensors: Tensors, flip: int) -> None:
    path = model / "weights.safetensors"
    save_file(tensors, path)
    whole = path.read_bytes()
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for position in range(8 + int.from_bytes(whole[:8], "little")):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ flip]) + whole[position + 1 :])
        try:
            received = artifact.read_weights(model, shapes)
        except ArtifactError:
            continue
        assert {name: tuple(tensor.shape) for name, tensor in received.items()} == shapes


@pytest.fixture(scope="module")
def shared_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all of hypothesis' examples."""
    folder = tmp_path_factory.mktemp("model")
    artifact.write(folder, task="t", config={}, training={}, metrics={}, data={}, command="", vocabulary=None)
    artifact.write_weights(folder, {"w": torch.ones(2, 2), "b": torch.zeros(3)})
    return folder


@given(cut=st.tuples(st.integers(0, 400), st.integers(0, 8)), inserted=st.binary(max_size=8))
def test_any_damage_is_the_tensors_or_an_artifact_error(
    shared_model: Path, cut: tuple[int, int], inserted: bytes
) -> None:
    path = shared_model / "weights.safetensors"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: cut[0]] + inserted + whole[sum(cut) :])
        try:
            received = artifact.read_weights(shared_model, {"w": (2, 2), "b": (3,)})
        except ArtifactError:
            return
        assert {name: tuple(tensor.shape) for name, tensor in received.items()} == {"w": (2, 2), "b": (3,)}
    finally:
        path.write_bytes(whole)
