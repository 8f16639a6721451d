"""A share of right answers with Wilson's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from elman.errors import ConfigError

__all__ = ["Proportion", "wilson_interval"]

# Quantile of the normal distribution for an interval of 95 %.
_NORMAL = 1.959963984540054


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Return the interval of 95 % of a share (Wilson 1927, Probable inference): 0 to 1 for no trials.

    Raises ConfigError unless `right` is from 0 to `total`.
    """
    if not 0 <= right <= total:
        raise ConfigError(f"expected right from 0 to total. Received: {right} of {total}")
    if not total:
        return 0.0, 1.0
    share, square = right / total, _NORMAL**2
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = _NORMAL * math.sqrt(share * (1 - share) / total + square / (4 * total**2)) / (1 + square / total)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Proportion:
    """A number of right answers among all answers."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """The share of right answers; NaN for no answers."""
        return self.right / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 %."""
        return wilson_interval(self.right, self.total)

    def to_json(self) -> dict[str, Any]:
        """Return the counts, the share and its interval as JSON values."""
        low, high = self.interval
        return {"right": self.right, "answers": self.total, "share": self.share, "low": low, "high": high}
