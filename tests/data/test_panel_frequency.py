"""Frequencies, judged by pandas: names, grids, inference, the calendar."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.panel import Frequency, calendar_names, infer_frequency
from elman.errors import ArtifactError, ConfigError, DataError

# Names as pandas gives them, and the season of each.
NAMES = {
    "YS": 1, "YE": 1, "YS-APR": 1, "YE-JUN": 1, "2YS": 1, "QS": 4, "QS-FEB": 4, "QE": 4, "QE-JAN": 4,
    "BME": 12, "BMS": 12, "BQE": 4, "BQS": 4, "BYE": 1, "BYS": 1, "SMS": 24, "SME": 24, "2BME": 6, "BQE-JAN": 4,
    "MS": 12, "ME": 12, "2MS": 6, "W-SUN": 52, "W-WED": 52, "2W-MON": 26, "D": 7, "2D": 1, "B": 5, "h": 24, "6h": 4,
    "15min": 96, "min": 1440, "s": 60, "10s": 6,
}  # fmt: skip


def grid_of(name: str, start: str = "1963-05-17", periods: int = 60) -> np.ndarray:
    dates = pd.date_range(start, periods=periods, freq=name)
    return dates.to_numpy().astype("datetime64[s]")


@pytest.mark.parametrize(("name", "season"), NAMES.items())
def test_a_frequency_is_found_from_what_pandas_makes_of_its_name(name: str, season: int) -> None:
    times = grid_of(name)
    found = infer_frequency(times)
    assert found.name == name
    assert found.season == season
    ordinals = found.ordinal(times)
    assert (np.diff(ordinals) == 1).all()
    assert (found.time(ordinals) == times).all()
    assert found.time(int(ordinals[3])) == times[3]
    assert found.ordinal(str(times[3])) == ordinals[3]
    assert Frequency.named(name, near=int(times[0].astype(np.int64))) == found


@pytest.mark.parametrize("name", ["YS", "YE", "QS", "QE", "QE-JAN", "MS", "ME", "W-SUN", "W-WED", "D", "B", "h"])
def test_a_name_alone_has_the_grid_that_pandas_gives_it(name: str) -> None:
    frequency = Frequency.named(name)
    assert frequency.name == name
    frequency.ordinal(grid_of(name, "1931-02-03 00:00"))


@given(st.sampled_from(sorted(NAMES)), st.integers(-50_000, 50_000))
def test_time_and_ordinal_are_inverse(name: str, ordinal: int) -> None:
    frequency = Frequency.named(name)
    assert frequency.ordinal(frequency.time(ordinal)) == ordinal
    assert frequency.time(ordinal) < frequency.time(ordinal + 1)
    assert Frequency.from_json(json.loads(json.dumps(frequency.to_json()))) == frequency


def test_a_grid_off_the_hour_and_days_of_the_month() -> None:
    times = np.array(["2020-01-01T00:30", "2020-01-01T01:30", "2020-01-01T02:30"], dtype="datetime64[s]")
    assert infer_frequency(times) == Frequency("second", 3600, 1800)
    assert infer_frequency(times).format(Frequency("second", 3600, 1800).ordinal(times[2])) == "2020-01-01 02:30:00"
    middle = np.array(["2020-01-15", "2020-02-15", "2020-03-15"], dtype="datetime64[D]")
    assert infer_frequency(middle).name == "MS-15"
    assert Frequency.named("MS-15").format(Frequency.named("MS-15").ordinal("2021-07-15")) == "2021-07-15"
    noon = np.array(["2020-01-31T12", "2020-02-29T12", "2020-03-31T12"], dtype="datetime64[s]")
    assert infer_frequency(noon) == Frequency("month", day=0, clock=43200)


def test_integers_are_steps() -> None:
    assert infer_frequency(np.array([3, 4, 5, 9])) == Frequency("step")
    tens = infer_frequency(np.array([5, 15, 25]))
    assert (tens.name, tens.season, tens.ordinal(35), tens.time(3), tens.format(3)) == ("10step", 1, 3, 35, "35")
    with pytest.raises(DataError, match=r"frequency 10step\. Received: 36"):
        tens.ordinal(36)


@pytest.mark.parametrize(
    "time",
    [pd.Timestamp("2021-03-01"), dt.datetime(2021, 3, 1), dt.date(2021, 3, 1), "2021-03", np.datetime64("2021-03")],
)
def test_one_time_in_many_types(time: object) -> None:
    assert Frequency.named("MS").ordinal(time) == 51 * 12 + 2


@pytest.mark.parametrize("name", ["MS", "QS", "h", "D"])
def test_gaps_do_not_hide_the_step(name: str) -> None:
    times = np.delete(grid_of(name), [5, 6, 20, 33])
    assert infer_frequency(times).name == name


def test_business_days_are_reported_from_days_by_their_weekends() -> None:
    week = pd.date_range("2024-01-01", periods=5, freq="D").to_numpy()
    assert infer_frequency(week).name == "D"  # Monday to Friday: without a weekend, both would fit
    holiday = np.delete(grid_of("B", "2024-01-01"), [14, 15])
    assert infer_frequency(holiday).name == "B"
    assert infer_frequency(grid_of("D", "2024-01-01")).name == "D"
    assert infer_frequency(grid_of("W-MON", "2024-01-01")).name == "W-MON"


@pytest.mark.parametrize(
    ("old", "new"), [("M", "ME"), ("Q", "QE"), ("A", "YE"), ("Y", "YE"), ("Q-JAN", "QE-JAN"), ("A-MAR", "YE-MAR")]
)
def test_old_names_of_pandas_are_ends_where_the_times_are(old: str, new: str) -> None:
    ends = grid_of(new)
    found = Frequency.named(old, near=int(ends[0].astype(np.int64)))
    assert found.name == new
    assert (np.diff(found.ordinal(ends)) == 1).all()
    begins = grid_of(new.replace("E", "S", 1).replace("QS-JAN", "QS-FEB").replace("YS-MAR", "YS-APR"))
    assert Frequency.named(old[0], near=int(begins[0].astype(np.int64))).name.startswith(new[0] + "S")


@pytest.mark.parametrize(("old", "new"), [("BM", "BME"), ("BQ", "BQE"), ("BA", "BYE"), ("BAS", "BYS"), ("SM", "SME")])
def test_old_names_of_pandas(old: str, new: str) -> None:
    assert Frequency.named(old) == Frequency.named(new)


def test_few_times_are_no_half_months() -> None:
    assert infer_frequency(np.array(["2024-03-01", "2024-03-15"], dtype="datetime64[D]")).name == "2W-FRI"


def test_two_candidates_are_named_where_steps_are_mixed() -> None:
    daily, weekly = grid_of("D", "2024-01-01", 20), grid_of("W-MON", "2024-02-01", 20)
    with pytest.raises(DataError, match=r"mostly D, but W-MON from 2024-02-05 to 2024-02-12"):
        infer_frequency(np.concatenate([daily, weekly]))
    with pytest.raises(DataError, match=r"mostly 15min, but 1800s|mostly 20min, but 15min"):
        infer_frequency(np.array(["2024-01-01T00:00", "2024-01-01T00:20", "2024-01-01T00:40", "2024-01-01T00:55"],
                                 dtype="datetime64[s]"))  # fmt: skip
    with pytest.raises(DataError, match=r"mostly h, but D in the series 'b'"):
        infer_frequency(
            np.concatenate([grid_of("h", "2024-01-01", 30), grid_of("D", "2024-01-01", 8)]), [0, 30], ["a", "b"]
        )
    with pytest.raises(DataError, match=r"two times or more .* option frequency. Received: 1 time$"):
        infer_frequency(np.array(["2024-01-01"], dtype="datetime64[D]"))
    with pytest.raises(DataError, match=r"Received: 2 times, one a series"):
        infer_frequency(np.array(["2024-01-01", "2024-01-05"], dtype="datetime64[D]"), [0, 1])


@pytest.mark.parametrize(
    ("name", "time", "message"),
    [
        ("MS", "2020-01-02", "frequency MS. Received: 2020-01-02"),
        ("ME", "2020-02-28", "frequency ME"),
        ("B", "2024-01-06", "frequency B"),
        ("W-SUN", "2024-01-01", "frequency W-SUN"),
        ("QS", "2024-02-01", "frequency QS"),
        ("h", "2024-01-01T00:30", "frequency h"),
        ("D", 5, "frequency D. Received"),
        ("D", "soon", "frequency D. Received: 'soon'"),
        ("s", "2024-01-01T00:00:00.5", "frequency s"),
        ("D", "NaT", "frequency D"),
        ("step", 1.5, "frequency step. Received: 1.5"),
    ],
)
def test_a_time_off_the_grid_is_refused(name: str, time: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Frequency.named(name).ordinal(time)


@pytest.mark.parametrize("name", ["", "0D", "fortnight", "W-XYZ", "MS-31", "ME-3", "QS-FOO", "h-MON", "2B", "-1D"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ConfigError, match="Received: "):
        Frequency.named(name)


@pytest.mark.parametrize(
    "change", [{"unit": "moon"}, {"multiple": 0}, {"phase": 99}, {"day": 29}, {"clock": 1.5}, {"x": 1}]
)
def test_a_stored_frequency_is_checked(change: dict[str, object]) -> None:
    with pytest.raises(ArtifactError, match="expected a frequency"):
        Frequency.from_json({**Frequency.named("MS").to_json(), **change})


def test_the_calendar_agrees_with_pandas() -> None:
    dates = pd.date_range("2019-12-20 05:30", periods=900, freq="11h30min")
    frequency = infer_frequency(dates.to_numpy())
    features = ("month", "day_of_month", "day_of_year", "weekday", "hour", "weekend")
    found = frequency.calendar(frequency.ordinal(dates.to_numpy().astype("datetime64[s]")), features)
    turns = {
        "month": (dates.month - 1) / 12,
        "day_of_month": (dates.day - 1) / 31,
        "day_of_year": (dates.dayofyear - 1) / 366,
        "weekday": dates.dayofweek / 7,
        "hour": (dates.hour * 60 + dates.minute) / 1440,
    }
    names = calendar_names(frequency, features)
    assert len(names) == found.shape[1] == 11
    for name, turn in turns.items():
        angle = 2 * np.pi * np.asarray(turn)
        np.testing.assert_allclose(found[:, names.index(f"{name}_sin")], np.sin(angle), atol=1e-12)
        np.testing.assert_allclose(found[:, names.index(f"{name}_cos")], np.cos(angle), atol=1e-12)
    assert (found[:, names.index("weekend")] == (dates.dayofweek >= 5)).all()


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("YS", ()),
        ("MS", ("month_sin", "month_cos")),
        ("W-SUN", ("day_of_year_sin", "day_of_year_cos")),
        ("B", ("weekday_sin", "weekday_cos", "day_of_year_sin", "day_of_year_cos")),
        ("D", ("weekday_sin", "weekday_cos", "weekend", "day_of_year_sin", "day_of_year_cos")),
        ("h", ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos", "weekend", "day_of_year_sin", "day_of_year_cos")),
        ("step", ()),
    ],
)
def test_auto_takes_what_varies_within_a_season(name: str, names: tuple[str, ...]) -> None:
    frequency = Frequency.named(name)
    assert calendar_names(frequency) == names
    values = frequency.calendar(np.arange(9000))
    assert values.shape == (9000, len(names))
    assert (np.ptp(values, axis=0) > 0.9).all()


def test_features_that_there_are_not() -> None:
    with pytest.raises(ConfigError, match="Received: 'moon'"):
        Frequency.named("D").calendar([0], ("moon",))
    with pytest.raises(ConfigError, match=r"integers\. Received: 'month'"):
        Frequency.named("step").calendar([0], ("month",))
