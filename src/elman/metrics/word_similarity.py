"""Correlation of cosines with people's judgements of similarity, such as those of WordSim-353 or SimLex-999."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.decoding import lines_of, text_in
from elman.data.word_vectors import WordTable
from elman.data.word_vectors.lines import is_number
from elman.data.word_vectors.search import unit_rows
from elman.data.word_vectors.source import one_file
from elman.display import aligned
from elman.errors import DataError
from elman.metrics.known_words import KnownWords

__all__ = ["PairScores", "WordPair", "evaluate_pairs", "pearson", "read_pairs", "spearman"]

_SEPARATORS = ("\t", ",", ";")
_SHOWN = 10


class WordPair(NamedTuple):
    """Two words and how similar people find them."""

    a: str
    b: str
    score: float


@dataclass(frozen=True)
class PairScores:
    """The correlations of the known pairs.

    pairs     the pairs in the file
    known     those whose words are both known
    spearman  rank correlation of cosines and judgements
    pearson   linear correlation
    unknown   words that are not known, in the order of the file
    """

    pairs: int
    known: int
    spearman: float
    pearson: float
    unknown: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return the correlations, the counts and the unknown words."""
        return {
            "spearman": self.spearman,
            "pearson": self.pearson,
            "pairs": self.pairs,
            "known": self.known,
            "coverage": self.known / self.pairs,
            "unknown": list(self.unknown),
        }

    def to_text(self) -> str:
        """Format the correlations and the coverage."""
        rows = [
            ("Spearman", f"{self.spearman:.4f}"),
            ("Pearson", f"{self.pearson:.4f}"),
            ("known", f"{self.known:,} of {self.pairs:,} pairs ({self.known / self.pairs:.1%})"),
        ]
        if self.unknown:
            more = f", and {len(self.unknown) - _SHOWN:,} more" if len(self.unknown) > _SHOWN else ""
            rows.append(("unknown words", ", ".join(self.unknown[:_SHOWN]) + more))
        return aligned(rows)


def read_pairs(path: str | os.PathLike[str], *, encoding: str = "utf-8") -> list[WordPair]:
    """Return the pairs in a file: two words and a score on a line, separated by tabs, commas, semicolons or spaces.

    Lines that begin with # are comments. A first line without a number is a header. The score is the first column of
    numbers after the two words, as in SimLex-999, which has the part of speech between. Raises DataError with the file
    and the line for any other line, and for a file without pairs.
    """
    with one_file(path, "pairs of words") as file:
        text = text_in(file.path, file.name, encoding=encoding, errors="strict")
        name = file.name
    pairs: list[WordPair] = []
    separator: str | None = None
    column: int | None = None
    header = False
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if column is None:
            separator = next((each for each in _SEPARATORS if each in line), None)
        cells = [cell.strip() for cell in line.split(separator)]
        if column is None:
            column = next((place for place in range(2, len(cells)) if _score(cells[place]) is not None), None)
            if column is None and not header and _is_header(cells):
                header = True
                continue
        score = _score(cells[column]) if column is not None and column < len(cells) else None
        if score is None or not cells[0] or not cells[1]:
            raise DataError(
                f"{name}, line {number}: expected two words and a score, separated by a tab, a comma, a semicolon or "
                f"spaces. Received: {line[:60]!r}"
            )
        pairs.append(WordPair(cells[0], cells[1], score))
    if not pairs:
        raise DataError(f"{name}: expected pairs of words with scores, such as WordSim-353. Received: none")
    return pairs


def _is_header(cells: Sequence[str]) -> bool:
    """Whether the first line may name columns: it has a third one, and no score that is missing or not finite."""
    return len(cells) > 2 and bool(cells[2]) and not any(map(is_number, cells[2:]))


def _score(cell: str) -> float | None:
    try:
        score = float(cell)
    except ValueError:
        return None
    return score if np.isfinite(score) else None


def evaluate_pairs(
    table: WordTable, pairs: Sequence[WordPair], *, restrict: int | None = 300_000, fold_case: bool = True
) -> PairScores:
    """Compare the cosines of pairs of words with people's scores; pairs with an unknown word are left out.

    restrict   use the first words of the table only; None for all
    fold_case  compare words in upper case; the first of several spellings counts

    Raises DataError if fewer than two pairs are known, or if all have the same score or cosine.
    """
    known = KnownWords(table, restrict=restrict, fold_case=fold_case)
    found: dict[str, npt.NDArray[np.float32] | None] = {}
    for word in (word for pair in pairs for word in pair[:2]):
        if word not in found:
            row = known.row(word)
            composed = table.compose(word) if row is None else None
            found[word] = table.matrix_VE[row] if row is not None else composed
    unknown = [word for word, vector in found.items() if vector is None]
    asked = [(found[pair.a], found[pair.b], pair.score) for pair in pairs]
    usable = [(a, b, score) for a, b, score in asked if a is not None and b is not None]
    if len(usable) < 2:
        raise DataError(
            f"expected at least two pairs whose words are among those of {table.name}. Received: {len(usable)} of "
            f"{len(pairs)}, without {', '.join(map(repr, unknown[:3]))}"
        )
    units_a, units_b = (unit_rows(np.stack([each[side] for each in usable]).astype(np.float64)) for side in (0, 1))
    cosines = np.einsum("ne,ne->n", units_a.astype(np.float64), units_b.astype(np.float64))
    scores = np.array([score for _, _, score in usable])
    if np.ptp(cosines) == 0 or np.ptp(scores) == 0:
        raise DataError("expected pairs with different scores and cosines for a correlation. Received: equal ones")
    return PairScores(len(pairs), len(usable), spearman(cosines, scores), pearson(cosines, scores), unknown)


def pearson(a_N: npt.NDArray[np.float64], b_N: npt.NDArray[np.float64]) -> float:
    """Return the linear correlation of two rows of numbers."""
    a, b = a_N - a_N.mean(), b_N - b_N.mean()
    return float((a @ b) / np.sqrt((a @ a) * (b @ b)))


def spearman(a_N: npt.NDArray[np.float64], b_N: npt.NDArray[np.float64]) -> float:
    """Return the rank correlation of two rows of numbers; equal numbers share the mean of their ranks."""
    return pearson(_ranks(a_N), _ranks(b_N))


def _ranks(values_N: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, places, counts = np.unique(values_N, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: npt.NDArray[np.float64] = ends - (counts - 1) / 2
    return means[places]
