"""Words that are less likely in their place than another one: slips of the pen, with what they should perhaps be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.data.vocabulary import END_ID, UNKNOWN_ID, WordVocabulary
from elman.tasks.filler.filling import row_log_probabilities
from elman.tasks.filler.gaps import hidden_ids
from elman.tasks.filler.measure import batch_steps
from elman.tasks.filler.network import FillerNetwork

__all__ = ["SuspiciousWord", "documents_of", "suspicious_words"]

# Words around a suspicious one that are shown.
_AROUND = 4


@dataclass(frozen=True)
class SuspiciousWord:
    """A word of a text, with the most likely other word in its place.

    line         the number of its line, from 1
    number       its number in the line, from 1
    word         the word
    probability  its probability, given all other words; for an unknown word, that of all unknown words together
    suggestion   the most likely other word
    suggested    the probability of that word
    unknown      whether the word is not in the vocabulary
    context      the words around it, with the word in brackets
    score        the natural logarithm of the ratio of both probabilities
    """

    line: int
    number: int
    word: str
    probability: float
    suggestion: str
    suggested: float
    unknown: bool
    context: str
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return dict(vars(self))


def documents_of(lines: Iterable[str], documents: str) -> Iterator[tuple[int, str]]:
    """Yield the number of the first line and the text of each document; `documents` is files, lines or paragraphs."""
    gathered: list[str] = []
    first = 1
    for number, line in enumerate(lines, 1):
        if documents != "files" and gathered and (documents == "lines" or not line.strip()):
            yield first, "\n".join(gathered)
            gathered, first = [], number
        gathered.append(line)
    if gathered:
        yield first, "\n".join(gathered)


def suspicious_words(
    network: FillerNetwork, vocabulary: WordVocabulary, text: str, *, first: int, length: int, bounded: bool
) -> list[SuspiciousWord]:
    """Return every word of a document, the most suspicious first, by a network in evaluation mode.

    first    the number of the first line of the text
    length   words that are predicted together, each with as many words of context on either side
    bounded  whether the text is a whole document, with its end on both sides
    """
    words = vocabulary.split(text)
    ids = vocabulary.encode(text).tolist()
    if not words:
        return []
    excluded = hidden_ids(vocabulary)
    lines, numbers = _places(words, first)
    found: list[SuspiciousWord] = []
    step = min(length, batch_steps(vocabulary.size))
    for start in range(0, len(ids), step):
        stop = min(start + step, len(ids))
        low, high = max(0, start - length), min(len(ids), stop + length)
        # Ends of a document are next to its first and last word alone.
        row = [*[END_ID] * (bounded and low == 0), *ids[low:high], *[END_ID] * (bounded and high == len(ids))]
        shift = (bounded and low == 0) - low
        asked = [place for place in range(start, stop) if words[place] != "\n"]
        if not asked:
            continue
        (log_probs_NV,) = row_log_probabilities(network, [row], [[place + shift for place in asked]], False)
        for place, log_probs_V in zip(asked, log_probs_NV, strict=True):
            others_V = log_probs_V.copy()
            others_V[excluded] = -np.inf
            others_V[ids[place]] = -np.inf
            best = int(np.argmax(others_V))
            found.append(
                SuspiciousWord(
                    lines[place],
                    numbers[place],
                    words[place],
                    math.exp(log_probs_V[ids[place]]),
                    vocabulary.decode([best]),
                    math.exp(log_probs_V[best]),
                    ids[place] == UNKNOWN_ID,
                    _context(words, place),
                    float(log_probs_V[best] - log_probs_V[ids[place]]),
                )
            )
    return sorted(found, key=lambda each: -each.score)


def _places(words: Sequence[str], first: int) -> tuple[list[int], list[int]]:
    """Return the line of each word, and its number there."""
    lines, numbers = [], []
    line, number = first, 0
    for word in words:
        number += word != "\n"
        lines.append(line)
        numbers.append(number)
        if word == "\n":
            line, number = line + 1, 0
    return lines, numbers


def _context(words: Sequence[str], place: int) -> str:
    around = [*words[max(0, place - _AROUND) : place], f"[{words[place]}]", *words[place + 1 : place + 1 + _AROUND]]
    return " ".join(word for word in around if word != "\n")
