"""Beam search: against a plain second writing, against all sequences there are, and over what it must refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman.decode import SearchStep
from elman.decode.beam import BeamOptions, beam_search
from elman.errors import ConfigError, ShapeError, TrainingError

from .toy_translator import END, START, Toy, assert_same, check_beam, every_sequence, one, plain_beam, search

MIXED = BeamOptions(beams=3, n_best=3, length_penalty=0.8, coverage_penalty=0.3)


def table(*rows: list[float]) -> Any:
    """A network without a state: the next token's logits stand in the row of the token before."""
    logits = torch.tensor(rows)

    def advance(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        return SearchStep(logits[tokens_BK], state)

    return advance


def of_table(advance: Any, limits: list[int], options: BeamOptions, **others: Any) -> list[Any]:
    return beam_search(
        advance, (), (), rows=len(limits), start=START, end=END, limits_B=limits, options=options, **others
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    vocabulary=st.integers(2, 6),
    sources=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), min_size=1, max_size=4),
    beams=st.integers(1, 5),
    n_best=st.integers(1, 5),
    length_penalty=st.sampled_from([0.0, 0.6, 1.0, 2.5]),
    coverage_penalty=st.sampled_from([0.0, 0.4]),
    min_length=st.sampled_from([0, 0, 1, 4]),
)
def test_the_batched_search_that_stops_early_equals_the_plain_one_that_does_not(
    seed: int,
    vocabulary: int,
    sources: list[tuple[int, int]],
    beams: int,
    n_best: int,
    length_penalty: float,
    coverage_penalty: float,
    min_length: int,
) -> None:
    options = BeamOptions(beams, min(beams, n_best), length_penalty, coverage_penalty)
    lengths, limits = zip(*sources, strict=True)
    check_beam(seed, vocabulary, lengths, [max(limit, min_length) for limit in limits], options, min_length)


def test_a_vocabulary_of_many_blocks_and_a_rest_is_searched_exactly() -> None:
    check_beam(3, 1000, [3, 1, 4], [6, 3, 5], MIXED)
    check_beam(4, 64 * 12, [2, 2], [4, 5], BeamOptions(beams=2, n_best=2))


@pytest.mark.parametrize("options", [BeamOptions(200, 5, 0.0), BeamOptions(200, 5, 1.3), BeamOptions(200, 5, 0.6, 0.5)])
def test_with_enough_beams_the_best_of_all_sequences_are_found(options: BeamOptions) -> None:
    toy = Toy(7, vocabulary=5)
    state, memory = toy.begin([3])
    (found,) = search(toy, state, memory, [3], options)
    expected = every_sequence(toy, *one(state, memory, 0), 3, options)[:5]
    assert [h.tokens for h in found] == [tokens for _, tokens in expected]
    assert [h.score for h in found] == pytest.approx([score for score, _ in expected], rel=1e-5)


def test_hypotheses_come_best_first() -> None:
    toy = Toy(11, vocabulary=6)
    state, memory = toy.begin([2, 3])
    for found in search(toy, state, memory, [8, 8], BeamOptions(6, 6)):
        assert len(found) == 6
        assert len({h.tokens for h in found}) == 6
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


def test_banned_tokens_are_never_taken_and_take_no_slot() -> None:
    toy = Toy(5, vocabulary=7)
    state, memory = toy.begin([2, 3, 1])
    for options in (BeamOptions(1), MIXED, BeamOptions(5, 5)):
        answers = search(toy, state, memory, [4, 3, 5], options, banned=(START, 4, 4))
        for b, found in enumerate(answers):
            assert_same(found, plain_beam(toy, *one(state, memory, b), [4, 3, 5][b], options, banned=(START, 4)))
            assert all(not {START, 4} & set(h.tokens) for h in found)


def test_no_hypothesis_ends_before_the_minimum_length() -> None:
    # The end is by far the most likely token at every step.
    low = -math.inf
    advance = table([0.0, 6.0, 1.0], [0.0] * 3, [0.0, 6.0, 1.0])
    for beams in (1, 3):
        (found,) = of_table(advance, [8], BeamOptions(beams, beams), min_length=4)
        assert min(len(h.tokens) for h in found) == 4
        assert all(h.finished for h in found)
    (alone,) = of_table(advance, [2], BeamOptions(1, 1, length_penalty=0.0), min_length=2)
    normaliser = math.log(1.0 + math.exp(6.0) + math.exp(1.0))
    assert alone[0].tokens == (2, 2)
    assert alone[0].log_probability == pytest.approx(1.0 + 1.0 + 6.0 - 3 * normaliser)
    # Nothing but the end can follow.
    assert of_table(table([low, 0.0, low], [0.0] * 3, [low] * 3), [8], BeamOptions(3, 3), min_length=1) == [[]]


