"""Columns of series by name: frames as files, levels of an index, columns without a name, and the column of times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from elman.data.panel import Panel, PanelConfig, panel_from, read_panel
from elman.errors import DataError
from elman.options import fill

DAYS = pd.date_range("2024-01-01", periods=6)


def config(**options: Any) -> PanelConfig:
    return fill(PanelConfig, options)


def in_every_form(frame: pd.DataFrame, folder: Path, **options: Any) -> list[Panel]:
    """The panel of a file, and those of the frames that pandas and polars read from it."""
    path = folder / "t.csv"
    frame.to_csv(path, index=False)
    frames = (pd.read_csv(path), pl.read_csv(path), frame)
    return [read_panel(path, config(**options)), *(panel_from(each, config(**options)) for each in frames)]


def stores() -> pd.DataFrame:
    days = DAYS.strftime("%Y-%m-%d").tolist()
    return pd.DataFrame({"store": ["A"] * 6 + ["B"] * 6, "date": days * 2, "sales": np.arange(12.0)})


def test_a_frame_of_several_stores_is_refused_as_its_file_is(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    stores().to_csv(path, index=False)
    message = "expected times in the first column, or their column by time_column .* id_column"
    with pytest.raises(DataError, match=message):
        read_panel(path, config())
    dates = stores().assign(date=pd.to_datetime(stores()["date"]))
    for frame in (stores(), dates, pl.DataFrame(stores().to_dict("list")), stores()[["sales", "date", "store"]]):
        with pytest.raises(DataError, match=message):
            panel_from(frame, config())
    with pytest.raises(DataError, match=r"Received: 'sales' with '' first, and texts in 'store'"):
        panel_from(stores()[["sales", "store"]], config())
    named = config(id_column="store", time_column="date", target_columns=("sales",))
    assert panel_from(stores(), named).ids == ["A", "B"]
    assert panel_from(stores(), named).fingerprint() == read_panel(path, named).fingerprint()


@pytest.mark.parametrize("names", [["date", "a", "b"], ["a", "date", "b"], ["b", "a", "date"]])
def test_times_in_any_column(names: list[str], tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "a": np.arange(6.0), "b": np.arange(6.0) * 7})[names]
    for panel in in_every_form(frame, tmp_path):
        assert panel.frequency.name == "D"
        assert panel.target_names == tuple(name for name in names if name != "date")
        assert panel.targets[0][:, panel.target_names.index("b")].tolist() == [0, 7, 14, 21, 28, 35]


def test_columns_of_several_files_go_by_name(tmp_path: Path) -> None:
    one = pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "a": np.arange(6.0), "b": np.arange(6.0) * 7})
    one.to_csv(tmp_path / "1.csv", index=False)
    one[["date", "b", "a"]].to_csv(tmp_path / "2.csv", index=False)
    panel = read_panel(tmp_path, config())
    assert (panel.targets[0] == panel.targets[1]).all()


@pytest.mark.parametrize("index", [None, [5, 7, 3, 1, 2, 4]])
def test_row_numbers_without_a_name_are_no_series(index: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "a": np.arange(6.0), "b": np.arange(6.0)}, index=index)
    path = tmp_path / "t.csv"
    frame.to_csv(path)
    for panel in (read_panel(path, config()), panel_from(pd.read_csv(path), config())):
        assert (panel.target_names, panel.frequency.name) == (("a", "b"), "D")
    frame.rename(columns={"date": "ds"}).to_csv(path)
    assert read_panel(path, config()).target_names == ("a", "b")
    dated = frame.set_index("date").rename_axis(None)
    dated.to_csv(path)
    for panel in (read_panel(path, config()), panel_from(pd.read_csv(path), config())):
        assert (panel.target_names, panel.frequency.name) == (("a", "b"), "D")


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        (["ds", "unique_id"], {}),
        (["unique_id", "ds"], {}),
        (["day", "shop"], {}),
        (["shop", "day"], {}),
        ([None, None], {}),
        (["day", "unique_id"], {}),
        (["day", "shop"], {"id_column": "shop", "time_column": "day"}),
        (["shop", "day"], {"id_column": "shop", "time_column": "day"}),
    ],
)
@pytest.mark.parametrize("times", ["dates", "texts", "periods"])
def test_levels_of_an_index_go_by_name(levels: list[str | None], names: dict[str, str], times: str) -> None:
    days: Any = {"dates": DAYS, "texts": DAYS.strftime("%Y-%m-%d"), "periods": DAYS.to_period("D")}[times]
    day_first = levels[0] in ("ds", "day", None)
    values = [days, ["p", "q"]] if day_first else [["p", "q"], days]
    index = pd.MultiIndex.from_product(values, names=levels)
    frame = pd.DataFrame({"y": np.arange(12.0)}, index=index)
    panel = panel_from(frame, config(**names, target_columns=("y",)))
    assert panel.ids == ["p", "q"]
    assert panel.targets[0].ravel().tolist() == ([0, 2, 4, 6, 8, 10] if day_first else [0, 1, 2, 3, 4, 5])
    assert panel.frequency.name == "D"


def test_levels_of_integers_are_series_and_time_unless_they_have_names() -> None:
    index = pd.MultiIndex.from_product([[7, 8, 9], [1, 2]], names=["ds", "unique_id"])
    assert panel_from(pd.DataFrame({"y": np.arange(6.0)}, index=index), config()).ids == ["1", "2"]
    unnamed = index.rename([None, None])
    assert panel_from(pd.DataFrame({"y": np.arange(6.0)}, index=unnamed), config()).ids == ["7", "8", "9"]
    both = pd.DataFrame({"y": np.arange(6.0), "ds": 1}, index=index)
    with pytest.raises(DataError, match=r"expected 'ds' in the index or in a column. Received: in both"):
        panel_from(both, config())


def test_an_index_of_the_series() -> None:
    frame = pd.DataFrame({"unique_id": ["p"] * 6 + ["q"] * 6, "ds": [*DAYS, *DAYS], "y": np.arange(12.0)})
    assert panel_from(frame.set_index("unique_id"), config()).fingerprint() == panel_from(frame, config()).fingerprint()
    named = config(time_column="date")
    dated = pd.DataFrame({"a": np.arange(6.0)}, index=DAYS.rename("date"))
    assert panel_from(dated, named).frequency.name == "D"


def test_an_index_of_three_levels_is_refused_with_what_to_do() -> None:
    levels = pd.MultiIndex.from_product([["x"], ["p", "q"], DAYS], names=["land", "unique_id", "ds"])
    frame = pd.DataFrame({"y": np.arange(12.0)}, index=levels)
    message = r"reset_index\(\) makes columns of the levels, which the options id_column and time_column name. "
    for data in (frame, {"a": frame}):
        with pytest.raises(DataError, match=message + r"Received: 3 levels \('land', 'unique_id', 'ds'\)"):
            panel_from(data, config())
    assert panel_from(frame.reset_index(), config()).ids == ["p", "q"]


def test_three_levels_of_columns_are_joined() -> None:
    frame = pd.DataFrame({("a", "b", "c"): np.arange(6.0), ("a", "b", "d"): np.arange(6.0)}, index=DAYS)
    assert panel_from(frame, config()).target_names == ("a/b/c", "a/b/d")


def test_a_column_without_a_name_that_an_option_names_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Unnamed: 0": np.arange(6.0), "ds": DAYS.strftime("%Y-%m-%d"), "a": np.arange(6.0) * 2})
    for panel in in_every_form(frame, tmp_path, target_columns=("a", "Unnamed: 0")):
        assert panel.targets[0][:, 1].tolist() == [0, 1, 2, 3, 4, 5]
    for panel in in_every_form(frame, tmp_path, target_columns=("a",), past_covariates=("Unnamed: 0",)):
        assert panel.past[0][:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    frame.rename(columns={"Unnamed: 0": ""}).to_csv(tmp_path / "t.csv", index=False)
    panel = read_panel(tmp_path / "t.csv", config(target_columns=("",)))
    assert panel.targets[0][:, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_two_levels_of_columns_are_joined() -> None:
    frame = pd.DataFrame({("Close", "X"): np.arange(6.0), ("Open", "X"): np.arange(6.0) * 2}, index=DAYS)
    panel = panel_from(frame, config())
    assert (panel.target_names, panel.frequency.name) == (("Close/X", "Open/X"), "D")
    flat = panel_from(frame.rename_axis("Date").reset_index(), config())
    assert flat.fingerprint() == panel.fingerprint()
