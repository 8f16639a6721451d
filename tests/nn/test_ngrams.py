"""The bag of n-grams against counting by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import ConfigError
from elman.nn.ngrams import NgramBag, ngram_keys

V = 5
TEXTS = [[0, 1, 2], [1, 2, 1, 2], [4], [3, 3, 3, 0]]
CLASSES = [0, 1, 0, 2]


def grams(text: list[int], longest: int) -> Iterator[tuple[int, ...]]:
    for size in range(1, longest + 1):
        yield from (tuple(text[start : start + size]) for start in range(len(text) - size + 1))


def made(longest: int, scale: float = 1.0) -> tuple[NgramBag, dict[tuple[int, ...], list[float]]]:
    """A bag, and its rows by n-gram, counted in the plainest way."""
    arrays = [np.array(text) for text in TEXTS]
    keys = np.unique(np.concatenate([ngram_keys(text, longest, V) for text in arrays]))
    bag = NgramBag(longest, tokens=V, count=len(keys), outputs=3)
    bag.start(keys, arrays, np.array(CLASSES), scale)
    known = sorted({gram for text in TEXTS for gram in grams(text, longest)})
    counts = {
        gram: [
            1
            + sum(gram in set(grams(text, longest)) and label == k for text, label in zip(TEXTS, CLASSES, strict=True))
            for k in range(3)
        ]
        for gram in known
    }
    totals = [sum(row[k] for row in counts.values()) for k in range(3)]
    rows = {}
    for gram, row in counts.items():
        logs = [math.log(row[k] / totals[k]) for k in range(3)]
        rows[gram] = [scale * (each - sum(logs) / 3) for each in logs]
    assert len(known) == len(keys)
    return bag, rows


@given(st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=6), min_size=1, max_size=5), st.integers(1, 3))
def test_scores_are_sums_over_different_known_ngrams(texts: list[list[int]], longest: int) -> None:
    bag, rows = made(longest, 0.3)
    width = max(map(len, texts))
    tokens_BT = torch.tensor([text + [2] * (width - len(text)) for text in texts])
    found = bag(tokens_BT, torch.tensor([len(text) for text in texts]))
    for text, row in zip(texts, found.tolist(), strict=True):
        expected = [sum(rows[gram][k] for gram in set(grams(text, longest)) if gram in rows) for k in range(3)]
        assert row == pytest.approx(expected, abs=1e-5)


@given(st.lists(st.integers(0, V - 1), min_size=1, max_size=7), st.integers(1, 3), st.integers(0, 2))
def test_shares_add_up_to_the_score(text: list[int], longest: int, output: int) -> None:
    bag, _ = made(longest)
    tokens_BT = torch.tensor([[*text, 1, 1]])
    lengths_B = torch.tensor([len(text)])
    share_BT = bag.share(tokens_BT, lengths_B, torch.tensor([output]))
    assert share_BT.sum().item() == pytest.approx(bag(tokens_BT, lengths_B)[0, output].item(), abs=1e-5)
    assert share_BT[0, len(text) :].abs().sum() == 0


def test_the_share_of_a_single_known_word() -> None:
    bag, rows = made(2)
    share_BT = bag.share(torch.tensor([[4, 0]]), None, torch.tensor([1]))
    assert share_BT[0].tolist() == pytest.approx([rows[4,][1], rows[0,][1]], abs=1e-6)


def test_rows_learn_and_keys_do_not() -> None:
    bag, _ = made(2)
    bag(torch.tensor([[0, 1, 0, 1]]), None).sum().backward()
    assert bag.weight.grad is not None
    assert sorted(bag.weight.grad.sum(1).tolist())[-3:] == [3.0, 3.0, 3.0]  # 0, 1 and 0 1: once each
    assert [name for name, _ in bag.named_parameters()] == ["weight"]
    assert set(bag.state_dict()) == {"keys", "weight"}


def test_ngrams_beyond_int64_are_refused() -> None:
    with pytest.raises(ConfigError, match="int64"):
        NgramBag(5, tokens=100_000, count=1, outputs=2)
    with pytest.raises(ConfigError, match="int64"):
        NgramBag(0, tokens=10, count=1, outputs=2)
