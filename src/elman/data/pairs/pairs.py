"""`Pairs` of source and target sentences. Does not import torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from elman.data.bad_rows import checked, index_places, picked
from elman.data.places import NumberedPlaces
from elman.data.texts import listed_texts, texts_from
from elman.errors import DataError

__all__ = ["Pairs", "cut_at_tabs", "joined", "paired", "pairs_from", "tidy"]


@dataclass(frozen=True)
class Pairs:
    """Source sentences with target sentences.

    name           their name in messages: a file's path, or "the sentences"
    sources        source sentences, each on one line, without surrounding white space
    targets        target sentences; None if there are none
    dropped_empty  number of pairs left out because one side, or both, had no text
    places         where each pair comes from, for messages; None if that is not known
    """

    name: str
    sources: list[str]
    targets: list[str] | None
    dropped_empty: int = 0
    places: NumberedPlaces | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: Iterable[int]) -> Pairs:
        """Return the pairs at these indices; `dropped_empty` becomes 0."""
        chosen = list(rows)
        targets = None if self.targets is None else [self.targets[row] for row in chosen]
        places = None if self.places is None else self.places.take(chosen)
        return Pairs(self.name, [self.sources[row] for row in chosen], targets, places=places)

    def swapped(self) -> Pairs:
        """Return the pairs with sources and targets exchanged. Raises DataError if there are no targets."""
        if self.targets is None:
            raise DataError(f"{self.name}: expected sources with targets. Received: sources only")
        return Pairs(self.name, self.targets, self.sources, self.dropped_empty, self.places)

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
        left_out = f"{self.dropped_empty:,} of {total:,} pairs were left out"
        return [f"{self.name}: {left_out}, because one side is empty"]


def tidy(text: str) -> str:
    """Return a sentence on one line, without surrounding white space."""
    return text.replace("\n", " ").strip()


def paired(
    name: str, sources: Sequence[str], targets: Sequence[str], numbers: Sequence[int] | None = None, noun: str = "line"
) -> Pairs:
    """Create `Pairs` from as many sources as targets; pairs with an empty side are left out and counted.

    numbers  the number of each pair in its source, in messages; by default from 1
    noun     what is numbered
    """
    both = zip(map(tidy, sources), map(tidy, targets), strict=True)
    kept = [(row, source, target) for row, (source, target) in enumerate(both) if source and target]
    found = [row + 1 if numbers is None else numbers[row] for row, _, _ in kept]
    return Pairs(
        name,
        [source for _, source, _ in kept],
        [target for _, _, target in kept],
        len(sources) - len(kept),
        NumberedPlaces.of(f"{name}, {noun}", found),
    )


def pairs_from(sources: Iterable[str], targets: Iterable[str] | None = None, *, name: str = "the sentences") -> Pairs:
    """Create `Pairs` from lists, or from pandas or polars series; without targets, empty sources are kept.

    Pairs with an item that is not a text are left out within `bad_rows_of`. Raises DataError for a string in place of a
    list, items that are not strings, different numbers of sources and targets, and no pairs.
    """
    if targets is None:
        first = texts_from(sources, "sources")
        if not first:
            raise DataError(f"{name}: expected at least one sentence. Received: none")
        return Pairs(name, list(map(tidy, first)), None)
    sides = {"source": listed_texts(sources, "sources"), "target": listed_texts(targets, "targets")}
    count = len(sides["source"])
    if len(sides["target"]) != count:
        raise DataError(
            f"{name}: expected as many targets as sources, {count}. Received: {len(sides['target'])} targets"
        )
    places = index_places(name, sources, count)

    def one(row: int) -> None:
        for side, texts in sides.items():
            if not isinstance(texts[row], str):
                received = type(texts[row]).__name__
                raise DataError(f"{places[row]}: expected a {side} that is a text. Received: {received}")

    kept = checked(count, one)[1]
    first, second = (picked(texts, kept) for texts in sides.values())
    return check_some(paired(name, first, second, range(count) if kept is None else kept, "index"))


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
    places = [part.places for part in parts]
    return Pairs(
        f"{first.name} and {len(parts) - 1} more",
        [text for part in parts for text in part.sources],
        None if first.targets is None else [text for part in parts for text in part.targets or ()],
        sum(part.dropped_empty for part in parts),
        None if None in places else NumberedPlaces.joined([place for place in places if place is not None]),
    )
