"""Samples of a run's output: what each task shows, when, and that they change no bit of training."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import SampleEvent
from elman.data.sources import Sources
from elman.errors import ConfigError, DataError
from elman.tasks.registry import built_in
from elman.tasks.run import resume_run
from elman.tasks.samples import SampledSetup, example_of, shortened
from elman.train import checkpoint

from ..contract.tasks import CASES, COMMON


def trained(task: str, place: Path, **options: Any) -> tuple[Any, list[SampleEvent], dict[str, torch.Tensor]]:
    """A model, its samples and its checkpoint, of a run with three regular evaluations."""
    case, made = CASES[task], built_in()[task].model_class()
    samples: list[SampleEvent] = []

    def keep(event: Any) -> None:
        if isinstance(event, SampleEvent):
            samples.append(event)

    place.mkdir()
    model = made(**COMMON | case.options | {"evaluate_every": 2, "max_steps": 6, "ema_decay": 0.5} | options)
    model.fit(case.write(place), folder=place / "model", progress=False, tune=False, on_event=keep)
    return model, samples, checkpoint.load(place / "model")[0]


def known(task: str, place: Path) -> list[str]:
    """The texts of a task's data."""
    if task in ("language-model", "forecaster", "filler"):
        return []
    path = CASES[task].write(place)[0]
    if task == "tagger":
        return [each.replace("\n", " ") for each in path.read_text().split("\n\n")]
    delimiter = "\t" if task == "translator" else ","
    with path.open(newline="") as file:
        return [cell for row in csv.reader(file, delimiter=delimiter) for cell in row]


# Some of the tasks by default, the others where slow tests run.
QUICK = ("language-model", "translator")
each_task = pytest.mark.parametrize(
    "task",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in built_in()
        if name != "embeddings"  # which have nothing to show
    ],
)


@each_task
def test_every_task_shows_samples_that_change_no_bit(task: str, tmp_path: Path) -> None:
    _, none, plain = trained(task, tmp_path / "plain")
    _, samples, shown = trained(task, tmp_path / "shown", sample_every=1)
    assert none == []
    assert [sample.step for sample in samples] == [2, 4, 6]
    assert set(plain) == set(shown)
    assert all(torch.equal(plain[name], shown[name]) for name in plain)
    texts = [sample.text for sample in samples]
    (tmp_path / "data").mkdir()
    cells = known(task, tmp_path / "data")
    if task == "language-model":
        assert len(set(texts)) == 3  # another seed each time
        assert all(1 <= len(text) <= 200 for text in texts)
    elif task == "forecaster":
        numbers = [float(word) for word in texts[0].splitlines()[2].split()[1:]]
        values = [10 + np.sin(month / 2) + 0.07 * (month % 5) for month in range(40)]
        year, month, _ = map(int, texts[0].splitlines()[0].split()[-2].split("-"))
        begin = 12 * (year - 2001) + month - 1
        assert numbers == pytest.approx(values[begin : begin + 3], abs=1e-3)
    elif task == "filler":
        for text in texts:
            shown, filled, right = (line.split(maxsplit=1)[1] for line in text.splitlines())
            sentence = "".join(shown.replace("___", right).replace("\\n", " ").split())
            assert sentence in "thecatsatonthemat;thedogsatonthelog." * 3
            assert len(filled.split(", ")) == 3
    elif task == "tagger":
        words = [" ".join(line.split()[0] for line in cell.split("  ") if line) for cell in cells]
        assert words
        assert all(text.startswith("tagged  the/") for text in texts)
        assert len(set(texts)) == 3
    else:
        # Each sample shows an example of the data with what belongs to it.
        assert all(any(line.split("  ")[-1].strip() in cells for line in text.splitlines()) for text in texts)
    pictures = [sample.picture for sample in samples]
    folder = tmp_path / "shown" / "model"
    assert pictures == [folder / "sample.png" if task == "forecaster" else None] * 3
    assert (folder / "sample.png").exists() == (task == "forecaster")
    (log,) = (folder / "tensorboard").iterdir()
    assert log.read_bytes().count(b"sample") >= 3


def test_samples_come_every_so_many_evaluations_and_after_a_resume(tmp_path: Path) -> None:
    options = {"evaluate_every": 1, "max_steps": 6, "sample_every": 2}
    _, straight, _ = trained("classifier", tmp_path / "straight", **options)
    assert [sample.step for sample in straight] == [2, 4, 6]
    found: list[Any] = []

    def stop(event: Any) -> None:
        if isinstance(event, elman.EvaluationEvent) and event.step == 3:
            event.stop()

    place = tmp_path / "stopped"
    place.mkdir()
    case = CASES["classifier"]
    made = elman.Classifier(**COMMON | case.options | options | {"ema_decay": 0.5})
    made.fit(case.write(place), folder=place / "model", progress=False, tune=False, on_event=[stop, found.append])
    resume_run(place / "model", overrides={}, quiet=True, on_event=found.append).run()
    assert [event for event in found if isinstance(event, SampleEvent)] == straight


def test_a_sample_that_cannot_be_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(setup: Any) -> str:
        raise DataError("expected finite logits. Received: nan")

    monkeypatch.setattr(elman.Classifier.setup_class, "sample", broken)
    _, samples, _ = trained("classifier", tmp_path / "one", sample_every=3)
    assert [sample.text for sample in samples] == ["no sample: expected finite logits. Received: nan"]


def test_samples_are_shown_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    case = CASES["translator"]
    made = elman.Translator(**COMMON | case.options | {"sample_every": 2})
    made.fit(case.write(tmp_path), progress=True, tune=False)
    lines = capfd.readouterr().err.splitlines()
    begin = lines.index("sample after step 6:")
    assert [line.split()[0] for line in lines[begin + 1 : begin + 4]] == ["source", "translation", "target"]
    assert all(line.startswith("    ") for line in lines[begin + 1 : begin + 4])


def test_a_task_without_samples_and_a_negative_number_are_refused(tmp_path: Path) -> None:
    class Mute(elman.Tagger.setup_class):  # type: ignore[misc,name-defined]
        sample = SampledSetup.sample

    config = elman.Tagger(sample_every=2, max_steps=1).config
    with pytest.raises(ConfigError, match=r"expected sample_every = 0: a tagger has no samples to show\. Received: 2"):
        Mute.open(config, Sources(CASES["tagger"].write(tmp_path)))
    with pytest.raises(ConfigError, match=r"expected sample_every to be at least 0\. Received: -1"):
        elman.Tagger(sample_every=-1)


def test_other_examples_and_short_texts() -> None:
    class Part(list[int]):
        def take(self, rows: list[int]) -> list[int]:
            return [self[row] for row in rows]

    class Parts:
        train, valid = Part(range(10)), None

    chosen = [example_of(Parts, number)[0] for number in range(8)]
    assert chosen[0] == 0
    assert len(set(chosen)) >= 7
    assert shortened("a\nb") == "a\\nb"
    assert shortened("x" * 500) == "x" * 240 + " ..."
