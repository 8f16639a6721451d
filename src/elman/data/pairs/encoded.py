"""Pairs encoded as token ids, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.batches import Ints, spread
from elman.data.pairs.config import PairsConfig
from elman.data.pairs.pairs import Pairs
from elman.data.pairs.vocabulary import PairVocabulary
from elman.errors import DataError
from elman.state import IGNORE_INDEX, Batch

__all__ = ["EncodedPairs", "PairInputs", "TokenSequences", "encode_pairs"]


class PairInputs(NamedTuple):
    """Inputs of the network for B pairs; S and T are the time steps of sources and targets.

    sources_BS        int64 token ids, followed by the end token; padded with 0
    source_lengths_B  int64, number of tokens of each source, including the end token
    targets_in_BT     int64, input of the decoder: the start token, then the target without its end token; padded with 0
    """

    sources_BS: Tensor
    source_lengths_B: Tensor
    targets_in_BT: Tensor


class TokenSequences:
    """Sequences of token ids, each followed by the end token, stored in one array.

    Args:
        parts: the token ids of each sequence.
        end: id of the end token, which is appended to each.

    Attributes:
        ids: the token ids of all sequences.
    """

    def __init__(self, parts: Sequence[Ints], end: int) -> None:
        self.lengths: Ints = np.fromiter((len(part) + 1 for part in parts), dtype=np.int64, count=len(parts))
        self._starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(self.lengths)])
        self.ids = np.full(int(self._starts[-1]), end, dtype=np.int32)
        if parts:
            inside = np.ones(len(self.ids), dtype=bool)
            inside[self._starts[1:] - 1] = False
            self.ids[inside] = np.concatenate(parts)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> npt.NDArray[np.int32]:
        """Return the token ids of one sequence."""
        return self.ids[self._starts[row] : self._starts[row + 1]]

    def padded(self, rows: Ints, fill: int) -> Ints:
        """Return the sequences at these indices as one array, padded with `fill`."""
        lengths = self.lengths[rows]
        places = np.arange(lengths.max(initial=0))
        inside = places < lengths[:, None]
        indices = np.where(inside, self._starts[rows][:, None] + places, 0)
        return np.where(inside, self.ids[indices], np.int64(fill))


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as token ids.

    sources         the sources, with end tokens
    targets         the targets, with end tokens; None if there are none
    rows            indices of the encoded pairs in `pairs`; the others were too long
    bos_id          id of the first input of the decoder
    pairs           all pairs as text, including those that were too long
    dropped_source  number of pairs left out because their source was too long
    dropped_target  number of other pairs left out because their target was too long
    limits          maximum number of tokens of a source and of a target; 0 for no limit
    """

    sources: TokenSequences
    targets: TokenSequences | None
    rows: Ints
    bos_id: int
    pairs: Pairs
    dropped_source: int = 0
    dropped_target: int = 0
    limits: tuple[int, int] = (0, 0)

    def ids_of(self, side: str) -> list[npt.NDArray[np.int32]]:
        """Return the token ids of all "sources" or "targets", also of those that are too long."""
        rows: TokenSequences | None = getattr(self, side)
        return [] if rows is None else [rows.ids]

    @classmethod
    def encode(
        cls,
        pairs: Pairs,
        vocabulary: PairVocabulary,
        *,
        max_source: int = 0,
        max_target: int = 0,
        reverse_source: bool = False,
    ) -> EncodedPairs:
        """Encode pairs with a vocabulary.

        Args:
            pairs: the sentences; without targets, only `source_batch` can be used.
            vocabulary: the vocabulary of both sides.
            max_source, max_target: pairs with more tokens, not counting the end token, are left out; 0 for no limit.
            reverse_source: whether to reverse the tokens of each source; its end token stays at the end.

        Raises DataError if every pair is too long.
        """
        sources = vocabulary.encode_sources(pairs.sources)
        targets = None if pairs.targets is None else vocabulary.encode_targets(pairs.targets)
        long_source = _longer(sources, max_source)
        long_target = _longer(targets or [], max_target) if targets else np.zeros_like(long_source)
        rows = np.flatnonzero(~(long_source | long_target))
        if len(pairs) and not len(rows):
            raise DataError(
                f"{pairs.name}: expected a pair of at most {max_source or 'any number of'} source tokens and "
                f"{max_target or 'any number of'} target tokens. Received: {len(pairs)} pairs, all longer"
            )
        step = -1 if reverse_source else 1
        return cls(
            TokenSequences([sources[row][::step] for row in rows], vocabulary.source.end_id),
            None if targets is None else TokenSequences([targets[row] for row in rows], vocabulary.target.end_id),
            rows,
            vocabulary.bos_id,
            pairs,
            int(long_source.sum()),
            int((long_target & ~long_source).sum()),
            (max_source, max_target),
        )

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def lengths(self) -> Ints:
        """Number of tokens of each source and target, `N x 2`, including end tokens; without targets, `N`."""
        if self.targets is None:
            return self.sources.lengths
        return np.stack([self.sources.lengths, self.targets.lengths], axis=1)

    def spread(self, limit: int = 0) -> Ints:
        """Return evenly spaced indices of pairs with about `limit` target tokens in total; 0 for all pairs."""
        tokens = int(self.lengths[:, 1].sum())
        return spread(len(self), max(1, len(self) * limit // tokens) if 0 < limit < tokens else len(self))

    def batch(self, rows: Ints) -> Batch:
        """Return the pairs at these indices as a batch.

        The inputs are `PairInputs`. The targets include the end token and are padded with IGNORE_INDEX; `lengths_B` are
        their lengths. Raises DataError if there are no targets.
        """
        if self.targets is None:
            raise DataError(f"{self.pairs.name}: expected sources with targets. Received: sources only")
        targets_BT = self.targets.padded(rows, IGNORE_INDEX)
        lengths_B = self.targets.lengths[rows]
        fed_BT = np.zeros_like(targets_BT)
        fed_BT[:, 1:] = targets_BT[:, :-1]
        # The end token of a shorter target, and the padding after it, are not decoder inputs.
        fed_BT[np.arange(fed_BT.shape[1]) >= lengths_B[:, None]] = 0
        fed_BT[:, :1] = self.bos_id
        sources_BS, source_lengths_B = self.source_batch(rows)
        inputs = PairInputs(sources_BS, source_lengths_B, torch.from_numpy(fed_BT))
        return Batch(inputs, torch.from_numpy(targets_BT), torch.from_numpy(lengths_B))

    def source_batch(self, rows: Ints) -> tuple[Tensor, Tensor]:
        """Return the sources at these indices: `sources_BS`, padded with 0, and `source_lengths_B`."""
        return torch.from_numpy(self.sources.padded(rows, 0)), torch.from_numpy(self.sources.lengths[rows])

    def remarks(self) -> list[str]:
        """Return remarks about pairs that were left out."""
        total = len(self) + self.dropped_source + self.dropped_target
        return [
            f"{self.pairs.name}: {count:,} of {total:,} ({count / total:.1%}) pairs were left out, as their {side} has "
            f"more than {limit} tokens: a larger max_{side} keeps them"
            for side, count, limit in zip(
                ("source", "target"), (self.dropped_source, self.dropped_target), self.limits, strict=True
            )
            if count
        ]


def encode_pairs(
    pairs: Pairs, vocabulary: PairVocabulary, config: PairsConfig, *, in_training: bool = False
) -> EncodedPairs:
    """Encode pairs as `config` says; pairs that are too long are left out only if `in_training`."""
    return EncodedPairs.encode(
        pairs,
        vocabulary,
        max_source=config.max_source * in_training,
        max_target=config.max_target * in_training,
        reverse_source=config.reverse_source,
    )


def _longer(parts: Sequence[Ints], most: int) -> npt.NDArray[np.bool_]:
    """Return a mask of the sequences with more than `most` tokens; 0 for no limit."""
    return np.array([0 < most < len(part) for part in parts], dtype=bool)
