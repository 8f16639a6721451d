"""Greedy search, draws and ensembles over a network with a state and attention."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman.decode import Hypothesis, SamplingOptions, SearchStep
from elman.decode.beam import BeamOptions, beam_search
from elman.decode.ensembles import ensemble
from elman.decode.greedy_search import draw, greedy
from elman.errors import ConfigError, ShapeError, TrainingError

from .toy_translator import END, START, Toy, assert_same, one, plain_beam

PLAIN = BeamOptions(1, 1, length_penalty=0.0)


def follow(toy: Toy, state: Any, memory: Any, limits: list[int], **others: Any) -> list[Hypothesis]:
    rows = len(limits)
    return greedy(toy.advance, state, memory, rows=rows, start=START, end=END, limits_B=limits, **others)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    vocabulary=st.sampled_from([2, 3, 5, 300]),
    sources=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), min_size=1, max_size=4),
    ban=st.booleans(),
    min_length=st.sampled_from([0, 0, 1, 4]),
)
def test_greedy_is_the_plain_search_with_one_beam(
    seed: int, vocabulary: int, sources: list[tuple[int, int]], ban: bool, min_length: int
) -> None:
    banned = (vocabulary - 1, 0) if ban and vocabulary > 3 else ()
    lengths, limits = (list(column) for column in zip(*sources, strict=True))
    limits = [max(limit, min_length) for limit in limits]
    toy = Toy(seed, vocabulary)
    state, memory = toy.begin(lengths)
    least: dict[str, Any] = {"banned": banned, "min_length": min_length}
    answers = follow(toy, state, memory, limits, **least, lengths_B=memory.lengths_B, attention=True)
    for b, found in enumerate(answers):
        alone = one(state, memory, b)
        assert_same([found], plain_beam(toy, *alone, limits[b], PLAIN, **least))
        assert found.attention is not None
        weights = toy.steps_after_stacking(found.tokens, *alone)[1][: len(found.tokens)]
        torch.testing.assert_close(found.attention, weights.float())


def test_rows_leave_the_batch_when_they_end() -> None:
    toy = Toy(2, vocabulary=9)
    toy.bias[END] = -50.0
    state, memory = toy.begin([2, 2, 2])
    found = follow(toy, state, memory, [3, 0, 1])
    assert [len(h.tokens) for h in found] == [3, 0, 1]
    assert not any(h.finished for h in found)
    assert toy.rows_seen == [(3, 1), (2, 1), (1, 1), (1, 1)]
    assert found[0].attention is None
    assert follow(toy, state._replace(h=state.h[:0], steps=state.steps[:0]), (), []) == []


def test_draws_come_as_often_as_they_are_likely_and_say_how_likely_they_are() -> None:
    toy = Toy(4, vocabulary=3, sharpness=0.5)
    state, memory = toy.begin([2, 3])
    samples, limit = 4000, 2
    drawn = draw(
        toy.advance,
        state,
        memory,
        rows=2,
        start=START,
        end=END,
        limits_B=[limit, limit],
        sampling=SamplingOptions(),
        seed=3,
        samples=samples,
        attention=True,
        lengths_B=memory.lengths_B,
    )
    for b, hypotheses in enumerate(drawn):
        assert len(hypotheses) == samples
        counts = Counter((h.tokens, h.finished) for h in hypotheses)
        alone = one(state, memory, b)
        for tokens in {h.tokens for h in hypotheses}:
            log_probabilities, weights = toy.steps_after_stacking(tokens, *alone)
            sure = sum(float(log_probabilities[t, token]) for t, token in enumerate(tokens))
            end = float(log_probabilities[len(tokens), END])
            share = math.exp(sure + end)
            assert abs(counts[tokens, True] / samples - share) < 5 * math.sqrt(share / samples) + 1e-3
            assert bool(counts[tokens, False]) == (len(tokens) == limit)
            some = next(h for h in hypotheses if h.tokens == tokens)
            assert some.log_probability == pytest.approx(sure + end, abs=1e-5)
            assert some.score == some.log_probability
            assert some.attention is not None
            torch.testing.assert_close(some.attention, weights[: len(tokens)].float())


def test_the_seed_decides_and_sampling_shapes_the_draws() -> None:
    toy = Toy(4, vocabulary=6)
    state, memory = toy.begin([2, 3])

    def drawn(seed: int, sampling: SamplingOptions, samples: int = 5) -> list[list[tuple[int, ...]]]:
        given: dict[str, Any] = {"rows": 2, "start": START, "end": END, "limits_B": [9, 9]}
        rows = draw(toy.advance, state, memory, sampling=sampling, seed=seed, samples=samples, **given)
        return [[h.tokens for h in row] for row in rows]

    assert drawn(1, SamplingOptions()) == drawn(1, SamplingOptions())
    assert drawn(1, SamplingOptions()) != drawn(2, SamplingOptions())
    likeliest = [h.tokens for h in follow(toy, state, memory, [9, 9])]
    assert drawn(1, SamplingOptions(temperature=0.0), 2) == [[tokens] * 2 for tokens in likeliest]
    assert all(not {0, 4} & set(tokens) for row in drawn(1, SamplingOptions(banned=(0, 4)), 20) for tokens in row)
    unlike = SamplingOptions(temperature=0.0, repetition_penalty=1e6)
    (alone,) = drawn(1, unlike, 1)[0]
    assert len(set(alone)) == len(alone)


def test_arguments_of_draws_that_do_not_fit_are_refused() -> None:
    toy = Toy(1, vocabulary=4)
    state, memory = toy.begin([2])
    base: dict[str, Any] = {
        "rows": 1,
        "start": START,
        "end": END,
        "limits_B": [2],
        "sampling": SamplingOptions(),
        "seed": 0,
    }
    for error, message, changed in (
        (ConfigError, "samples to be a whole number from 1. Received: 0", {"samples": 0}),
        (ConfigError, "seed to be a whole number", {"seed": -1}),
        (ConfigError, "an end that is not banned", {"sampling": SamplingOptions(banned=(END,))}),
        (ShapeError, "expected 2 rows in state.h", {"rows": 2, "limits_B": [1, 1]}),
    ):
        with pytest.raises(error, match=message):
            draw(toy.advance, state, memory, **(base | changed))

    def damaged(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        return SearchStep(torch.full((*tokens_BK.shape, 4), math.nan), state)

    with pytest.raises(ShapeError, match="1 lengths in lengths_B"):
        greedy(toy.advance, state, memory, rows=1, start=START, end=END, limits_B=[2], lengths_B=torch.tensor([1, 2]))
    with pytest.raises(TrainingError, match="Received: nan"):
        draw(damaged, (), (), **base)


def test_draws_do_not_end_before_the_minimum_length_and_say_how_likely_they_are() -> None:
    toy = Toy(4, vocabulary=4)
    toy.bias[END] = 2.0
    state, memory = toy.begin([2, 3])
    given: dict[str, Any] = {"rows": 2, "start": START, "end": END, "limits_B": [6, 3], "samples": 40, "seed": 5}
    for sampling in (SamplingOptions(), SamplingOptions(temperature=0.0), SamplingOptions(top_k=1)):
        drawn = draw(toy.advance, state, memory, sampling=sampling, min_length=3, **given)
        assert min(len(h.tokens) for h in drawn[0]) == 3
        assert {len(h.tokens) for h in drawn[1]} == {3}
        for b, hypotheses in enumerate(drawn):
            log_probabilities, _ = toy.steps_after_stacking(hypotheses[0].tokens, *one(state, memory, b))
            total = sum(float(log_probabilities[t, token]) for t, token in enumerate([*hypotheses[0].tokens, END]))
            assert hypotheses[0].log_probability == pytest.approx(total, abs=1e-5)
    with pytest.raises(ConfigError, match=r"limits of at least min_length = 4. Received: \["):
        draw(toy.advance, state, memory, sampling=SamplingOptions(), min_length=4, **given)


def test_before_the_minimum_length_a_row_without_another_way_on_ends_with_probability_0() -> None:
    low = -math.inf

    def advance(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        return SearchStep(torch.tensor([low, 0.0, low]).expand(*tokens_BK.shape, 3), state)

    given: dict[str, Any] = {"rows": 1, "start": START, "end": END, "limits_B": [5], "min_length": 2}
    found = greedy(advance, (), (), **given)
    (drawn,) = draw(advance, (), (), sampling=SamplingOptions(), seed=0, **given)
    for hypothesis in (*found, *drawn):
        assert (hypothesis.tokens, hypothesis.log_probability, hypothesis.finished) == ((), low, False)


def test_an_ensemble_has_the_mean_of_its_members_probabilities_and_attention() -> None:
    members = [Toy(seed, vocabulary=5) for seed in (1, 2, 3)]
    begun = [toy.begin([3, 2]) for toy in members]
    states, memories = (tuple(column) for column in zip(*begun, strict=True))
    advance = ensemble([toy.advance for toy in members])
    tokens = torch.tensor([[2], [3]])
    both = advance(tokens, states, memories)
    each = [toy.advance(tokens, *of) for toy, of in zip(members, begun, strict=True)]
    mean = sum(torch.softmax(scored.logits_BKV, dim=-1) for scored in each) / 3
    torch.testing.assert_close(both.logits_BKV, mean.log())
    torch.testing.assert_close(both.weights_BKS, sum(scored.weights_BKS for scored in each) / 3)

    given: dict[str, Any] = {"rows": 2, "start": START, "end": END, "limits_B": [6, 4], "options": BeamOptions(3, 2)}
    (found, _) = beam_search(advance, states, memories, **given)
    # The second hypothesis' probability, from every member's own states along it.
    log_means = []
    for step in range(len(found[1].tokens) + 1):
        chosen = [*found[1].tokens, END][step]
        shares = [
            toy.steps_after_stacking(found[1].tokens, *one(*of, 0))[0][step, chosen].exp()
            for toy, of in zip(members, begun, strict=True)
        ]
        log_means.append(math.log(float(sum(shares)) / 3))
    assert found[1].log_probability == pytest.approx(math.fsum(log_means), rel=1e-5)


def test_an_ensemble_of_copies_is_the_member_itself() -> None:
    toy = Toy(6, vocabulary=6)
    state, memory = toy.begin([3])
    given: dict[str, Any] = {"rows": 1, "start": START, "end": END, "limits_B": [7], "options": BeamOptions(3, 3)}
    alone = beam_search(toy.advance, state, memory, **given)[0]
    twice = beam_search(ensemble([toy.advance] * 2), (state,) * 2, (memory,) * 2, **given)[0]
    assert [h.tokens for h in alone] == [h.tokens for h in twice]
    assert [h.score for h in alone] == pytest.approx([h.score for h in twice], rel=1e-6)


def test_members_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one member of an ensemble"):
        ensemble([])
    first, second = Toy(1, vocabulary=4), Toy(1, vocabulary=5)
    begun = [first.begin([2]), second.begin([2])]
    states, memories = (tuple(column) for column in zip(*begun, strict=True))
    with pytest.raises(ShapeError, match=r"equally many tokens. Received: \[4, 5\]"):
        ensemble([first.advance, second.advance])(torch.tensor([[START]]), states, memories)

    def blind(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        return first.advance(tokens_BK, state, memory)._replace(weights_BKS=None)

    state, memory = begun[0]
    assert ensemble([first.advance, blind])(torch.tensor([[START]]), (state,) * 2, (memory,) * 2).weights_BKS is None


def test_a_row_without_a_way_on_ends_there() -> None:
    low = -math.inf
    logits = torch.tensor([[low, low, 0.0, low], [0.0] * 4, [low, low, low, 0.0], [low] * 4])

    def advance(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        return SearchStep(logits[tokens_BK], state)

    given: dict[str, Any] = {"rows": 2, "start": START, "end": END, "limits_B": [9, 1]}
    for banned, tokens in (((), (2, 3)), ((3,), (2,))):
        found = greedy(advance, (), (), banned=banned, **given)
        drawn = draw(advance, (), (), sampling=SamplingOptions(banned=banned), seed=0, samples=2, **given)
        assert [[h.tokens for h in row] for row in drawn] == [[tokens] * 2, [(2,)] * 2]
        assert [h.tokens for h in found] == [tokens, (2,)]
        for hypothesis in (*found, *drawn[0], *drawn[1]):
            assert not hypothesis.finished
            assert hypothesis.log_probability == low
