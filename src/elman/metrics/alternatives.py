"""Probabilities of whole sentences that differ in some of their words, normalised over these sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data.alternatives import Sentence
from elman.data.vocabulary import Vocabulary, WordVocabulary
from elman.data.vocabulary.word_parts import begun_word, closing_tokens
from elman.decode.engine import TokenNetwork
from elman.decode.evaluation_mode import evaluation_mode
from elman.decode.generation import read_prompt
from elman.decode.log_probabilities import Doubles, check_finite
from elman.decode.next_token import shown_probability
from elman.display import aligned, plain
from elman.errors import DataError
from elman.kernels import threads_for
from elman.state import State, map_leaves

__all__ = ["Choice", "Choices", "rank_sentences"]

# Approximate maximum number of logits in memory.
_MAX_LOGITS = 1 << 24
# Time steps that are read at a time.
_CHUNK = 128


@dataclass(frozen=True)
class Choice:
    """A sentence made of some alternatives.

    text             the sentence
    alternatives     the alternative of each pair of braces
    log_probability  natural logarithm of the probability of the sentence, and that its last word ends there
    probability      that of the sentence over the sum of all sentences' probabilities
    """

    text: str
    alternatives: tuple[str, ...]
    log_probability: float
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return {
            "text": self.text,
            "alternatives": list(self.alternatives),
            "probability": self.probability,
            "log_probability": self.log_probability,
        }


@dataclass(frozen=True)
class Choices:
    """All sentences of a text with alternatives, the most likely first. Iterating yields them."""

    text: str
    found: list[Choice]

    @property
    def best(self) -> Choice:
        """The most likely sentence."""
        return self.found[0]

    def __iter__(self) -> Iterator[Choice]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        """Return a table of probabilities and sentences."""
        rows = [
            (shown_probability(each.probability), f"{each.log_probability:.3f}", plain(each.text))
            for each in self.found
        ]
        return aligned([("probability", "log-prob", "sentence"), *rows], right=[0, 1])

    def to_json(self) -> dict[str, Any]:
        """Return the text and the sentences as JSON values."""
        return {"text": self.text, "choices": [each.to_json() for each in self.found]}


def rank_sentences(
    network: TokenNetwork, vocabulary: Vocabulary, text: str, sentences: Sequence[Sentence], start: Sequence[int]
) -> Choices:
    """Return the sentences of `text` by their probability after the tokens `start`.

    The tokens at the beginning that all sentences share are read once. A sentence that ends with a letter or a digit
    has the probability that no more of them follow, so that "bear" does not include "bears".

    Raises DataError for unknown tokens that only some of the sentences have, and for logits that are not finite.
    """
    _check_known(vocabulary, text, sentences)
    ids = [vocabulary.encode(sentence.text).tolist() for sentence in sentences]
    shared = _shared(ids)
    closes_V = torch.from_numpy(closing_tokens(vocabulary))
    values = np.zeros(len(ids))
    with torch.no_grad(), evaluation_mode(network), threads_for(1, network):  # type: ignore[arg-type]
        logits_BV, state = read_prompt(network, start, 1)
        before = _read(network, [ids[0][:shared]], logits_BV, state)
        for rows in _groups(ids, shared, vocabulary.size):
            read = _read(network, [ids[row][shared:] for row in rows], before.logits_BV, before.state)
            ends_B = torch.log_softmax(read.logits_BV.double(), dim=-1)[:, closes_V].logsumexp(dim=-1).cpu().numpy()
            for row, value, end in zip(rows, read.sums_B, ends_B, strict=True):
                goes_on = bool(begun_word(sentences[row].text)) and not isinstance(vocabulary, WordVocabulary)
                values[row] = float(before.sums_B[0]) + value + (float(end) if goes_on else 0.0)
    check_finite(torch.from_numpy(values))
    shares = np.exp(values - np.logaddexp.reduce(values))
    found = [
        Choice(*sentence, float(value), float(share))
        for sentence, value, share in zip(sentences, values, shares, strict=True)
    ]
    return Choices(text, sorted(found, key=lambda each: -each.log_probability))


def _check_known(vocabulary: Vocabulary, text: str, sentences: Sequence[Sentence]) -> None:
    """Raise DataError for an unknown token that not all sentences have as often."""
    counts = [Counter(vocabulary.count_unknown(sentence.text)) for sentence in sentences]
    differing = {part for count in counts for part in (count - counts[0]) + (counts[0] - count)}
    if differing:
        raise DataError(
            f"expected alternatives of known {vocabulary.unit}s, since the probability of an unknown one is that of "
            f"all unknown ones together. Received: {', '.join(map(repr, sorted(differing)[:5]))} in {text[:80]!r}"
        )


def _shared(ids: Sequence[Sequence[int]]) -> int:
    """Return the number of tokens at the beginning that all sentences have."""
    return next(
        (place for place, tokens in enumerate(zip(*ids, strict=False)) if len(set(tokens)) > 1), min(map(len, ids))
    )


def _groups(ids: Sequence[Sequence[int]], shared: int, size: int) -> Iterator[list[int]]:
    """Yield the numbers of sentences that are read together, those of similar length."""
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    while order:
        width = max(1, len(ids[order[-1]]) - shared)
        rows = max(1, _MAX_LOGITS // (min(width, _CHUNK) * size))
        yield order[-rows:]
        del order[-rows:]


class _Reading(NamedTuple):
    """Sums of log-probabilities of rows of tokens, and the logits and the state after the last token of each row."""

    sums_B: Doubles
    logits_BV: Tensor
    state: State


def _read(network: TokenNetwork, rows: Sequence[Sequence[int]], logits_1V: Tensor, state: State) -> _Reading:
    """Read rows of tokens of any lengths, which all follow one row with these logits and this state."""
    device = network.head.weight.device
    lengths_B = torch.tensor([len(row) for row in rows])
    width = int(lengths_B.max())
    tokens_BT = torch.zeros(len(rows), width, dtype=torch.int64, device=device)
    for place, row in enumerate(rows):
        tokens_BT[place, : len(row)] = torch.tensor(row, dtype=torch.int64)
    state = map_leaves(lambda leaf: leaf.expand(len(rows), *leaf.shape[1:]).contiguous(), state)
    last_BV = logits_1V.expand(len(rows), -1)
    sums_B = np.zeros(len(rows))
    for begin in range(0, width, _CHUNK):
        inputs_BT = tokens_BT[:, begin : begin + _CHUNK]
        left_B = (lengths_B - begin).clamp(0, inputs_BT.shape[1])
        logits_BTV, state = network(inputs_BT, left_B, state)
        given_BTV = torch.cat([last_BV[:, None], logits_BTV], dim=1)
        log_probs_BTV = torch.log_softmax(given_BTV[:, :-1].double(), dim=-1)
        values_BT = log_probs_BTV.gather(2, inputs_BT[..., None])[..., 0].cpu()
        read_BT = torch.arange(inputs_BT.shape[1]) < left_B[:, None]
        sums_B += torch.where(read_BT, values_BT, torch.zeros_like(values_BT)).sum(dim=1).numpy()
        last_BV = given_BTV[torch.arange(len(rows)), left_B]
    return _Reading(sums_B, last_BV, state)
