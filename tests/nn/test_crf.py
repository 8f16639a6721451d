"""The conditional random field, against every path written down."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import ConfigError, ShapeError
from elman.nn import CRF
from elman.nn.crf import TransitionMask

from .crf_checks import (
    LENGTHS,
    check_best_path,
    check_likelihood,
    check_marginals,
    make_crf,
    make_emissions,
    some_rules,
)

each_crf = pytest.mark.parametrize("rules", [None, some_rules()], ids=["free", "with rules"])


@each_crf
@pytest.mark.parametrize("seed", range(3))
def test_likelihood_best_path_and_marginals_agree_with_all_paths(rules: TransitionMask | None, seed: int) -> None:
    crf = make_crf(seed, rules)
    check_likelihood(crf)
    check_best_path(crf)
    check_marginals(crf)


@given(st.integers(0, 2**31), st.floats(0.1, 300.0))
@settings(max_examples=25, deadline=None)
def test_large_scores_lose_nothing(seed: int, size: float) -> None:
    """Sums of exponentials would underflow here: the slow way round gives the same as all paths."""
    crf = make_crf(seed, some_rules())
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.mul_(size)
    check_likelihood(crf)
    check_best_path(crf)


def test_float32_is_as_exact_as_float32_is() -> None:
    crf = make_crf(0, some_rules())
    emissions_BTV = make_emissions()
    tags_BT, _ = crf.best_paths(emissions_BTV, LENGTHS)
    exact_B = crf.log_likelihood(emissions_BTV, tags_BT, LENGTHS)
    rough_B = crf.float().log_likelihood(emissions_BTV.float(), tags_BT, LENGTHS)
    assert rough_B.dtype == torch.float32
    torch.testing.assert_close(rough_B.double(), exact_B, rtol=1e-5, atol=1e-5)


def test_autocast_changes_nothing() -> None:
    crf = make_crf().float()
    emissions_BTV = make_emissions().float()
    tags_BT, _ = crf.best_paths(emissions_BTV, LENGTHS)
    plain_B = crf.log_likelihood(emissions_BTV, tags_BT, LENGTHS)
    with torch.autocast("cpu", torch.bfloat16):
        inside_B = crf.log_likelihood(emissions_BTV, tags_BT, LENGTHS)
        marginals_BTV = crf.marginals(emissions_BTV.bfloat16(), LENGTHS)
    assert inside_B.dtype == marginals_BTV.dtype == torch.float32
    assert torch.equal(plain_B, inside_B)


@each_crf
def test_gradients_by_finite_differences(rules: TransitionMask | None) -> None:
    crf = make_crf(4, rules)
    emissions_BTV = make_emissions().requires_grad_()
    tags_BT, _ = crf.best_paths(emissions_BTV.detach(), LENGTHS)

    def loss(*tensors: torch.Tensor) -> torch.Tensor:
        names = [name for name, _ in crf.named_parameters()]
        moved = dict(zip(names, tensors[1:], strict=True))
        return torch.func.functional_call(_Likelihood(crf), {f"crf.{n}": p for n, p in moved.items()},
                                          (tensors[0], tags_BT, LENGTHS))  # fmt: skip

    assert torch.autograd.gradcheck(loss, (emissions_BTV, *crf.parameters()))


class _Likelihood(torch.nn.Module):
    def __init__(self, crf: CRF) -> None:
        super().__init__()
        self.crf = crf

    def forward(self, *arguments: torch.Tensor) -> torch.Tensor:
        return self.crf.log_likelihood(*arguments)


def test_the_gradient_of_the_likelihood_is_truth_less_marginals() -> None:
    crf = make_crf(2, some_rules())
    emissions_BTV = make_emissions().requires_grad_()
    tags_BT, _ = crf.best_paths(emissions_BTV.detach(), LENGTHS)
    crf.log_likelihood(emissions_BTV, tags_BT, LENGTHS).sum().backward()
    truth_BTV = torch.nn.functional.one_hot(tags_BT.clamp_min(0), 3) * (tags_BT >= 0)[..., None]
    expected_BTV = truth_BTV - crf.marginals(emissions_BTV.detach(), LENGTHS)
    torch.testing.assert_close(emissions_BTV.grad, expected_BTV)


def test_rows_do_not_know_each_other() -> None:
    crf = make_crf()
    emissions_BTV = make_emissions()
    tags_BT, _ = crf.best_paths(emissions_BTV, LENGTHS)
    together_B = crf.log_likelihood(emissions_BTV, tags_BT, LENGTHS)
    for row in range(len(LENGTHS)):
        one = slice(row, row + 1)
        alone_B = crf.log_likelihood(emissions_BTV[one], tags_BT[one], LENGTHS[one])
        torch.testing.assert_close(alone_B, together_B[one])


def test_a_path_that_is_not_allowed_is_reported_and_has_no_probability() -> None:
    crf = make_crf(0, some_rules())
    tags_BT = torch.tensor([[0, 1, 1, 0], [1, -100, -100, -100], [0, 0, 2, -100], [-100] * 4, [2, 1, -100, -100]])
    assert crf.allows(tags_BT, LENGTHS).tolist() == [False, False, False, True, True]
    likelihood_B = crf.log_likelihood(make_emissions(), tags_BT, LENGTHS)
    assert [value < -5000 for value in likelihood_B.tolist()] == [True, True, True, False, False]
    every_BT = torch.zeros(len(LENGTHS), 4, dtype=torch.int64)
    assert make_crf().allows(every_BT, LENGTHS).all()


def test_rules_are_not_weights() -> None:
    crf = make_crf(0, some_rules())
    assert set(crf.state_dict()) == {"transitions", "start", "stop"}


def test_no_steps_at_all() -> None:
    crf = make_crf()
    empty_BTV, none_B = torch.zeros(2, 0, 3, dtype=torch.float64), torch.zeros(2, dtype=torch.int64)
    assert crf.log_likelihood(empty_BTV, torch.zeros(2, 0, dtype=torch.int64), none_B).tolist() == [0.0, 0.0]
    assert crf.best_paths(empty_BTV, none_B)[0].shape == (2, 0)
    assert crf.marginals(empty_BTV, none_B).shape == (2, 0, 3)


def test_a_certain_answer_stays_finite() -> None:
    crf = CRF(3, some_rules())
    emissions_BTV = torch.full((1, 4, 3), -1e3)
    emissions_BTV[..., 0] = 1e3
    emissions_BTV.requires_grad_()
    likelihood_B = crf.log_likelihood(emissions_BTV, torch.tensor([[2, 1, 1, 1]]), torch.tensor([4]))
    likelihood_B.sum().backward()
    assert math.isfinite(float(likelihood_B.detach()))
    assert torch.isfinite(emissions_BTV.grad).all()


@pytest.mark.parametrize(
    ("emissions", "tags", "lengths", "said"),
    [
        ((2, 4, 5), (2, 4), [4, 4], r"emissions_BTV of shape \(batch, time, 3\). Received: \(2, 4, 5\)"),
        ((2, 3), (2, 4), [4, 4], "emissions_BTV"),
        ((2, 4, 3), (2, 3), [4, 4], r"tags_BT of shape \(2, 4\). Received: \(2, 3\)"),
        ((2, 4, 3), (2, 4), [4, 4, 4], "lengths_B with 2 whole numbers"),
        ((2, 4, 3), (2, 4), [4, 5], "lengths_B between 0 and T = 4"),
        ((2, 4, 3), (2, 4), [4, -1], "lengths_B between 0 and T = 4"),
        ((2, 4, 3), (2, 4), [4.0, 1.0], "whole numbers"),
    ],
)
def test_what_does_not_fit_is_refused(
    emissions: tuple[int, ...], tags: tuple[int, ...], lengths: list[float], said: str
) -> None:
    with pytest.raises(ShapeError, match=said):
        CRF(3).log_likelihood(torch.zeros(emissions), torch.zeros(tags, dtype=torch.int64), torch.tensor(lengths))


def test_no_tags_and_rules_of_another_size_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one tag"):
        CRF(0)
    with pytest.raises(ShapeError, match="booleans of the shapes"):
        CRF(4, some_rules())
    with pytest.raises(ShapeError, match="booleans"):
        CRF(3, TransitionMask(*(part.float() for part in some_rules())))
