"""`Pairs` of source and target sentences. Does not import torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from elman.data.texts import texts_from
from elman.errors import DataError

__all__ = ["Pairs", "cut_at_tabs", "joined", "paired", "pairs_from", "tidy"]


@dataclass(frozen=True)
class Pairs:
    """Source sentences with target sentences.

    name           their name in messages: a file's path, or "the sentences"
    sources        source sentences, each on one line, without surrounding white space
    targets        target sentences; None if there are none
    dropped_empty  number of pairs left out because one side, or both, had no text
    """

    name: str
    sources: list[str]
    targets: list[str] | None
    dropped_empty: int = 0

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: Iterable[int]) -> Pairs:
        """Return the pairs at these indices; `dropped_empty` becomes 0."""
        chosen = list(rows)
        targets = None if self.targets is None else [self.targets[row] for row in chosen]
        return Pairs(self.name, [self.sources[row] for row in chosen], targets)

    def swapped(self) -> Pairs:
        """Return the pairs with sources and targets exchanged. Raises DataError if there are no targets."""
        if self.targets is None:
            raise DataError(f"{self.name}: expected sources with targets. Received: sources only")
        return Pairs(self.name, self.targets, self.sources, self.dropped_empty)

    def contents(self) -> Iterator[object]:
        """Yield the sentences of each pair as something hashable."""
        yield from self.sources if self.targets is None else zip(self.sources, self.targets, strict=True)

    def fingerprint(self) -> str:
        """Return a hash of all sources and targets, in order."""
        digest = hashlib.sha256()
        for side in (self.sources, self.targets):
            digest.update(b"-" if side is None else b"+%d" % len(side))
            for text in side or ():
                raw = text.encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(raw))
                digest.update(raw)
        return digest.hexdigest()

    def remarks(self) -> list[str]:
        """Return remarks about pairs that were left out."""
        if not self.dropped_empty:
            return []
        total = len(self) + self.dropped_empty
        return [f"{self.name}: {self.dropped_empty} of {total} pairs were left out, because one side is empty"]


def tidy(text: str) -> str:
    """Return a sentence on one line, without surrounding white space."""
    return text.replace("\n", " ").strip()


def paired(name: str, sources: Sequence[str], targets: Sequence[str]) -> Pairs:
    """Create `Pairs` from as many sources as targets; pairs with an empty side are left out and counted."""
    kept = [
        (source, target)
        for source, target in zip(map(tidy, sources), map(tidy, targets), strict=True)
        if source and target
    ]
    return Pairs(name, [pair[0] for pair in kept], [pair[1] for pair in kept], len(sources) - len(kept))


def pairs_from(sources: Iterable[str], targets: Iterable[str] | None = None, *, name: str = "the sentences") -> Pairs:
    """Create `Pairs` from lists, or from pandas or polars series; without targets, empty sources are kept.

    Raises DataError for a string in place of a list, items that are not strings, different numbers of sources and
    targets, and no pairs.
    """
    first = texts_from(sources, "sources")
    if targets is None:
        if not first:
            raise DataError(f"{name}: expected at least one sentence. Received: none")
        return Pairs(name, list(map(tidy, first)), None)
    second = texts_from(targets, "targets")
    if len(first) != len(second):
        raise DataError(f"{name}: expected as many targets as sources, {len(first)}. Received: {len(second)} targets")
    return check_some(paired(name, first, second))


def cut_at_tabs(lines: Sequence[str], name: str) -> tuple[list[str], list[str]]:
    """Split lines of source, tab, target. Raises DataError, with the line number, for other lines."""
    cut = [line.split("\t") for line in lines]
    for number, (line, parts) in enumerate(zip(lines, cut, strict=True), 1):
        if len(parts) != 2:
            raise DataError(f"{name} {number}: expected a source, a tab and a target. Received: {line[:40]!r}")
    return [source for source, _ in cut], [target for _, target in cut]


def check_some(pairs: Pairs) -> Pairs:
    """Return `pairs`. Raises DataError if it is empty."""
    if not len(pairs):
        left_out = f" ({pairs.dropped_empty} with an empty side)" if pairs.dropped_empty else ""
        raise DataError(f"{pairs.name}: expected at least one pair of sentences. Received: none{left_out}")
    return pairs


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Concatenate pairs, in order. Raises DataError if some have targets and others do not."""
    first = parts[0]
    if len(parts) == 1:
        return first
    odd = next((part for part in parts if (part.targets is None) != (first.targets is None)), None)
    if odd is not None:
        raise DataError(f"{first.name}, {odd.name}: expected targets in both or in neither. Received: in one of them")
    return Pairs(
        f"{first.name} and {len(parts) - 1} more",
        [text for part in parts for text in part.sources],
        None if first.targets is None else [text for part in parts for text in part.targets or ()],
        sum(part.dropped_empty for part in parts),
    )
