"""Projections of word vectors to two dimensions: PCA, t-SNE and UMAP. Does not import torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError, DataError

__all__ = ["METHODS", "Projection", "project_vectors"]

METHODS = ("pca", "tsne", "umap")


@dataclass(frozen=True)
class Projection:
    """Words with coordinates in two dimensions.

    words            the N words
    coordinates_N2   their coordinates
    method           one of `METHODS`
    explained        PCA: the shares of the variance that the two axes explain; None for other methods
    """

    words: Sequence[str]
    coordinates_N2: npt.NDArray[np.float64]
    method: str
    explained: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the coordinates of each word."""
        points = [
            {"word": word, "x": x, "y": y}
            for word, (x, y) in zip(self.words, self.coordinates_N2.tolist(), strict=True)
        ]
        explained = {} if self.explained is None else {"explained_variance": list(self.explained)}
        return {"method": self.method, **explained, "points": points}


def project_vectors(
    words: Sequence[str], rows_NE: npt.NDArray[np.floating], *, method: str = "pca", seed: int = 0
) -> Projection:
    """Project vectors to two dimensions.

    "pca" is computed here; "tsne" needs scikit-learn and "umap" umap-learn. `seed` is that of t-SNE and UMAP. Raises
    ConfigError for an unknown method or a missing package, DataError for fewer than three words.
    """
    if method not in METHODS:
        raise ConfigError(f"expected method to be one of {', '.join(METHODS)}. Received: {method!r}")
    if len(words) < 3:
        raise DataError(f"expected at least three words to project. Received: {len(words)}")
    rows = np.asarray(rows_NE, dtype=np.float64)
    if method == "pca":
        return _pca(words, rows)
    found = _tsne(rows, seed) if method == "tsne" else _umap(rows, seed)
    return Projection(words, np.asarray(found, dtype=np.float64), method)


def _pca(words: Sequence[str], rows_NE: npt.NDArray[np.float64]) -> Projection:
    """Project to the first two principal components; each points to where its largest loading is positive."""
    centred = rows_NE - rows_NE.mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    coordinates = centred @ axes.T
    total = float((values**2).sum())
    shares = [float(value**2) / total if total else 0.0 for value in values[:2]]
    if coordinates.shape[1] < 2:  # vectors of one number
        coordinates, shares = np.column_stack([coordinates, np.zeros(len(words))]), [*shares, 0.0]
    return Projection(words, coordinates, "pca", (shares[0], shares[1]))


def _tsne(rows_NE: npt.NDArray[np.float64], seed: int) -> Any:
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ConfigError(f"expected scikit-learn for t-SNE: pip install scikit-learn. Received: {error}") from error
    perplexity = min(30.0, (len(rows_NE) - 1) / 3)
    return TSNE(perplexity=perplexity, metric="cosine", init="random", random_state=seed).fit_transform(rows_NE)


def _umap(rows_NE: npt.NDArray[np.float64], seed: int) -> Any:
    try:
        from umap import UMAP  # type: ignore[import-not-found]
    except ImportError as error:
        raise ConfigError(f"expected umap-learn for UMAP: pip install umap-learn. Received: {error}") from error
    neighbours = min(15, len(rows_NE) - 1)
    return UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed).fit_transform(rows_NE)
