"""Blocks of an encoded text: a resumable stream for training, and the pieces of a held-out text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.epochs import EpochStream
from elman.data.token_file import TokenFile
from elman.data.word_text.vocabulary import BOUNDARY, EmbeddingVocabulary

__all__ = ["HeldOutWords", "TextBlock", "TextBlocks", "automatic_batch_size"]

Words = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

# Tokens of a step: at most, at least, and as a share of the text.
_MOST, _LEAST, _SHARE = 8192, 256, 1.0 / 64.0
# Tokens of a piece of a held-out text: at most, at least, and the pieces that a text is cut into if they fit.
_LONGEST, _SHORTEST, _PIECES = 1000, 20, 200


class TextBlock(NamedTuple):
    """The words of a step, the starts of its pieces with the end of the last, and its number."""

    words_T: Words
    starts: Ints
    number: int


def automatic_batch_size(tokens: int) -> int:
    """Return the number of tokens of a step for a text of so many tokens."""
    return int(min(_MOST, max(_LEAST, tokens * _SHARE)))


class TextBlocks(EpochStream[tuple[int, int]]):
    """Endless stream of the blocks of a text, in its order, each cut into pieces of the same length.

    Args:
        tokens: the text.
        vocabulary: the words that are kept of it.
        batch_size: tokens of a block.
        pieces: pieces of a block.
    """

    def __init__(self, tokens: TokenFile, vocabulary: EmbeddingVocabulary, *, batch_size: int, pieces: int) -> None:
        self.tokens = tokens
        self.vocabulary = vocabulary
        self.batch_size = batch_size
        self.pieces = pieces
        self.begin()

    def draw(self, epoch: int) -> list[tuple[int, int]]:
        """Return where the blocks begin and end, the same in every epoch."""
        del epoch
        starts = range(0, len(self.tokens), self.batch_size)
        return [(start, min(start + self.batch_size, len(self.tokens))) for start in starts]

    def sizes(self) -> dict[str, int]:
        """Return the size of the text, and those of blocks and pieces."""
        return {"tokens": len(self.tokens), "batch_size": self.batch_size, "pieces": self.pieces}

    @property
    def epoch(self) -> float:
        """Passes over the text so far, with the fraction of the current one."""
        return self._epoch + self._place * self.batch_size / len(self.tokens)

    def next_batch(self) -> TextBlock:
        """Return the next block."""
        number = self._epoch * len(self._drawn) + self._place
        start, stop = self.take_next()
        return self._block(start, stop, number)

    def has_pairs(self) -> bool:
        """Whether a piece of a block has two words of a document next to each other."""
        return any(_has_pairs(self._block(*places, 0)) for places in self._drawn)

    def _block(self, start: int, stop: int, number: int) -> TextBlock:
        words_T = self.vocabulary.numbers(self.tokens.read(start, stop))
        return TextBlock(words_T, np.arange(self.pieces + 1) * len(words_T) // self.pieces, number)


def _has_pairs(block: TextBlock) -> bool:
    known_T = block.words_T != BOUNDARY
    beside_T = known_T[1:] & known_T[:-1]
    borders = block.starts[(block.starts > 0) & (block.starts < len(known_T))]
    beside_T[borders - 1] = False
    return bool(beside_T.any())


class HeldOutWords:
    """The words of a held-out text in pieces, of which the first ones are measured.

    Args:
        tokens: the text.
        vocabulary: the words that are kept of it.
        limit: tokens that are used at most; None for all.
    """

    def __init__(self, tokens: TokenFile, vocabulary: EmbeddingVocabulary, limit: int | None = None) -> None:
        self.limit = len(tokens) if limit is None else min(limit, len(tokens))
        self.words_T = vocabulary.numbers(tokens.read(0, self.limit))
        piece = min(_LONGEST, max(_SHORTEST, len(self.words_T) // _PIECES))
        self._starts = np.r_[np.arange(0, len(self.words_T), piece), len(self.words_T)].astype(np.int64)

    def starts(self, limit: int = 0) -> Ints:
        """Return the starts of the pieces of the first `limit` tokens (0: all) with the end of the last."""
        share = min(1.0, limit / self.limit) if limit else 1.0
        return self._starts[: max(2, 1 + int(share * (len(self._starts) - 1)))]
