"""Shuffled batches: every row once an epoch, like lengths together, and exactly resumed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.data.batches import Shuffled, in_order
from elman.errors import ConfigError, DataError
from elman.types import Batch


def numbers(rows: Any) -> Batch:
    """A batch that tells its rows."""
    return Batch(torch.tensor(rows), torch.tensor(rows))


def epoch_of(stream: Shuffled) -> list[list[int]]:
    """The rows of every batch up to the epoch's end."""
    now, batches = int(stream.epoch), []
    while int(stream.epoch) == now:
        batches.append(stream.next_batch().targets_BT.tolist())
    return batches


@given(st.lists(st.integers(1, 30), min_size=1, max_size=200), st.integers(1, 20), st.sampled_from([0, 1, 40, 300]))
def test_every_row_once_an_epoch_within_the_limits(lengths: list[int], batch_size: int, steps: int) -> None:
    stream = Shuffled(lengths, numbers, batch_size=batch_size, steps=steps)
    for _ in range(2):
        batches = epoch_of(stream)
        assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
        for batch in batches:
            assert len(batch) <= batch_size
            assert not steps or len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= steps
    assert stream.epoch == 2.0


def test_rows_of_a_batch_are_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 5000)
    stream = Shuffled(lengths, numbers, batch_size=32)
    padded = sum(len(batch) * max(lengths[batch]) for batch in epoch_of(stream))
    assert lengths.sum() / padded > 0.93


def test_epochs_differ_and_seeds_differ_and_nothing_else_does() -> None:
    one, same, other = (Shuffled([3] * 50, numbers, batch_size=8, seed=seed) for seed in (1, 1, 2))
    first = epoch_of(one)
    assert first == epoch_of(same)
    assert first != epoch_of(other)
    assert first != epoch_of(one)


@pytest.mark.parametrize("done", [0, 1, 6, 7, 20])
def test_a_stream_goes_on_where_another_stood(done: int) -> None:
    lengths = [1 + row % 9 for row in range(50)]
    stream, fresh = (Shuffled(lengths, numbers, batch_size=8, seed=3) for _ in range(2))
    for _ in range(done):
        stream.next_batch()
    fresh.load_state_dict(json.loads(json.dumps(stream.state_dict())))
    assert fresh.epoch == stream.epoch
    for _ in range(12):
        assert torch.equal(fresh.next_batch().targets_BT, stream.next_batch().targets_BT)


@pytest.mark.parametrize(
    "change", [{"rows": 4}, {"batch_size": 3}, {"epoch": -1}, {"epoch": None}, {"place": 99}, {"place": "1"}]
)
def test_a_broken_cursor_is_refused(change: dict[str, Any]) -> None:
    stream = Shuffled([1] * 5, numbers, batch_size=2)
    with pytest.raises(ConfigError):
        stream.load_state_dict({**stream.state_dict(), **change})


def test_in_order_gives_the_longest_first_and_each_once() -> None:
    lengths = [2, 9, 4, 9, 1]
    rows = [part.tolist() for part, _ in in_order(lengths, numbers, batch_size=2)]
    assert rows == [[1, 3], [2, 0], [4]]
    some = [part.tolist() for part, _ in in_order(lengths, numbers, batch_size=2, rows=np.array([0, 4]))]
    assert some == [[0, 4]]


def test_nothing_to_train_on_is_told() -> None:
    with pytest.raises(DataError, match="at least one sequence"):
        Shuffled([], numbers, batch_size=2)
    with pytest.raises(ConfigError, match="batch size"):
        Shuffled([1], numbers, batch_size=0)
