"""Events that a training run yields, and gives to the callbacks of `fit(on_event=...)`. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from elman.errors import ConfigError
from elman.former import former_attributes

__all__ = ["EndEvent", "EvaluationEvent", "Event", "PlanEvent", "RunHandle", "SampleEvent", "StartEvent", "StepEvent"]

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


class RunHandle(Protocol):
    """Protocol of the run that an event of a callback belongs to."""

    network: Any

    def stop(self, reason: str) -> None:
        """Request that the run ends."""


@dataclass(frozen=True, kw_only=True)
class _RunEvent:
    """An event. `run` is the run that it belongs to; None for an event that is not given to a callback."""

    run: RunHandle | None = field(default=None, repr=False, compare=False)

    @property
    def network(self) -> Any:
        """The network, to be read. Raises ConfigError for an event that is not given to a callback."""
        return self._of_callback("network").network

    def stop(self, reason: str = "") -> None:
        """End the run before its next step; it is evaluated and saved as at the end of its budget.

        `reason` is stored with the metrics. Raises ConfigError for an event that is not given to a callback.
        """
        self._of_callback("stop()").stop(reason)

    def _of_callback(self, name: str) -> RunHandle:
        if self.run is None:
            raise ConfigError(
                f"expected an event of a callback, as in fit(on_event=...), for {name}. Received: one of a training "
                "loop, which ends when no more events are taken"
            )
        return self.run


@dataclass(frozen=True)
class StartEvent(_RunEvent):
    """The run starts or resumes at `step`."""

    step: int


@dataclass(frozen=True)
class PlanEvent(_RunEvent):
    """The speed was measured: the run will end at `total_steps` and evaluate every `evaluate_every` steps."""

    total_steps: int
    evaluate_every: int
    seconds_per_step: float


@dataclass(frozen=True)
class StepEvent(_RunEvent):
    """An optimiser step was made. `loss` is the mean over the step's `tokens`; `progress` is from 0 to 1.

    `tokens` are the targets that the loss is averaged over: tokens, tags, values or examples.
    """

    step: int
    progress: float
    loss: float
    tokens: int
    epoch: float
    learning_rate: float
    gradient_norm: float
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Tokens of the step divided by its seconds."""
        return self.tokens / self.seconds if self.seconds > 0.0 else 0.0


@dataclass(frozen=True)
class EvaluationEvent(_RunEvent):
    """The model was evaluated after `step`; `best` if its `selection`, by default its loss, is the lowest so far.

    `regular` is false for an early evaluation, between the evenly spaced ones. `training` has the means of the
    training batches since the last evaluation: the loss, and the metrics that the task measures in its steps.
    """

    step: int
    progress: float
    metrics: dict[str, float] = field(default_factory=dict)
    best: bool = False
    regular: bool = True
    training: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleEvent(_RunEvent):
    """A sample of the network's output after an evaluation: `text`, and the path of a `picture` if there is one."""

    step: int
    text: str
    picture: Path | None = None


@dataclass(frozen=True)
class EndEvent(_RunEvent):
    """The run ended; `reason` is a short phrase. A callback gets it last, with all `metrics` of the model."""

    step: int
    reason: str
    metrics: dict[str, Any] = field(default_factory=dict)


Event = StartEvent | PlanEvent | StepEvent | EvaluationEvent | SampleEvent | EndEvent
