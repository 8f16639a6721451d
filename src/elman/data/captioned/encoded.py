"""Captioned items encoded as tokens, and batches of them as tensors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data.batches import Ints, spread_within
from elman.data.captioned import CaptionDataset
from elman.data.captioned.vocabulary import CaptionerVocabulary
from elman.data.vocabulary import END_ID
from elman.errors import DataError
from elman.state import IGNORE_INDEX, Batch

__all__ = ["CaptionInputs", "EncodedCaptions"]


class CaptionInputs(NamedTuple):
    """Inputs of a batch: `items`, B x the shape of an item, and `tokens_BT`, which begin with the token `bos_id`."""

    items: Tensor
    tokens_BT: Tensor


class EncodedCaptions:
    """Items with their captions as token ids; each row is one caption.

    With `longest` above 0, captions of more tokens are left out and counted in `longer`. `owners` has the index of
    each caption's item. Raises DataError if the items do not match the vocabulary, or if no caption is left.
    """

    def __init__(self, data: CaptionDataset, vocabulary: CaptionerVocabulary, longest: int = 0) -> None:
        self.data = vocabulary.item.check(data)
        self.vocabulary = vocabulary
        self._items = torch.from_numpy(self.data.items)
        texts = [text for row in data.captions or () for text in row]
        owners = np.repeat(np.arange(len(data)), [len(row) for row in data.captions or [[]] * len(data)])
        encoded = vocabulary.text.encode_many(texts)
        kept = [row for row, ids in enumerate(encoded) if not longest or len(ids) <= longest]
        self.longer = len(encoded) - len(kept)
        if texts and not kept:
            raise DataError(
                f"{data.name}: expected captions of at most {longest} tokens (max_length). Received: only longer ones"
            )
        self.owners: Ints = owners[kept].astype(np.int64)
        self.tokens = [encoded[row] for row in kept]
        # The end of each caption is predicted too.
        self.lengths: Ints = np.array([len(ids) + 1 for ids in self.tokens], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.tokens)

    def some(self, limit: int) -> Ints:
        """Return evenly spaced item indices whose captions have about `limit` tokens in total; 0 for all items."""
        return spread_within(len(self.data), int(self.lengths.sum()), limit)

    def items(self, rows: Ints) -> Tensor:
        """Return the items at these indices."""
        return self._items[torch.from_numpy(rows)]

    def batch(self, rows: Ints) -> Batch:
        """Return the captions at these indices as a padded batch of `CaptionInputs`; targets end with the end token."""
        lengths = self.lengths[rows]
        T = int(lengths.max(initial=1))
        inputs_BT = np.full((len(rows), T), self.vocabulary.bos_id, dtype=np.int64)
        targets_BT = np.full((len(rows), T), IGNORE_INDEX, dtype=np.int64)
        for place, row in enumerate(rows.tolist()):
            ids = self.tokens[row]
            inputs_BT[place, 1 : len(ids) + 1] = ids
            targets_BT[place, : len(ids)] = ids
            targets_BT[place, len(ids)] = END_ID
        inputs = CaptionInputs(self.items(self.owners[rows]), torch.from_numpy(inputs_BT))
        return Batch(inputs, torch.from_numpy(targets_BT), torch.from_numpy(lengths))
