"""Averaged SGD with a trigger (NT-ASGD, Merity et al. 2018), and the choice between it and the moving average."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.train.config import TrainConfig
from elman.train.ema import ExponentialMovingAverage, WeightAverage
from elman.train.stored import broken, read

__all__ = ["TriggeredAverage", "average_of", "check_needs_no_validation", "trigger_of"]

# Evaluations of the non-monotone trigger of the optimiser asgd, as in the paper.
_INTERVAL = 5


class TriggeredAverage(WeightAverage):
    """Mean of the weights after every step from the trigger on.

    The trigger is the first regular evaluation whose value is above the lowest of those at least `interval` + 1
    evaluations before it. Until then there is no average.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], interval: int) -> None:
        super().__init__(parameters)
        self.interval = interval
        self.values: list[float] = []
        self.triggered = False

    def evaluated(self, value: float) -> None:
        if not self.triggered and math.isfinite(value):
            self.triggered = value > min(self.values[: -self.interval], default=math.inf)
            self.values.append(value)

    def update(self) -> None:
        if not self.triggered:
            return
        self.updates += 1
        if not self.tensors:
            self.tensors = [parameter.detach().clone() for parameter in self.parameters]
        else:
            with torch.no_grad():
                torch._foreach_lerp_(self.tensors, [p.detach() for p in self.parameters], 1.0 / self.updates)

    def facts(self) -> dict[str, Any]:
        return {"values": self.values, "triggered": self.triggered}

    def prepare(self, facts: Mapping[str, Any]) -> list[Tensor]:
        stored = read(facts, "average", dict)
        values = read(stored, "values", list)
        if not all(isinstance(value, float) for value in values):
            raise broken(facts, "values of evaluations", values)
        averaged = read(facts, "averaged", int) > 0
        if averaged and not read(stored, "triggered", bool):
            raise broken(facts, "no average before its trigger", stored)
        return [parameter.detach() for parameter in self.parameters] if averaged else []

    def restore(self, tensors: Sequence[Tensor], updates: int, facts: Mapping[str, Any]) -> None:
        self.values = list(facts["average"]["values"])
        self.triggered = facts["average"]["triggered"]
        device = self.parameters[0].device
        self.tensors = [tensor.to(device, copy=True) for tensor in tensors]
        self.updates = updates


def average_of(parameters: Sequence[nn.Parameter], config: TrainConfig) -> WeightAverage | None:
    """Return the average that the options ask for, if any. Raises ConfigError for both kinds."""
    interval = trigger_of(config)
    if interval and config.ema_decay:
        raise ConfigError(
            "expected one average of the weights, by ema_decay or by average_trigger. Received: "
            f"ema_decay={config.ema_decay:g}, average_trigger={interval}"
        )
    if interval:
        return TriggeredAverage(parameters, interval)
    return ExponentialMovingAverage(parameters, config.ema_decay) if config.ema_decay else None


def trigger_of(config: TrainConfig) -> int:
    """Return the interval of the trigger of the average; 0 for none."""
    if config.average_trigger is not None:
        return config.average_trigger
    return _INTERVAL if config.optimizer.lower() == "asgd" and not config.ema_decay else 0


def check_needs_no_validation(config: TrainConfig, received: object) -> None:
    """Raise ConfigError for options that need a validation part; `received` describes the data, which has none."""
    needed = {"patience": config.patience, "the plateau schedule": config.schedule == "plateau"}
    needed["average_trigger (which asgd sets)"] = trigger_of(config)
    if names := [name for name, needs in needed.items() if needs]:
        raise ConfigError(
            f"expected validation data for {' and for '.join(names)}, by a share of the training data "
            f"or a separate file. Received: {received}"
        )
