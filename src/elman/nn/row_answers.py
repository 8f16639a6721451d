"""What a network says of whole rows: its scores, and which time steps mattered for them (gradient x input).

Knows nothing about files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from elman.data.examples.base import Examples
from elman.data.examples.encode import Encoder, TextEncoder
from elman.data.rows import Rows
from elman.data.tokens import Progress
from elman.nn.bag import Bag

__all__ = ["Explanation", "explanations", "outputs_of", "step_weights"]


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


class RowNetwork(Protocol):
    """A network that gives scores for each row, and can be differentiated by what its first layer reads."""

    head: nn.Linear
    bag: Bag | None

    def __call__(self, inputs: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Scores `logits_BC`."""

    def features(self, inputs: Tensor) -> Tensor:
        """What the first layer reads, `x_BTI`."""

    def from_features(self, x_BTI: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Scores `logits_BC`, the bag's part left out."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """The weights."""

    def requires_grad_(self, requires_grad: bool) -> object:
        """Whether weights are differentiated."""


def outputs_of(
    network: RowNetwork, rows: Rows, limit: int = 0, *, progress: Progress | None = None
) -> npt.NDArray[np.float64]:
    """The network's scores [N, C] for all rows, or `rows.chosen(limit)`, in their order.

    `progress` is called with "predicting" and the share that is done.
    """
    chosen, done = rows.chosen(limit), 0
    device = network.head.weight.device
    found = np.empty((len(chosen), network.head.out_features))
    with torch.no_grad():
        for numbers, batch in rows.in_order(chosen):
            logits_BC = network(batch.inputs_BT.to(device), batch.lengths_B)
            found[np.searchsorted(chosen, numbers)] = logits_BC.double().cpu().numpy()
            done += len(numbers)
            if progress is not None:
                progress("predicting", done / len(chosen))
    return found


def step_weights(network: RowNetwork, rows: Rows, outputs_N: npt.NDArray[np.int64]) -> list[npt.NDArray[np.float64]]:
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


def explanations(
    examples: Examples,
    encoder: Encoder,
    labels: Sequence[str | None],
    weights: Sequence[npt.NDArray[np.float64]],
) -> list[Explanation]:
    """What the `step_weights` of examples mean: those of a text are one number a token."""
    found = []
    for given, label, weights_TI in zip(examples.inputs, labels, weights, strict=True):
        if isinstance(encoder, TextEncoder):
            found.append(Explanation(label, tuple(encoder.pieces(str(given))), None, weights_TI.sum(axis=1)))
        else:
            found.append(Explanation(label, (), np.asarray(given), weights_TI))
    return found
