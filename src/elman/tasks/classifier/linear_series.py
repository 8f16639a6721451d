"""`SeriesLinear`: linear models of features of whole series, whose sum is added to the outputs of a recurrent network.

The features are summary statistics, random convolutions, or both. Each model is a ridge regression, multiplied by the
factor with which its predictions for left-out examples are best. For classes the network is trained as if it were
alone, and `NETWORK_SHARE` of its logits are added. For a regression it learns what the models leave: in training their
predictions for an example are those of a fit to all other examples, so that they are as good as on new data.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from elman.baselines.ridge import Ridge
from elman.baselines.series_features import ConvolutionState, RandomConvolutions, summary_features, summary_size

__all__ = ["LINEAR_MODELS", "NETWORK_SHARE", "LinearStart", "SeriesLinear", "learn_linear"]

Doubles = npt.NDArray[np.float64]

# A network that has fitted few examples is too certain of its classes.
NETWORK_SHARE = 0.5
# The models of each value of the option `linear`.
LINEAR_MODELS = {
    "none": (),
    "summaries": ("summaries",),
    "convolutions": ("convolutions",),
    "both": ("summaries", "convolutions"),
}
_KERNELS, _KERNEL_STEPS = 500, 11
_LEAST_DEVIATION = 1e-5
# Factors of the models' predictions: of targets 1 and -1 for logits, and of numbers.
_FACTORS_OF_CLASSES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
_FACTORS_OF_NUMBERS = (0.0, 0.25, 0.5, 0.75, 1.0)


class LinearStart(NamedTuple):
    """What is learnt before training.

    buffers     those of `SeriesLinear`
    offsets_NC  the sum of the models' predictions for left-out training examples
    """

    buffers: dict[str, Tensor]
    offsets_NC: npt.NDArray[np.float32]


class SeriesLinear(nn.Module):
    """Sum of linear models of the features of series. It has buffers only, which `start` sets, and no parameters.

    Args:
        how: the name of the models, a key of `LINEAR_MODELS`.
        channels: I, the number of channels.
        outputs: C, the number of classes; 1 for a regression.
    """

    weights_KIL: Tensor
    biases_K: Tensor
    shapes_K4: Tensor
    scale_2I: Tensor
    length_1: Tensor
    intercept_C: Tensor

    def __init__(self, how: str, channels: int, outputs: int) -> None:
        super().__init__()
        self.models = LINEAR_MODELS[how]
        if "convolutions" in self.models:
            self.register_buffer("weights_KIL", torch.zeros(_KERNELS, channels, _KERNEL_STEPS))
            self.register_buffer("biases_K", torch.zeros(_KERNELS))
            self.register_buffer("shapes_K4", torch.zeros(_KERNELS, 4, dtype=torch.int64))
            self.register_buffer("scale_2I", torch.ones(2, channels))
            self.register_buffer("length_1", torch.ones(1, dtype=torch.int64))
        sizes = {"summaries": summary_size(channels), "convolutions": 2 * _KERNELS}
        for name in self.models:
            self.register_buffer(f"{name}_FC", torch.zeros(sizes[name], outputs))
        self.register_buffer("intercept_C", torch.zeros(outputs))

    def start(self, buffers: dict[str, Tensor]) -> None:
        """Copy what `learn_linear` returned."""
        own = dict(self.named_buffers())
        for name, values in buffers.items():
            own[name].copy_(values)

    def problem(self) -> str | None:
        """Return what is wrong with the kernels of a file, or None: other sizes would take any amount of memory."""
        if "convolutions" not in self.models:
            return None
        longest, most = int(self.length_1[0]), RandomConvolutions().most_steps
        if not 1 <= longest <= most:
            return f"expected linear.length_1 from 1 to {most:,}. Received: {longest}"
        bounds = {"scale": (0, 1), "length": (1, _KERNEL_STEPS), "dilation": (1, longest), "padding": (0, 1)}
        for found, (name, (least, largest)) in zip(self.shapes_K4.T, bounds.items(), strict=True):
            if bool(((found < least) | (found > largest)).any()):
                received = f"{int(found.min())} to {int(found.max())}"
                return f"expected linear.shapes_K4 with a {name} from {least} to {largest}. Received: {received}"
        return None

    def forward(self, x_BTI: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Return the sum of the predictions for series, of shape BC, without a gradient."""
        x_BTI = x_BTI.detach().float().cpu()
        lengths = [x_BTI.shape[1]] * len(x_BTI) if lengths_B is None else lengths_B.tolist()
        series = [x_TI[:length].numpy() for x_TI, length in zip(x_BTI, lengths, strict=True)]
        total_BC = self.intercept_C.double().cpu().numpy()
        for name in self.models:
            coefficients_FC = self.get_buffer(f"{name}_FC").double().cpu().numpy()
            total_BC = total_BC + self._features(name, series) @ coefficients_FC
        return torch.from_numpy(np.broadcast_to(total_BC, (len(series), len(self.intercept_C))).copy()).to(
            device=self.intercept_C.device, dtype=self.intercept_C.dtype
        )

    def _features(self, name: str, series: Sequence[npt.NDArray[np.float32]]) -> Doubles:
        if name == "summaries":
            return summary_features(series)
        state = ConvolutionState(
            *(
                each.cpu().numpy()
                for each in (self.weights_KIL, self.biases_K, self.shapes_K4, self.scale_2I, self.length_1)
            )
        )
        return RandomConvolutions.from_state(state).transform(series)


