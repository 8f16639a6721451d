"""When a run ends and when it evaluates.

A budget in seconds becomes a number of steps once the speed is measured. The plan is part of every checkpoint, so that
a resumed run ends at the same step.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from dataclasses import dataclass
from typing import Any

from elman.train.config import TrainConfig
from elman.train.stored import read

__all__ = ["COMPARISON_SHARE", "Plan", "StepTimer"]

# Default number of evaluations in a run, and the share of a budget in seconds that they may take.
_EVALUATIONS = 10
_EVALUATION_SHARE = 0.06
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
    number of tokens in an evaluation (0: as the options say).
    """

    total_steps: int
    max_epochs: float
    evaluate_every: int
    settled: bool
    budget: tuple[float, ...]
    evaluate_tokens: int = 0

    @staticmethod
    def of(config: TrainConfig) -> Plan:
        """Make a plan from the options; a budget in seconds is not turned into steps yet."""
        budget = (config.max_steps, config.max_epochs, config.max_seconds)
        return Plan(
            config.max_steps, config.max_epochs, config.evaluate_every, settled=not config.max_seconds, budget=budget
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

    def to_json(self) -> dict[str, Any]:
        """Convert the plan to plain values."""
        return {**dataclasses.asdict(self), "budget": list(self.budget)}

    @staticmethod
    def from_json(values: dict[str, Any], config: TrainConfig) -> Plan:
        """Return the stored plan, or a new one if `config` has other limits than those it was made for.

        Raises ArtifactError for values that are no plan.
        """
        stored = Plan(
            read(values, "total_steps", int),
            read(values, "max_epochs", float),
            read(values, "evaluate_every", int),
            read(values, "settled", bool),
            tuple(read(values, "budget", list)),
            # Earlier versions had no such limit.
            read(values, "evaluate_tokens", int) if "evaluate_tokens" in values else 0,
        )
        fresh = Plan.of(config)
        return stored if stored.budget == fresh.budget else fresh


class StepTimer:
    """Measures the speed at the start of a run and turns a budget in seconds into steps."""

    def __init__(self, config: TrainConfig, seconds_before: float) -> None:
        self.config = config
        self.enough = seconds_before + min(_MEASURED_MOST, max(_MEASURED_LEAST, _MEASURED_SHARE * config.max_seconds))
        self._durations: list[float] = []
        self._tokens = 0

    def stepped(self, seconds: float, tokens: int = 0) -> None:
        """Record the duration of a step and the number of tokens that it predicted."""
        if len(self._durations) < 10_000:
            self._durations.append(seconds)
            self._tokens += tokens

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

    def evaluation_tokens(self) -> int:
        """Return the maximum number of tokens of an evaluation that takes a small share of the budget; 0 for all.

        An evaluation is assumed to cost half of training on the same tokens, since it has no backward pass.
        """
        if not self._tokens:
            return 0
        seconds_per_token = 0.5 * self.seconds_per_step * len(self._durations) / self._tokens
        return max(_MIN_EVALUATED, int(_LONGEST_EVALUATION * self.config.max_seconds / seconds_per_token))

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
        if config.evaluate_every:
            every = config.evaluate_every
            total = step + int(left / (self.seconds_per_step + evaluation_seconds / every))
        else:
            share = _EVALUATION_SHARE * config.max_seconds
            count = int(min(_EVALUATIONS, max(1.0, share / max(evaluation_seconds, 1e-9))))
            total = step + int((left - count * evaluation_seconds) / self.seconds_per_step)
            every = max(1, -(-total // count))
        # At least one step: 0 would mean that there is no limit.
        total = max(total, step, 1)
        if config.max_steps:
            total = min(total, config.max_steps)
        return dataclasses.replace(plan, total_steps=total, evaluate_every=every, settled=True)
