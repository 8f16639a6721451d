"""InputConvolution: a convolution over the time steps of series, of which recurrent layers read every n-th output."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["InputConvolution"]


class InputConvolution(nn.Module):
    """Convolution of `kernel` steps with `stride`, and a rectifier. A series of T steps gives ceil(T / stride) outputs.

    Output s covers the steps from s * stride to (s + 1) * stride - 1. The rest of its window lies evenly before and
    after these steps, or before them only if it is `causal`. Steps outside a series count as zeros.

    Args:
        input_size: I, the number of channels.
        output_size: F, the number of output features.
        kernel: time steps of a window.
        stride: time steps between two windows.
        causal: whether an output depends on no later step than those that it covers.
    """

    def __init__(self, input_size: int, output_size: int, kernel: int, *, stride: int = 1, causal: bool) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.before = kernel - stride if causal else (kernel - stride) // 2
        self.output_size = output_size
        self.convolution = nn.Conv1d(input_size, output_size, kernel, stride=stride)

    def forward(self, x_BTI: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs `y_BSF` and their number for each row."""
        T = x_BTI.shape[1]
        if lengths_B is not None:
            real_BT = torch.arange(T, device=x_BTI.device) < lengths_B.to(x_BTI.device)[:, None]
            x_BTI = torch.where(real_BT[..., None], x_BTI, x_BTI.new_zeros(()))
            lengths_B = (lengths_B + self.stride - 1) // self.stride
        outputs = -(-T // self.stride)
        after = (outputs - 1) * self.stride + self.kernel - self.before - T
        y_BFS = self.convolution(F.pad(x_BTI.transpose(1, 2), (self.before, after)))
        return y_BFS.relu().transpose(1, 2).contiguous(), lengths_B
