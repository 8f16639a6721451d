"""Dynamic time warping within a band, of one series with many.

The distance is the least sum of squared differences along a path from the first to the last step of both series, whose
steps differ in time by at most `band` (Sakoe and Chiba 1978, Dynamic programming algorithm optimization for spoken word
recognition). Channels are warped together. The lower bound is that of Keogh and Ratanamahatana 2005, Exact indexing of
dynamic time warping.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["dtw_distances", "envelopes", "lower_bounds"]

Floats = NDArray[np.float64]


def dtw_distances(query_TC: Floats, others_NTC: Floats, band: int) -> Floats:
    """Return the distance of a series to each of the others, which have its length.

    The table of one path is computed by its anti-diagonals: time i of the query and time s - i of another series.
    """
    steps = len(query_TC)
    if not steps:
        return np.zeros(len(others_NTC))
    others_TNC = np.ascontiguousarray(others_NTC.transpose(1, 0, 2))
    # Row i + 1 is time i; what is outside the band is infinite.
    before, last, now = (np.full((steps + 2, len(others_NTC)), np.inf) for _ in range(3))
    for s in range(2 * steps - 1):
        low = max(0, s - steps + 1, (s - band + 1) // 2)
        high = min(s, steps - 1, (s + band) // 2)
        now[low] = now[high + 2] = np.inf
        if low <= high:
            differences = query_TC[low : high + 1, None] - others_TNC[s - high : s - low + 1][::-1]
            costs = np.einsum("tnc,tnc->tn", differences, differences)
            cells = now[low + 1 : high + 2]
            if s:
                np.minimum(last[low : high + 1], last[low + 1 : high + 2], out=cells)
                np.minimum(cells, before[low : high + 1], out=cells)
                cells += costs
            else:
                cells[:] = costs
        before, last, now = last, now, before
    return last[steps].copy()


def envelopes(series_NTC: Floats, band: int) -> tuple[Floats, Floats]:
    """Return the least and the largest value of each series within `band` steps of each step."""
    edges = ((0, 0), (band, band), (0, 0))
    windows = sliding_window_view(np.pad(series_NTC, edges, mode="edge"), 2 * band + 1, axis=1)
    return windows.min(-1), windows.max(-1)


def lower_bounds(query_TC: Floats, others_NTC: Floats, band: int, low_NTC: Floats, high_NTC: Floats) -> Floats:
    """Return a number for each other series that its distance is at least. `low_NTC`, `high_NTC`: their envelopes."""
    low_TC, high_TC = (edge[0] for edge in envelopes(query_TC[None], band))
    outside = others_NTC - np.clip(others_NTC, low_TC, high_TC)
    bounds = np.einsum("ntc,ntc->n", outside, outside)
    outside = query_TC - np.clip(query_TC, low_NTC, high_NTC)
    return np.maximum(bounds, np.einsum("ntc,ntc->n", outside, outside))
