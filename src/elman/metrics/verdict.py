"""Verdict on a network: its figure and those of simple rules on the same items, with an interval of the difference.

A figure is a function of sums over items, such as hits and tokens. So the figures of resampled items need no further
predictions. Two tests on pairs are made: the interval is that of the paired bootstrap (Efron & Tibshirani 1993), and
whether a difference may be chance is decided by approximate randomisation (Noreen 1989), which also holds for few
items.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ShapeError

__all__ = ["BLEU", "F1", "FEWEST", "Figure", "Verdict", "error_rate", "mean_of", "ratio", "rmse_of", "verdict_of"]

Doubles = npt.NDArray[np.float64]

# Resamples of each test. Items beyond the number of blocks are summed in blocks, in their order.
_RESAMPLES, _BLOCKS = 1000, 1000
# A difference is called one if it is this unlikely to be chance.
_CHANCE = 0.05
# With fewer items than this, no difference is.
FEWEST = 6
_LEVEL = 95.0
_SEED = 1


@dataclass(frozen=True)
class Figure:
    """A figure that is computed from sums over items.

    name    its name in `metrics`
    label   its name in sentences
    of      maps sums `[..., K]` to figures `[...]`
    higher  whether higher values are better
    percent whether it is shown in per cent, and differences in points
    """

    name: str
    label: str
    of: Callable[[Doubles], Doubles]
    higher: bool = True
    percent: bool = False

    def shown(self, value: float) -> str:
        """Format a value."""
        if not math.isfinite(value):
            return "–"
        return f"{value:.2%}" if self.percent else f"{value:.4g}"

    def gain(self, value: float) -> str:
        """Format a difference of values, without its sign."""
        return f"{abs(value) * 100:.2f} points" if self.percent else f"{abs(value):.3g}"


def _divided(over: Doubles, under: Doubles) -> Doubles:
    return np.divide(over, under, out=np.zeros(np.broadcast_shapes(over.shape, under.shape)), where=under > 0)


def ratio(name: str, label: str, *, higher: bool = True) -> Figure:
    """Return a share in per cent, of counts (hits, items)."""
    return Figure(name, label, lambda sums: _divided(sums[..., 0], sums[..., 1]), higher, percent=True)


def error_rate(name: str, label: str) -> Figure:
    """Return an error rate in per cent, of counts (errors, items)."""
    return ratio(name, label, higher=False)


def mean_of(name: str, label: str) -> Figure:
    """Return a mean of which lower values are better, of sums (total, items)."""
    return Figure(name, label, lambda sums: _divided(sums[..., 0], sums[..., 1]), higher=False)


def rmse_of(name: str = "rmse", label: str = "RMSE") -> Figure:
    """Return the root of a mean, of sums (squared errors, items)."""
    return Figure(name, label, lambda sums: np.sqrt(_divided(sums[..., 0], sums[..., 1])), higher=False)


def _bleu(sums: Doubles) -> Doubles:
    """Return BLEU from 0 to 100; an order without a match counts as half, a quarter, ... of one, as in sacrebleu."""
    orders = (sums.shape[-1] - 2) // 2
    hits, totals = sums[..., :orders].copy(), sums[..., orders : 2 * orders]
    smoothed = np.ones(sums.shape[:-1])
    for order in range(orders):
        missing = (hits[..., order] == 0) & (totals[..., order] > 0)
        smoothed = np.where(missing, smoothed / 2, smoothed)
        hits[..., order] = np.where(missing, smoothed, hits[..., order])
    counted = totals > 0
    logs = np.log(np.where(counted, _divided(hits, totals), 1.0))
    mean = logs.sum(-1) / np.maximum(counted.sum(-1), 1)
    length, wanted = sums[..., -2], sums[..., -1]
    shortness = np.where(length > 0, np.minimum(0.0, 1.0 - _divided(wanted, length)), -np.inf)
    # A corpus without a matching word is worth nothing.
    return np.where(sums[..., 0] > 0, 100.0 * np.exp(mean + shortness), 0.0)


BLEU = Figure("bleu", "BLEU", _bleu)
"""BLEU (Papineni et al. 2002), of n-gram matches by order, n-grams by order, and the lengths of text and reference."""

F1 = Figure("f1", "span F1", lambda sums: _divided(2 * sums[..., 0], sums[..., 1] + sums[..., 2]), percent=True)
"""F1, of counts (hits, found, true)."""


@dataclass(frozen=True)
class Verdict:
    """A network compared with simple rules.

    part        the data, such as "validation"
    figure      the figure
    items       number of items
    noun        name of the items, in the plural
    network     the network's figure
    rules       the figure of each rule, by its name
    best        the name of the best rule
    difference  the network's figure less that of the best rule
    low, high   bounds of the 95 % interval of the difference
    chance      probability of a difference of this size if network and rule were equally good
    sampled     rules that were fitted on fewer training items than there are, and how many
    left_out    rules for which no time was left
    advice      what to try if the network is not better
    """

    part: str
    figure: Figure
    items: int
    noun: str
    network: float
    rules: dict[str, float]
    best: str
    difference: float
    low: float
    high: float
    chance: float
    sampled: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    advice: str = ""

    @property
    def outcome(self) -> str:
        """Whether the network is "better", "worse", or "even" with the best rule within the error."""
        gain = self.difference if self.figure.higher else -self.difference
        least = self.low if self.figure.higher else -self.high
        most = self.high if self.figure.higher else -self.low
        if self.chance >= _CHANCE or not gain:
            return "even"
        if gain > 0:
            return "better" if least > 0 else "even"
        return "worse" if most < 0 else "even"

    @property
    def sentence(self) -> str:
        """One sentence: better, not better within the error, or worse and what to try."""
        if self.too_few:
            return f"Network and best simple rule ({self.best}): {self.values}. {self.too_few}"
        gain, advice = self.figure.gain(self.difference), f" {self.advice}" if self.advice else ""
        few = f", fitted on {self.sampled[self.best]:,} of the training data" if self.best in self.sampled else ""
        best = f"({self.best}{few})"
        if self.outcome == "better":
            return f"The network is better than the best simple rule {best} by {gain}: {self.evidence}."
        if self.outcome == "worse":
            return f"The network is worse than a simple rule {best} by {gain}: {self.evidence}.{advice}"
        return f"The network is not better than the best simple rule {best} within the error: {self.evidence}.{advice}"

    @property
    def values(self) -> str:
        """The two figures, for people."""
        figure = self.figure
        return f"{figure.label} {figure.shown(self.network)} against {figure.shown(self.rules[self.best])}"

    @property
    def evidence(self) -> str:
        """The two figures, the interval of the difference (above 0: better) and the items, for people.

        Where the interval excludes 0 and the other test finds that the difference may be chance, its p-value too.
        """
        low, high = sorted(((self.low, self.high), (-self.high, -self.low))[not self.figure.higher])
        unit = 100.0 if self.figure.percent else 1.0
        interval = f"{_LEVEL:g} % interval {low * unit:+.3g} to {high * unit:+.3g}"
        if self.outcome == "even" and self.low * self.high > 0:
            interval += f", but p = {self.chance:.2g}"
        return f"{self.values} ({interval}), on {self._counted}"

    @property
    def too_few(self) -> str:
        """A sentence if the items are too few to say which is better; otherwise empty."""
        if self.items >= FEWEST:
            return ""
        few = f"{self._counted} {'is' if self.items == 1 else 'are'} too few to say which is better."
        return few[0].upper() + few[1:]

    @property
    def _counted(self) -> str:
        first, _, rest = self.noun.partition(" ")
        noun = first.removesuffix("s") if self.items == 1 else first
        return " ".join(word for word in (f"{self.items:,}", self.part, noun, rest) if word)

    def table(self) -> list[tuple[str, str]]:
        """Return rows of a name and a formatted figure, the network first, then the rules from the best."""
        rules = sorted(self.rules.items(), key=lambda item: item[1], reverse=self.figure.higher)
        return [
            ("network", self.figure.shown(self.network)),
            *((name, self.figure.shown(value)) for name, value in rules),
        ]

    def to_text(self) -> str:
        """Return the table and the sentence."""
        rows = self.table()
        width = max(len(name) for name, _ in rows)
        lines = [f"{self.figure.label} of the network and of simple rules, {self.part} data:"]
        for name, shown in rows:
            few = f"  (fitted on {self.sampled[name]:,} of the training data)" if name in self.sampled else ""
            lines.append(f"  {name.ljust(width)}  {shown}{few}")
        if self.left_out:
            lines.append(f"  no time was left for: {', '.join(self.left_out)}")
        return "\n".join([*lines, self.sentence])

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        facts: dict[str, Any] = {
            "part": self.part,
            "figure": self.figure.name,
            "items": self.items,
            "network": self.network,
            "rules": self.rules,
            "best": self.best,
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
            "chance": self.chance,
            "outcome": self.outcome,
            "sentence": self.sentence,
        }
        facts |= {"fitted_on": self.sampled} if self.sampled else {}
        return {**facts, "left_out": list(self.left_out)} if self.left_out else facts


def verdict_of(
    figure: Figure,
    network_NK: Doubles,
    rules: Mapping[str, Doubles],
    *,
    part: str,
    noun: str,
    sampled: Mapping[str, int] | None = None,
    left_out: Sequence[str] = (),
    advice: str = "",
) -> Verdict:
    """Compare the network's counts of N items with those of each rule. Raises ShapeError if their shapes differ."""
    network_NK = np.asarray(network_NK, dtype=np.float64)
    for name, counts_NK in rules.items():
        if counts_NK.shape != network_NK.shape:
            raise ShapeError(f"expected counts of shape {network_NK.shape} of {name}. Received: {counts_NK.shape}")
    if not rules or not len(network_NK):
        raise ShapeError(
            f"expected a rule and an item to compare. Received: {len(rules)} rules, {len(network_NK)} items"
        )
    own = float(figure.of(network_NK.sum(0)))
    values = {name: float(figure.of(counts_NK.sum(0))) for name, counts_NK in rules.items()}
    best = (max if figure.higher else min)(values, key=lambda name: values[name])
    one, other = _blocks(network_NK), _blocks(np.asarray(rules[best], dtype=np.float64))
    low, high = _bootstrap(figure, one, other)
    return Verdict(
        part=part,
        figure=figure,
        items=len(network_NK),
        noun=noun,
        network=own,
        rules=values,
        best=best,
        difference=own - values[best],
        low=low,
        high=high,
        chance=_randomisation(figure, one, other),
        sampled=dict(sampled or {}),
        left_out=tuple(left_out),
        advice=advice,
    )


