"""What a counter answers. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.options import option
from elman.tasks.endpoint import Answer, EndpointCallbacks, EndpointOptions, EvaluateOptions, Metrics, Screen

if TYPE_CHECKING:
    from .model import Counter

__all__ = ["GuessOptions", "evaluate", "guess"]


@dataclass(frozen=True)
class GuessOptions(EndpointOptions):
    """What guessing takes."""

    count: int = option(1, "How many letters.", least=1)
    output: Path | None = option(None, "Write the letters there.", local=True, flag="-o")


class Guesses(Answer):
    """The likeliest letters."""

    def __init__(self, letters: list[str]) -> None:
        self.letters = letters

    def to_json(self) -> dict[str, Any]:
        return {"letters": self.letters}

    def to_text(self, screen: Screen) -> Iterable[str]:
        del screen
        yield from (f"{letter!r}\n" for letter in self.letters)


def guess(model: Counter, files: tuple[str, ...], options: GuessOptions, callbacks: EndpointCallbacks) -> Guesses:
    del files
    callbacks.remark("it is a guess")
    return Guesses(model.guess(options.count))


def evaluate(model: Counter, files: tuple[str, ...], options: EvaluateOptions, callbacks: EndpointCallbacks) -> Metrics:
    del options, callbacks
    figures = model.evaluate(list(files))
    return Metrics(figures, f"loss  {figures['loss']:.4f}")
