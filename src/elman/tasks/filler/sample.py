"""A sample of a filler during training: a text with a gap, and the words for it."""

from __future__ import annotations

from typing import cast

import numpy as np

from elman.data.segments import TokenSegments
from elman.data.vocabulary import Vocabulary, WordVocabulary
from elman.tasks.filler.filling import row_log_probabilities
from elman.tasks.filler.gaps import hidden_ids
from elman.tasks.filler.network import FillerNetwork
from elman.tasks.samples import APART, compared

__all__ = ["sample_of"]

# Words of the text, and words that are listed.
_WORDS, _LISTED = 16, 3


def sample_of(network: FillerNetwork, text: TokenSegments, vocabulary: Vocabulary, number: int) -> str:
    """Return sample `number`: words of one document with a gap, its most likely words, and the right one."""
    words = cast("WordVocabulary", vocabulary)
    begins_N, ends_N = text.ranges_N2.T
    before_N = np.cumsum(ends_N - begins_N) - (ends_N - begins_N)
    word = int((number + 0.5) * APART % 1.0 * text.words)
    document = int(np.searchsorted(before_N, word, side="right")) - 1
    place = int(begins_N[document]) + word - int(before_N[document])
    start = max(int(begins_N[document]), place - _WORDS // 2)
    ids = text.tokens.read(start, min(int(ends_N[document]), start + _WORDS)).tolist()
    # The word there, or the one before a line end.
    known = [each for each in range(place - start + 1) if ids[each] not in hidden_ids(vocabulary)]
    gap = known[-1] if known else place - start
    (log_probs_NV,) = row_log_probabilities(network, [ids], [[gap]], False)
    log_probs_V = log_probs_NV[0]
    log_probs_V[hidden_ids(vocabulary)] = -np.inf
    best = np.argsort(-log_probs_V, kind="stable")[:_LISTED].tolist()
    shown = " ".join([words.decode(ids[:gap]), "___", words.decode(ids[gap + 1 :])])
    found = ", ".join(f"{words.decode([each])} ({np.exp(log_probs_V[each]):.1%})" for each in best)
    return compared([("text", shown.strip()), ("filled", found), ("right", words.token(ids[gap]))])
