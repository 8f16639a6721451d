"""elman.json has the digest of the weights that it describes: a folder is one whole model at any time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import artifact
from elman.artifact.folder import DESCRIPTION, WEIGHTS
from elman.errors import ArtifactError, StorageError

KEPT = "weights.described.safetensors"


@pytest.fixture
def described(tmp_path: Path, values: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Path:
    """The folder of a model whose description has the digest of its weights."""
    folder = tmp_path / "model"
    artifact.write(folder, **values, weights_digest=artifact.write_weights(folder, tensors))
    return folder


def others(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor + 1 for name, tensor in tensors.items()}


def same(folder: Path, tensors: dict[str, torch.Tensor]) -> bool:
    found = artifact.read_weights(artifact.read(folder))
    return found.keys() == tensors.keys() and all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_weights_are_used_once_they_are_described(
    described: Path, values: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> None:
    assert same(described, tensors)
    for number in range(2):  # a second process that is killed at the same place changes nothing
        digest = artifact.write_weights(described, {name: tensor + 1 + number for name, tensor in tensors.items()})
        assert same(described, tensors), "the description is that of the earlier weights"
    artifact.write(described, **values, weights_digest=digest)
    assert same(described, {name: tensor + 2 for name, tensor in tensors.items()})
    assert not (described / KEPT).exists()


def test_a_failed_description_leaves_the_earlier_model(
    described: Path, values: dict[str, Any], tensors: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = artifact.write_weights(described, others(tensors))
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(StorageError, match="No space left"):
            artifact.write(described, **values | {"metrics": {"loss": 9.0}}, weights_digest=digest)
    assert artifact.read(described).metrics == values["metrics"]
    assert same(described, tensors)


def test_weights_that_nothing_describes_are_refused(described: Path, tensors: dict[str, torch.Tensor]) -> None:
    artifact.write_weights(described, others(tensors))
    (described / KEPT).unlink()
    with pytest.raises(ArtifactError, match=r"is not what .*elman\.json describes: expected weights with the digest"):
        artifact.read(described)


def test_kept_weights_of_another_digest_are_not_used(described: Path, tensors: dict[str, torch.Tensor]) -> None:
    artifact.write_weights(described, others(tensors))
    (described / KEPT).unlink()
    (described / KEPT).write_bytes((described / WEIGHTS).read_bytes())
    with pytest.raises(ArtifactError, match="is not what"):
        artifact.read(described)


def test_an_older_folder_has_no_digest(described: Path, tensors: dict[str, torch.Tensor]) -> None:
    content = json.loads((described / DESCRIPTION).read_text())
    del content["weights_digest"]
    (described / DESCRIPTION).write_text(json.dumps(content))
    assert same(described, tensors)
    artifact.write_weights(described, others(tensors))
    assert not (described / KEPT).exists()
    assert same(described, others(tensors))


@pytest.mark.parametrize("digest", [1, None, [], {}])
def test_a_digest_that_is_no_text(described: Path, digest: object) -> None:
    content = json.loads((described / DESCRIPTION).read_text()) | {"weights_digest": digest}
    (described / DESCRIPTION).write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="expected text for weights_digest"):
        artifact.read(described)
