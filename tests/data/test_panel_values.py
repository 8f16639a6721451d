"""Values of series in the types of pandas, polars and NumPy, dictionaries of dated series, and decimal commas."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from elman.data.decimal_sign import has_decimal_comma, pointed
from elman.data.panel import PanelConfig, panel_from, read_panel
from elman.errors import DataError
from elman.options import fill

DAYS = pd.date_range("2024-01-01", periods=6)
VALUES = [1.0, 2, 3, 4, 5, 6]


def config(**options: Any) -> PanelConfig:
    return fill(PanelConfig, options)


def dated(values: Any = VALUES, shift: int = 0) -> pd.Series:
    return pd.Series(values, index=DAYS + pd.Timedelta(days=shift))


@pytest.mark.parametrize(
    "data",
    [
        {"a": dated(), "b": dated(shift=2)},
        {"a": dated().rename("Close"), "b": dated(shift=2).rename("Other")},
        {"a": dated().to_frame("y"), "b": dated(shift=2)},
        {"a": dated().rename_axis("ds").reset_index(name="y"), "b": dated(shift=2)},
        {"a": dated().tz_localize("Europe/Berlin"), "b": dated(shift=2).tz_localize("Europe/Berlin")},
        {name: pl.DataFrame({"ds": (DAYS + pd.Timedelta(days=2 * number)).to_list(), "y": VALUES})
         for number, name in enumerate("ab")},
    ],
)  # fmt: skip
def test_dictionaries_of_dated_series_keep_their_dates(data: Any) -> None:
    panel = panel_from(data, config())
    assert (panel.ids, panel.frequency.name) == (["a", "b"], "D")
    assert [panel.frequency.format(start) for start in panel.starts] == ["2024-01-01", "2024-01-03"]
    assert [values.ravel().tolist() for values in panel.targets] == [VALUES, VALUES]


def test_frames_in_a_dictionary_go_by_name() -> None:
    frame = pd.DataFrame({"p": VALUES, "q": [7.0] * 6}, index=DAYS)
    panel = panel_from({"a": frame, "b": frame[["q", "p"]]}, config())
    assert panel.target_names == ("p", "q")
    assert (panel.targets[0] == panel.targets[1]).all()
    with pytest.raises(
        DataError, match=r"the series 'b': expected the columns 'p', 'q', as in the series 'a'.*missing"
    ):
        panel_from({"a": frame, "b": frame[["q"]].assign(r=1.0)}, config())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": dated(), "b": pd.Series(VALUES)}, r"the series 'b': expected times, as for the others. Received: none"),
        ({"a": dated(), "b": VALUES}, r"the series 'b': expected a series or a data frame.* Received: list"),
        ([dated(), dated()], r"expected several series as a dictionary .* Received: a list of Series"),
        (dated(["1,5"] * 6), r"row 1: expected a number in the column 'y', with a decimal point. Received: '1,5'"),
        (dated(["1,234.5"] * 6), r"in the column 'y', without separators of thousands. Received: '1,234.5'"),
        (dated(["x"] * 6), r"expected a number in the column 'y'. Received: 'x'"),
        (
            np.array([1, 2], "timedelta64[s]"),
            r"the array: expected numbers; convert durations .* Received: timedelta64",
        ),
        (np.array([1, 2], "datetime64[s]"), r"expected numbers; convert dates .* Received: datetime64"),
        (dated(pd.to_timedelta(VALUES, "h")), r"column 'y'; convert durations .* seconds. Received: timedelta64"),
        (dated([datetime.timedelta(1)] * 6).astype(object), r"expected a number in the column 'y'. Received: '1 day"),
    ],
)
def test_what_is_no_number_or_has_no_times_is_refused(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        panel_from(data, config())


@pytest.mark.parametrize(
    "values",
    [
        np.ma.array(VALUES, mask=[0, 0, 1, 0, 0, 0]),
        np.ma.array([1, 2, 99, 4, 5, 6], mask=[0, 0, 1, 0, 0, 0]),
        [Decimal(1), Decimal(2), None, Decimal(4), 5, 6],
        {"y": np.ma.array(VALUES, mask=[0, 0, 1, 0, 0, 0])},
        np.ma.array(VALUES, mask=[0, 0, 1, 0, 0, 0])[:, None],
        pd.Series([1, 2, None, 4, 5, 6], dtype="Int64"),
        pd.Series([1, 2, None, 4, 5, 6], dtype="Float32"),
        pd.Series([Decimal(1), Decimal(2), None, Decimal(4), Decimal(5), Decimal(6)]),
        pd.Series([1, 2, pd.NA, 4, 5, 6], dtype=object),
        pl.Series([1, 2, None, 4, 5, 6]),
        pl.Series([Decimal(1), Decimal(2), None, Decimal(4), Decimal(5), Decimal(6)]),
    ],
)
def test_masked_and_missing_values_are_missing(values: Any) -> None:
    assert panel_from(values, config(missing="interpolate")).targets[0].ravel().tolist() == VALUES
    with pytest.raises(DataError, match="option missing=interpolate"):
        panel_from(values, config())


@pytest.mark.parametrize("values", [pd.Series([True, False, None], dtype="boolean"), pl.Series([True, False, None])])
def test_booleans_are_0_and_1(values: Any) -> None:
    assert panel_from(values, config(missing="zero")).targets[0].ravel().tolist() == [1, 0, 0]


def test_an_array_without_masked_values_is_as_any_other() -> None:
    assert panel_from(np.ma.array(VALUES), config()).targets[0].ravel().tolist() == VALUES


@pytest.mark.parametrize("kind", [np.int64, np.int32, float, str])
def test_integers_that_are_dates(kind: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame({"ds": np.array([20240229, 20240301, 20240302]).astype(kind), "y": VALUES[:3]})
    panel = panel_from(frame, config())
    assert (panel.frequency.name, panel.frequency.format(panel.starts[0])) == ("D", "2024-02-29")
    wrong = frame.assign(ds=np.array([20240229, 20240230, 20240301]).astype(kind))
    with pytest.raises(DataError, match=r"row 2: expected a date in the column 'ds', .* frequency=step.* 20240230"):
        panel_from(wrong, config(missing="interpolate"))
    counted = panel_from(wrong, config(frequency="step", missing="interpolate"))
    assert (counted.frequency.name, counted.starts) == ("step", [20240229])
    wrong.to_csv(tmp_path / "t.csv", index=False)
    if kind is not float:
        with pytest.raises(DataError, match=r"line 3: expected a date in the column 'ds'"):
            read_panel(tmp_path / "t.csv", config())


@pytest.mark.parametrize("kind", [np.int64, float, str])
def test_integers_that_are_months(kind: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame({"ds": np.array([202411, 202412, 202501]).astype(kind), "y": VALUES[:3]})
    frame.astype({"ds": int}).to_csv(tmp_path / "t.csv", index=False)
    for panel in (panel_from(frame, config()), read_panel(tmp_path / "t.csv", config())):
        assert (panel.frequency.name, panel.frequency.format(panel.starts[0])) == ("MS", "2024-11-01")
    within = frame.assign(ds=np.array([202410, 202411, 202412]).astype(int))
    assert panel_from(within, config()).frequency.name == "step"
    assert panel_from(within, config(frequency="MS")).frequency.name == "MS"


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        ([1, 2], True),
        (["1", "2"], False),
        ([1.5, 2.5], False),
        (np.array([1, 2], "int16"), True),
        (np.array([1, 2], object), True),
        (["a", "b"], False),
    ],
)
def test_names_that_are_whole_numbers(names: Any, whole: bool) -> None:
    frame = pd.DataFrame({"unique_id": np.repeat(names, 3), "ds": [*DAYS[:3]] * 2, "y": VALUES})
    panel = panel_from(frame, config())
    assert panel.whole_ids == whole
    assert panel.take([1]).cut(2).whole_ids == whole
    assert panel.ids == [str(name) for name in names]


def test_whole_numbers_as_keys_and_in_files(tmp_path: Path) -> None:
    assert panel_from({3: [1, 2], 4: [1, 2]}, config()).whole_ids
    assert panel_from({3: dated(), 4: dated()}, config()).whole_ids
    assert not panel_from({"3": [1, 2]}, config()).whole_ids
    for text, whole in {"1": True, "-12": True, "007": False, "1.0": False, "a": False}.items():
        (tmp_path / "t.csv").write_text(f"unique_id,ds,y\n{text},1,2\n{text},2,2\n")
        assert read_panel(tmp_path / "t.csv", config()).whole_ids == whole


@pytest.mark.parametrize(
    ("text", "number"),
    [("100,13", 100.13), ("1.234,5", 1234.5), ("1.234.567", 1234567), ("-1 234,5", -1234.5), ("7", 7), ("1'000", 1000),
     (",5", 0.5), ("+2,5e3", 2500), ("1\u202f234,5", 1234.5)],
)  # fmt: skip
def test_numbers_with_a_decimal_comma(text: str, number: float) -> None:
    assert float(pointed(text)) == number
    assert has_decimal_comma(text) == ("," in text)


@pytest.mark.parametrize("text", ["100.13", "1.23", "1,2,3", "1.2345,6", "x", "1,234.5"])
def test_other_numbers_are_refused_with_a_decimal_comma(text: str) -> None:
    plain = pointed(text)
    assert "_" in plain or not plain.replace(".", "").isdecimal()


GERMAN = "Datum;Umsatz;Kunden\n2024-01-01;1.100,13;5\n2024-01-02;107,69;6\n2024-01-03;;7\n"


def test_a_file_with_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(GERMAN)
    message = "expected numbers with a decimal point in the column 'Umsatz' .*option decimal=, .* '1.100,13'"
    with pytest.raises(DataError, match=message):
        read_panel(path, config(missing="zero"))
    with pytest.raises(DataError, match="expected numbers with a decimal point in the column 'Umsatz'"):
        panel_from(pd.read_csv(path, sep=";"), config(missing="zero"))
    panel = read_panel(path, config(decimal=",", missing="zero"))
    assert panel.targets[0].tolist() == [[1100.13, 5], [107.69, 6], [0, 7]]
    with pytest.raises(
        DataError, match=r"line 2: expected a number in the column 'Umsatz', with a decimal point \(.*decimal=, "
    ):
        read_panel(path, config(target_columns=("Umsatz",), missing="zero", delimiter=";"))
    path.write_text(GERMAN.replace("107,69", "107.69"))
    with pytest.raises(
        DataError, match=r"line 3: expected a number in the column 'Umsatz', with a decimal comma .* '107.69'"
    ):
        read_panel(path, config(decimal=",", missing="zero", target_columns=("Umsatz", "Kunden")))
    path.write_text('ds,y\n1,"1,234.5"\n2,3\n')
    with pytest.raises(
        DataError, match=r"line 2: expected a number in the column 'y', without separators of thousands"
    ):
        read_panel(path, config())
