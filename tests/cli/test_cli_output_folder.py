"""What `-o` takes: a new folder, one with a model and --overwrite, or what a run left that was killed at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from elman.cli.model_folder import check_output
from elman.errors import ConfigError


def folder_with(place: Path, *names: str) -> Path:
    for name in names:
        (place / name).write_text("content")
    return place


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("weights.safetensors",),
        ("weights.safetensors", "vocabulary.json", "README.md"),
        (".weights.safetensors.abc.elman-part",),
        ("weights.safetensors", ".elman.json.abc.elman-part"),
    ],
)
def test_what_a_run_killed_at_once_has_left_is_no_hindrance(names: tuple[str, ...], tmp_path: Path) -> None:
    check_output(folder_with(tmp_path, *names), overwrite=False)


@pytest.mark.parametrize("names", [("README.md",), ("notes.txt",), ("weights.safetensors", "notes.txt")])
@pytest.mark.parametrize("overwrite", [True, False])
def test_other_files_are_never_written_among(names: tuple[str, ...], overwrite: bool, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a new or empty folder"):
        check_output(folder_with(tmp_path, *names), overwrite=overwrite)


def test_a_model_is_replaced_only_when_reported(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "elman.json", "weights.safetensors")
    with pytest.raises(ConfigError, match="--overwrite"):
        check_output(folder, overwrite=False)
    check_output(folder, overwrite=True)
