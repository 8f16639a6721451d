"""elman.nn.RNN, GRU and LSTM refuse what torch's refuse, and say why."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import elman.nn
from elman.errors import ConfigError, ShapeError

KINDS = ("RNN", "GRU", "LSTM")


@pytest.mark.parametrize("kind", KINDS)
def test_a_constructor_says_what_torch_says(kind: str) -> None:
    layer, twin = getattr(elman.nn, kind), getattr(nn, kind)
    bad: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((3, 0), {}),
        ((0, 3), {}),
        ((3, 4, 0), {}),
        ((3.0, 4), {}),
        ((3, "4"), {}),
        ((3, 4), {"bias": 1}),
        ((3, 4), {"batch_first": "yes"}),
        ((3, 4), {"dropout": 1.5}),
        ((3, 4), {"dropout": True}),
        ((3, 4), {"proj_size": 4 if kind == "LSTM" else 2}),
    ]
    for sizes, options in bad:
        with pytest.raises((TypeError, ValueError)) as theirs:
            twin(*sizes, **options)
        # torch raises a ValueError that names proj_size, where Python raises a TypeError for an unknown argument.
        kinds = TypeError if "proj_size" in options and kind != "LSTM" else theirs.type
        with pytest.raises(kinds):
            layer(*sizes, **options)
    with pytest.warns(UserWarning, match="num_layers above 1"):
        layer(3, 4, dropout=0.5)
    with pytest.raises(ConfigError, match="Received: 'cube'"):
        elman.nn.RNN(3, 4, nonlinearity="cube")


def test_rnn_takes_torchs_order_of_arguments() -> None:
    arguments = (3, 4, 2, "relu", False, True, 0.25, True)
    ours, theirs = elman.nn.RNN(*arguments), nn.RNN(*arguments)
    names = ("num_layers", "nonlinearity", "bias", "batch_first", "dropout", "bidirectional")
    assert [getattr(ours, name) for name in names] == [getattr(theirs, name) for name in names]
    assert repr(elman.nn.LSTM(3, 4)) == repr(nn.LSTM(3, 4))
    assert "bidirectional=True" in repr(ours)


def test_tensors_that_do_not_fit_are_named() -> None:
    lstm = elman.nn.LSTM(3, 4)
    x = torch.zeros(5, 2, 3)
    with pytest.raises(ShapeError, match=r"input with 2 or 3 dimensions. Received: \(3,\)"):
        lstm(torch.zeros(3))
    with pytest.raises(ShapeError, match=r"Received: \(2, 5, 9\)"):
        lstm(torch.zeros(5, 2, 9))
    with pytest.raises(ShapeError, match=r"expected hx .*Received: \[\(1, 2, 4\)\]"):
        lstm(x, torch.zeros(1, 2, 4))
    with pytest.raises(ShapeError, match=r"hx"):
        lstm(x, (torch.zeros(2, 2, 4), torch.zeros(2, 2, 4)))
    with pytest.raises(ShapeError, match=r"Received: .*\(3, 4\)"):
        lstm(x, (torch.zeros(1, 3, 4), torch.zeros(1, 3, 4)))
    with pytest.raises(ShapeError, match=r"does not match weight dtype \(torch.float32\)"):
        lstm(x.double())
    with pytest.raises(ShapeError, match=r"lengths_B with 2 whole numbers"):
        lstm(x, lengths=torch.tensor([1, 2, 3]))
    with pytest.raises(ShapeError, match=r"batch of sequences with lengths"):
        lstm(x[:, 0], lengths=torch.tensor([1]))
    with pytest.raises(ConfigError, match=r"which has its own"):
        lstm(pack_sequence([x[:, 0]]), lengths=torch.tensor([1]))
