"""The automatic early stop: it ends runs that overfit, and no run whose best evaluation is late."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elman.errors import ArtifactError
from elman.train import EndEvent, EvaluationEvent, TrainConfig
from elman.train.stopping import Evaluation, Overfitting, only_gets_worse

from .runs import Journey

TOTAL = 3000
# Early evaluations, then regular ones.
STEPS = (10, 14, 19, 26, 36, 49, 67, 91, 123, 167, 226, 300, 405, 600, *range(900, TOTAL + 1, 300))


def falling(share: float) -> float:
    return 3.0 * math.exp(-5.0 * share)


def stop_of(
    value: Callable[[float], float], train: Callable[[float], float] = falling, *, noise: float = 0.0, seed: int = 0
) -> float | None:
    """Return the fraction of the run at which it is stopped, or None."""
    draw = random.Random(seed)
    seen: list[Evaluation] = []
    for step in STEPS:
        share = step / TOTAL
        seen.append(Evaluation(step, value(share) + noise * draw.gauss(0.0, 1.0), train(share)))
        if only_gets_worse(seen, share):
            return share
    return None


def overfitting(best: float, rise: float = 1.0) -> Callable[[float], float]:
    """A validation loss that falls from 4 to 1.5 at the fraction `best` of the run, and then rises."""
    return lambda share: 1.5 + 2.5 * max(0.0, 1.0 - share / best) ** 2 + rise * max(0.0, share - best)


@pytest.mark.parametrize("best", [0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_a_run_that_overfits_is_stopped(best: float, noise: float) -> None:
    for seed in range(10):
        stopped = stop_of(overfitting(best, rise=1.5), noise=noise, seed=seed)
        assert stopped is not None
        assert 2.0 * best <= stopped + 0.05
        assert stopped <= best + 0.65


def at_high_rate(share: float) -> float:
    """A loss that is worst in the middle of the run and best at its end."""
    return 1.5 + 0.5 * math.sin(math.pi * share) - 0.3 * share


def early_level(share: float) -> float:
    """Best at once, then a constant level above it, then a steep fall at the end of the schedule."""
    return 1.0 if share < 0.01 else 1.3 if share < 0.8 else 1.3 - 2.0 * (share - 0.8)


CURVES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "falls": (falling, falling),
    "falls, then constant": (lambda share: 1.5 + 2.5 * max(0.0, 1.0 - share / 0.1), falling),
    "constant, then a steep fall": (lambda share: 1.5 - 3.0 * max(0.0, share - 0.8), falling),
    "best at once, worse, then a steep fall": (early_level, falling),
    "rises with the training loss, then falls": (at_high_rate, at_high_rate),
    "best at half": (overfitting(0.5, rise=3.0), falling),
    "a small rise": (overfitting(0.1, rise=0.02), falling),
    "negative, falls": (lambda share: -2.0 * share, falling),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
def test_other_runs_go_on(name: str, noise: float) -> None:
    value, train = CURVES[name]
    for seed in range(30):
        assert stop_of(value, train, noise=noise, seed=seed) is None


def test_noise_alone_hardly_ever_stops_a_run() -> None:
    stopped = [stop_of(lambda _: 1.0, noise=0.1, seed=seed) for seed in range(300)]
    assert sum(each is not None for each in stopped) <= 3  # 1 %


def test_losses_that_are_no_numbers_count_for_nothing() -> None:
    assert stop_of(lambda _: math.nan) is None
    assert stop_of(lambda share: math.inf if share < 0.01 else overfitting(0.1)(share)) is not None
    assert not only_gets_worse([], 0.5)


def test_the_watch_keeps_few_evaluations_and_resumes_identically() -> None:
    watch, best = Overfitting(), math.inf
    value = overfitting(0.1)
    reasons = []
    for step in range(1, TOTAL + 1):
        watch.stepped(falling(step / TOTAL), 10)
        now = value(step / TOTAL)
        watch.evaluated(step, now, best=now < best)
        best = min(best, now)
        if step % 100 == 0:
            resumed = Overfitting.from_json(json.loads(json.dumps(watch.facts())))
            assert resumed.facts() == watch.facts()
            watch = resumed
        reasons.append(watch.reason(step / TOTAL))
    assert len(watch.evaluations) < 100
    assert watch.evaluations[1].step == 300
    reason = next(each for each in reasons if each is not None)
    assert reason == "validation only gets worse since step 300, the best one (patience 0 trains to the end)"


def overfitted(tmp_path: Path, **options: object) -> Journey:
    """A run on a few words in random order, of which nothing can be learnt but the words themselves."""
    draw = random.Random(3)
    text = tmp_path / "random.txt"
    text.write_text(" ".join("".join(draw.choice("abcdefgh") for _ in range(3)) for _ in range(60)), "utf-8")
    memorising = {"learning_rate": 0.02, "hidden_size": 24, "max_steps": 400, "evaluate_every": 0, "warmup_steps": 5}
    return Journey(tmp_path, text, {**memorising, "split": (0.6, 0.4, 0.0), **options})


def test_a_run_that_only_memorises_ends_early_unless_patience_is_given(tmp_path: Path) -> None:
    journey = overfitted(tmp_path)
    assert journey.training.config.patience is None
    events = list(journey.training.fit())
    end = events[-1]
    assert isinstance(end, EndEvent)
    assert end.reason.startswith("validation only gets worse since step ")
    assert end.step <= 320
    best = min((each for each in events if isinstance(each, EvaluationEvent)), key=lambda each: each.metrics["loss"])
    assert f"step {best.step}," in end.reason
    for patience in (0, 100):
        whole = list(overfitted(tmp_path, patience=patience).training.fit())
        assert whole[-1] == EndEvent(400, "the budget is spent")


def test_the_stored_options_of_earlier_versions_mean_what_they_meant() -> None:
    assert TrainConfig().patience is None
    assert TrainConfig(patience=0).patience == 0


@pytest.mark.parametrize(
    "wrong",
    [{}, {"evaluations": [1]}, {"evaluations": [[1, 2.0]]}, {"evaluations": [["a", 1.0, 2.0]]}, {"evaluations": {}}],
)
def test_a_broken_watch_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match="is broken: expected"):
        Overfitting.from_json(Overfitting().facts() | wrong if wrong else {})
