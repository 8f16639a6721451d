"""Panels from files, data frames and arrays: one content in every form, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from elman.data.panel import Panel, PanelConfig, panel_from, read_panel
from elman.errors import ConfigError, DataError
from elman.options import fill

LONG = """unique_id,ds,y,temp,promo,size,kind
a,2020-01-01,1,10,0,3,shop
a,2020-01-02,2,11,1,3,shop
a,2020-01-03,3,12,0,3,shop
b,2020-01-02,5,20,1,4,web
b,2020-01-03,6,21,0,4,web
"""


def config(**options: Any) -> PanelConfig:
    return fill(PanelConfig, options)


def written(tmp_path: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(tmp_path: Path, content: str | bytes, **options: Any) -> Panel:
    return read_panel(written(tmp_path, content), config(**options))


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unique_id": ["a", "a", "a", "b", "b"],
            "ds": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-02", "2020-01-03"]),
            "y": [1, 2, 3, 5, 6],
            "temp": [10, 11, 12, 20, 21],
            "promo": [False, True, False, True, False],
            "size": [3, 3, 3, 4, 4],
            "kind": ["shop", "shop", "shop", "web", "web"],
        }
    )


ROLES = {"past_covariates": ("temp",), "future_covariates": ("promo",), "static_columns": ("size", "kind")}


def test_long_form_with_everything(tmp_path: Path) -> None:
    panel = read(tmp_path, LONG, **ROLES)
    assert panel.ids == ["a", "b"]
    assert panel.frequency.name == "D"
    assert [panel.frequency.format(start) for start in panel.starts] == ["2020-01-01", "2020-01-02"]
    assert [values.tolist() for values in panel.targets] == [[[1], [2], [3]], [[5], [6]]]
    assert [values.tolist() for values in panel.past] == [[[10], [11], [12]], [[20], [21]]]
    assert [values.tolist() for values in panel.future] == [[[0], [1], [0]], [[1], [0]]]
    assert panel.static_names == ("size", "kind=shop", "kind=web")
    assert panel.static.tolist() == [[3, 1, 0], [4, 0, 1]]
    assert (panel.target_names, panel.past_names, panel.future_names) == (("y",), ("temp",), ("promo",))
    assert panel.lengths.tolist() == [3, 2]
    assert str(panel.times(1, 1, 3)[-1]) == "2020-01-05T00:00:00"


def forms() -> dict[str, Any]:
    table = frame()
    polars = pl.DataFrame({name: table[name].to_list() for name in table})
    return {
        "pandas": table,
        "polars": polars,
        "shuffled columns": table[table.columns[::-1]],
        "text times": table.assign(ds=table["ds"].dt.strftime("%Y-%m-%d")),
        "index": table.set_index("ds"),
        "two levels": table.set_index(["unique_id", "ds"]),
        "zone": table.assign(ds=table["ds"].dt.tz_localize("UTC")),
        "polars dates": polars.with_columns(pl.col("ds").cast(pl.Date)),
        "periods": table.assign(ds=table["ds"].dt.to_period("D")),
        "left-over index": table.set_index(np.array([7, 3, 4, 9, 1])),
        "nullable": table.convert_dtypes(),
    }


@pytest.mark.parametrize("form", forms())
def test_frames_say_the_same_as_the_file(tmp_path: Path, form: str) -> None:
    expected = read(tmp_path, LONG, **ROLES)
    assert panel_from(forms()[form], config(**ROLES)).fingerprint() == expected.fingerprint()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + LONG.encode(),
        LONG.replace("\n", "\r\n"),
        LONG.replace(",", ";"),
        LONG.replace("a,", '"a",'),
        "\n".join(sorted(LONG.splitlines(), key=lambda line: (not line.startswith("unique"), line[2:12], line[0])))
        + "\n",
    ],
)
def test_files_in_many_forms(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, content, **ROLES).fingerprint() == read(tmp_path, LONG, **ROLES).fingerprint()


def test_several_files(tmp_path: Path) -> None:
    lines = LONG.splitlines(keepends=True)
    written(tmp_path, "".join(lines[:3]), "1.csv")
    written(tmp_path, lines[0] + "".join(lines[3:]), "2.csv")
    whole = read_panel(tmp_path, config(**ROLES))
    assert whole.fingerprint() == panel_from(frame(), config(**ROLES)).fingerprint()
    wide = tmp_path / "wide"
    wide.mkdir()
    written(wide, "day,price\n2020-01-01,1\n2020-01-02,2\n", "x.csv")
    written(wide, "day,price\n2020-01-05,3\n2020-01-06,4\n", "y.csv")
    panel = read_panel(wide, config())
    assert panel.ids == ["x", "y"]
    assert panel.targets[1].ravel().tolist() == [3, 4]
    assert read_panel(wide, config(together=False)).ids == ["x/price", "y/price"]
    written(wide, "day,cost\n2020-01-05,3\n2020-01-06,4\n", "z.csv")
    with pytest.raises(DataError, match=r"z\.csv: expected the columns of .*x\.csv\. Received: day, cost"):
        read_panel(wide, config())
    (wide / "z.csv").write_text("day,price\n5,3\n6,4\n")
    with pytest.raises(DataError, match=r"expected (dates|times)"):
        read_panel(wide, config())


WIDE = "day,a,b,note,hot\n2020-01-01,1,,x,0\n2020-01-02,2,5,y,1\n2020-01-03,3,6,z,0\n"


def test_wide_form(tmp_path: Path) -> None:
    apart = read(tmp_path, WIDE, together=False, past_covariates=("hot",))
    assert apart.ids == ["a", "b"]
    assert [values.ravel().tolist() for values in apart.targets] == [[1, 2, 3], [5, 6]]
    assert [values.ravel().tolist() for values in apart.past] == [[0, 1, 0], [1, 0]]
    assert apart.starts[1] == apart.starts[0] + 1
    assert apart.target_names == ("y",)
    early = WIDE.replace("2020-01-03,3,6", "2020-01-03,3,")
    short = read(tmp_path, early, together=False, target_columns=("a", "b"))
    assert [values.ravel().tolist() for values in short.targets] == [[1, 2, 3], [5]]
    known = read(tmp_path, early, together=False, target_columns=("a", "b"), future_covariates=("hot",))
    assert [values.ravel().tolist() for values in known.targets] == [[1, 2, 3], [5]]
    assert known.ahead.tolist() == [0, 1]
    whole = read(tmp_path, WIDE, missing="zero")
    assert whole.ids == ["series"]
    assert whole.target_names == ("a", "b", "hot")  # "note" is text
    assert whole.targets[0].tolist() == [[1, 0, 0], [2, 5, 1], [3, 6, 0]]
    assert read(tmp_path, WIDE, target_columns=("b",), missing="zero").ids == ["b"]
    with pytest.raises(ConfigError, match=r"static columns in long form alone.* Received: note"):
        read(tmp_path, WIDE, together=False, static_columns=("note",))


def test_a_y_column_may_be_one_of_many(tmp_path: Path) -> None:
    panel = read(tmp_path, "ds,y,z\n1,2,3\n2,3,4\n", target_columns=("y", "z"), together=False)
    assert panel.ids == ["y", "z"]


def test_categories_are_sorted() -> None:
    table = pd.DataFrame({"unique_id": [*"qwertyui"], "ds": 1, "y": 1.0, "kind": [*"qwertyui"]})
    panel = panel_from(table, config(static_columns=("kind",), frequency="step"))
    assert panel.static_names == tuple(f"kind={letter}" for letter in "eiqrtuwy")
    assert (panel.static.argmax(axis=1) == [2, 6, 0, 3, 4, 7, 5, 1]).all()


def test_a_y_column_alone_is_the_target(tmp_path: Path) -> None:
    panel = read(tmp_path, "ds,y,other\n1,2,3\n2,3,4\n3,4,x\n")
    assert (panel.ids, panel.target_names, panel.frequency.name) == (["y"], ("y",), "step")
    assert panel.targets[0].ravel().tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("data", "ids", "targets"),
    [
        ([1.0, 2, 3], ["y"], [[[1], [2], [3]]]),
        (np.array([[1, 2], [3, 4]]), ["series"], [[[1, 2], [3, 4]]]),
        ({"a": [1, 2], "b": np.array([3.0, 4, 5])}, ["a", "b"], [[[1], [2]], [[3], [4], [5]]]),
        ({"a": [[1, 2], [3, 4]]}, ["a"], [[[1, 2], [3, 4]]]),
        (np.arange(8).reshape(2, 2, 2), ["1", "2"], [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]),
        (pd.Series([1.0, 2, 3]), ["y"], [[[1], [2], [3]]]),
        (pl.Series("sales", [1, 2]), ["sales"], [[[1], [2]]]),
        (pd.DataFrame({"p": [1, 2], "q": [3, 4]}), ["series"], [[[1, 3], [2, 4]]]),
    ],
)
def test_arrays_are_counted_in_steps(data: Any, ids: list[str], targets: list[Any]) -> None:
    panel = panel_from(data, config())
    assert panel.ids == ids
    assert [values.tolist() for values in panel.targets] == targets
    assert (panel.frequency.name, panel.starts) == ("step", [0] * len(ids))


@pytest.mark.parametrize(
    ("index", "name", "start"),
    [
        (pd.period_range("1949-01", periods=6, freq="M"), "MS", "1949-01-01"),
        (pd.period_range("2000Q1", periods=6, freq="Q"), "QS", "2000-01-01"),
        (pd.date_range("2020-01-05", periods=6, freq="W"), "W-SUN", "2020-01-05"),
        (pd.RangeIndex(3, 9), "step", "3"),
        (pd.Index([4, 6, 8, 10, 12, 14]), "2step", "4"),
        (["2020-01", "2020-02", "2020-03", "2020-04", "2020-05", "2020-06"], "MS", "2020-01-01"),
    ],
)
def test_a_pandas_index_is_the_time(index: Any, name: str, start: str) -> None:
    for data in (pd.Series(np.arange(6.0), index=index), pd.DataFrame({"v": np.arange(6.0)}, index=index)):
        panel = panel_from(data, config())
        assert panel.frequency.name == name
        assert panel.frequency.format(panel.starts[0]) == start
        assert panel.targets[0].ravel().tolist() == [0, 1, 2, 3, 4, 5]


def test_times_with_a_zone_are_counted_in_utc(tmp_path: Path) -> None:
    local = pd.date_range("2024-03-30 12:00", periods=48, freq="h", tz="Europe/Berlin")  # over the night it changes
    table = pd.DataFrame({"ds": local, "y": np.arange(48.0)})
    panel = panel_from(table, config())
    assert (panel.frequency.name, str(panel.times(0)[0])) == ("h", "2024-03-30T11:00:00")
    text = table.assign(ds=[time.isoformat() for time in local])
    assert panel_from(text, config()).fingerprint() == panel.fingerprint()
    text.to_csv(tmp_path / "t.csv", index=False)
    assert read_panel(tmp_path / "t.csv", config()).fingerprint() == panel.fingerprint()


def test_integers_that_could_be_years(tmp_path: Path) -> None:
    text = "ds,y\n1990,1\n1991,2\n"
    table = pd.DataFrame({"ds": [1990, 1991], "y": [1, 2]})
    assert read(tmp_path, text).frequency.name == "YS"
    assert panel_from(table, config()).frequency.name == "step"
    stepped = panel_from(table, config(frequency="step"))
    assert stepped.starts == [1990]
    assert read(tmp_path, text, frequency="step").fingerprint() == stepped.fingerprint()
    yearly = panel_from(table, config(frequency="YS"))
    assert yearly.fingerprint() == read(tmp_path, text).fingerprint()
    for panel in (stepped, yearly):
        again = panel_from(table, config(), frequency=panel.frequency)
        assert again.fingerprint() == panel.fingerprint()
    days = table.assign(ds=[20200228, 20200229])
    assert panel_from(days, config(frequency="D")).frequency.name == "D"


def test_rows_as_steps_of_a_file_without_times(tmp_path: Path) -> None:
    panel = read(tmp_path, "p,q\n1,5\n2,6\n", time_column="rows")
    assert (panel.frequency.name, panel.target_names) == ("step", ("p", "q"))
    assert read(tmp_path, "p\n1\n2\n").targets[0].ravel().tolist() == [1, 2]
    many = read(tmp_path, "unique_id,y\na,1\nb,5\na,2\nb,6\n", time_column="rows")
    assert [values.ravel().tolist() for values in many.targets] == [[1, 2], [5, 6]]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a,ds,y\n1,2,3\n", {"id_column": "shop"}, r"column 'shop'. Received: the columns 'a', 'ds', 'y'"),
        ("unique_id,ds,v\na,1,2\n", {}, r"column 'y' \(the option target_columns .*\). Received: the columns"),
        ("day,v\n2020-01-01,2\n", {"time_column": "ds"}, r"column 'ds'. Received: the columns 'day', 'v'"),
        ("ds,y\n1,2\n2,3\n", {"past_covariates": ("t",)}, r"column 't'. Received: the columns"),
        ("ds,y\n1,2\n2,3\n", {"past_covariates": ("y",)}, r"one of series, time, target .* Received: 'y' twice"),
        ("ds,y\n1,2\n2,two\n", {}, r"t\.csv, line 3: expected a number in the column 'y'. Received: 'two'"),
        ("ds,y\n1,2\n2,inf\n", {}, r"line 3: expected a number in the column 'y'. Received: 'inf'"),
        ("ds,y\n1,2\n2,1_0\n", {}, r"line 3: expected a number in the column 'y'. Received: '1_0'"),
        ("ds,v\n1,2\n2,3\n3,x\n", {}, r"line 4: expected a number in the column 'v'. Received: 'x'"),
        ("ds,y\n2020-01-01,2\nsoon,3\n", {}, r"line 3: expected a time in the column 'ds'.* Received: 'soon'"),
        ("ds,y\n2020-01-01,2\n,3\n", {}, r"line 3: expected a time.* Received: an empty cell"),
        ("a,b\n1,2\n3,4\n", {}, r"expected times in the first column.* Received: 'a' with '1'"),
        ("ds,note\n1,x\n2,y\n", {}, r"expected a column of numbers to forecast. Received: the columns"),
        ("ds,y\n1,2\n", {}, r"two times or more .* Received: 1 time$"),
        ("ds,y\n1,2\n2,3\n", {"frequency": "D"}, r"dates for the frequency D. Received: integers such as 1"),
        ("ds,y\n2020-01-01,2\n2020-01-02,3\n", {"frequency": "MS"}, r"line 3.*of the frequency MS, such as 2020-01-01"),
        ("ds,y\n1,\n2,\n", {}, r"expected a value in y. Received: none in the whole series"),
        ("ds,a,b\n1,1,\n2,2,\n", {"together": False, "target_columns": ("a", "b")},
         r"number in the column 'b'. Received: none"),
        ('ds,y\n1,"' + "9" * 10_000_000 + '"\n2,1\n', {},
         r"line 2: expected a number in the column 'y'. Received: '9{40}'"),
        ("unique_id,ds,y\na,1,2\na,2,3\n ,1,2\n,2,3\n", {},
         r"line 4: expected the name of a series in the column 'unique_id'. Received: none"),
        ("ds,y\n", {}, r"expected rows below the names"),
        ("ds,y\n1,2,3\n", {}, r"line 2: expected 2 cells, as above. Received: 3"),
        (LONG.replace("shop\na,2020-01-03", "web\na,2020-01-03"), {"static_columns": ("kind",)},
         r"line 3: the series 'a' at 2020-01-02: expected one value of the column 'kind'.* 'web' after 'shop'"),
        ("unique_id,ds,y,s\na,1,2,x\na,2,3,\n", {"static_columns": ("s",)},
         r"line 3: .* expected a value in the column 's'. Received: none"),
        ("unique_id,ds,y,s\na,1,2,5\na,2,3,\n", {"static_columns": ("s",)},
         r"line 3: .* expected a value in the column 's'. Received: none"),
        ("ds,y\n2020-01-01,2\n2020-01-02,3\n", {"frequency": "2step"}, r"step to count rows .* Received: 2step"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused_with_their_place(
    tmp_path: Path, content: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises((DataError, ConfigError), match=message) as caught:
        read(tmp_path, content, **options)
    assert "t.csv" in str(caught.value) or isinstance(caught.value, ConfigError)
    assert len(str(caught.value)) < 600 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pd.DataFrame({"ds": [1, 2], "y": [1.0, np.inf]}), r"data frame, row 2: expected a finite number.* inf"),
        (pd.DataFrame({"ds": [1, 2], "y": [1.0, "x"]}), r"row 2: expected a number in the column 'y'. Received: 'x'"),
        (pd.DataFrame({"ds": [1, 2], "y": [1.0, np.nan]}), r"row 2: the series 'y' at 2: expected a number.* none"),
        (pd.DataFrame({"ds": pd.to_datetime(["2020-01-01", None]), "y": [1, 2]}), r"row 2: .*Received: NaT"),
        (pd.DataFrame({"ds": pd.to_datetime(["2020-01-01 00:00:00.0", "2020-01-01 00:00:00.5"]), "y": [1, 2]}),
         r"whole seconds"),
        (pd.DataFrame({"unique_id": ["a", None], "ds": [1, 2], "y": [1, 2]}),
         r"row 2: expected a value in the column 'unique_id'"),
        (pd.DataFrame({"ds": [], "y": []}), r"expected rows. Received: none"),
        (pd.DataFrame([[1, 2]], columns=["y", "y"]), r"every column's name once"),
        (pl.DataFrame({"ds": [1, 2], "y": [1.0, None]}), r"row 2: .*expected a number.* none"),
        ([1.0, "x"], r"the array: expected numbers"),
        ([[1.0], [2.0, 3.0]], r"the array: expected numbers in rows of one width"),
        ([], r"the array: expected numbers of the shape .* Received: \(0,\)"),
        ({}, r"at least one series. Received: none"),
        ({"a": [1, 2], "b": [[1, 2], [3, 4]]}, r"the array 'b': expected the shape \[T\] or \[T, 1\]"),
        ({"a": [1, 2], "b": [1, np.inf]}, r"the array 'b', row 2: expected a finite number"),
        ({"a": [1, 2], "b": [np.nan, 1]}, r"the array 'b', row 1: the series 'b' at 0: expected a number"),
        (np.array([1j, 2]), r"the array: expected real numbers. Received: complex ones"),
        (pd.DataFrame({"ds": [1, 2], "y": [1j, 2]}), r"expected real numbers in the column 'y'. Received: complex"),
        ("text", r"data frame or series"),
        (7, r"data frame or series.* Received: int"),
    ],
)  # fmt: skip
def test_bad_frames_and_arrays_are_refused_with_their_place(data: Any, message: str) -> None:
    with pytest.raises((DataError, ConfigError), match=message):
        panel_from(data, config())


def test_the_encoder_of_another_panel(tmp_path: Path) -> None:
    panel = read(tmp_path, LONG, **ROLES)
    other = frame().query("unique_id == 'b'")
    again = panel_from(other, config(**ROLES), encoder=panel.encoder, frequency=panel.frequency)
    assert again.static.tolist() == [[4, 0, 1]]
    assert again.static_names == panel.static_names
    with pytest.raises(DataError, match=r"row 1: the series 'b' .* of the 2 known categories .* Received: 'wob'"):
        panel_from(other.assign(kind="wob"), config(**ROLES), encoder=panel.encoder)
    with pytest.raises(ConfigError, match=r"static columns \['size', 'kind'\] of the encoder. Received: \['size'\]"):
        panel_from(other, config(static_columns=("size",)), encoder=panel.encoder)


@pytest.mark.parametrize(
    ("name", "options", "frequency", "steps", "variables"),
    [
        ("airline-passengers.csv", {}, "MS", 144, 1),
        ("monthly-sunspots.csv", {}, "MS", 2820, 1),
        ("daily-min-temperatures.csv", {"missing": "interpolate"}, "D", 3652, 1),
        ("daily-min-temperatures.csv", {"frequency": "step"}, "step", 3650, 1),
        ("finance-charts-apple.csv", {"missing": "forward", "target_columns": ("AAPL.Close",)}, "B", 523, 1),
        ("ETTh1.csv", {}, "h", 17420, 7),
        ("stocks.csv", {"id_column": "symbol", "target_columns": ("price",), "time_format": "%b %d %Y"}, "MS", 123, 1),
        ("pollution.csv", {"time_parts": ("year", "month", "day", "hour"), "target_columns": ("pm2.5",),
                           "past_covariates": ("TEMP", "PRES"), "missing": "mask"}, "h", 43824, 1),
    ],
)  # fmt: skip
def test_well_known_series(
    name: str,
    options: dict[str, Any],
    frequency: str,
    steps: int,
    variables: int,
    shared_data: Callable[[str], Path],
) -> None:
    panel = read_panel(shared_data(f"timeseries/{name}"), config(**options))
    assert panel.frequency.name == frequency
    assert panel.targets[0].shape == (steps, variables)
    assert np.isnan(panel.targets[0]).any() == (options.get("missing") == "mask")