def test_a_sentence_that_is_done_leaves_the_batch() -> None:
    toy = Toy(2, vocabulary=6)
    state, memory = toy.begin([3, 3, 3])
    search(toy, state, memory, [0, 2, 6], BeamOptions(2, 2, stop="exact"))
    assert toy.rows_seen[:3] == [(3, 1), (2, 2), (2, 2)]
    assert toy.rows_seen[3:]
    assert set(toy.rows_seen[3:]) == {(1, 2)}


def test_a_sure_sentence_stops_long_before_its_limit() -> None:
    toy = Toy(0, vocabulary=3, sharpness=0.0)
    toy.out[:, END] = 0.0
    calls = 0

    def advance(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        nonlocal calls
        calls += 1
        logits = torch.tensor([0.0, 9.0 if calls > 2 else -9.0, 2.0])
        return SearchStep(logits.expand(*tokens_BK.shape, 3), state)

    (found,) = of_table(advance, [1000], BeamOptions(2, 1, length_penalty=0.0))
    assert found[0].tokens == (2, 2)
    assert found[0].finished
    assert calls == 3


def test_enough_stops_when_as_many_as_beams_have_ended() -> None:
    # Going on is likelier than ending by far, and long hypotheses are favoured.
    advance = table([0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [-9.0, 0.0, 3.0])
    quick = of_table(advance, [30], BeamOptions(2, 1, length_penalty=2.0, stop="enough"))[0][0]
    exact = of_table(advance, [30], BeamOptions(2, 1, length_penalty=2.0, stop="exact"))[0][0]
    assert len(quick.tokens) < 4 < len(exact.tokens)
    assert exact.score > quick.score


def test_a_limit_puts_the_end_at_the_probability_that_it_has() -> None:
    advance = table([0.0, -3.0, 1.0], [0.0, 0.0, 0.0], [-2.0, -3.0, 4.0])
    first = 1.0 - math.log(math.exp(0.0) + math.exp(-3.0) + math.exp(1.0))
    again = 4.0 - math.log(math.exp(4.0) + math.exp(-2.0) + math.exp(-3.0))
    end = -3.0 - math.log(math.exp(4.0) + math.exp(-2.0) + math.exp(-3.0))
    (found,) = of_table(advance, [2], BeamOptions(1, 1, length_penalty=0.5))
    assert found[0].tokens == (2, 2)
    assert not found[0].finished
    assert found[0].log_probability == pytest.approx(first + again + end)
    assert found[0].score == pytest.approx((first + again + end) / (8 / 6) ** 0.5)
    (empty,) = of_table(advance, [0], BeamOptions(3, 2))
    assert [h.tokens for h in empty] == [()]
    assert empty[0].log_probability == pytest.approx(-3.0 - math.log(1.0 + math.exp(-3.0) + math.exp(1.0)))


def test_an_end_that_cannot_come_is_still_put_at_the_limit() -> None:
    low = -math.inf
    (found,) = of_table(table([0.0, low, 1.0], [0.0] * 3, [0.0, low, 1.0]), [3], BeamOptions(2, 2))
    assert len(found) == 2
    assert all(len(h.tokens) == 3 and not h.finished and h.log_probability == h.score == low for h in found)


def test_tokens_that_cannot_come_never_do() -> None:
    low = -math.inf
    (found,) = of_table(table([low, low, 0.0], [0.0] * 3, [low, 0.0, low]), [9], BeamOptions(3, 3))
    assert [(h.tokens, h.finished) for h in found] == [((2,), True)]
    assert found[0].log_probability == 0.0
    assert of_table(table([low, low, 0.0], [0.0] * 3, [low, low, low]), [9], BeamOptions(3, 3)) == [[]]


def test_no_sentences_give_no_answers() -> None:
    assert of_table(table([0.0, 0.0]), [], BeamOptions()) == []


def test_attention_is_given_only_where_asked_for_and_there() -> None:
    toy = Toy(1, vocabulary=4)
    state, memory = toy.begin([2])
    given = {"rows": 1, "start": START, "end": END, "limits_B": torch.tensor([3]), "options": BeamOptions(2)}
    assert beam_search(toy.advance, state, memory, **given)[0][0].attention is None
    (found,) = of_table(table([0.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3), [2], BeamOptions(2), attention=True)
    assert found[0].attention is None
    (found,) = search(toy, state, memory, [0], BeamOptions(2))
    assert found[0].attention is not None
    assert found[0].attention.shape == (0, 2)


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("columns", [3, 1000])
def test_damaged_scores_are_an_error(number: float, columns: int) -> None:
    rows = torch.zeros(columns, columns)
    rows[2, columns - 1] = number
    rows[0, 2] = 9.0
    with pytest.raises(TrainingError, match=f"weights are damaged. Received: {number}"):
        of_table(table(*rows.tolist()), [4, 4], BeamOptions(2))


def test_half_precision_is_added_up_in_float32() -> None:
    toy = Toy(9, vocabulary=200)
    state, memory = toy.begin([2])

    def rounded(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        scored = toy.advance(tokens_BK, state, memory)
        return scored._replace(logits_BKV=scored.logits_BKV.bfloat16())

    given: dict[str, Any] = {"rows": 1, "start": START, "end": END, "limits_B": [6], "options": BeamOptions(3, 3)}
    found = beam_search(rounded, state, memory, **given)[0]

    def widened(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        scored = rounded(tokens_BK, state, memory)
        return scored._replace(logits_BKV=scored.logits_BKV.double())

    expected = beam_search(widened, state, memory, **given)[0]
    assert [h.tokens for h in found] == [h.tokens for h in expected]
    assert [h.score for h in found] == pytest.approx([h.score for h in expected], rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beams": 0}, "beams to be a whole number from 1. Received: 0"),
        ({"beams": True}, "beams to be a whole number from 1. Received: True"),
        ({"beams": 2, "n_best": 3}, "n_best to be from 1 to beams, 2. Received: 3"),
        ({"length_penalty": -0.1}, "length_penalty to be 0 or more. Received: -0.1"),
        ({"length_penalty": math.nan}, "length_penalty to be 0 or more. Received: nan"),
        ({"coverage_penalty": math.inf}, "coverage_penalty to be 0 or more. Received: inf"),
        ({"stop": "soon"}, "stop to be .* Received: 'soon'"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BeamOptions(**options)


def test_arguments_that_do_not_fit_are_refused() -> None:
    toy = Toy(1, vocabulary=4)
    state, memory = toy.begin([2, 2])
    given: dict[str, Any] = {"rows": 2, "start": START, "end": END, "limits_B": [2, 2], "options": BeamOptions(2)}

    def refused(error: type[Exception], message: str, advance: Any = toy.advance, **changed: Any) -> None:
        with pytest.raises(error, match=message):
            beam_search(advance, state, memory, **(given | changed))

    refused(ShapeError, r"expected 3 rows in state.h. Received: shape \(2, 4\)", rows=3, limits_B=[1, 1, 1])
    refused(ShapeError, r"2 limits, one per sentence. Received: shape \(1,\)", limits_B=[1])
    refused(ConfigError, r"whole numbers from 0. Received: \[1, -1\]", limits_B=[1, -1])
    refused(ConfigError, r"whole numbers from 0. Received: \[1.0, 2.0\]", limits_B=[1.0, 2.0])
    refused(ConfigError, r"limits of at least min_length = 3. Received: \[2, 2\]", min_length=3)
    refused(ConfigError, "a min_length from 0. Received: -1", min_length=-1)
    refused(ConfigError, "an end that is not banned. Received: end 1, banned", banned=(1,))
    refused(ConfigError, "token numbers from 0. Received: start -1", start=-1)
    refused(ShapeError, "2 lengths in lengths_B", lengths_B=torch.tensor([1]))
    refused(ShapeError, "a column for the end, token 4", end=4)

    def without_attention(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        return toy.advance(tokens_BK, state, memory)._replace(weights_BKS=None)

    penalty = BeamOptions(2, coverage_penalty=0.2)
    refused(ConfigError, "with attention for a coverage_penalty. Received: 0.2", without_attention, options=penalty)

    def forgetful(tokens_BK: Tensor, state: Any, memory: Any) -> SearchStep:
        return toy.advance(tokens_BK, state, memory)._replace(state=state.h[:1])

    refused(ShapeError, "expected 2 rows in the state after a step", forgetful)
