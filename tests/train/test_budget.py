"""When a run ends, when it evaluates, and which learning rate each step has."""

from __future__ import annotations

import itertools
import math
import time
from pathlib import Path
from typing import Any

import pytest

from elman.errors import ConfigError
from elman.tasks.language_model.config import LanguageModelConfig
from elman.train import EndEvent, EvaluationEvent, PlanEvent, StartEvent, StepEvent, TrainConfig
from elman.train.optim import make_optimizer
from elman.train.plan import Plan, StepTimer
from elman.train.schedule import Plateau, rate_factor

from .runs import Journey, made_up_text


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(made_up_text(), encoding="utf-8")
    return path


def rates(text: Path, folder: Path, **options: Any) -> list[float]:
    journey = Journey(folder, text, {"learning_rate": 0.01, **options})
    return [event.learning_rate / 0.01 for event in journey.training.fit() if isinstance(event, StepEvent)]


def test_warm_up_rises_by_equal_steps_to_the_highest_rate(text: Path, tmp_path: Path) -> None:
    reported = rates(text, tmp_path, schedule="constant", warmup_steps=4, max_steps=6)
    assert reported == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])
    assert rates(text, tmp_path, schedule="constant", warmup_steps=0, max_steps=2) == pytest.approx([1.0, 1.0])


def test_the_cosine_falls_from_one_to_the_final_rate_over_the_budget(text: Path, tmp_path: Path) -> None:
    reported = rates(text, tmp_path, schedule="cosine", warmup_steps=0, max_steps=8, final_rate=0.2)
    assert reported == pytest.approx([0.2 + 0.8 * (1 + math.cos(math.pi * step / 8)) / 2 for step in range(8)])
    by_epochs = rates(text, tmp_path, schedule="cosine", warmup_steps=0, max_steps=0, max_epochs=0.1)
    assert by_epochs[0] == pytest.approx(1.0)
    assert by_epochs == sorted(by_epochs, reverse=True)
    assert by_epochs[-1] < 0.2


def test_the_cosine_ends_exactly_at_the_final_rate() -> None:
    for final in (0.0, 0.1, 1.0):
        config = TrainConfig(schedule="cosine", warmup_steps=10, final_rate=final)
        assert rate_factor(config, 1000, 1.0) == pytest.approx(final, abs=1e-15)
        assert rate_factor(config, 1000, 0.5) == pytest.approx((1 + final) / 2)
        assert rate_factor(config, 1000, 7.0) == pytest.approx(final, abs=1e-15)


def test_the_plateau_falls_after_patience_evaluations_without_improvement() -> None:
    config = TrainConfig(schedule="plateau", plateau_patience=1, plateau_factor=0.5, warmup_steps=0)
    plateau = Plateau()
    reported = []
    for loss in (3.0, 2.0, 2.0, 2.5, 1.9, 2.0, 2.0, 2.0, 2.0):
        best = plateau.update(loss, config)
        reported.append((best, rate_factor(config, 5, 0.5, plateau.factor), plateau.stale))
    assert reported == [
        (True, 1.0, 0),
        (True, 1.0, 0),
        (False, 1.0, 1),
        (False, 0.5, 2),
        (True, 0.5, 0),
        (False, 0.5, 1),
        (False, 0.25, 2),
        (False, 0.25, 3),
        (False, 0.125, 4),
    ]


def test_a_loss_that_is_no_number_is_no_improvement() -> None:
    plateau = Plateau()
    assert plateau.update(2.0, TrainConfig())
    assert not plateau.update(math.nan, TrainConfig())
    assert plateau.best == 2.0


def evaluations(text: Path, folder: Path, **options: Any) -> list[int]:
    journey = Journey(folder, text, options)
    return [event.step for event in journey.training.fit() if isinstance(event, EvaluationEvent)]


def test_evaluations_come_every_so_many_steps_and_at_the_end(text: Path, tmp_path: Path) -> None:
    assert evaluations(text, tmp_path, evaluate_every=5, max_steps=12) == [5, 10, 12]
    assert evaluations(text, tmp_path, evaluate_every=100, max_steps=12) == [12]
    assert evaluations(text, tmp_path, evaluate_every=0, max_steps=30) == list(range(3, 31, 3))
    assert evaluations(text, tmp_path, evaluate_every=0, max_steps=4) == [1, 2, 3, 4]


def test_an_evaluation_is_without_dropout_and_leaves_no_trace_in_the_run(text: Path, tmp_path: Path) -> None:
    weights = []
    for every in (1, 100):
        journey = Journey(tmp_path, text, {"dropout": 0.5, "evaluate_every": every})
        reported = [event.metrics for event in journey.training.fit() if isinstance(event, EvaluationEvent)]
        assert journey.network.training
        journey.network.eval()
        assert journey.training.objective.evaluate() == reported[-1]
        weights.append(journey.result()[0])
    assert all(tensor.equal(weights[1][name]) for name, tensor in weights[0].items())


