"""Initialise embeddings with pretrained word vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from elman.errors import DataError
from elman.nn.embed import Embedding

__all__ = ["put_vectors"]


def put_vectors(
    embed: Embedding,
    matrix_VE: npt.NDArray[np.float32],
    found_V: npt.NDArray[np.bool_],
    deviation: float | None = None,
) -> None:
    """Copy the vectors that were found to the first V rows of an embedding, at the scale of its other rows.

    The vectors are multiplied so that their standard deviation is that of the initial values of the embedding, which
    the network expects, or `deviation`, to which the other rows are then multiplied too. These keep their random
    initial directions. Raises DataError for vectors whose size is not that of the embedding.
    """
    if matrix_VE.shape[1] != embed.embedding_dim:
        raise DataError(
            f"expected vectors of {embed.embedding_dim} numbers, the size of the embedding. "
            f"Received: {matrix_VE.shape[1]}"
        )
    if deviation is not None:
        with torch.no_grad():
            embed.weight.mul_(deviation / embed.weight.std())
    known_V = torch.from_numpy(found_V)
    vectors_NE = torch.from_numpy(matrix_VE)[known_V]
    vectors_NE = vectors_NE * (embed.weight.detach().std() / _deviation(vectors_NE)).to(vectors_NE)
    with torch.no_grad():
        embed.weight[: len(known_V)][known_V] = vectors_NE.to(embed.weight)


def _deviation(vectors_NE: torch.Tensor) -> torch.Tensor:
    """Return the standard deviation of vectors; of numbers that are all equal, or only one, the root of their square.

    1 for zeros.
    """
    spread = vectors_NE.std(correction=int(vectors_NE.numel() > 1))
    size = vectors_NE.square().mean().sqrt()
    # A spread of equal numbers is not exactly 0.
    if spread > 1e-6 * size:
        return spread.clamp_min(1e-12)
    return size if size > 0 else torch.ones_like(size)
