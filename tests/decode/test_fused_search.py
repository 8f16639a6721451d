"""Shallow fusion in the search for output tokens, against all sequences of a tiny vocabulary scored one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from elman.decode.ctc_beam import LanguageModelScorer, LanguageModelStep
from elman.decode.search_config import SearchConfig
from elman.decode.text_output import find
from elman.errors import ConfigError

from .toy_translator import END, START, Toy, one

V, LIMIT, WEIGHT = 4, 3, 0.7
DRAW = torch.Generator().manual_seed(11)
# A language model of pairs of tokens: the last row is the beginning of a text. The column END is unused.
PAIRS = torch.log_softmax(torch.randn(V + 1, V, generator=DRAW, dtype=torch.float64) * 2, dim=1)
ENDS = torch.log(torch.rand(V + 1, generator=DRAW, dtype=torch.float64))


class Last(NamedTuple):
    token_N: Tensor


def after(tokens_N: Tensor) -> LanguageModelStep:
    scores_NV = PAIRS[tokens_N].clone()
    scores_NV[:, END] = math.nan
    return LanguageModelStep(scores_NV, Last(tokens_N[:, None]), ENDS[tokens_N])


def extend(tokens_N: Tensor, state: Last) -> LanguageModelStep:
    assert len(tokens_N) == len(state.token_N), "the state of the language model has other rows"
    return after(tokens_N)


LANGUAGE = LanguageModelScorer(after(torch.tensor([V])), extend)


def language_of(tokens: Sequence[int]) -> float:
    path = [V, *tokens]
    return sum(float(PAIRS[a, b]) for a, b in zip(path, tokens, strict=False)) + float(ENDS[path[-1]])


def every_score(toy: Toy, state: Any, memory: Any, search: SearchConfig) -> list[tuple[float, float, tuple[int, ...]]]:
    """Score, log-probability and tokens of all sequences, best first."""
    others, found = [token for token in range(V) if token != END], []
    for length in range(LIMIT + 1):
        for tokens in product(others, repeat=length):
            steps = toy.steps_after_stacking(tokens, state, memory)[0]
            own = math.fsum(float(steps[t, token]) for t, token in enumerate([*tokens, END]))
            total = own + search.lm_weight * language_of(tokens) + search.insertion_bonus * length
            found.append((total / ((5 + length + 1) / 6) ** search.length_penalty, own, tokens))
    return sorted(found, reverse=True)


def searched(toy: Toy, state: Any, memory: Any, search: SearchConfig, language: Any = LANGUAGE) -> list[Any]:
    rows = len(memory.lengths_B)
    given: dict[str, Any] = {"rows": rows, "start": START, "end": END, "limits_B": [LIMIT] * rows, "language": language}
    return find(toy.advance, state, memory, search=search, lengths_B=memory.lengths_B, **given)


@pytest.mark.parametrize("stop", ["exact", "enough"])
@pytest.mark.parametrize("bonus", [0.0, 1.5, -0.8])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_the_best_are_those_of_all_sequences(penalty: float, bonus: float, stop: str) -> None:
    toy = Toy(3, V)
    state, memory = toy.begin([4, 2, 3])
    beams = 100  # more than there are sequences
    options = {"length_penalty": penalty, "insertion_bonus": bonus, "lm_weight": WEIGHT, "stop": stop}
    search = SearchConfig(beams=beams, n_best=5, **options)  # type: ignore[arg-type]
    for b, hypotheses in enumerate(searched(toy, state, memory, search)):
        expected = every_score(toy, *one(state, memory, b), search)
        # With n_best above 1 all are returned, of which distinct texts are selected.
        for found, (score, own, tokens) in zip(hypotheses[:5], expected, strict=False):
            assert found.tokens == tokens
            assert found.score == pytest.approx(score, abs=1e-5)
            assert found.log_probability == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("bonus", [0.0, 1.5])
def test_few_beams_score_what_they_find_in_the_same_way(bonus: float) -> None:
    toy = Toy(5, V)
    state, memory = toy.begin([4, 2])
    for beams in (1, 2, 3):
        search = SearchConfig(beams=beams, lm_weight=WEIGHT, insertion_bonus=bonus)
        for b, (best, *_) in enumerate(searched(toy, state, memory, search)):
            scores = {tokens: (score, own) for score, own, tokens in every_score(toy, *one(state, memory, b), search)}
            assert (best.score, best.log_probability) == pytest.approx(scores[best.tokens], abs=1e-5)


def test_a_bonus_needs_no_language_model() -> None:
    toy = Toy(3, V)
    state, memory = toy.begin([4])
    for bonus, longest in ((9.0, LIMIT), (-9.0, 0)):
        search = SearchConfig(beams=20, insertion_bonus=bonus)
        ((best, *_),) = searched(toy, state, memory, search, language=None)
        assert len(best.tokens) == longest
        steps = toy.steps_after_stacking(best.tokens, *one(state, memory, 0))[0]
        own = sum(float(steps[t, token]) for t, token in enumerate([*best.tokens, END]))
        assert best.log_probability == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("beams", [1, 4])
def test_with_weight_0_no_bit_changes(beams: int) -> None:
    toy = Toy(7, V)
    state, memory = toy.begin([4, 2, 3])
    plain = searched(toy, state, memory, SearchConfig(beams=beams), language=None)
    weightless = searched(toy, state, memory, SearchConfig(beams=beams, lm_weight=0.0))
    for one_row, other_row in zip(plain, weightless, strict=True):
        for found, expected in zip(one_row, other_row, strict=True):
            assert (found.tokens, found.score, found.log_probability) == (
                expected.tokens,
                expected.score,
                expected.log_probability,
            )


def test_options_that_need_a_language_model_or_exclude_one() -> None:
    toy = Toy(3, V)
    state, memory = toy.begin([2])
    with pytest.raises(ConfigError, match=r"expected lm_weight with a language model \(--lm\) only. Received: 0.7"):
        searched(toy, state, memory, SearchConfig(lm_weight=WEIGHT), language=None)
    with pytest.raises(ConfigError, match="expected a language model without sample"):
        searched(toy, state, memory, SearchConfig(sample=True))
    with pytest.raises(ConfigError, match="without sample"):
        SearchConfig(sample=True, insertion_bonus=1.0).check()
