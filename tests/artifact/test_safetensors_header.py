"""The header's check, against headers that lie. The safetensors library is the judge of what is whole."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from elman.artifact import TensorEntry, check_header

Refused = Callable[..., str]
F = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def build(path: Path, header: Any, data: bytes = b"\0" * 8) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_what_safetensors_writes_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(
        save(
            {
                "a": torch.zeros(2, 3, dtype=torch.float64),
                "b": torch.zeros(3, dtype=torch.bfloat16),
                "c": torch.tensor(True),
                "d": torch.zeros(0, 4),
            }
        )
    )
    found = check_header(path)
    assert {name: entry[:3] for name, entry in found.items()} == {
        "a": ("F64", (2, 3), 48),
        "b": ("BF16", (3,), 6),
        "c": ("BOOL", (), 1),
        "d": ("F32", (0, 4), 0),
    }
    assert max(entry.offset + entry.nbytes for entry in found.values()) == path.stat().st_size


def test_the_smallest_files(tmp_path: Path) -> None:
    assert check_header(build(tmp_path / "w", {}, b"")) == {}
    assert check_header(build(tmp_path / "w", {"a": F})) == {
        "a": TensorEntry("F32", (2,), 8, 8 + len(json.dumps({"a": F})))
    }


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ({"a": F | {"shape": [10**18], "data_offsets": [0, 4 * 10**18]}}, "expected a file of"),
        ({"a": F | {"shape": [10**18]}}, "expected 4000000000000000000 bytes"),
        ({"a": F | {"shape": [2**32, 2**32], "data_offsets": [0, 0]}}, "64-bit"),
        ({"a": F | {"shape": [0, 2**62], "data_offsets": [0, 0]}}, "64-bit"),
        ({"a": F | {"shape": [10**30]}}, "as the shape"),
        ({"a": F | {"shape": [1] * 33}}, "at most 32 sizes"),
        ({"a": F | {"shape": [-2]}}, "as the shape"),
        ({"a": F | {"shape": [-2, -1]}}, "as the shape"),
        ({"a": F | {"shape": [True, 2]}}, "as the shape"),
        ({"a": F | {"shape": [2.0]}}, "as the shape"),
        ({"a": F | {"shape": "2"}}, "as the shape"),
        ({"a": F | {"shape": [3]}}, "expected 12 bytes for the tensor 'a'. Received: 8"),
        ({"a": F | {"dtype": "F8_E4M3"}}, "Received: 'F8_E4M3'"),
        ({"a": F | {"dtype": ["F32"]}}, "expected one of F64"),
        ({"a": F | {"data_offsets": [8, 0]}}, "Received: -8"),
        ({"a": F | {"data_offsets": [-8, 0]}}, "two offsets"),
        ({"a": F | {"data_offsets": [0, 4, 8]}}, "two offsets"),
        ({"a": F | {"data_offsets": {}}}, "two offsets"),
        ({"a": F | {"data_offsets": [1, 9]}}, "to begin at byte"),
        ({"a": F, "b": F}, "to begin at byte"),
        ({"a": F, "b": F | {"data_offsets": [4, 12]}}, "to begin at byte"),
        ({"a": F | {"shape": [1], "data_offsets": [0, 4]}}, "expected a file of"),
        ({"a": F, "b": F | {"shape": [0], "data_offsets": [4, 4]}}, "to begin at byte"),
        ({"a": F | {"more": 1}}, "expected dtype, shape and data_offsets"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "expected dtype, shape and data_offsets"),
        ({"a": [1]}, "expected dtype, shape and data_offsets"),
        ({"a": F, "__metadata__": {"a": 1}}, "__metadata__"),
        ({"a": F, "__metadata__": []}, "__metadata__"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"a": {"dtype": "F32", "dtype": "F32"}}', "twice"),
        (b"[]", "begins with '{'"),
        (b"", "begins with '{'"),
        (b' {"a": 1}', "begins with '{'"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a":' + b"[" * 20_000, "levels"),
        (b'{"a":' * 20_000, "levels"),
        (b'{"a":' * 100_000, "lists and objects"),
    ],
    ids=range(37),
)
def test_lies(tmp_path: Path, refused: Refused, header: Any, part: str) -> None:
    path = build(tmp_path / "w.safetensors", header)
    message = refused(lambda: check_header(path), tmp_path)
    assert part in message
    assert str(path) in message


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 8 * 1024 * 1024 + 1, 1000])
def test_a_header_longer_than_allowed_or_there(tmp_path: Path, refused: Refused, length: int) -> None:
    path = tmp_path / "w"
    path.write_bytes(struct.pack("<Q", length) + b"{}")
    assert str(length) in refused(lambda: check_header(path), tmp_path)


def test_a_hundred_thousand_empty_tensors(tmp_path: Path, refused: Refused) -> None:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    path = build(tmp_path / "w", {f"t{i}": empty for i in range(100_000)}, b"")
    assert "at most 50000 lists and objects. Received: about 300001" in refused(lambda: check_header(path))
    build(path, {f"t{i}": empty for i in range(10_001)}, b"")
    assert "at most 10000 tensors. Received: 10001" in refused(lambda: check_header(path))
    build(path, {f"t{i}": empty for i in range(10_000)}, b"")
    assert len(check_header(path)) == 10_000


def test_an_eight_megabyte_shape(tmp_path: Path, refused: Refused) -> None:
    path = build(tmp_path / "w", {"a": F | {"shape": [9] * 2_000_000}})
    assert "at most 32 sizes" in refused(lambda: check_header(path))


def test_bytes_after_the_last_tensor(tmp_path: Path, refused: Refused) -> None:
    path = build(tmp_path / "w", {"a": F}, b"\0" * 9)
    assert "expected a file of" in refused(lambda: check_header(path), tmp_path)
