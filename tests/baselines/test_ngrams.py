"""N-gram models: sums to one, a slow version that counts in dictionaries, orders, several sequences."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray

from elman.baselines.ngrams import InterpolatedNGrams, best_order, held_out_scores
from elman.errors import ConfigError, DataError

SMOOTHINGS = ("witten-bell", "kneser-ney")


def text(length: int, size: int, seed: int = 0) -> NDArray[np.int64]:
    """Tokens that repeat in part, so that every order has seen and unseen contexts."""
    rng = np.random.default_rng(seed)
    pieces = [rng.integers(0, size, rng.integers(1, 6)) for _ in range(12)]
    return np.concatenate([pieces[rng.integers(len(pieces))] for _ in range(length)])[:length]


def slow(train: list[int], size: int, order: int, smoothing: str, context: list[int], token: int) -> float:
    """The probability by the formula, counted in dictionaries; -1 stands before the first token."""

    def counts(length: int) -> dict[tuple[int, ...], Counter[int]]:
        if smoothing == "witten-bell" or length == order:
            grams = [tuple(train[i : i + length]) for i in range(len(train) - length + 1)]
        else:
            padded = [-1, *train]
            longer = {tuple(padded[i : i + length + 1]) for i in range(len(padded) - length)}
            grams = [gram[1:] for gram in longer]
        table: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for gram in grams:
            table[gram[:-1]][gram[-1]] += 1
        return table

    p = 1 / size
    for length in range(1, order + 1):
        history = tuple(context[len(context) - length + 1 :])
        if len(history) < length - 1:
            break
        table = counts(length)
        after = table.get(history)
        if not after:
            break
        total, kinds = sum(after.values()), len(after)
        if smoothing == "witten-bell":
            p = (after[token] + kinds * p) / (total + kinds)
        else:
            every = Counter(count for each in table.values() for count in each.values())
            discount = every[1] / (every[1] + 2 * every[2]) if every[1] else 0.5
            p = (max(after[token] - discount, 0) + discount * kinds * p) / total
    return p


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_are_those_of_the_formula(smoothing, order: int) -> None:
    train, test = text(150, 6), text(60, 7, seed=1)
    found = InterpolatedNGrams(smoothing).fit(train, 7, order).log_probabilities(test)
    plain, scored = train.tolist(), test.tolist()
    expected = [slow(plain, 7, order, smoothing, scored[max(0, t - order + 1) : t], scored[t]) for t in range(60)]
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-10)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 3, 5])
def test_probabilities_sum_to_one_after_any_context(smoothing, order: int) -> None:
    size = 9
    model = InterpolatedNGrams(smoothing).fit(text(200, size - 1), size, order)
    contexts = [text(5, size - 1, seed=2), text(200, size - 1)[:5], text(200, size - 1)[-5:], np.array([8, 8, 8, 8, 8])]
    for context in contexts:
        sequences = np.concatenate([[*context, token] for token in range(size)])
        starts = np.arange(size) * 6
        logs = model.log_probabilities(sequences, starts_N=starts).reshape(size, 6)[:, -1]
        assert np.exp(logs).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_a_lower_order_is_a_model_of_that_order(smoothing) -> None:
    train, test = text(300, 5), text(100, 5, seed=3)
    model = InterpolatedNGrams(smoothing).fit(train, 5, 6)
    for order in range(1, 7):
        alone = InterpolatedNGrams(smoothing).fit(train, 5, order).log_probabilities(test)
        np.testing.assert_array_equal(model.log_probabilities(test, order), alone)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_no_ngram_crosses_the_start_of_a_sequence(smoothing) -> None:
    first, second = text(40, 4), text(30, 4, seed=4)
    both, starts = np.concatenate([first, second]), [0, 40]
    model = InterpolatedNGrams(smoothing).fit(both, 4, 3, starts_N=starts)
    alone = [model.log_probabilities(first), model.log_probabilities(second)]
    np.testing.assert_array_equal(model.log_probabilities(both, starts_N=starts), np.concatenate(alone))
    exchanged = InterpolatedNGrams(smoothing).fit(np.concatenate([second, first]), 4, 3, starts_N=[30])
    np.testing.assert_allclose(exchanged.log_probabilities(both), model.log_probabilities(both))
    joined = InterpolatedNGrams(smoothing).fit(both, 4, 3)
    assert not np.allclose(joined.log_probabilities(both), model.log_probabilities(both))


def test_the_best_order_of_tokens_that_depend_on_two_before() -> None:
    rng = np.random.default_rng(0)
    tokens = [0, 1]
    for _ in range(4000):
        tokens.append((tokens[-1] + 2 * tokens[-2] + int(rng.integers(4))) % 6)
    assert best_order(tokens, 6, range(1, 7)) == 3
    assert best_order(tokens, 6, range(1, 7), smoothing="kneser-ney") == 3
    assert best_order(rng.integers(0, 50, 2000), 50, [3, 1, 2]) == 1
    assert best_order([1], 5, [3, 2]) == 2
    assert best_order([], 5, [3, 2]) == 2


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_the_order_is_chosen_on_the_last_twentieth(smoothing) -> None:
    tokens = text(400, 5)
    scores = held_out_scores(tokens, 5, [4, 2, 2], smoothing)
    assert list(scores) == [2, 4]
    for order, score in scores.items():
        model = InterpolatedNGrams(smoothing).fit(tokens[:380], 5, order)
        assert score == pytest.approx(model.log_probabilities(tokens[380:]).mean())
    assert held_out_scores([3], 5, [2], smoothing) == {2: pytest.approx(-np.log(5))}


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("train", [[], [3], [2, 2], [0] * 50, [1, 1, 2, 2, 1, 1, 2, 2]])
def test_tiny_training(smoothing, train: list[int]) -> None:
    model = InterpolatedNGrams(smoothing).fit(train, 4, 5)
    found = model.log_probabilities([0, 1, 2, 3, 3, 0, 0])
    assert np.isfinite(found).all()
    assert (found < 0).all()
    assert model.log_probabilities([]).shape == (0,)


def test_a_vocabulary_of_millions() -> None:
    size = 5_000_000
    tokens = np.array([size - 1, size - 2, 0] * 20)
    model = InterpolatedNGrams().fit(tokens, size, 12)
    assert np.exp(model.log_probabilities(tokens)[12:]).min() > 0.9


def test_unusable_arguments() -> None:
    with pytest.raises(ConfigError, match=r"Received: 'laplace'$"):
        InterpolatedNGrams("laplace")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"Received: size=0, order=2$"):
        InterpolatedNGrams().fit([], 0, 2)
    with pytest.raises(DataError, match=r"from 0 to 2\. Received: 0 to 3$"):
        InterpolatedNGrams().fit([0, 3], 3, 2)
    with pytest.raises(DataError, match=r"one axis of integers\. Received: shape \(2,\) of float64$"):
        InterpolatedNGrams().fit([0.0, 1.0], 3, 2)
    with pytest.raises(ConfigError, match=r"Received: a model without counts$"):
        InterpolatedNGrams().log_probabilities([0])
    model = InterpolatedNGrams().fit([0, 1, 0], 2, 2)
    with pytest.raises(ConfigError, match=r"between 1 and 2, as fitted\. Received: 3$"):
        model.log_probabilities([0], 3)
    with pytest.raises(ConfigError, match=r"within 2 tokens\. Received: \[0, 5\]$"):
        model.log_probabilities([0, 1], starts_N=[5])
    with pytest.raises(ConfigError, match=r"Received: \[\]$"):
        best_order([0, 1], 2, [])
