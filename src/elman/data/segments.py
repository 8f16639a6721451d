"""Segments of a text in which every word has words on both sides: for training, and for one pass in evaluation.

A segment has words to predict, and context around them that is only read. It does not cross the border of a document;
the end token at either side of a document is read, and never predicted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch

from elman.data.batches import ShuffledBatches, in_order
from elman.data.token_file import TokenFile
from elman.errors import ConfigError
from elman.state import IGNORE_INDEX, Batch

__all__ = ["SegmentBatches", "Segments", "TokenSegments", "document_ranges"]

Ints = npt.NDArray[np.int64]


class Segments(NamedTuple):
    """Segments as ranges of tokens: `firsts_N` to `ends_N` are read, of which `starts_N` to `stops_N` are predicted.

    The end of a range is the token after its last one.
    """

    firsts_N: Ints
    starts_N: Ints
    stops_N: Ints
    ends_N: Ints

    @classmethod
    def cut(cls, ranges_N2: Ints, tokens: int, length: int, *, first: int = 0, context: int = 0) -> Self:
        """Cut documents into segments of up to `length` words to predict, with up to `context` words on either side.

        ranges_N2  the range of the words of each document, without end tokens
        tokens     number of tokens of the text
        first      words of the first segment of a document that is longer than `length`; 0 for `length`
        """
        begins_N, ends_N = ranges_N2.T
        leads_N = np.where(ends_N - begins_N > length, first or length, length)
        counts_N = 1 + np.maximum(0, -(-(ends_N - begins_N - leads_N) // length))
        owners = np.repeat(np.arange(len(counts_N)), counts_N)
        numbers = np.arange(len(owners)) - np.repeat(np.cumsum(counts_N) - counts_N, counts_N)
        begins, ends, leads = begins_N[owners], ends_N[owners], leads_N[owners]
        starts = np.where(numbers > 0, begins + leads + (numbers - 1) * length, begins)
        stops = np.minimum(begins + leads + numbers * length, ends)
        # A word at the border of its document has the end token next to it, if there is one.
        outer_begins, outer_ends = np.maximum(begins - 1, 0), np.minimum(ends + 1, tokens)
        firsts = np.where(starts - context <= begins, outer_begins, starts - context)
        lasts = np.where(stops + context >= ends, outer_ends, stops + context)
        return cls(firsts, starts, stops, lasts)

    @property
    def lengths(self) -> Ints:
        """Number of tokens that are read."""
        return self.ends_N - self.firsts_N

    @property
    def words(self) -> int:
        """Number of words to predict."""
        return int((self.stops_N - self.starts_N).sum())


def document_ranges(tokens: TokenFile, end_id: int) -> Ints:
    """Return the range of the words of each document, `N x 2`; documents without words are left out."""
    total = len(tokens)
    found, start = [np.zeros(0, np.int64)], 0
    for ids in tokens.blocks():
        found.append(start + np.flatnonzero(ids == end_id))
        start += len(ids)
    ends = np.concatenate(found)
    ranges_N2 = np.stack([np.concatenate([[0], ends + 1]), np.concatenate([ends, [total]])], axis=1)
    return ranges_N2[ranges_N2[:, 1] > ranges_N2[:, 0]]


def _batch(tokens: TokenFile, segments: Segments, rows: Ints) -> Batch:
    """Return the batch of some segments: the targets are the words themselves, and `IGNORE_INDEX` in their context."""
    firsts, starts, stops, ends = (each[rows] for each in segments)
    lengths = ends - firsts
    width = int(lengths.max())
    inputs_BT = tokens.read_rows(firsts.tolist(), lengths.tolist(), width)
    places_BT = firsts[:, None] + np.arange(width)
    asked_BT = (places_BT >= starts[:, None]) & (places_BT < stops[:, None])
    targets_BT = np.where(asked_BT, inputs_BT, IGNORE_INDEX)
    whole = bool((lengths == width).all())
    lengths_B = None if whole else torch.from_numpy(lengths)
    return Batch(torch.from_numpy(inputs_BT), torch.from_numpy(targets_BT), lengths_B)


class TokenSegments:
    """The segments of a whole text, each read with `context` words on either side, for one pass in evaluation.

    Args:
        tokens: the text.
        end_id: the end token.
        length: words to predict in a segment.
        context: words on either side that are only read.
        limit: number of words to predict, the first ones; None for all.
    """

    def __init__(self, tokens: TokenFile, *, end_id: int, length: int, context: int, limit: int | None = None) -> None:
        self.tokens = tokens
        self.length = length
        self.context = context
        self.ranges_N2 = document_ranges(tokens, end_id)
        self.words = int((self.ranges_N2[:, 1] - self.ranges_N2[:, 0]).sum())
        self.limit = self.words if limit is None else min(limit, self.words)

    def segments(self, limit: int = 0) -> Segments:
        """Return the segments of the first `limit` words; 0 for all."""
        most = min(limit, self.limit) if limit else self.limit
        cut = Segments.cut(self.ranges_N2, len(self.tokens), self.length, context=self.context)
        before_N = np.cumsum(cut.stops_N - cut.starts_N) - (cut.stops_N - cut.starts_N)
        kept = before_N < most
        firsts, starts, stops, ends = (each[kept] for each in cut)
        return Segments(firsts, starts, np.minimum(stops, starts + most - before_N[kept]), ends)

    def batches(self, limit: int = 0, *, rows: int, steps: int) -> Iterator[tuple[Ints, Batch]]:
        """Yield the places of the targets of each batch, in the order of its rows, and the batch.

        rows, steps  the most segments of a batch, and its most time steps with padding
        """
        segments = self.segments(limit)
        for chosen, batch in in_order(
            segments.lengths,
            lambda some: _batch(self.tokens, segments, some),
            batch_size=rows,
            steps=steps,
        ):
            ranges = zip(segments.starts_N[chosen], segments.stops_N[chosen], strict=True)
            yield np.concatenate([np.arange(start, stop) for start, stop in ranges]), batch


class SegmentBatches(ShuffledBatches):
    """Endless stream of segments in a new random order in each epoch, in which long documents are cut at new places.

    Args:
        tokens: the text.
        end_id: the end token.
        length: words of a segment; a document that is not longer is a segment.
        batch_size: segments of a batch, of similar length.
        seed: seed of the random orders and places.

    Raises ConfigError for a length or a batch size below 1, DataError for a text without words.
    """

    def __init__(self, tokens: TokenFile, *, end_id: int, length: int, batch_size: int, seed: int) -> None:
        if length < 1:
            raise ConfigError(f"expected segments of at least 1 word. Received: {length}")
        self.tokens = tokens
        self.length = length
        self.seed = seed
        self._ranges_N2 = document_ranges(tokens, end_id)
        self._segments = self._cut(0)
        super().__init__(self._segments.lengths, self._make, batch_size=batch_size, seed=seed)

    def _cut(self, epoch: int) -> Segments:
        first = 1 + int(np.random.default_rng([self.seed, epoch, 1]).integers(self.length))
        return Segments.cut(self._ranges_N2, len(self.tokens), self.length, first=first)

    def _make(self, rows: Ints) -> Batch:
        return _batch(self.tokens, self._segments, rows)

    def sizes(self) -> dict[str, int]:
        return {"tokens": len(self.tokens), "length": self.length, "batch_size": self.batch_size}

    def draw(self, epoch: int) -> list[Ints]:
        """Return the segments of each batch of an epoch."""
        self._drawn_segments = self._cut(epoch)
        self.lengths = self._drawn_segments.lengths
        return super().draw(epoch)

    def next_batch(self) -> Batch:
        """Return the next batch."""
        self._segments = self._drawn_segments
        return super().next_batch()
