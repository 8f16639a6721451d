"""How often each token occurs."""

from __future__ import annotations

import numpy as np

from elman.data.token_counts import counts_of


def test_counts_of_ids() -> None:
    assert counts_of([np.array([1, 1, 4]), np.array([0])], 4).tolist() == [1, 2, 0, 0]
