"""Calendar features of times: position in the day, week, month and year."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError

__all__ = ["Grid", "calendar_features", "calendar_names", "chosen_features"]

_DAY = 86_400
_FEATURES = ("month", "day_of_month", "day_of_year", "weekday", "hour", "weekend")


class Grid(Protocol):
    """Protocol of a grid of times, such as `elman.data.panel.Frequency`."""

    @property
    def unit(self) -> str:
        """Unit of the grid: "second", "business", "month", "half-month" or "step"."""

    @property
    def multiple(self) -> int:
        """Units between consecutive times."""

    @property
    def dated(self) -> bool:
        """Whether times are dates, not integers."""


def chosen_features(frequency: Grid, features: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the features, with "auto" resolved for the frequency.

    Raises ConfigError for an unknown feature, and for any feature other than "auto" if times are integers.
    """
    if tuple(features) == ("auto",):
        return _varying(frequency)
    for name in features:
        if name not in _FEATURES:
            raise ConfigError(f"expected features among {', '.join(_FEATURES)}, or auto alone. Received: {name!r}")
    if features and not frequency.dated:
        raise ConfigError(
            f"expected no features of the calendar for times that are integers. Received: {features[0]!r}"
        )
    return tuple(features)


def _varying(frequency: Grid) -> tuple[str, ...]:
    if frequency.unit == "step":
        return ()
    if frequency.unit == "business":
        return ("weekday", "day_of_year")
    if frequency.unit == "month":
        return ("month",) if frequency.multiple % 12 else ()
    if frequency.unit == "half-month":
        return ("month", "day_of_month")
    if frequency.multiple >= 7 * _DAY:
        return ("day_of_year",)
    if frequency.multiple >= _DAY:
        return ("weekday", "weekend", "day_of_year")
    return ("hour", "weekday", "weekend", "day_of_year")


def calendar_names(frequency: Grid, features: Sequence[str] = ("auto",)) -> tuple[str, ...]:
    """Return the names of the columns of `Frequency.calendar`, in order."""
    names: list[str] = []
    for feature in chosen_features(frequency, features):
        names += [feature] if feature == "weekend" else [f"{feature}_sin", f"{feature}_cos"]
    return tuple(names)


def calendar_features(seconds: npt.NDArray[np.int64], features: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the features of times in seconds since 1970, [T, F]."""
    days, clock = np.divmod(seconds, _DAY)
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    columns: list[npt.NDArray[np.float64]] = []
    for feature in features:
        if feature == "weekend":
            columns.append(((days + 3) % 7 >= 5).astype(np.float64))
            continue
        if feature == "hour":
            turn = clock / _DAY
        elif feature == "weekday":
            turn = (days + 3) % 7 / 7
        elif feature == "month":
            turn = months.astype(np.int64) % 12 / 12
        elif feature == "day_of_month":
            turn = (dates - months.astype("datetime64[D]")).astype(np.int64) / 31
        else:
            turn = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) / 366
        columns += [np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)]
    return np.stack(columns, axis=1) if columns else np.empty((len(seconds), 0))
