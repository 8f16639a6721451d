"""Counts of words and characters, and sparse products: scikit-learn's and scipy's."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer

from elman.baselines.lookup import blocks, distinct, find, order, ranges
from elman.baselines.sparse import InvertedIndex, SparseRows
from elman.baselines.text_features import CharacterCounts, WordCounts, hashed_words, words
from elman.errors import ConfigError

TEXTS = ["The cat, the cat!", "", "a", "Katze größer als cat", "x_1 don't  the\tcat"]


def dense(matrix: SparseRows) -> np.ndarray:
    array = np.zeros((matrix.height, matrix.width))
    np.add.at(array, (matrix.rows, matrix.columns_N), matrix.values_N)
    return array


def random_rows(height: int, width: int, seed: int) -> SparseRows:
    matrix = csr_array(np.random.default_rng(seed).poisson(0.3, (height, width)).astype(float))
    return SparseRows(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data, width)


def test_words() -> None:
    assert words("Don't  pay 1,50 €!") == ["don", "'", "t", "pay", "1", ",", "50", "€", "!"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (WordCounts(), CountVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2))),
        (WordCounts(pairs=False), CountVectorizer(token_pattern=r"\w+|[^\w\s]")),
        (CharacterCounts(), CountVectorizer(analyzer="char_wb", ngram_range=(1, 5))),
        (CharacterCounts(2, 3), CountVectorizer(analyzer="char_wb", ngram_range=(2, 3))),
    ],
)
def test_counts_are_scikit_learns(ours, theirs) -> None:
    """Features may have another order, so columns are compared as a sorted list."""
    test = ["the new cat the", "", "größer x_1 als", "a a a"]
    fitted, counted = ours.fit(TEXTS).features(), ours.transform(test).features()
    found = np.concatenate([dense(fitted), dense(counted)])
    expected = np.concatenate([theirs.fit_transform(TEXTS).toarray(), theirs.transform(test).toarray()])
    assert sorted(map(tuple, found.T.tolist())) == sorted(map(tuple, expected.T.tolist()))


def test_hashed_words() -> None:
    found = hashed_words(["cat the cat", ""], 16)
    expected = np.zeros((2, 16))
    expected[0, zlib.crc32(b"cat") % 16] += 2
    expected[0, zlib.crc32(b"the") % 16] += 1
    np.testing.assert_allclose(found, np.log1p(expected))
    assert hashed_words([], 4).shape == (0, 4)
    with pytest.raises(ConfigError, match=r"Received: 0$"):
        hashed_words(["a"], 0)


@pytest.mark.parametrize("dense_rows", [0, 3, 512])
@pytest.mark.parametrize("most", [1, 7, 10**6])
def test_products_are_scipys(most: int, dense_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.baselines.sparse._MOST_DENSE", dense_rows)
    monkeypatch.setattr("elman.baselines.sparse._MOST_PRODUCTS", most)
    left, right = random_rows(9, 12, 0), random_rows(12, 7, 1)
    expected = dense(left) @ dense(right)
    np.testing.assert_allclose(dense(left.times(right)), expected)
    np.testing.assert_allclose(InvertedIndex(right.transposed()).scores(left), expected)
    np.testing.assert_array_equal(dense(right.transposed()), dense(right).T)
    rows = np.array([3, 3, 0])
    np.testing.assert_array_equal(dense(left.take(rows)), dense(left)[rows])
    np.testing.assert_array_equal(dense(left.part(2, 5)), dense(left)[2:5])
    groups = np.array([0, 2, 0, 2, 2, 0, 0, 0, 0])
    summed = dense(left.summed_by(groups, 4))
    np.testing.assert_array_equal(summed, np.stack([dense(left)[groups == g].sum(0) for g in range(4)]))


def test_products_without_entries() -> None:
    empty = SparseRows(np.zeros(4, np.int64), np.zeros(0, np.int64), np.zeros(0), 5)
    assert dense(empty.times(random_rows(5, 2, 0))).tolist() == np.zeros((3, 2)).tolist()
    assert InvertedIndex(empty).scores(random_rows(2, 5, 0)).tolist() == np.zeros((2, 3)).tolist()
    assert InvertedIndex(random_rows(3, 5, 0)).scores(empty).tolist() == np.zeros((3, 3)).tolist()


@pytest.mark.parametrize("most", [1, 2, 300, 10**5, 10**10, 2**62])
@pytest.mark.parametrize("length", [0, 1, 400])
def test_distinct_integers_are_numpys(most: int, length: int) -> None:
    keys = np.random.default_rng(0).integers(0, most, length)
    for found, expected in zip(distinct(keys), np.unique(keys, return_inverse=True, return_counts=True), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(order(keys), np.argsort(keys, kind="stable"))


def test_lookup() -> None:
    assert find(np.array([2, 5, 9]), np.array([5, 1, 10, 2, 6])).tolist() == [1, -1, -1, 0, -1]
    assert find(np.zeros(0, np.int64), np.array([1])).tolist() == [-1]
    assert ranges(np.array([7, 0, 3]), np.array([2, 0, 3])).tolist() == [7, 8, 3, 4, 5]
    assert list(blocks(np.array([1, 1, 5, 1, 1, 1]), 2)) == [(0, 2), (2, 3), (3, 5), (5, 6)]
    assert list(blocks(np.array([0, 0]), 2)) == [(0, 2)]
    assert list(blocks(np.zeros(0, np.int64), 2)) == []
