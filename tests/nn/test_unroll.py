"""Unroll and what stands around it: reversal by length, traces, embeddings."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.cells import make
from elman.errors import ConfigError, ShapeError
from elman.nn import OneHot, Unroll, embed_tokens, reverse_rows


@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_reversal_turns_each_row_within_its_length(lengths: list[int]) -> None:
    x = torch.arange(len(lengths) * 6 * 2).reshape(len(lengths), 6, 2)
    turned = reverse_rows(x, torch.tensor(lengths))
    for row, back, n in zip(x.tolist(), turned.tolist(), lengths, strict=True):
        assert back == row[:n][::-1] + row[n:]
    assert torch.equal(reverse_rows(turned, torch.tensor(lengths)), x)


def test_reversal_without_lengths_turns_all() -> None:
    x = torch.arange(6).reshape(1, 3, 2)
    assert reverse_rows(x, None).tolist() == [[[4, 5], [2, 3], [0, 1]]]


def test_no_module_keeps_a_state() -> None:
    unroll, x = Unroll(make("lstm", 3, 4)), torch.randn(2, 5, 3)
    first, _ = unroll(x)
    second, _ = unroll(x)
    assert torch.equal(first, second)
    assert list(unroll.buffers()) == []


def test_what_does_not_fit_is_named() -> None:
    unroll = Unroll(make("lstm", 3, 4))
    x = torch.zeros(2, 5, 3)
    with pytest.raises(ShapeError, match=r"expected x_BTI of shape \(batch, time, 3\). Received: \(5, 3\)"):
        unroll(x[0])
    with pytest.raises(ShapeError, match=r"expected a state of LSTM with .*'c': \(2, 4\).*Received: .*'c': \(3, 4\)"):
        unroll(x, None, unroll.initial_state(3))
    with pytest.raises(ShapeError, match=r"Received: \{'h': \(2, 4\)\}"):
        unroll(x, None, make("gru", 3, 4).initial_state(2))
    with pytest.raises(ConfigError, match=r"expected at least one time step to trace. Received: \(2, 0, 3\)"):
        unroll.trace(x[:, :0])
    with pytest.raises(ConfigError, match=r"MinGRU has no recurrent product. Received: 0.0 and 0.5"):
        Unroll(make("mingru", 3, 4), weight_drop=0.5)


def test_a_trace_holds_the_state_of_finished_rows_still() -> None:
    torch.manual_seed(0)
    unroll, x = Unroll(make("lstm", 3, 4)), torch.randn(2, 5, 3)
    trace = unroll.trace(x, torch.tensor([2, 5]))
    for leaf, last in zip(trace.states, trace.state, strict=True):
        for t in range(1, 5):
            assert torch.equal(leaf[0, t], leaf[0, 1])
        assert torch.equal(leaf[:, -1], last)
    assert bool((trace.y_BTY[0, 2:] == 0).all())


def test_one_hot_and_embedding() -> None:
    tokens = torch.tensor([[2, 0], [1, 1]])
    module, size = embed_tokens(3, 0)
    assert size == 3
    assert module(tokens).tolist() == [[[0, 0, 1], [1, 0, 0]], [[0, 1, 0], [0, 1, 0]]]
    assert module(tokens).dtype == torch.float32
    module, size = embed_tokens(3, 5)
    assert size == 5
    assert module(tokens).shape == (2, 2, 5)
    with pytest.raises(
        ConfigError, match=r"at most 2000 tokens for one-hot input.*--embedding 128.*Received: 2001 tokens"
    ):
        OneHot(2001)
