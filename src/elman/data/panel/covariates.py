"""The scale of covariates: what each of them is divided by before a network reads it. Knows nothing about networks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel

__all__ = ["Scales", "covariate_scales"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# A spread below this share of the largest value is rounding, and the column counts as constant.
_ROUNDING = 1e-9


class Scales(NamedTuple):
    """z = (value - offset) / scale of each covariate: first those known up to the present, then those known ahead, then
    the features of a whole series."""

    offset: Doubles
    scale: Doubles


def covariate_scales(panel: Panel, stop: Ints) -> Scales:
    """Mean and deviation of each covariate over all series, from what comes before step `stop` of each.

    Of the features of a series, categories stay 0 and 1. A constant column is taken to 0 and divided by 1.
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
    # As they are stored with the weights.
    return Scales(*(part.astype(np.float32).astype(np.float64) for part in (offset, deviation)))
