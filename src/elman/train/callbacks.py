"""Callbacks of a run: functions that are called with its events, and may stop it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import nn

from elman.errors import ConfigError
from elman.train.events import EndEvent, Event, PlanEvent
from elman.train.protocols import StoppableTrainer
from elman.train.trainer import Trainer

__all__ = ["STOPPED", "Callbacks", "OnEvent", "as_callbacks", "undisturbed", "until_stopped"]

Callback: TypeAlias = Callable[[Any], Any]
# The argument `on_event` of every `fit`.
OnEvent: TypeAlias = Callback | Sequence[Callback] | None

STOPPED = "stopped by a callback"


def as_callbacks(on_event: OnEvent) -> tuple[Callback, ...]:
    """Return the argument `on_event` as a tuple of functions. Raises ConfigError for anything that cannot be called."""
    if on_event is None:
        return ()
    functions = (on_event,) if callable(on_event) else on_event
    if not isinstance(functions, list | tuple):
        raise ConfigError(
            f"expected on_event to be a function of an event, or a list of them. Received: {on_event!r:.80}"
        )
    for number, function in enumerate(functions):
        if not callable(function):
            raise ConfigError(
                f"expected a function of an event at place {number} of on_event. Received: {function!r:.80}"
            )
    return tuple(functions)


@contextmanager
def undisturbed(network: nn.Module) -> Iterator[None]:
    """Context manager after which torch's random numbers and the modes of the network are as before.

    Inside, no gradients are recorded, so that none can be added to those of the next step.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    modes = [(module, module.training) for module in network.modules()]
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.no_grad():
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


class Callbacks:
    """The callbacks of a run, and the run's handle that their events have.

    Args:
        functions: called in order with every event.
        network: the network, which they may read.
    """

    def __init__(self, functions: Sequence[Callback], network: nn.Module) -> None:
        self.functions = functions
        self.network = network
        self.stop_reason: str | None = None
        # Whether an error is that of a callback, which goes on as it is.
        self.failed = False
        self._waiting: list[Event] = []
        self._end: EndEvent | None = None

    @property
    def outcome(self) -> dict[str, str]:
        """The reason of a stop, as a metric of the model; empty for a run that is not stopped."""
        return {} if self.stop_reason is None else {"stopped": self.stop_reason}

    def stop(self, reason: str) -> None:
        """Request that the run ends; the first request counts."""
        if self.stop_reason is None:
            self.stop_reason = f"{STOPPED}: {reason}" if reason else STOPPED

    def on_event(self, event: Event) -> None:
        """Call every function. Raises what a function raises, and ConfigError for one that returns true or false.

        A plan is given with the next event, since a run can be saved after a step or an evaluation only, and the end of
        the run by `end`.
        """
        if not self.functions:
            return
        if isinstance(event, PlanEvent):
            self._waiting.append(event)
            return
        if isinstance(event, EndEvent):
            self._end = event
            return
        self._give(event)

    def end(self, metrics: dict[str, Any]) -> None:
        """Call every function with the end of the run, once the model with these metrics is complete."""
        if self._end is not None:
            self._give(dataclasses.replace(self._end, metrics=metrics))

    def _give(self, event: Event) -> None:
        events, self._waiting = [*self._waiting, event], []
        for each in events:
            given = dataclasses.replace(each, run=self)
            for function in self.functions:
                self.failed = True
                with undisturbed(self.network):
                    answer = function(given)
                self.failed = False
                if isinstance(answer, bool):
                    raise ConfigError(
                        "expected a callback that returns nothing, and calls event.stop() to end the run. "
                        f"Received: {answer}"
                    )


def until_stopped(trainer: Trainer, callbacks: Callbacks) -> Iterator[Event]:
    """Yield the events of `trainer.fit()`; after a request to stop, an evaluation of the last weights and the end."""
    events = trainer.fit()
    for event in events:
        yield event
        if callbacks.stop_reason is not None and not isinstance(event, EndEvent):
            break
    else:
        return
    if isinstance(trainer, StoppableTrainer):
        last = trainer.evaluate_last()
        if last is not None:
            yield last
    yield EndEvent(trainer.step, callbacks.stop_reason)
