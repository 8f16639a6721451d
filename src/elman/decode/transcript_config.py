"""Options of decoding recordings to text. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.options import option

__all__ = ["TranscriptSearchConfig"]


@dataclass(frozen=True)
class TranscriptSearchConfig:
    """Options of decoding recordings to text."""

    beams: int = option(
        0,
        "prefixes that beam search keeps at each step; 0: 16 with a language model or n_best above 1, else greedy "
        "decoding",
        least=0,
    )
    n_best: int = option(1, "texts for each recording, best first", least=1)
    lm_weight: float = option(0.5, "weight of the language model's log-probabilities", least=0.0)
    insertion_bonus: float = option(0.0, "added to the score of a text for each token")
    token_floor: float = option(-12.0, "skip tokens whose log-probability at a step is below this", most=0.0)
