"""The mean of models whose options are written differently, but mean the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman.errors import ArtifactError
from elman.tasks.average import average_folders

OPTIONS: dict[str, Any] = {"hidden_size": 3, "embedding": 2, "max_steps": 1, "threads": 1, "device": "cpu"}


def saved(folder: Path, name: str = "reviews.csv", **options: Any) -> Path:
    """The folder of a tiny classifier that was trained on this file."""
    cells = "\t" if name.endswith(".tsv") else ","
    rows = [cells.join(row) for row in [("text", "label"), *[("good film", "pos"), ("sad one", "neg")] * 10]]
    (folder / name).write_text("\n".join(rows))
    model = elman.Classifier("small", **OPTIONS | options).fit(folder / name, progress=False, tune=False)
    model.save(folder / "model")
    return folder / "model"


def changed(model: Path, copy: Path, section: str = "data", **options: Any) -> Path:
    """A copy of a model's folder with other values of options in its file."""
    elman.load(model).save(copy)
    content = json.loads((copy / "elman.json").read_text())
    content["config"][section] |= options
    (copy / "elman.json").write_text(json.dumps(content))
    return copy


@pytest.mark.parametrize("options", [{"quoting": "on"}, {"split": [0.9, 0.1, 0.0]}])
def test_values_that_mean_the_same_are_equal(options: dict[str, Any], tmp_path: Path) -> None:
    first = saved(tmp_path)
    assert json.loads((first / "elman.json").read_text())["data"]["files"] == ["reviews.csv"]
    earlier = changed(first, tmp_path / "earlier", **options)
    for folders in ([first, earlier], [earlier, first]):
        model = average_folders(folders)
        assert model.training["averaged"] == 2
        for name, tensor in elman.load(first).network.stored().items():
            torch.testing.assert_close(model.network.stored()[name], tensor)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quoting": "off"}, r"quoting \('auto' and 'off'\)"),
        ({"split": [0.8, 0.2, 0.0]}, r"split \(None and \(0.8, 0.2, 0.0\)\)"),
        ({"quoting": "off", "stratify": False}, r"quoting \('auto' and 'off'\), stratify \(True and False\)"),
    ],
)
def test_other_values_are_named(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    first = saved(tmp_path)
    other = changed(first, tmp_path / "other", **options)
    with pytest.raises(ArtifactError, match=rf"same options to average. Received: .*, which differ in {said}$"):
        average_folders([first, other])


def test_quotation_marks_of_a_tsv_file_are_read_otherwise(tmp_path: Path) -> None:
    first = saved(tmp_path, "reviews.tsv")
    with pytest.raises(ArtifactError, match=r"differ in quoting \('auto' and 'on'\)"):
        average_folders([first, changed(first, tmp_path / "on", quoting="on")])
    assert average_folders([first, changed(first, tmp_path / "off", quoting="off")]).training["averaged"] == 2


def test_models_of_two_tasks_are_refused(tmp_path: Path) -> None:
    first = saved(tmp_path)
    tagger = elman.Tagger("small", **{**OPTIONS, "char_embedding": 0}, held_out=0.0)
    tagger.fit([["a", "b"]] * 2, [["x", "y"]] * 2, progress=False, tune=False).save(tmp_path / "tagger")
    with pytest.raises(ArtifactError, match=r"expected models of one task to average"):
        average_folders([first, tmp_path / "tagger"])
