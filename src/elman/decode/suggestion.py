"""Words that may come next in a text: the completion of the word that is begun, or the next word."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from elman.data.vocabulary import Vocabulary, WordVocabulary
from elman.data.vocabulary.word_parts import begun_word, is_word
from elman.decode.engine import TokenNetwork
from elman.decode.evaluation_mode import evaluation_mode
from elman.decode.log_probabilities import check_finite, log_probabilities
from elman.decode.next_token import PromptState, check_state, shown_probability, state_after
from elman.decode.word_search import FoundWords, WordNetwork, search_words
from elman.display import aligned, plain
from elman.errors import ConfigError
from elman.kernels import threads_for

__all__ = ["DEFAULT_WORDS", "SuggestedWord", "Suggestions", "suggest_words"]

# Number of words that are suggested by default.
DEFAULT_WORDS = 3


@dataclass(frozen=True)
class SuggestedWord:
    """A whole word, with the logarithm of its probability given the text."""

    word: str
    log_probability: float

    @property
    def probability(self) -> float:
        """The probability that this is the word, given all of the text."""
        return math.exp(self.log_probability)

    def to_json(self) -> dict[str, Any]:
        """Return the word and its probability as JSON values."""
        return {"word": self.word, "probability": self.probability, "log_probability": self.log_probability}


@dataclass(frozen=True)
class Suggestions:
    """The most likely words, the likeliest first. Iterating yields them.

    text      the text
    begun     the part of a word that the text ends with; each word begins with it
    found     the words
    covered   total probability of all words that the search found, of which `found` are the likeliest
    complete  whether these are certain to be the likeliest words; otherwise the search was stopped before
    """

    text: str
    begun: str
    found: list[SuggestedWord]
    covered: float
    complete: bool

    def __iter__(self) -> Iterator[SuggestedWord]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        """Return a table of probabilities and words; a sentence if there are none."""
        if not self.found:
            return "no word was found"
        rows = [(shown_probability(each.probability), plain(each.word)) for each in self.found]
        return aligned([("probability", "word"), *rows], right=[0])

    def to_json(self) -> dict[str, Any]:
        """Return the text and the words as JSON values."""
        facts = {"text": self.text, "begun": self.begun, "words": [each.to_json() for each in self.found]}
        return {**facts, "covered": self.covered, "complete": self.complete}


def suggest_words(
    network: TokenNetwork,
    vocabulary: Vocabulary,
    text: str,
    start: Sequence[int],
    state: PromptState | None,
    *,
    top: int,
) -> Suggestions:
    """Return the `top` most likely words that go on with `text`.

    start  tokens that precede every text
    state  where an earlier text ended, from which this one goes on; None to begin with `start`

    Raises ConfigError for an invalid `top`, DataError for logits that are not finite.
    """
    if not isinstance(top, int) or isinstance(top, bool) or top < 1:
        raise ConfigError(f"expected top to be a whole number from 1. Received: {top!r}")
    with torch.no_grad(), evaluation_mode(network), threads_for(1, network):  # type: ignore[arg-type]
        formed = vocabulary.in_form(text)
        if state is not None:
            formed = check_state(state, network.initial_state(1)).held + formed
        words = vocabulary if isinstance(vocabulary, WordVocabulary) else None
        begun = begun_word(formed, at_spaces=words is not None and words.tokenizer == "whitespace")
        read = formed if vocabulary.per_character else formed.removesuffix(begun)
        after = state_after(network, vocabulary, read, start, state)
        check_finite(after.logits_V)
        if words is not None:
            found = _known_words(words, after, begun)
        else:
            owed = "" if vocabulary.per_character else after.held + begun
            found = search_words(_stepping(network), vocabulary, after.logits_V, after.layers, begun, owed, top=top)
    likely = sorted(found.log_probabilities.items(), key=lambda pair: -pair[1])
    covered = math.fsum(math.exp(value) for value in found.log_probabilities.values())
    return Suggestions(text, begun, [SuggestedWord(*pair) for pair in likely[:top]], min(covered, 1.0), found.complete)


def _stepping(network: Any) -> WordNetwork:
    stepping: WordNetwork = network
    return stepping


def _known_words(vocabulary: WordVocabulary, after: PromptState, begun: str) -> FoundWords:
    """Return the words of the vocabulary that begin with `begun`, with probabilities that sum to 1.

    Tokens of words say neither what the beginning of a word is, nor whether a space follows.
    """
    log_probs_V = log_probabilities(after.logits_V)
    beginning = begun.lower() if vocabulary.lowercase else begun
    first = vocabulary.size - len(vocabulary.words)
    any_mark = vocabulary.tokenizer == "whitespace"
    values = {
        begun + word[len(beginning) :]: float(log_probs_V[number])
        for number, word in enumerate(vocabulary.words, first)
        if word.startswith(beginning) and (any(map(str.isalnum, word)) if any_mark else is_word(word))
    }
    total = float(np.logaddexp.reduce(list(values.values()))) if values else 0.0
    return FoundWords({word: value - total for word, value in values.items()}, True)
