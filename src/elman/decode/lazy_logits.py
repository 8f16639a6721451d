"""Lazy logits: decoder outputs with the output projection that gives their logits.

Most searches need only few of the logits of a large vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from elman.kernels.output_product import PackedOutput, TopTokens

__all__ = ["LazyLogits"]


class LazyLogits:
    """Logits of V tokens after each of B x K hypotheses, not materialised.

    Args:
        r_BKY: the decoder outputs.
        packed: the packed output projection, for the best tokens.
        write: the output projection for all tokens: r_BKY -> logits_BKV.
    """

    def __init__(self, r_BKY: Tensor, packed: PackedOutput, write: Callable[[Tensor], Tensor]) -> None:
        self._r_BKY = r_BKY
        self._packed = packed
        self._write = write

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (B, K, V) of the logits."""
        return (*self._r_BKY.shape[:2], self._packed.vocabulary)

    def written(self) -> Tensor:
        """Compute all logits, `logits_BKV`."""
        return self._write(self._r_BKY)

    def best(self, count: int, wanted: int) -> TopTokens:
        """Return the `count` best tokens after each of the B * K hypotheses, and the logit of the token `wanted`."""
        return self._packed.best(self._r_BKY.flatten(0, 1), count, wanted)
