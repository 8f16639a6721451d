"""Which time steps mattered for an answer: gradient x input. Knows nothing about texts or files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.rows import Rows
from elman.tasks.classifier.network import ClassifierNetwork

__all__ = ["Explanation", "step_weights"]


@dataclass(frozen=True)
class Explanation:
    """What spoke for and against an answer.

    label    the class that is explained (None for a score)
    pieces   the tokens of a text as read; empty for series
    values   the series `x_TI` as given; None for texts
    weights  gradient x input, one number a token, or `weights_TI` for series: above 0 spoke for the label, below 0
             against it
    """

    label: Any
    pieces: tuple[str, ...]
    values: npt.NDArray[Any] | None
    weights: npt.NDArray[np.float64]


def step_weights(
    network: ClassifierNetwork, rows: Rows, outputs_N: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.float64]]:
    """Gradient x input of one output for each row: `weights_TI`, I the features that the first layer reads.

    Of a network with a bag of n-grams a last column has what these add, shared by the steps that they cover.

    What is differentiated is the output minus the mean of all outputs, since only their differences matter to the
    classes' probabilities; of a score it is the score itself. For a network that is linear in its input the weights
    add up to what the input adds to the output (Shrikumar et al. 2016).
    """

    def centred(outputs: Tensor) -> Tensor:
        return outputs - outputs.mean(dim=-1, keepdim=True) if outputs.shape[-1] > 1 else outputs

    device = network.head.weight.device
    found: list[npt.NDArray[np.float64]] = [np.empty(0)] * len(rows)
    needed = [parameter.requires_grad for parameter in network.parameters()]
    network.requires_grad_(False)
    try:
        for numbers, batch in rows.in_order(rows.chosen()):
            inputs = batch.inputs_BT.to(device)
            x_BTI = network.features(inputs).detach().requires_grad_()
            logits_BC = centred(network.from_features(x_BTI, batch.lengths_B))
            outputs_B = torch.from_numpy(outputs_N[numbers]).to(device)
            (gradients_BTI,) = torch.autograd.grad(logits_BC.gather(1, outputs_B[:, None]).sum(), x_BTI)
            weights_BTI = gradients_BTI * x_BTI.detach()
            if network.bag is not None:
                shares_BTC = centred(network.bag.shares(inputs, batch.lengths_B))
                shares_BT1 = shares_BTC.gather(2, outputs_B[:, None, None].expand(-1, shares_BTC.shape[1], 1))
                weights_BTI = torch.cat([weights_BTI, shares_BT1], dim=2)
            weights = weights_BTI.double().cpu().numpy()
            for place, number in enumerate(numbers):
                found[number] = weights[place, : rows.lengths[number]]
    finally:
        for parameter, need in zip(network.parameters(), needed, strict=True):
            parameter.requires_grad_(need)
    return found
