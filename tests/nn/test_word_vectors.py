"""Embeddings that are initialised with word vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.errors import DataError
from elman.nn.embed import Embedding
from elman.nn.word_vectors import put_vectors


def test_vectors_have_the_scale_of_the_other_rows_which_stay_random() -> None:
    torch.manual_seed(0)
    embed = Embedding(400, 20)
    with torch.no_grad():
        embed.weight.mul_(0.05)
    before = embed.weight.detach().clone().double()
    matrix_VE = np.random.default_rng(0).normal(1.0, 7.0, (399, 20)).astype(np.float32)
    found_V = np.arange(399) % 3 > 0
    put_vectors(embed, matrix_VE, found_V)
    after = embed.weight.detach().double()
    known = torch.from_numpy(np.flatnonzero(found_V))
    others = torch.tensor([row for row in range(400) if row == 399 or not found_V[row]])
    assert torch.equal(after[others], before[others])
    assert float(after[known].std()) == pytest.approx(float(before.std()), rel=1e-5)
    assert float(after[known].std()) == pytest.approx(float(after[others].std()), rel=0.05)
    factor = float(before.std()) / float(torch.from_numpy(matrix_VE)[known].double().std())
    torch.testing.assert_close(after[known], torch.from_numpy(matrix_VE)[known].double() * factor, rtol=1e-5, atol=1e-9)


def test_a_given_scale_is_that_of_all_rows() -> None:
    torch.manual_seed(0)
    embed = Embedding(400, 20)
    before = embed.weight.detach().clone()
    found_V = np.arange(400) % 3 > 0
    put_vectors(embed, np.random.default_rng(0).normal(1.0, 7.0, (400, 20)).astype(np.float32), found_V, 3.0)
    after = embed.weight.detach()
    assert float(after[torch.from_numpy(found_V)].std()) == pytest.approx(3.0, rel=1e-4)
    others = torch.from_numpy(~found_V)
    torch.testing.assert_close(after[others], before[others] * 3.0 / before.std())


def test_vectors_of_another_size() -> None:
    with pytest.raises(DataError, match=r"vectors of 3 numbers.*Received: 2"):
        put_vectors(Embedding(4, 3), np.ones((4, 2), np.float32), np.ones(4, bool))


@pytest.mark.parametrize("vectors", [[[3.0, 3.0], [3.0, 3.0]], [[0.3, -0.3]], [[0.1, 0.1]]])
def test_vectors_of_equal_numbers_have_the_scale_of_the_other_rows(vectors: list[list[float]]) -> None:
    torch.manual_seed(0)
    embed = Embedding(6, 2)
    deviation = float(embed.weight.detach().double().std())
    matrix_VE = np.array(vectors, dtype=np.float32)
    put_vectors(embed, matrix_VE, np.ones(len(matrix_VE), bool))
    after = embed.weight.detach().numpy()[: len(matrix_VE)]
    assert 0.5 * deviation < np.abs(after).max() < 1.5 * deviation
    assert (np.sign(after) == np.sign(matrix_VE)).all()


def test_one_number_and_zeros_are_finite() -> None:
    for matrix in ([[2.0]], [[0.0], [0.0]]):
        embed = Embedding(3, 1)
        put_vectors(embed, np.array(matrix, np.float32), np.ones(len(matrix), bool))
        assert torch.isfinite(embed.weight).all()
