"""How tokens are drawn: the options. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.options import option

__all__ = ["SamplingConfig"]


@dataclass(frozen=True)
class SamplingConfig:
    """How tokens are drawn; `elman.decode.Sampling` checks the values and adds what belongs to a model."""

    temperature: float = option(
        1.0, "Below 1 more likely text, above 1 more surprising; 0 always takes the likeliest token."
    )
    top_k: int = option(0, "Draw among the k likeliest tokens; 0 for all.")
    top_p: float = option(1.0, "Draw among the likeliest tokens that hold this probability.")
    repetition_penalty: float = option(1.0, "Above 1 makes recent tokens less likely.")
