"""Optimisers by name: torch's own. Knows nothing about schedules."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from elman.errors import ConfigError
from elman.options import suggestion
from elman.train.config import TrainConfig

__all__ = ["make_optimizer"]


def optimizer_class(name: str) -> type[torch.optim.Optimizer]:
    """A class of torch.optim by name, in any case. Raises ConfigError when there is none."""
    classes = {
        key.lower(): value
        for key, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
    }
    if name.lower() not in classes:
        raise ConfigError(
            f"expected an optimizer among {', '.join(sorted(classes))}. Received: {name!r}."
            f"{suggestion(name.lower(), classes)}"
        )
    return classes[name.lower()]


def make_optimizer(parameters: Iterable[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser that `config` names, with torch's fused kernel where the class has one.

    Raises ConfigError when the optimiser does not take an option or needs a closure.
    """
    found = optimizer_class(config.optimizer)
    accepted = inspect.signature(found).parameters
    if "closure" in inspect.signature(found.step).parameters and found is torch.optim.LBFGS:
        raise ConfigError(f"expected an optimizer that needs no closure. Received: {config.optimizer!r}")
    options: dict[str, Any] = {"lr": config.learning_rate, **config.optimizer_options}
    if "weight_decay" in accepted:
        options.setdefault("weight_decay", config.weight_decay)
    if "fused" in accepted:
        options.setdefault("fused", True)
    try:
        return found(parameters, **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{found.__name__} does not take these options: {error}. Received: {options}") from error
