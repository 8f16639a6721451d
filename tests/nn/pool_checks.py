"""Checks of pooling against loops over single rows, for the tests and for the bugs that are planted."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elman.nn import Pool

LENGTHS = torch.tensor([5, 1, 0, 3, 5])


def outputs(seed: int = 0, *, padding: float = math.nan) -> Tensor:
    """Five rows of five steps and six features, with `padding` past each row's length."""
    torch.manual_seed(seed)
    y_BTY = torch.randn(5, 5, 6)
    for row, length in enumerate(LENGTHS.tolist()):
        y_BTY[row, length:] = padding
    return y_BTY


def pooled_by_hand(pool: Pool, part: str, y_TY: Tensor) -> Tensor:
    """One row without any padding."""
    if not len(y_TY):
        return torch.zeros(pool.size)
    if part == "last":
        half = pool.size // 2 if pool.directions == 2 else pool.size
        return torch.cat([y_TY[-1, :half], y_TY[0, half:]])
    if part == "mean":
        return sum(y_TY) / len(y_TY)
    if part == "max":
        return torch.stack([max(column) for column in y_TY.T])
    scores = [float(pool.query.weight[0] @ torch.tanh(pool.keys.weight @ step + pool.keys.bias)) for step in y_TY]
    total = sum(math.exp(score) for score in scores)
    return sum(math.exp(score) / total * step for score, step in zip(scores, y_TY, strict=True))


def check_pool(how: str, directions: int = 1) -> None:
    """Every row is what its real steps alone give, whatever stands in the padding."""
    torch.manual_seed(1)
    pool = Pool(how, 6, directions=directions)
    for padding in (math.nan, 1e9, -1e9, 0.0):
        y_BTY = outputs(padding=padding)
        with torch.no_grad():
            found_BF = pool(y_BTY, LENGTHS)
            rows = [
                torch.cat([pooled_by_hand(pool, part, y_BTY[row, :length]) for part in how.split("-")])
                for row, length in enumerate(LENGTHS.tolist())
            ]
        torch.testing.assert_close(found_BF, torch.stack(rows))


def check_weights() -> None:
    """Attention's weights sum to 1 over the real steps and are zero elsewhere."""
    torch.manual_seed(1)
    pool = Pool("attention", 6)
    real_BT1 = (torch.arange(5) < LENGTHS[:, None])[..., None]
    with torch.no_grad():
        weights_BT1 = pool.weights(outputs(padding=7.0), real_BT1)
    assert (weights_BT1[~real_BT1] == 0).all()
    torch.testing.assert_close(weights_BT1.sum(dim=(1, 2)), (LENGTHS > 0).float())
