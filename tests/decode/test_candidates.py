"""The best next tokens and their normaliser, against a sort of everything."""

from __future__ import annotations

import math

import pytest
import torch

from elman.decode import candidates
from elman.errors import TrainingError

SHAPES = [(1, 1, 1), (2, 3, 5), (3, 1, 64), (2, 5, 128), (2, 5, 1000), (1, 4, 64 * 40), (2, 1, 64 * 40 + 63)]


def check_extensions(shape: tuple[int, int, int], count: int, seed: int = 0) -> None:
    """The same numbers as a sort of all of them, and each stands where it says."""
    generator = torch.Generator().manual_seed(seed)
    logits_BKV = torch.randn(shape, generator=generator) * 3
    logits_BKV[logits_BKV < -6.0] = -math.inf
    # One hypothesis is far ahead of the others, and in another sentence one is dead.
    offsets_BK = torch.randn(shape[:2], generator=generator) * 3
    offsets_BK[-1, -1] = -math.inf if shape[0] > 1 else 9.0
    found = candidates.best_extensions(logits_BKV, offsets_BK, count)
    everything = (logits_BKV + offsets_BK[:, :, None]).flatten(1)
    expected = everything.sort(dim=1, descending=True).values[:, :count]
    assert found.scores_BN.tolist() == expected.tolist()
    places = found.slots_BN * shape[2] + found.tokens_BN
    assert everything.gather(1, places).tolist() == expected.tolist()
    assert all(len(set(row)) == len(row) for row in places.tolist())


def check_all_extensions() -> None:
    for seed in range(5):
        for shape in SHAPES:
            for count in (1, 4, 13, 40):
                check_extensions(shape, count, seed)


def test_the_best_extensions_are_those_of_a_full_sort() -> None:
    check_all_extensions()


@pytest.mark.parametrize("rows", [1, 256, 257, 600])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_normaliser_is_the_log_sum_of_exponentials(rows: int, dtype: torch.dtype) -> None:
    logits_RV = torch.randn(rows, 77, generator=torch.Generator().manual_seed(rows), dtype=dtype) * 30
    torch.testing.assert_close(candidates.log_normaliser(logits_RV), logits_RV.logsumexp(dim=1))
    far = logits_RV + 1e4
    torch.testing.assert_close(candidates.log_normaliser(far), far.logsumexp(dim=1))


def test_a_row_of_nothing_has_log_probabilities_of_nothing() -> None:
    logits_RV = torch.tensor([[-math.inf, -math.inf], [0.0, -math.inf]])
    assert candidates.log_normaliser(logits_RV).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_damaged_scores_are_an_error(number: float) -> None:
    logits_RV = torch.zeros(3, 5)
    logits_RV[1, 4] = number
    with pytest.raises(TrainingError, match=f"weights are damaged. Received: {number}"):
        candidates.log_normaliser(logits_RV)