def _blocks(counts_NK: Doubles) -> Doubles:
    """Return the counts, summed in blocks of consecutive items if they are many."""
    if len(counts_NK) <= _BLOCKS:
        return counts_NK
    starts = np.arange(_BLOCKS) * len(counts_NK) // _BLOCKS
    blocks: Doubles = np.add.reduceat(counts_NK, starts, axis=0)
    return blocks


def _bootstrap(figure: Figure, one_NK: Doubles, other_NK: Doubles) -> tuple[float, float]:
    """Return the bounds of the interval of the difference, by resampling pairs of items."""
    generator, count = np.random.default_rng(_SEED), len(one_NK)
    weights_BN = generator.multinomial(count, np.full(count, 1.0 / count), size=_RESAMPLES).astype(np.float64)
    differences_B = figure.of(weights_BN @ one_NK) - figure.of(weights_BN @ other_NK)
    tail = (100.0 - _LEVEL) / 200.0
    low, high = np.quantile(differences_B, (tail, 1.0 - tail))
    return float(low), float(high)


def _randomisation(figure: Figure, one_NK: Doubles, other_NK: Doubles) -> float:
    """Return how likely a difference as large is if network and rule are exchanged in each item by chance.

    All exchanges are tried if the items that differ are few, which makes the test exact.
    """
    differing = (one_NK != other_NK).any(axis=1)
    if not differing.any():
        return 1.0
    total_K, change_NK = one_NK.sum(0), (other_NK - one_NK)[differing]
    other_K = other_NK.sum(0)
    seen = abs(float(figure.of(total_K) - figure.of(other_K)))
    count = len(change_NK)
    exact = 2**count <= _RESAMPLES
    if exact:
        swapped_BN = (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(np.float64)
    else:
        swapped_BN = np.random.default_rng(_SEED).integers(0, 2, size=(_RESAMPLES, count)).astype(np.float64)
    moved_BK = swapped_BN @ change_NK
    differences_B = figure.of(total_K + moved_BK) - figure.of(other_K - moved_BK)
    # Sums in another order differ in their last bits.
    as_large = int((np.abs(differences_B) >= seen * (1.0 - 1e-9)).sum())
    return as_large / len(swapped_BN) if exact else (as_large + 1) / (_RESAMPLES + 1)
