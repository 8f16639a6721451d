"""Features of whole series for linear models: summary statistics, and random convolutions.

Gaps are filled by linear interpolation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.baselines.series import Scale, Scaling, as_channels, by_length, filled, resampled
from elman.errors import ConfigError

__all__ = ["ConvolutionState", "RandomConvolutions", "summary_features", "summary_size"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Lags of the autocorrelations.
_LAGS = (1, 2, 3, 5, 10)
# Lengths of the kernels of ROCKET.
_KERNEL_LENGTHS = (7, 9, 11)
# Numbers of windows and outputs that are in memory at once.
_MOST_NUMBERS = 500_000


def summary_features(series: Iterable[ArrayLike]) -> Floats:
    """Return an array series x features: for each channel 17 statistics, and the length.

    They are the mean, deviation, minimum, quartiles, maximum, slope, first and last value, mean absolute difference of
    adjacent values, autocorrelations at the lags 1, 2, 3, 5, 10, and the share of missing values. A statistic for which
    a series is too short is 0.
    """
    arrays = as_channels(series)
    missing_NC = np.array([np.isnan(one).sum(0) / max(len(one), 1) for one in arrays])
    channels = arrays[0].shape[1]
    features = np.zeros((len(arrays), 12 + len(_LAGS), channels))
    features[:, -1] = missing_NC
    lengths_N = np.array([len(one) for one in arrays])
    for rows_N, values_NTC in by_length([filled(one) for one in arrays]):
        if values_NTC.shape[1]:
            features[rows_N, :-1] = _statistics(values_NTC)
    return np.column_stack([features.reshape(len(arrays), -1), lengths_N])


def summary_size(channels: int) -> int:
    """Return the number of features of `summary_features` for series of so many channels."""
    return (12 + len(_LAGS)) * channels + 1


def _statistics(values_NTC: Floats) -> Floats:
    """Return an array series x statistics x channels, of series of the same length."""
    steps = values_NTC.shape[1]
    mean = values_NTC.mean(1)
    centred_NTC = values_NTC - mean[:, None]
    variance = (centred_NTC**2).mean(1)
    times_T = np.arange(steps) - (steps - 1) / 2
    slope = np.einsum("ntc,t->nc", centred_NTC, times_T) / max(float(times_T @ times_T), 1)
    change = np.abs(np.diff(values_NTC, axis=1)).sum(1) / max(steps - 1, 1)
    correlations = [
        _ratio(np.einsum("ntc,ntc->nc", centred_NTC[:, lag:], centred_NTC[:, :-lag]), variance * steps) for lag in _LAGS
    ]
    quartiles = np.quantile(values_NTC, [0, 0.25, 0.5, 0.75, 1], axis=1)
    first, last = values_NTC[:, 0], values_NTC[:, -1]
    return np.stack([mean, np.sqrt(variance), *quartiles, slope, first, last, change, *correlations], axis=1)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.where(below > 0, above / np.where(below > 0, below, 1), 0)


class ConvolutionState(NamedTuple):
    """What the features of random convolutions depend on, as arrays whose shapes follow from K and C.

    weights_KCL  weights of every kernel, with zeros after its length
    biases_K     biases
    shapes_K4    number of the scale (0: that of each series, 1: `scale_2C`), length, dilation, and 1 for padding
    scale_2C     means and deviations of the channels of the training series
    length_1     number of steps to which series are interpolated
    """

    weights_KCL: NDArray[Any]
    biases_K: NDArray[Any]
    shapes_K4: NDArray[Any]
    scale_2C: NDArray[Any]
    length_1: NDArray[Any]


class _Drawn(NamedTuple):
    """A kernel."""

    scale: int
    length: int
    dilation: int
    padded: bool
    weights_CN: Floats
    bias: float


class RandomConvolutions:
    """Features of random convolutions: for each kernel the share of positive outputs, and the largest output.

    The kernels are those of ROCKET (Dempster, Petitjean and Webb 2020, ROCKET: exceptionally fast and accurate time
    series classification using random convolutional kernels): length 7, 9 or 11, normal weights of mean 0, a bias from
    -1 to 1, a dilation that is exponentially distributed up to the length of the series, with padding or without, and
    some of the channels. Series are standardised, and interpolated to the longest length of training.

    Args:
        seed: of the kernels.
        kernels: number of kernels.
        scaling: `series` standardises each channel by itself, `training` by all training series, which keeps levels. By
            default every second kernel has the one, the others the other.
        most_steps: longer series are interpolated to this length.

    Raises ConfigError for invalid arguments.
    """

    def __init__(
        self, seed: int = 0, kernels: int = 500, scaling: Scaling | None = None, most_steps: int = 1024
    ) -> None:
        if kernels < 1 or most_steps < 1:
            raise ConfigError(
                f"expected at least one kernel and one step. Received: kernels={kernels}, most_steps={most_steps}"
            )
        self.seed = seed
        self.kernels = kernels
        self.scaling = scaling
        self.most_steps = most_steps
        self._scales: list[Scale] = []
        self._drawn: list[_Drawn] = []
        self.length = 0
        self.channels = 0
        self._groups: list[_Kernels] = []

    def fit(self, series: Sequence[ArrayLike]) -> RandomConvolutions:
        """Draw kernels for series of this length and number of channels. Returns the instance."""
        arrays = as_channels(series)
        self.length = max(1, min(self.most_steps, max(len(one) for one in arrays)))
        self.channels = arrays[0].shape[1]
        both: tuple[Scaling, ...] = ("series", "training")
        self._scales = [Scale.of(scaling, arrays) for scaling in (both if self.scaling is None else (self.scaling,))]
        rng = np.random.default_rng(self.seed)
        drawn: list[_Drawn] = []
        for number in range(self.kernels):
            length = int(rng.choice(_KERNEL_LENGTHS))
            most = max(np.log2(max(self.length - 1, 1) / (length - 1)), 0)
            dilation = int(2 ** rng.uniform(0, most))
            padded = bool(rng.integers(2)) or (length - 1) * dilation >= self.length
            weights_CN = rng.normal(size=(self.channels, length))
            weights_CN -= weights_CN.mean(1, keepdims=True)
            chosen = int(2 ** rng.uniform(0, np.log2(min(self.channels, length) + 1)))
            weights_CN[rng.permutation(self.channels)[chosen:]] = 0
            drawn.append(_Drawn(number % len(self._scales), length, dilation, padded, weights_CN, rng.uniform(-1, 1)))
        self._drawn = drawn
        self._groups = _grouped(drawn)
        return self

    def state(self) -> ConvolutionState:
        """Return the kernels and the scale of the training series as arrays.

        Raises ConfigError before `fit`, and for a `scaling` other than the default.
        """
        if not self._groups or self.scaling is not None:
            received = "convolutions without kernels" if not self._groups else f"scaling={self.scaling}"
            raise ConfigError(f"expected fit() with the default scaling before state(). Received: {received}")
        weights_KCL = np.zeros((self.kernels, self.channels, max(_KERNEL_LENGTHS)))
        for number, each in enumerate(self._drawn):
            weights_KCL[number, :, : each.length] = each.weights_CN
        shapes_K4 = np.array([[each.scale, each.length, each.dilation, each.padded] for each in self._drawn], np.int64)
        scale_2C = np.array([self._scales[1].means_C, self._scales[1].deviations_C])
        biases_K = np.array([each.bias for each in self._drawn])
        return ConvolutionState(weights_KCL, biases_K, shapes_K4, scale_2C, np.array([self.length], np.int64))

    @staticmethod
    def from_state(state: ConvolutionState) -> RandomConvolutions:
        """Return the convolutions whose `state()` this is."""
        found = RandomConvolutions(kernels=len(state.biases_K))
        found.length, found.channels = int(state.length_1[0]), state.weights_KCL.shape[1]
        found._scales = [Scale(None, None), Scale(*np.asarray(state.scale_2C, np.float64))]
        found._drawn = [
            _Drawn(int(scale), int(length), int(dilation), bool(padded), weights_CL[:, : int(length)], float(bias))
            for weights_CL, bias, (scale, length, dilation, padded) in zip(
                np.asarray(state.weights_KCL, np.float64), state.biases_K, state.shapes_K4.tolist(), strict=True
            )
        ]
        found._groups = _grouped(found._drawn)
        return found

    def transform(self, series: Sequence[ArrayLike]) -> Floats:
        """Return an array series x features."""
        if not self._groups:
            raise ConfigError("expected fit() before transform(). Received: convolutions without kernels")
        arrays = as_channels(series, self.channels)
        full = [filled(one) for one in arrays]
        scaled = [resampled([scale(one) for one in full], self.length) for scale in self._scales]
        return np.concatenate([group.features(scaled[group.scale]) for group in self._groups], axis=1)


def _grouped(drawn: Sequence[_Drawn]) -> list[_Kernels]:
    groups: dict[tuple[int, int, int, bool], list[tuple[Floats, float]]] = {}
    for scale, length, dilation, padded, weights_CN, bias in drawn:
        groups.setdefault((scale, length, dilation, padded), []).append((weights_CN, bias))
    return [_Kernels(*key, each) for key, each in groups.items()]


class _Kernels:
    """Kernels of the same scale of series, length, dilation and padding."""

    def __init__(
        self, scale: int, length: int, dilation: int, padded: bool, kernels: Sequence[tuple[Floats, float]]
    ) -> None:
        self.scale = scale
        self.reach = (length - 1) * dilation
        self.dilation = dilation
        self.padded = padded
        self.weights_KCN = np.stack([weights_CN for weights_CN, _ in kernels])
        self.biases_K = np.array([bias for _, bias in kernels])

    def features(self, values_NTC: Floats) -> Floats:
        """Return the share of positive outputs of each kernel, then the largest outputs."""
        edge = self.reach // 2 if self.padded else 0
        values_CNT = np.pad(values_NTC.transpose(2, 0, 1), ((0, 0), (0, 0), (edge, edge)))
        series, steps = values_CNT.shape[1:]
        kernels, channels, length = self.weights_KCN.shape
        outputs = steps - self.reach
        features = np.zeros((series, 2 * kernels))
        step = max(1, _MOST_NUMBERS // (outputs * (channels * length + kernels)))
        for first in range(0, series, step):
            part = values_CNT[:, first : first + step]
            windows = [part[..., n * self.dilation : n * self.dilation + outputs] for n in range(length)]
            windows_FN = np.stack(windows, axis=1).reshape(channels * length, -1)
            sums = self.weights_KCN.reshape(kernels, -1) @ windows_FN + self.biases_K[:, None]
            outputs_KNT = sums.reshape(kernels, -1, outputs)
            features[first : first + step, :kernels] = (outputs_KNT > 0).mean(2).T
            features[first : first + step, kernels:] = outputs_KNT.max(2).T
        return features
