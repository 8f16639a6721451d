"""Shallow fusion: a language model as a scorer for the searches of transcribers, translators and captioners.

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
from elman.decode.text_scorer import text_scorer
from elman.errors import ConfigError
from elman.former import former_attributes
from elman.state import State

__all__ = ["FusionModel", "language_model_scorer", "token_scorer"]

__getattr__ = former_attributes(__name__, {"CharacterModel": "FusionModel"})


class FusionModel(Protocol):
    """Protocol of the language model; implemented by `elman.LanguageModel`.

    The network has `initial_state(rows)`, and a call and `step` as those of a language model's network.
    """

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary."""

    @property
    def network(self) -> Any:
        """The network."""

    def context_start(self) -> Sequence[int]:
        """Return the ids of the tokens before a text; the last of them also ends it."""


def language_model_scorer(lm: FusionModel, vocabulary: TranscriberVocabulary) -> LanguageModelScorer:
    """Return the scorer of a language model, with the columns of the transcriber's vocabulary.

    For the language model, each text is a separate line or document. Raises ConfigError if the language model or the
    transcriber is not of characters, or if the language model lacks characters of the transcriber.
    """
    own, known = vocabulary.tokens, _vocabulary_of(lm)
    for what, tokens in (("transcriber", own), ("language model", known)):
        if not tokens.per_character:
            raise ConfigError(
                f"expected a {what} of characters, so that both have the same tokens. Received: one of {tokens.unit}s"
            )
    return _scorer(lm, _columns(own, known, "transcriber", (BLANK, own.unknown_id)))


def token_scorer(lm: FusionModel, own: Vocabulary, what: str) -> LanguageModelScorer:
    """Return the scorer of a language model, with the columns of the output vocabulary of a model called `what`.

    A language model of characters reads the text of subwords. Raises ConfigError unless otherwise both have the same
    kind of tokens and the language model has all of the other's; subwords must be cut in the same way, so their
    vocabularies must be equal.
    """
    known = _vocabulary_of(lm)
    if own.kind == "subwords" and known.per_character:
        return text_scorer(lm.network, known, lm.context_start(), own)
    if own.kind != known.kind:
        raise ConfigError(
            f"expected a language model of {'characters' if own.kind == 'subwords' else own.kind} for a {what} of "
            f"{own.kind}. Received: one of {known.kind}"
        )
    if own.fingerprint() == known.fingerprint():
        return _scorer(lm, list(range(own.size)))
    if own.kind not in ("characters", "words"):
        raise ConfigError(
            f"expected a language model of characters, or with the same vocabulary of {own.kind} as the {what}. "
            f"Received: {known.size:,} {known.unit}s that are cut in another way"
        )
    return _scorer(lm, _columns(own, known, what, (own.end_id, own.unknown_id)))


def _vocabulary_of(lm: FusionModel) -> Vocabulary:
    known = getattr(lm, "vocabulary", None)
    if not isinstance(known, Vocabulary) or not hasattr(lm, "context_start"):
        raise ConfigError(f"expected a language model, such as elman.load(...) gives. Received: {type(lm).__name__}")
    return known


def _columns(own: Vocabulary, known: Vocabulary, what: str, special: Sequence[int]) -> list[int]:
    """Return the language model's id of each token of `own`, and that of its unknown token for `special` ones."""
    of_words = {known.token(number): number for number in range(known.size)} if known.kind == "words" else {}
    numbers, missing = [], []
    for number in range(own.size):
        if number in special:
            numbers.append(known.unknown_id)
            continue
        if of_words:
            text = own.token(number)
            found = of_words.get(text, known.unknown_id)
        else:
            text = own.decode([number])
            ids = known.encode(text).tolist()
            found = ids[0] if len(ids) == 1 else known.unknown_id
        numbers.append(found)
        if found == known.unknown_id:
            missing.append(text)
    if missing:
        shown = ", ".join(map(repr, missing[:10])) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise ConfigError(
            f"expected a language model that has all {own.unit}s of the {what}: train it on texts with them, or "
            f"lower-case both. Received: one without {shown}"
        )
    return numbers


def _scorer(lm: FusionModel, numbers: Sequence[int]) -> LanguageModelScorer:
    """Return the scorer with the language model's tokens `numbers` as columns."""
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
        with evaluation_mode(network), torch.autocast(device.type, enabled=False):
            return output_of(*network.step(numbers_V[tokens_N.to(device)], state))

    with evaluation_mode(network), torch.no_grad(), torch.autocast(device.type, enabled=False):
        logits_BTV, state = network(torch.tensor([start], device=device), None, network.initial_state(1))
    return LanguageModelScorer(output_of(logits_BTV[:, -1], state), extend)
