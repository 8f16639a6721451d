"""Attention drawn over an image: colour where the weight is, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elman.errors import ConfigError, DataError, ShapeError
from elman.plots.image_attention import draw_image_attention


def orange(path: Path) -> np.ndarray:
    """The columns of a picture in which the colour of weight stands, as shares of its width."""
    from matplotlib.image import imread

    pixels = imread(path)[..., :3]
    found = (pixels[..., 0] > 0.6) & (pixels[..., 2] < 0.45)
    return np.flatnonzero(found.any(axis=0)) / pixels.shape[1]


def test_the_colour_stands_where_the_weight_is(tmp_path: Path) -> None:
    image = np.zeros((8, 16, 1), dtype=np.uint8)
    centres = []
    for place in (0, 3):
        weights = np.zeros((1, 8))
        weights[0, place] = 0.9
        draw_image_attention(weights, (2, 4), ["one"], tmp_path / f"{place}.png", pixels=image, cell=4)
        columns = orange(tmp_path / f"{place}.png")
        assert len(columns)
        assert columns.max() - columns.min() < 0.2  # a quarter of one of two panels
        centres.append(columns.mean())
    assert centres[1] > centres[0] + 0.2
    assert min(centres) > 0.5  # the first panel is the image alone


def test_maps_without_an_image_colours_and_many_tokens(tmp_path: Path) -> None:
    weights = np.full((100, 6), 1 / 6)
    draw_image_attention(weights, (1, 6), ["$x_1$\n"] * 100, tmp_path / "many.svg", title="a $ title")
    assert "the first 59 of 100 tokens" in (tmp_path / "many.svg").read_text().replace("&#", "")
    pixels = np.random.default_rng(0).normal(size=(6, 4, 3))
    draw_image_attention(np.zeros((2, 1)), (1, 1), ["a", "b"], tmp_path / "a.png", pixels=pixels)
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("weights", "places", "written", "options", "error", "message"),
    [
        (np.ones((1, 4)), (2, 3), ["a"], {}, ShapeError, r"over 2 x 3 places\. Received: shape \(1, 4\)"),
        (np.ones((2, 6)), (2, 3), ["a"], {}, ShapeError, "weights of 1 tokens"),
        (np.ones((0, 6)), (2, 3), [], {}, DataError, "at least one token"),
        (np.full((1, 6), np.nan), (2, 3), ["a"], {}, DataError, "NaN"),
        (np.ones((1, 6)), (2, 3), ["a"], {"pixels": np.ones((3, 3))}, ShapeError, "expected pixels"),
    ],
)
def test_what_is_not_drawn(
    weights: np.ndarray,
    places: tuple[int, int],
    written: list[str],
    options: dict[str, object],
    error: type[Exception],
    message: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=message):
        draw_image_attention(weights, places, written, tmp_path / "a.png", **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"\.png or \.svg"):
        draw_image_attention(weights, places, written, tmp_path / "a.jpg")
