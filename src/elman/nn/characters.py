"""CharacterEncoder: word vectors from characters, by a bidirectional recurrent layer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from elman.former import former_attributes, former_keywords
from elman.nn.embed import Embedding
from elman.nn.pool import Pool
from elman.nn.stack import Stack

__all__ = ["CharacterEncoder"]

__getattr__ = former_attributes(__name__, {"CharacterWords": "CharacterEncoder"})


class CharacterEncoder(nn.Module):
    """Word encoder: the last outputs of both directions of a recurrent layer over the characters of a word.

    The word representation of Ling et al. (2015) and Plank, Søgaard & Goldberg (2016).

    Args:
        characters: the number of different characters.
        embedding: E, the size of a character's embedding.
        hidden_size: H, the number of hidden units of each direction.
        cell, cell_options: as for `Stack`.

    Raises ConfigError for an unknown cell or option.
    """

    @former_keywords({"letters": "characters", "hidden": "hidden_size"})
    def __init__(
        self, characters: int, *, embedding: int, hidden_size: int, cell: str = "lstm", **cell_options: Any
    ) -> None:
        super().__init__()
        self.embed = Embedding(characters, embedding)
        self.stack = Stack(cell, embedding, hidden_size, bidirectional=True, **cell_options)
        self.pool = Pool("last", self.stack.output_size, directions=2)
        self.output_size = self.pool.output_size

    def forward(self, characters_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """Map the character ids of B words, int64, to vectors `B x output_size`; an empty word gives zeros."""
        y_BTY, _ = self.stack(self.embed.lookup(characters_BT), lengths_B)
        pooled_BY: Tensor = self.pool(y_BTY, lengths_B)
        return pooled_BY
