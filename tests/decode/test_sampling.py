"""Drawing tokens: every way of shaping the distribution, against a plain second writing of it."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman.decode import SamplingOptions, choose, sample
from elman.errors import ConfigError

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0, 0.5]])
NOTHING = torch.zeros(1, 0, dtype=torch.int64)


def shares(logits_V: Tensor, sampling: SamplingOptions, recent: list[int] | None = None, draws: int = 20_000) -> Tensor:
    """How often each token is drawn."""
    recent_BN = None if recent is None else torch.tensor([recent]).expand(draws, -1)
    generator = torch.Generator().manual_seed(1)
    tokens = choose(logits_V.expand(draws, -1), sampling, generator, recent_BN)
    assert tokens.shape == (draws,)
    assert tokens.dtype == torch.int64
    return torch.bincount(tokens, minlength=logits_V.shape[-1]) / draws


def assert_drawn_from(found: Tensor, expected: Tensor, draws: int = 20_000) -> None:
    """A chi-square test at about five standard deviations; what has no probability is never drawn."""
    assert (found[expected == 0.0] == 0.0).all()
    some = expected > 0.0
    statistic = float((draws * (found - expected)[some] ** 2 / expected[some]).sum())
    freedom = int(some.sum()) - 1
    assert statistic <= freedom + 5 * math.sqrt(2 * freedom) + 5


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_draws_follow_the_softmax_of_scores_over_temperature(temperature: float) -> None:
    found = shares(LOGITS[0], SamplingOptions(temperature=temperature))
    assert_drawn_from(found, torch.softmax(LOGITS[0] / temperature, 0))


def test_the_judge_sees_a_wrong_distribution() -> None:
    with pytest.raises(AssertionError):
        assert_drawn_from(shares(LOGITS[0], SamplingOptions()), torch.softmax(LOGITS[0] / 1.05, 0))


def test_temperature_zero_and_top_one_take_the_likeliest() -> None:
    logits = torch.randn(200, 9, generator=torch.Generator().manual_seed(0))
    best = logits.argmax(1)
    for sampling in (
        SamplingOptions(temperature=0.0),
        SamplingOptions(top_k=1),
        SamplingOptions(top_p=1e-9),
        SamplingOptions(temperature=1e-4),
    ):
        assert torch.equal(choose(logits, sampling, torch.Generator().manual_seed(0)), best)


@pytest.mark.parametrize("temperature", [1e-12, 1e-30, 1e-45, 5e-324])
def test_no_temperature_is_too_low(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    for scale in (1.0, 1e4, 1e30):
        assert choose(LOGITS * scale, SamplingOptions(temperature=temperature), generator).tolist() == [0]


def test_a_high_temperature_makes_all_tokens_alike() -> None:
    assert_drawn_from(shares(LOGITS[0], SamplingOptions(temperature=1e30)), torch.full((5,), 0.2))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 99])
def test_top_k_keeps_the_k_likeliest(k: int) -> None:
    kept = LOGITS[0].argsort(descending=True)[:k]
    expected = torch.zeros(5)
    expected[kept] = torch.softmax(LOGITS[0][kept], 0)
    assert_drawn_from(shares(LOGITS[0], SamplingOptions(top_k=k)), expected)


@pytest.mark.parametrize(("p", "kept"), [(0.3, 1), (0.5, 1), (0.51, 2), (0.79, 2), (0.81, 3), (0.99, 5), (1.0, 5)])
def test_top_p_keeps_the_fewest_that_hold_p_together(p: float, kept: int) -> None:
    probabilities = torch.tensor([0.1, 0.5, 0.07, 0.3, 0.03])
    order = probabilities.argsort(descending=True)[:kept]
    expected = torch.zeros(5)
    expected[order] = probabilities[order] / probabilities[order].sum()
    assert_drawn_from(shares(probabilities.log(), SamplingOptions(top_p=p)), expected)


def test_top_p_acts_after_temperature_and_top_k() -> None:
    probabilities = torch.tensor([0.4, 0.3, 0.2, 0.1])
    # Squared and made to sum to 1: 0.533, 0.3, 0.133, 0.033; of the best three: 0.552, 0.310, 0.138.
    found = shares(probabilities.log(), SamplingOptions(temperature=0.5, top_k=3, top_p=0.6))
    squares = probabilities[:2] ** 2
    assert_drawn_from(found, torch.cat([squares / squares.sum(), torch.zeros(2)]))


def test_a_penalty_makes_recent_tokens_less_likely_and_no_others() -> None:
    for logits in (LOGITS[0], LOGITS[0] - 10.0, LOGITS[0] + 10.0):  # the sign of a score must not matter
        expected = torch.log_softmax(logits, 0)
        expected[[0, 3]] *= 1.5
        expected = torch.softmax(expected, 0)
        assert_drawn_from(shares(logits, SamplingOptions(repetition_penalty=1.5), recent=[0, 3, 0, 0]), expected)
        assert expected[0] < torch.softmax(logits, 0)[0]
        assert_drawn_from(shares(logits, SamplingOptions(repetition_penalty=1.5), recent=[]), torch.softmax(logits, 0))


def test_a_penalty_can_change_what_is_likeliest() -> None:
    greedy = SamplingOptions(temperature=0.0, repetition_penalty=3.0)
    generator = torch.Generator()
    assert choose(LOGITS, greedy, generator, torch.tensor([[0]])).tolist() == [1]
    assert choose(LOGITS, greedy, generator, torch.tensor([[4]])).tolist() == [0]


def test_banned_tokens_are_never_drawn() -> None:
    allowed = torch.tensor([False, True, False, True, True])
    expected = torch.where(allowed, torch.softmax(LOGITS[0], 0), torch.zeros(5))
    expected = expected / expected.sum()
    assert_drawn_from(shares(LOGITS[0], SamplingOptions(banned=(0, 2))), expected)
    assert_drawn_from(shares(LOGITS[0], SamplingOptions(banned=(0, 2), repetition_penalty=1.2), recent=[]), expected)
    assert choose(LOGITS, SamplingOptions(temperature=0.0, banned=(0,)), torch.Generator()).tolist() == [1]
    penalty = SamplingOptions(banned=(0, 2), repetition_penalty=0.5)
    assert shares(LOGITS[0], penalty, recent=[0, 1])[[0, 2]].sum() == 0.0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=12),
    st.floats(0.0, 10.0),
    st.integers(0, 14),
    st.floats(0.001, 1.0),
    st.floats(0.1, 5.0),
)
def test_whatever_the_options_the_choice_is_allowed(
    logits: list[float], temperature: float, k: int, p: float, penalty: float
) -> None:
    sampling = SamplingOptions(temperature, k, p, penalty, banned=(0,))
    scores = torch.tensor([logits])
    (token,) = choose(scores, sampling, torch.Generator().manual_seed(3), torch.tensor([[1]])).tolist()
    assert 1 <= token < len(logits)
    if k and penalty == 1.0:
        assert scores[0, token] >= scores[0, 1:].sort(descending=True).values[: k or None][-1]


def counting_step(tokens_B: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Scores that make the successor of the last token certain."""
    return torch.nn.functional.one_hot((tokens_B + 1) % 5, 5) * 1000.0, state + 1


