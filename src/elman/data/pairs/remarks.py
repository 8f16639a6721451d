"""Remarks about sentences to translate: empty, too long, or unknown to the vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from elman.data.pairs.config import PairsConfig
from elman.data.pairs.vocabulary import PairVocabulary
from elman.data.vocabulary.base import UNKNOWN_ID
from elman.display import counted

__all__ = ["remarks_on"]

# With a larger share of unknown tokens, the sentences are probably not in the source language.
_STRANGE = 0.5
_LISTED = 5


def remarks_on(texts: Sequence[str], vocabulary: PairVocabulary, config: PairsConfig) -> list[str]:
    """Return remarks on sentences that are empty or longer than in training, and on unknown tokens."""
    remarks = []
    empty = sum(not text.strip() for text in texts)
    if empty:
        own = "translation" if empty == 1 else "translations"
        remarks.append(f"{counted(empty, 'sentence')} {_is(empty)} empty, and so {_is(empty)} the {own}")
    encoded = vocabulary.encode_sources(texts)
    longer = sum(len(ids) > config.max_source for ids in encoded)
    if longer:
        remarks.append(
            f"{counted(longer, 'sentence')} {_is(longer)} longer than the {config.max_source} tokens of max_source "
            "that the model was trained on; translated in full, but perhaps badly"
        )
    tokens = sum(map(len, encoded))
    unknown = sum(int((ids == UNKNOWN_ID).sum()) for ids in encoded)
    if unknown:
        words = _unknown_words(texts, vocabulary)
        shown = ", ".join(repr(word) for word, _ in words.most_common(_LISTED))
        more = f" and {len(words) - _LISTED:,} others" if len(words) > _LISTED else ""
        remarks.append(f"{unknown:,} of {counted(tokens, 'token')} {_is(unknown)} unknown: {shown}{more}")
    if unknown > _STRANGE * tokens:
        remarks.append("most tokens are unknown: are these sentences in the model's source language?")
    return remarks


def _unknown_words(texts: Sequence[str], vocabulary: PairVocabulary) -> Counter[str]:
    found: Counter[str] = Counter()
    for text in texts:
        text = vocabulary.source.in_form(text)
        found.update(vocabulary.source.count_unknown(text.lower() if vocabulary.lowercase else text))
    return found


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
