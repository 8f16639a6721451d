"""Nearest vectors: scikit-learn's neighbours, blocks, images, unusual numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from elman.baselines.nearest_vector import nearest_vectors
from elman.errors import DataError, ShapeError


@pytest.mark.parametrize("most_numbers", [1, 50, 10**6])
def test_indices_are_scikit_learns(most_numbers: int) -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(1e3, 1, (70, 6)), rng.normal(1e3, 1, (40, 6))
    judge = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train)
    expected = judge.kneighbors(test, return_distance=False)[:, 0]
    assert nearest_vectors(train, test, most_numbers).tolist() == expected.tolist()
    assert nearest_vectors(train, train, most_numbers).tolist() == list(range(70))


@pytest.mark.parametrize("most_numbers", [4, 10**6])
def test_images_of_bytes(most_numbers: int) -> None:
    rng = np.random.default_rng(0)
    train = rng.integers(0, 256, (12, 3, 4, 1), np.uint8)
    assert nearest_vectors(train, train[[5, 0, 11]], most_numbers).tolist() == [5, 0, 11]
    equal = np.zeros((3, 2), np.uint8)
    assert nearest_vectors(equal, equal, most_numbers).tolist() == [0, 0, 0]


def test_unusual_vectors() -> None:
    train = np.array([[0.0, np.nan], [5.0, 5.0]])
    assert nearest_vectors(train, [[1.0, -1.0], [np.inf, np.nan], [4.0, 4.0]]).tolist() == [0, 0, 1]
    assert nearest_vectors(np.zeros((2, 0)), np.zeros((3, 0))).tolist() == [0, 0, 0]
    assert nearest_vectors(train, np.zeros((0, 2))).shape == (0,)
    with pytest.raises(DataError, match=r"Received: none$"):
        nearest_vectors(np.zeros((0, 2)), train)
    with pytest.raises(ShapeError, match=r"shape \(2,\), as in training\. Received: \(3,\)$"):
        nearest_vectors(train, np.zeros((1, 3)))