def learn_linear(
    how: str, series: Sequence[npt.NDArray[np.float32]], truth_N: npt.NDArray[Any], classes: int
) -> LinearStart:
    """Fit the models to training series and their class indices, or to numbers for `classes` = 0."""
    targets_NC = np.asarray(truth_N, np.float64)[:, None]
    if classes:
        targets_NC = 2.0 * (np.asarray(truth_N)[:, None] == np.arange(classes)) - 1.0
    buffers: dict[str, Tensor] = {}
    fits: dict[str, Ridge] = {}
    for name in LINEAR_MODELS[how]:
        if name == "summaries":
            features_NF = summary_features(series)
        else:
            convolutions = RandomConvolutions(kernels=_KERNELS).fit(series)
            features_NF = convolutions.transform(series)
            names = ("weights_KIL", "biases_K", "shapes_K4", "scale_2I", "length_1")
            buffers |= {key: torch.from_numpy(each) for key, each in zip(names, convolutions.state(), strict=True)}
        fits[name] = Ridge().fit(_varied(features_NF), targets_NC)
    left_out = [fit.left_out() for fit in fits.values()]
    factors = _best_factors(left_out, np.asarray(truth_N), classes)
    intercept_C = np.zeros(targets_NC.shape[1])
    for factor, (name, fit) in zip(factors, fits.items(), strict=True):
        coefficients_FC, own_C = fit.coefficients()
        buffers[f"{name}_FC"] = torch.from_numpy(factor * coefficients_FC)
        intercept_C += factor * own_C
    buffers["intercept_C"] = torch.from_numpy(intercept_C)
    return LinearStart(buffers, _sum_of(left_out, factors).astype(np.float32))


def _varied(features_NF: Doubles) -> Doubles:
    """Return the features with 0 for those that vary by no more than the rounding of series in float32."""
    sizes_F = 1.0 + np.abs(features_NF).max(axis=0)
    return np.where(features_NF.std(axis=0) > _LEAST_DEVIATION * sizes_F, features_NF, 0.0)


def _best_factors(left_out: Sequence[Doubles], truth_N: npt.NDArray[Any], classes: int) -> tuple[float, ...]:
    """Return the factor of each model with the least loss of their sum: smoothed cross-entropy, or squared error."""
    # Where all predictions of a few examples are right, cross-entropy alone would take them for certain.
    smoothing = 1.0 / (len(truth_N) + 1)
    choices = list(product(_FACTORS_OF_CLASSES if classes else _FACTORS_OF_NUMBERS, repeat=len(left_out)))

    def loss(factors: tuple[float, ...]) -> float:
        outputs_NC = _sum_of(left_out, factors)
        if not classes:
            return float(((outputs_NC[:, 0] - truth_N) ** 2).mean())
        outputs_NC = outputs_NC - outputs_NC.max(axis=1, keepdims=True)
        of_truth_N = outputs_NC[np.arange(len(truth_N)), truth_N]
        expected_N = (1.0 - smoothing) * of_truth_N + smoothing * outputs_NC.mean(axis=1)
        return float((np.log(np.exp(outputs_NC).sum(axis=1)) - expected_N).mean())

    return min(choices, key=loss)


def _sum_of(outputs: Sequence[Doubles], factors: Sequence[float]) -> Doubles:
    return np.sum([factor * each_NC for factor, each_NC in zip(factors, outputs, strict=True)], axis=0)
