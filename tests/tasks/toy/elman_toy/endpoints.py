"""What a counter answers. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.options import option
from elman.tasks.endpoint import Answer, Conversation, EndpointOptions, EvaluateOptions, Figures, Screen

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


def guess(model: Counter, files: tuple[str, ...], options: GuessOptions, talk: Conversation) -> Guesses:
    del files
    talk.remark("it is a guess")
    return Guesses(model.guess(options.count))


def evaluate(model: Counter, files: tuple[str, ...], options: EvaluateOptions, talk: Conversation) -> Figures:
    del options, talk
    figures = model.evaluate(list(files))
    return Figures(figures, f"loss  {figures['loss']:.4f}")
