"""Early evaluations: at growing steps, at a bounded cost, and the same after a resume."""

from __future__ import annotations

import io
import itertools
import math
from pathlib import Path
from typing import Any

import pytest

import elman
from elman import LanguageModel
from elman.errors import DivergenceError
from elman.tasks.language_model.setup import NextTokenObjective
from elman.train import EndEvent, EvaluationEvent, StartEvent, StepEvent, TrainConfig
from elman.train.loop import Training
from elman.train.plan import Plan, StepTimer, early_evaluations
from elman.train.progress import TrainingProgress
from elman.train.schedule import Plateau

from .runs import SMALL, Journey, made_up_text


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(made_up_text(), encoding="utf-8")
    return path


def evaluated_steps(plan: Plan, total: int, cost: float, epochs: float = 10.0) -> list[tuple[int, bool]]:
    """Return the steps of a run's evaluations and whether they are regular, as the loop decides them."""
    found: list[tuple[int, bool]] = []
    before, last = 0.0, 0
    for step in range(1, total + 1):
        epoch = epochs * step / total
        plan = plan.with_early_evaluations(step, epoch, cost)
        progress = plan.progress(step, epoch)
        if plan.evaluation_due(step, before, progress):
            found.append((step, True))
        elif plan.early_evaluation_due(step, last, progress):
            found.append((step, False))
        last = found[-1][0] if found else 0
        before = progress
    return found


def early(found: list[tuple[int, bool]]) -> list[int]:
    return [step for step, regular in found if not regular]