def test_a_run_stops_when_nothing_gets_better(text: Path, tmp_path: Path) -> None:
    options = {"patience": 2, "learning_rate": 3.0, "evaluate_every": 1, "max_steps": 200, "clip_norm": 0.0}
    journey = Journey(tmp_path, text, options)
    events = list(journey.training.fit())
    evaluated = [event for event in events if isinstance(event, EvaluationEvent)]
    assert [event.best for event in evaluated[-2:]] == [False, False]
    assert evaluated[-3].best
    assert events[-1] == EndEvent(journey.training.step, "no improvement in 2 evaluations")
    assert journey.training.step < 200


def test_the_best_evaluation_is_the_lowest(text: Path, tmp_path: Path) -> None:
    journey = Journey(tmp_path, text, {"learning_rate": 0.3, "evaluate_every": 1, "max_steps": 20})
    lowest = math.inf
    seen = set()
    for event in journey.training.fit():
        if isinstance(event, EvaluationEvent):
            assert event.best == (event.metrics["loss"] < lowest)
            lowest = min(lowest, event.metrics["loss"])
            seen.add(event.best)
    assert seen == {True, False}


def test_a_budget_in_seconds_becomes_steps_and_is_kept(text: Path, tmp_path: Path) -> None:
    seconds = 1.8
    options = {"max_steps": 0, "max_seconds": seconds, "evaluate_every": 0}
    journey = Journey(tmp_path, text, options)
    begun = time.perf_counter()
    events = list(journey.training.fit())
    took = time.perf_counter() - begun
    kinds = [type(event) for event in events]
    assert kinds[0] is StartEvent
    assert kinds.count(PlanEvent) == 1
    planned = next(event for event in events if isinstance(event, PlanEvent))
    assert journey.training.step == planned.total_steps > 50
    assert events[-1] == EndEvent(planned.total_steps, "the budget is spent")
    assert kinds.index(PlanEvent) < len(kinds) * 0.9, "the plan is made early"
    assert seconds * 0.5 < took < seconds * 1.6  # a busy machine may change its speed in between
    assert 2 <= sum(isinstance(event, EvaluationEvent) for event in events) <= 30

    # A run that goes on from there keeps the plan that was made, to the step.
    journey.save()
    resumed = Journey(tmp_path, text, options)
    resumed.restore(
        *journey.training.snapshot()[:1], journey.training.snapshot()[1] | {"history": journey.history.facts()}
    )
    assert resumed.training.plan == journey.training.plan
    assert [type(event) for event in resumed.training.fit()] == [StartEvent, EndEvent]


def test_the_plan_fits_its_steps_and_evaluations_into_what_is_left() -> None:
    config = TrainConfig(max_seconds=100.0)
    watch = StepTimer(config, seconds_before=0.0)
    for _ in range(50):
        watch.stepped(0.1)
    assert watch.enough == pytest.approx(6.0)
    assert not watch.ready(5.9)
    assert watch.ready(6.1)
    plan = watch.plan(Plan.of(config), step=50, seconds=6.0, evaluation_seconds=1.0)
    count = math.ceil(plan.total_steps / plan.evaluate_every)
    assert 5 <= count <= 7  # 6 % of the budget are for evaluations
    assert 6.0 + (plan.total_steps - 50) * 0.1 + 6 * 1.0 == pytest.approx(93.0, abs=0.2)
    assert plan.settled
    assert watch.plan(Plan.of(config), 50, 99.0, 1.0).total_steps == 50, "no time is left: end at once"
    both = TrainConfig(max_seconds=100.0, max_steps=80)
    assert StepTimer(both, 0.0).enough == 6.0
    limited = StepTimer(both, 0.0)
    limited.stepped(0.1)
    assert limited.plan(Plan.of(both), 50, 6.0, 1.0).total_steps == 80
    often = TrainConfig(max_seconds=100.0, evaluate_every=10)
    every = StepTimer(often, 0.0)
    every.stepped(0.1)
    planned = every.plan(Plan.of(often), 0, 0.0, 1.0)
    assert planned.evaluate_every == 10
    assert planned.total_steps == int(93.0 / (0.1 + 1.0 / 10))


def test_a_budget_that_is_spent_before_the_first_step_ends_after_it(text: Path, tmp_path: Path) -> None:
    for options in ({"evaluate_every": 0}, {"evaluate_every": 10}, {"evaluate_every": 0, "max_epochs": 9.0}):
        journey = Journey(tmp_path, text, {"max_steps": 0, "max_seconds": 1e-9, **options})
        events = list(itertools.islice(journey.training.fit(), 20))
        assert events[-1] == EndEvent(1, "the budget is spent")


