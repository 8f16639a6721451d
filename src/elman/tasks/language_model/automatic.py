"""Options of a language model that suit its text, which the preset `auto` chooses. Does not import torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elman.display import counted
from elman.tasks.automatic import Choices

if TYPE_CHECKING:
    from elman.data.vocabulary import Vocabulary

__all__ = ["choices_for", "options_for"]

# Noise and passes for at most so many characters; training on a longer text ends by the clock.
_NOISE: tuple[tuple[int, dict[str, Any]], ...] = (
    (10_000, {"dropout": 0.5, "input_dropout": 0.1, "max_epochs": 40.0}),
    (200_000, {"dropout": 0.3, "max_epochs": 20.0}),
)
# A text is cut into streams of at least so many characters. Fewer streams have noisier gradients.
_STREAM, _STREAMS = 1250, 32
_RATES = ((4, 3e-3), (16, 5e-3))


def options_for(characters: int) -> dict[str, Any]:
    """Return the options that suit so many characters of training text."""
    chosen = next((dict(options) for most, options in _NOISE if characters <= most), {})
    streams = min(_STREAMS, 1 << (max(1, characters // _STREAM).bit_length() - 1))
    if streams < _STREAMS:
        chosen["batch_size"] = streams
        chosen["learning_rate"] = next(rate for most, rate in _RATES if streams <= most)
    return chosen


def choices_for(tokens: int, vocabulary: Vocabulary) -> Choices:
    """Return the options that suit so many tokens of training text; none if they are no characters."""
    if not vocabulary.per_character:
        return Choices()
    return Choices(options_for(tokens), counted(tokens, "character"))
