"""Projections to two dimensions, compared with scikit-learn."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from elman.data.word_vectors.projection import project_vectors
from elman.errors import ConfigError, DataError

WORDS = [f"w{row}" for row in range(30)]
ROWS = np.random.default_rng(5).normal(size=(30, 6)) * np.arange(1, 7)


def test_principal_components() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    found = project_vectors(WORDS, ROWS)
    pca = decomposition.PCA(n_components=2, svd_solver="full").fit(ROWS)
    other = pca.transform(ROWS)
    for axis in range(2):
        sign = np.sign(found.coordinates_N2[:, axis] @ other[:, axis])
        np.testing.assert_allclose(found.coordinates_N2[:, axis], sign * other[:, axis], atol=1e-9)
    np.testing.assert_allclose(found.explained, pca.explained_variance_ratio_, atol=1e-12)
    assert found.to_json()["points"][3] == {
        "word": "w3",
        "x": found.coordinates_N2[3, 0],
        "y": found.coordinates_N2[3, 1],
    }


def test_vectors_of_one_number() -> None:
    found = project_vectors(WORDS[:3], np.array([[1.0], [2.0], [4.0]]))
    assert found.coordinates_N2[:, 1].tolist() == [0, 0, 0]
    assert found.explained == (1.0, 0.0)
    assert project_vectors(WORDS[:3], np.ones((3, 4))).explained == (0.0, 0.0)


def test_t_sne_separates_two_clusters() -> None:
    pytest.importorskip("sklearn")
    rows = np.random.default_rng(0).normal(size=(24, 5)) * 0.05
    rows[:12, 0] += 1
    rows[12:, 1] += 1
    first, again = (project_vectors(WORDS[:24], rows, method="tsne", seed=1).coordinates_N2 for _ in range(2))
    np.testing.assert_array_equal(first, again)
    centres = first[:12].mean(axis=0), first[12:].mean(axis=0)
    own = [np.linalg.norm(first[12 * side : 12 * side + 12] - centres[side], axis=1).max() for side in range(2)]
    assert np.linalg.norm(centres[0] - centres[1]) > max(own)


@pytest.mark.parametrize(
    ("method", "module", "message"),
    [("tsne", "sklearn.manifold", "pip install scikit-learn"), ("umap", "umap", "pip install umap-learn")],
)
def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch, method: str, module: str, message: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=rf"{message}\. Received: "):
        project_vectors(WORDS, ROWS, method=method)


def test_what_cannot_be_projected() -> None:
    with pytest.raises(DataError, match=r"at least three words to project\. Received: 2"):
        project_vectors(WORDS[:2], ROWS[:2])
    with pytest.raises(ConfigError, match="expected method to be one of pca, tsne, umap"):
        project_vectors(WORDS, ROWS, method="lda")
