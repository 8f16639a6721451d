"""Confusion matrices, judged by scikit-learn; their text and their picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from elman.errors import ConfigError, DataError, ShapeError
from elman.metrics.confusion import class_report, confusion_matrix, confusion_text, summary
from elman.plots.confusion import draw_confusion

pairs = st.integers(2, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=40),
    )
)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_all_figures_are_scikit_learns(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    classes, both = drawn
    truth, predicted = np.array(both).T
    matrix = confusion_matrix(truth, predicted, classes)
    labels = range(classes)
    assert np.array_equal(matrix, metrics.confusion_matrix(truth, predicted, labels=labels))
    figures = class_report(matrix, [f"class {i}" for i in labels])
    expected = metrics.precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    for i, row in enumerate(zip(*expected, strict=True)):
        assert figures[i][1:] == pytest.approx(row)
        assert figures[i].name == f"class {i}"
    total = summary(matrix)
    assert total.accuracy == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert total.macro_f1 == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))
    assert total.weighted_f1 == pytest.approx(metrics.f1_score(truth, predicted, average="weighted"))
    assert total.support == len(both)


def test_no_examples_at_all() -> None:
    matrix = confusion_matrix([], [], 2)
    assert matrix.tolist() == [[0, 0], [0, 0]]
    assert summary(matrix) == (0, 0, 0, 0)
    assert class_report(matrix, ["a", "b"])[0] == ("a", 0, 0, 0, 0)


class TestText:
    def test_rows_are_the_truth(self) -> None:
        text = confusion_text([[50, 3], [0, 12345]], ["neg", "pos"])
        assert text.splitlines() == [
            "     neg  pos",
            "neg   50    3",
            "pos    .  12k",
            "rows: the true class; columns: the predicted one",
        ]

    def test_long_names_become_numbers_across(self) -> None:
        names = [f"a long name of class {i}" for i in range(9)]
        lines = confusion_text(np.eye(9, dtype=int) * 7, names).splitlines()
        assert lines[0].split() == [str(i + 1) for i in range(9)]
        assert lines[3] == "3 a long name of class 2  .  .  7" + "  ." * 6

    def test_many_classes_become_a_list_of_the_most_confused(self) -> None:
        matrix = np.diag([10] * 30)
        matrix[4, 7], matrix[29, 0], matrix[1, 2] = 30, 5, 6
        lines = confusion_text(matrix, [f"c{i}" for i in range(30)]).splitlines()
        assert [line.split() for line in lines] == [
            ["true", "class", "predicted", "class", "count", "share"],
            ["c4", "c7", "30", "75.0%"],
            ["c1", "c2", "6", "37.5%"],
            ["c29", "c0", "5", "33.3%"],
        ]

    def test_no_error_among_many_classes_is_reported(self) -> None:
        assert confusion_text(np.eye(21, dtype=int), [str(i) for i in range(21)]) == "no misclassified examples"

    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 25), st.integers(50, 120), st.integers(0, 10**8))
    def test_no_line_is_too_long(self, classes: int, width: int, size: int) -> None:
        names = ["class " * (i + 1) for i in range(classes)]
        matrix = np.random.default_rng(classes).integers(0, size + 1, (classes, classes))
        lines = confusion_text(matrix, names, width=width).splitlines()
        assert max(map(len, lines)) <= max(width, 48)

    def test_wide_signs_keep_their_columns_and_control_signs_are_masked(self) -> None:
        from rich.cells import cell_len

        lines = confusion_text([[1, 2], [3, 4]], ["中文", "a\x1b[31m"]).splitlines()
        assert len({cell_len(line) for line in lines[:3]}) == 1
        assert "\x1b" not in "".join(lines)


def picture_of(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return (imread(path)[..., :3] * 255).round().astype(int)


def test_the_picture_shows_the_matrix(tmp_path: Path) -> None:
    names = ["neg", "$5 or $10", "中"]
    draw_confusion(np.diag([9, 9, 9]), names, tmp_path / "right.png", title="a $ and a $")
    draw_confusion(np.roll(np.diag([9, 9, 9]), 1, axis=1), names, tmp_path / "wrong.png", title="a $ and a $")
    right, wrong = picture_of(tmp_path / "right.png"), picture_of(tmp_path / "wrong.png")
    assert right.shape == wrong.shape
    full = (8, 48, 107)  # the darkest of the blues: all of a row
    places = [np.argwhere((image == full).all(-1))[:, :2] for image in (right, wrong)]
    # On a diagonal, dark cells fall from left to right; the colour bar's few dark pixels are the same in both.
    counts = [len(place) for place in places]
    assert min(counts) > 1000
    assert not np.array_equal(right, wrong)


@pytest.mark.parametrize(
    "classes", [1, pytest.param(20, marks=pytest.mark.slow), 21, pytest.param(200, marks=pytest.mark.slow)]
)
def test_pictures_of_any_number_of_classes(classes: int, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    draw_confusion(np.ones((classes, classes), int), [f"name {i}" for i in range(classes)], path)
    assert picture_of(path).shape[0] > 300


def test_an_svg_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.SVG"):
        draw_confusion([[1, 2], [3, 4]], ["x", "y"], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.SVG").read_bytes()
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_unusable_input(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"from 0 to 1 in predicted\. Received: 2$"):
        confusion_matrix([0, 1], [0, 2], 2)
    with pytest.raises(DataError, match=r"in truth\. Received: -1$"):
        confusion_matrix([0, -1], [0, 1], 2)
    with pytest.raises(ShapeError, match=r"each of 2 examples\. Received: 3$"):
        confusion_matrix([0, 1], [0, 1, 1], 2)
    with pytest.raises(ShapeError, match=r"truth to be one axis of integers\. Received: shape \(1,\), type float64"):
        confusion_matrix([0.5], [0], 2)
    with pytest.raises(ShapeError, match=r"for 3 classes\. Received: shape \(2, 2\)$"):
        class_report([[1, 0], [0, 1]], ["a", "b", "c"])
    with pytest.raises(ShapeError, match=r"a square matrix of counts\. Received: shape \(1, 2\)$"):
        summary([[1, 0]])
    with pytest.raises(ConfigError, match=r"end in \.png or \.svg\. Received: .*matrix\.jpg$"):
        draw_confusion([[1]], ["a"], tmp_path / "matrix.jpg")
    assert not list(tmp_path.iterdir())
