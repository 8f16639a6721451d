"""The parallel scan against the loop it stands for."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.kernels.scan import linear_scan


def by_loop(a: torch.Tensor, b: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    states = []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, 1)


@settings(max_examples=40, deadline=None)
@given(T=st.integers(1, 40), seed=st.integers(0, 1000))
def test_the_scan_is_the_loop_for_any_number_of_steps(T: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(2, T, 3, generator=draw, dtype=torch.float64).requires_grad_() for _ in range(2))
    h = torch.randn(2, 3, generator=draw, dtype=torch.float64).requires_grad_()
    weights = torch.randn(2, T, 3, generator=draw, dtype=torch.float64)
    results = []
    for function in (linear_scan, by_loop):
        y = function(a, b, h)
        results.append([y, *torch.autograd.grad((y * weights).sum(), (a, b, h))])
    for got, expected in zip(*results, strict=True):
        scale = max(1.0, float(expected.detach().abs().max()))
        torch.testing.assert_close(got / scale, expected / scale, rtol=0, atol=1e-11)


def test_known_numbers() -> None:
    a = torch.tensor([[[0.5], [0.0], [2.0], [1.0]]])
    b = torch.tensor([[[1.0], [3.0], [-1.0], [0.25]]])
    assert linear_scan(a, b, torch.tensor([[4.0]])).flatten().tolist() == [3.0, 3.0, 5.0, 5.25]


def test_second_derivatives() -> None:
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(1, 5, 2, generator=draw, dtype=torch.float64).requires_grad_() for _ in range(2))
    h = torch.randn(1, 2, generator=draw, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradgradcheck(linear_scan, (a, b, h))