def draws(sampling: SamplingOptions, seed: int, count: int = 8, start: Tensor = LOGITS) -> list[list[int]]:
    stream = sample(counting_step, torch.zeros(1), start, sampling, seed=seed, history_BN=NOTHING)
    return [tokens.tolist() for tokens in islice(stream, count)]


def test_what_is_drawn_is_fed_back() -> None:
    assert draws(SamplingOptions(temperature=0.0), 0) == [[0], [1], [2], [3], [4], [0], [1], [2]]


def test_a_seed_gives_the_same_draws_and_another_seed_others() -> None:
    def uniform(tokens_B: Tensor, state: None) -> tuple[Tensor, None]:
        return torch.zeros(1, 50), state

    def run(seed: int) -> list[list[int]]:
        torch.manual_seed(seed + 1)  # the global generator must not matter
        stream = sample(uniform, None, torch.zeros(1, 50), SamplingOptions(), seed=seed, history_BN=NOTHING)
        return [tokens.tolist() for tokens in islice(stream, 12)]

    assert run(4) == run(4)
    assert run(4) != run(5)
    before = torch.get_rng_state()
    list(islice(sample(uniform, None, torch.zeros(1, 50), SamplingOptions(), seed=1, history_BN=NOTHING), 3))
    assert torch.equal(before, torch.get_rng_state())


def test_the_penalty_forgets_what_is_older_than_its_window() -> None:
    def flat(tokens_B: Tensor, state: None) -> tuple[Tensor, None]:
        return torch.tensor([[0.3, 0.2, 0.1]]), state

    def run(window: int) -> list[int]:
        sampling = SamplingOptions(temperature=0.0, repetition_penalty=5.0, repetition_window=window)
        stream = sample(flat, None, flat(NOTHING, None)[0], sampling, seed=0, history_BN=torch.tensor([[0]]))
        return [int(tokens) for tokens in islice(stream, 6)]

    assert run(1) == [1, 0, 1, 0, 1, 0]
    assert run(2) == [1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "expected temperature to be 0 or more. Received: -0.1"),
        ({"temperature": math.nan}, "expected temperature to be 0 or more. Received: nan"),
        ({"temperature": math.inf}, "expected temperature to be 0 or more. Received: inf"),
        ({"top_k": -1}, "expected top_k to be a whole number from 0. Received: -1"),
        ({"top_k": 2.5}, "expected top_k to be a whole number from 0. Received: 2.5"),
        ({"top_p": 0.0}, "expected top_p above 0 and at most 1. Received: 0.0"),
        ({"top_p": 1.01}, "expected top_p above 0 and at most 1. Received: 1.01"),
        ({"top_p": math.nan}, "expected top_p above 0 and at most 1. Received: nan"),
        ({"repetition_penalty": 0.0}, "expected repetition_penalty above 0. Received: 0.0"),
        ({"repetition_window": 0}, "expected repetition_window to be at least 1. Received: 0"),
    ],
)
def test_values_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SamplingOptions(**options)
    assert str(caught.value) == message


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(ConfigError, match="expected seed to be a whole number"):
        draws(SamplingOptions(), seed)
