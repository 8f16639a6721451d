"""The output product and its cross-entropy in one, judged by torch's own two operations."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import ShapeError
from elman.nn import linear_cross_entropy


def operands(rows: int, size: int, tokens: int, spare: int, dtype: torch.dtype, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x_NR = torch.randn(rows, size, generator=generator, dtype=torch.float64)
    weight_VR = torch.randn(tokens + spare, size, generator=generator, dtype=torch.float64)
    bias_V = torch.randn(tokens, generator=generator, dtype=torch.float64)
    return [tensor.to(dtype).requires_grad_() for tensor in (x_NR, weight_VR, bias_V)]


def torch_own(x_NR, weight_VR, bias_V, targets_N, smoothing):
    logits_NV = F.linear(x_NR, weight_VR[: len(bias_V)], bias_V)
    return F.cross_entropy(logits_NV, targets_N, label_smoothing=smoothing, reduction="sum")


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(0, 150),
    size=st.integers(1, 9),
    tokens=st.integers(1, 40),
    spare=st.integers(0, 2),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    seed=st.integers(0, 99),
)
def test_loss_and_gradients_are_those_of_two_operations(rows, size, tokens, spare, smoothing, seed):
    given_ = operands(rows, size, tokens, spare, torch.float64, seed)
    targets_N = torch.randint(tokens, (rows,), generator=torch.Generator().manual_seed(seed))
    results = []
    for function in (linear_cross_entropy, torch_own):
        loss = function(*given_, targets_N, smoothing)
        results.append((loss, *torch.autograd.grad(3.0 * loss, given_)))
    for own, expected in zip(*results, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_error_in_float32_is_at_most_four_times_torchs(smoothing):
    targets_N = torch.arange(200) % 90
    exact = operands(200, 16, 90, 1, torch.float64)
    judge = torch.autograd.grad(torch_own(*exact, targets_N, smoothing), exact)
    single = operands(200, 16, 90, 1, torch.float32)
    errors = []
    for function in (linear_cross_entropy, torch_own):
        found = torch.autograd.grad(function(*single, targets_N, smoothing), single)
        errors.append([float((a - b).abs().max()) for a, b in zip(found, judge, strict=True)])
    for own, theirs in zip(*errors, strict=True):
        assert own <= 4 * theirs


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_in_16_bits_it_is_as_near_as_torch(smoothing):
    targets_N = torch.arange(300) % 90
    exact = operands(300, 16, 90, 1, torch.float64)
    judge = torch.autograd.grad(torch_own(*exact, targets_N, smoothing), exact)
    single = operands(300, 16, 90, 1, torch.float32)
    errors = []
    for function in (linear_cross_entropy, torch_own):
        with torch.autocast("cpu", torch.bfloat16):
            loss = function(*single, targets_N, smoothing)
        assert loss.dtype == torch.float32
        found = torch.autograd.grad(loss, single)
        errors.append([float((a - b).norm() / b.norm()) for a, b in zip(found, judge, strict=True)])
    for own, theirs in zip(*errors, strict=True):
        assert own <= max(2 * theirs, 0.01)


def test_rows_beyond_the_bias_take_no_part():
    x_NR, weight_VR, bias_V = operands(5, 3, 4, 2, torch.float64)
    targets_N = torch.tensor([0, 1, 2, 3, 0])
    loss = linear_cross_entropy(x_NR, weight_VR, bias_V, targets_N, 0.1)
    (gradient_VR,) = torch.autograd.grad(loss, [weight_VR])
    assert torch.equal(gradient_VR[4:], torch.zeros(2, 3, dtype=torch.float64))
    assert gradient_VR[:4].abs().min() > 0


def test_far_scores_give_no_infinity():
    x_NR = torch.tensor([[1.0]], requires_grad=True)
    weight_VR = torch.tensor([[500.0], [-500.0]])
    loss = linear_cross_entropy(x_NR, weight_VR, torch.zeros(2), torch.tensor([1]))
    assert loss.item() == 1000.0
    assert torch.autograd.grad(loss, [x_NR])[0].item() == 1000.0


def test_what_does_not_fit_is_refused():
    x_NR, weight_VR, bias_V = operands(5, 3, 4, 0, torch.float64)
    with pytest.raises(ShapeError, match=r"targets_N that fit\. Received: \(5, 3\), \(4, 3\), \(4,\), \(6,\)"):
        linear_cross_entropy(x_NR, weight_VR, bias_V, torch.zeros(6, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"that fit"):
        linear_cross_entropy(x_NR, weight_VR[:3], bias_V, torch.zeros(5, dtype=torch.int64))
