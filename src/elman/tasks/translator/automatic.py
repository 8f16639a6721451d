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


def options_for(pairs: int, tokens: str) -> dict[str, Any]:
    """Return the options that suit so many pairs to train on, in such tokens; none for characters."""
    if pairs > _FEW or tokens == "characters":
        return {}
    vocabulary = {"vocabulary_size": _SUBWORDS} if tokens == "subwords" else {}
    epochs = round(min(_MOST, max(_FEWEST, _READ / max(pairs, 1))))
    return {**_OF_FEW, **vocabulary, "max_epochs": float(epochs)}


def choices_for(pairs: int, tokens: str) -> Choices:
    """Return the options that suit so many pairs to train on, and why."""
    return Choices(options_for(pairs, tokens), counted(pairs, "pair"))
