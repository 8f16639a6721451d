"""Correction of the width of a forecaster's intervals, as stored with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["IntervalCorrection", "normal_scores"]

Doubles = npt.NDArray[np.float64]

# Factors outside this range are errors: no intervals of a trained network are so wrong.
_LEAST, _MOST = 1e-6, 1e6


@dataclass(frozen=True)
class IntervalCorrection:
    """Factors by which the distance of a forecast's quantiles from the point forecast is multiplied.

    Distances are those of values after the transform's function (such as the logarithm), before differences.

    steps    steps ahead for which there are factors, rising
    levels   levels of intervals in per cent for which there are factors, rising
    factors  `[steps, levels, 2]`, below and above the point forecast; between steps and levels they are interpolated
    growth   for steps ahead after the last, the last factors are multiplied by (step / last) ** growth
    series   further factors of a series by its name, one for each variable
    """

    steps: tuple[int, ...]
    levels: tuple[float, ...]
    factors: Doubles
    growth: float = 0.0
    series: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def at(self, levels: Sequence[float] | Doubles, horizon: int) -> Doubles:
        """Return the factors of these levels, in per cent, for each step ahead: `[levels, horizon, 2]`."""
        ahead = np.arange(1, horizon + 1)
        later = np.maximum(ahead / self.steps[-1], 1.0)[:, None] ** self.growth
        own, wanted = normal_scores(self.levels), normal_scores(levels)
        sides = []
        for side in (0, 1):
            columns = self.factors[..., side].T
            rows = np.stack([np.interp(np.log(ahead), np.log(self.steps), column) for column in columns], 1) * later
            sides.append(np.stack([np.interp(wanted, own, row) for row in rows], axis=1))
        return np.stack(sides, axis=2)

    def of_series(self, ids: Sequence[str], variables: int) -> Doubles:
        """Return the further factors of series, `[series, variables]`; 1 for a series that has none."""
        plain = (1.0,) * variables
        return np.array([self.series.get(name, plain) for name in ids], dtype=np.float64).reshape(-1, variables)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values for `from_json`."""
        return {
            "steps": list(self.steps),
            "levels": list(self.levels),
            "factors": self.factors.tolist(),
            "growth": self.growth,
            "series": {name: list(factors) for name, factors in self.series.items()},
        }

    @classmethod
    def from_json(cls, values: Any, variables: int) -> IntervalCorrection:
        """Create from the result of `to_json`, for series of so many variables. Raises ValueError for other values."""
        steps, levels = tuple(int(step) for step in values["steps"]), tuple(float(each) for each in values["levels"])
        factors = np.array(values["factors"], dtype=np.float64)
        growth = float(values["growth"])
        series = {str(name): tuple(float(each) for each in row) for name, row in values["series"].items()}
        if not steps or steps[0] < 1 or list(steps) != sorted(set(steps)):
            raise ValueError("steps ahead that do not rise from 1")
        if not levels or not 0 < levels[0] <= levels[-1] < 100 or list(levels) != sorted(set(levels)):
            raise ValueError("levels of intervals that do not rise from 0 to 100")
        if factors.shape != (len(steps), len(levels), 2) or not 0 <= growth <= 1:
            raise ValueError("factors of intervals for other steps or levels")
        own = np.array([each for row in series.values() for each in row], dtype=np.float64)
        if any(len(row) != variables for row in series.values()):
            raise ValueError("factors of intervals for other variables")
        if not all(((each >= _LEAST) & (each <= _MOST)).all() for each in (factors, own)):
            raise ValueError("factors of intervals that are not positive")
        return cls(steps, levels, factors, growth, series)


def normal_scores(levels: Sequence[float] | Doubles) -> Doubles:
    """Return the upper bounds of intervals of the standard normal distribution at these levels in per cent."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse(min(0.5 + float(level) / 200, 1 - 1e-12)) for level in levels], dtype=np.float64)
