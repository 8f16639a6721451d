"""Counts on both sides against a plain dictionary implementation."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from elman.baselines.ngrams import InterpolatedNGrams
from elman.baselines.two_sided import TwoSidedNGrams
from elman.errors import ConfigError

Words = list[int]


def text_of(length: int, size: int, seed: int) -> Words:
    """A text in which some pairs of neighbours are frequent."""
    draw = np.random.default_rng(seed)
    steps = draw.integers(0, 3, length)
    return [int(word) for word in np.cumsum(steps) % size]


def witten_bell(text: Words, size: int, context: Words, word: int) -> float:
    """P(word | context) by interpolated counts, one context after the other."""
    probability = 1 / size
    for length in range(len(context) + 1):
        tail = context[len(context) - length :]
        after = [text[at + length] for at in range(len(text) - length) if text[at : at + length] == tail]
        if after:
            counts = Counter(after)
            kinds = len(counts)
            probability = (counts[word] + kinds * probability) / (len(after) + kinds)
    return probability


def both_sides(text: Words, size: int, left: Words, right: Words, word: int) -> list[float]:
    """The parts of the mixture for a word between `left` and `right`, of up to two words each."""
    backward = text[::-1]
    bigrams = (witten_bell(text, size, left[-1:], word) + witten_bell(backward, size, right[:1], word)) / 2
    counts: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    for before, between, after in zip(text, text[1:], text[2:], strict=False):
        counts[before, after][between] += 1
    found = counts[left[-1], right[0]] if left and right else Counter()
    kinds = len(found)
    both = (found[word] + kinds * bigrams) / (found.total() + kinds) if kinds else bigrams
    return [witten_bell(text, size, left, word), witten_bell(backward, size, right[::-1], word), both]


def test_every_probability_is_that_of_dictionaries() -> None:
    size, train, held = 7, text_of(120, 7, 1), text_of(30, 7, 2)
    model = TwoSidedNGrams("witten-bell").fit(train, size)
    found = model.log_probabilities(held)
    for place, word in enumerate(held):
        left, right = held[max(0, place - 2) : place], held[place + 1 : place + 3]
        expected = np.dot(model.shares, both_sides(train, size, left, right, word))
        assert found[place] == pytest.approx(np.log(expected), abs=1e-12)


def test_the_shares_are_the_likeliest_of_a_grid() -> None:
    size, train = 7, text_of(400, 7, 3)
    model = TwoSidedNGrams("witten-bell").fit(train, size)
    begin, end = train[:380], train[380:]
    parts = np.array(
        [both_sides(begin, size, end[max(0, at - 2) : at], end[at + 1 : at + 3], word) for at, word in enumerate(end)]
    )
    best = np.log(parts @ model.shares).sum()
    for one in np.linspace(0, 1, 11):
        for other in np.linspace(0, 1 - one, 11):
            assert np.log(parts @ [one, other, 1 - one - other] + 1e-300).sum() <= best + 0.02
    assert model.shares.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("smoothing", ["witten-bell", "kneser-ney"])
def test_probabilities_of_a_place_sum_to_one(smoothing: str) -> None:
    size = 6
    model = TwoSidedNGrams(smoothing).fit(text_of(200, size, 4), size)  # type: ignore[arg-type]
    text = text_of(9, size, 5)
    for place in (0, 1, 4, 7, 8):
        others = [[*text[:place], word, *text[place + 1 :]] for word in range(size)]
        total = sum(np.exp(model.log_probabilities(other)[place]) for other in others)
        assert total == pytest.approx(1.0, abs=1e-9)


def test_words_on_both_sides_say_more_than_those_before() -> None:
    size, train, held = 9, text_of(3000, 9, 6), text_of(600, 9, 7)
    both = TwoSidedNGrams().fit(train, size).log_probabilities(held).mean()
    assert both > InterpolatedNGrams("kneser-ney").fit(train, size, 3).log_probabilities(held).mean() + 0.1


@pytest.mark.parametrize("text", [[], [1], [1, 0]])
def test_short_texts(text: Words) -> None:
    model = TwoSidedNGrams().fit(text, 3)
    assert np.isfinite(model.log_probabilities([0, 1, 2])).all()
    assert len(model.log_probabilities(text)) == len(text)


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match=r"expected an order of 2 or more\. Received: 1"):
        TwoSidedNGrams().fit([0, 1], 2, 1)
    with pytest.raises(ConfigError, match=r"expected fit\(\) before"):
        TwoSidedNGrams().log_probabilities([0])
