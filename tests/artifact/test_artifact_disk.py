"""A disk that refuses while a model is saved: StorageError, and the older model is still there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import artifact
from elman.errors import StorageError
from elman.files import TEMPORARY_SUFFIX


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fail_everywhere(disk: Any, save: Callable[[], None], check: Callable[[], None]) -> set[str]:
    """Run `save` with the disk full at its first operation, its second, ... until it succeeds; which ones failed."""
    failed = set()
    for fail_at in range(1, 100):
        disk.restart(fail_at)
        try:
            save()
        except StorageError:
            assert disk.failed
            failed.add(disk.failed)
            check()
        else:
            assert not disk.failed
            return failed
    raise AssertionError("the save never ended")


def test_full_disk_while_the_description_is_written(model: Path, values: dict[str, Any], disk: Any) -> None:
    old = contents(model)
    new = values | {"config": {"cell": "gru"}, "vocabulary": {"tokens": ["x"] * 100}}

    def check() -> None:
        now = contents(model)
        assert not any(name.endswith(TEMPORARY_SUFFIX) for name in now)
        read = artifact.read(model)
        assert read.config in (values["config"], new["config"])
        if disk.failed in ("mkstemp", "write"):
            # Where a disk really runs full, nothing at all has changed.
            assert now == old
        for name, content in old.items():
            (model / name).write_bytes(content)

    failed = fail_everywhere(disk, lambda: artifact.write(model, **new), check)
    assert failed == {"mkstemp", "write", "fsync", "chmod", "replace"}
    assert artifact.read(model).vocabulary == new["vocabulary"]


def test_full_disk_while_the_weights_are_written(model: Path, tensors: dict[str, torch.Tensor], disk: Any) -> None:
    new = {name: tensor + 1 for name, tensor in tensors.items()}

    def check() -> None:
        assert sorted(os.listdir(model)) == ["README.md", "elman.json", "vocabulary.json", "weights.safetensors"]
        received = artifact.read_weights(model)
        assert any(all(torch.equal(received[name], old[name]) for name in old) for old in (tensors, new))
        if disk.failed != "fsync":
            assert torch.equal(received["w"], tensors["w"])

    failed = fail_everywhere(disk, lambda: artifact.write_weights(model, new), check)
    assert failed == {"mkstemp", "write", "fsync", "chmod", "replace"}
    assert torch.equal(artifact.read_weights(model)["w"], new["w"])


def test_the_description_takes_its_name_last(
    model: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    genuine = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (order.append(Path(new).name), genuine(old, new)))
    artifact.write(model, **values)
    assert order == ["vocabulary.json", "README.md", "elman.json"]


def test_what_a_killed_writer_left_is_removed(model: Path, values: dict[str, Any]) -> None:
    (model / f".elman.json.abc{TEMPORARY_SUFFIX}").write_text("{")
    artifact.write(model, **values)
    assert not any(name.endswith(TEMPORARY_SUFFIX) for name in os.listdir(model))


def test_a_folder_that_cannot_be_made(model: Path, values: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    below_a_file = model / "elman.json" / "deeper"
    with pytest.raises(StorageError, match="cannot make the folder"):
        artifact.write(below_a_file, **values)
    with pytest.raises(StorageError, match="cannot make the folder"):
        artifact.write_weights(below_a_file, tensors)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(
    model: Path, values: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> None:
    model.chmod(0o500)
    try:
        before = contents(model)
        with pytest.raises(StorageError, match="ermission"):
            artifact.write(model, **values | {"config": {}})
        with pytest.raises(StorageError, match="ermission"):
            artifact.write_weights(model, {})
        assert contents(model) == before
        assert torch.equal(artifact.read_weights(model)["w"], tensors["w"])
    finally:
        model.chmod(0o700)
