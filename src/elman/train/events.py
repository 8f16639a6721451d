"""Events that a training run yields."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Ended", "Evaluated", "Event", "Planned", "Started", "Stepped"]


@dataclass(frozen=True)
class Started:
    """The run starts or resumes at `step`."""

    step: int


@dataclass(frozen=True)
class Planned:
    """The speed was measured: the run will end at `total_steps` and evaluate every `evaluate_every` steps."""

    total_steps: int
    evaluate_every: int
    seconds_per_step: float


@dataclass(frozen=True)
class Stepped:
    """An optimiser step was made. `loss` is the mean over the step's `tokens`; `progress` is from 0 to 1."""

    step: int
    progress: float
    loss: float
    tokens: int
    epoch: float
    learning_rate: float
    gradient_norm: float
    seconds: float


@dataclass(frozen=True)
class Evaluated:
    """The model was evaluated after `step`. `best` is true if its loss is the lowest so far."""

    step: int
    progress: float
    metrics: dict[str, float] = field(default_factory=dict)
    best: bool = False


@dataclass(frozen=True)
class Ended:
    """The run ended; `reason` is a short phrase."""

    step: int
    reason: str


Event = Started | Planned | Stepped | Evaluated | Ended
