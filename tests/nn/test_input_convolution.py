"""The convolution over the input, judged by its sums written out for one output at a time."""

from __future__ import annotations

import math

import pytest
import torch

from .series_checks import STEPS, check_convolution, layer

SIZES = [(1, 1), (3, 1), (4, 1), (2, 2), (5, 2), (7, 3), (4, 4), (16, 5)]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), SIZES)
def test_an_output_is_the_sum_over_its_window_within_the_series(kernel: int, stride: int, causal: bool) -> None:
    check_convolution(kernel, stride, causal=causal)


@pytest.mark.parametrize(("kernel", "stride"), SIZES)
def test_every_step_is_read_and_a_causal_output_reads_no_later_one(kernel: int, stride: int) -> None:
    net = layer(kernel, stride, causal=True)
    torch.nn.init.constant_(net.convolution.weight, 1.0)
    torch.nn.init.constant_(net.convolution.bias, 100.0)
    x_BTI = torch.zeros(1, 11, 2, dtype=torch.float64, requires_grad=True)
    y_BSF, _ = net(x_BTI, None)
    for output in range(y_BSF.shape[1]):
        (gradient_BTI,) = torch.autograd.grad(y_BSF[0, output].sum(), x_BTI, retain_graph=True)
        assert not gradient_BTI[:, (output + 1) * stride :].any()
    (gradient_BTI,) = torch.autograd.grad(y_BSF.sum(), x_BTI)
    assert (gradient_BTI != 0).all()


def test_gradients_do_not_reach_the_padding() -> None:
    net = layer(5, 2, causal=False)
    x_BTI = torch.randn(4, 11, 2, dtype=torch.float64)
    x_BTI[torch.arange(11) >= STEPS[:, None]] = math.nan
    x_BTI.requires_grad_()
    y_BSF, lengths_B = net(x_BTI, STEPS)
    real = torch.arange(y_BSF.shape[1]) < lengths_B[:, None]
    y_BSF[real].sum().backward()
    assert (x_BTI.grad[torch.arange(11) >= STEPS[:, None]] == 0).all()
    assert torch.isfinite(net.convolution.weight.grad).all()
