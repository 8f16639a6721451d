"""What is given to layers in place of a tensor is refused with the way to make one; torch's states are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from elman.cells import GRU, LSTM
from elman.errors import ShapeError
from elman.nn import DilatedStack, Stack, Unroll

LAYERS = {
    "Unroll": lambda: Unroll(LSTM(3, 4)),
    "Stack": lambda: Stack("lstm", 3, 4),
    "DilatedStack": lambda: DilatedStack("lstm", 3, 4, dilations=(1, 2)),
}
each_layer = pytest.mark.parametrize("layer", LAYERS)


@each_layer
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((2, 5, 3), np.float32), r"to be a tensor; torch\.as_tensor makes one of it\. Received: ndarray"),
        ([[[0.0] * 3] * 5] * 2, r"torch\.as_tensor makes one of it\. Received: list"),
        (
            pack_sequence([torch.zeros(5, 3)]),
            r"pad_packed_sequence makes a tensor and lengths of it\. Rec",
        ),
        ((torch.zeros(2, 5, 3), torch.tensor([5, 2])), r"expected x_BTI to be a tensor\. Received: tuple"),
        (None, r"expected x_BTI to be a tensor\. Received: NoneType"),
    ],
)
def test_inputs_that_are_no_tensors(layer: str, given: Any, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        LAYERS[layer]()(given)


@each_layer
@pytest.mark.parametrize("lengths", [[5, 2], np.array([5, 2]), (5, 2)])
def test_lengths_that_are_no_tensors(layer: str, lengths: Any) -> None:
    with pytest.raises(ShapeError, match="expected lengths_B to be a tensor"):
        LAYERS[layer]()(torch.zeros(2, 5, 3), lengths)


def test_states_as_torch_has_them() -> None:
    x_BTI, h_BH, c_BH = torch.randn(2, 5, 3), torch.randn(2, 4), torch.randn(2, 4)
    lstm, gru = Unroll(LSTM(3, 4)), Unroll(GRU(3, 4))
    expected = lstm(x_BTI, None, lstm.cell.state_type(h_BH, c_BH))[0]
    for state in ((h_BH, c_BH), [h_BH, c_BH]):
        assert torch.equal(lstm(x_BTI, None, state)[0], expected)
    expected = gru(x_BTI, None, gru.cell.state_type(h_BH))[0]
    for state in (h_BH, (h_BH,), [h_BH]):
        assert torch.equal(gru(x_BTI, None, state)[0], expected)


@pytest.mark.parametrize("state", [(torch.zeros(2, 4),), torch.zeros(2, 4), np.zeros((2, 4)), "h", {"h": 1}, (1, 2)])
def test_states_that_do_not_fit(state: Any) -> None:
    with pytest.raises(ShapeError, match="expected a state of LSTM"):
        Unroll(LSTM(3, 4))(torch.zeros(2, 5, 3), None, state)


@pytest.mark.parametrize("state", [torch.zeros(2, 4), "h", 3, (1, 2)])
def test_states_of_stacks_that_do_not_fit(state: Any) -> None:
    with pytest.raises(ShapeError, match="expected a state of"):
        Stack("lstm", 3, 4)(torch.zeros(2, 5, 3), None, state)
