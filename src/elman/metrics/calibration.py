"""Calibration metrics of predicted probabilities, and temperature scaling.

Shapes: N examples, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import ConfigError, DataError, ShapeError

__all__ = [
    "MAX_TEMPERATURE",
    "MIN_TEMPERATURE",
    "Bin",
    "Calibration",
    "calibration",
    "fit_temperature",
]

# Bounds of the temperature: if every prediction is correct, the likelihood has its maximum at temperature 0.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 10.0


class Bin(NamedTuple):
    """The examples whose confidence, the probability of the predicted class, is above `low` and at most `high`.

    `confidence` is their mean confidence and `accuracy` the fraction of correct predictions; both are NaN in an empty
    bin.
    """

    low: float
    high: float
    examples: int
    confidence: float
    accuracy: float


class Calibration(NamedTuple):
    """Calibration metrics of predicted probabilities; lower is better.

    ece       expected calibration error: mean |accuracy - confidence| over the bins, weighted by their examples
    mce       maximum calibration error: largest |accuracy - confidence| of a bin
    brier     mean squared difference between probabilities and one-hot targets, summed over the classes (Brier 1950)
    log_loss  mean negative log-likelihood, in nats
    bins      bins of equal width, from 0 to 1
    """

    ece: float
    mce: float
    brier: float
    log_loss: float
    bins: tuple[Bin, ...]


def calibration(probabilities_NC: ArrayLike, truth_N: ArrayLike, bins: int = 15) -> Calibration:
    """Compute calibration metrics (Guo et al. 2017) of probabilities that sum to 1 and true class indices.

    Raises ConfigError for less than one bin, ShapeError or DataError for invalid arrays.
    """
    probabilities, truth = _checked("probabilities_NC", probabilities_NC, truth_N)
    if bins < 1:
        raise ConfigError(f"expected at least one bin. Received: bins={bins}")
    if probabilities.min() < 0 or np.abs(probabilities.sum(1) - 1).max() > 1e-3:
        row = int(np.argmax((probabilities < 0).any(1) | (np.abs(probabilities.sum(1) - 1) > 1e-3)))
        raise DataError(
            f"expected probabilities of zero or more that sum to 1 in every row. "
            f"Received: row {row} with the sum {probabilities[row].sum():.6g}"
        )
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidences = np.bincount(place, confidence, bins) / counts
        accuracies = np.bincount(place, right, bins) / counts
    gaps = np.abs(accuracies - confidences)[counts > 0]
    of_truth = probabilities[np.arange(len(truth)), truth]
    return Calibration(
        # Rounding must not make the mean larger than the maximum.
        ece=float(min((gaps * counts[counts > 0]).sum() / len(truth), gaps.max())),
        mce=float(gaps.max()),
        brier=float(((probabilities**2).sum(1) - 2 * of_truth + 1).mean()),
        # Probabilities are clipped to float64's epsilon, so that the loss is finite.
        log_loss=abs(float(np.log(np.maximum(of_truth, np.finfo(np.float64).eps)).mean())),
        bins=tuple(
            Bin(float(edges[i]), float(edges[i + 1]), int(counts[i]), float(confidences[i]), float(accuracies[i]))
            for i in range(bins)
        ),
    )


def fit_temperature(logits_NC: ArrayLike, truth_N: ArrayLike) -> float:
    """Fit the temperature T that minimises the cross-entropy of softmax(logits / T) (Guo et al. 2017).

    The loss is convex in 1 / T, so T is found by bisection of its slope, in float64, between 0.1 and 10. T is 1 if the
    loss does not depend on it. Use data that the network was not trained on.

    Raises ShapeError or DataError for invalid arrays.
    """
    logits, truth = _checked("logits_NC", logits_NC, truth_N)
    of_truth = logits[np.arange(len(truth)), truth]

    def slope(inverse: float) -> float:
        weights = np.exp(inverse * (logits - logits.max(1, keepdims=True)))
        return float(((weights * logits).sum(1) / weights.sum(1) - of_truth).mean())

    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    if slope(low) == slope(high) == 0:
        return 1.0
    if slope(low) >= 0:
        return MAX_TEMPERATURE
    if slope(high) <= 0:
        return MIN_TEMPERATURE
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def _checked(name: str, scores: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values, classes = np.asarray(scores, np.float64), np.asarray(truth)
    if values.ndim != 2 or values.shape[1] < 1 or classes.shape != values.shape[:1] or classes.dtype.kind not in "iu":
        raise ShapeError(
            f"expected {name} with two axes and an integer class index for each row. "
            f"Received: shapes {values.shape} and {classes.shape}, type {classes.dtype}"
        )
    if not len(values):
        raise DataError(f"expected at least one row of {name}. Received: none")
    if not np.isfinite(values).all():
        raise DataError(f"expected finite numbers in {name}. Received: {values[~np.isfinite(values)][0]}")
    if not 0 <= classes.min() <= classes.max() < values.shape[1]:
        raise DataError(
            f"expected class indices from 0 to {values.shape[1] - 1}. Received: {classes.min()} to {classes.max()}"
        )
    return values, classes.astype(np.int64)
