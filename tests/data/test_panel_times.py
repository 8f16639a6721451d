"""Times in every form that is read, and those that are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from elman.data.panel.times import from_parts, looks_like_a_time, parse_times
from elman.errors import DataError


def where(row: int) -> str:
    return f"t.csv, line {row + 2}"


def parsed(*texts: str, time_format: str = "") -> list[str]:
    times, dated = parse_times(texts, where, "ds", time_format)
    assert dated
    return [str(np.datetime64(int(time), "s")) for time in times]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1949-01", "1949-01-01T00:00:00"),
        ("2020-02-29", "2020-02-29T00:00:00"),
        (" 2020-02-29 ", "2020-02-29T00:00:00"),
        ("2020-01-31 12", "2020-01-31T12:00:00"),
        ("2020-01-31 12:30", "2020-01-31T12:30:00"),
        ("2020-01-31T12:30:15", "2020-01-31T12:30:15"),
        ("2020-01-31T12:30:15.000", "2020-01-31T12:30:15"),
        ("2020Q3", "2020-07-01T00:00:00"),
        ("2020-Q1", "2020-01-01T00:00:00"),
        ("20200131", "2020-01-31T00:00:00"),
        ("1949", "1949-01-01T00:00:00"),
        ("2020-01-31T12:30:15Z", "2020-01-31T12:30:15"),
        ("2020-01-31T12:30:15+02:00", "2020-01-31T10:30:15"),
        ("2020-01-31 23:30 -01:00", "2020-02-01T00:30:00"),
        ("1848-03-01", "1848-03-01T00:00:00"),
    ],
)
def test_one_time_in_each_form(text: str, time: str) -> None:
    assert parsed(text) == [time]
    assert looks_like_a_time(text.strip())


@pytest.mark.parametrize("text", ["", "1200", "5", "3.5", "MSFT", "Jan 1 2000", "99999999"])
def test_what_does_not_look_like_a_time(text: str) -> None:
    assert not looks_like_a_time(text)


def test_forms_of_ones_own() -> None:
    assert parsed("Jan 1 2000", "Feb 1 2000", time_format="%b %d %Y") == ["2000-01-01T00:00:00", "2000-02-01T00:00:00"]
    assert parsed("31.12.2020 08:00", time_format="%d.%m.%Y %H:%M") == ["2020-12-31T08:00:00"]
    assert parsed("2020-12-31 08:00 +0100", time_format="%Y-%m-%d %H:%M %z") == ["2020-12-31T07:00:00"]


@pytest.mark.parametrize(
    "texts", [["0", "1", "2"], ["1949", "2", "3"], ["-5", "5"], ["20200230", "20209999"], ["1200"]]
)
def test_integers_stay_integers(texts: list[str]) -> None:
    times, dated = parse_times(texts, where, "ds")
    assert not dated
    assert times.tolist() == [int(text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["2020-01-01", "Jan 2 2020"], r"line 3: expected a time in the column 'ds' .* time_format. Received: 'Jan 2"),
        (["2020-01-01", "2020-02-30"], r"line 3: .* Received: '2020-02-30'"),
        (["2020-01-01", "2020-13-01"], r"line 3: .* Received: '2020-13-01'"),
        (["2020-01-01", ""], r"line 3: .* Received: an empty cell"),
        (["2020-01-01", "12"], r"line 3: .* Received: '12'"),
        (["NaT"], r"Received: 'NaT'"),
        (["today"], r"Received: 'today'"),
        (["20200229", "20200230"], r"line 3: expected a date in the column 'ds', .* frequency=step .* 20200230"),
        (["01/02/2020"], r"Received: '01/02/2020'"),
        (["2020-01-01 00:00:00.5"], r"whole seconds .* Received: '2020-01-01 00:00:00.5'"),
        (["x" * 10_000_000], r"Received: 'x{40}'"),
        (["2020-01-01 00:00Z", "2020-01-01 01:00"], r"line 3: expected all times .* with a zone, or none"),
    ],
)
def test_what_is_no_time_is_named_with_its_place(texts: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parse_times(texts, where, "ds")
    assert len(str(caught.value)) < 300


def test_local_times_of_days_and_utc_of_others() -> None:
    days = ["2024-03-09T00:00:00-05:00", "2024-03-10T00:00:00-05:00", "2024-03-11T00:00:00-04:00"]
    assert parsed(*days) == ["2024-03-09T00:00:00", "2024-03-10T00:00:00", "2024-03-11T00:00:00"]
    hours = ["2024-03-10T01:00:00-05:00", "2024-03-10T03:00:00-04:00"]
    assert parsed(*hours) == ["2024-03-10T06:00:00", "2024-03-10T07:00:00"]


def test_a_format_that_does_not_fit() -> None:
    with pytest.raises(DataError, match=r"line 3: .* as '%d.%m.%Y' says. Received: '2020-01-02'"):
        parse_times(["01.02.2020", "2020-01-02"], where, "ds", "%d.%m.%Y")


def test_times_from_parts_agree_with_pandas() -> None:
    dates = pd.date_range("1999-12-30 22:00", periods=2000, freq="7h")
    parts = {name: getattr(dates, name).to_numpy().astype(float) for name in ("year", "month", "day", "hour")}
    assert (from_parts(parts, where).astype("datetime64[s]") == dates.to_numpy()).all()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"y": [2020.0, 2020], "m": [1.0, 13]}, "line 3: expected the month in the column 'm', from 1 to 12"),
        ({"y": [2021.0], "m": [2.0], "d": [29.0]}, "line 2: expected a day of the month 2021-02. Received: 29"),
        ({"y": [2021.5]}, "expected the year"),
    ],
)
def test_parts_out_of_range(parts: dict[str, list[float]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_parts({name: np.array(values) for name, values in parts.items()}, where)
