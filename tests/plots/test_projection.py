"""Pictures of projected words: labels that cover nothing, and the files of TensorBoard's projector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elman.errors import ConfigError
from elman.plots.projection import draw_projection, place_labels, projector_files


def boxes_overlap(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a[:2] < b[2:]).all() and (b[:2] < a[2:]).all())


@pytest.mark.parametrize("count", [2, 40, 300])
def test_labels_cover_neither_each_other_nor_points(count: int) -> None:
    random = np.random.default_rng(count)
    points = random.uniform(50, 750, size=(count, 2))
    points[1] = points[0]
    sizes = np.column_stack([random.uniform(20, 90, count), np.full(count, 12.0)])
    corners = place_labels(points, sizes, (0, 0, 800, 800))
    placed = [np.array([*corner, *(corner + size)]) for corner, size in zip(corners, sizes, strict=True) if corner]
    assert len(placed) >= {2: 2, 40: 40, 300: 150}[count]
    for number, box in enumerate(placed):
        assert (box[:2] >= 0).all()
        assert (box[2:] <= 800).all()
        assert not any(boxes_overlap(box, other) for other in placed[:number])
        assert not any((box[:2] < point).all() and (point < box[2:]).all() for point in points)


def test_labels_without_space() -> None:
    assert place_labels(np.array([[5.0, 5.0]]), np.array([[50.0, 10.0]]), (0, 0, 20, 20)) == [None]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture(tmp_path: Path, suffix: str) -> None:
    coordinates = np.random.default_rng(0).normal(size=(12, 2))
    words = ["$x$", "日本", "a" * 60, "new\nline", *(f"w{row}" for row in range(8))]
    path = tmp_path / f"words{suffix}"
    assert draw_projection(words, coordinates, path, title="12 words") == 0
    content = path.read_bytes()
    draw_projection(words, coordinates, path, title="12 words")
    assert path.read_bytes() == content
    if suffix == ".svg":
        assert b"<!-- w7 -->" in content
    assert draw_projection([f"word{row}" for row in range(60)], np.zeros((60, 2)), path) > 0


def test_another_suffix(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"end in \.png or \.svg"):
        draw_projection(["a"], np.zeros((1, 2)), tmp_path / "a.pdf")


def test_files_of_the_projector() -> None:
    vectors, metadata = projector_files(["a", "b\tc\n"], np.array([[0.1, 2], [-3, 1e-8]]))
    assert vectors == "0.1\t2.0\n-3.0\t1e-08\n"
    assert metadata == "a\nb c \n"
