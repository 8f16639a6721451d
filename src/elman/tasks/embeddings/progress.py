"""Progress of a run with its speed in words of text a second."""

from __future__ import annotations

import dataclasses
from typing import Any

from elman.train.events import Event, StartEvent, StepEvent
from elman.train.progress import TrainingProgress

__all__ = ["WordProgress"]


class WordProgress(TrainingProgress):
    """Progress whose speed counts the words of the text, not the pairs that losses are averaged over.

    Args:
        words: number of words of the training text.
        exact: whether a resumed run makes the same steps as one that was never stopped.
        options: those of `TrainingProgress`.
    """

    def __init__(self, words: int, *, exact: bool, **options: Any) -> None:
        super().__init__("word", **options)
        self.words = words
        self.exact = exact
        self._epoch: float | None = None

    def on_event(self, event: Event) -> None:
        """Handle an event."""
        if isinstance(event, StepEvent):
            done = 0.0 if self._epoch is None else event.epoch - self._epoch
            self._epoch = event.epoch
            event = dataclasses.replace(event, tokens=round(done * self.words))
        super().on_event(event)
        if isinstance(event, StartEvent) and event.step and not self.exact:
            self.print("with fast = true, the steps after this are not those of a run that was never stopped")
