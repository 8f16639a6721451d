"""The picture of attention: what is drawn where, names that need care, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from elman.errors import ConfigError, DataError, ShapeError
from elman.plots.attention import draw_attention

SOURCE, WRITTEN = ["die", "kuh", "rennt", "[EOS]"], ["the", "cow", "runs"]
WEIGHTS = np.array([[0.9, 0.1, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.6, 0.4]])


def test_a_picture_has_every_token(tmp_path: Path) -> None:
    draw_attention(WEIGHTS, SOURCE, WRITTEN, tmp_path / "a.svg", title="from $ to €")
    drawing = (tmp_path / "a.svg").read_text()
    assert all(f"<!-- {token} -->" in drawing for token in (*SOURCE, *WRITTEN))
    assert "<!-- from $ to € -->" in drawing
    draw_attention(WEIGHTS, SOURCE, WRITTEN, tmp_path / "b.svg", title="from $ to €")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_darker_is_more(tmp_path: Path) -> None:
    """The centre of gravity of black moves with the weight, down with what is written and right with the source."""
    middles = []
    for place in ((0, 0), (3, 5)):
        weights_TS = np.zeros((4, 6))
        weights_TS[place] = 1.0
        draw_attention(weights_TS, ["a"] * 6, ["a"] * 4, tmp_path / "a.png")
        middles.append(imread(tmp_path / "a.png")[..., 0].astype(float))
    change = middles[1] - middles[0]  # brighter where the first was dark, darker where the second is
    rows, columns = np.indices(change.shape)
    first, second = np.maximum(change, 0), np.maximum(-change, 0)
    assert (first * rows).sum() / first.sum() < (second * rows).sum() / second.sum()
    assert (first * columns).sum() / first.sum() < (second * columns).sum() / second.sum()


@pytest.mark.parametrize(("written", "source"), [(1, 1), (1, 200), (150, 3)])
def test_any_size_stays_a_picture(tmp_path: Path, written: int, source: int) -> None:
    weights_TS = np.full((written, source), 1 / source)
    draw_attention(weights_TS, ["word"] * source, ["語$\n" * 20] * written, tmp_path / "a.png")
    height, width = imread(tmp_path / "a.png").shape[:2]
    assert 100 < width <= 2000
    assert 100 < height <= 2000


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"3 tokens over 2 source tokens\. Received: shape \(3, 4\)"):
        draw_attention(WEIGHTS, ["a", "b"], WRITTEN, tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"\.png or \.svg\. Received: .*a\.jpg"):
        draw_attention(WEIGHTS, SOURCE, WRITTEN, tmp_path / "a.jpg")
    with pytest.raises(DataError, match="NaN or infinity"):
        draw_attention(WEIGHTS * np.nan, SOURCE, WRITTEN, tmp_path / "a.png")
    with pytest.raises(DataError, match="at least one token on both sides"):
        draw_attention(np.zeros((0, 4)), SOURCE, [], tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
