"""The same answer for every input."""

from __future__ import annotations

import numpy as np
import pytest

from elman.baselines.commonest import commonest_label, commonest_text, label_shares, mean
from elman.errors import DataError

NAN = float("nan")


def test_the_commonest() -> None:
    assert commonest_label([2, 1, 1, 2, 0], 4) == 1
    assert commonest_text(["b", "a", "a", "b"]) == "b"
    assert commonest_text(["", "a", "a"]) == "a"
    assert label_shares(np.array([0, 2, 2, 2]), 4).tolist() == [0.25, 0, 0.75, 0]


def test_the_mean() -> None:
    assert float(mean([1.0, NAN, 4.0])) == 2.5
    assert mean([[1.0, NAN], [3.0, NAN]]).tolist() == [2, 0]


def test_unusable_data() -> None:
    with pytest.raises(DataError, match=r"Received: none$"):
        commonest_text([])
    with pytest.raises(DataError, match=r"Received: none$"):
        mean([])
    with pytest.raises(DataError, match=r"Received: \(0,\) for 0 items$"):
        commonest_label([], 2)
    with pytest.raises(DataError, match=r"from 0 to 1 as labels\. Received: 0 to 2$"):
        commonest_label([0, 2], 2)
    with pytest.raises(DataError, match=r"Received: -1 to 0$"):
        commonest_label([0, -1], 2)
    with pytest.raises(DataError, match=r"expected integers as labels\. Received: float64$"):
        commonest_label([0.0, 1.0], 2)
