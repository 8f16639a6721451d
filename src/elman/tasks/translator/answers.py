"""From a search's hypotheses to translations for people: text, words copied from the source, attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from elman.data.pairs import PairVocabulary
from elman.decode.search import Hypothesis

__all__ = ["Translation", "translations_of"]


@dataclass(frozen=True, eq=False)
class Translation:
    """One translation.

    source           the text that was translated
    text             the translation
    tokens           its tokens, as the network wrote them
    score            what translations are ordered by: the log-probability after the penalties
    log_probability  natural logarithm of what the network gives to all tokens and the end
    finished         False where the limit of length cut it
    source_tokens    the tokens of the source, and its end: the columns of `attention`
    attention        one line a token of the translation, float32; None when it was not asked for
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
        """All of it as plain values; attention is there only if it was asked for."""
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


def translations_of(
    source: str,
    hypotheses: Sequence[Hypothesis] | None,
    vocabulary: PairVocabulary,
    *,
    replace_unknown: bool,
    attention: bool,
) -> list[Translation]:
    """The translations of one source; an empty one without `hypotheses`, which is what an empty source has."""
    end = vocabulary.source.token(vocabulary.source.end_id)
    if not hypotheses:
        return [Translation(source, "", [], 0.0, 0.0, True, [end], np.zeros((0, 1), np.float32) if attention else None)]
    source_tokens = [*vocabulary.source_tokens(source), end]
    made = []
    for found in hypotheses:
        copies = _copies(found, vocabulary, source_tokens[:-1]) if replace_unknown else {}
        weights = None
        if attention and found.attention is not None:
            weights = found.attention.to(torch.float32).cpu().numpy()
        made.append(
            Translation(
                source,
                vocabulary.decode_target(found.tokens, copies),
                vocabulary.target_tokens(found.tokens),
                found.score,
                found.log_probability,
                found.finished,
                source_tokens,
                weights,
            )
        )
    return made


def _copies(found: Hypothesis, vocabulary: PairVocabulary, source_tokens: Sequence[str]) -> dict[int, str]:
    """For each unknown token, by its place, the source's token with most attention; the end is none of them."""
    if found.attention is None or not source_tokens:
        return {}
    return {
        place: source_tokens[int(found.attention[place, : len(source_tokens)].argmax())]
        for place, token in enumerate(found.tokens)
        if token == vocabulary.target.unknown_id
    }
