"""Splitting of a text into consecutive training, validation and test parts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from elman.data.read import TextPiece
from elman.errors import ConfigError

__all__ = ["BORDERS", "PARTS", "Section", "check_split", "cut_points", "enough_held_out", "sections", "shares_of"]

PARTS = ("train", "valid", "test")
# Where a part may end: after any character, after a line end (else before a space), or before a document.
BORDERS = ("character", "line", "document")
# Maximum number of characters that a cut may move to reach a line end or a space.
NEAR = 10_000
# Of a short text, a part has this number of characters if that is at most this share of the text.
_ENOUGH, _LARGEST = 20_000, 0.05
SPACE = re.compile(r"\s")


class Section(NamedTuple):
    """A piece of text within one part (0 train, 1 valid, 2 test). `ended` is true if a document ends with the piece."""

    part: int
    piece: TextPiece
    ended: bool


def check_split(split: Sequence[float]) -> tuple[float, float, float]:
    """Check for three fractions, none negative, that sum to 1, the first above 0. Raises ConfigError."""
    fractions = tuple(float(fraction) for fraction in split)
    usable = (
        len(fractions) == 3
        and all(math.isfinite(fraction) and fraction >= 0 for fraction in fractions)
        and fractions[0] > 0
        and abs(sum(fractions) - 1) <= 1e-6
    )
    if not usable:
        raise ConfigError(
            "expected a split of three fractions (train, valid, test) that are not negative and sum to 1, with "
            f"something to train on. Received: {tuple(split)}"
        )
    return fractions[0], fractions[1], fractions[2]


def shares_of(
    split: Sequence[float] | None, usual: Sequence[float], *, valid: bool, test: bool
) -> tuple[float, float, float]:
    """Return the fractions of the training data that become training, validation and test part.

    split        fractions that were asked for; None for the `usual` ones, or none if a part has data of its own
    valid, test  whether the part has data of its own; its fraction is then added to the training part

    Raises ConfigError like `check_split`.
    """
    if split is None:
        split = (1.0, 0.0, 0.0) if valid or test else usual
    shares = check_split(split)
    moved = (shares[1] if valid else 0.0, shares[2] if test else 0.0)
    return shares[0] + sum(moved), shares[1] - moved[0], shares[2] - moved[1]


def enough_held_out(usual: Sequence[float], characters: int) -> tuple[float, float, float]:
    """Return the usual shares, with larger validation and test parts of a short text.

    A share that is above 0 and below a twentieth grows until its part has 20,000 characters, to a twentieth at most.
    """
    _, valid, test = (
        max(share, min(_LARGEST, _ENOUGH / max(characters, 1))) if 0 < share < _LARGEST else share for share in usual
    )
    return 1.0 - valid - test, valid, test


def cut_points(split: tuple[float, float, float], characters: int) -> tuple[int, int]:
    """Return the numbers of characters before the validation part and before the test part, before cuts are moved."""
    train, valid, test = split
    first = characters if valid == test == 0 else round(train * characters)
    second = characters if test == 0 else round((train + valid) * characters)
    return first, second


def sections(pieces: Iterable[TextPiece], cuts: tuple[int, int], border: str) -> Iterator[Section]:
    """Assign each piece to its part, cutting pieces at the boundaries. The text of the pieces is kept exactly.

    `border` is one of `BORDERS`: each of `cuts` moves forward to the next such border.
    """
    part = 0
    position = 0
    for piece, ended in _with_ends(pieces):
        while part < 2 and (at := _border(piece, cuts[part] - position, border)) is not None:
            if at >= len(piece.text):
                break
            if at:
                before, piece = piece.cut(at)
                position += at
                yield Section(part, before, piece.starts[:1] == (0,))
            part += 1
        else:
            at = None
        yield Section(part, piece, ended)
        position += len(piece.text)
        if at is not None:  # the cut is at the end of the piece
            part += 1


def _with_ends(pieces: Iterable[TextPiece]) -> Iterator[tuple[TextPiece, bool]]:
    """Yield each piece and whether a document ends with it."""
    before: TextPiece | None = None
    for piece in pieces:
        if before is not None:
            yield before, piece.starts[:1] == (0,)
        before = piece
    if before is not None:
        yield before, True


def _border(piece: TextPiece, at: int, border: str) -> int | None:
    """Return the first border in `piece` at or after character `at` (the end of the piece is one), or None."""
    text = piece.text
    if at > len(text):
        return None
    if border == "document":
        return next((start for start in piece.starts if start >= at), None)
    if at <= 0:
        return 0
    if border == "character" or at == len(text):
        return at
    # The beginning of a document is also the end of a line.
    starts = [start for start in piece.starts if at <= start <= at + NEAR][:1]
    newline = text.find("\n", at - 1, at + NEAR) + 1
    if ends := starts + [newline] * (newline > 0):
        return min(ends)
    if space := SPACE.search(text, at, at + NEAR):
        return space.start()
    return len(text) if len(text) - at <= NEAR else at
