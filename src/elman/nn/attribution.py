"""Predictions for whole sequences and their attribution to time steps (gradient x input)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from elman.data.examples.base import Examples
from elman.data.examples.encode import InputEncoder, TextEncoder
from elman.data.examples.word_characters import TextInputs
from elman.data.rows import SequenceRows
from elman.display import Progress
from elman.kernels import threads_for
from elman.nn.bag import NgramBag
from elman.nn.ensemble import members_of
from elman.state import map_leaves

__all__ = ["Explanation", "explanations", "predict_outputs", "step_weights"]


@dataclass(frozen=True)
class Explanation:
    """Attribution of a prediction to its input.

    label    the class that is explained; None for a regression
    pieces   the tokens of a text; empty for series
    values   the series `x_TI` as passed in, with its columns in the order of training; None for texts
    weights  gradient x input: one number per token, or `weights_TI` for series. Positive values are evidence for the
             label, negative ones against it
    """

    label: Any
    pieces: tuple[str, ...]
    values: npt.NDArray[Any] | None
    weights: npt.NDArray[np.float64]


class SequenceNetwork(Protocol):
    """Protocol of a network with one output vector per sequence, and access to the input of its first layer."""

    head: nn.Linear
    bag: NgramBag | None

    def __call__(self, inputs: Tensor | TextInputs, lengths_B: Tensor | None) -> Tensor:
        """Return the logits (or predicted numbers) `logits_BC`."""

    def features(self, inputs: Tensor | TextInputs) -> Tensor:
        """Return the input of the first layer, `x_BTI`."""

    def from_features(self, x_BTI: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Return `logits_BC` from the input of the first layer, without the contribution of `bag`."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters."""

    def requires_grad_(self, requires_grad: bool) -> object:
        """Set whether the parameters need gradients."""


def predict_outputs(
    network: SequenceNetwork, rows: SequenceRows, limit: int = 0, *, progress: Progress | None = None
) -> npt.NDArray[np.float64]:
    """Return the logits [N, C] of the network for `rows.chosen(limit)`, by default all rows, in their order.

    `progress` is called with "predicting" and the share of rows that is done.
    """
    chosen, done = rows.chosen(limit), 0
    device = network.head.weight.device
    found = np.empty((len(chosen), network.head.out_features))
    with torch.no_grad(), threads_for(len(chosen), network):
        for numbers, batch in rows.in_order(chosen):
            logits_BC = network(_on(device, batch.inputs_BT), batch.lengths_B)
            found[np.searchsorted(chosen, numbers)] = logits_BC.double().cpu().numpy()
            done += len(numbers)
            if progress is not None:
                progress("predicting", done / len(chosen))
    return found


def step_weights(
    network: SequenceNetwork, rows: SequenceRows, outputs_N: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.float64]]:
    """Return gradient x input of one output for each row: `weights_TI`, where I is the input size of the first layer.

    The index of each row's output is in `outputs_N`. For a network with a bag of n-grams, a last column has the
    contribution of the n-grams, split evenly over the time steps that they cover.

    The gradient is that of the output minus the mean of all outputs, since only the differences of logits affect the
    class probabilities; a single output is used as it is. For a network that is linear in its input, the weights sum
    to the contribution of the input to the output (Shrikumar et al. 2016). For an ensemble, they are the mean of the
    members' weights; of a text, only their sums over I have a meaning, because every member has its own embedding.
    """
    found = [_weights_of_member(member, rows, outputs_N) for member in members_of(network)]
    return found[0] if len(found) == 1 else [np.mean(each, axis=0) for each in zip(*found, strict=True)]


def _weights_of_member(
    network: SequenceNetwork, rows: SequenceRows, outputs_N: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.float64]]:
    def centred(outputs: Tensor) -> Tensor:
        return outputs - outputs.mean(dim=-1, keepdim=True) if outputs.shape[-1] > 1 else outputs

    device = network.head.weight.device
    found: list[npt.NDArray[np.float64]] = [np.empty(0)] * len(rows)
    needed = [parameter.requires_grad for parameter in network.parameters()]
    network.requires_grad_(False)
    try:
        for numbers, batch in rows.in_order(rows.chosen()):
            inputs = _on(device, batch.inputs_BT)
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


def _on(device: torch.device, inputs: Any) -> Any:
    return map_leaves(lambda leaf: leaf.to(device), inputs)


def explanations(
    examples: Examples,
    encoder: InputEncoder,
    labels: Sequence[str | None],
    weights: Sequence[npt.NDArray[np.float64]],
) -> list[Explanation]:
    """Return the explanations of examples from their `step_weights`, which are summed per token for texts."""
    found = []
    examples = examples if isinstance(encoder, TextEncoder) else encoder.arranged(examples)
    for given, label, weights_TI in zip(examples.inputs, labels, weights, strict=True):
        if isinstance(encoder, TextEncoder):
            found.append(Explanation(label, tuple(encoder.pieces(str(given))), None, weights_TI.sum(axis=1)))
        else:
            found.append(Explanation(label, (), np.asarray(given), weights_TI))
    return found
