"""The picture of a forecast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.errors import ConfigError, ShapeError, StorageError
from elman.plots.forecast import draw_forecast

DARK, FORECAST, BASELINE = (0x22, 0x22, 0x22), (0xEE, 0x66, 0x77), (0xBB, 0x88, 0x22)


def arguments(variables: int | None = None, **changes: Any) -> dict[str, Any]:
    def shape(steps: int) -> tuple[int, ...]:
        return (steps,) if variables is None else (steps, variables)

    rng = np.random.default_rng(0)
    mean = rng.normal(size=shape(8))
    return {
        "history_times": np.datetime64("2020-01-01") + np.arange(40),
        "history": rng.normal(size=shape(40)),
        "times": np.datetime64("2020-02-10") + np.arange(8),
        "mean": mean,
        **changes,
    }


def picture_of(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return (imread(path)[..., :3] * 255).round().astype(int)


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == colour).all(-1).any())


def test_everything_that_is_given_is_drawn_and_nothing_else(tmp_path: Path) -> None:
    draw_forecast(tmp_path / "a.png", **arguments())
    bare = picture_of(tmp_path / "a.png")
    assert has(bare, DARK)
    assert has(bare, FORECAST)
    assert not has(bare, BASELINE)
    full = arguments(title="costs $5 to $6", name="$", truth=np.ones(8), baseline=("seasonal $ naive", np.zeros(8)))
    draw_forecast(tmp_path / "b.png", **full)
    assert has(picture_of(tmp_path / "b.png"), BASELINE)


def legend_of(path: Path) -> str:
    """The texts of an SVG; matplotlib writes each next to its outlines, as a comment."""
    return path.read_text(encoding="utf-8")


def test_the_legend_names_what_is_there(tmp_path: Path) -> None:
    mean = arguments()["mean"]
    levels = {80: (mean - 1, mean + 1), 97.5: (mean - 2, mean + 2)}
    draw_forecast(tmp_path / "a.svg", **arguments(intervals=levels, truth=mean, baseline=("drift", mean), name="speed"))
    text = legend_of(tmp_path / "a.svg")
    for label in ("history", "true values", "forecast", "97.5 % interval", "80 % interval", "drift", "speed"):
        assert f"<!-- {label} -->" in text, label
    draw_forecast(tmp_path / "b.svg", **arguments(baseline=mean))
    text = legend_of(tmp_path / "b.svg")
    assert "<!-- simple forecast -->" in text
    assert "interval" not in text
    assert "true values" not in text


def test_wider_intervals_cover_more(tmp_path: Path) -> None:
    mean, covered = arguments()["mean"], []
    for reach in (0.1, 1.0):
        draw_forecast(tmp_path / "a.png", **arguments(intervals={90: (mean - reach, mean + reach)}))
        picture = picture_of(tmp_path / "a.png")
        covered.append(int(((picture[..., 2] - picture[..., 0] > 20) & (picture[..., 0] > 150)).sum()))
    assert covered[1] > 2 * covered[0] > 0


@pytest.mark.parametrize(("variables", "panels"), [(1, 1), (3, 3), (6, 6), (9, 6)])
def test_a_panel_a_variable_up_to_six(variables: int, panels: int, tmp_path: Path) -> None:
    names = [f"variable {i}" for i in range(variables)]
    bounds = np.zeros((8, variables)), np.ones((8, variables))
    draw_forecast(tmp_path / "a.svg", **arguments(variables, name=names, intervals={80: bounds}))
    text = legend_of(tmp_path / "a.svg")
    assert [f"<!-- {name} -->" in text for name in names] == [i < panels for i in range(variables)]
    assert (f"the first 6 of {variables} variables" in text) is (variables > 6)


@pytest.mark.parametrize(
    "changes",
    [
        {"history_times": np.arange(40), "times": np.arange(40, 48)},
        {"history_times": np.arange(0), "history": np.zeros(0)},
        {"history": np.full(40, np.nan)},
        {"times": np.array(["2020-02-10"], "datetime64[ns]"), "mean": [1.0]},
        {"mean": np.full(8, np.nan), "truth": np.full(8, np.nan)},
    ],
    ids=["numbers as times", "no history", "unknown history", "one step", "gaps"],
)
def test_odd_series_are_drawn_too(changes: dict[str, Any], tmp_path: Path) -> None:
    draw_forecast(tmp_path / "a.png", **arguments(**changes))
    assert picture_of(tmp_path / "a.png").shape == (528, 1140, 3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"history": np.ones(39)}, r"history to have 40 steps\. Received: shape \(39,\)$"),
        ({"mean": np.ones((8, 2))}, r"mean to have 8 steps and 1 variables\. Received: shape \(8, 2\)$"),
        ({"truth": np.ones(9)}, r"truth to have 8 steps and 1 variables\. Received: shape \(9,\)$"),
        ({"baseline": np.ones(9)}, r"baseline to have 8 steps"),
        ({"intervals": {80: (np.ones(8), np.ones(7))}}, r"high of 80 % to have 8 steps"),
        ({"name": ["a", "b"]}, r"a name for each of 1 variables\. Received: 2$"),
        (
            {"times": ["today"] * 8},
            r"times to be one axis of numbers or datetime64\. Received: shape \(8,\), type <U5$",
        ),
    ],
)
def test_shapes_that_do_not_fit(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=said):
        draw_forecast(tmp_path / "a.png", **arguments(**changes))


def test_unusable_levels_and_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"between 0 and 100 percent\. Received: 100$"):
        draw_forecast(tmp_path / "a.png", **arguments(intervals={100: (np.ones(8), np.ones(8))}))
    with pytest.raises(ConfigError, match=r"\.png or \.svg\. Received: forecast\.gif$"):
        draw_forecast("forecast.gif", **arguments())
    with pytest.raises(StorageError, match="no-such-folder"):
        draw_forecast(tmp_path / "no-such-folder" / "a.png", **arguments())
