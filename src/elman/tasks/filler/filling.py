"""The words of gaps: their probabilities, and the best words of several gaps together by beam search.

The words of the other gaps are not known: they are read as the unknown word, which training shows in place of words at
random. Several gaps are filled one after the other. Each time the hypotheses, of which `beams` are kept, choose the gap
whose most likely word is the most likely of all, by the best hypothesis; the words chosen before are read there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from elman.data.vocabulary import END_ID, UNKNOWN_ID, WordVocabulary
from elman.decode.log_probabilities import Doubles, check_finite, log_probabilities
from elman.kernels import threads_for
from elman.tasks.filler.gaps import GappedText, hidden_ids
from elman.tasks.filler.network import FillerNetwork

__all__ = ["FilledText", "Gap", "GapWord", "fill_texts", "row_log_probabilities"]

# Texts that are read together, their time steps with padding, and about how many probabilities of their gaps.
_ROWS, _STEPS, _PROBABILITIES = 64, 8192, 1 << 24


@dataclass(frozen=True)
class GapWord:
    """A word that a gap may have, with its probability."""

    word: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Return both as JSON values."""
        return {"word": self.word, "probability": self.probability}


@dataclass(frozen=True)
class Gap:
    """A gap of a text, as if the words of all other gaps were not known.

    found    the most likely words, or the candidates in the order in which they were given
    unknown  the probability of a word that is not in the vocabulary
    """

    found: tuple[GapWord, ...]
    unknown: float

    def to_json(self) -> dict[str, Any]:
        """Return the gap as JSON values."""
        return {"found": [each.to_json() for each in self.found], "unknown": self.unknown}


