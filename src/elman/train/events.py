"""Events that a training run yields."""

from __future__ import annotations

from dataclasses import dataclass, field

from elman.former import former_attributes

__all__ = ["EndEvent", "EvaluationEvent", "Event", "PlanEvent", "StartEvent", "StepEvent"]

__getattr__ = former_attributes(
    __name__,
    {
        "Ended": "EndEvent",
        "Evaluated": "EvaluationEvent",
        "Planned": "PlanEvent",
        "Started": "StartEvent",
        "Stepped": "StepEvent",
    },
)


@dataclass(frozen=True)
class StartEvent:
    """The run starts or resumes at `step`."""

    step: int


@dataclass(frozen=True)
class PlanEvent:
    """The speed was measured: the run will end at `total_steps` and evaluate every `evaluate_every` steps."""

    total_steps: int
    evaluate_every: int
    seconds_per_step: float


@dataclass(frozen=True)
class StepEvent:
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
class EvaluationEvent:
    """The model was evaluated after `step`; `best` if its `selection`, by default its loss, is the lowest so far.

    `regular` is false for an early evaluation, between the evenly spaced ones.
    """

    step: int
    progress: float
    metrics: dict[str, float] = field(default_factory=dict)
    best: bool = False
    regular: bool = True


@dataclass(frozen=True)
class EndEvent:
    """The run ended; `reason` is a short phrase."""

    step: int
    reason: str


Event = StartEvent | PlanEvent | StepEvent | EvaluationEvent | EndEvent
