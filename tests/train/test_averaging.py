"""Averaged SGD with a trigger: when it begins, its numbers, what is stored, and that runs resume exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import elman
from elman import LanguageModel
from elman.errors import ArtifactError, ConfigError
from elman.tasks.language_model.config import LanguageModelConfig
from elman.train import checkpoint
from elman.train.averaging import TriggeredAverage, average_of, trigger_of
from elman.train.config import TrainConfig
from elman.train.ema import ExponentialMovingAverage

from .runs import SMALL, Journey, differences, made_up_text

# Every evaluation after the first is above the lowest of those more than one before it, so that averaging begins.
RISING = {"learning_rate": 3.0, "clip_norm": 0.0, "warmup_steps": 0, "max_steps": 12, "evaluate_every": 1}


def text_in(folder: Path) -> Path:
    path = folder / "text.txt"
    path.write_text(made_up_text(), encoding="utf-8")
    return path


def first_trigger(values: list[float], interval: int) -> int | None:
    """The rule of the paper's code, in a loop: the place of the evaluation from which the weights are averaged."""
    before: list[float] = []
    for place, value in enumerate(values):
        if len(before) > interval and value > min(before[:-interval]):
            return place
        before.append(value)
    return None


@pytest.mark.parametrize("interval", [1, 2, 5])
def test_the_trigger_is_that_of_the_paper(interval: int) -> None:
    draw = torch.Generator().manual_seed(interval)
    for _ in range(50):
        values = (torch.randn(14, generator=draw) - 0.2 * torch.arange(14)).tolist()
        average = TriggeredAverage([nn.Parameter(torch.zeros(1))], interval)
        found = None
        for place, value in enumerate(values):
            average.evaluated(value)
            if average.triggered:
                found = place
                break
        assert found == first_trigger(values, interval)


def test_the_average_is_the_mean_of_the_steps_after_the_trigger() -> None:
    parameter = nn.Parameter(torch.tensor([1.0]))
    average = TriggeredAverage([parameter], 1)
    for value in (3.0, 2.0, 4.0):
        parameter.data.fill_(100.0)
        average.update()
        with average.swapped_in():
            assert parameter.item() == 100.0
        average.evaluated(value)
    for value in (2.0, 4.0, 9.0):
        parameter.data.fill_(value)
        average.update()
    with average.swapped_in():
        assert parameter.item() == pytest.approx(5.0, rel=1e-6)
    assert parameter.item() == 9.0


def test_which_average_the_options_ask_for() -> None:
    parameters = [nn.Parameter(torch.zeros(2))]
    assert average_of(parameters, TrainConfig()) is None
    assert isinstance(average_of(parameters, TrainConfig(ema_decay=0.9)), ExponentialMovingAverage)
    assert trigger_of(TrainConfig(optimizer="ASGD")) == 5
    assert trigger_of(TrainConfig(optimizer="asgd", average_trigger=0)) == 0
    assert isinstance(average_of(parameters, TrainConfig(optimizer="asgd", ema_decay=0.9)), ExponentialMovingAverage)
    assert isinstance(average_of(parameters, TrainConfig(average_trigger=2)), TriggeredAverage)
    with pytest.raises(ConfigError, match=r"one average .* Received: ema_decay=0.9, average_trigger=2"):
        average_of(parameters, TrainConfig(average_trigger=2, ema_decay=0.9))


def test_options_stored_by_earlier_versions_have_no_trigger() -> None:
    stored = LanguageModelConfig.make("base", {"optimizer": "asgd"}).to_json()
    del stored["training"]["average_trigger"]
    assert trigger_of(LanguageModelConfig.from_json(stored, "elman.json").training) == 0


@pytest.mark.parametrize("options", [{"average_trigger": 3}, {"optimizer": "asgd"}])
def test_a_trigger_needs_validation_data(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"expected validation data for average_trigger .* Received:"):
        LanguageModel(**SMALL, **options, split=(1.0, 0.0, 0.0)).fit(text_in(tmp_path), progress=False, tune=False)


def test_the_average_of_torchs_asgd_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"average_trigger .* Received: t0 = 5 in optimizer_options"):
        LanguageModel(**SMALL, optimizer="asgd", optimizer_options={"t0": 5}).fit(
            string=made_up_text(), progress=False, tune=False
        )


@pytest.mark.parametrize("optimizer", ["sgd", "asgd"])
def test_what_is_evaluated_and_stored_is_the_mean(tmp_path: Path, optimizer: str) -> None:
    """The mean of the weights after each step, collected by a callback, is what the last weights of the run are."""
    options = SMALL | RISING | {"optimizer": optimizer, "average_trigger": 1, "schedule": "constant"}
    journey = Journey(tmp_path / "run", text_in(tmp_path), options)
    weights, begun = [], None
    for event in journey.training.fit():
        average = journey.training.average
        assert isinstance(average, TriggeredAverage)
        if type(event).__name__ == "StepEvent" and average.triggered:
            begun = begun or event.step
            weights.append([p.detach().clone() for p in journey.network.parameters()])
    assert begun is not None
    assert 3 <= begun <= 10
    with journey.training.averaged_weights():
        for place, parameter in enumerate(journey.network.parameters()):
            expected = torch.stack([each[place] for each in weights]).double().mean(dim=0)
            torch.testing.assert_close(parameter.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("stop", [2, 9, 15])
def test_runs_resume_exactly_before_and_after_the_trigger(tmp_path: Path, stop: int) -> None:
    text = text_in(tmp_path)
    options = SMALL | RISING | {"optimizer": "asgd", "average_trigger": 1}
    whole = Journey(tmp_path / "whole", text, options)
    whole.run()
    stopped = Journey(tmp_path / "stopped", text, options)
    stopped.run(stop_after=stop)
    stopped.save()
    resumed = Journey(stopped.folder, text, options)
    resumed.restore(*checkpoint.load(stopped.folder))
    resumed.run()
    assert resumed.training.average is not None
    assert resumed.training.average.updates > 0
    assert differences(whole.result(), resumed.result()) == set()


def test_a_broken_state_of_the_average_is_refused(tmp_path: Path) -> None:
    text = text_in(tmp_path)
    options = SMALL | RISING | {"optimizer": "sgd", "average_trigger": 1}
    journey = Journey(tmp_path / "run", text, options)
    journey.run()
    tensors, facts = journey.training.snapshot()
    for broken in ({"values": ["x"], "triggered": True}, {"values": []}, {"values": [1.0], "triggered": False}, 3):
        other = Journey(tmp_path / "other", text, options)
        with pytest.raises(ArtifactError, match="Received:"):
            other.training.restore(tensors, facts | {"average": broken})


def test_a_model_folder_has_the_average(tmp_path: Path) -> None:
    options = SMALL | RISING | {"optimizer": "sgd", "average_trigger": 1, "baseline": False}
    made = LanguageModel(**options).fit(text_in(tmp_path), folder=tmp_path / "model", progress=False, tune=False)
    stored = elman.load(tmp_path / "model").network
    assert all(torch.equal(a, b) for a, b in zip(stored.parameters(), made.network.parameters(), strict=True))
