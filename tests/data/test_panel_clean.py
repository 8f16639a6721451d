"""Order, duplicates, gaps and empty cells: handled as the options say, and otherwise refused with a clear message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from elman.data.panel import Panel, PanelConfig, future_from, panel_from, read_panel
from elman.errors import DataError
from elman.options import fill

NAN = float("nan")


def config(**options: Any) -> PanelConfig:
    return fill(PanelConfig, options)


def rows(*found: tuple[str, str, float], **more: list[float]) -> pd.DataFrame:
    table = pd.DataFrame(found, columns=["unique_id", "ds", "y"])
    return table.assign(**more)


def values(panel: Panel) -> list[list[float]]:
    return [series.ravel().tolist() for series in panel.targets]


SHUFFLED = rows(
    ("a", "2020-01-02", 2),
    ("b", "2020-01-01", 7),
    ("a", "2020-01-01", 1),
    ("b", "2020-01-02", 8),
    ("a", "2020-01-03", 3),
)


def test_order() -> None:
    with pytest.raises(DataError) as caught:
        panel_from(SHUFFLED, config())
    assert str(caught.value) == (
        "the data frame, row 3: the series 'a' at 2020-01-01: expected times in order, or the option sort=sort. "
        "Received: a time after 2020-01-02"
    )
    assert values(panel_from(SHUFFLED, config(sort="sort"))) == [[1, 2, 3], [7, 8]]


TWICE = rows(
    ("a", "2020-01-01", 1),
    ("a", "2020-01-02", 2),
    ("a", "2020-01-02", 4),
    ("a", "2020-01-02", NAN),
    ("a", "2020-01-03", 3),
    x=[1.0, 2.0, 6.0, 7.0, 9.0],
)


def test_duplicates_are_refused_by_default() -> None:
    message = (
        r"row 3: the series 'a' at 2020-01-02: expected each time once, or the option duplicates=first, last, mean or "
        r"sum\. Received: this time twice \(2 rows"
    )
    with pytest.raises(DataError, match=message):
        panel_from(TWICE, config())


@pytest.mark.parametrize(("duplicates", "y", "x"), [("first", 2, 2), ("last", 0, 7), ("mean", 3, 5), ("sum", 6, 5)])
def test_duplicates_as_reported(duplicates: str, y: float, x: float) -> None:
    options = config(duplicates=duplicates, past_covariates=("x",), missing="zero")
    panel = panel_from(TWICE, options)
    assert values(panel) == [[1, y, 3]]
    assert panel.past[0].ravel().tolist() == [1, x, 9]


GAPS = rows(
    ("a", "2020-01-01", 1), ("a", "2020-01-02", 2), ("a", "2020-01-03", NAN), ("a", "2020-01-06", 8),
    ("b", "2020-01-05", 5), ("b", "2020-01-06", 6), ("b", "2020-01-07", 7), ("b", "2020-01-08", NAN),
)  # fmt: skip


def test_gaps_are_refused_by_default() -> None:
    with pytest.raises(DataError) as caught:
        panel_from(GAPS, config())
    assert str(caught.value) == (
        "the data frame, row 4: the series 'a' at 2020-01-06: expected a row for 2020-01-04 before it, or the option "
        "missing=interpolate, forward, zero or mask (frequency=step to count rows alone). Received: 2020-01-03 before "
        "it (2 steps of D are missing in all)"
    )
    whole = GAPS[GAPS["unique_id"] == "b"]
    message = (
        r"row 4: the series 'b' at 2020-01-08: expected a number in the column 'y', or the option missing=.* "
        r"Received: none \(1 are missing in all\)"
    )
    with pytest.raises(DataError, match=message):
        panel_from(whole, config())


@pytest.mark.parametrize(
    ("missing", "a", "b"),
    [
        ("interpolate", [1, 2, 3.5, 5, 6.5, 8], [5, 6, 7, 7]),
        ("forward", [1, 2, 2, 2, 2, 8], [5, 6, 7, 7]),
        ("zero", [1, 2, 0, 0, 0, 8], [5, 6, 7, 0]),
        ("mask", [1, 2, NAN, NAN, NAN, 8], [5, 6, 7, NAN]),
    ],
)
def test_gaps_as_reported(missing: str, a: list[float], b: list[float]) -> None:
    found = panel_from(GAPS, config(missing=missing))
    for series, expected in zip(values(found), (a, b), strict=True):
        np.testing.assert_array_equal(series, expected)
    assert found.lengths.tolist() == [6, 4]
    assert ("masked values", "4") in found.summary() or missing != "mask"


def test_interpolation_is_pandas_own() -> None:
    rng = np.random.default_rng(0)
    y = pd.Series(rng.normal(size=200), index=pd.date_range("2020-01-01", periods=200, freq="h"))
    y[rng.random(200) < 0.3] = NAN
    y.iloc[[0, -1]] = 1.0
    kept = y[(rng.random(200) < 0.85) | (np.arange(200) % 199 == 0)]
    for missing, judge in (("interpolate", "interpolate"), ("forward", "ffill")):
        found = panel_from(kept, config(missing=missing, frequency="h"))
        expected = getattr(kept.reindex(y.index), judge)()
        np.testing.assert_allclose(found.targets[0].ravel(), expected, rtol=1e-12)


def test_masked_targets_have_whole_covariates() -> None:
    table = GAPS[:4].assign(x=[1.0, NAN, 3.0, 6.0], z=[0.0, 1.0, 2.0, 5.0])
    found = panel_from(table, config(frequency="D", missing="mask", past_covariates=("x",),
                                      future_covariates=("z",)))  # fmt: skip
    assert found.past[0].ravel().tolist() == [1, 1, 3, 3, 3, 6]
    assert found.future[0].ravel().tolist() == [0, 1, 2, 3, 4, 5]


def test_what_cannot_be_filled_is_refused() -> None:
    late = rows(("a", "1", NAN), ("a", "2", 2), ("a", "3", 3))
    with pytest.raises(DataError, match=r"row 1: the series 'a' at 1: expected a first value to carry forward"):
        panel_from(late, config(missing="forward"))
    empty = rows(("a", "1", 1), ("a", "2", 2), x=[NAN, NAN])
    with pytest.raises(DataError, match=r"expected a value in the column 'x'\. Received: none"):
        panel_from(empty, config(missing="interpolate", past_covariates=("x",)))
    wrong_year = rows(("a", "2020-01-01 00:00", 1), ("a", "2020-01-01 00:01", 2), ("a", "9020-01-01 00:00", 3))
    with pytest.raises(DataError, match=r"is a time or the frequency wrong\? Received: 3,\d{3},\d{3},\d{3} missing"):
        panel_from(wrong_year, config(missing="zero", frequency="min"))


def test_what_is_filled_beside_a_mask_knows_nothing_of_what_comes_later() -> None:
    days = pd.date_range("2020-01-01", periods=5)
    for later in (4.0, 400.0):
        frame = pd.DataFrame({"ds": days, "y": [1.0, NAN, 3.0, 4.0, 5.0], "x": [NAN, 2.0, NAN, NAN, later]})
        found = panel_from(frame, config(missing="mask", target_columns=("y",), past_covariates=("x",)))
        assert found.past[0].ravel().tolist() == [2, 2, 2, 2, later]


def test_mixed_frequencies_of_series() -> None:
    hours = pd.DataFrame({"unique_id": "h", "ds": pd.date_range("2020-01-01", periods=30, freq="h"), "y": 1.0})
    days = pd.DataFrame({"unique_id": "d", "ds": pd.date_range("2020-01-01", periods=10, freq="D"), "y": 1.0})
    with pytest.raises(DataError, match=r"one frequency for all series.* mostly h, but D in the series 'd'"):
        panel_from(pd.concat([hours, days]), config(missing="mask"))


def test_counting_rows_needs_no_grid() -> None:
    prices = rows(("a", "2024-01-02", 1), ("a", "2024-01-05", 2), ("a", "2024-01-06", 3), ("b", "2024-01-09", 4))
    panel = panel_from(prices, config(frequency="step"))
    assert (values(panel), panel.starts, panel.frequency.name) == ([[1, 2, 3], [4]], [0, 0], "step")
    with pytest.raises(DataError, match="in order"):
        panel_from(prices[::-1], config(frequency="step"))


KNOWN = rows(
    ("a", "2020-01-01", 1), ("a", "2020-01-02", 2), ("a", "2020-01-03", NAN), ("a", "2020-01-04", NAN),
    ("b", "2020-01-01", 5), ("b", "2020-01-02", 6),
    promo=[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], heat=[1.0, 2.0, NAN, NAN, 3.0, 4.0],
)  # fmt: skip


def test_rows_without_targets_at_the_end_are_the_known_future() -> None:
    options = config(future_covariates=("promo",), past_covariates=("heat",))
    panel = panel_from(KNOWN, options)
    assert values(panel) == [[1, 2], [5, 6]]
    assert [series.ravel().tolist() for series in panel.future] == [[0, 1, 2, 3], [4, 5]]
    assert [series.ravel().tolist() for series in panel.past] == [[1, 2], [3, 4]]
    assert panel.ahead.tolist() == [2, 0]
    with pytest.raises(DataError, match=r"row 3: the series 'a' at 2020-01-03: expected a number in the column 'y'"):
        panel_from(KNOWN, config())
    holes = KNOWN.assign(promo=[0.0, 1.0, NAN, 3.0, 4.0, 5.0])
    with pytest.raises(DataError, match=r"row 3: .* expected a number in the column 'promo'"):
        panel_from(holes, options)


def test_more_future_from_another_table(tmp_path: Path) -> None:
    options = config(future_covariates=("promo",))
    panel = panel_from(KNOWN, options)
    ahead = pd.DataFrame(
        {
            "unique_id": ["b", "b", "b", "a"],
            "ds": ["2020-01-02", "2020-01-03", "2020-01-04", "2020-01-05"],
            "promo": [5.0, 6.0, 7.0, 8.0],
        }
    )
    longer = future_from(ahead, panel, options)
    assert [series.ravel().tolist() for series in longer.future] == [[0, 1, 2, 3, 8], [4, 5, 6, 7]]
    assert values(longer) == values(panel)
    path = tmp_path / "ahead.csv"
    ahead.to_csv(path, index=False)
    assert future_from(path, panel, options).fingerprint() == longer.fingerprint()
    with pytest.raises(DataError, match=r"a row for 2020-01-03 of the series 'b'\. Received: 2020-01-04"):
        future_from(ahead.drop(1), panel, options)
    with pytest.raises(DataError, match=r"only series that the panel has\. Received: 'c'"):
        future_from(ahead.assign(unique_id="c"), panel, options)
    with pytest.raises(DataError, match=r"row 4: the series 'a' .* column 'promo'\. Received: none"):
        future_from(ahead.assign(promo=[1.0, 1.0, 1.0, NAN]), panel, options)
    with pytest.raises(DataError, match=r"known ahead .* Received: none"):
        future_from(ahead, panel_from(KNOWN[:2], config()), config())


def test_one_future_for_all_columns_of_a_wide_table(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("day,p,q,hot\n2020-01-01,1,2,0\n2020-01-02,3,4,1\n")
    options = config(together=False, future_covariates=("hot",))
    panel = read_panel(path, options)
    ahead = pd.DataFrame({"day": ["2020-01-03", "2020-01-04"], "hot": [7.0, 8.0]})
    longer = future_from(ahead, panel, options)
    assert [series.ravel().tolist() for series in longer.future] == [[0, 1, 7, 8]] * 2
    counted = read_panel(path, config(together=False, future_covariates=("hot",), frequency="step"))
    after = future_from(ahead, counted, config(together=False, future_covariates=("hot",)))
    assert [series.ravel().tolist() for series in after.future] == [[0, 1, 7, 8]] * 2
