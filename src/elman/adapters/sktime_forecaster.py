"""The forecaster as an sktime estimator; import it from `elman.adapters.sktime`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped]
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from elman.adapters.sktime_tables import (
    answer_index,
    as_table,
    column_names,
    elman_times,
    joined,
    moments,
    relative_steps,
    requested_times,
)
from elman.data.panel import Panel, PanelConfig, panel_from
from elman.decode.forecast import check_horizon, check_levels, forecast_from
from elman.errors import ConfigError, DataError
from elman.tasks.forecaster.model import Forecaster

__all__ = ["ElmanForecaster"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# The arguments that are options of `elman.Forecaster` under the same name.
_SAME = (
    "mode", "horizon", "context", "cell", "layers", "hidden_size", "distribution", "transform", "difference", "members",
    "missing", "max_steps", "max_seconds",
)  # fmt: skip
# Data options that can be set; sktime's data determines all others.
_OPEN = ("past_covariates", "frequency")
# The median is requested as an interval of this many per cent.
_NARROW = 1e-6


class ElmanForecaster(BaseForecaster):  # type: ignore[misc]
    """Recurrent forecaster: `elman.Forecaster` with sktime's interface.

    One network is trained on all series of a panel or hierarchy, and on all variables of a series together. The columns
    of `X` are known in advance, except those in the option `past_covariates`, which are known only up to the cutoff.
    An in-sample forecast is made from the true values up to the step before; it is NaN where these are too few, such as
    at the first step. `update` appends the new values; with `update_params=True` it trains a new model on all values.

    An argument that is None keeps the value of the preset, or the option's default. `fit` raises ConfigError for an
    unknown option or an invalid value, and DataError for data that cannot be used, such as missing values with the
    default of `missing`; `predict` raises DataError for an `X` with other columns than in `fit`.

    Parameters
    ----------
    preset : str
        The options to start from: "auto" (chosen by the data), "small", "base", "large" or "plain".
    mode : str, optional
        "next": predict the next value, and feed predictions back; "direct": predict all steps at once.
    horizon : int, optional
        Time steps that are predicted at once with mode="direct"; by default the largest step of the `fh` in `fit`.
    context : int, optional
        Time steps in a window.
    cell : str, optional
        The recurrent cell, such as "gru", "lstm" or "elman".
    layers, hidden_size : int, optional
        The number of recurrent layers, and of hidden units in each.
    distribution : str, optional
        "student-t", "gaussian", "quantiles", "negative-binomial", or "point" (no intervals).
    transform : str, optional
        "none", "log", "log1p" or "box-cox".
    difference : int, optional
        The number of times to difference the series.
    members : int, optional
        The number of networks whose forecasts are averaged.
    missing : str, optional
        How to handle missing values: "error" (the default), "interpolate", "forward", "zero" or "mask".
    max_steps, max_seconds : int or float, optional
        The training budget.
    random_state : int
        The seed of training and of sample paths.
    options : mapping of str to values, optional
        Other options of `elman.Forecaster` by name, such as `{"learning_rate": 0.01}`.
    hidden : int, optional
        The earlier name of `hidden_size`.

    Attributes
    ----------
    model_ : elman.Forecaster
        The trained model. Saved as a folder, it can be opened with `elman.load` and on the command line.

    Examples
    --------
    >>> from elman.adapters.sktime import ElmanForecaster
    >>> from sktime.datasets import load_airline
    >>> y = load_airline()  # doctest: +SKIP
    >>> forecaster = ElmanForecaster(transform="log", max_seconds=30).fit(y)  # doctest: +SKIP
    >>> forecaster.predict(fh=[1, 2, 3])  # doctest: +SKIP
    >>> forecaster.predict_interval(fh=[1, 2, 3], coverage=0.8)  # doctest: +SKIP
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "elman",
        "maintainers": "elman",
        "python_dependencies": "torch",
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:categorical_in_X": False,
        "capability:non_contiguous_X": False,
        "capability:missing_values": True,
        "capability:insample": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": True,
        "capability:update": True,
        "capability:unequal_length": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
        "requires-fh-in-fit": False,
        "X-y-must-have-same-index": True,
    }
    # The series are stored in `_cur_y` and `_cur_X`, so sktime need not store them again.
    _config: ClassVar[dict[str, Any]] = {"remember_data": False}

    def __init__(
        self,
        preset: str = "auto",
        mode: str | None = None,
        horizon: int | None = None,
        context: int | None = None,
        cell: str | None = None,
        layers: int | None = None,
        hidden_size: int | None = None,
        distribution: str | None = None,
        transform: str | None = None,
        difference: int | None = None,
        members: int | None = None,
        missing: str | None = None,
        max_steps: int | None = None,
        max_seconds: float | None = None,
        random_state: int = 0,
        options: Mapping[str, Any] | None = None,
        hidden: int | None = None,
    ) -> None:
        self.preset = preset
        self.mode = mode
        self.horizon = horizon
        self.context = context
        self.cell = cell
        self.layers = layers
        self.hidden_size = hidden_size
        self.distribution = distribution
        self.transform = transform
        self.difference = difference
        self.members = members
        self.missing = missing
        self.max_steps = max_steps
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.options = options
        self.hidden = hidden
        super().__init__()
        self._y = self._X = None  # sktime's own attributes, used if `remember_data` is set later
        if missing in (None, "error"):
            self.set_tags(**{"capability:missing_values": False})
        if distribution == "point":
            self.set_tags(**{"capability:pred_int": False, "capability:pred_int:insample": False})

    def _fit(self, y: pd.DataFrame, X: pd.DataFrame | None, fh: ForecastingHorizon | None) -> ElmanForecaster:
        self._cur_y, self._cur_X = y, X
        model = Forecaster(self.preset, **self._options(y, X, fh))
        panel = panel_from(as_table(y, X), model.config.data)
        self.model_ = model.fit(panel, progress=False)
        return self

    def _update(self, y: pd.DataFrame, X: pd.DataFrame | None = None, update_params: bool = True) -> ElmanForecaster:
        self._cur_y, self._cur_X = joined(self._cur_y, y), joined(self._cur_X, X)
        if update_params:
            self._fit(*self._until_cutoff(), self._fh)
        return self

    def _predict(self, fh: ForecastingHorizon, X: pd.DataFrame | None) -> pd.DataFrame:
        index, values = self._forecast(fh, X)
        return pd.DataFrame(values[0], index=index, columns=self._cur_y.columns)

    def _predict_quantiles(
        self, fh: ForecastingHorizon, X: pd.DataFrame | None, alpha: Sequence[float]
    ) -> pd.DataFrame:
        index, values = self._forecast(fh, X, alpha)
        columns = pd.MultiIndex.from_product([self._get_varnames(), alpha])
        return pd.DataFrame(np.moveaxis(values[1:], 0, -1).reshape(len(index), -1), index=index, columns=columns)

    def _options(self, y: pd.DataFrame, X: pd.DataFrame | None, fh: ForecastingHorizon | None) -> dict[str, Any]:
        """Return the options of `elman.Forecaster` for these series."""
        options = Forecaster.setup_class.config_class.present_names(dict(self.options or {}))
        fixed = {each.name for each in dataclasses.fields(PanelConfig)}.difference(_OPEN) | {*_SAME, "seed"}
        for name in options:
            if name in fixed:
                raise ConfigError(
                    "expected options that are neither arguments of the forecaster nor determined by sktime's data. "
                    f"Received: {name!r}"
                )
        named = {name: getattr(self, name) for name in _SAME if getattr(self, name) is not None}
        if self.hidden is not None:
            named = Forecaster.setup_class.config_class.present_names({**named, "hidden": self.hidden})
        if self.mode == "direct" and self.horizon is None and fh is not None:
            furthest = int(np.max(relative_steps(fh, self.cutoff), initial=0))
            named |= {"horizon": furthest} if furthest > 0 else {}
        targets, covariates = column_names(y, X)
        past = tuple(options.get("past_covariates", ()))
        return {
            **options,
            **named,
            "seed": self.random_state,
            "layout": "long" if y.index.nlevels > 1 else "auto",
            "time_column": "ds",
            "target_columns": targets,
            "future_covariates": tuple(name for name in covariates if name not in past),
        }

    def _until_cutoff(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """Return the values up to the cutoff, which sktime may move back."""
        y, X = self._cur_y, self._cur_X
        last = self.cutoff[0]
        return y[moments(y.index) <= last], None if X is None else X[moments(X.index) <= last]

    def _forecast(
        self, fh: ForecastingHorizon, X: pd.DataFrame | None, alpha: Sequence[float] = ()
    ) -> tuple[pd.Index, Doubles]:
        """Return the index of the requested rows, and `[1 + K, rows, Y]`: point forecasts and the quantiles `alpha`."""
        y, before = self._until_cutoff()
        if X is not None:
            before = self._covariates(y, before, X)
        panel = self.model_.read(as_table(y, before))
        steps = requested_times(fh, self.cutoff, panel.frequency)
        wanted = panel.frequency.ordinal(elman_times(steps, local=bool(panel.zone) and panel.frequency.days))
        begin, length = np.array(panel.starts)[:, None], panel.lengths
        ahead = wanted - begin - length[:, None] + 1  # 1 is the first step after a series' end
        values = np.full((1 + len(alpha), *ahead.shape, len(panel.target_names)), np.nan)
        if (ahead > 0).any():
            series, step = np.nonzero(ahead > 0)
            found = self._from(panel, np.arange(len(panel)), length - 1, int(ahead.max()), alpha)
            values[:, series, step] = found[:, series, ahead[series, step] - 1]
        series, step = np.nonzero((ahead <= 0) & (wanted - begin > self.model_.known.transforms[0].lost))
        if len(series):
            origin = wanted[step] - begin[series, 0] - 1
            values[:, series, step] = self._from(panel, series, origin, 1, alpha)[:, :, 0]
        return answer_index(y.index, steps), values.reshape(len(values), -1, values.shape[-1])

    def _covariates(self, y: pd.DataFrame, before: pd.DataFrame | None, X: pd.DataFrame) -> pd.DataFrame | None:
        """Return the covariates of the series in `y`, up to the cutoff and after it."""
        wanted = [] if before is None else list(before.columns)
        if sorted(map(str, X.columns)) != sorted(map(str, wanted)):
            raise DataError(
                f"expected X with the columns {', '.join(map(repr, wanted)) or '(none)'}, as in fit. "
                f"Received: {', '.join(map(repr, X.columns))}"
            )
        if before is None or not self.model_.config.data.future_covariates:
            return before
        later = X[moments(X.index) > self.cutoff[0]]
        if y.index.nlevels > 1:
            later = later[later.index.droplevel(-1).isin(y.index.droplevel(-1))]
        return joined(before, later[wanted])

    def _from(self, panel: Panel, series: Ints, origin: Ints, horizon: int, alpha: Sequence[float]) -> Doubles:
        """Forecast after `origin`; return `[1 + K, N, horizon, Y]`: the point forecasts and the quantiles `alpha`."""
        model = self.model_
        check_horizon(horizon)
        # A quantile is the lower or upper bound of an interval around the median.
        around = [max(round(abs(200 * each - 100), 9), _NARROW) for each in alpha]
        levels = check_levels(around, model.network.spread, least=0.0)
        ahead = forecast_from(
            model.network,
            panel,
            model.known.transforms_of(panel),
            series,
            origin,
            horizon,
            levels=levels,
            seed=self.random_state,
            shared=model.known.earlier,
            correction=model.known.correction,
        )
        quantiles = [ahead.intervals[level][each > 0.5] for each, level in zip(alpha, around, strict=True)]
        return np.stack([ahead.mean, *quantiles])

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return parameters of small models for sktime's tests."""
        del parameter_set
        quick = {"device": "cpu", "threads": 1, "precision": "float32"}
        return [
            {"preset": "small", "hidden_size": 4, "max_steps": 1, "options": quick},
            {"mode": "direct", "cell": "elman", "hidden_size": 4, "distribution": "quantiles", "missing": "interpolate",
             "max_steps": 1, "random_state": 1, "options": {**quick, "residual_to_last": False}},
        ]  # fmt: skip
