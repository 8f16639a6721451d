"""Recordings as numbers: how many steps a text needs."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.transcripts.encoded import needed_steps

from ..nn.test_ctc_loss import collapsed


@given(st.lists(st.sampled_from([0, 2, 3]), max_size=4))
@settings(deadline=None, max_examples=30)
def test_the_fewest_steps_are_those_of_the_shortest_alignment(text: list[int]) -> None:
    shortest = next(
        T for T in range(9) if any(collapsed(path) == tuple(text) for path in itertools.product(range(4), repeat=T))
    )
    assert needed_steps(np.array(text, dtype=np.int64)) == shortest
