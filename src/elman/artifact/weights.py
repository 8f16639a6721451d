"""Reading and writing of weights.safetensors. torch is imported only when a function is called."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

from elman.artifact.folder import WEIGHTS, Artifact, keep_described_weights, read
from elman.artifact.safetensors_header import DIGEST, MAX_TENSORS, TensorEntry, read_header
from elman.artifact.strict import open_plain_file, shown
from elman.errors import ArtifactError, ConfigError
from elman.files import atomic_file, make_folder

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["digest_of", "read_weights", "write_weights"]


def _dtypes() -> dict[str, torch.dtype]:
    import torch

    return {
        "F64": torch.float64,
        "F32": torch.float32,
        "F16": torch.float16,
        "BF16": torch.bfloat16,
        "I64": torch.int64,
        "I32": torch.int32,
        "I16": torch.int16,
        "I8": torch.int8,
        "U8": torch.uint8,
        "BOOL": torch.bool,
    }


def write_weights(folder: str | os.PathLike[str], tensors: Mapping[str, Tensor]) -> str:
    """Write `tensors` atomically to weights.safetensors in `folder`, with their dtypes and shapes; return their digest.

    Weights that were there are kept under another name until `write` has described the new ones, so that the folder is
    a whole model at any time. The tensors may be on any device and have any strides. The file contains a digest, with
    which `read_weights` detects changed bytes.

    Raises ConfigError for NaN or infinite values, for a dtype that the format does not have, and for tensors that share
    memory; StorageError when the disk is full or access is denied.
    """
    from safetensors.torch import save

    if len(tensors) > MAX_TENSORS:
        raise ConfigError(f"expected at most {MAX_TENSORS} tensors. Received: {len(tensors)}")
    known = set(_dtypes().values())
    for name, tensor in tensors.items():
        if not name.isprintable() or name in ("", "__metadata__"):
            raise ConfigError(f"expected a printable name for every tensor. Received: {shown(name)}")
        if tensor.dtype not in known or tensor.layout is not _strided() or tensor.is_meta:
            raise ConfigError(
                f"expected a plain dense tensor of a real dtype for {shown(name)}. "
                f"Received: {tensor.dtype}, {tensor.layout}, on {tensor.device}"
            )
        if not _is_finite(tensor):
            raise ConfigError(f"expected finite numbers to save in {shown(name)}. Received: NaN or infinite values")
    _expect_separate_memory(tensors)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # Only one metadata entry: safetensors writes several in random order, but equal tensors must give equal files.
    digest = _digest(plain)
    content = save(plain, metadata={DIGEST: digest})
    path = make_folder(folder)
    keep_described_weights(path)
    with atomic_file(path / WEIGHTS) as file:
        file.write(content)
    return digest


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """Return the digest that `write_weights` would store with these tensors."""
    return _digest({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def read_weights(
    source: Artifact | str | os.PathLike[str], expected: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, Tensor]:
    """Read the tensors of a model's folder, or of the Artifact that `read` returned for it, on the CPU, by name.

    `expected` has the shape of every tensor of the model; it is compared with the file's header before any memory is
    allocated. Raises ArtifactError when a tensor is missing, unexpected, of another shape, NaN or infinite, and when
    the file is broken or its bytes were changed since `write_weights`.
    """
    import torch

    artifact = source if isinstance(source, Artifact) else read(source)
    path = artifact.weights
    dtypes = _dtypes()
    tensors = {}
    with open_plain_file(path) as file:
        header = read_header(file, path)
        if expected is not None:
            _compare(header.tensors, expected, path)
        for name, entry in header.tensors.items():
            try:
                tensor = torch.empty(entry.shape, dtype=dtypes[entry.dtype])
                _fill(file, entry, tensor)
            except (OSError, RuntimeError, MemoryError) as error:  # RuntimeError: out of memory in torch
                raise ArtifactError(f"cannot read the tensor {shown(name)} from {path}: {error}") from error
            tensors[name] = tensor
    for name, tensor in tensors.items():
        if not _is_finite(tensor):
            raise ArtifactError(f"expected finite numbers in {shown(name)} of {path}. Received: NaN or infinite values")
        if tensor.dtype is torch.bool and (tensor.view(torch.uint8) > 1).any():
            raise ArtifactError(f"expected booleans in {shown(name)} of {path}. Received: other bytes than 0 and 1")
    written = header.metadata.get(DIGEST)
    if written is not None and written != (received := _digest(tensors)):
        raise ArtifactError(
            f"{path} was changed after it was written: expected the digest {shown(written)}. Received: {received!r}"
        )
    return tensors


def _strided() -> torch.layout:
    import torch

    return torch.strided


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def _bytes_of(tensor: Tensor) -> memoryview:
    """Return the bytes of a contiguous CPU tensor without a copy."""
    import torch

    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _fill(file: BinaryIO, entry: TensorEntry, tensor: Tensor) -> None:
    # Read, not memory-mapped: a file that shrinks meanwhile raises an error instead of killing the process.
    view = _bytes_of(tensor)
    file.seek(entry.offset)
    while view:
        count = file.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise OSError(f"expected {len(view)} bytes more. Received: the end of the file")
        view = view[count:]


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name!r} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(_bytes_of(tensor))
    return digest.hexdigest()


def _expect_separate_memory(tensors: Mapping[str, Tensor]) -> None:
    spans = []
    for name, tensor in tensors.items():
        if tensor.numel():
            elements = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
            start = tensor.data_ptr()
            spans.append((str(tensor.device), start, start + elements * tensor.element_size(), name))
    spans.sort()
    for (device, _, end, name), (next_device, start, _, next_name) in pairwise(spans):
        if device == next_device and start < end:
            raise ConfigError(
                "expected every tensor once; save tied weights under one name. "
                f"Received: {shown(name)} and {shown(next_name)} with shared memory"
            )


def _compare(
    received: Mapping[str, TensorEntry], expected: Mapping[str, tuple[int, ...]], path: str | os.PathLike[str]
) -> None:
    problems = [
        f"expected {_named(name, shape)}. Received: none" for name, shape in expected.items() if name not in received
    ]
    for name, entry in received.items():
        if name not in expected:
            problems.append(f"expected no such tensor. Received: {_named(name, entry.shape)}")
        elif tuple(expected[name]) != entry.shape:
            problems.append(f"expected {_named(name, expected[name])}. Received: {list(entry.shape)}")
    if problems:
        more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise ArtifactError(f"{path} does not fit this model: {'; '.join(problems[:8])}{more}")


def _named(name: str, shape: tuple[int, ...]) -> str:
    return f"{shown(name)} {list(shape)}"