def test_slow_first_steps_do_not_count() -> None:
    watch = StepTimer(TrainConfig(max_seconds=10.0), 0.0)
    for seconds in (5.0, 1.0, 0.5, *[0.1] * 20):
        watch.stepped(seconds)
    assert watch.seconds_per_step == pytest.approx(0.1)


def test_an_evaluation_takes_a_small_share_of_a_budget_in_seconds() -> None:
    watch = StepTimer(TrainConfig(max_seconds=100.0), 0.0)
    assert watch.evaluation_tokens() == 0, "nothing is known yet"
    for _ in range(20):
        watch.stepped(0.5, 1000)
    # 0.5 ms a token in training, so 0.25 ms in an evaluation: 12,000 tokens take 3 s.
    assert watch.evaluation_tokens() == 12_000
    slow = StepTimer(TrainConfig(max_seconds=1.0), 0.0)
    slow.stepped(10.0, 10)
    assert slow.evaluation_tokens() == 1000, "the least"


def test_a_single_slow_step_does_not_shorten_the_run() -> None:
    watch = StepTimer(TrainConfig(max_seconds=10.0), 0.0)
    for seconds in (0.1, 0.1, 0.1, *[0.1] * 9, 5.0):
        watch.stepped(seconds)
    assert watch.seconds_per_step == pytest.approx(0.1)
    watch = StepTimer(TrainConfig(max_seconds=10.0), 0.0)
    for seconds in [0.1, 0.2] * 10:
        watch.stepped(seconds)
    assert watch.seconds_per_step == pytest.approx(0.15, abs=0.01), "but the mean counts, not the least"


def test_a_stored_plan_goes_through_json_and_new_limits_count() -> None:
    config = TrainConfig(max_seconds=60.0)
    stored = Plan(1234, 0.0, 100, settled=True, budget=Plan.of(config).budget)
    values = stored.to_json() | {"budget": list(stored.budget)}
    assert Plan.from_json(values, config) == stored
    assert Plan.from_json(values, TrainConfig(max_seconds=90.0)) == Plan.of(TrainConfig(max_seconds=90.0))
    assert not Plan.from_json(values, TrainConfig(max_seconds=90.0)).settled
    by_steps = Plan.from_json(values, TrainConfig(max_steps=5000))
    assert by_steps.settled
    assert by_steps.total_steps == 5000
    unsettled = Plan.of(config).to_json()
    assert Plan.from_json(unsettled, TrainConfig(max_steps=7)).settled


def test_a_finished_run_goes_on_when_its_limit_is_raised(text: Path, tmp_path: Path) -> None:
    short = Journey(tmp_path, text, {"max_steps": 6})
    short.run()
    short.save()
    longer = Journey(tmp_path, text, {"max_steps": 9})
    tensors, facts = short.training.snapshot()
    longer.restore(tensors, facts | {"history": short.history.facts()})
    assert [event.step for event in longer.training.fit() if isinstance(event, StepEvent)] == [7, 8, 9]


def optimizer(**options: Any) -> Any:
    import torch

    return make_optimizer([torch.nn.Parameter(torch.zeros(2))], LanguageModelConfig.make("base", options).training)


def test_optimisers_are_found_by_name_and_take_their_options() -> None:
    made = optimizer(optimizer="AdamW", learning_rate=0.5, weight_decay=0.25, optimizer_options={"betas": [0.8, 0.9]})
    assert type(made).__name__ == "AdamW"
    group = made.param_groups[0]
    assert (group["lr"], group["weight_decay"], tuple(group["betas"])) == (0.5, 0.25, (0.8, 0.9))
    assert optimizer(optimizer="sgd", optimizer_options={"momentum": 0.9}).param_groups[0]["momentum"] == 0.9
    assert not optimizer(optimizer="adam", optimizer_options={"foreach": True}).param_groups[0]["fused"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adamm"}, "Received: 'adamm'. Did you mean 'adam'?"),
        ({"optimizer": "lbfgs"}, "LBFGS evaluates the loss several times a step. Received: 'lbfgs'"),
        ({"optimizer": "sparseadam"}, "SparseAdam takes sparse gradients only. Received: 'sparseadam'"),
        ({"optimizer_options": {"momentum": 0.9}}, "AdamW does not take these options"),
        ({"optimizer_options": {"betas": [2.0, 0.9]}}, "AdamW does not take these options"),
        ({"optimizer_options": {"fused": True, "foreach": True}}, "AdamW does not take these options"),
        ({"optimizer_options": {"lr": 0.1}}, "expected the learning rate as learning_rate. Received: lr = 0.1"),
        ({"optimizer": "muon"}, "Muon does not take these options"),
    ],
)
def test_optimisers_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        optimizer(**options)
    assert message in str(caught.value)
