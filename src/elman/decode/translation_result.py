"""`Translation`: a translated text, its scores and its attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Translation"]


@dataclass(frozen=True, eq=False)
class Translation:
    """One translation.

    source           the text that was translated
    text             the translation
    tokens           its tokens, before detokenisation
    score            value by which translations are ranked: the log-probability after the penalties
    log_probability  natural logarithm of the probability of all tokens and the end
    finished         False if it was truncated at the length limit
    source_tokens    tokens of the source, and its end: the columns of `attention`
    attention        one row per token of the translation, float32; None if it was not requested
    """

    source: str
    text: str
    tokens: list[str]
    score: float
    log_probability: float
    finished: bool
    source_tokens: list[str]
    attention: npt.NDArray[np.float32] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values; attention and source tokens only if attention was requested."""
        facts: dict[str, Any] = {
            "source": self.source,
            "text": self.text,
            "tokens": self.tokens,
            "score": self.score,
            "log_probability": self.log_probability,
            "finished": self.finished,
        }
        if self.attention is not None:
            facts |= {"source_tokens": self.source_tokens, "attention": np.round(self.attention, 4).tolist()}
        return facts
