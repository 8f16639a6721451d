"""Ridge regression and classification, with the penalty that is best when each example is left out.

Hoerl and Kennard 1970, Ridge regression: biased estimation for nonorthogonal problems; Golub, Heath and Wahba 1979,
Generalized cross-validation as a method for choosing a good ridge parameter. With the singular value decomposition
X = U S V', the prediction for an example that is left out follows from the fit to all: its error is the error of the
fit, divided by 1 - h, with h the example's own share of its prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.baselines.commonest import labels_of
from elman.errors import ConfigError, DataError, ShapeError

__all__ = ["Ridge", "RidgeClassifier"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_PENALTIES = tuple(float(each) for each in np.logspace(-3, 3, 13))
# Numbers in memory at once, and classes, the most frequent ones, by which a penalty is chosen.
_MOST_NUMBERS = 8_000_000
_MOST_CHOOSING = 100


class _Decomposition:
    """Standardised features X, their right singular vectors V, and Z = X V, whose columns are orthogonal."""

    def __init__(self, features_NF: ArrayLike) -> None:
        standard_NF, missing_NF = _matrix(features_NF)
        examples, size = standard_NF.shape
        if not examples:
            raise DataError("expected at least one example. Received: none")
        counts_F = np.maximum((~missing_NF).sum(0), 1)
        self.means_F = standard_NF.sum(0) / counts_F
        standard_NF -= self.means_F
        standard_NF[missing_NF] = 0
        deviations_F = np.sqrt(np.einsum("nf,nf->f", standard_NF, standard_NF) / counts_F)
        # Rounding leaves a constant feature with a tiny deviation.
        constant_F = deviations_F <= 1e-12 * np.maximum(np.abs(self.means_F), 1e-280)
        self.scales_F = np.where(constant_F, np.inf, deviations_F)
        standard_NF /= self.scales_F
        if size <= examples:
            squares, self.vectors_FK = np.linalg.eigh(standard_NF.T @ standard_NF)
        else:
            squares, left = np.linalg.eigh(standard_NF @ standard_NF.T)
        kept = squares > np.finfo(np.float64).eps * max(examples, size) * max(squares.max(initial=0), 1e-300)
        self.squares_K = squares[kept]
        if size <= examples:
            self.vectors_FK = self.vectors_FK[:, kept]
        else:
            self.vectors_FK = standard_NF.T @ left[:, kept] / np.sqrt(self.squares_K)
        self.projected_NK = standard_NF @ self.vectors_FK

    def project(self, features_NF: ArrayLike) -> Floats:
        """Return the standardised features of other examples times V. Values that are not finite count as the mean."""
        standard_NF, missing_NF = _matrix(features_NF)
        if standard_NF.shape[1] != len(self.means_F):
            raise ShapeError(f"expected {len(self.means_F)} features, as fitted. Received: {standard_NF.shape[1]}")
        standard_NF -= self.means_F
        standard_NF /= self.scales_F
        standard_NF[missing_NF] = 0
        return standard_NF @ self.vectors_FK

    def best_penalty(self, penalties: tuple[float, ...], targets: Callable[[], Iterator[Floats]]) -> float:
        """Return the penalty with the least squared error of left-out examples; of equally good ones, the largest.

        `targets` yields centred targets, examples x some targets.
        """
        if len(penalties) == 1:
            return penalties[0]
        descending = sorted(penalties, reverse=True)
        inverse_PK = 1 / (self.squares_K + np.array(descending)[:, None])
        shares_NP = 1 / len(self.projected_NK) + self.projected_NK**2 @ inverse_PK.T
        errors_P = np.zeros(len(descending))
        for targets_NY in targets():
            products_KY = self.projected_NK.T @ targets_NY
            for p, inverse_K in enumerate(inverse_PK):
                residuals_NY = targets_NY - self.projected_NK @ (inverse_K[:, None] * products_KY)
                left_out_NY = residuals_NY / np.maximum(1 - shares_NP[:, p : p + 1], 1e-12)
                errors_P[p] += (left_out_NY**2).sum()
        return descending[int(errors_P.argmin())]


class Ridge:
    """Ridge regression of one or several numbers, with an intercept, on standardised features.

    Args:
        penalties: one or more penalties on the squared coefficients; the best for left-out examples is used.

    Raises ConfigError for invalid arguments.
    """

    def __init__(self, penalties: tuple[float, ...] = _PENALTIES) -> None:
        self.penalties = _checked(penalties)
        self.penalty: float | None = None

    def fit(self, features_NF: ArrayLike, targets_NY: ArrayLike) -> Ridge:
        """Fit to examples. Returns the instance. Raises DataError for targets that are not finite."""
        self._features = _Decomposition(features_NF)
        targets = np.asarray(targets_NY, np.float64)
        examples = len(self._features.projected_NK)
        if targets.ndim not in (1, 2) or len(targets) != examples:
            raise ShapeError(f"expected targets of {examples} examples. Received: shape {targets.shape}")
        if not np.isfinite(targets).all():
            raise DataError("expected finite targets. Received: nan or inf")
        self._intercept = targets.mean(0)
        centred_NY = (targets - self._intercept).reshape(examples, -1)
        self.penalty = self._features.best_penalty(self.penalties, lambda: iter([centred_NY]))
        self._centred_NY = centred_NY
        scale_K = self._features.squares_K + self.penalty
        self._coefficients_KY = self._features.projected_NK.T @ centred_NY / scale_K[:, None]
        return self

    def predict(self, features_NF: ArrayLike) -> Floats:
        """Return the predicted targets of each example, in the shape of the fitted ones."""
        if self.penalty is None:
            raise ConfigError("expected fit() before predict(). Received: a regression without coefficients")
        predicted = self._features.project(features_NF) @ self._coefficients_KY
        return predicted.reshape(len(predicted), *self._intercept.shape) + self._intercept

    def left_out(self) -> Floats:
        """Return the prediction for each example of a fit to all others with the same penalty, examples x targets."""
        if self.penalty is None:
            raise ConfigError("expected fit() before left_out(). Received: a regression without coefficients")
        projected_NK = self._features.projected_NK
        shares_N = 1 / len(projected_NK) + (projected_NK**2) @ (1 / (self._features.squares_K + self.penalty))
        residuals_NY = self._centred_NY - projected_NK @ self._coefficients_KY
        targets_NY = self._centred_NY + np.reshape(self._intercept, -1)
        return targets_NY - residuals_NY / np.maximum(1 - shares_N, 1e-12)[:, None]

    def coefficients(self) -> tuple[Floats, Floats]:
        """Return the coefficients features x targets, for features that are not standardised, and the intercepts."""
        if self.penalty is None:
            raise ConfigError("expected fit() before coefficients(). Received: a regression without coefficients")
        found = self._features
        coefficients_FY = (found.vectors_FK @ self._coefficients_KY) / found.scales_F[:, None]
        return coefficients_FY, np.reshape(self._intercept, -1) - found.means_F @ coefficients_FY


class RidgeClassifier:
    """Ridge regression of +1 for the class of an example and -1 for the others.

    Args:
        penalties: as in `Ridge`. With more than 100 classes, the 100 most frequent ones choose among them.

    Raises ConfigError for invalid arguments.
    """

    def __init__(self, penalties: tuple[float, ...] = _PENALTIES) -> None:
        self.penalties = _checked(penalties)
        self.penalty: float | None = None

    def fit(self, features_NF: ArrayLike, labels_N: ArrayLike, classes: int) -> RidgeClassifier:
        """Fit to examples. Returns the instance."""
        self._features = _Decomposition(features_NF)
        labels = labels_of(labels_N, len(self._features.projected_NK), classes)
        sizes_C = np.bincount(labels, minlength=classes)
        self._shares_C = sizes_C / len(labels)
        choosing_C = np.argsort(-sizes_C, kind="stable")[:_MOST_CHOOSING]
        step = max(1, _MOST_NUMBERS // len(labels))

        def targets() -> Iterator[Floats]:
            for first in range(0, len(choosing_C), step):
                some_C = choosing_C[first : first + step]
                yield 2 * ((labels[:, None] == some_C) - self._shares_C[some_C])

        self.penalty = self._features.best_penalty(self.penalties, targets)
        self._order_N = np.argsort(labels, kind="stable")
        self._ends_C = np.cumsum(sizes_C)
        return self

    def predict(self, features_NF: ArrayLike) -> Ints:
        """Return the class with the highest score for each example, the first one of equally good classes."""
        if self.penalty is None:
            raise ConfigError("expected fit() before predict(). Received: a classifier without coefficients")
        queries_BK = self._features.project(features_NF) / (self._features.squares_K + self.penalty)
        classes = len(self._shares_C)
        step = max(1, _MOST_NUMBERS // max(1, len(queries_BK) + queries_BK.shape[1]))
        best_B = np.zeros(len(queries_BK), np.int64)
        most_B = np.full(len(queries_BK), -np.inf)
        for first in range(0, classes, step):
            scores_BC = self._scores(queries_BK, first, min(first + step, classes))
            found_B = scores_BC.argmax(1)
            highest_B = scores_BC[np.arange(len(found_B)), found_B]
            best_B = np.where(highest_B > most_B, found_B + first, best_B)
            most_B = np.maximum(most_B, highest_B)
        return best_B

    def _scores(self, queries_BK: Floats, first: int, end: int) -> Floats:
        """Return the scores of consecutive classes; their coefficients are sums of Z over their examples."""
        ends_C = self._ends_C[first:end]
        start = int(self._ends_C[first - 1]) if first else 0
        rows_NK = self._features.projected_NK[self._order_N[start : ends_C[-1]]]
        counts_C = np.diff(ends_C, prepend=start)
        present_C = np.flatnonzero(counts_C)
        sums_CK = np.zeros((end - first, rows_NK.shape[1]))
        if present_C.size:
            sums_CK[present_C] = np.add.reduceat(rows_NK, (ends_C - counts_C)[present_C] - start, axis=0)
        return 2 * (queries_BK @ sums_CK.T + self._shares_C[first:end]) - 1


def _matrix(features_NF: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Return a copy of the features with 0 in place of what is not finite, and where that is."""
    features = np.array(features_NF, np.float64)
    if features.ndim != 2:
        raise ShapeError(f"expected features of shape NF. Received: {features.shape}")
    missing_NF = ~np.isfinite(features)
    features[missing_NF] = 0
    return features, missing_NF


def _checked(penalties: tuple[float, ...]) -> tuple[float, ...]:
    if not penalties or not all(0 < each < np.inf for each in penalties):
        raise ConfigError(f"expected one or more penalties above 0. Received: {penalties}")
    return tuple(penalties)
