"""Options by which training takes less memory and more time: `recompute` and `swap_memory`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from elman.errors import ConfigError
from elman.train.config import TrainConfig
from elman.train.protocols import Objective

__all__ = ["activation_memory", "memory_remarks", "set_recompute"]


def set_recompute(objective: Objective, steps: int) -> None:
    """Set the attribute `recompute` of the objective and of the modules of its network that have one.

    With 0 nothing changes. Raises ConfigError if there is no such attribute.
    """
    if not steps:
        return
    members = getattr(objective, "members", ())  # the objectives of an ensemble's members
    found = [each for each in (objective, *members, *objective.model.modules()) if hasattr(each, "recompute")]
    if not found:
        raise ConfigError(
            "expected recompute = 0, since this network has no layers that run in segments of time steps. "
            f"Received: {steps} for a {type(objective.model).__name__}"
        )
    for each in found:
        each.recompute = steps


def activation_memory(config: TrainConfig) -> AbstractContextManager[Any]:
    """Context manager of a forward pass: with `swap_memory` on a GPU, its activations are kept in the host's memory."""
    if not (config.swap_memory and config.device.startswith("cuda")):
        return nullcontext()
    return torch.autograd.graph.save_on_cpu(pin_memory=True)


def memory_remarks(config: TrainConfig) -> list[str]:
    """Return a remark where an option has no effect on the run's device."""
    if not config.swap_memory or config.device.startswith("cuda"):
        return []
    return [f"swap_memory has no effect on {config.device}: activations are in the host's memory anyway"]
