"""Scores that are not written down: the network's answers, and the output product that would make scores of them.

Most searches want few of the scores of a large vocabulary. Knows nothing about networks or searches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from elman.kernels.output_product import Best, PackedOutput

__all__ = ["Unwritten"]


class Unwritten:
    """Scores of V tokens after each of B x K hypotheses.

    Args:
        r_BKR: the answers.
        packed: the output product, for the best tokens.
        write: the same product, for all of them: r_BKR -> logits_BKV.
    """

    def __init__(self, r_BKR: Tensor, packed: PackedOutput, write: Callable[[Tensor], Tensor]) -> None:
        self._r_BKR = r_BKR
        self._packed = packed
        self._write = write

    @property
    def shape(self) -> tuple[int, int, int]:
        """B, K and V."""
        return (*self._r_BKR.shape[:2], self._packed.vocabulary)

    def written(self) -> Tensor:
        """All scores, `logits_BKV`."""
        return self._write(self._r_BKR)

    def best(self, count: int, wanted: int) -> Best:
        """The `count` best tokens after each of the B * K hypotheses, and the score of `wanted`."""
        return self._packed.best(self._r_BKR.flatten(0, 1), count, wanted)
