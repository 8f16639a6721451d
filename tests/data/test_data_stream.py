"""Lanes and the sequential pass: what is seen, where rows are cut, and going on from a saved cursor."""

from __future__ import annotations

import json
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.data.stream import BPTTBatches, sequential
from elman.data.token_file import TokenFile, TokenWriter, smallest_dtype
from elman.errors import ConfigError, DataError
from elman.state import IGNORE_INDEX, Batch

END = 1
KEY = "ab" * 32


def token_file(folder: Path, ids: list[int]) -> TokenFile:
    with (folder / "tokens").open("wb") as file:
        writer = TokenWriter(file, key=KEY, dtype=smallest_dtype(max(ids, default=0) + 1))
        writer.append(np.array(ids, dtype=np.int64))
        writer.finish()
    return TokenFile(folder / "tokens", KEY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stream")


def rows(batch: Batch) -> list[tuple[list[int], list[int], bool]]:
    """The real part of every row, once the shape of the batch is found to be as promised."""
    inputs_BT, targets_BT, lengths_B, reset_B = batch
    assert inputs_BT.shape == targets_BT.shape
    assert {inputs_BT.dtype, targets_BT.dtype} == {torch.int64}
    count, steps = inputs_BT.shape
    lengths = [steps] * count if lengths_B is None else lengths_B.tolist()
    fresh = [False] * count if reset_B is None else reset_B.tolist()
    assert lengths_B is None or (lengths_B.dtype == torch.int64 and min(lengths) < steps)
    assert reset_B is None or (reset_B.dtype == torch.bool and any(fresh))
    for row, length in enumerate(lengths):
        assert (inputs_BT[row, length:] == 0).all()
        assert (targets_BT[row, length:] == IGNORE_INDEX).all()
    return [
        (inputs_BT[row, :length].tolist(), targets_BT[row, :length].tolist(), fresh[row])
        for row, length in enumerate(lengths)
    ]


def distinct(kinds: list[bool]) -> list[int]:
    """A text whose tokens are all different, except for the end tokens."""
    return [END if is_end else number + 2 for number, is_end in enumerate(kinds)]


texts = st.lists(st.sampled_from([False, False, False, True]), min_size=2, max_size=40).map(distinct)


def test_by_hand(folder: Path) -> None:
    batch_size = BPTTBatches(token_file(folder, [1, 5, 6, 7, 1, 8, 9]), batch_size=2, length=3, end_id=END)
    assert [rows(batch_size.next_batch()) for _ in range(4)] == [
        [([1, 5, 6], [5, 6, 7], True), ([7], [1], True)],
        [([7], [1], False), ([1, 8], [8, 9], True)],
        [([1, 8], [8, 9], True), ([1, 5, 6], [5, 6, 7], True)],
        [([1, 5, 6], [5, 6, 7], True), ([7], [1], False)],
    ]
    assert batch_size.tokens_seen == 4 + 3 + 5 + 4
    assert batch_size.epoch == 16 / 6


@given(texts, st.integers(1, 5), st.integers(1, 9), st.integers(0, 50))
def test_an_epoch_of_lanes(folder: Path, ids: list[int], count: int, length: int, offset: int) -> None:
    tokens = token_file(folder, ids)
    batch_size = BPTTBatches(tokens, batch_size=count, length=length, end_id=END, offset=offset)
    size = len(ids)
    seen: list[set[int]] = [set() for _ in range(count)]
    places = [(offset + lane * size // count) % size % (size - 1) for lane in range(count)]
    must_be_fresh = [True] * count
    total = 0
    while set.union(*seen) != set(range(size - 1)) or total < size:
        assert total <= (size + 1) * count * 2, "not every transition is seen"
        for lane, (inputs, targets, fresh) in enumerate(rows(batch_size.next_batch())):
            place = places[lane]
            assert inputs
            assert inputs == ids[place : place + len(inputs)]
            assert targets == ids[place + 1 : place + 1 + len(inputs)]
            assert END not in inputs[1:]
            assert fresh == (must_be_fresh[lane] or inputs[0] == END)
            seen[lane] |= set(range(place, place + len(inputs)))
            places[lane] = (place + len(inputs)) % (size - 1)
            must_be_fresh[lane] = places[lane] == 0
            cut = len(inputs) < length
            assert not cut or targets[-1] == END or places[lane] == 0
            total += len(inputs)
        assert batch_size.tokens_seen == total
    assert batch_size.epoch == total / (size - 1)


@given(texts, st.integers(1, 4), st.integers(1, 6), st.integers(0, 12))
def test_going_on_from_a_saved_cursor(folder: Path, ids: list[int], count: int, length: int, before: int) -> None:
    tokens = token_file(folder, ids)
    first = BPTTBatches(tokens, batch_size=count, length=length, end_id=END, offset=3)
    for _ in range(before):
        first.next_batch()
    saved = json.loads(json.dumps(first.state_dict()))
    second = BPTTBatches(tokens, batch_size=count, length=length, end_id=END)
    second.load_state_dict(saved)
    for _ in range(8):
        assert rows(first.next_batch()) == rows(second.next_batch())
        assert first.state_dict() == second.state_dict()
    assert first.epoch == second.epoch


def test_cursors_that_do_not_fit(folder: Path) -> None:
    tokens = token_file(folder, list(range(2, 22)))
    batch_size = BPTTBatches(tokens, batch_size=2, length=3, end_id=END)
    good = batch_size.state_dict()
    for change in (
        {"size": 19},
        {"length": 4},
        {"positions": [1]},
        {"positions": [0, 19]},
        {"positions": [0, -1]},
        {"positions": [0, 1.0]},
        {"positions": None},
        {"fresh": [1, 0]},
        {"tokens_seen": -1},
        {"tokens_seen": None},
    ):
        with pytest.raises(ConfigError, match="Received: "):
            batch_size.load_state_dict({**good, **change})
    assert batch_size.state_dict() == good


@given(
    texts,
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(0, 12),
    st.none() | st.integers(2, 45),
)
def test_every_token_is_scored_once(
    folder: Path, ids: list[int], count: int, length: int, burn_in: int, limit: int | None
) -> None:
    tokens = token_file(folder, ids)
    batches = list(sequential(tokens, batch_size=count, length=length, end_id=END, burn_in=burn_in, limit=limit))
    size = min(len(ids), limit or len(ids))
    scored: list[int] = []
    count = min(count, size - 1)
    read: list[list[int]] = [[] for _ in range(count)]
    begins: list[list[int]] = [[] for _ in range(count)]
    warming = [0] * count
    for batch in batches:
        assert batch.inputs_BT.shape == (count, length)
        for lane, (inputs, targets, fresh) in enumerate(rows(batch)):
            assert END not in inputs[1:]
            if fresh:
                begins[lane].append(len(read[lane]))
            scored += [target for target in targets if target != IGNORE_INDEX]
            warming[lane] += targets.count(IGNORE_INDEX)
            read[lane] += inputs
    assert sorted(scored) == sorted(ids[1:size])
    for lane in range(count):
        # A lane reads one segment of the text; its state is reset only at its first token and at every end token.
        assert begins[lane] == [at for at, token in enumerate(read[lane]) if at == 0 or token == END]
        scores_from = lane * (size - 1) // count
        start = scores_from - warming[lane]
        assert read[lane] == ids[start : (lane + 1) * (size - 1) // count]
        # It is warm: it began at the document's beginning, or `burn_in` tokens before.
        assert warming[lane] == min(burn_in, scores_from) or (ids[start] == END and warming[lane] <= burn_in)
        assert END not in ids[start + 1 : scores_from + 1]


def test_texts_that_are_too_short(folder: Path) -> None:
    for ids in ([], [5]):
        tokens = token_file(folder, ids)
        with pytest.raises(DataError, match=f"Received: {len(ids)}"):
            BPTTBatches(tokens, batch_size=1, length=1, end_id=END)
        with pytest.raises(DataError, match=f"Received: {len(ids)}"):
            sequential(tokens, batch_size=1, length=1, end_id=END)


def test_options_that_are_out_of_range(folder: Path) -> None:
    tokens = token_file(folder, [5, 6, 7])
    for batch_size, length in ((0, 1), (1, 0)):
        with pytest.raises(ConfigError, match="Received: "):
            BPTTBatches(tokens, batch_size=batch_size, length=length, end_id=END)
        with pytest.raises(ConfigError, match="Received: "):
            sequential(tokens, batch_size=batch_size, length=length, end_id=END)
    with pytest.raises(ConfigError, match="burn_in"):
        sequential(tokens, batch_size=1, length=1, end_id=END, burn_in=-1)
    with pytest.raises(ConfigError, match="limit"):
        sequential(tokens, batch_size=1, length=1, end_id=END, limit=1)


def test_batches_are_made_quickly(folder: Path) -> None:
    tokens = token_file(folder, list(range(2, 200)) * 1000)
    batch_size = BPTTBatches(tokens, batch_size=50, length=50, end_id=END)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        for _ in range(10):
            batch_size.next_batch()
        best = min(best, (time.perf_counter() - start) / 10)
    # Work in Python for every one of the 2,500 tokens would take longer.
    assert best < 2e-3, best
    assert len(list(islice(sequential(tokens, batch_size=8, length=100, end_id=END), 10))) == 10
