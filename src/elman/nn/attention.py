"""Attention: which of S remembered vectors a query asks for, and their mean by those weights.

Knows nothing about cells, time or tokens.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from elman.errors import ConfigError, ShapeError

__all__ = ["SCORES", "Attended", "Attention"]

SCORES = ("dot", "general", "additive")


class Attended(NamedTuple):
    """What queries ask, made once a sequence.

    values_BSF  the remembered vectors
    keys_BSA    what queries are compared with
    real_BS     bool, which of the S steps are no padding
    """

    values_BSF: Tensor
    keys_BSA: Tensor
    real_BS: Tensor


class Attention(nn.Module):
    """Scores of a query q against remembered vectors v_s, made weights by a softmax over the real steps s.

        dot        q . v_s                              (Luong et al. 2015), for vectors of one size
        general    q . W v_s                            (Luong et al. 2015)
        additive   u . tanh(W_q q + W_v v_s + b)        (Bahdanau et al. 2015)

    Args:
        score: one of these.
        query_size, memory_size: the sizes of q and v.
        size: of the layer inside the additive score; 0 for that of the query.

    Raises ConfigError for an unknown score, and for the dot product of vectors of two sizes.
    """

    def __init__(self, score: str, query_size: int, memory_size: int, *, size: int = 0) -> None:
        super().__init__()
        if score not in SCORES:
            raise ConfigError(f"expected a score of attention among {', '.join(SCORES)}. Received: {score!r}")
        if score == "dot" and query_size != memory_size:
            raise ConfigError(
                f"expected queries and memory of one size for the score dot. Received: {query_size} and {memory_size}"
            )
        self.score = score
        self.query_size = query_size
        self.memory_size = memory_size
        self.key: nn.Linear | None = None
        self.query: nn.Linear | None = None
        if score == "general":
            self.key = nn.Linear(memory_size, query_size, bias=False)
        if score == "additive":
            inner = size or query_size
            self.key = nn.Linear(memory_size, inner)
            self.query = nn.Linear(query_size, inner, bias=False)
            self.direction_A = nn.Parameter(torch.empty(inner).uniform_(-1.0, 1.0) / math.sqrt(inner))

    def remember(self, values_BSF: Tensor, lengths_B: Tensor) -> Attended:
        """What is to be asked: `values_BSF`, of which each row's first `lengths_B` steps are real.

        Raises ShapeError when a tensor does not fit.
        """
        if values_BSF.dim() != 3 or values_BSF.shape[-1] != self.memory_size:
            raise ShapeError(
                f"expected values_BSF of shape (batch, steps, {self.memory_size}). Received: {tuple(values_BSF.shape)}"
            )
        steps_S = torch.arange(values_BSF.shape[1], device=values_BSF.device)
        real_BS = steps_S < lengths_B.to(values_BSF.device)[:, None]
        # A weight of zero is not enough where the padding holds NaN.
        values_BSF = values_BSF.masked_fill(~real_BS[:, :, None], 0.0)
        device = values_BSF.device.type
        if torch.is_autocast_enabled(device) and values_BSF.dtype != torch.float64:
            # Once for all steps that will ask. Autocast leaves float64 as it is.
            values_BSF = values_BSF.to(torch.get_autocast_dtype(device))
        return Attended(values_BSF, values_BSF if self.key is None else self.key(values_BSF), real_BS)

    def forward(self, query_BQH: Tensor, attended: Attended) -> tuple[Tensor, Tensor]:
        """The mean of the values by weight, `context_BQF`, and the weights `weights_BQS`, for Q queries a row.

        A row without any real step gets weights and a context of zero.
        """
        if self.query is None:
            scores_BQS = query_BQH @ attended.keys_BSA.mT
        else:
            asked_BQ1A = self.query(query_BQH)[:, :, None]
            scores_BQS = torch.tanh(asked_BQ1A + attended.keys_BSA[:, None]) @ self.direction_A
        absent_B1S = ~attended.real_BS[:, None]
        scores_BQS = scores_BQS.float() if scores_BQS.dtype != torch.float64 else scores_BQS
        # Not minus infinity: a row without any real step would be 0 / 0.
        scores_BQS = scores_BQS.masked_fill(absent_B1S, torch.finfo(scores_BQS.dtype).min)
        weights_BQS = torch.softmax(scores_BQS, dim=-1).masked_fill(absent_B1S, 0.0)
        return weights_BQS.to(attended.values_BSF.dtype) @ attended.values_BSF, weights_BQS
