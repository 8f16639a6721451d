"""Skip-gram and CBOW once more, pair by pair in float64, with the kernel's random numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Reference"]

MASK = (1 << 64) - 1
APPROACH = 0.1
# Contexts of a word whose gradients are those of the same weights.
MOST_INPUTS = 16


class Wyrand:
    """The random numbers of a piece."""

    def __init__(self, seed: int, step: int, piece: int) -> None:
        def mixed(x: int) -> int:
            x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
            x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
            return x ^ x >> 31

        self.state = mixed((mixed(mixed((seed + 0x9E3779B97F4A7C15) & MASK) ^ step) + piece) & MASK)

    def __call__(self) -> int:
        self.state = (self.state + 0xA0761D6478BD642F) & MASK
        product = self.state * (self.state ^ 0xE7037ED1A0B428DB)
        return (product >> 64) ^ (product & MASK)


@dataclass
class Reference:
    """The tables, and how they are trained. `parts` has the input rows of every word."""

    noise: Any
    window: int
    negatives: int
    cbow: bool
    input: npt.NDArray[np.float64]
    output: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64] | None = None
    offset: npt.NDArray[np.float64] | None = None
    mean: bool = True
    parts: list[list[int]] | None = None
    loss: float = 0.0
    pairs: int = 0
    right: float = 0.0
    noises: int = 0
    uses: dict[str, dict[int, int]] = field(default_factory=dict)

    def run(self, words: list[int], starts: list[int], *, seed: int, step: int, rate: float) -> None:
        """One call: every piece from the same weights, then their changes together."""
        before = [None if table is None else table.copy() for table in (self.input, self.output, self.bias)]
        found = []
        for piece in range(len(starts) - 1):
            for table, old in zip((self.input, self.output, self.bias), before, strict=True):
                if table is not None:
                    table[:] = old
            self.uses = {"input": {}, "output": {}}
            self._piece(words[starts[piece] : starts[piece + 1]], Wyrand(seed, step, piece), rate)
            found.append(
                (self.uses, self.input.copy(), self.output.copy(), None if self.bias is None else self.bias.copy())
            )
        for place, (table, old) in enumerate(zip((self.input, self.output, self.bias), before, strict=True)):
            if table is None or old is None:
                continue
            table[:] = old
            for row in range(len(table)):
                name = "input" if place == 0 else "output"
                counts = [uses[name][row] for uses, *_ in found if row in uses[name]]
                if not counts:
                    continue
                share = way(sum(counts), rate) / sum(way(count, rate) for count in counts) if rate else 0.0
                table[row] += share * sum(each[1 + place][row] - old[row] for each in found)

    def _piece(self, words: list[int], random: Wyrand, rate: float) -> None:
        at = 0
        while at < len(words):
            kept = []
            while at < len(words) and words[at] >= 0:
                if random() >> 32 <= self.noise.keep_V[words[at]]:
                    kept.append(words[at])
                at += 1
            at += 1
            self._document(kept, random, rate)

    def _document(self, kept: list[int], random: Wyrand, rate: float) -> None:
        for at, word in enumerate(kept):
            reach = 1 + ((random() >> 32) * self.window >> 32)
            near = [place for place in range(max(0, at - reach), min(len(kept), at + reach + 1)) if place != at]
            context = [kept[place] for place in near]
            if not context:
                continue
            if self.cbow:
                rows = [row for each in context for row in self._rows(each)]
                self._count("input", rows, 1)
                hidden = self.input[rows].sum(0) / (len(rows) if self.mean or self.parts else 1)
                change = self._against([hidden], self._targets(word, random), rate)[0]
                for row in rows:
                    self.input[row] += change
            elif self.parts is not None:
                rows = self._rows(word)
                self._count("input", rows, 1)
                hidden, change = self.input[rows].mean(0), np.zeros(self.input.shape[1])
                for each in context:
                    change += self._against([hidden], self._targets(each, random), rate)[0]
                for row in rows:
                    self.input[row] += change
            else:
                targets = self._targets(word, random)
                for first in range(0, len(context), MOST_INPUTS):
                    some = context[first : first + MOST_INPUTS]
                    self._count("input", some, len(targets))
                    changes = self._against(list(self.input[some].copy()), targets, rate)
                    for row, change in zip(some, changes, strict=True):
                        self.input[row] += change

    def _rows(self, word: int) -> list[int]:
        return [word] if self.parts is None else self.parts[word]

    def _count(self, name: str, rows: list[int], pairs: int) -> None:
        for row in rows:
            self.uses[name][row] = self.uses[name].get(row, 0) + pairs

    def _targets(self, word: int, random: Wyrand) -> list[int]:
        """The true word and the noise."""
        targets = [word]
        for _ in range(self.negatives):
            bits = random()
            place = (bits >> 32) * len(self.noise.keep_V) >> 32
            drawn = place if bits & 0xFFFFFFFF < self.noise.share_V[place] else int(self.noise.other_V[place])
            if drawn != word:
                targets.append(drawn)
        return targets

    def _against(
        self, inputs: list[npt.NDArray[np.float64]], targets: list[int], rate: float
    ) -> list[npt.NDArray[np.float64]]:
        self._count("output", targets, len(inputs))
        old, old_bias = self.output.copy(), None if self.bias is None else self.bias.copy()
        changes = []
        for x in inputs:
            change, best = np.zeros(len(x)), 0.0
            for place, target in enumerate(targets):
                score = float(x @ old[target])
                if old_bias is not None:
                    score += old_bias[target]
                if self.offset is not None:
                    score -= self.offset[target]
                label = float(place == 0)
                self.loss += float(np.logaddexp(0.0, -score if place == 0 else score))
                if place == 0:
                    best = score
                else:
                    self.noises += 1
                    self.right += 1.0 if score < best else 0.5 if score == best else 0.0
                slope = rate * (label - 1.0 / (1.0 + np.exp(-score)))
                change += slope * old[target]
                self.output[target] += slope * x
                if self.bias is not None:
                    self.bias[target] += slope
            self.pairs += 1
            changes.append(change)
        return changes


def way(updates: float, rate: float) -> float:
    """How far so many updates bring a row."""
    n = APPROACH * rate * updates
    return n / (1.0 + n)
