"""Shuffled batches: every row once an epoch, like lengths together, and exactly resumed."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.data.batches import ShuffledBatches, in_order, padding_share, spread, spread_within
from elman.errors import ConfigError, DataError, ShapeError
from elman.state import Batch


def numbers(rows: Any) -> Batch:
    """Return a batch whose inputs are its row indices."""
    return Batch(torch.tensor(rows), torch.tensor(rows))


def epoch_of(stream: ShuffledBatches) -> list[list[int]]:
    """The rows of every batch up to the epoch's end."""
    now, batches = int(stream.epoch), []
    while int(stream.epoch) == now:
        batches.append(stream.next_batch().targets_BT.tolist())
    return batches


@given(st.lists(st.integers(1, 30), min_size=1, max_size=200), st.integers(1, 20), st.sampled_from([0, 1, 40, 300]))
def test_every_row_once_an_epoch_within_the_limits(lengths: list[int], batch_size: int, steps: int) -> None:
    stream = ShuffledBatches(lengths, numbers, batch_size=batch_size, steps=steps)
    for _ in range(2):
        batches = epoch_of(stream)
        assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
        for batch in batches:
            assert len(batch) <= batch_size
            assert not steps or len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= steps
    assert stream.epoch == 2.0


def test_rows_of_a_batch_are_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 5000)
    stream = ShuffledBatches(lengths, numbers, batch_size=32)
    padded = sum(len(batch) * max(lengths[batch]) for batch in epoch_of(stream))
    assert lengths.sum() / padded > 0.93


def test_epochs_differ_and_seeds_differ_and_nothing_else_does() -> None:
    one, same, other = (ShuffledBatches([3] * 50, numbers, batch_size=8, seed=seed) for seed in (1, 1, 2))
    first = epoch_of(one)
    assert first == epoch_of(same)
    assert first != epoch_of(other)
    assert first != epoch_of(one)


@pytest.mark.parametrize("done", [0, 1, 6, 7, 20])
def test_a_stream_goes_on_where_another_stood(done: int) -> None:
    lengths = [1 + row % 9 for row in range(50)]
    stream, fresh = (ShuffledBatches(lengths, numbers, batch_size=8, seed=3) for _ in range(2))
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
    stream = ShuffledBatches([1] * 5, numbers, batch_size=2)
    with pytest.raises(ConfigError):
        stream.load_state_dict({**stream.state_dict(), **change})


def test_in_order_gives_the_longest_first_and_each_once() -> None:
    lengths = [2, 9, 4, 9, 1]
    rows = [part.tolist() for part, _ in in_order(lengths, numbers, batch_size=2)]
    assert rows == [[1, 3], [2, 0], [4]]
    some = [part.tolist() for part, _ in in_order(lengths, numbers, batch_size=2, rows=np.array([0, 4]))]
    assert some == [[0, 4]]


def two_lengths(rows: int, seed: int = 0) -> Any:
    """Lengths of sentences and their translations: alike, but not equal."""
    draw = np.random.default_rng(seed)
    first = 1 + draw.poisson(12, rows)
    return np.stack([first, np.maximum(1, first + np.rint(draw.normal(0, 0.25, rows) * first))], axis=1).astype(int)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=200),
    st.integers(1, 20),
    st.sampled_from([0, 1, 40, 300]),
)
def test_every_row_of_two_lengths_once_within_the_limits(
    lengths: list[tuple[int, int]], batch_size: int, steps: int
) -> None:
    stream = ShuffledBatches(lengths, numbers, batch_size=batch_size, steps=steps)
    evaluated = [part.tolist() for part, _ in in_order(lengths, numbers, batch_size=batch_size, steps=steps)]
    for batches in (epoch_of(stream), epoch_of(stream), evaluated):
        assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
        for batch in batches:
            padded = len(batch) * sum(max(lengths[row][side] for row in batch) for side in (0, 1))
            assert len(batch) <= batch_size
            assert not steps or len(batch) == 1 or padded <= steps


