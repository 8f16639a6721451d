"""Learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elman.train.config import TrainConfig
from elman.train.stored import read

__all__ = ["Plateau", "rate_factor"]


def rate_factor(config: TrainConfig, step: int, progress: float, plateau_factor: float = 1.0) -> float:
    """Return the factor on the learning rate before step number `step` (from 0), at `progress` of the run (0 to 1).

    Warm-up is linear. After it the factor is constant, half a cosine (Loshchilov & Hutter 2017, without restarts) or
    a line down to `final_rate`, or `plateau_factor`, which `Plateau` computes.
    """
    factor = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    done = min(1.0, max(0.0, progress))
    if config.schedule in ("cosine", "linear"):
        fall = 1.0 - done if config.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
        factor *= config.final_rate + (1.0 - config.final_rate) * fall
    elif config.schedule == "plateau":
        factor *= plateau_factor
    return factor


@dataclass
class Plateau:
    """Counts evaluations without improvement, for the plateau schedule and early stopping."""

    best: float = math.inf
    factor: float = 1.0
    waited: int = 0
    stale: int = 0

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Plateau:
        """Return the stored counts. Raises ArtifactError for anything else."""
        best, factor = read(values, "best", float), read(values, "factor", float)
        return Plateau(best, factor, read(values, "waited", int), read(values, "stale", int))

    def update(self, loss: float, config: TrainConfig, *, regular: bool = True) -> bool:
        """Record the loss of an evaluation, or its `selection`; return true if it is the lowest so far.

        Only regular evaluations without improvement are counted, not early ones.
        """
        if loss < self.best:
            self.best, self.waited, self.stale = loss, 0, 0
            return True
        if not regular:
            return False
        self.waited += 1
        self.stale += 1
        if self.waited > config.plateau_patience:
            self.factor *= config.plateau_factor
            self.waited = 0
        return False
