"""Comparison with simple rules on new data: `elman evaluate MODEL DATA --baseline`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.cli import main
from elman.errors import ArtifactError, ConfigError
from elman.tasks.evaluation import compare_on

QUICK: dict[str, Any] = {
    "preset": "base",
    "max_steps": 2,
    "hidden_size": 4,
    "embedding": 3,
    "threads": 1,
    "device": "cpu",
}


def table(rows: int, first: int = 0) -> str:
    """Texts of two classes that naive Bayes separates."""
    words = {"good": ("fine", "warm", "bright"), "bad": ("cold", "dull", "grey")}
    lines = [
        f"{label},a {found[row % 3]} {found[(row + first) % 3]} day number {row + first}"
        for row in range(rows)
        for label, found in words.items()
    ]
    return "label,text\n" + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "train.csv").write_text(table(60))
    (folder / "new.csv").write_text(table(30, first=1000))
    elman.Classifier(**QUICK).fit(folder / "train.csv", folder=folder / "model", progress=False, tune=False)
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_rules_are_fitted_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "evaluate", place / "model", place / "new.csv", "--baseline", "--json")
    assert code == 0
    found = json.loads(out)
    verdict = found["verdict"]
    assert (verdict["part"], verdict["items"], verdict["outcome"]) == ("test", 60, "worse")
    assert verdict["rules"]["naive Bayes over words and word pairs"] == 1.0
    assert verdict["network"] == pytest.approx(found["accuracy"])


def test_the_parts_of_training_are_cut_as_then(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The validation part of the run is not among the examples that the rules learn from."""
    seen: list[int] = []
    setup = elman.Classifier.setup_class
    comparison = setup.comparison

    def counted(self: Any, limit: int) -> Any:
        seen.append(len(self.parts.train))
        return comparison(self, limit)

    monkeypatch.setattr(setup, "comparison", counted)
    model = elman.Classifier.load(place / "model")
    compare_on(model, place / "model", [str(place / "new.csv")])
    assert seen == [model.data["train"]] == [108]


def test_the_sentence_of_training_is_repeated(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "evaluate", place / "model", place / "new.csv")
    sentence = elman.Classifier.load(place / "model").metrics["verdict"]["sentence"]
    assert code == 0
    assert f"when this model was trained: {sentence}" in " ".join(err.split())
    assert "simple rules" not in out
    assert "when this" not in run(capsys, "evaluate", place / "model", place / "new.csv", "--quiet")[2]


def test_models_without_a_verdict(tmp_path: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elman.Classifier(baseline=False, **QUICK).fit(
        place / "train.csv", folder=tmp_path / "m", progress=False, tune=False
    )
    assert "verdict" not in elman.load(tmp_path / "m").metrics
    code, _, err = run(capsys, "evaluate", tmp_path / "m", place / "new.csv")
    assert (code, "when this" in err) == (0, False)
    described = json.loads((tmp_path / "m" / "elman.json").read_text())
    described["metrics"]["verdict"] = ["junk"]
    (tmp_path / "m" / "elman.json").write_text(json.dumps(described))
    assert run(capsys, "evaluate", tmp_path / "m", place / "new.csv")[0] == 0


def test_what_cannot_be_compared(tmp_path: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = elman.Classifier.load(place / "model")
    with pytest.raises(ConfigError, match="expected files with --baseline, which reads them twice"):
        compare_on(model, place / "model", ["-"])
    code, _, err = run(capsys, "evaluate", place / "model", place / "new.csv", "--baseline", "--limit", 5)
    assert code == 2
    assert "expected --baseline without --limit, --encoding and --errors" in " ".join(err.split())
    shutil.copytree(place / "model", tmp_path / "m")
    (tmp_path / "m" / "training" / "last.safetensors").unlink()
    with pytest.raises(ArtifactError, match="no checkpoint"):
        compare_on(model, tmp_path / "m", [str(place / "new.csv")])


def test_a_forecaster_has_backtests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "series.csv"
    path.write_text("y\n" + "".join(f"{day % 7}\n" for day in range(120)))
    forecaster: Callable[..., Any] = elman.Forecaster
    forecaster(max_steps=2, hidden_size=4, threads=1, device="cpu").fit(
        path, folder=tmp_path / "m", progress=False, tune=False
    )
    path.write_text("y\n" + "".join(f"{day % 7}\n" for day in range(140)))
    code, _, err = run(capsys, "evaluate", tmp_path / "m", path, "--baseline")
    assert code == 2
    assert "expected no --baseline: the rules of a forecaster are not compared on test data" in " ".join(err.split())
