"""Every kind of dropout: where it acts, how much it drops, what it holds constant, and that it rests in evaluation."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from elman.cells import make
from elman.nn import Stack, Unroll, sequence_dropout
from elman.nn.dropout import SequenceDropout
from elman.state import leaves

RATE = 0.3


def assert_dropped(x: torch.Tensor, rate: float = RATE) -> None:
    """Ones went in: zeros at about `rate` come out, and 1 / (1 - rate) elsewhere."""
    kept = 1 / (1 - rate)
    assert bool(((x == 0) | (x - kept).abs().lt(1e-6)).all())
    share = float((x == 0).double().mean())
    assert share == pytest.approx(rate, abs=4 * (rate * (1 - rate) / x.numel()) ** 0.5 + 1e-9)


def test_plain_dropout_is_fresh_at_every_step() -> None:
    torch.manual_seed(0)
    x = sequence_dropout(torch.ones(20, 30, 40), RATE, variational=False, training=True)
    assert_dropped(x)
    assert not torch.equal(x[:, 0], x[:, 1])


def test_variational_dropout_holds_one_mask_for_all_steps() -> None:
    torch.manual_seed(0)
    x = sequence_dropout(torch.ones(60, 9, 80), RATE, variational=True, training=True)
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert_dropped(x[:, 0])
    assert not torch.equal(x[0], x[1])


@pytest.mark.parametrize("variational", [False, True])
def test_no_dropout_in_evaluation_or_at_rate_zero(variational: bool) -> None:
    x = torch.randn(3, 4, 5)
    assert sequence_dropout(x, RATE, variational=variational, training=False) is x
    assert sequence_dropout(x, 0.0, variational=variational, training=True) is x


@pytest.mark.parametrize("variational", [False, True])
def test_as_part_of_a_network_it_follows_the_network(variational: bool) -> None:
    network = torch.nn.Sequential(SequenceDropout(variational))
    x = torch.ones(20, 9, 40)
    found = []
    alone = partial(sequence_dropout, variational=variational, training=True)
    for drop in (network[0], alone):
        torch.manual_seed(3)
        found.append(drop(x, RATE))
    assert torch.equal(*found)
    assert network.state_dict() == {}
    assert network.eval()[0](x, RATE) is x


ALL_KINDS: list[dict[str, Any]] = [
    {"dropout": 0.5},
    {"input_dropout": 0.5},
    {"output_dropout": 0.5},
    {"recurrent_dropout": 0.5},
    {"weight_drop": 0.5},
    {"dropout": 0.5, "variational": True},
]


@pytest.mark.parametrize("options", ALL_KINDS, ids=str)
def test_each_kind_acts_in_training_only(options: dict[str, Any]) -> None:
    torch.manual_seed(1)
    stack = Stack("lstm", 3, 8, layers=2, **options)
    plain = Stack("lstm", 3, 8, layers=2)
    plain.load_state_dict(stack.state_dict(), strict=True)
    x, lengths = torch.randn(4, 6, 3), torch.tensor([6, 2, 0, 5])
    assert not torch.equal(stack(x, lengths)[0], stack(x, lengths)[0])
    torch.manual_seed(2)
    once = stack(x, lengths)[0]
    torch.manual_seed(2)
    assert torch.equal(stack(x, lengths)[0], once)
    stack.eval()
    torch.testing.assert_close(stack(x, lengths)[0], plain(x, lengths)[0], rtol=0, atol=1e-6)


def listen(stack: Stack) -> list[torch.Tensor]:
    """The input of every layer, as it comes."""
    captured: list[torch.Tensor] = []
    for layer in stack.unrolls():
        layer[0].register_forward_pre_hook(lambda _, arguments: captured.append(arguments[0]))
    return captured


def one_out(cell: Any) -> None:
    """Make a ReLU cell whose output is always one."""
    for parameter in cell.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.ones_(cell.bias_ih)


@pytest.mark.parametrize(
    ("options", "into_first", "into_second", "out"),
    [
        ({"dropout": RATE}, 0.0, RATE, 0.0),
        ({"input_dropout": RATE}, RATE, RATE, 0.0),
        ({"output_dropout": RATE}, 0.0, RATE, RATE),
    ],
    ids=str,
)
def test_dropout_acts_where_it_says(options: dict[str, Any], into_first: float, into_second: float, out: float) -> None:
    torch.manual_seed(3)
    stack = Stack("elman", 40, 40, layers=2, nonlinearity="relu", **options)
    for layer in stack.unrolls():
        one_out(layer[0].cell)
    captured = listen(stack)
    y, last = stack(torch.ones(10, 20, 40))
    for tensor, rate in ((captured[0], into_first), (captured[1], into_second), (y, out)):
        assert_dropped(tensor, rate)
    # A state is carried, never dropped.
    assert all(bool((leaf == 1).all()) for leaf in leaves(last))


def test_recurrent_dropout_masks_h_with_one_mask_for_all_steps() -> None:
    """A cell that only adds its own past to one: h_t = m * h_{t-1} + 1, so the mask m shows in the outputs."""
    torch.manual_seed(4)
    cell = make("elman", 1, 50, nonlinearity="relu")
    one_out(cell)
    torch.nn.init.eye_(cell.weight_hh)
    y, _ = Unroll(cell, recurrent_dropout=RATE)(torch.zeros(40, 5, 1))
    mask = y[:, 1] - 1
    assert_dropped(mask)
    for t in range(2, 5):
        torch.testing.assert_close(y[:, t], mask * y[:, t - 1] + 1)
    assert not torch.equal(mask[0], mask[1])


@pytest.mark.parametrize("name", ["elman", "gru", "gru-reset-before", "lstm"])
def test_recurrent_dropout_masks_only_what_enters_the_product(name: str) -> None:
    """With recurrent weights of zero there is nothing to mask: the leaky and the gated paths stay whole."""
    torch.manual_seed(5)
    cell = make(name, 3, 6)
    torch.nn.init.zeros_(cell.weight_hh)
    unroll, x = Unroll(cell, recurrent_dropout=0.5), torch.randn(4, 7, 3)
    dropped = unroll(x)[0]
    unroll.eval()
    torch.testing.assert_close(unroll(x)[0], dropped)


def test_weight_drop_drops_recurrent_weights_once_a_call() -> None:
    """h_t = w * h_{t-1} with one number to each unit: what was dropped is zero from the second step on."""
    torch.manual_seed(6)
    cell = make("elman", 1, 400, nonlinearity="relu")
    one_out(cell)
    torch.nn.init.eye_(cell.weight_hh)
    unroll = Unroll(cell, weight_drop=RATE)
    before = {name: weight.clone() for name, weight in cell.named_parameters()}
    y, _ = unroll(torch.zeros(2, 4, 1))
    kept = y[0, 1] - 1
    assert_dropped(kept)
    assert torch.equal(y[0], y[1])
    for t in (2, 3):
        torch.testing.assert_close(y[0, t], kept * y[0, t - 1] + 1)
    assert not torch.equal(unroll(torch.zeros(2, 4, 1))[0], y)
    for name, weight in cell.named_parameters():
        assert torch.equal(weight, before[name])
    y.sum().backward()
    on_diagonal = cell.weight_hh.grad.diagonal()
    assert bool((on_diagonal[kept == 0] == 0).all())
    assert bool((on_diagonal[kept != 0] > 0).all())
