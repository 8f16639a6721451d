"""elman.json and vocabulary.json cut off, changed or hostile: an Artifact or an ArtifactError, never anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import artifact
from elman.errors import ArtifactError

Refused = Callable[..., str]


@pytest.mark.parametrize("name", ["elman.json", "vocabulary.json"])
def test_truncated_at_every_byte(model: Path, refused: Refused, name: str) -> None:
    whole = (model / name).read_bytes()
    assert whole.endswith(b"}\n")
    for length in range(len(whole) - 1):
        (model / name).write_bytes(whole[:length])
        assert name in refused(lambda: artifact.read(model), model)


@pytest.mark.parametrize("name", ["elman.json", "vocabulary.json"])
@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a": 1, "a": 1}',
    ],
    ids=["list", "null", "not UTF-8", "BOM", "open lists", "deep lists", "deep objects", "twice"],
)
def test_hostile_json(model: Path, refused: Refused, name: str, content: bytes) -> None:
    (model / name).write_bytes(content)
    assert name in refused(lambda: artifact.read(model), model)


@pytest.mark.parametrize(("name", "limit"), [("elman.json", 2**20), ("vocabulary.json", 2**26)])
def test_a_file_beyond_its_limit(model: Path, refused: Refused, name: str, limit: int) -> None:
    whole = (model / name).read_bytes()
    (model / name).write_bytes(whole + b" " * (limit - len(whole)))
    artifact.read(model)
    with (model / name).open("ab") as file:
        file.write(b" ")
    assert f"at most {limit} bytes" in refused(lambda: artifact.read(model))


@pytest.fixture(scope="module")
def shared_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all of hypothesis' examples; its weights need not be tensors."""
    folder = tmp_path_factory.mktemp("model")
    empty: dict[str, Any] = {"training": {}, "metrics": {"loss": 1.5}, "data": {}}
    artifact.write(folder, task="tagger", config={"cell": "gru"}, command="c", vocabulary={"a": [0, "b"]}, **empty)
    (folder / "weights.safetensors").touch()
    return folder


@pytest.mark.parametrize("name", ["elman.json", "vocabulary.json"])
@given(draw=st.data())
def test_any_damage_is_an_artifact_or_an_artifact_error(shared_model: Path, name: str, draw: st.DataObject) -> None:
    path = shared_model / name
    whole = path.read_bytes()
    start = draw.draw(st.integers(0, len(whole) - 1))
    removed = draw.draw(st.integers(0, 3))
    inserted = draw.draw(st.binary(max_size=3) | st.sampled_from([b"NaN", b"\\ud800", b"1e999", b"{", b'"', b"9" * 50]))
    try:
        path.write_bytes(whole[:start] + inserted + whole[start + removed :])
        try:
            read = artifact.read(shared_model)
        except ArtifactError:
            return
        assert isinstance(read, artifact.Artifact)
        json.dumps([read.config, read.metrics, read.vocabulary], allow_nan=False, ensure_ascii=False).encode("utf-8")
    finally:
        path.write_bytes(whole)
