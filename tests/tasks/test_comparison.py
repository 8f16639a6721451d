"""Comparisons of networks with simple rules: how much time rules may take."""

from __future__ import annotations

import time

import numpy as np

from elman.metrics.verdict import ratio
from elman.tasks.comparison import Comparison, SimpleRule, compare, evenly

ITEMS = 4


def counts(right: int) -> np.ndarray:
    return np.stack([np.arange(ITEMS) < right, np.ones(ITEMS)], axis=1).astype(float)


def rule(name: str, right: int | None, *, items: int = 10_000, seconds: float = 0.0, asked: list[int]) -> SimpleRule:
    """A rule whose fit takes so many seconds for each 1,000 items."""

    def fit(count: int) -> np.ndarray | None:
        asked.append(count)
        time.sleep(seconds * count / 1000)
        return None if right is None else counts(right)

    return SimpleRule(name, items, fit)


def comparison(*rules: SimpleRule, right: int = 2) -> Comparison:
    return Comparison("validation", "items", ratio("accuracy", "accuracy"), lambda: counts(right), rules)


def test_a_quick_rule_is_fitted_on_everything() -> None:
    asked: list[int] = []
    found = compare(comparison(rule("quick", 3, asked=asked)), 0.5)
    assert found is not None
    assert asked == [1000, 10_000]
    assert (found.network, found.rules, found.sampled) == (0.5, {"quick": 0.75}, {})


def test_a_slow_rule_is_fitted_on_less() -> None:
    asked: list[int] = []
    begun = time.perf_counter()
    found = compare(comparison(rule("slow", 3, seconds=0.02, items=1_000_000, asked=asked)), 0.3)
    assert time.perf_counter() - begun < 0.6
    assert found is not None
    assert asked[0] == 1000
    assert 2000 < asked[1] < 16_000
    assert found.sampled == {"slow": asked[1]}
    assert f"(fitted on {asked[1]:,} of the training data)" in found.to_text()


def test_a_rule_that_is_slow_at_once_stays_as_it_is() -> None:
    asked: list[int] = []
    found = compare(comparison(rule("slow", 3, seconds=0.2, asked=asked)), 0.1)
    assert found is not None
    assert asked == [1000]
    assert found.sampled == {"slow": 1000}


def test_the_first_rule_is_always_fitted_and_others_in_time() -> None:
    first: list[int] = []
    second: list[int] = []
    both = (rule("one", 1, seconds=0.05, items=500, asked=first), rule("two", 4, items=500, asked=second))
    found = compare(comparison(*both), 0.0)
    assert found is not None
    assert (first, second, found.best) == ([500], [], "one")
    assert "no time was left for: two" in found.to_text()
    assert found.to_json()["left_out"] == ["two"]
    assert compare(comparison(*both), 1.0).best == "two"  # type: ignore[union-attr]


def test_a_rule_that_does_not_apply_is_left_out() -> None:
    found = compare(comparison(rule("none", None, asked=[]), rule("one", 1, asked=[])), 0.5)
    assert found is not None
    assert list(found.rules) == ["one"]
    assert compare(comparison(rule("none", None, asked=[])), 0.5) is None


def test_numbers_that_are_not_finite_are_not_compared() -> None:
    def broken(items: int) -> np.ndarray:
        return np.full((ITEMS, 2), np.nan)

    found = compare(comparison(rule("one", 1, asked=[]), SimpleRule("broken", 10, broken)), 0.5)
    assert found is not None
    assert list(found.rules) == ["one"]
    figure = ratio("accuracy", "accuracy")
    lost = Comparison("test", "items", figure, lambda: broken(0), [rule("one", 1, asked=[])])
    assert compare(lost, 0.5) is None


def test_evenly() -> None:
    assert evenly(3, 5).tolist() == [0, 1, 2]
    assert evenly(10, 5).tolist() == [0, 2, 4, 6, 8]