@pytest.mark.parametrize(("batch_size", "steps"), [(10_000, 1024), (10_000, 4096), (64, 0), (64, 4096)])
def test_rows_of_a_batch_are_alike_in_both_lengths(batch_size: int, steps: int) -> None:
    lengths = two_lengths(8000)
    stream = ShuffledBatches(lengths, numbers, batch_size=batch_size, steps=steps)
    share = stream.padding
    padded = sum(len(batch) * lengths[batch].max(axis=0).sum() for batch in epoch_of(stream))
    assert share == pytest.approx(1 - lengths.sum() / padded)
    assert share < 0.1
    by_sum = ShuffledBatches(lengths.sum(axis=1), numbers, batch_size=batch_size, steps=steps)
    assert share < 0.7 * padding_share(lengths, [np.array(batch) for batch in epoch_of(by_sum)])
    evaluated = [part for part, _ in in_order(lengths, numbers, batch_size=batch_size, steps=steps)]
    assert padding_share(lengths, evaluated) < 0.1


def test_epochs_of_two_lengths_differ() -> None:
    stream, same = (ShuffledBatches(two_lengths(3000), numbers, batch_size=999, steps=500, seed=2) for _ in range(2))
    first, second = epoch_of(stream), epoch_of(stream)
    assert epoch_of(same) == first
    shared = {frozenset(batch) for batch in first} & {frozenset(batch) for batch in second}
    assert len(shared) < 0.05 * len(first)
    # Of rows that have no equals, only those drawn together can meet again.
    single = ShuffledBatches([[row, row] for row in range(1, 2001)], numbers, batch_size=999, steps=8000)
    first, second = epoch_of(single), epoch_of(single)
    shared = {frozenset(batch) for batch in first} & {frozenset(batch) for batch in second}
    assert len(shared) < 0.3 * len(first)


@pytest.mark.parametrize("steps", [100, 500])
def test_batches_are_as_full_as_they_may_be(steps: int) -> None:
    lengths = two_lengths(500)
    batches = [part.tolist() for part, _ in in_order(lengths, numbers, batch_size=12, steps=steps)]
    for batch, after in pairwise(batches):
        more = [*batch, after[0]]
        assert len(more) > 12 or len(more) * lengths[more].max(axis=0).sum() > steps


def test_the_longest_first_of_two_lengths_and_some_rows_only() -> None:
    lengths = np.array([[2, 1], [90, 80], [50, 50], [3, 2], [91, 70], [1, 1], [1, 1]])
    rows = [part.tolist() for part, _ in in_order(lengths, numbers, batch_size=2, rows=np.array([0, 1, 2, 4]))]
    assert sorted(rows[0]) == [1, 4]
    assert sorted(rows[1]) == [0, 2]
    assert list(in_order(lengths, numbers, batch_size=2, rows=np.zeros(0, dtype=np.int64))) == []


def test_padding_share_by_hand() -> None:
    assert padding_share([2, 4, 6], [np.array([0, 1]), np.array([2])]) == pytest.approx(1 - 12 / 14)
    assert padding_share([[2, 1], [4, 3]], [np.array([0, 1])]) == pytest.approx(1 - 10 / 14)
    assert padding_share([2, 2], [np.array([0, 1])]) == 0.0
    assert padding_share([], []) == 0.0


def test_lengths_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"N or N x 2\. Received: \(4, 3\)"):
        ShuffledBatches(np.ones((4, 3)), numbers, batch_size=2)  # type: ignore[arg-type]


def test_orders_of_one_length_are_as_they_always_were() -> None:
    stream = ShuffledBatches([3, 1, 2, 5, 4, 9, 9, 1], numbers, batch_size=3, steps=10, seed=5)
    assert epoch_of(stream) == [[6], [1, 7, 2], [0, 4], [5], [3]]


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(10, 5, [0, 2, 4, 6, 8]), (10, 3, [0, 3, 6]), (3, 9, [0, 1, 2]), (4, 0, []), (0, 2, [])],
)
def test_numbers_at_even_distances(count: int, most: int, expected: list[int]) -> None:
    assert spread(count, most).tolist() == expected


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, [0, 1, 2, 3]), (40, [0, 1, 2, 3]), (20, [0, 2]), (1, [0]), (99, [0, 1, 2, 3])]
)
def test_rows_that_weigh_so_much_together(limit: int, expected: list[int]) -> None:
    assert spread_within(4, 40, limit).tolist() == expected


def test_nothing_to_train_on_is_reported() -> None:
    with pytest.raises(DataError, match="at least one sequence"):
        ShuffledBatches([], numbers, batch_size=2)
    with pytest.raises(ConfigError, match="batch size"):
        ShuffledBatches([1], numbers, batch_size=0)
