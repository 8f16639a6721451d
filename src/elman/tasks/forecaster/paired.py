"""Several forecasters on the same series: forecasts from the same origins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel
from elman.decode.evaluation_mode import evaluation_mode
from elman.decode.forecast import forecast_from
from elman.errors import DataError
from elman.metrics.forecast_backtest import PERIODS
from elman.metrics.verdict import mean_of
from elman.metrics.window_errors import by_period, scaled_errors, truths
from elman.tasks.comparison import Doubles
from elman.tasks.forecaster.baselines import MIN_VALUES, MOST, validation_origins
from elman.tasks.forecaster.model import Forecaster
from elman.tasks.paired import PairedItems, Request, check_same

__all__ = ["paired_items"]

Ints = npt.NDArray[np.int64]


def paired_items(models: Sequence[Forecaster], request: Request) -> PairedItems:
    """Return the MASE of forecasts of the steps that no model was trained on, or of the last `limit` steps.

    Forecasts have the shortest horizon of the models. A forecast's scale is that of the values before it in the data of
    the first model.
    """
    panels = [model.continued(request.without_targets()) for model in models]
    check_same(request, [panel.ids for panel in panels], "series")
    steps_N = np.min([_steps(model, panel, request) for model, panel in zip(models, panels, strict=True)], axis=0)
    horizon = min(model.farthest for model in models)
    found: list[Doubles] = []
    targets: list[list[tuple[str, str]]] = []
    places: list[tuple[Ints, Ints, int]] = []
    for panel in panels:
        series, origin, steps = validation_origins(panel, panel.lengths - np.maximum(steps_N, 0), horizon, most=MOST)
        if not len(series):
            raise DataError(
                f"expected series with at least {horizon} steps that no model was trained on, or --limit with a number "
                f"of last steps. Received: series of {int(panel.lengths.min()):,} steps or more"
            )
        truth = truths(panel, series, origin, steps)
        targets.append([(panel.ids[row], str(values.tolist())) for row, values in zip(series, truth, strict=True)])
        places.append((series, origin, steps))
    check_same(request, targets, "values")
    for model, panel, (series, origin, steps) in zip(models, panels, places, strict=True):
        found.append(_forecasts(model, panel, series, origin, steps, steps_N, request))
    panel, (series, origin, steps) = panels[0], places[0]
    truth = truths(panel, series, origin, steps)
    errors = [scaled_errors(panel, series, origin, truth, each, panel.frequency.season) for each in found]
    kept = np.isfinite(scaled_errors(panel, series, origin, truth, truth, panel.frequency.season))
    if not kept.any():
        raise DataError("expected series that are not constant before the forecasts. Received: only constant ones")
    if not all(np.isfinite(each[kept]).all() for each in errors):
        raise DataError("expected finite forecasts. Received: NaN or infinity")
    counts = [by_period(series[kept], origin[kept], steps, each[kept]) for each in errors]
    return PairedItems(mean_of("mase", "MASE"), f"{PERIODS} of {steps} step{'s' * (steps != 1)}", counts)


def _steps(model: Forecaster, panel: Panel, request: Request) -> Ints:
    """Return the number of last steps of each series that are forecast."""
    if request.limit is not None:
        steps_N = np.minimum(request.limit, panel.lengths)
    else:
        steps_N = panel.lengths - model.known.first_unseen(panel, model.config.window.context)
    most_N: Ints = np.minimum(steps_N, panel.lengths - MIN_VALUES)
    return most_N


def _forecasts(
    model: Forecaster, panel: Panel, series: Ints, origin: Ints, steps: int, steps_N: Ints, request: Request
) -> Doubles:
    transforms = model.known.transforms_of(panel, np.maximum(panel.lengths - steps_N, 2))
    with evaluation_mode(model.network):
        ahead = forecast_from(
            model.network,
            panel,
            transforms,
            series,
            origin,
            steps,
            shared=model.known.earlier,
            progress=request.progress,
        )
    found: Doubles = ahead.mean
    return found
