"""Sampled softmax and NCE, against loops in float64, and against the full softmax that they approach."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.nn.sampled_losses import Noise, nce_loss, sampled_softmax_loss

V, Y, N, K = 12, 5, 7, 20
COUNTS = np.array([40, 25, 12, 9, 6, 4, 3, 2, 2, 1, 1, 0], dtype=np.int64)


def layer(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    r_NY, weight_VY = torch.randn(N, Y, generator=draw), torch.randn(V, Y, generator=draw)
    return r_NY, weight_VY, torch.randn(V, generator=draw), torch.randint(0, V, (N,), generator=draw)


def drawn(noise: Noise, seed: int) -> list[int]:
    """The tokens that a loss draws after this seed."""
    torch.manual_seed(seed)
    return torch.multinomial(noise.probabilities_V, noise.samples, replacement=True).tolist()


@pytest.mark.parametrize("kind", ["unigram", "log-uniform"])
def test_the_noise_is_what_it_says(kind: str) -> None:
    noise = Noise.of(kind, COUNTS, K, 0.75)
    if kind == "unigram":
        expected = [max(count, 1) ** 0.75 for count in COUNTS.tolist()]
    else:
        expected = [math.log(rank + 2) - math.log(rank + 1) for rank in range(V)]
    expected = [each / sum(expected) for each in expected]
    assert noise.probabilities_V.tolist() == pytest.approx(expected, rel=1e-6)
    assert noise.log_expected_V.tolist() == pytest.approx([math.log(K * each) for each in expected], rel=1e-5)
    torch.manual_seed(0)
    totals = torch.zeros(V)
    for _ in range(500):
        sample = noise.draw()
        assert len(set(sample.tokens_S.tolist())) == len(sample.tokens_S)
        totals[sample.tokens_S] += sample.counts_S
    assert (totals / totals.sum()).tolist() == pytest.approx(expected, abs=0.012)


def by_loops(kind: str, noise: Noise, sample: list[int], tensors: tuple[Tensor, Tensor, Tensor, Tensor]) -> float:
    """Both losses with every draw of the sample as a term of its own."""
    r_NY, weight_VY, bias_V, targets_N = (each.double() if each.is_floating_point() else each for each in tensors)
    total = 0.0
    for n, target in enumerate(targets_N.tolist()):
        logits = [float(weight_VY[v] @ r_NY[n] + bias_V[v]) for v in range(V)]
        expected = [noise.samples * float(noise.probabilities_V[v]) for v in range(V)]
        scores = [logit - math.log(each) for logit, each in zip(logits, expected, strict=True)]
        if kind == "nce":
            total += -math.log(1 / (1 + math.exp(-scores[target])))
            total += sum(-math.log(1 - 1 / (1 + math.exp(-scores[v]))) for v in sample)
        else:
            others = sum(math.exp(scores[v]) for v in sample if v != target)
            total += math.log(math.exp(logits[target]) + others) - logits[target]
    return total


@pytest.mark.parametrize("kind", ["sampled", "nce"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_losses_are_those_of_the_definition(kind: str, seed: int) -> None:
    noise = Noise.of("unigram", COUNTS, K, 0.75)
    tensors = layer(seed)
    sample = drawn(noise, seed)
    torch.manual_seed(seed)
    loss = (nce_loss if kind == "nce" else sampled_softmax_loss)(*tensors, noise)
    assert float(loss) == pytest.approx(by_loops(kind, noise, sample, tensors), rel=1e-5)


@pytest.mark.parametrize("kind", ["sampled", "nce"])
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    noise = Noise.of("log-uniform", COUNTS, K, 0.75)
    *tensors, targets_N = layer(4)
    loss = nce_loss if kind == "nce" else sampled_softmax_loss

    def value() -> float:
        torch.manual_seed(5)
        return float(loss(*tensors, targets_N, noise))

    inputs = [each.clone().requires_grad_() for each in tensors]
    torch.manual_seed(5)
    loss(*inputs, targets_N, noise).backward()
    for tensor, own in zip(tensors, inputs, strict=True):
        for place in np.ndindex(*tensor.shape):
            if sum(place) % 3:
                continue
            before = float(tensor[place])
            tensor[place] = before + 1e-2
            above = value()
            tensor[place] = before - 1e-2
            below = value()
            tensor[place] = before
            assert float(own.grad[place]) == pytest.approx((above - below) / 2e-2, abs=3e-2)


def test_with_many_samples_the_gradient_is_that_of_the_full_softmax() -> None:
    r_NY, weight_VY, bias_V, targets_N = layer(6)
    full = [each.clone().requires_grad_() for each in (r_NY, weight_VY, bias_V)]
    F.cross_entropy(F.linear(full[0], full[1], full[2]), targets_N, reduction="sum").backward()
    sampled = [each.clone().requires_grad_() for each in (r_NY, weight_VY, bias_V)]
    torch.manual_seed(0)
    loss = sampled_softmax_loss(*sampled, targets_N, Noise.of("unigram", COUNTS, 400_000, 0.75))
    loss.backward()
    for one, other in zip(full, sampled, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0.03, atol=0.03)


def test_nce_learns_a_distribution_that_is_normalised() -> None:
    """With a bias alone, the logits become the logarithms of the frequencies, without any normaliser."""
    torch.manual_seed(0)
    targets_N = torch.multinomial(torch.tensor([0.5, 0.3, 0.15, 0.05]), 4000, replacement=True)
    frequencies = torch.bincount(targets_N, minlength=4) / 4000
    bias_V = torch.full((4,), -math.log(4)).requires_grad_()
    noise = Noise.of("unigram", np.array([1, 1, 1, 1]), 400, 0.75)
    optimizer = torch.optim.Adam([bias_V], lr=0.02)
    for _ in range(200):
        loss = nce_loss(torch.zeros(4000, 2), torch.zeros(4, 2), bias_V, targets_N, noise) / 4000
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(bias_V.detach().exp(), frequencies, rtol=0.08, atol=0.01)


def test_a_target_in_the_sample_is_not_its_own_rival() -> None:
    noise = Noise(torch.tensor([1.0, 1e-9]), 5)
    loss = sampled_softmax_loss(torch.ones(1, 2), torch.ones(2, 2), torch.zeros(2), torch.tensor([0]), noise)
    assert float(loss) == pytest.approx(0.0, abs=1e-6)
