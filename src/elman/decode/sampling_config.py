"""Options of sampling. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.options import option

__all__ = ["SamplingConfig"]


@dataclass(frozen=True)
class SamplingConfig:
    """Options of sampling; `elman.decode.SamplingOptions` validates them and adds options that depend on the model."""

    temperature: float = option(
        1.0, "Divides the logits: below 1 more likely text, above 1 more varied; 0 takes the most likely token."
    )
    top_k: int = option(0, "Sample from the k most likely tokens; 0 for all.")
    top_p: float = option(1.0, "Sample from the most likely tokens whose total probability reaches this.")
    repetition_penalty: float = option(1.0, "Above 1 makes recent tokens less likely.")
