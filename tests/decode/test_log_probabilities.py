"""Log-probabilities against float64 in numpy, and logits that are not finite."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from elman.decode.log_probabilities import check_finite, log_probabilities
from elman.errors import DataError


def test_log_probabilities_are_float64_and_sum_to_one() -> None:
    logits_BV = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32) * 30
    found = log_probabilities(torch.from_numpy(logits_BV))
    wide = logits_BV.astype(np.float64)
    expected = wide - np.log(np.exp(wide - wide.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    expected -= wide.max(axis=1, keepdims=True)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite(odd: float) -> None:
    check_finite(torch.zeros(2, 3))
    with pytest.raises(DataError, match=r"expected finite logits of the words\. Received: NaN or infinity"):
        check_finite(torch.tensor([[0.0, odd]]), "the words")
