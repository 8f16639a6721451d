"""When a run ends and when it evaluates.

A budget in seconds becomes a number of steps once the speed is measured. Without `evaluate_every` there are about ten
regular evaluations, evenly spaced, and early ones at steps that grow by a constant factor, so that the best step of
small data is not passed over. The plan is part of every checkpoint, so that a resumed run ends and evaluates at the
same steps.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from dataclasses import dataclass
from typing import Any

from elman.train.config import TrainConfig
from elman.train.stored import read

__all__ = ["COMPARISON_SHARE", "Plan", "StepTimer", "early_evaluations"]

# Default number of regular evaluations in a run, and the share of a budget in seconds that all evaluations may take.
_EVALUATIONS = 10
_EVALUATION_SHARE = 0.06
# The share of the run that the early evaluations may take, the step of the first one, and the factor between two.
_EARLY_SHARE, _FIRST, _GROWTH = 0.02, 10, 1.35
# Early evaluations between two regular ones: with factors up to 1.5 there are about this many.
_BETWEEN = 3
# The largest share of a budget in seconds that one evaluation may take, and the fewest tokens that it uses.
_LONGEST_EVALUATION, _MIN_EVALUATED = 0.03, 1000
# The speed is measured for this share of a budget in seconds, within these bounds (seconds).
_MEASURED_SHARE, _MEASURED_LEAST, _MEASURED_MOST = 0.06, 1.0, 10.0
_MEASURED_STEPS = 10
# Share of a budget in seconds that is kept in reserve for time that was not measured, and for comparing the network
# with simple rules.
_RESERVE, COMPARISON_SHARE = 0.03, 0.04


@dataclass(frozen=True)
class Plan:
    """When the run ends: after `total_steps` or `max_epochs`, whichever comes first (0: no limit).

    `settled` is false until a budget in seconds has been turned into steps. `evaluate_every` 0 means every tenth of the
    run. `budget` has the limits (steps, epochs, seconds) that the plan was made for. `evaluate_tokens` is the maximum
    number of tokens in an evaluation (0: as the options say). An early evaluation is due at the step `first`, and
    whenever the step has grown by the factor `growth` since the last evaluation (0: no early evaluations, None: not
    decided yet).
    """

    total_steps: int
    max_epochs: float
    evaluate_every: int
    settled: bool
    budget: tuple[float, ...]
    evaluate_tokens: int = 0
    first: int = 0
    growth: float | None = 0.0

    @staticmethod
    def of(config: TrainConfig, *, early: bool = False) -> Plan:
        """Make a plan from the options; a budget in seconds is not turned into steps yet.

        With `early` there are early evaluations, unless `evaluate_every` is given.
        """
        budget = (config.max_steps, config.max_epochs, config.max_seconds)
        return Plan(
            config.max_steps,
            config.max_epochs,
            config.evaluate_every,
            settled=not config.max_seconds,
            budget=budget,
            first=_FIRST,
            growth=None if early and not config.evaluate_every else 0.0,
        )

    def progress(self, step: int, epoch: float) -> float:
        """Return the fraction of the run that is done at `step` and `epoch`, from 0 to 1."""
        if not self.settled:
            return 0.0
        by_steps = step / self.total_steps if self.total_steps else 0.0
        by_epochs = epoch / self.max_epochs if self.max_epochs else 0.0
        return min(1.0, max(by_steps, by_epochs))

    def evaluation_due(self, step: int, before: float, after: float) -> bool:
        """Whether to evaluate after `step`, which moved the progress from `before` to `after`."""
        if after >= 1.0:
            return True
        if self.evaluate_every:
            return step > 0 and step % self.evaluate_every == 0
        return int(before * _EVALUATIONS) < int(after * _EVALUATIONS)

    def early_evaluation_due(self, step: int, evaluated_at: int, progress: float) -> bool:
        """Whether an early evaluation is due after `step`; the last evaluation was after `evaluated_at`."""
        growth = _GROWTH if self.growth is None else self.growth
        if not growth or step < max(self.first, math.ceil(growth * evaluated_at)):
            return False
        # Not shortly before a regular one.
        passed = step / self.evaluate_every if self.evaluate_every else progress * _EVALUATIONS
        return math.floor(passed) + 1 - passed >= 0.5 * (growth - 1.0) * passed

    def with_early_evaluations(self, step: int, epoch: float, cost: float) -> Plan:
        """Return the plan with its early evaluations decided, for a budget in steps or epochs.

        `cost` is that of an evaluation, in epochs. The decision depends on no clock, so that a run can be repeated.
        """
        if self.growth is not None or not self.settled or step < self.first:
            return self
        progress = self.progress(step, epoch)
        if not progress or not epoch or not cost:
            return dataclasses.replace(self, growth=0.0)
        total = step / progress
        return self.with_growth(total / _EVALUATIONS, int(_EARLY_SHARE * total / (cost * step / epoch)), step)

    def with_growth(self, every: float, count: int, step: int) -> Plan:
        """Return the plan with about `count` early evaluations after `step`; regular ones are `every` steps apart."""
        span = every / max(step, 1)
        if not count or span <= 1.0:
            return dataclasses.replace(self, growth=0.0)
        growth = max(_GROWTH, span ** (1.0 / (count + 1)))
        first = self.first if growth == _GROWTH else math.ceil(step * growth)
        return dataclasses.replace(self, first=first, growth=growth)

    def to_json(self) -> dict[str, Any]:
        """Convert the plan to plain values."""
        return {**dataclasses.asdict(self), "budget": list(self.budget)}

    @staticmethod
    def from_json(values: dict[str, Any], config: TrainConfig, *, early: bool = False) -> Plan:
        """Return the stored plan, or a new one if `config` has other limits than those it was made for.

        A plan that an earlier version stored has no early evaluations, and maybe no limit of tokens. Raises
        ArtifactError for values that are no plan.
        """
        growth = values.get("growth", 0.0)
        stored = Plan(
            read(values, "total_steps", int),
            read(values, "max_epochs", float),
            read(values, "evaluate_every", int),
            read(values, "settled", bool),
            tuple(read(values, "budget", list)),
            read(values, "evaluate_tokens", int) if "evaluate_tokens" in values else 0,
            read(values, "first", int) if "first" in values else 0,
            None if growth is None else read({"growth": growth}, "growth", float),
        )
        fresh = Plan.of(config, early=early)
        return stored if stored.budget == fresh.budget else fresh


class StepTimer:
    """Measures the speed at the start of a run and turns a budget in seconds into steps.

    Args:
        config: the options.
        seconds_before: seconds of training before a resume.
        evaluation_cost: cost of an evaluation in epochs; 0 if it is not known.
    """

    def __init__(self, config: TrainConfig, seconds_before: float, evaluation_cost: float = 0.0) -> None:
        self.config = config
        self.enough = seconds_before + min(_MEASURED_MOST, max(_MEASURED_LEAST, _MEASURED_SHARE * config.max_seconds))
        self.evaluation_cost = evaluation_cost
        self._durations: list[float] = []
        self._tokens = 0
        self._evaluations: list[float] = []

    def stepped(self, seconds: float, tokens: int = 0) -> None:
        """Record the duration of a step and the number of tokens that it predicted."""
        if len(self._durations) < 10_000:
            self._durations.append(seconds)
            self._tokens += tokens

    def evaluated(self, seconds: float) -> None:
        """Record the duration of an evaluation."""
        self._evaluations.append(seconds)

    @property
    def seconds_per_step(self) -> float:
        """Mean time of a step; infinite if none was measured.

        The first steps, which warm up, and the slowest tenth are left out: on a busy machine a single step can take a
        hundred times as long as the others, and would shorten the whole run.
        """
        if not self._durations:
            return math.inf
        warm = sorted(self._durations[3:] or self._durations)
        return statistics.fmean(warm[: max(1, len(warm) * 9 // 10)])

    @property
    def seconds_per_evaluation(self) -> float:
        """Median time of an evaluation; infinite if none was measured."""
        return statistics.median(self._evaluations) if self._evaluations else math.inf

    def evaluation_tokens(self) -> int:
        """Return the maximum number of tokens of an evaluation that takes a small share of the budget; 0 for all.

        An evaluation is assumed to cost half of training on the same tokens, since it has no backward pass.
        """
        if not self._tokens:
            return 0
        seconds_per_token = 0.5 * self.seconds_per_step * len(self._durations) / self._tokens
        return max(_MIN_EVALUATED, int(_LONGEST_EVALUATION * self.config.max_seconds / seconds_per_token))

    def affords_evaluation(self, step: int, epoch: float) -> bool:
        """Whether an early evaluation fits into their share of the budget, before the plan is settled."""
        if len(self._durations) < _MEASURED_STEPS or not epoch:
            return False
        cost = self._evaluation_seconds(step, epoch)
        return 0.0 < sum(self._evaluations) + cost <= _EARLY_SHARE * self.config.max_seconds

    def with_early_evaluations(self, plan: Plan, step: int, epoch: float) -> Plan:
        """Return a plan that is not settled with its early evaluations decided, once some steps were measured."""
        if plan.growth is not None or len(self._durations) < _MEASURED_STEPS or not epoch:
            return plan
        seconds = self.config.max_seconds
        count = int(_EARLY_SHARE * seconds / max(self._evaluation_seconds(step, epoch), 1e-9))
        return plan.with_growth(seconds / self.seconds_per_step / _EVALUATIONS, count, step)

    def _evaluation_seconds(self, step: int, epoch: float) -> float:
        """Return the time of an evaluation: as measured, or else by its cost."""
        if self._evaluations:
            return self.seconds_per_evaluation
        return self.evaluation_cost * step / epoch * self.seconds_per_step

    def ready(self, seconds: float) -> bool:
        """Whether enough steps were measured, or the budget is spent."""
        return (
            seconds >= self.enough and len(self._durations) >= _MEASURED_STEPS
        ) or seconds >= self.config.max_seconds

    def plan(self, plan: Plan, step: int, seconds: float, evaluation_seconds: float) -> Plan:
        """Return a settled plan: the steps and evaluations that fit into the rest of the budget after `seconds`."""
        config = self.config
        reserve = _RESERVE + COMPARISON_SHARE * config.baseline
        left = config.max_seconds * (1.0 - reserve) - seconds
        early = 0
        if config.evaluate_every:
            every = config.evaluate_every
            total = step + int(left / (self.seconds_per_step + evaluation_seconds / every))
        else:
            spent, longest = sum(self._evaluations), max(evaluation_seconds, 1e-9)
            fitting = max(1.0, (_EVALUATION_SHARE * config.max_seconds - spent) / longest)
            if plan.growth != 0.0:
                early = int(max(0.0, min(fitting / 3.0, (_EARLY_SHARE * config.max_seconds - spent) / longest)))
            count = int(min(_EVALUATIONS, max(1.0, fitting - early)))
            expected = min(early, _most_early(step, left / self.seconds_per_step / count))
            total = step + int((left - (count + expected) * evaluation_seconds) / self.seconds_per_step)
            every = max(1, -(-total // count))
        # At least one step: 0 would mean that there is no limit.
        total = max(total, step, 1)
        if config.max_steps:
            total = min(total, config.max_steps)
        settled = dataclasses.replace(plan, total_steps=total, evaluate_every=every, settled=True)
        return settled if plan.growth == 0.0 else settled.with_growth(every, early, step)


def early_evaluations(steps: float, cost: float) -> int:
    """Return about how many early evaluations a run of `steps` has; each takes as long as `cost` steps."""
    return min(int(_EARLY_SHARE * steps / max(cost, 1e-9)), _most_early(_FIRST, steps / _EVALUATIONS))


def _most_early(step: int, every: float) -> int:
    """Return the number of early evaluations after `step` where there is a regular one every `every` steps."""
    if every <= max(step, 1):
        return 0
    return math.ceil(math.log(every / max(step, 1)) / math.log(_GROWTH)) + _BETWEEN
