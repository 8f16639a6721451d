"""Comparison of a trained network with the simple rules of its task, within a share of the time of the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.metrics.verdict import Figure, Verdict, verdict_of

__all__ = ["Comparison", "SimpleRule", "compare", "evenly", "piece_counts"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Training items on which a rule is fitted first, to see how long it takes.
_FIRST = 1000
# Share of the time that the rules have, however long the network's predictions take.
_SHARE_OF_RULES = 0.5
# A rule is fitted again if that makes this many times as much training data of it.
_WORTH_AGAIN = 1.5


@dataclass(frozen=True)
class SimpleRule:
    """A simple rule.

    name    its name in sentences, such as "naive Bayes over words and word pairs"
    items   number of training items
    counts  fits the rule on so many of the training items, and returns the counts of the held-out items, `[N, K]`, of
            which the figure is computed; None if the rule does not apply
    first   number of training items of the first, timed fit
    """

    name: str
    items: int
    counts: Callable[[int], Doubles | None]
    first: int = _FIRST


@dataclass(frozen=True)
class Comparison:
    """What a task compares: its network and rules on the same held-out items.

    part     the data, such as "validation"
    noun     name of the items, in the plural
    figure   the figure
    network  returns the counts of the network on the held-out items, `[N, K]`
    rules    the rules; the first one is cheap and always fitted
    advice   a sentence on what to try if the network is not better
    """

    part: str
    noun: str
    figure: Figure
    network: Callable[[], Doubles]
    rules: Sequence[SimpleRule]
    advice: str = ""


def evenly(items: int, count: int) -> Ints:
    """Return `count` evenly spaced indices of `items`, or all if they are fewer."""
    if count >= items:
        return np.arange(items)
    spaced: Ints = np.arange(count) * items // count
    return spaced


def piece_counts(nats_T: Doubles, size: int) -> Doubles:
    """Return the loss and the number of the tokens of each piece of `size` tokens of a text."""
    starts = np.arange(0, len(nats_T), size)
    sums = np.add.reduceat(nats_T, starts)
    return np.stack([sums, np.diff([*starts, len(nats_T)]).astype(np.float64)], axis=1)


def compare(comparison: Comparison, seconds: float) -> Verdict | None:
    """Return the verdict, in about `seconds`: rules that would take longer are fitted on fewer training items.

    None if there are no held-out items, or the network's counts are not finite.
    """
    end = time.perf_counter() + seconds
    network_NK = comparison.network()
    if not len(network_NK) or not np.isfinite(network_NK).all():
        return None
    end = max(end, time.perf_counter() + _SHARE_OF_RULES * seconds)
    found: dict[str, Doubles] = {}
    sampled: dict[str, int] = {}
    left_out: list[str] = []
    for number, rule in enumerate(comparison.rules):
        left = end - time.perf_counter()
        if number and left <= 0.0:
            left_out.append(rule.name)
            continue
        counts_NK, used = _within(rule, left / (len(comparison.rules) - number))
        if counts_NK is not None and np.isfinite(counts_NK).all():
            found[rule.name] = counts_NK
            if used < rule.items:
                sampled[rule.name] = used
    if not found:
        return None
    return verdict_of(
        comparison.figure,
        network_NK,
        found,
        part=comparison.part,
        noun=comparison.noun,
        sampled=sampled,
        left_out=left_out,
        advice=comparison.advice,
    )


def _within(rule: SimpleRule, seconds: float) -> tuple[Any, int]:
    """Return the counts of a rule fitted on as many training items as the time allows, and their number."""
    used = min(rule.items, rule.first)
    begun = time.perf_counter()
    counts_NK = rule.counts(used)
    took = max(time.perf_counter() - begun, 1e-6)
    if counts_NK is None or used == rule.items:
        return counts_NK, used
    possible = min(rule.items, int(used * (seconds - took) / took))
    if possible < _WORTH_AGAIN * used:
        return counts_NK, used
    return rule.counts(possible), possible
