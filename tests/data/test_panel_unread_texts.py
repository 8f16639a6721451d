"""Texts in columns that are not read: the names of several series, or remarks on single rows."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from elman.data.panel import Frequency, Panel, PanelConfig, future_from, panel_from, read_panel
from elman.errors import DataError
from elman.options import fill

DAYS = pd.date_range("2024-01-01", periods=12).strftime("%Y-%m-%d").tolist()
REFUSED = (
    r"expected the names of the series in the column 'unique_id', or in the one that the option id_column names "
    r"\(id_column=none: all rows are one series\). Received: 'A', 'B' in the column 'store'"
)


def config(**options: Any) -> PanelConfig:
    return fill(PanelConfig, options)


def frame(store: list[str] | str, days: list[str] | None = None, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"ds": days or DAYS, "store": store, "y": np.arange(12.0), **columns})


def every_panel(data: pd.DataFrame, folder: Path, **options: Any) -> list[Panel]:
    """The panels of a file, and of the frames that pandas and polars read from it."""
    path = folder / "sales.csv"
    data.to_csv(path, index=False)
    return [
        read_panel(path, config(**options)),
        panel_from(pd.read_csv(path), config(**options)),
        panel_from(pl.read_csv(path), config(**options)),
    ]


FOLLOWING = frame(["A"] * 6 + ["B"] * 6)
REPEATED = frame(["A"] * 6 + ["B"] * 6, DAYS[:6] * 2)
MIXED = frame(["A", "B"] * 6, np.repeat(DAYS[:6], 2).tolist())
LAYOUTS: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
    "long": (FOLLOWING, {}),
    "the same times": (REPEATED, {}),
    "the same times, mixed": (MIXED, {}),
    "unsorted": (FOLLOWING[::-1], {"sort": "sort"}),
    "wide": (FOLLOWING.rename(columns={"y": "sales"}).assign(price=1.5), {}),
    "the option": (FOLLOWING.rename(columns={"ds": "day"}), {"time_column": "day"}),
    "first column": (FOLLOWING.rename(columns={"ds": "day", "y": "sales"}), {}),
    "rows": (FOLLOWING, {"time_column": "rows", "layout": "long"}),
    "each column": (FOLLOWING.rename(columns={"y": "sales"}).assign(price=1.5), {"together": False}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_series_that_only_a_column_of_texts_tells_apart_are_refused(layout: str, tmp_path: Path) -> None:
    data, options = LAYOUTS[layout]
    message = REFUSED.replace("'A', 'B'", "'B', 'A'") if layout == "unsorted" else REFUSED
    path = tmp_path / "sales.csv"
    data.to_csv(path, index=False)
    with pytest.raises(DataError, match=rf"sales\.csv: {message}"):
        read_panel(path, config(**options))
    for own in (pd.read_csv(path), pl.read_csv(path), pd.read_csv(path).astype({"store": "category"})):
        with pytest.raises(DataError, match=f"the data frame: {message}"):
            panel_from(own, config(**options))
    if layout == "rows":
        return
    targets = tuple(name for name in data.columns if name not in ("ds", "day", "store"))
    named = {"id_column": "store", "target_columns": targets, "layout": "long", **options}
    named = {name: value for name, value in named.items() if name != "together"}
    for panel in every_panel(data, tmp_path, **named):
        assert sorted(panel.ids) == ["A", "B"]
        assert panel.lengths.tolist() == [6, 6]


def test_an_index_of_times_is_looked_at_too() -> None:
    with pytest.raises(DataError, match=REFUSED):
        panel_from(FOLLOWING.set_index(pd.to_datetime(FOLLOWING["ds"])).drop(columns="ds"), config())


def test_id_column_none_says_that_there_is_one_series(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for panel in every_panel(FOLLOWING, tmp_path, id_column="none"):
        assert panel.ids == ["y"]
        assert panel.lengths.tolist() == [12]
    assert not caplog.messages
    with pytest.raises(DataError, match="expected times in order"):
        panel_from(REPEATED, config(id_column="none"))
    own = REPEATED.rename(columns={"store": "none"})
    assert panel_from(own, config(id_column="none")).ids == ["A", "B"]


def test_other_texts_are_remarked_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    week = frame(["Mon", "Tue", "Wed", "Mon", "Tue", "Wed"] * 2)
    with caplog.at_level(logging.WARNING, "elman.data"):
        for panel in every_panel(week, tmp_path):
            assert panel.ids == ["y"]
    assert len(caplog.messages) == 3
    assert caplog.messages[1] == (
        "the data frame: the texts in the column 'store' ('Mon', 'Tue' and 1 more) are not read, and all rows are one "
        "series; id_column=store takes them as the names of series, id_column=none says that there is one"
    )


@pytest.mark.parametrize("options", [{"duplicates": "sum", "sort": "sort"}, {"duplicates": "first", "sort": "sort"}])
def test_duplicates_that_an_option_joins_are_joined(options: Any, caplog: pytest.LogCaptureFixture) -> None:
    panel = panel_from(REPEATED, config(**options))
    assert panel.lengths.tolist() == [6]
    assert panel.targets[0][0, 0] == (6.0 if options["duplicates"] == "sum" else 0.0)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    "texts",
    [
        "A",
        [f"row {number}" for number in range(12)],
        ["", *["Christmas"] * 5, *["Easter"] * 6],
        ["true"] * 6 + ["false"] * 6,
        ["2024-01"] * 6 + ["2024-02"] * 6,
        ["1,5"] * 6 + ["2,5"] * 6,
        ["7"] * 6 + ["8"] * 6,
    ],
)
def test_texts_that_cannot_be_names_are_left_in_peace(
    texts: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for panel in every_panel(frame(texts), tmp_path):
        assert panel.ids == ["y"]
    assert not caplog.messages


def test_columns_with_a_role_are_not_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    assert panel_from(FOLLOWING, config(id_column="store")).ids == ["A", "B"]
    with pytest.raises(DataError, match="expected one value of the column 'store'"):
        panel_from(FOLLOWING, config(static_columns=("store",)))
    assert not caplog.messages


def test_whole_numbers_that_tell_times_apart_are_named(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    data = REPEATED.assign(store=[7] * 6 + [8] * 6)
    data.to_csv(path, index=False)
    message = REFUSED.replace("'A', 'B'", "'7', '8'")
    for read in (lambda: read_panel(path, config()), lambda: panel_from(data, config())):
        with pytest.raises(DataError, match=message):
            read()
    for panel in every_panel(FOLLOWING.assign(store=[7] * 6 + [8] * 6), tmp_path):
        assert panel.ids == ["y"]


def test_times_that_no_column_tells_apart_are_the_usual_error() -> None:
    with pytest.raises(DataError, match=r"expected times in order, or the option sort=sort"):
        panel_from(frame(["A", "B"] * 6, DAYS[:6] * 2)[::-1], config())


def test_a_trained_model_is_warned(caplog: pytest.LogCaptureFixture) -> None:
    """Series of a model are read as before: it may have been trained by an earlier version."""
    daily = Frequency.named("D")
    panel = panel_from(FOLLOWING, config(), frequency=daily, encoder=())
    assert panel.lengths.tolist() == [12]
    assert len(caplog.messages) == 1
    with pytest.raises(DataError, match=REFUSED):
        panel_from(REPEATED, config(), frequency=daily, encoder=())
    ahead = panel_from(frame("A", x=1.0), config(future_covariates=("x",)))
    later = FOLLOWING.assign(ds=pd.date_range("2024-01-13", periods=12), x=2.0)
    assert future_from(later, ahead, config(future_covariates=("x",))).ahead.tolist() == [12]
    assert len(caplog.messages) == 2
