"""Standardisation of covariates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel

__all__ = ["CovariateScales", "covariate_scales"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# A smaller deviation, relative to the largest value, is rounding error: the column counts as constant.
_ROUNDING = 1e-9


class CovariateScales(NamedTuple):
    """Offsets and scales of the covariates, in z = (value - offset) / scale.

    The order is: past covariates, known-future covariates, static features.
    """

    offset: Doubles
    scale: Doubles


def covariate_scales(panel: Panel, stop: Ints) -> CovariateScales:
    """Return the mean and the standard deviation of each covariate, over the time steps before `stop` of all series.

    One-hot categories are left unscaled. A constant column has the scale 1.
    """
    parts = [
        np.concatenate([values[:end] for values, end in zip(columns, stop.tolist(), strict=True)])
        for columns in (panel.past, panel.future)
    ]
    offset, deviation = (
        np.concatenate([how(part, axis=0) for part in (*parts, panel.static)]) for how in (np.mean, np.std)
    )
    largest = np.concatenate([np.abs(part).max(axis=0, initial=0.0) for part in (*parts, panel.static)])
    categories = np.zeros(len(offset), dtype=bool)
    kinds = [column["kind"] for column in panel.encoder for _ in column.get("values", (None,))]
    categories[len(offset) - panel.static.shape[1] :] = [kind == "category" for kind in kinds]
    offset[categories] = 0.0
    deviation[categories | (deviation <= _ROUNDING * largest)] = 1.0
    # Rounded to float32, as they are stored with the weights.
    return CovariateScales(*(part.astype(np.float32).astype(np.float64) for part in (offset, deviation)))
