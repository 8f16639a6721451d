"""Options of a translator that suit its pairs, which the preset `auto` chooses. Does not import torch."""

from __future__ import annotations

from typing import Any

from elman.display import counted
from elman.tasks.automatic import Choices

__all__ = ["choices_for", "options_for"]

# Up to so many pairs, a smaller network with smaller batches, which makes more steps. More pairs have the options of
# the preset `base`.
_FEW, _OF_FEW = 5000, {"hidden_size": 256, "embedding": 128, "dropout": 0.3, "batch_size": 32}
# Subwords that so many pairs can teach.
_SUBWORDS = 2000
# Pairs that a run should read, and the bounds of its passes over them.
_READ, _FEWEST, _MOST = 60_000, 12, 100
# Pairs that the network of the preset `base` reads in a second on one thread, about, and passes below which a smaller
# network with more steps is better at the end of the time.
_SPEED, _LEAST_PASSES = 270, 3
_OF_SHORT_TIME = {"hidden_size": 192, "embedding": 128, "dropout": 0.1, "input_dropout": 0.1, "batch_size": 32}
_SUBWORDS_OF_SHORT_TIME = 4000


def options_for(pairs: int, tokens: str, seconds: float = 0.0) -> dict[str, Any]:
    """Return the options that suit so many pairs to train on, in such tokens; none for characters.

    `seconds` is the time of the run; 0 for no limit.
    """
    if tokens == "characters":
        return {}
    if pairs > _FEW:
        if not 0 < seconds < _LEAST_PASSES * pairs / _SPEED:
            return {}
        return _OF_SHORT_TIME | ({"vocabulary_size": _SUBWORDS_OF_SHORT_TIME} if tokens == "subwords" else {})
    vocabulary = {"vocabulary_size": _SUBWORDS} if tokens == "subwords" else {}
    epochs = round(min(_MOST, max(_FEWEST, _READ / max(pairs, 1))))
    return {**_OF_FEW, **vocabulary, "max_epochs": float(epochs)}


def choices_for(pairs: int, tokens: str, seconds: float = 0.0) -> Choices:
    """Return the options that suit so many pairs to train on and the time, and why."""
    because = counted(pairs, "pair")
    return Choices(options_for(pairs, tokens, seconds), f"{because}, {seconds:g} seconds" if pairs > _FEW else because)