@pytest.mark.parametrize("total", [400, 1500, 9000, 100_000])
def test_no_best_step_is_passed_over(total: int) -> None:
    config = TrainConfig(max_steps=total)
    found = evaluated_steps(Plan.of(config, early=True), total, cost=0.001)
    steps = [step for step, _ in found]
    assert steps[0] == 10
    assert [step for step, regular in found if regular] == list(range(total // 10, total + 1, total // 10))
    assert all(after <= 1.6 * before for before, after in itertools.pairwise(steps))
    assert len(early(found)) <= early_evaluations(total, 0.0001)


def test_epochs_are_budgets_as_steps_are() -> None:
    by_epochs = evaluated_steps(Plan.of(TrainConfig(max_epochs=10.0), early=True), 1500, cost=0.001)
    assert early(by_epochs) == early(evaluated_steps(Plan.of(TrainConfig(max_steps=1500), early=True), 1500, 0.001))


@pytest.mark.parametrize("cost", [0.001, 0.01, 0.03, 0.1, 0.5])
def test_early_evaluations_take_a_small_share_of_the_run(cost: float) -> None:
    epochs = 10.0
    found = early(evaluated_steps(Plan.of(TrainConfig(max_steps=3000), early=True), 3000, cost, epochs))
    assert (len(found) - 3) * cost <= 0.02 * epochs
    assert bool(found) == (cost <= 0.2)
    if cost == 0.1:
        # Two are affordable: they divide the steps before the first regular one evenly, by their ratios.
        assert found == [32, 100]


def test_short_runs_and_chosen_steps_have_none() -> None:
    assert not early(evaluated_steps(Plan.of(TrainConfig(max_steps=100), early=True), 100, 0.001))
    assert not early(evaluated_steps(Plan.of(TrainConfig(max_steps=1000, evaluate_every=200), early=True), 1000, 0.001))
    assert not early(evaluated_steps(Plan.of(TrainConfig(max_steps=1000)), 1000, 0.0))


def test_a_plan_of_an_earlier_version_goes_on_as_it_was() -> None:
    config = TrainConfig(max_steps=1000)
    stored = {"total_steps": 1000, "max_epochs": 0.0, "evaluate_every": 0, "settled": True, "budget": [1000, 0.0, 0.0]}
    plan = Plan.from_json(stored, config, early=True)
    assert not early(evaluated_steps(plan, 1000, 0.001))
    assert Plan.from_json(stored, TrainConfig(max_steps=2000), early=True).growth is None


def timer(seconds: float, cost: float) -> StepTimer:
    made = StepTimer(TrainConfig(max_seconds=seconds), 0.0, cost)
    for _ in range(50):
        made.stepped(0.01, 100)
    return made


def test_evaluations_of_a_budget_in_seconds_take_a_small_share_of_it() -> None:
    config = TrainConfig(max_seconds=100.0)
    # 50 steps are half an epoch; an evaluation takes 20 steps or 0.2 s.
    assert timer(100.0, 0.2).affords_evaluation(50, 0.5)
    assert not timer(5.0, 0.2).affords_evaluation(50, 0.5)
    measured = timer(100.0, 0.2)
    for _ in range(3):
        measured.evaluated(0.5)
    assert measured.affords_evaluation(50, 0.5)
    measured.evaluated(0.5)
    assert not measured.affords_evaluation(50, 0.5), "2 % of 100 s are spent"
    # Few affordable ones are spread up to the first regular one, in step 1,000.
    spread = timer(100.0, 1.0).with_early_evaluations(Plan.of(config, early=True), 10, 0.05)
    assert spread.growth == pytest.approx(100.0 ** (1.0 / 2))
    assert spread.first == 100
    assert timer(100.0, 0.001).with_early_evaluations(Plan.of(config, early=True), 10, 0.05).growth == 1.35
    assert timer(100.0, 50.0).with_early_evaluations(Plan.of(config, early=True), 10, 0.05).growth == 0.0
    few = StepTimer(config, 0.0, 0.2)
    few.stepped(0.01, 100)
    assert not few.affords_evaluation(1, 0.01), "the speed is not known yet"
    for seconds, most in ((0.001, 26), (0.1, 26), (0.4, 15), (1.0, 6), (3.0, 2), (50.0, 1)):
        plan = timer(100.0, 0.2).plan(Plan.of(config, early=True), 50, 6.0, seconds)
        found = evaluated_steps(plan, plan.total_steps, 0.2)
        assert len([step for step, _ in found if step > 50]) <= most
        assert plan.settled
        assert plan.growth is not None


def test_a_run_evaluates_early_and_reports_which_evaluations_are_regular(text: Path, tmp_path: Path) -> None:
    journey = Journey(tmp_path, text, {"evaluate_every": 0, "max_steps": 200})
    assert journey.training.evaluation_cost > 0.0
    found = [event for event in journey.training.fit() if isinstance(event, EvaluationEvent)]
    assert [event.step for event in found if event.regular] == list(range(20, 201, 20))
    # One is affordable before the first regular one.
    assert [event.step for event in found if not event.regular] == [15, 29]
    assert {event.metrics["loss"] > 0.0 for event in found} == {True}


def test_a_run_without_validation_data_has_none(text: Path, tmp_path: Path) -> None:
    journey = Journey(tmp_path, text, {"evaluate_every": 0, "max_steps": 200, "split": (1.0, 0.0, 0.0)})
    assert journey.training.evaluation_cost == 0.0
    found = [event for event in journey.training.fit() if isinstance(event, EvaluationEvent)]
    assert [event.step for event in found] == list(range(20, 201, 20))


def test_patience_counts_regular_evaluations_only() -> None:
    plateau, config = Plateau(), TrainConfig(schedule="plateau", plateau_patience=0)
    assert plateau.update(2.0, config, regular=False)
    for _ in range(5):
        assert not plateau.update(3.0, config, regular=False)
    assert (plateau.stale, plateau.factor) == (0, 1.0)
    plateau.update(3.0, config)
    assert (plateau.stale, plateau.factor) == (1, 0.5)
    assert plateau.update(1.0, config, regular=False)
    assert plateau.stale == 0


def shown(*events: Any, seconds: float = 0.0, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    stream, now = io.StringIO(), 1000.0
    monkeypatch.setattr("elman.train.progress.time.perf_counter", lambda: now)
    watch = TrainingProgress("char", describe=lambda metrics: f"{metrics['loss']:g}", stream=stream)
    for event in events:
        now += seconds
        watch.on_event(event)
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def evaluation(step: int, loss: float, *, best: bool, regular: bool = False) -> EvaluationEvent:
    return EvaluationEvent(step, 0.1, {"loss": loss}, best, regular)


def test_early_evaluations_do_not_flood_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    falls = [evaluation(step, 5.0 - step / 100, best=True) for step in (10, 14, 19)]
    rises = [evaluation(step, 6.0, best=False) for step in (26, 36)]
    better = evaluation(100, 1.0, best=True, regular=True)
    worse = evaluation(100, 7.0, best=False, regular=True)
    end = EndEvent(100, "done")
    line, last = "step 100 validation 1 best so far", "finished at step 100: done"
    assert shown(*falls, better, end, monkeypatch=monkeypatch) == [line, last]
    kept = "step 19 validation 4.81 best so far"
    assert shown(*falls, *rises, worse, end, monkeypatch=monkeypatch) == [kept, "step 100 validation 7", last]
    assert shown(*falls, *rises, end, monkeypatch=monkeypatch) == [kept, last]
    slow = shown(*falls, *rises, worse, end, seconds=20.0, monkeypatch=monkeypatch)
    assert [each.split()[1] for each in slow] == ["10", "14", "19", "100", "at"]


def test_early_evaluations_depend_on_no_clock(text: Path, tmp_path: Path) -> None:
    runs = [Journey(tmp_path, text, {"evaluate_every": 0, "max_steps": 150}) for _ in range(2)]
    found = [[each for each in run.training.fit() if isinstance(each, EvaluationEvent)] for run in runs]
    assert found[0] == found[1]
    assert math.isfinite(found[0][0].metrics["loss"])


def passes(epoch: float, progress: float, number: int = 20) -> StepEvent:
    return StepEvent(number, progress, 2.0, 10, epoch, 0.001, 1.0, 0.01)


def test_a_run_that_ends_before_it_has_seen_the_data_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    short = [passes(0.1, 0.25), passes(0.2, 0.5, 40)]
    assert [line for line in shown(*short, monkeypatch=monkeypatch) if "pass" in line] == [
        "the run ends after 0.4 of a pass over the training data, and does not see the rest of it (max_seconds, "
        "max_steps and max_epochs set the length)"
    ]
    for others in ([passes(0.5, 0.25)], [passes(0.1, 0.0)], [passes(0.1, 0.25, 19)], [StartEvent(7), *short]):
        assert not [line for line in shown(*others, monkeypatch=monkeypatch) if "of a pass" in line]


def trained(folder: Path, text: Path, **options: Any) -> LanguageModel:
    model = LanguageModel(**SMALL | {"evaluate_every": 0, "learning_rate": 0.02, "max_steps": 150} | options)
    return model.fit(text, folder=folder, progress=False, tune=False)


def test_the_best_weights_of_an_early_evaluation_are_kept(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    evaluate = NextTokenObjective.evaluate
    counts = itertools.count()

    def first_is_best(objective: NextTokenObjective, limit: int = 0) -> dict[str, float]:
        return {**evaluate(objective, limit), "selection": float(next(counts))}

    monkeypatch.setattr(NextTokenObjective, "evaluate", first_is_best)
    model = trained(folder, text, patience=0)
    first = model.metrics["best_step"]
    assert 10 <= first < 15
    assert elman.load(folder).metrics["best_step"] == first
    assert elman.load(folder).evaluate(text)["loss"] == pytest.approx(model.evaluate(text)["loss"], rel=1e-6)


def test_a_run_that_diverges_soon_after_an_early_evaluation_keeps_its_weights(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Training._make_step

    def diverging(training: Training) -> StepEvent:
        if training.step == 14:
            raise DivergenceError("expected a finite loss. Received: nan", 15)
        return make(training)

    monkeypatch.setattr(Training, "_make_step", diverging)
    folder = tmp_path / "model"
    with pytest.raises(DivergenceError):
        trained(folder, text, patience=0)
    assert elman.load(folder).metrics["best_step"] < 15
