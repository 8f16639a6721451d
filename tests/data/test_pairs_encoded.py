"""Pairs as numbers and batches, judged by plain lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.batches import ShuffledBatches, in_order, padding_share
from elman.data.pairs import Pairs, PairVocabulary, pairs_from, read_pairs
from elman.data.pairs.config import PairsConfig
from elman.data.pairs.encoded import EncodedPairs, TokenSequences
from elman.data.vocabulary import END_ID
from elman.errors import DataError
from elman.state import IGNORE_INDEX

PAIRS = pairs_from(["ab", "a", "cccc", "bca"], ["x", "xyz", "yy", "zzzzz"])
VOCABULARY = PairVocabulary.learn(PAIRS, PairsConfig(tokens="characters", min_count=1))


def test_a_batch_is_what_a_teacher_would_write() -> None:
    batch = EncodedPairs.encode(PAIRS, VOCABULARY).batch(np.array([1, 0, 3]))
    a, b, c = VOCABULARY.encode_sources(["abc"])[0].tolist()
    x, y, z = VOCABULARY.encode_targets(["xyz"])[0].tolist()
    go, no = VOCABULARY.bos_id, IGNORE_INDEX
    inputs = batch.inputs_BT
    assert inputs.sources_BS.tolist() == [[a, END_ID, 0, 0], [a, b, END_ID, 0], [b, c, a, END_ID]]
    assert inputs.source_lengths_B.tolist() == [2, 3, 4]
    assert inputs.targets_in_BT.tolist() == [[go, x, y, z, 0, 0], [go, x, 0, 0, 0, 0], [go, z, z, z, z, z]]
    assert batch.targets_BT.tolist() == [[x, y, z, END_ID, no, no], [x, END_ID, no, no, no, no], [z] * 5 + [END_ID]]
    assert batch.lengths_B is not None
    assert batch.lengths_B.tolist() == [4, 2, 6]
    assert batch.rows == 3
    assert {leaf.dtype for leaf in (*inputs, batch.targets_BT, batch.lengths_B)} == {torch.int64}


def test_reversed_sources_still_end_with_the_end() -> None:
    plain, turned = (EncodedPairs.encode(PAIRS, VOCABULARY, reverse_source=each) for each in (False, True))
    for row in range(len(PAIRS)):
        assert turned.sources[row].tolist() == [*plain.sources[row].tolist()[-2::-1], END_ID]
        assert turned.targets is not None
        assert plain.targets is not None
        assert turned.targets[row].tolist() == plain.targets[row].tolist()


def test_pairs_that_are_too_long_are_left_out_and_reported() -> None:
    encoded = EncodedPairs.encode(PAIRS, VOCABULARY, max_source=3, max_target=3)
    assert encoded.rows.tolist() == [0, 1]
    assert (encoded.dropped_source, encoded.dropped_target, len(encoded)) == (1, 1, 2)
    assert encoded.remarks() == [
        "the sentences: 1 of 4 (25.0%) pairs were left out, as their source has more than 3 tokens: a larger "
        "max_source keeps them",
        "the sentences: 1 of 4 (25.0%) pairs were left out, as their target has more than 3 tokens: a larger "
        "max_target keeps them",
    ]
    assert encoded.lengths.tolist() == [[3, 2], [2, 4]]
    assert EncodedPairs.encode(PAIRS, VOCABULARY, max_source=4, max_target=5).remarks() == []
    one = EncodedPairs.encode(PAIRS, VOCABULARY, max_target=1)
    assert (one.rows.tolist(), one.dropped_source, one.dropped_target) == ([0], 0, 3)
    with pytest.raises(DataError, match=r"1 source tokens and any number of target tokens.*3 pairs, all longer"):
        EncodedPairs.encode(PAIRS.take([0, 2, 3]), VOCABULARY, max_source=1)


def test_sources_alone() -> None:
    encoded = EncodedPairs.encode(Pairs("p", ["ab", ""], None), VOCABULARY)
    sources_BS, lengths_B = encoded.source_batch(np.array([1, 0]))
    assert lengths_B.tolist() == [1, 3]
    assert sources_BS[0].tolist() == [END_ID, 0, 0]
    assert encoded.lengths.tolist() == [3, 1]
    assert sources_BS[1].tolist() == EncodedPairs.encode(PAIRS, VOCABULARY).sources[0].tolist()
    with pytest.raises(DataError, match="p: expected sources with targets"):
        encoded.batch(np.array([0]))


def test_nothing_at_all() -> None:
    encoded = EncodedPairs.encode(Pairs("p", [], []), VOCABULARY)
    assert len(encoded) == 0
    assert encoded.batch(np.zeros(0, dtype=np.int64)).targets_BT.shape == (0, 0)


@given(
    st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=6),
    st.lists(st.integers(0, 5), max_size=8),
    st.integers(-9, 0),
)
def test_padding_is_as_in_plain_lists(parts: list[list[int]], chosen: list[int], fill: int) -> None:
    made = TokenSequences([np.array(part, dtype=np.int64) for part in parts], 77)
    rows = [row for row in chosen if row < len(parts)]
    whole = [[*parts[row], 77] for row in rows]
    longest = max(map(len, whole), default=0)
    padded = made.padded(np.array(rows, dtype=np.int64), fill)
    assert padded.dtype == np.int64
    assert padded.tolist() == [row + [fill] * (longest - len(row)) for row in whole]
    assert [made[row].tolist() for row in range(len(made))] == [[*part, 77] for part in parts]


def synthetic(rows: int) -> EncodedPairs:
    """Pairs whose sides are of like but not equal length."""
    draw = np.random.default_rng(0)
    sources = 2 + draw.poisson(10, rows)
    targets = np.maximum(1, sources + draw.normal(0, 0.25, rows) * sources).astype(int)
    pairs = Pairs("p", ["a" * length for length in sources], ["x" * length for length in targets])
    return EncodedPairs.encode(pairs, VOCABULARY)


@pytest.mark.parametrize("steps", [1024, 4096])
def test_little_is_padding_and_every_pair_comes_once(steps: int) -> None:
    encoded = synthetic(8000)
    stream = ShuffledBatches(encoded.lengths, encoded.batch, batch_size=10_000, steps=steps, seed=1)
    real = padded = count = 0
    while stream.epoch < 1:
        batch = stream.next_batch()
        inputs = batch.inputs_BT
        assert inputs.sources_BS.numel() + batch.targets_BT.numel() <= steps
        assert batch.lengths_B is not None
        real += int(inputs.source_lengths_B.sum() + batch.lengths_B.sum())
        padded += inputs.sources_BS.numel() + batch.targets_BT.numel()
        count += batch.rows
    assert count == len(encoded)
    assert real == encoded.lengths.sum()
    assert 1 - real / padded < 0.1


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 90), st.integers(0, 3))
def test_a_stream_goes_on_exactly(done: int, seed: int) -> None:
    encoded = synthetic(300)

    def fresh() -> ShuffledBatches:
        return ShuffledBatches(encoded.lengths, encoded.batch, batch_size=40, steps=300, seed=seed)

    stream, other = fresh(), fresh()
    for _ in range(done):
        stream.next_batch()
    other.load_state_dict(json.loads(json.dumps(stream.state_dict())))
    assert other.epoch == stream.epoch
    for _ in range(30):
        one, two = stream.next_batch(), other.next_batch()
        for first, second in zip((*one.inputs_BT, one.targets_BT), (*two.inputs_BT, two.targets_BT), strict=True):
            assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("kind", "steps"), [("words", 4096), pytest.param("characters", 16384, marks=pytest.mark.slow)]
)
def test_little_of_multi30k_is_padding(kind: str, steps: int, shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("translation/multi30k")
    pairs = read_pairs([folder / "train.de.gz", folder / "train.en.gz"])
    assert len(pairs) == 29_000
    encoded = EncodedPairs.encode(
        pairs, PairVocabulary.learn(pairs, PairsConfig(tokens=kind, min_count=1, vocabulary_size=8000))
    )
    stream = ShuffledBatches(encoded.lengths, encoded.batch, batch_size=10_000, steps=steps)
    assert stream.padding < 0.08
    batch = encoded.batch(np.array([0]))
    batches = [rows for rows, _ in in_order(encoded.lengths, lambda rows: batch, batch_size=10_000, steps=steps)]
    assert padding_share(encoded.lengths, batches) < 0.08
    assert sorted(np.concatenate(batches).tolist()) == list(range(29_000))
