"""Which parameters of a network are trained, from which epoch on, and at which share of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from elman.errors import ConfigError
from elman.nn.parts import Part, parts_of_network
from elman.train.config import TrainConfig

__all__ = ["Freezing", "check_trainer", "parameter_groups"]

_OPTIONS = ("freeze", "freeze_until", "unfreeze", "layer_decay")


class Freezing:
    """Parameters that are not trained, for ever or until an epoch.

    `freeze` names parts of the network, and `unfreeze=gradual` freezes all parts below the head at first. Modules with
    an attribute `frozen_until` above 0, such as an `Embedding` with borrowed vectors, are frozen until this epoch. A
    frozen parameter has no gradient, so that the optimiser neither changes it nor has a state for it.

    Args:
        network: the network. Parameters that require no gradient stay as they are.
        config: the options.

    Raises ConfigError for a name without parameters, if no parameter is trained at the start, and for `freeze_until`
    without `freeze`.
    """

    def __init__(self, network: nn.Module, config: TrainConfig) -> None:
        self._parameters = {name: one for name, one in network.named_parameters() if one.requires_grad}
        self._until: dict[str, float] = {}
        if config.freeze_until and not config.freeze:
            raise ConfigError(
                "expected freeze (--freeze) to name the parts that are trained after freeze_until epochs. "
                f"Received: freeze_until={config.freeze_until:g} alone"
            )
        self._raise_modules(network)
        if not self._until and not config.freeze and config.unfreeze != "gradual":
            return
        parts = parts_of_network(network)
        for given in config.freeze:
            wanted, until = _name_and_epoch(given, config.freeze_until or math.inf)
            for name in _matching(wanted, parts):
                self._raise_to(name, until)
        if config.unfreeze == "gradual":
            top = max(part.depth for part in parts.values())
            for name, part in parts.items():
                self._raise_to(name, float(top - part.depth))
        if all(self._until.get(name, 0.0) > 0.0 for name in self._parameters):
            raise ConfigError(
                "expected freeze to leave something that is trained from the first step. "
                f"Received: {', '.join(config.freeze)} (unfreeze={config.unfreeze})"
            )

    def _raise_modules(self, network: nn.Module) -> None:
        names = {id(parameter): name for name, parameter in self._parameters.items()}
        for module in network.modules():
            for parameter in module.parameters(recurse=False):
                self._raise_to(names.get(id(parameter), ""), getattr(module, "frozen_until", 0.0))

    def _raise_to(self, name: str, epoch: float) -> None:
        if name in self._parameters and epoch > 0.0:
            self._until[name] = max(epoch, self._until.get(name, 0.0))

    @property
    def summary(self) -> str:
        """How many weights are not trained, or not at first, in words; empty if all are trained."""
        if not self._until:
            return ""
        sizes = {name: one.numel() for name, one in self._parameters.items()}
        later = "" if set(self._until.values()) == {math.inf} else " at first"
        return f"{sum(sizes[name] for name in self._until):,} of {sum(sizes.values()):,} weights are frozen{later}"

    def apply(self, epoch: float) -> None:
        """Freeze and release parameters for the step after so many epochs."""
        for name, until in self._until.items():
            parameter = self._parameters[name]
            parameter.requires_grad_(epoch >= until)
            if epoch < until:
                parameter.grad = None


def parameter_groups(network: nn.Module, layer_decay: float) -> list[Any]:
    """Return the parameters for an optimiser.

    With a `layer_decay` below 1 these are groups with a `scale` of the learning rate: 1 for the head, and for every
    other part that of the part above it times `layer_decay`.
    """
    if layer_decay == 1.0:
        return list(network.parameters())
    parts = parts_of_network(network)
    top = max(part.depth for part in parts.values())
    depths: dict[int, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        depths.setdefault(parts[name].depth, []).append(parameter)
    return [{"params": depths[depth], "scale": layer_decay ** (top - depth)} for depth in sorted(depths)]


def check_trainer(trainer: object, config: TrainConfig) -> None:
    """Raise ConfigError for options of freezing with a trainer that has none, of another package."""
    given = [name for name in _OPTIONS if getattr(config, name) != getattr(TrainConfig, name)]
    if given and not isinstance(getattr(trainer, "freezing", None), Freezing):
        raise ConfigError(
            "expected no freezing and no rates by layer in a task with a trainer of its own. "
            f"Received: {', '.join(given)}"
        )


def _name_and_epoch(given: str, default: float) -> tuple[str, float]:
    """Split NAME:N into the name and the epoch. Raises ConfigError for another N than a number above 0."""
    name, colon, text = given.rpartition(":")
    if not colon:
        return given, default
    try:
        epoch = float(text)
    except ValueError:
        epoch = math.nan
    if not epoch > 0.0:
        raise ConfigError(f"expected freeze as NAME or NAME:N, with a number of epochs above 0. Received: {given!r}")
    return name, epoch


def _matching(wanted: str, parts: dict[str, Part]) -> list[str]:
    """Return the names of the parameters of a part, or of those that a pattern or the beginning of a name selects."""
    found = [name for name, part in parts.items() if part.name == wanted]
    if not found:
        found = [name for name in parts if fnmatchcase(name, wanted) or name.startswith(f"{wanted}.")]
    if not found:
        raise ConfigError(
            f"expected freeze to name a part of the network, one of {', '.join(_known(parts))}, or a pattern such as "
            f"{_a_prefix(list(parts))}.*. Received: {wanted!r}"
        )
    return found


def _known(parts: dict[str, Part]) -> list[str]:
    """Return the names of the parts from the input on, and the first words of the names of parameters."""
    names = [part.name for part in sorted(set(parts.values()), key=lambda part: part.depth)]
    return list(dict.fromkeys([*names, *(name.partition(".")[0] for name in parts)]))


def _a_prefix(names: Sequence[str]) -> str:
    return next((name.partition(".")[0] for name in names if "." in name), names[0])
