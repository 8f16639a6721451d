"""Pairs of sentences, each a source and what it is to become. Knows nothing about files or tokens. Imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from elman.errors import DataError

__all__ = ["Pairs", "cut_at_tabs", "joined", "paired", "pairs_from", "tidy"]


@dataclass(frozen=True)
class Pairs:
    """Sources with their targets.

    name           what messages call them: a file's path, or "the sentences"
    sources        what is read, each on one line, without blanks around it
    targets        what each is to become; None where that is not known
    dropped_empty  pairs that were left out because one side of them, or both, had no text
    """

    name: str
    sources: list[str]
    targets: list[str] | None
    dropped_empty: int = 0

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: Iterable[int]) -> Pairs:
        """Some of the pairs, by their numbers; of what was left out, only the whole tells."""
        chosen = list(rows)
        targets = None if self.targets is None else [self.targets[row] for row in chosen]
        return Pairs(self.name, [self.sources[row] for row in chosen], targets)

    def swapped(self) -> Pairs:
        """The other direction. Raises DataError where there are no targets."""
        if self.targets is None:
            raise DataError(f"{self.name}: expected targets beside the sources. Received: sources alone")
        return Pairs(self.name, self.targets, self.sources, self.dropped_empty)

    def fingerprint(self) -> str:
        """A hash over all sources and targets, in order."""
        digest = hashlib.sha256()
        for side in (self.sources, self.targets):
            digest.update(b"-" if side is None else b"+%d" % len(side))
            for text in side or ():
                raw = text.encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(raw))
                digest.update(raw)
        return digest.hexdigest()

    def remarks(self) -> list[str]:
        """What whoever uses them should hear, a sentence each."""
        if not self.dropped_empty:
            return []
        total = len(self) + self.dropped_empty
        return [f"{self.name}: {self.dropped_empty} of {total} pairs were left out, as a side of each is empty"]


def tidy(text: str) -> str:
    """A sentence on one line, without blanks around it."""
    return text.replace("\n", " ").strip()


def paired(name: str, sources: Sequence[str], targets: Sequence[str]) -> Pairs:
    """Sources and as many targets as pairs; those with an empty side are left out, and counted."""
    kept = [
        (source, target)
        for source, target in zip(map(tidy, sources), map(tidy, targets), strict=True)
        if source and target
    ]
    return Pairs(name, [pair[0] for pair in kept], [pair[1] for pair in kept], len(sources) - len(kept))


def pairs_from(sources: Iterable[str], targets: Iterable[str] | None = None, *, name: str = "the sentences") -> Pairs:
    """Pairs from Python's own lists, or pandas' and polars' series; without targets, every source is kept.

    Raises DataError for a text in place of a list, what is no text, lists of different lengths, and no pairs at all.
    """
    first = _texts(sources, "sources")
    if targets is None:
        if not first:
            raise DataError(f"{name}: expected at least one sentence. Received: none")
        return Pairs(name, list(map(tidy, first)), None)
    second = _texts(targets, "targets")
    if len(first) != len(second):
        raise DataError(f"{name}: expected as many targets as sources, {len(first)}. Received: {len(second)} targets")
    return check_some(paired(name, first, second))


def cut_at_tabs(lines: Sequence[str], name: str) -> tuple[list[str], list[str]]:
    """Sources and targets of lines with a tab between the two. Raises DataError, with the line's number, for others."""
    cut = [line.split("\t") for line in lines]
    for number, (line, parts) in enumerate(zip(lines, cut, strict=True), 1):
        if len(parts) != 2:
            raise DataError(f"{name} {number}: expected a source, a tab and a target. Received: {line[:40]!r}")
    return [source for source, _ in cut], [target for _, target in cut]


def check_some(pairs: Pairs) -> Pairs:
    """`pairs`. Raises DataError when there are none."""
    if not len(pairs):
        left_out = f" ({pairs.dropped_empty} with an empty side)" if pairs.dropped_empty else ""
        raise DataError(f"{pairs.name}: expected at least one pair of sentences. Received: none{left_out}")
    return pairs


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Several as one, in order. Raises DataError where one has targets and another has not."""
    first = parts[0]
    if len(parts) == 1:
        return first
    odd = next((part for part in parts if (part.targets is None) != (first.targets is None)), None)
    if odd is not None:
        raise DataError(f"{first.name}, {odd.name}: expected targets in all or in none. Received: in one of them")
    return Pairs(
        f"{first.name} and {len(parts) - 1} more",
        [text for part in parts for text in part.sources],
        None if first.targets is None else [text for part in parts for text in part.targets or ()],
        sum(part.dropped_empty for part in parts),
    )


def _texts(values: Iterable[str], what: str) -> list[str]:
    if isinstance(values, str | bytes):
        raise DataError(f"expected {what} as a list of sentences. Received: one {type(values).__name__}")
    found = list(values)
    for row, value in enumerate(found):
        if not isinstance(value, str):
            raise DataError(f"expected a text as every one of the {what}. Received: {type(value).__name__} at {row}")
    return found
