"""Models side by side: the options that differ, the table, JSON, frames and pictures, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import elman
from elman.errors import ArtifactError, ConfigError

from ..golden.make import MODELS  # folders of models that earlier code wrote
from . import small


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("side")
        patched.setenv("ELMAN_CACHE", str(folder / "cache"))
        (folder / "book.txt").write_text(small.TEXT * 3, encoding="utf-8")
        for name, options in (("one", {}), ("other", {"cell": "gru", "dropout": 0.1, "max_steps": 9})):
            model = elman.LanguageModel("base", **small.OPTIONS | options)
            model.fit(folder / "book.txt", folder=folder / name, progress=False, tune=False)
        return folder / "one", folder / "other"


def test_only_options_that_differ_are_shown(folders: tuple[Path, Path]) -> None:
    found = elman.compare(folders)
    assert found.options() == {"cell": ["lstm", "gru"], "dropout": [0.0, 0.1], "max_steps": [6, 9]}
    assert found.task == "language model"
    assert found.data_facts() == {}
    assert found.notes() == []


def test_facts_are_those_of_the_models(folders: tuple[Path, Path]) -> None:
    for row, folder in zip(elman.compare(folders).models, folders, strict=True):
        model = elman.load(folder)
        described = json.loads((folder / "elman.json").read_text())
        assert row.name == str(folder)
        assert row.parameters == sum(each.numel() for each in model.network.parameters())
        assert row.steps == described["training"]["steps"] == model.config.training.max_steps
        assert row.metrics == described["metrics"]
        assert row.figures()["valid_loss"] == described["metrics"]["valid"]["loss"]
        assert len(row.curves) == len((folder / "history.csv").read_text().splitlines()) - 1


def test_the_table(folders: tuple[Path, Path]) -> None:
    names = {"one": folders[0], "other": folders[1]}
    text = elman.compare(names).to_text()
    lines = {line.strip().rsplit("  ", 1)[0].split("  ")[0]: line.split() for line in text.splitlines() if line.strip()}
    assert text.splitlines()[0].split() == ["one", "other"]
    assert lines["cell"][1:] == ["lstm", "gru"]
    assert lines["steps"][1:] == ["6", "9"]
    described = [json.loads((folder / "elman.json").read_text()) for folder in folders]
    assert lines["validation loss"][2:] == [f"{each['metrics']['valid']['loss']:.4g}" for each in described]
    assert lines["against that rule"][3:] == [each["metrics"]["verdict"]["outcome"] for each in described]
    assert not any(line.endswith(" ") for line in text.splitlines())
    assert max(map(len, elman.compare(names).to_text(30).splitlines())) <= 30


def test_json_and_frames(folders: tuple[Path, Path]) -> None:
    found = elman.compare(folders)
    facts = json.loads(json.dumps(found.to_json()))
    assert [each["model"] for each in facts["models"]] == [str(folder) for folder in folders]
    assert facts["models"][1]["options"] == {"cell": "gru", "dropout": 0.1, "max_steps": 9}
    assert "paired" not in facts
    frame = found.to_frame()
    assert list(frame.index) == [str(folder) for folder in folders]
    assert list(frame["cell"]) == ["lstm", "gru"]
    assert list(frame["parameters"]) == [each.parameters for each in found.models]
    paired = elman.compare(folders, data=folders[0].parent / "book.txt", limit=400).to_frame()
    assert {"loss", "difference", "low", "high", "outcome"} <= set(paired.columns)
    assert paired["difference"].isna().tolist() == [True, False]


def test_the_picture_has_the_curves_of_every_run(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found = elman.compare(folders)
    found.plot(tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    for colour in ("#4477aa", "#ee6677"):
        assert text.count(f"stroke: {colour}") >= 4  # training and validation, over steps and over seconds
    with pytest.raises(ConfigError, match="picture's name"):
        found.plot(tmp_path / "curves.txt")
    trained = {"a": elman.load(folders[0]), "b": elman.load(folders[1])}
    with pytest.raises(ConfigError, match=r"history.csv.*Received: a, b"):
        elman.compare(trained).plot(tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_different_data_is_noted(folders: tuple[Path, Path], tmp_path: Path) -> None:
    third = small.trained(tmp_path, text=small.TEXT * 2)
    found = elman.compare({"one": folders[0], "third": third})
    assert "different data" in found.notes()[0]
    assert "different data" in str(found)
    assert any(name == "data: characters" for _, name, _ in found.rows())


def test_starts_are_shown(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert not any(name == "started from" for _, name, _ in elman.compare(folders).rows())
    begun = elman.LanguageModel(**small.OPTIONS)
    begun.fit(folders[0].parent / "book.txt", start_from=folders[0], folder=tmp_path / "b", progress=False, tune=False)
    found = elman.compare([folders[0], tmp_path / "b"])
    assert ("training", "started from", ["–", str(folders[0])]) in found.rows()
    assert found.to_frame()["started_from"].iloc[1] == str(folders[0])
    assert [each["started_from"] for each in found.to_json()["models"]] == [None, str(folders[0])]


def test_models_of_earlier_versions_are_compared() -> None:
    found = elman.compare([MODELS / "classifier", MODELS / "classifier-scores"])
    assert found.options()["kind"] == ["classes", "regression"]
    assert str(found)


def test_what_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = folders
    for given in ([one], [], {"only": one}):
        with pytest.raises(ConfigError, match="expected at least two models"):
            elman.compare(given)
    with pytest.raises(ConfigError, match="expected each model once"):
        elman.compare([one, str(one)])
    with pytest.raises(ConfigError, match=r"expected models of one task. Received: language model in .*, tagger in"):
        elman.compare([one, MODELS / "tagger"])
    with pytest.raises(ConfigError, match="list of models"):
        elman.compare(str(one))
    with pytest.raises(ConfigError, match="Received: int"):
        elman.compare([one, 3])
    with pytest.raises(ConfigError, match="trained"):
        elman.compare([one, elman.LanguageModel()])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="no model at"):
        elman.compare([one, tmp_path / "empty"])
    for lost in ("weights.safetensors", "vocabulary.json", "elman.json"):
        half = tmp_path / f"without-{lost}"
        shutil.copytree(other, half)
        (half / lost).unlink()
        with pytest.raises(ArtifactError, match=r"expected .*json|incomplete|no model"):
            elman.compare([one, half])
    broken = tmp_path / "broken"
    shutil.copytree(other, broken)
    (broken / "history.csv").write_text("step,loss\n1,2\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"history.csv is broken"):
        elman.compare([one, broken])


def test_a_record_of_other_values_is_shown_as_nothing(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for number, junk in enumerate(("junk", [1], 3, {"valid": 2, "verdict": [1]}, {"verdict": {"rules": 3}})):
        folder = tmp_path / str(number)
        shutil.copytree(folders[1], folder)
        described = json.loads((folder / "elman.json").read_text())
        described["metrics"] = junk if isinstance(junk, dict) else {"valid": junk, "verdict": junk}
        described["training"] |= {"steps": junk, "seconds": junk}
        (folder / "elman.json").write_text(json.dumps(described))
        assert "validation loss" in str(elman.compare([folders[0], folder]))
