"""minGRU (Feng et al. 2024): a gated unit whose gates depend on the input alone, so that time steps run in parallel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.cells.cell import LinearCell
from elman.cells.initialisers import chrono_init_
from elman.former import former_keywords

__all__ = ["MinGRU"]


class MinGRU(LinearCell):
    """minGRU (Feng et al. 2024, "Were RNNs all we needed?"), with a linear candidate.

    The state is a gated running mean of the candidates. Training runs as a parallel scan, streaming as a loop. The
    gates' blocks are in the order z, n.

    Args:
        chrono_init: longest time scale in steps of the initial gate biases (Tallec & Ollivier 2018); 0 for zero biases.
        Others as in `Cell`.

    Raises ConfigError for a `chrono_init` of 1 or below 0, for `chrono_init` without `bias`, and as `Cell`.
    """

    name: ClassVar[str] = "mingru"
    summary: ClassVar[str] = "gates from the input alone; trains as a parallel scan"
    equations: ClassVar[str] = "z = sigmoid(W_z x + b_z)     n = W_n x + b_n\nh' = (1 - z) * h + z * n"
    paper: ClassVar[str] = "Feng et al. 2024, Were RNNs all we needed?"
    compiled_variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"mingru": {}}
    former_options: ClassVar[Mapping[str, str]] = {"memory": "chrono_init"}

    @former_keywords({"memory": "chrono_init"})
    def __init__(self, input_size: int, hidden_size: int, *, chrono_init: int = 0, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("z", "n"), **options)
        self.chrono_init = chrono_init
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the parameters as `Cell` does; `chrono_init` selects chrono initialisation of the bias of z."""
        super().reset_parameters()
        chrono_init_(self.bias_ih, self.gate_names, {"z": -1.0}, self.chrono_init)

    def coefficients(self, p_BTG: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return a = 1 - z, b = z * n, and the gates."""
        p_z, n = p_BTG.chunk(2, dim=-1)
        z = torch.sigmoid(p_z)
        return 1.0 - z, z * n, {"z": z, "n": n}