@dataclass(frozen=True)
class FilledText:
    """A text with its gaps filled.

    text             the whole text with the best words
    words            the best words of all gaps together, in the order of the text
    log_probability  the sum of the logarithms of their probabilities, each with the words chosen before it
    gaps             each gap for itself
    """

    text: str
    words: tuple[str, ...]
    log_probability: float
    gaps: tuple[Gap, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all as JSON values."""
        return {
            "text": self.text,
            "words": list(self.words),
            "log_probability": self.log_probability,
            "gaps": [gap.to_json() for gap in self.gaps],
        }


def fill_texts(
    network: FillerNetwork,
    vocabulary: WordVocabulary,
    texts: Sequence[GappedText],
    *,
    top: int,
    candidates: Sequence[int] | None,
    beams: int,
    bounded: bool,
) -> list[FilledText]:
    """Fill the gaps of texts, by a network in evaluation mode.

    top         number of words to list for each gap
    candidates  the ids of the only words that a gap may have, or None; they are listed in this order
    beams       hypotheses of the search for the words of several gaps
    bounded     whether a text is a whole document, with its end on both sides
    """
    found: list[FilledText] = []
    # A candidate that is given twice is one word of the search.
    allowed = _allowed(vocabulary) if candidates is None else np.array(list(dict.fromkeys(candidates)))
    order = sorted(range(len(texts)), key=lambda row: len(texts[row].ids))
    for rows in _groups(texts, order, max(1, _PROBABILITIES // vocabulary.size)):
        scored = row_log_probabilities(
            network, [list(texts[row].ids) for row in rows], [texts[row].places for row in rows], bounded
        )
        for row, log_probs_NV in zip(rows, scored, strict=True):
            listed = None if candidates is None else np.array(candidates)
            gaps = tuple(_gap(vocabulary, log_probs_V, listed, top) for log_probs_V in log_probs_NV)
            ids, total = _best(network, texts[row], log_probs_NV, allowed, beams, bounded)
            words = tuple(_word(vocabulary, number) for number in ids)
            found.append(FilledText(texts[row].filled(words), words, total, gaps))
    return [found[place] for place in np.argsort(order, kind="stable").tolist()]


def _groups(texts: Sequence[GappedText], order: Sequence[int], most_gaps: int) -> list[list[int]]:
    """Return the rows of texts that are read together, in this order of growing length."""
    groups: list[list[int]] = []
    gaps = 0
    for row in order:
        gaps += len(texts[row].places)
        steps = (len(groups[-1]) + 1) * len(texts[row].ids) if groups else 0
        if not groups or len(groups[-1]) == _ROWS or steps > _STEPS or gaps > most_gaps:
            groups.append([])
            gaps = len(texts[row].places)
        groups[-1].append(row)
    return groups


def row_log_probabilities(
    network: FillerNetwork, rows: Sequence[list[int]], places: Sequence[Sequence[int]], bounded: bool
) -> list[Doubles]:
    """Return for each row of tokens the log-probabilities of all words at some of its places, `[N, V]`.

    bounded  whether each row is a whole document, with its end on both sides

    Raises DataError for logits that are not finite.
    """
    device = network.head.weight.device
    ends = [END_ID] * bounded
    read = [[*ends, *row, *ends] for row in rows]
    lengths_B = torch.tensor([len(row) for row in read])
    tokens_BT = torch.zeros(len(read), int(lengths_B.max()), dtype=torch.int64)
    asked_BT = torch.zeros_like(tokens_BT, dtype=torch.bool)
    for number, (row, asked) in enumerate(zip(read, places, strict=True)):
        tokens_BT[number, : len(row)] = torch.tensor(row)
        asked_BT[number, [place + bounded for place in asked]] = True
    with torch.no_grad(), threads_for(len(rows), network):
        logits_NV = network(tokens_BT.to(device), lengths_B, asked_BT.to(device))
        check_finite(logits_NV, "the words")
        log_probs_NV = log_probabilities(logits_NV)
    return np.split(log_probs_NV, np.cumsum([len(asked) for asked in places])[:-1])


def _best(
    network: FillerNetwork, text: GappedText, log_probs_NV: Doubles, allowed_N: Any, beams: int, bounded: bool
) -> tuple[list[int], float]:
    """Return the best words of all gaps together and the sum of their log-probabilities, by beam search.

    log_probs_NV  the log-probabilities of all words at each gap while none is filled
    """
    hypotheses: list[tuple[float, dict[int, int]]] = [(0.0, {})]
    scored = [log_probs_NV]
    open_gaps = list(range(len(text.places)))
    while True:
        place = int(np.argmax(scored[0][:, allowed_N].max(axis=1)))
        gap = open_gaps.pop(place)
        longer: list[tuple[float, dict[int, int]]] = []
        for (score, words), values in zip(hypotheses, scored, strict=True):
            values_N = values[place, allowed_N]
            for best in np.argsort(-values_N, kind="stable")[:beams].tolist():
                longer.append((score + float(values_N[best]), {**words, gap: int(allowed_N[best])}))
        hypotheses = sorted(longer, key=lambda each: -each[0])[:beams]
        if not open_gaps:
            break
        rows = []
        for _, words in hypotheses:
            row = list(text.ids)
            for each, number in words.items():
                row[text.places[each]] = number
            rows.append(row)
        asked = [text.places[each] for each in open_gaps]
        scored = row_log_probabilities(network, rows, [asked] * len(rows), bounded)
    score, words = hypotheses[0]
    return [words[each] for each in sorted(words)], score


def _gap(vocabulary: WordVocabulary, log_probs_V: Doubles, listed_N: Any, top: int) -> Gap:
    if listed_N is None:
        allowed_N = _allowed(vocabulary)
        listed_N = allowed_N[np.argsort(-log_probs_V[allowed_N], kind="stable")[:top]]
    found = [GapWord(_word(vocabulary, number), math.exp(log_probs_V[number])) for number in listed_N.tolist()]
    return Gap(tuple(found), math.exp(log_probs_V[UNKNOWN_ID]))


def _word(vocabulary: WordVocabulary, number: int) -> str:
    return vocabulary.decode([number])


def _allowed(vocabulary: WordVocabulary) -> npt.NDArray[np.int64]:
    """Return the ids of the words that a gap may have: not the unknown word, the end, or a line end."""
    return np.delete(np.arange(vocabulary.size), hidden_ids(vocabulary))
