"""The adaptive softmax, against torch's module and against its definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.nn.adaptive_softmax import AdaptiveSoftmax, frequency_cutoffs

V, Y, N = 30, 16, 50


def made(cutoffs: tuple[int, ...] = (8, 20), seed: int = 0) -> AdaptiveSoftmax:
    torch.manual_seed(seed)
    return AdaptiveSoftmax(Y, V, cutoffs).double()


def rows(seed: int = 1) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(N, Y, generator=draw, dtype=torch.float64), torch.randint(0, V, (N,), generator=draw)


def of_torch(layer: AdaptiveSoftmax) -> nn.AdaptiveLogSoftmaxWithLoss:
    """torch's module with the weights of a layer, whose tails have no biases."""
    other = nn.AdaptiveLogSoftmaxWithLoss(Y, V, layer.borders[:-1], div_value=4.0, head_bias=True).double()
    with torch.no_grad():
        other.head.weight.copy_(layer.weight)
        other.head.bias.copy_(layer.bias)
        for own, tail in zip(layer.tails, other.tail, strict=True):
            tail[0].weight.copy_(own.projection.weight)
            tail[1].weight.copy_(own.output.weight)
            own.output.bias.zero_()
    return other


def test_it_is_that_of_torch() -> None:
    layer = made()
    other = of_torch(layer)
    r_NY, targets_N = rows()
    torch.testing.assert_close(layer(r_NY), other.log_prob(r_NY), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(layer.nats(r_NY, targets_N), other(r_NY, targets_N).loss * N, rtol=1e-10, atol=1e-10)


def test_gradients_are_those_of_torch() -> None:
    layer = made()
    other = of_torch(layer)
    r_NY, targets_N = rows()
    inputs = [r_NY.clone().requires_grad_() for _ in range(2)]
    (3.0 * layer.nats(inputs[0], targets_N)).backward()
    (3.0 * N * other(inputs[1], targets_N).loss).backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(layer.weight.grad, other.head.weight.grad, rtol=1e-9, atol=1e-9)
    for own, tail in zip(layer.tails, other.tail, strict=True):
        torch.testing.assert_close(own.projection.weight.grad, tail[0].weight.grad, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(own.output.weight.grad, tail[1].weight.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cutoffs", [(), (10,), (8, 20), (1, 2, 29)])
def test_probabilities_are_those_of_the_definition_and_sum_to_one(cutoffs: tuple[int, ...]) -> None:
    layer = made(cutoffs)
    r_NY, targets_N = rows()
    with torch.no_grad():
        log_probs_NV, nats = layer(r_NY), layer.nats(r_NY, targets_N)
        borders = [*cutoffs, V]
        expected_NV = torch.zeros(N, V, dtype=torch.float64)
        for n in range(N):
            first = torch.softmax(layer.weight @ r_NY[n] + layer.bias, dim=0)
            expected_NV[n, : borders[0]] = first[: borders[0]]
            for number, tail in enumerate(layer.tails):
                scores = tail.output.weight @ (tail.projection.weight @ r_NY[n]) + tail.output.bias
                inside = slice(borders[number], borders[number + 1])
                expected_NV[n, inside] = first[borders[0] + number] * torch.softmax(scores, dim=0)
    torch.testing.assert_close(log_probs_NV.exp(), expected_NV, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(log_probs_NV.exp().sum(dim=1), torch.ones(N, dtype=torch.float64))
    expected = -sum(float(expected_NV[n, targets_N[n]].log()) for n in range(N))
    assert float(nats) == pytest.approx(expected, rel=1e-10)


def test_a_batch_without_rare_tokens_has_a_gradient_of_zero_for_them() -> None:
    layer = made()
    r_NY, _ = rows()
    layer.nats(r_NY, torch.zeros(N, dtype=torch.int64)).backward()
    assert all(float(parameter.grad.abs().sum()) == 0.0 for parameter in layer.tails.parameters())


def test_shapes_of_any_batch() -> None:
    layer = made()
    r_BTY = torch.randn(2, 3, Y, dtype=torch.float64)
    torch.testing.assert_close(layer(r_BTY).flatten(0, 1), layer(r_BTY.flatten(0, 1)))


@pytest.mark.parametrize("cutoffs", [(0, 5), (5, 5), (9, 3), (30,), (5, 40), (-1,)])
def test_cutoffs_that_do_not_increase_are_refused(cutoffs: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"expected cutoffs that increase, from 1 to 29\. Received: "):
        made(cutoffs)


def test_cutoffs_by_counts() -> None:
    counts_V = np.array([50, 30, 10, 6, 3, 1], dtype=np.int64)  # cumulated: 50, 80, 90, 96, 99, 100
    assert frequency_cutoffs(counts_V) == (2, 4)
    for few in ([5], [1, 1], [0, 0, 0], [100, 0, 0]):
        cutoffs = frequency_cutoffs(np.array(few, dtype=np.int64))
        AdaptiveSoftmax(4, len(few), cutoffs)
