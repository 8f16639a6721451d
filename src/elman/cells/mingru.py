"""minGRU (Feng et al. 2024): a gated unit whose gates see the input alone, so that time can be run in parallel."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.cells.cell import LinearCell

__all__ = ["MinGRU"]


class MinGRU(LinearCell):
    """minGRU (Feng et al. 2024, "Were RNNs all we needed?"), in its plain form with a linear candidate.

    The state is a running mean with a gate, so training runs as a parallel scan and streaming as a loop. Blocks in the
    order z, n. Arguments as in `Cell`.
    """

    name: ClassVar[str] = "mingru"
    summary: ClassVar[str] = "gates from the input alone; trains as a parallel scan"
    equations: ClassVar[str] = "z = sigmoid(W_z x + b_z)     n = W_n x + b_n\nh' = (1 - z) * h + z * n"
    paper: ClassVar[str] = "Feng et al. 2024, Were RNNs all we needed?"

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("z", "n"), **options)
        self.reset_parameters()

    def coefficients(self, p_BTG: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """a = 1 - z and b = z * n."""
        p_z, n = p_BTG.chunk(2, dim=-1)
        z = torch.sigmoid(p_z)
        return 1.0 - z, z * n, {"z": z, "n": n}
