"""elman.json and the files that it names: what is written is read back, and what is broken is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import elman
from elman import artifact
from elman.errors import ConfigError

Refused = Callable[..., str]
needs_a_user = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everything"
)
needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


def edit(folder: Path, **changes: Any) -> None:
    """Change keys of elman.json."""
    path = folder / "elman.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def without(folder: Path, key: str) -> None:
    path = folder / "elman.json"
    description = json.loads(path.read_text("utf-8"))
    del description[key]
    path.write_text(json.dumps(description), "utf-8")


def test_round_trip(model: Path, values: dict[str, Any]) -> None:
    read = artifact.read(model, task="language-model")
    assert {key: getattr(read, key) for key in values} == values
    assert (read.folder, read.elman_version) == (model, elman.__version__)
    assert read.weights == (model / "weights.safetensors").resolve()
    assert sorted(os.listdir(model)) == ["README.md", "elman.json", "vocabulary.json", "weights.safetensors"]


def test_a_model_without_a_vocabulary(model: Path, values: dict[str, Any]) -> None:
    (model / "vocabulary.json").unlink()
    artifact.write(model, **values | {"vocabulary": None})
    assert artifact.read(model).vocabulary is None
    assert not (model / "vocabulary.json").exists()


def test_what_is_written_is_plain_utf8(model: Path) -> None:
    assert "ß" in (model / "vocabulary.json").read_text("utf-8")


def test_the_card_has_no_folder_of_this_machine(tmp_path: Path, values: dict[str, Any]) -> None:
    secret = tmp_path / "secret" / "book.txt"
    artifact.write(
        tmp_path / "m", **values | {"data": {"files": [{"name": str(secret)}]}, "command": f"elman train {secret}"}
    )
    card = (tmp_path / "m" / "README.md").read_text("utf-8")
    assert "book.txt" in card
    assert "secret" not in card


def test_reading_imports_no_torch(model: Path) -> None:
    code = (
        "import sys; from elman import artifact; artifact.read(sys.argv[1]);"
        "artifact.check_header(sys.argv[1] + '/weights.safetensors'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": {"loss": float("nan")}},
        {"metrics": {"loss": float("inf")}},
        {"config": {"cell": object()}},
        {"metrics": {"loss": [[-float("inf")]]}},
        {"vocabulary": {"tokens": ["\ud800"]}},
        {"config": {"1": 0, 1: 0}},
        {"task": "Language Model"},
        {"command": "x" * 2**20},
    ],
    ids=lambda change: next(iter(change)),
)
def test_values_that_cannot_be_read_back_are_not_written(
    model: Path, values: dict[str, Any], change: dict[str, Any]
) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    with pytest.raises(ConfigError, match="Received: "):
        artifact.write(model, **values | change)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_no_folder(tmp_path: Path, refused: Refused) -> None:
    assert "no model at" in refused(lambda: artifact.read(tmp_path / "none"), tmp_path)
    assert "an empty folder" in refused(lambda: artifact.read(tmp_path), tmp_path)
    refused(lambda: artifact.read(f"{tmp_path}/nul\0"), tmp_path)
    refused(lambda: artifact.read(tmp_path / ("x" * 500)), tmp_path)


def test_a_file_is_no_folder(model: Path, refused: Refused) -> None:
    assert "expected a folder" in refused(lambda: artifact.read(model / "elman.json"), model)
    refused(lambda: artifact.read(model / "elman.json" / "deeper"), model)


@pytest.mark.parametrize("name", ["vocabulary.json", "weights.safetensors"])
def test_a_missing_file_is_named(model: Path, refused: Refused, name: str) -> None:
    (model / name).unlink()
    message = refused(lambda: artifact.read(model), model)
    assert f"incomplete: expected {name}" in message
    assert "Received: 'README.md, elman.json" in message


def test_a_missing_description_is_no_model(model: Path, refused: Refused) -> None:
    (model / "elman.json").unlink()
    assert "expected elman.json" in refused(lambda: artifact.read(model), model)


@pytest.mark.parametrize("name", ["elman.json", "vocabulary.json", "weights.safetensors"])
def test_a_folder_in_place_of_a_file(model: Path, refused: Refused, name: str) -> None:
    (model / name).unlink()
    (model / name).mkdir()
    refused(lambda: artifact.read_weights(model), model)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", ["elman.json", "vocabulary.json", "weights.safetensors"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(model: Path, refused: Refused, name: str) -> None:
    (model / name).unlink()
    os.mkfifo(model / name)
    message = refused(lambda: artifact.read_weights(model))
    assert "expected an ordinary file" in message


def test_another_task(model: Path, refused: Refused) -> None:
    message = refused(lambda: artifact.read(model, task="tagger"), model)
    assert "of the task tagger" in message
    assert message.endswith("Received: one of language-model")


def test_a_later_format(model: Path, refused: Refused) -> None:
    # A later format may have other keys: it must be recognised before the keys are judged.
    (model / "elman.json").write_text('{"format": 2, "elman": "9.1", "novelty": 1}')
    message = refused(lambda: artifact.read(model), model)
    for part in ("upgrade elman", "format 1", elman.__version__, "format 2", "9.1"):
        assert part in message


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "1", None, []])
def test_a_format_that_is_no_number_from_1(model: Path, refused: Refused, version: Any) -> None:
    edit(model, format=version)
    assert "format number" in refused(lambda: artifact.read(model), model)


@pytest.mark.parametrize(
    "key", ["elman", "task", "config", "training", "metrics", "data", "vocabulary", "weights", "command"]
)
def test_every_key_is_needed_and_typed(model: Path, refused: Refused, key: str) -> None:
    whole = (model / "elman.json").read_bytes()
    without(model, key)
    assert repr(key) in refused(lambda: artifact.read(model), model)
    (model / "elman.json").write_bytes(whole)
    edit(model, **{key: 7})
    assert f"for {key}. Received: int" in refused(lambda: artifact.read(model), model)


def test_an_unknown_key(model: Path, refused: Refused) -> None:
    edit(model, **{"extra\n": 1})
    assert "extra" in refused(lambda: artifact.read(model), model)


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/etc/passwd",
        "a/b",
        "..",
        ".",
        "",
        "a\\b",
        "C:x",
        "x\0y",
        ".hidden",
        "-flag",
        "x" * 101,
        "a\n",
        "ä",
    ],
)
@pytest.mark.parametrize("key", ["weights", "vocabulary"])
def test_only_plain_names_of_files(model: Path, refused: Refused, key: str, name: str) -> None:
    (model.parent / "outside").write_text("{}")
    edit(model, **{key: name})
    assert "unsafe: expected the plain name" in refused(lambda: artifact.read(model), model)


@needs_links
@pytest.mark.parametrize("name", ["elman.json", "vocabulary.json", "weights.safetensors"])
def test_a_link_that_leads_outside(model: Path, refused: Refused, name: str) -> None:
    (model / name).rename(model.parent / "elsewhere")
    (model / name).symlink_to(Path("..") / "elsewhere")
    assert "leads outside" in refused(lambda: artifact.read(model), model)


@needs_links
def test_links_inside_and_to_the_folder_are_fine(model: Path, values: dict[str, Any]) -> None:
    (model / "vocabulary.json").rename(model / "v2.json")
    (model / "vocabulary.json").symlink_to("v2.json")
    (model.parent / "link").symlink_to(model)
    assert artifact.read(model.parent / "link").vocabulary == values["vocabulary"]


@needs_links
def test_links_in_a_circle(model: Path, refused: Refused) -> None:
    (model / "elman.json").unlink()
    (model / "elman.json").symlink_to("elman.json")
    refused(lambda: artifact.read(model), model)


@needs_a_user
@pytest.mark.parametrize("name", ["elman.json", "vocabulary.json", "weights.safetensors"])
def test_a_file_that_may_not_be_read(model: Path, refused: Refused, name: str) -> None:
    (model / name).chmod(0)
    message = refused(lambda: artifact.read_weights(model))
    assert name in message
    assert "ermission" in message


@needs_a_user
def test_a_folder_that_may_not_be_entered(model: Path, refused: Refused) -> None:
    model.chmod(0)
    try:
        assert "ermission" in refused(lambda: artifact.read(model))
    finally:
        model.chmod(0o700)
