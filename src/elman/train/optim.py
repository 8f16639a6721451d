"""Optimisers of torch.optim by name."""

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

# Optimisers that this training loop does not support, with the reason.
_UNSUITABLE = {
    torch.optim.LBFGS: "LBFGS evaluates the loss several times a step",
    torch.optim.SparseAdam: "SparseAdam takes sparse gradients only",
}

# Default weight decay of AdamW. In other optimisers, where it acts as an L2 penalty, it would be too strong.
_DECAY = 0.1


def optimizer_class(name: str) -> type[torch.optim.Optimizer]:
    """Return the class of torch.optim with this name, ignoring case."""
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


def make_optimizer(
    parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]], config: TrainConfig
) -> torch.optim.Optimizer:
    """Make the optimiser that `config` names, with the fused implementation if there is one.

    Raises ConfigError for an unknown or unsupported optimiser, and for an option that it does not take.
    """
    found = optimizer_class(config.optimizer)
    accepted = inspect.signature(found).parameters
    if found in _UNSUITABLE:
        raise ConfigError(f"expected another optimizer: {_UNSUITABLE[found]}. Received: {config.optimizer!r}")
    if "lr" in config.optimizer_options:
        raise ConfigError(
            "expected the learning rate as learning_rate. Received: lr = "
            f"{config.optimizer_options['lr']!r} in optimizer_options"
        )
    if found is torch.optim.ASGD and "t0" in config.optimizer_options:
        raise ConfigError(
            "expected average_trigger for the step from which asgd averages. Received: t0 = "
            f"{config.optimizer_options['t0']!r} in optimizer_options"
        )
    options: dict[str, Any] = {"lr": config.learning_rate, **config.optimizer_options}
    if "weight_decay" in accepted:
        decay = _DECAY if found is torch.optim.AdamW else 0.0
        options.setdefault("weight_decay", decay if config.weight_decay is None else config.weight_decay)
    # torch's fused SGD needs the momentum of all parameters or of none; those that are released later have none yet.
    released = found is torch.optim.SGD and bool(config.freeze or config.unfreeze == "gradual")
    if released and options.get("fused") and options.get("momentum"):
        raise ConfigError(
            "expected fused=False for sgd with momentum and frozen parts, which may be released without a momentum. "
            "Received: fused = True in optimizer_options"
        )
    if "fused" in accepted and not released and not {"foreach", "differentiable"} & options.keys():
        options.setdefault("fused", True)
    try:
        return found(parameters, **options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{found.__name__} does not take these options: {error}. Received: {options}") from error
