"""Times with a zone: days by their local dates, shorter steps in UTC, and forecasts in the zone of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from elman.data.panel import Frequency, Panel, PanelConfig, panel_from, read_panel
from elman.data.panel.forecast import Forecast
from elman.options import fill

ZONES = ["America/New_York", "Asia/Tokyo", "Europe/Berlin"]


def config(**options: Any) -> PanelConfig:
    return fill(PanelConfig, options)


def ahead(panel: Panel, steps: int = 2) -> Forecast:
    values = np.zeros((len(panel), steps, len(panel.target_names)))
    return Forecast.after(panel, panel.lengths - 1, values, {})


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("frequency", ["D", "B", "W-SUN", "MS", "ME"])
def test_days_go_by_local_dates_over_a_change_of_the_clocks(zone: str, frequency: str, tmp_path: Path) -> None:
    plain = pd.date_range("2024-02-15", periods=40, freq=frequency)
    local = plain.tz_localize(zone)
    panel = panel_from(pd.Series(np.arange(40.0), index=local), config())
    assert (panel.frequency.name, panel.zone) == (frequency, zone)
    assert (panel.times(0) == plain.to_numpy()).all()
    again = panel_from(pd.Series(np.arange(3.0), index=local[-3:]), config(), frequency=panel.frequency)
    assert again.frequency.format(again.starts[0]) == str(plain[-3].date())
    named = panel_from(pd.Series(np.arange(40.0), index=local), config(frequency=frequency))
    assert named.fingerprint() == panel.fingerprint()
    pd.DataFrame({"ds": [time.isoformat() for time in local], "y": np.arange(40.0)}).to_csv(
        tmp_path / "t.csv", index=False
    )
    assert (read_panel(tmp_path / "t.csv", config()).times(0) == plain.to_numpy()).all()
    found = ahead(panel)
    expected = pd.date_range(plain[-1], periods=3, freq=frequency)[1:]
    assert found.to_frame()["ds"].dt.tz_localize(None).tolist() == expected.tolist()
    assert str(found.to_frame()["ds"].dt.tz) == zone
    assert found.to_frame("polars")["ds"].dtype == pl.Datetime("us", zone)
    assert str(expected[0].date()) in found.to_csv()


def test_hours_are_counted_in_utc_and_shown_in_the_zone() -> None:
    local = pd.date_range("2024-03-30 12:00", periods=13, freq="h", tz="Europe/Berlin")  # until the night it changes
    panel = panel_from(pd.DataFrame({"ds": local, "y": np.arange(13.0)}), config())
    assert (panel.frequency.name, panel.zone, str(panel.times(0)[0])) == ("h", "Europe/Berlin", "2024-03-30T11:00:00")
    found = ahead(panel)
    assert found.to_frame()["ds"].tolist() == list(pd.date_range(local[-1], periods=3, freq="h")[1:])
    assert [line.split(",")[1] for line in found.to_csv().splitlines()[1:]] == [
        "2024-03-31 01:00:00+01:00",
        "2024-03-31 03:00:00+02:00",
    ]
    assert found.to_json()["series"][0]["times"][1] == "2024-03-31 03:00:00+02:00"
    assert found.to_frame("polars")["ds"].to_list()[1].isoformat() == "2024-03-31T03:00:00+02:00"


def test_a_grid_of_days_in_utc_stays_as_it_was() -> None:
    grid = Frequency("second", 86_400, phase=15 * 3600)  # midnight in Tokyo, as earlier versions read it
    local = pd.date_range("2024-01-01", periods=3, tz="Asia/Tokyo")
    panel = panel_from(pd.Series(np.arange(3.0), index=local), config(), frequency=grid)
    assert (str(panel.times(0)[0]), panel.zone) == ("2023-12-31T15:00:00", "")


def test_a_zone_that_is_only_a_distance_from_utc() -> None:
    local = pd.date_range("2024-01-01", periods=3, tz="-05:00")
    panel = panel_from(pd.Series(np.arange(3.0), index=local), config())
    assert str(panel.times(0)[0]) == "2024-01-01T00:00:00"
    assert ahead(panel).to_frame()["ds"].tolist() == list(pd.date_range("2024-01-04", periods=2))
