"""Tagged sequences encoded as ids, and batches of them as tensors."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data.batches import Ints, spread_within
from elman.data.tagged import TaggedDataset
from elman.data.tagged.vocabulary import UNKNOWN_ID, TaggerVocabulary
from elman.data.vocabulary.unknown import UnknownTokens
from elman.state import IGNORE_INDEX, Batch

__all__ = ["EncodedSequences", "TagTargets", "WordInputs"]


class WordInputs(NamedTuple):
    """The words of a batch, which has N distinct words.

    words_BT       id of each word
    distinct_BT    index of each word among the distinct words
    characters_NT  character ids of each distinct word; here T counts characters
    lengths_N      number of characters of each distinct word
    """

    words_BT: Tensor
    distinct_BT: Tensor
    characters_NT: Tensor
    lengths_N: Tensor


class TagTargets(NamedTuple):
    """Targets of a batch: ids of tags, `tags_BT`, and of sentence labels, `intents_B`.

    Both are IGNORE_INDEX for labels that are not in the vocabulary, `tags_BT` also in the padding.
    """

    tags_BT: Tensor
    intents_B: Tensor


class EncodedSequences:
    """Tagged sequences as ids.

    Raises DataError unless the vocabulary and `data` both have words, or frames with the same features.
    """

    def __init__(self, data: TaggedDataset, vocabulary: TaggerVocabulary) -> None:
        data = vocabulary.with_read_tags(vocabulary.with_centred_frames(data))
        self.data = data
        self.lengths = data.lengths
        self.tags: list[Ints] | None = None if data.tags is None else [vocabulary.tag_ids(each) for each in data.tags]
        self.intents: Ints | None = None
        if data.intents is not None and vocabulary.intents:
            self.intents = np.array([vocabulary.intent_id(each) for each in data.intents], dtype=np.int64)
        # Ids and characters are stored once per distinct word.
        self._words: list[Ints] = []
        self._numbers = np.zeros(0, dtype=np.int64)
        self._characters: list[list[int]] = []
        if data.words is not None:
            places: dict[str, int] = {}
            for sentence in data.words:
                self._words.append(np.array([places.setdefault(word, len(places)) for word in sentence]))
            self._numbers = np.array(vocabulary.word_ids(list(places)), dtype=np.int64)
            self._characters = [vocabulary.char_ids(word) for word in places]

    def __len__(self) -> int:
        return len(self.lengths)

    def some(self, limit: int) -> Ints:
        """Return evenly spaced indices of sequences with about `limit` time steps in total; 0 for all sequences."""
        return spread_within(len(self), int(np.sum(self.lengths)), limit)

    def word_counts(self, size: int) -> Tensor:
        """Return how often each word id occurs, as float32 of length `size`."""
        numbers = np.concatenate([self._numbers[each] for each in self._words]) if self._words else self._numbers
        return torch.from_numpy(np.bincount(numbers, minlength=size)).float()

    def label_counts(self, size: int, *, intents: bool = False) -> Ints | None:
        """Return how often each of `size` tags occurs, or each sentence label; None for data without them."""
        ids = self.intents if intents else None if self.tags is None else np.concatenate(self.tags)
        return None if ids is None else np.bincount(ids[ids >= 0], minlength=size)

    def unknown_words(self) -> UnknownTokens:
        """Return the counts of unknown words."""
        if not self._words:
            return UnknownTokens(0, 0, Counter())
        counts_N = np.bincount(np.concatenate(self._words), minlength=len(self._numbers))
        distinct = dict.fromkeys(word for sentence in self.data.words or () for word in sentence)
        unknown = self._numbers == UNKNOWN_ID
        found = {word: int(count) for word, count, is_so in zip(distinct, counts_N, unknown, strict=True) if is_so}
        return UnknownTokens(int(counts_N.sum()), sum(found.values()), Counter(found))

    def batch(self, rows: Ints) -> Batch:
        """Return the sequences at these indices as a padded batch of `WordInputs` or `x_BTI`, with `TagTargets`."""
        lengths = self.lengths[rows]
        T = int(lengths.max(initial=0))
        tags_BT = np.full((len(rows), T), IGNORE_INDEX, dtype=np.int64)
        for place, row in enumerate(rows):
            if self.tags is not None:
                tags_BT[place, : lengths[place]] = self.tags[row]
        intents = np.full(len(rows), IGNORE_INDEX, dtype=np.int64) if self.intents is None else self.intents[rows]
        inputs = self._frames(rows, T) if self.data.frames is not None else self._sentences(rows, T)
        targets = TagTargets(torch.from_numpy(tags_BT), torch.from_numpy(intents))
        return Batch(inputs, targets, torch.from_numpy(lengths))  # type: ignore[arg-type]

    def _frames(self, rows: Ints, T: int) -> Tensor:
        frames = self.data.frames or []
        x_BTI = np.zeros((len(rows), T, self.data.features), dtype=np.float32)
        for place, row in enumerate(rows):
            x_BTI[place, : self.lengths[row]] = frames[row]
        return torch.from_numpy(x_BTI)

    def _sentences(self, rows: Ints, T: int) -> WordInputs:
        words = [self._words[row] for row in rows]
        distinct, places = np.unique(np.concatenate(words), return_inverse=True)
        distinct_BT = np.zeros((len(rows), T), dtype=np.int64)
        inside_BT = np.arange(T) < self.lengths[rows][:, None]
        distinct_BT[inside_BT] = places
        characters = [self._characters[word] for word in distinct]
        lengths_N = np.array([len(each) for each in characters], dtype=np.int64)
        characters_NT = np.zeros((len(characters), int(lengths_N.max(initial=1))), dtype=np.int64)
        characters_NT[np.arange(characters_NT.shape[1]) < lengths_N[:, None]] = np.concatenate(characters)
        words_BT = np.where(inside_BT, self._numbers[distinct][distinct_BT], 0)
        return WordInputs(*(torch.from_numpy(each) for each in (words_BT, distinct_BT, characters_NT, lengths_N)))
