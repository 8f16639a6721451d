"""Callbacks of a run: what they are given, how they stop it, and what is left when one of them raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman import EndEvent, EvaluationEvent, LanguageModel, PlanEvent, StartEvent, StepEvent
from elman.errors import ConfigError, DivergenceError
from elman.tasks.run import resume_run
from elman.train import checkpoint

from .runs import SMALL, made_up_text


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(made_up_text(), encoding="utf-8")
    return path


def fit(text: Path, folder: Path | None, on_event: Any, **options: Any) -> LanguageModel:
    model = LanguageModel(**{**SMALL, **options})
    return model.fit(text, folder=folder, progress=False, tune=False, on_event=on_event)


def metrics_of(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "elman.json").read_text())["metrics"]
    return metrics


def test_a_callback_gets_every_event_with_its_numbers(text: Path) -> None:
    events: list[Any] = []
    others: list[Any] = []
    model = fit(text, None, [events.append, others.append])
    assert events == others
    assert events[0] == StartEvent(0)
    steps = [event for event in events if isinstance(event, StepEvent)]
    assert [event.step for event in steps] == list(range(1, 13))
    assert all(event.loss > 0.0 and event.tokens == 15 and event.tokens_per_second > 0.0 for event in steps)
    assert 0.0 < steps[0].learning_rate < steps[1].learning_rate <= SMALL["learning_rate"]
    evaluations = [event for event in events if isinstance(event, EvaluationEvent) and event.regular]
    assert [event.step for event in evaluations] == [4, 8, 12]
    best = [event for event in events if isinstance(event, EvaluationEvent) and event.best][-1]
    assert model.metrics["valid"] == best.metrics
    assert model.metrics["best_step"] == best.step
    assert isinstance(events[-1], EndEvent)
    assert events[-1].reason == "the budget is spent"
    assert events[-1].metrics == model.metrics
    assert "stopped" not in model.metrics
    assert all(event.network is model.network for event in events)


def test_callbacks_that_read_change_no_bit(text: Path, tmp_path: Path) -> None:
    def predict(event: Any) -> None:
        event.network.eval()
        torch.rand(3)
        state = event.network.initial_state(1)
        logits, _ = event.network(torch.zeros(1, 2, dtype=torch.int64), None, state)
        assert not logits.requires_grad

    options = {"dropout": 0.3}
    plain = fit(text, tmp_path / "plain", None, **options)
    read = fit(text, tmp_path / "read", predict, **options)
    one, other = (checkpoint.load(tmp_path / name)[0] for name in ("plain", "read"))
    assert set(one) == set(other)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert plain.metrics["valid"] == read.metrics["valid"]


def stop_when(wanted: Callable[[Any], bool], reason: str = "") -> Callable[[Any], None]:
    def on_event(event: Any) -> None:
        if wanted(event):
            event.stop(reason)

    return on_event


def at_step(step: int) -> Callable[[Any], bool]:
    return lambda event: isinstance(event, StepEvent) and event.step == step


@pytest.mark.parametrize(
    ("wanted", "step"),
    [
        (lambda event: isinstance(event, StartEvent), 0),
        (at_step(6), 6),
        (lambda event: isinstance(event, EvaluationEvent) and event.step == 8, 8),
    ],
)
def test_a_run_that_is_stopped_is_evaluated_and_goes_on_when_resumed(
    wanted: Callable[[Any], bool], step: int, text: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    ends: list[EndEvent] = []
    both = [stop_when(wanted), lambda event: ends.append(event) if isinstance(event, EndEvent) else None]
    model = LanguageModel(**SMALL).fit(text, folder=folder, progress=True, tune=False, on_event=both)
    assert model.training["steps"] == step
    assert f"finished at step {step}: stopped by a callback" in capfd.readouterr().err
    assert [end.reason for end in ends] == ["stopped by a callback"]
    found = metrics_of(folder)
    assert found["stopped"] == "stopped by a callback"
    assert found["best_step"] <= step
    assert {"valid", "test", "verdict"} <= found.keys()
    assert "stopped by a callback" in (folder / "README.md").read_text()
    loaded = elman.load(folder)
    assert loaded.evaluate(text)["loss"] == model.evaluate(text)["loss"]
    resume_run(folder, overrides={}, quiet=True).run()
    assert "stopped" not in metrics_of(folder)
    assert json.loads((folder / "elman.json").read_text())["training"]["steps"] == SMALL["max_steps"]
    fit(text, tmp_path / "whole", None)
    one, other = (checkpoint.load(each)[0] for each in (folder, tmp_path / "whole"))
    names = {name for name in other if name.startswith(("model.", "optimizer."))}
    assert names
    assert all(torch.equal(one[name], other[name]) for name in names)


def test_the_first_reason_is_stored(text: Path) -> None:
    stops = [stop_when(at_step(3), "low enough"), stop_when(at_step(3), "another")]
    assert fit(text, None, stops).metrics["stopped"] == "stopped by a callback: low enough"


def test_a_resumed_run_has_callbacks(text: Path, tmp_path: Path) -> None:
    fit(text, tmp_path / "model", stop_when(at_step(5)))
    events: list[Any] = []
    resume_run(tmp_path / "model", overrides={}, quiet=True, on_event=[events.append, stop_when(at_step(7))]).run()
    assert events[0] == StartEvent(5)
    assert [event.step for event in events if isinstance(event, StepEvent)] == [6, 7]
    assert metrics_of(tmp_path / "model")["stopped"] == "stopped by a callback"


class OwnError(Exception):
    pass


@pytest.mark.parametrize(
    ("wanted", "step"),
    [
        (lambda event: isinstance(event, StartEvent), 0),
        (lambda event: isinstance(event, EvaluationEvent) and event.step == 8, 8),
        (at_step(6), 6),
    ],
)
def test_a_run_is_saved_before_the_error_of_a_callback_goes_on(
    wanted: Callable[[Any], bool], step: int, text: Path, tmp_path: Path
) -> None:
    error = OwnError("mine")

    def fail(event: Any) -> None:
        if wanted(event):
            raise error

    folder = tmp_path / "model"
    with pytest.raises(OwnError) as caught:
        fit(text, folder, fail)
    assert caught.value is error
    assert elman.load(folder).generate("the", length=3, seed=1)
    _, facts = checkpoint.load(folder)
    assert facts["step"] == step
    resume_run(folder, overrides={}, quiet=True).run()
    fit(text, tmp_path / "whole", None)
    one, other = (checkpoint.load(each)[0] for each in (folder, tmp_path / "whole"))
    assert set(one) == set(other)
    assert all(torch.equal(one[name], other[name]) for name in other)
    assert metrics_of(folder) == metrics_of(tmp_path / "whole")


def test_an_error_of_elman_itself_goes_on_unchanged_too(text: Path, tmp_path: Path) -> None:
    def fail(event: Any) -> None:
        if at_step(3)(event):
            raise DivergenceError("expected less. Received: more", 3)

    with pytest.raises(DivergenceError, match=r"^expected less\. Received: more$"):
        fit(text, tmp_path / "model", fail, clip_norm=0.0)


def test_an_error_of_a_plan_can_be_resumed(text: Path, tmp_path: Path) -> None:
    kinds: list[type[Any]] = []

    def fail(event: Any) -> None:
        kinds.append(type(event))
        if isinstance(event, PlanEvent):
            raise OwnError

    folder = tmp_path / "model"
    with pytest.raises(OwnError):
        fit(text, folder, fail, max_steps=0, max_seconds=1.5, evaluate_every=0)
    run = resume_run(folder, overrides={"max_seconds": 0.0, "max_steps": 4}, quiet=True)
    assert run.training.step == kinds.count(StepEvent) + 1  # the plan is given with the event after it
    run.run()


def test_an_error_at_the_end_leaves_the_finished_model(text: Path, tmp_path: Path) -> None:
    def fail(event: Any) -> None:
        if isinstance(event, EndEvent):
            raise OwnError

    with pytest.raises(OwnError):
        fit(text, tmp_path / "model", fail)
    assert {"valid", "test", "verdict"} <= metrics_of(tmp_path / "model").keys()


@pytest.mark.parametrize(
    ("on_event", "message"),
    [
        (3, r"expected on_event to be a function of an event, or a list of them\. Received: 3"),
        ("print", r"expected on_event to be a function .* Received: 'print'"),
        ([print, None], r"expected a function of an event at place 1 of on_event\. Received: None"),
    ],
)
def test_what_cannot_be_called_is_refused_before_anything_is_read(on_event: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(tmp_path / "no such text", tmp_path / "model", on_event)
    assert not (tmp_path / "model").exists()


def test_a_callback_that_returns_whether_to_stop_is_refused(text: Path) -> None:
    with pytest.raises(ConfigError, match=r"calls event\.stop\(\) to end the run\. Received: True"):
        fit(text, None, lambda event: isinstance(event, StartEvent))


def test_an_event_of_a_loop_has_no_run_to_stop() -> None:
    for use in (lambda event: event.stop(), lambda event: event.network):
        with pytest.raises(ConfigError, match=r"expected an event of a callback, as in fit\(on_event=\.\.\.\)"):
            use(StartEvent(0))


def test_a_search_gives_the_callback_to_each_fit() -> None:
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV

    texts, labels = ["good film", "bad film", "good play", "bad play"] * 4, ["good", "bad"] * 8
    starts: list[Any] = []

    def on_event(event: Any) -> None:
        starts.extend([event] * isinstance(event, StartEvent))

    tiny = elman.Classifier(embedding=2, max_steps=2, warmup_steps=0, threads=1, precision="float32", device="cpu")
    search = GridSearchCV(tiny, {"hidden_size": [2, 3]}, cv=2, error_score="raise")
    search.fit(texts, labels, on_event=on_event)
    assert len(starts) == 2 * 2 + 1
    for model in (search.best_estimator_, clone(search.best_estimator_), LanguageModel(**SMALL)):
        assert "on_event" not in model.get_params()
