"""Shallow fusion: a character language model as a scorer for CTC prefix beam search.

The language model is described by a protocol, so that this module imports no task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from elman.data.transcripts.vocabulary import BLANK, TranscriberVocabulary
from elman.data.vocabulary import Vocabulary
from elman.decode.ctc_beam import LanguageModelScorer, LanguageModelStep
from elman.decode.evaluation_mode import evaluation_mode
from elman.errors import ConfigError
from elman.state import State

__all__ = ["CharacterModel", "language_model_scorer"]


class CharacterModel(Protocol):
    """Protocol of the language model; implemented by `elman.LanguageModel`.

    The vocabulary must be of characters. The network has `initial_state(rows)`, and a call and `step` as those of a
    language model's network.
    """

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary."""

    @property
    def network(self) -> Any:
        """The network."""

    def context_start(self) -> Sequence[int]:
        """Return the ids of the tokens before a text; the last of them also ends it."""


def language_model_scorer(lm: CharacterModel, vocabulary: TranscriberVocabulary) -> LanguageModelScorer:
    """Return the scorer of a language model, with the columns of the transcriber's vocabulary.

    For the language model, each text is a separate line or document. Raises ConfigError if the language model or the
    transcriber is not of characters, or if the language model lacks characters of the transcriber.
    """
    own = vocabulary.tokens
    known = getattr(lm, "vocabulary", None)
    if not isinstance(known, Vocabulary) or not hasattr(lm, "context_start"):
        raise ConfigError(f"expected a language model, such as elman.load(...) gives. Received: {type(lm).__name__}")
    for what, tokens in (("transcriber", own), ("language model", known)):
        if not tokens.per_character:
            raise ConfigError(
                f"expected a {what} of characters, so that both have the same tokens. Received: one of {tokens.unit}s"
            )
    numbers, missing = [], []
    for number in range(own.size):
        if number in (BLANK, own.unknown_id):
            numbers.append(known.unknown_id)
            continue
        character = own.decode([number])
        ids = known.encode(character).tolist()
        found = ids[0] if len(ids) == 1 else known.unknown_id
        numbers.append(found)
        if found == known.unknown_id:
            missing.append(character)
    if missing:
        shown = ", ".join(map(repr, missing[:10])) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise ConfigError(
            f"expected a language model that has all characters of the transcriber: train it on texts with them, or "
            f"lower-case both. Received: one without {shown}"
        )
    network = lm.network
    device = next(network.parameters()).device
    numbers_V = torch.tensor(numbers, device=device)
    start = list(lm.context_start())
    end = start[-1]

    def output_of(logits_NV: Tensor, state: State) -> LanguageModelStep:
        log_probs_NV = logits_NV.float().log_softmax(dim=-1)
        return LanguageModelStep(log_probs_NV[:, numbers_V], state, log_probs_NV[:, end])

    @torch.no_grad()
    def extend(tokens_N: Tensor, state: State) -> LanguageModelStep:
        with evaluation_mode(network):
            return output_of(*network.step(numbers_V[tokens_N.to(device)], state))

    with evaluation_mode(network), torch.no_grad():
        logits_BTV, state = network(torch.tensor([start], device=device), None, network.initial_state(1))
    return LanguageModelScorer(output_of(logits_BTV[:, -1], state), extend)
