"""Attention of queries over a memory of S vectors, with dot, general and additive scores.

The queries are the T steps of a row; the memory has S steps with F features.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from elman.errors import ConfigError, ShapeError
from elman.former import former_keywords

__all__ = ["SCORES", "Attention", "AttentionMemory"]

SCORES = ("dot", "general", "additive")


class AttentionMemory(NamedTuple):
    """Attention memory of a batch, computed once per sequence.

    values_BSF  the memory vectors, zero in the padding
    keys_BSA    the keys that queries are compared with
    real_BS     bool, True where a step is not padding
    """

    values_BSF: Tensor
    keys_BSA: Tensor
    real_BS: Tensor


class Attention(nn.Module):
    """Attention of queries q over memory vectors v_s: the softmax of their scores over all steps s but the padding.

        dot        q . v_s                              (Luong et al. 2015), for vectors of the same size
        general    q . W v_s                            (Luong et al. 2015)
        additive   u . tanh(W_q q + W_v v_s + b)        (Bahdanau et al. 2015)

    Args:
        score_function: name of the score function, as above.
        query_size, memory_size: the sizes of q and v_s.
        size: of the hidden layer of the additive score; 0 for `query_size`.

    Raises ConfigError for an unknown score, and for the dot score with different sizes.
    """

    @former_keywords({"score": "score_function"})
    def __init__(self, score_function: str, query_size: int, memory_size: int, *, size: int = 0) -> None:
        super().__init__()
        if score_function not in SCORES:
            raise ConfigError(f"expected an attention score among {', '.join(SCORES)}. Received: {score_function!r}")
        if score_function == "dot" and query_size != memory_size:
            raise ConfigError(
                f"expected queries and memory of the same size for the dot score. Received: {query_size} and "
                f"{memory_size}"
            )
        self.score_function = score_function
        self.query_size = query_size
        self.memory_size = memory_size
        self.key: nn.Linear | None = None
        self.query: nn.Linear | None = None
        if score_function == "general":
            self.key = nn.Linear(memory_size, query_size, bias=False)
        if score_function == "additive":
            inner = size or query_size
            self.key = nn.Linear(memory_size, inner)
            self.query = nn.Linear(query_size, inner, bias=False)
            self.direction_A = nn.Parameter(torch.empty(inner).uniform_(-1.0, 1.0) / math.sqrt(inner))

    def prepare_memory(self, values_BSF: Tensor, lengths_B: Tensor) -> AttentionMemory:
        """Compute the keys and the mask of memory vectors `values_BSF`, of which `lengths_B` steps a row are real.

        Raises ShapeError for a tensor with the wrong shape.
        """
        if values_BSF.dim() != 3 or values_BSF.shape[-1] != self.memory_size:
            raise ShapeError(
                f"expected values_BSF of shape (batch, steps, {self.memory_size}). Received: {tuple(values_BSF.shape)}"
            )
        steps_S = torch.arange(values_BSF.shape[1], device=values_BSF.device)
        real_BS = steps_S < lengths_B.to(values_BSF.device)[:, None]
        # The padding may contain NaN, and a weight of zero times NaN is NaN.
        values_BSF = values_BSF.masked_fill(~real_BS[:, :, None], 0.0)
        device = values_BSF.device.type
        if torch.is_autocast_enabled(device) and values_BSF.dtype != torch.float64:
            # Cast once here instead of at every decoder step. Autocast does not change float64.
            values_BSF = values_BSF.to(torch.get_autocast_dtype(device))
        return AttentionMemory(values_BSF, values_BSF if self.key is None else self.key(values_BSF), real_BS)

    def forward(self, query_BTH: Tensor, attended: AttentionMemory) -> tuple[Tensor, Tensor]:
        """Return the context vectors `context_BTF` and the attention weights `weights_BTS` of T queries per row.

        A row that is all padding has weights and a context of zero.
        """
        if self.query is None:
            scores_BTS = query_BTH @ attended.keys_BSA.mT
        else:
            query_BT1A = self.query(query_BTH)[:, :, None]
            scores_BTS = torch.tanh(query_BT1A + attended.keys_BSA[:, None]) @ self.direction_A
        padding_B1S = ~attended.real_BS[:, None]
        scores_BTS = scores_BTS.float() if scores_BTS.dtype != torch.float64 else scores_BTS
        # The lowest finite number, since minus infinity makes a row that is all padding 0 / 0.
        scores_BTS = scores_BTS.masked_fill(padding_B1S, torch.finfo(scores_BTS.dtype).min)
        weights_BTS = torch.softmax(scores_BTS, dim=-1).masked_fill(padding_B1S, 0.0)
        return weights_BTS.to(attended.values_BSF.dtype) @ attended.values_BSF, weights_BTS
