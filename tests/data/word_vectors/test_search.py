"""Searches of a table in blocks, compared with all scores in float64."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.word_vectors import WordTable
from elman.data.word_vectors.search import add_scores, check_top, cosine_scores, highest, mul_scores, unit_rows
from elman.errors import ConfigError

MATRIX = np.random.default_rng(3).normal(size=(97, 8)).astype(np.float32)
MATRIX[13] = 0
WIDE = MATRIX.astype(np.float64)
UNITS = WIDE / np.maximum(np.linalg.norm(WIDE, axis=1, keepdims=True), 1e-30)
TABLE = WordTable([f"w{row}" for row in range(97)], MATRIX)


@pytest.fixture(autouse=True, params=[1000, 10, 1])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.data.word_vectors.search.BLOCK_ROWS", request.param)


def expected(scores: np.ndarray, top: int, excluded: set[int], restrict: int) -> list[int]:
    order = sorted(range(restrict), key=lambda row: -scores[row])
    return [row for row in order if row not in excluded][:top]


@pytest.mark.parametrize(("top", "restrict"), [(5, None), (1, 20), (200, None), (3, 500)])
def test_the_highest_cosines(top: int, restrict: int | None) -> None:
    queries = np.random.default_rng(4).normal(size=(3, 8))
    excluded = [{4, 90}, set(), {0}]
    found = highest(TABLE, cosine_scores(unit_rows(queries)), 3, top, excluded=excluded, restrict=restrict)
    for query, without, rows in zip(queries, excluded, found, strict=True):
        scores = UNITS @ (query / np.linalg.norm(query))
        assert [row for row, _ in rows] == expected(scores, top, without, min(restrict or 97, 97))
        np.testing.assert_allclose([score for _, score in rows], scores[[row for row, _ in rows]], atol=1e-6)


def test_sums_and_products_of_analogies() -> None:
    plus, minus = np.array([[1, 2], [3, 4]]), np.array([[5], [6]])
    units = unit_rows(MATRIX)
    for question in range(2):
        b, c, a = (UNITS @ UNITS[row] for row in (*plus[question], *minus[question]))
        target = UNITS[plus[question]].sum(axis=0) - UNITS[minus[question]].sum(axis=0)
        sums = UNITS @ target / np.linalg.norm(target)
        products = (1 + b) / 2 * (1 + c) / 2 / ((1 + a) / 2 + 1e-6)
        for scores, wanted in ((add_scores, sums), (mul_scores, products)):
            rows = highest(TABLE, scores(units[plus], units[minus]), 2, 4)[question]
            assert [row for row, _ in rows] == expected(wanted, 4, set(), 97)
            np.testing.assert_allclose([score for _, score in rows], wanted[[row for row, _ in rows]], rtol=2e-6)


def test_of_equal_scores_the_earlier_word_is_first() -> None:
    table = WordTable(list("abcd"), np.ones((4, 2), dtype=np.float32))
    assert [row for row, _ in highest(table, cosine_scores(unit_rows(np.ones((1, 2)))), 1, 4)[0]] == [0, 1, 2, 3]


def test_lengths_of_units() -> None:
    large = np.array([[3e38, 3e38], [1e-40, 0], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(unit_rows(large), [[2**-0.5, 2**-0.5], [1, 0], [0, 0]], atol=1e-6)


@pytest.mark.parametrize("top", [0, -1, 1.5, True, "3", None])
def test_numbers_of_answers_that_are_none(top: object) -> None:
    with pytest.raises(ConfigError, match=r"expected top to be a whole number of at least 1\. Received: "):
        check_top(top)
