"""Pool: pooling of the outputs of all time steps to one vector per row."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.options import suggestion

__all__ = ["POOLS", "Pool", "pool_parts"]

POOLS = ("last", "mean", "max", "attention")


def pool_parts(how: str) -> tuple[str, ...]:
    """Split a name such as "mean-max" into the names of its poolings. Raises ConfigError for an unknown name."""
    parts = tuple(how.split("-"))
    for part in parts:
        if part not in POOLS or parts.count(part) > 1:
            raise ConfigError(
                f"expected pool to be one of {', '.join(POOLS)}, or several of them joined by - (mean-max). "
                f"Received: {how!r}.{suggestion(part, POOLS)}"
            )
    return parts


class Pool(nn.Module):
    """Pooling over time of rows with different lengths; padding is ignored.

    last       the output of the last real step; for a backward direction that of the first step, where it ends
    mean, max  over the real steps, for each feature
    attention  the mean weighted by softmax(v . tanh(W y_t + b)) over the real steps (Bahdanau et al. 2015, with a
               learnt vector v in place of the decoder's state)

    A name such as "mean-max" concatenates several poolings. An empty row gives zeros.

    Args:
        how: the name of the pooling.
        size: Y, the number of output features.
        directions: 2 when the second half of the features belongs to a backward direction.

    Raises ConfigError for an unknown name.
    """

    def __init__(self, how: str, size: int, *, directions: int = 1) -> None:
        super().__init__()
        self.parts = pool_parts(how)
        self.size = size
        self.directions = directions
        self.output_size = size * len(self.parts)
        if "attention" in self.parts:
            self.keys = nn.Linear(size, size)
            self.query = nn.Linear(size, 1, bias=False)

    def forward(self, y_BTY: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return one vector per row, `B x output_size`; without `lengths_B` all T steps are real."""
        B, T = y_BTY.shape[:2]
        if lengths_B is None:
            lengths_B = torch.full((B,), T, device=y_BTY.device)
        lengths_B = lengths_B.to(y_BTY.device)
        if T == 0:
            return y_BTY.new_zeros(B, self.output_size)
        real_BT1 = (torch.arange(T, device=y_BTY.device) < lengths_B[:, None])[..., None]
        y_BTY = torch.where(real_BT1, y_BTY, y_BTY.new_zeros(()))
        pooled = {"last": self._last, "mean": self._mean, "max": self._max, "attention": self._attention}
        return torch.cat([pooled[part](y_BTY, real_BT1, lengths_B) for part in self.parts], dim=-1)

    def weights(self, y_BTY: Tensor, real_BT1: Tensor) -> Tensor:
        """Return the attention weights `weights_BT1`, which sum to 1 over a row's real steps and are zero elsewhere."""
        scores_BT1 = self.query(torch.tanh(self.keys(y_BTY)))
        if scores_BT1.dtype != torch.float64:
            scores_BT1 = scores_BT1.float()
        # The lowest finite number, since minus infinity makes an empty row NaN.
        scores_BT1 = scores_BT1.masked_fill(~real_BT1, torch.finfo(scores_BT1.dtype).min)
        return torch.softmax(scores_BT1, dim=1) * real_BT1

    def _last(self, y_BTY: Tensor, real_BT1: Tensor, lengths_B: Tensor) -> Tensor:
        del real_BT1
        steps_B11 = (lengths_B - 1).clamp(min=0)[:, None, None]
        last_BY = y_BTY.gather(1, steps_B11.expand(-1, 1, y_BTY.shape[2]))[:, 0]
        if self.directions == 1:
            return last_BY
        half = self.size // 2
        return torch.cat([last_BY[:, :half], y_BTY[:, 0, half:]], dim=-1)

    def _mean(self, y_BTY: Tensor, real_BT1: Tensor, lengths_B: Tensor) -> Tensor:
        del real_BT1
        return y_BTY.sum(dim=1) / lengths_B.clamp(min=1)[:, None].to(y_BTY.dtype)

    def _max(self, y_BTY: Tensor, real_BT1: Tensor, lengths_B: Tensor) -> Tensor:
        lowest = torch.finfo(y_BTY.dtype).min
        most_BY = y_BTY.masked_fill(~real_BT1, lowest).amax(dim=1)
        return torch.where((lengths_B > 0)[:, None], most_BY, most_BY.new_zeros(()))

    def _attention(self, y_BTY: Tensor, real_BT1: Tensor, lengths_B: Tensor) -> Tensor:
        del lengths_B
        return (self.weights(y_BTY, real_BT1).to(y_BTY.dtype) * y_BTY).sum(dim=1)
