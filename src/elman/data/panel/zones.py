"""Times of a forecast in the time zone of the data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from elman.data.panel.frequency import Frequency

__all__ = ["as_known_zone", "pandas_times", "polars_times", "zoned_text"]


def as_known_zone(name: str) -> str:
    """Return the name of a time zone, or an empty text if the zone data of this machine do not have it."""
    try:
        return ZoneInfo(name).key if name else ""
    except (KeyError, ValueError, OSError):
        return ""


def zoned_text(frequency: Frequency, ordinal: int, zone: str) -> str:
    """Return a time as text: a local date for steps of days, else the local time with its distance from UTC."""
    if not zone or frequency.days:
        return frequency.format(ordinal)
    seconds = int(frequency.seconds(np.array([ordinal]))[0])
    return datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(zone)).isoformat(sep=" ")


def pandas_times(times: npt.NDArray[Any], zone: str, *, local: bool) -> Any:
    """Return datetime64 as times of pandas in a zone; `local` says whether they are local times, and not UTC."""
    import pandas  # type: ignore[import-untyped]

    index = pandas.DatetimeIndex(times)
    if local:
        return index.tz_localize(zone, ambiguous=np.ones(len(index), dtype=bool), nonexistent="shift_forward")
    return index.tz_localize("UTC").tz_convert(zone)


def polars_times(times: npt.NDArray[Any], zone: str, *, local: bool) -> Any:
    """Return datetime64 as times of polars in a zone; `local` as for `pandas_times`."""
    import polars

    series = polars.Series(times)
    if local:
        return series.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return series.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
