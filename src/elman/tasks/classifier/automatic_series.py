"""Options of a classifier of series that suit its data, for the preset `auto`. Does not import torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elman.tasks.automatic import Choices

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from elman.data.examples.base import Examples
    from elman.data.parts import Parts
    from elman.tasks.classifier.config import ClassifierConfig

__all__ = ["SeriesCounts", "choose_series_options", "count_series", "series_options"]

# Recurrent layers read at most about so many outputs of a strided convolution.
_MOST_READ = 256
# Linear models of features are fitted to at most so many series; augmentation matters below so many.
_MOST_LINEAR, _MOST_AUGMENTED = 5000, 20_000
# They are in memory at once with as many values of series or, in each channel, of statistics.
_MOST_VALUES, _STATISTICS = 20_000_000, 17
# Fewest optimiser steps, series of a batch, and most steps that recurrent layers read in all batches: about ten
# minutes of one core.
_LEAST_STEPS, _BATCH, _MOST_WORK = 500, 64, 50_000_000
# Smaller validation parts do not show which weights are better: the last ones are kept.
_LEAST_VALIDATION = 100
# Levels and sizes that explain a smaller share of the classes, and that differ by more than these parts of the
# deviation within series, are removed.
_LEAST_SHARE, _LEAST_SPREAD, _LEAST_SIZES = 0.1, 0.3, 0.2


@dataclass(frozen=True)
class SeriesCounts:
    """What is counted in the training part.

    series           number of series
    validation       number of series of the validation part
    shortest, mean, longest  time steps of a series
    channels         number of channels
    classes          number of classes; 0 for a regression
    smallest_class   series of the rarest class
    level_share      the largest share of the variance of the levels, or of the sizes, of the series in a channel that
                     their classes explain, corrected for chance (adjusted R squared)
    level_spread     the largest deviation of the levels of the series, relative to that within series
    size_spread      the largest deviation of the logarithm of the deviations of the series
    bounded          whether all values are from 0 to 1
    """

    series: int
    validation: int
    shortest: int
    mean: float
    longest: int
    channels: int
    classes: int
    smallest_class: int
    level_share: float
    level_spread: float
    size_spread: float
    bounded: bool

    def __str__(self) -> str:
        """Return a short description for people."""
        steps = f"{self.shortest:,}" if self.shortest == self.longest else f"{self.shortest:,} to {self.longest:,}"
        plural = "" if self.channels == 1 else "s"
        kind = f"{self.classes:,} classes" if self.classes else "numbers"
        return f"{self.series:,} series of {steps} steps and {self.channels:,} channel{plural}, {kind}"


def series_options(counts: SeriesCounts) -> dict[str, Any]:
    """Return the options that differ from those of the preset `base`."""
    stride = max(1, math.ceil(counts.longest / _MOST_READ))
    width = 3 if counts.mean < 16 else 5 if counts.mean < 64 else 9
    options: dict[str, Any] = {
        "max_steps": _steps(counts, stride),
        "input_kernel": max(width, 2 * stride),
    }
    if stride > 1:
        options["stride"] = stride
    if counts.series <= _MOST_AUGMENTED:
        options |= {"noise": 0.1, "scale_jitter": 0.1, "time_warp": 0.3}
        if counts.classes:
            options["label_smoothing"] = 0.1
    values = counts.series * counts.channels * max(counts.mean, _STATISTICS)
    if counts.series <= _MOST_LINEAR and values <= _MOST_VALUES:
        options["linear"] = "both"
    if 0 < counts.validation < _LEAST_VALIDATION:
        options["evaluate_every"] = options["max_steps"]
    spread = counts.level_spread > _LEAST_SPREAD or counts.size_spread > _LEAST_SIZES
    # Between channels, differences of level may distinguish classes that no channel alone distinguishes.
    if counts.channels == 1 and not counts.bounded and spread and counts.level_share < _LEAST_SHARE:
        options["standardise"] = "series"
    return options


def _steps(counts: SeriesCounts, stride: int) -> int:
    """Return the number of optimiser steps: more for more series, but a bounded amount of work."""
    work = min(counts.series, _BATCH) * math.ceil(counts.mean / stride)
    return min(_LEAST_STEPS + 20 * math.isqrt(counts.series), max(_LEAST_STEPS, _MOST_WORK // work))


def choose_series_options(parts: Parts[Examples], config: ClassifierConfig, given: Collection[str]) -> Choices:
    """Return the options for the training series, in agreement with a `given` kernel."""
    regression = config.target.kind == "regression"
    counts = count_series(parts.train, 0 if parts.valid is None else len(parts.valid), regression=regression)
    options, kernel = series_options(counts), config.network.input_kernel
    if "input_kernel" in given and options.get("stride", 1) > kernel:
        options["stride"] = max(1, kernel)
    return Choices(options, str(counts))


def count_series(examples: Examples, validation: int = 0, *, regression: bool) -> SeriesCounts:
    """Count in the training part; `validation` is the size of the validation part."""
    import numpy as np

    series: Any = examples.inputs
    lengths = [len(x_TI) for x_TI in series]
    levels_NI = np.array([x_TI.mean(axis=0, dtype=np.float64) for x_TI in series])
    sizes_NI = np.array([x_TI.std(axis=0, dtype=np.float64) for x_TI in series])
    within_I = np.sqrt((sizes_NI**2).mean(axis=0))
    varied_I = within_I > 0
    logs_NI = np.log(np.maximum(sizes_NI, 1e-6 * np.where(varied_I, within_I, 1.0)))
    names, truth_N = np.unique([str(label) for label in examples.labels or ()], return_inverse=True)
    share = 1.0 if regression else max(_explained(each, truth_N) for each in (levels_NI, logs_NI))
    spread_I = levels_NI.std(axis=0) / np.where(varied_I, within_I, np.inf)
    return SeriesCounts(
        series=len(series),
        validation=validation,
        shortest=min(lengths),
        mean=sum(lengths) / len(lengths),
        longest=max(lengths),
        channels=levels_NI.shape[1],
        classes=0 if regression else len(names),
        smallest_class=0 if regression else int(np.bincount(truth_N).min()),
        level_share=share,
        level_spread=float(spread_I.max()),
        size_spread=float(logs_NI.std(axis=0).max()),
        bounded=all(x_TI.min() >= 0.0 and x_TI.max() <= 1.0 for x_TI in series),
    )


def _explained(values_NI: npt.NDArray[np.float64], truth_N: Sequence[int] | npt.NDArray[np.int64]) -> float:
    """Return the largest share of the variance of a column that the classes explain, corrected for chance."""
    import numpy as np

    counts_C = np.bincount(truth_N)
    freedom = len(values_NI) - len(counts_C)
    if freedom < 1:
        return 1.0
    means_CI = np.stack([np.bincount(truth_N, column) for column in values_NI.T], axis=1) / counts_C[:, None]
    within_I = ((values_NI - means_CI[truth_N]) ** 2).sum(axis=0) / freedom
    total_I = values_NI.var(axis=0, ddof=1)
    return float((1.0 - within_I / np.where(total_I > 0, total_I, np.inf)).max(initial=0.0, where=total_I > 0))
