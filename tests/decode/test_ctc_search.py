"""The searches over CTC scores: which texts they find, and where tokens stand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.transcripts.vocabulary import BLANK
from elman.decode.ctc import CtcLogits
from elman.decode.ctc_search import alignment, finder, greedy
from elman.decode.transcript_config import TranscriptSearchConfig
from elman.errors import ConfigError


def best_path(log_probs_TV: torch.Tensor, text: tuple[int, ...]) -> tuple[int, ...]:
    """The likeliest of all paths whose text this is."""
    T, V = log_probs_TV.shape

    def total(path: tuple[int, ...]) -> float:
        return sum(float(log_probs_TV[t, symbol]) for t, symbol in enumerate(path))

    def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != BLANK)

    return max((path for path in itertools.product(range(V), repeat=T) if collapsed(path) == text), key=total)


def runs(path: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    start = 0
    for symbol, group in itertools.groupby(path):
        count = len(list(group))
        if symbol != BLANK:
            yield start, start + count
        start += count


@given(st.integers(0, 2**31), st.sampled_from([(), (2,), (2, 2), (2, 3), (3, 2, 3), (0, 2)]))
@settings(deadline=None, max_examples=30)
def test_tokens_stand_where_the_likeliest_path_has_them(seed: int, text: tuple[int, ...]) -> None:
    logits_TV = torch.randn(5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3.0
    log_probs_TV = logits_TV.log_softmax(-1)
    assert alignment(log_probs_TV, text) == tuple(runs(best_path(log_probs_TV, text)))


def scores(seed: int = 0, rows: int = 2, T: int = 6, V: int = 5) -> CtcLogits:
    logits_BTV = torch.randn(rows, T, V, generator=torch.Generator().manual_seed(seed)) * 2.0
    return CtcLogits(logits_BTV, torch.tensor([T, T - 2][:rows]))


def test_without_options_each_step_has_its_likeliest_token() -> None:
    assert finder(TranscriptSearchConfig(), None) is greedy
    found = greedy(scores())
    for row, length in enumerate((6, 4)):
        path = tuple(scores().logits_BTV[row, :length].argmax(-1).tolist())
        assert found[row][0].spans == tuple(runs(path))
        log_probs_TV = scores().logits_BTV[row, :length].double().log_softmax(-1)
        assert found[row][0].log_probability == pytest.approx(float(log_probs_TV.max(-1).values.sum()), rel=1e-6)


def test_a_search_adds_up_all_alignments_of_a_text() -> None:
    find = finder(TranscriptSearchConfig(beams=500, n_best=4, token_floor=-1e9), None)
    given_scores = scores()
    for row, length in enumerate((6, 4)):
        log_probs_TV = given_scores.logits_BTV[row, :length].double().log_softmax(-1)
        sums: dict[tuple[int, ...], float] = {}
        for path in itertools.product(range(5), repeat=length):
            text = tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != BLANK)
            probability = float(np.exp(sum(float(log_probs_TV[t, symbol]) for t, symbol in enumerate(path))))
            sums[text] = sums.get(text, 0.0) + probability
        best = sorted(sums, key=lambda text: -sums[text])[:4]
        answers = find(given_scores)[row]
        assert [answer.tokens for answer in answers] == best
        np.testing.assert_allclose([np.exp(each.log_probability) for each in answers], [sums[text] for text in best])
        assert all(each.spans == alignment(log_probs_TV, each.tokens) for each in answers)


def test_a_bonus_makes_texts_longer() -> None:
    def length(bonus: float) -> int:
        return sum(
            len(row[0].tokens) for row in finder(TranscriptSearchConfig(insertion_bonus=bonus), None)(scores(T=9))
        )

    assert length(-5.0) < length(0.0) < length(5.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"beams": 3, "n_best": 4}, "expected n_best of at most beams = 3. Received: 4"),
        ({"lm_weight": 0.9}, r"expected lm_weight with a language model \(--lm\) only. Received: 0.9"),
    ],
)
def test_searches_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        finder(TranscriptSearchConfig(**options), None)


def test_of_equal_texts_the_likelier_one_is_kept() -> None:
    options = TranscriptSearchConfig(beams=40, n_best=4, token_floor=-1e9)
    signs = "?_abb"

    def decode(tokens: Sequence[int]) -> str:
        return "".join(signs[token] for token in tokens)

    for plain, distinct in zip(
        finder(TranscriptSearchConfig(beams=40, n_best=40, token_floor=-1e9), None)(scores()),
        finder(options, None, decode=decode)(scores()),
        strict=True,
    ):
        firsts = {decode(each.tokens): each for each in reversed(plain)}
        expected = sorted(firsts.values(), key=lambda each: -each.score)[:4]
        assert [each.tokens for each in distinct] == [each.tokens for each in expected]
        assert [each.spans for each in distinct] == [each.spans for each in expected]
    assert any(len({decode(each.tokens) for each in row[:4]}) < 4 for row in finder(options, None)(scores(seed=1)))


@pytest.mark.parametrize("options", [{}, {"beams": 40, "token_floor": -1e9}], ids=str)
def test_banned_tokens_are_never_chosen_and_their_probability_is_lost(options: dict[str, Any]) -> None:
    find = finder(TranscriptSearchConfig(**options), None, banned=(0, 3))
    logits = scores(V=6)
    lower = logits.logits_BTV.log_softmax(-1)
    lower[:, :, [0, 3]] = -1e4
    expected = finder(TranscriptSearchConfig(**options), None)(logits._replace(logits_BTV=lower))
    for row, (found,) in enumerate(find(logits)):
        assert not {0, 3} & set(found.tokens)
        assert found.tokens == expected[row][0].tokens
        path_TV = logits.logits_BTV[row, : (6, 4)[row]].double().log_softmax(-1)
        if not options:
            path_TV[:, [0, 3]] = -torch.inf
            assert found.log_probability == pytest.approx(float(path_TV.max(-1).values.sum()), rel=1e-6)
        else:
            assert found.log_probability < expected[row][0].log_probability
    with pytest.raises(ConfigError, match=r"banned symbols from 0 to 5 without the blank, 1\. Received: \(1,\)"):
        finder(TranscriptSearchConfig(), None, banned=(BLANK,))(logits)
