"""minGRU (Feng et al. 2024): a gated unit whose gates see the input alone, so that time can be run in parallel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.cells.cell import LinearCell
from elman.cells.initialisers import start_remembering

__all__ = ["MinGRU"]


class MinGRU(LinearCell):
    """minGRU (Feng et al. 2024, "Were RNNs all we needed?"), in its plain form with a linear candidate.

    The state is a running mean with a gate, so training runs as a parallel scan and streaming as a loop. Blocks in the
    order z, n.

    Args:
        memory: steps over which the units remember at the start (Tallec & Ollivier 2018); 0 for biases of zero.
        Others as in `Cell`.
    """

    name: ClassVar[str] = "mingru"
    summary: ClassVar[str] = "gates from the input alone; trains as a parallel scan"
    equations: ClassVar[str] = "z = sigmoid(W_z x + b_z)     n = W_n x + b_n\nh' = (1 - z) * h + z * n"
    paper: ClassVar[str] = "Feng et al. 2024, Were RNNs all we needed?"
    compiled_variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"mingru": {}}

    def __init__(self, input_size: int, hidden_size: int, *, memory: int = 0, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("z", "n"), **options)
        self.memory = memory
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As any cell's; with `memory`, the bias of z is such that the units start by remembering."""
        super().reset_parameters()
        start_remembering(self.bias_ih, self.gate_names, {"z": -1.0}, self.memory)

    def coefficients(self, p_BTG: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """a = 1 - z and b = z * n."""
        p_z, n = p_BTG.chunk(2, dim=-1)
        z = torch.sigmoid(p_z)
        return 1.0 - z, z * n, {"z": z, "n": n}
