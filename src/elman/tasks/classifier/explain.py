"""Which time steps mattered for an answer: gradient x input. Knows nothing about texts or files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.tasks.classifier.batches import Rows
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

    What is differentiated is the output minus the mean of all outputs, since only their differences matter to the
    classes' probabilities; of a score it is the score itself. For a network that is linear in its input the weights
    add up to what the input adds to the output (Shrikumar et al. 2016).
    """
    device = network.head.weight.device
    found: list[npt.NDArray[np.float64]] = [np.empty(0)] * len(rows)
    needed = [parameter.requires_grad for parameter in network.parameters()]
    network.requires_grad_(False)
    try:
        for numbers, batch in rows.in_order():
            x_BTI = network.features(batch.inputs_BT.to(device)).detach().requires_grad_()
            logits_BC = network.from_features(x_BTI, batch.lengths_B)
            if logits_BC.shape[1] > 1:
                logits_BC = logits_BC - logits_BC.mean(dim=1, keepdim=True)
            chosen = logits_BC[range(len(numbers)), outputs_N[numbers].tolist()]
            chosen.sum().backward()
            gradients = x_BTI.grad if x_BTI.grad is not None else x_BTI.new_zeros(x_BTI.shape)
            weights = (gradients * x_BTI).detach().double().cpu().numpy()
            for place, number in enumerate(numbers):
                found[number] = weights[place, : rows.lengths[number]]
    finally:
        for parameter, need in zip(network.parameters(), needed, strict=True):
            parameter.requires_grad_(need)
    return found
