"""The automatic early stop: a run ends when its validation loss only gets worse.

A run that overfits has its best evaluation early, after which the validation loss rises while the training loss falls.
A loss that is high at a high learning rate, and falls when the rate does, rises together with the training loss, or
does not keep rising: such a run goes on.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from elman.train.stored import broken, read

__all__ = ["Evaluation", "Overfitting", "only_gets_worse"]

# The best evaluation must be in this first part of the run, and this much of the run must follow it.
_BEST_WITHIN, _FOLLOWED_BY = 1.0 / 3.0, 0.15
# At least this many evaluations follow the best one, and the last of them are clearly worse.
_LEAST_AFTER, _LAST = 4, 3
# Clearly worse: by this many standard deviations of the noise, by this share of what the run had gained, and by this
# share of the best value.
_NOISE, _GAINED, _RELATIVE = 5.0, 0.05, 0.02
# Still rising: Kendall's rank correlation of the evaluations after the best one with their steps; the shares of the
# rise since the first two and since the middle third of them; and the share of the largest rise that the last one has.
_RISING, _SINCE_FIRST, _SINCE_MIDDLE, _STILL_HIGH = 0.5, 0.25, 0.15, 0.8
# Evaluations are recorded when the step has grown by this factor, so that there are at most a few hundred.
_SPACING = 1.05


class Evaluation(NamedTuple):
    """An evaluation after `step`: what the weights are selected by, and the mean training loss since the last one."""

    step: int
    value: float
    train_loss: float


def only_gets_worse(evaluations: Sequence[Evaluation], progress: float) -> bool:
    """Whether a run has overfitted so clearly that no later evaluation is expected to be the best.

    evaluations  those of the run in order, all values lower where better
    progress     completed fraction of the run at the last one
    """
    usable = [each for each in evaluations if math.isfinite(each.value)]
    if len(usable) < 2 or not progress:
        return False
    # It must be so at two evaluations in a row.
    before = progress * usable[-2].step / usable[-1].step
    return _gets_worse(usable, progress) and _gets_worse(usable[:-1], before)


def _gets_worse(usable: Sequence[Evaluation], progress: float) -> bool:
    best = min(usable, key=lambda each: each.value)
    after = [each for each in usable if each.step > best.step]
    if len(after) < _LEAST_AFTER:
        return False
    last = after[-1]
    share = progress * best.step / last.step
    if share > _BEST_WITHIN or progress - share < _FOLLOWED_BY or last.step < 2 * best.step:
        return False
    values = [each.value for each in after]
    noise = _noise([best, *after])
    margin = max(
        _NOISE * noise,
        _GAINED * max(0.0, usable[0].value - best.value),
        _RELATIVE * abs(best.value),
    )
    if min(values[-_LAST:]) - best.value <= margin:
        return False
    third = len(values) // 3
    first, middle, end = (statistics.fmean(part) for part in (values[:2], values[third : 2 * third], values[-2:]))
    rise = end - best.value
    rising = (
        end - first >= _SINCE_FIRST * rise
        and end - middle >= max(_SINCE_MIDDLE * rise, noise)
        and last.value - best.value >= _STILL_HIGH * (max(values) - best.value)
        and _rank_correlation(values) >= _RISING
    )
    return rising and last.train_loss < best.train_loss


def _noise(evaluations: Sequence[Evaluation]) -> float:
    """Return the standard deviation of the noise of values with a trend, by their distances from neighbours' lines."""
    squares = []
    for before, here, after in zip(evaluations, evaluations[1:], evaluations[2:], strict=False):
        weight = (here.step - before.step) / (after.step - before.step)
        away = here.value - (1.0 - weight) * before.value - weight * after.value
        squares.append(away**2 / (1.0 + weight**2 + (1.0 - weight) ** 2))
    return math.sqrt(statistics.fmean(squares))


def _rank_correlation(values: Sequence[float]) -> float:
    """Return Kendall's tau of values with their order."""
    pairs = list(itertools.combinations(values, 2))
    return sum((after > before) - (after < before) for before, after in pairs) / len(pairs)


class Overfitting:
    """Watches the evaluations of a run: the first one, the best one, and those after it.

    `facts` are plain values for a checkpoint, from which `from_json` continues identically.
    """

    def __init__(self) -> None:
        self.evaluations: list[Evaluation] = []
        self._nats, self._tokens = 0.0, 0

    def stepped(self, loss: float, tokens: int) -> None:
        """Record the training loss of a step."""
        self._nats += loss * tokens
        self._tokens += tokens

    def evaluated(self, step: int, value: float, *, best: bool) -> None:
        """Record an evaluation."""
        train_loss = self._nats / self._tokens if self._tokens else math.inf
        now = Evaluation(step, value, train_loss)
        if best:
            self.evaluations = [*self.evaluations[:1], now]
        elif not self.evaluations or step >= _SPACING * self.evaluations[-1].step:
            self.evaluations.append(now)
        else:
            return
        self._nats, self._tokens = 0.0, 0

    def reason(self, progress: float) -> str | None:
        """Return why the run should end, or None."""
        if not only_gets_worse(self.evaluations, progress):
            return None
        best = min(self.evaluations, key=lambda each: each.value)
        return f"validation only gets worse since step {best.step:,}, the best one (patience 0 trains to the end)"

    def facts(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {"evaluations": [list(each) for each in self.evaluations], "nats": self._nats, "tokens": self._tokens}

    @staticmethod
    def from_json(facts: Mapping[str, Any]) -> Overfitting:
        """Return what `facts` described. Raises ArtifactError for anything else."""
        made = Overfitting()
        for each in read(facts, "evaluations", list):
            if not isinstance(each, list) or len(each) != 3:
                raise broken(facts, "evaluations of a step, a value and a training loss", each)
            named = dict(zip(("step", "value", "train_loss"), each, strict=True))
            evaluation = Evaluation(
                read(named, "step", int), *(read(named, name, float) for name in ("value", "train_loss"))
            )
            made.evaluations.append(evaluation)
        made._nats, made._tokens = read(facts, "nats", float), read(facts, "tokens", int)
        return made
