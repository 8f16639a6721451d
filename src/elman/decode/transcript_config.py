"""How the text of a recording is searched for: the options. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.options import option

__all__ = ["TranscriptSearchConfig"]


@dataclass(frozen=True)
class TranscriptSearchConfig:
    """How the text of a recording is found."""

    beams: int = option(
        0,
        "texts that the search follows side by side; 0: 16 with a language model or n_best above 1, else it takes the "
        "likeliest token of each step",
        least=0,
    )
    n_best: int = option(1, "answers for each recording, best first", least=1)
    lm_weight: float = option(0.5, "what the language model's log-probabilities are multiplied with", least=0.0)
    insertion_bonus: float = option(0.0, "what each token adds to the score of a text")
    token_floor: float = option(-12.0, "leave out tokens whose log-probability in a step is below this", most=0.0)
