"""A small model on the disk, and a judge of how broken ones are refused."""

from __future__ import annotations

import errno
import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import artifact
from elman.errors import ArtifactError

VALUES: dict[str, Any] = {
    "task": "language-model",
    "config": {"cell": "lstm", "hidden_size": 2},
    "training": {"steps": 3, "learning_rate": 0.004},
    "metrics": {"loss": 1.25},
    "data": {"files": [{"name": "book.txt", "bytes": 12}]},
    "command": "elman train language-model book.txt -o model",
    "vocabulary": {"tokens": ["a", "ß", "\n", '"']},
}


def snapshot(folder: Path) -> dict[str, tuple[bytes | str, int]]:
    """The content of a folder: file contents (or link targets) and modification times."""
    return {
        path.name: (
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
            path.lstat().st_mtime_ns,
        )
        for path in sorted(folder.iterdir())
    }


@pytest.fixture
def values() -> dict[str, Any]:
    """The arguments of `artifact.write`."""
    return dict(VALUES)


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    return {"w": torch.tensor([[1.5, -2.0, 0.25], [0.0, 3.0, -1.0]]), "b": torch.tensor([0.5, -0.5])}


@pytest.fixture
def model(tmp_path: Path, values: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Path:
    """The folder of a small whole model."""
    folder = tmp_path / "model"
    artifact.write(folder, **values)
    artifact.write_weights(folder, tensors)
    return folder


@pytest.fixture
def refused() -> Callable[..., str]:
    """`refused(fn, folder)`: fn() raises ArtifactError within a second of CPU time, and leaves `folder` alone."""

    def judge(fn: Callable[[], object], folder: Path | None = None) -> str:
        before = snapshot(folder) if folder else None
        start = time.process_time()
        with pytest.raises(ArtifactError) as caught:
            fn()
        assert time.process_time() - start < 1.0
        assert before == (snapshot(folder) if folder else None)
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 2000
        return message

    return judge


class FailingDisk:
    """A disk that is full at the `fail_at`-th operation. `failed` names that operation."""

    def __init__(self) -> None:
        self.restart(0)

    def restart(self, fail_at: int) -> None:
        self.fail_at, self.count, self.failed = fail_at, 0, ""

    def use(self, operation: str) -> None:
        self.count += 1
        if self.count == self.fail_at:
            self.failed = operation
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingDisk:
    disk = FailingDisk()

    class Raw(io.FileIO):
        def write(self, content: Any) -> int:
            disk.use("write")
            return super().write(content)

    def wrap(module: Any, name: str) -> None:
        genuine = getattr(module, name)

        def failing(*args: Any, **kwargs: Any) -> Any:
            disk.use(name)
            return genuine(*args, **kwargs)

        monkeypatch.setattr(module, name, failing)

    genuine_fdopen = os.fdopen
    monkeypatch.setattr(
        os,
        "fdopen",
        lambda fd, mode, *rest: io.BufferedWriter(Raw(fd, "wb")) if mode == "wb" else genuine_fdopen(fd, mode, *rest),
    )
    for module, name in [(os, "fsync"), (os, "chmod"), (os, "replace"), (tempfile, "mkstemp")]:
        wrap(module, name)
    return disk
