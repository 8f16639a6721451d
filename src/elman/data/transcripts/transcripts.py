"""Sequences of frames with the text of each: what sounds and pen strokes are to a network. Knows nothing about files.

Frames are features of sound, or the moves of a pen; how they were made is nothing to those who read them here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

__all__ = [
    "Computed",
    "FrameScale",
    "Transcripts",
    "digest_of",
    "frame_scale",
    "given_texts",
    "joined",
    "utterance_normalised",
]

# The frames of one sequence: T x F.
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# A deviation that is smaller than this, measured by the mean, is what rounding leaves of none.
_ROUNDING = 1e-6


class Computed(Sequence[Floats]):
    """Frames that are computed each time they are asked for: `make(row)` for each of `rows`."""

    def __init__(self, make: Callable[[int], Floats], rows: Sequence[int]) -> None:
        self._make = make
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> Floats: ...

    @overload
    def __getitem__(self, row: slice) -> Computed: ...

    def __getitem__(self, row: int | slice) -> Floats | Computed:
        return Computed(self._make, self._rows[row]) if isinstance(row, slice) else self._make(self._rows[row])

    def take(self, rows: Iterable[int]) -> Computed:
        """Those of some rows."""
        return Computed(self._make, [self._rows[row] for row in rows])


@dataclass(frozen=True, eq=False)
class Transcripts:
    """Sequences of frames, and the text of each.

    name     what messages call the whole
    kind     "sound" or "strokes"
    frames   `x_TF` of every sequence, float32; a list, or `Computed` where they are too many to be kept
    lengths  T of every sequence
    features F, the same in all
    texts    the text of every sequence; None where they are not known
    places   where every sequence stands, for messages
    digests  a hash of what every sequence was made from
    notes    sentences about the sequences that a person should read once, such as that stereo was averaged
    """

    name: str
    kind: str
    frames: Sequence[Floats]
    lengths: Ints
    features: int
    texts: list[str] | None
    places: Sequence[str]
    digests: Sequence[bytes]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: Iterable[int]) -> Transcripts:
        """Some of the sequences, by their numbers, in this order; frames are not copied, and not computed."""
        chosen = [int(row) for row in rows]
        frames = self.frames
        return Transcripts(
            self.name,
            self.kind,
            frames.take(chosen) if isinstance(frames, Computed) else [frames[row] for row in chosen],
            self.lengths[chosen],
            self.features,
            None if self.texts is None else [self.texts[row] for row in chosen],
            [self.places[row] for row in chosen],
            [self.digests[row] for row in chosen],
            self.notes,
        )

    def fingerprint(self) -> str:
        """A sha256 over what the sequences were made from and the texts, but not over places."""
        digest = hashlib.sha256(f"{self.kind} {self.features} {len(self)}\n".encode())
        for row, each in enumerate(self.digests):
            digest.update(each + b"%d " % int(self.lengths[row]))
            if self.texts is not None:
                text = self.texts[row].encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(text) + text)
        return digest.hexdigest()


def joined(parts: Sequence[Transcripts]) -> Transcripts:
    """Several as one. Raises DataError for other kinds or features, and for texts in some of them only."""
    first = parts[0]
    if len(parts) == 1:
        return first
    for other in parts[1:]:
        if (other.kind, other.features) != (first.kind, first.features):
            raise DataError(f"{other.name}: expected {first.kind} of {first.features} features, as in {first.name}. "
                            f"Received: {other.kind} of {other.features}")  # fmt: skip
        if (other.texts is None) != (first.texts is None):
            raise DataError(f"{other.name}: expected texts in all the data or in none. Received: only in some")
    kept = all(not isinstance(part.frames, Computed) for part in parts)
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def make(row: int) -> Floats:
        number = int(np.searchsorted(starts, row, side="right")) - 1
        return parts[number].frames[row - int(starts[number])]

    return Transcripts(
        ", ".join(part.name for part in parts),
        first.kind,
        [x_TF for part in parts for x_TF in part.frames] if kept else Computed(make, range(int(starts[-1]))),
        np.concatenate([part.lengths for part in parts]),
        first.features,
        None if first.texts is None else [text for part in parts for text in part.texts or ()],
        [place for part in parts for place in part.places],
        [digest for part in parts for digest in part.digests],
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def digest_of(values: npt.NDArray[Any], *others: int) -> bytes:
    """A hash of numbers, their type and their shape, and of some whole numbers beside them."""
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.dtype.str} {little.shape} {others} ".encode())
    digest.update(little.tobytes())
    return digest.digest()


def given_texts(texts: Sequence[Any] | None, count: int, name: str) -> list[str] | None:
    """The texts that a program gives to `count` sequences.

    Raises DataError for another count, and for one that is no text or an empty one.
    """
    if texts is None:
        return None
    found = list(texts)
    if len(found) != count:
        raise DataError(f"expected a text for each of the {count} sequences of {name}. Received: {len(found)} texts")
    for row, text in enumerate(found):
        if not isinstance(text, str) or not text.strip():
            raise DataError(
                f"{name}, number {row}: expected a text. Received: {type(text).__name__} {str(text)[:40]!r}"
            )
    return [str(text).strip() for text in found]


class FrameScale(NamedTuple):
    """What frames are normalised by: `(x_TF - mean_F) / deviation_F`. Both are float32."""

    mean_F: Floats
    deviation_F: Floats

    def __call__(self, x_TF: Floats) -> Floats:
        """The frames, normalised."""
        scaled: Floats = (x_TF - self.mean_F) / self.deviation_F
        return scaled


def frame_scale(frames: Iterable[Floats]) -> FrameScale:
    """The mean and the deviation of every feature over all frames; a feature that never changes has the deviation 1.

    Raises DataError for no frames at all.
    """
    count, mean_F, squares_F = 0, np.zeros(0), np.zeros(0)
    for x_TF in frames:
        if not len(x_TF):
            continue
        x_TF64 = x_TF.astype(np.float64)
        own_F = x_TF64.mean(axis=0)
        own_squares_F = np.square(x_TF64 - own_F).sum(axis=0)
        if not count:
            count, mean_F, squares_F = len(x_TF), own_F, own_squares_F
            continue
        # Chan, Golub & LeVeque 1983: sums of squares about the means of two parts, as one.
        total, apart_F = count + len(x_TF), own_F - mean_F
        squares_F = squares_F + own_squares_F + np.square(apart_F) * (count * len(x_TF) / total)
        mean_F = mean_F + apart_F * (len(x_TF) / total)
        count = total
    if not count:
        raise DataError("expected frames to take a mean of. Received: none")
    deviation_F = np.sqrt(squares_F / count)
    changes_F = deviation_F > _ROUNDING * (1.0 + np.abs(mean_F))
    return FrameScale(mean_F.astype(np.float32), np.where(changes_F, deviation_F, 1.0).astype(np.float32))


def utterance_normalised(x_TF: Floats) -> Floats:
    """Frames with the mean 0 and the deviation 1 over time in every feature.

    A feature that does not change, as in silence, becomes 0. It takes the whole sequence, so it cannot stream.
    """
    if not len(x_TF):
        return x_TF
    x_TF64 = x_TF.astype(np.float64)
    mean_F, deviation_F = x_TF64.mean(axis=0), x_TF64.std(axis=0)
    changes_F = deviation_F > _ROUNDING * (1.0 + np.abs(mean_F))
    return ((x_TF64 - mean_F) / np.where(changes_F, deviation_F, 1.0)).astype(np.float32)
