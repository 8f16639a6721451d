"""`Transcripts`: sequences of frames with texts, and the normalisation of frames.

Frames are features of sound or of pen strokes. In shapes, F are the features of a frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from elman.data.texts import is_sequence
from elman.errors import DataError

__all__ = [
    "FrameNormalizer",
    "LazyFrames",
    "Transcripts",
    "checked_text",
    "digest_of",
    "frame_scale",
    "joined",
    "listed_texts",
    "utterance_normalised",
]

# The frames of one sequence, `x_TF`.
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# A standard deviation below this, relative to the mean, is a rounding error of 0.
_ROUNDING = 1e-6

# The most places that a message lists.
_NAMED = 3


class LazyFrames(Sequence[Floats]):
    """A sequence of frames computed at every access: `make(row)` for each of `rows`."""

    def __init__(self, make: Callable[[int], Floats], rows: Sequence[int]) -> None:
        self._make = make
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> Floats: ...

    @overload
    def __getitem__(self, row: slice) -> LazyFrames: ...

    def __getitem__(self, row: int | slice) -> Floats | LazyFrames:
        return LazyFrames(self._make, self._rows[row]) if isinstance(row, slice) else self._make(self._rows[row])

    def take(self, rows: Iterable[int]) -> LazyFrames:
        """Return the frames at these indices, without computing them."""
        return LazyFrames(self._make, [self._rows[row] for row in rows])


@dataclass(frozen=True, eq=False)
class Transcripts:
    """Sequences of frames with texts.

    name      name of the data in messages
    kind      "sound" or "strokes"
    frames    float32 `x_TF` of every sequence; a list, or `LazyFrames` if they are too many to keep in memory
    lengths   T of every sequence
    features  F, the same for all sequences
    texts     the text of every sequence; None if there are none
    places    where every sequence comes from, for messages
    digests   a hash of the source of every sequence
    notes     sentences about conversions, for people, such as averaged channels
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
        """Return the sequences at these indices, in this order; frames are neither copied nor computed."""
        chosen = [int(row) for row in rows]
        frames = self.frames
        return Transcripts(
            self.name,
            self.kind,
            frames.take(chosen) if isinstance(frames, LazyFrames) else [frames[row] for row in chosen],
            self.lengths[chosen],
            self.features,
            None if self.texts is None else [self.texts[row] for row in chosen],
            [self.places[row] for row in chosen],
            [self.digests[row] for row in chosen],
            self.notes,
        )

    def contents(self) -> Iterator[object]:
        """Yield the hash of each recording's source."""
        yield from self.digests

    def undecoded(self) -> str | None:
        """Return a sentence on texts with U+FFFD, the sign of bytes in another encoding; None if there are none."""
        rows = [row for row, text in enumerate(self.texts or ()) if "\ufffd" in text]
        if not rows:
            return None
        shown = ", ".join(self.places[row] for row in rows[:_NAMED])
        more = f" and {len(rows) - _NAMED:,} more" if len(rows) > _NAMED else ""
        return (
            f"{len(rows):,} of {len(self):,} texts have U+FFFD, which stands for bytes that are not in the encoding of "
            f"the option encoding: {shown}{more}"
        )

    def fingerprint(self) -> str:
        """Return a SHA-256 hash of digests, lengths and texts; `places` are left out, so that files can be moved."""
        digest = hashlib.sha256(f"{self.kind} {self.features} {len(self)}\n".encode())
        for row, each in enumerate(self.digests):
            digest.update(each + b"%d " % int(self.lengths[row]))
            if self.texts is not None:
                text = self.texts[row].encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(text) + text)
        return digest.hexdigest()


def joined(parts: Sequence[Transcripts]) -> Transcripts:
    """Concatenate sequences. Raises DataError if kinds or features differ, or if only some have texts."""
    first = parts[0]
    if len(parts) == 1:
        return first
    for other in parts[1:]:
        if (other.kind, other.features) != (first.kind, first.features):
            raise DataError(f"{other.name}: expected {first.kind} of {first.features} features, as in {first.name}. "
                            f"Received: {other.kind} of {other.features}")  # fmt: skip
        if (other.texts is None) != (first.texts is None):
            raise DataError(f"{other.name}: expected texts in all the data or in none. Received: only in some")
    kept = all(not isinstance(part.frames, LazyFrames) for part in parts)
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def make(row: int) -> Floats:
        number = int(np.searchsorted(starts, row, side="right")) - 1
        return parts[number].frames[row - int(starts[number])]

    return Transcripts(
        ", ".join(part.name for part in parts),
        first.kind,
        [x_TF for part in parts for x_TF in part.frames] if kept else LazyFrames(make, range(int(starts[-1]))),
        np.concatenate([part.lengths for part in parts]),
        first.features,
        None if first.texts is None else [text for part in parts for text in part.texts or ()],
        [place for part in parts for place in part.places],
        [digest for part in parts for digest in part.digests],
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def digest_of(values: npt.NDArray[Any], *others: int) -> bytes:
    """Return a hash of an array, its dtype and shape, and further integers."""
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.dtype.str} {little.shape} {others} ".encode())
    digest.update(little.tobytes())
    return digest.digest()


def listed_texts(texts: Sequence[Any] | None, count: int, name: str) -> list[Any] | None:
    """Return the texts of `count` sequences as a list. Raises DataError for another number, and for no sequence."""
    if texts is None:
        return None
    if not is_sequence(texts):
        raise DataError(f"expected a list of the texts of {name}. Received: {type(texts).__name__}")
    found = list(texts)
    if len(found) != count:
        raise DataError(f"expected a text for each of the {count} sequences of {name}. Received: {len(found)} texts")
    return found


def checked_text(text: Any, place: str) -> str:
    """Return a text without surrounding white space. Raises DataError for an empty one, and for anything else."""
    if not isinstance(text, str):
        raise DataError(f"{place}: expected a text. Received: {type(text).__name__} {str(text)[:40]!r}")
    if not text.strip():
        raise DataError(f"{place}: expected a text. Received: an empty one")
    return str(text).strip()


class FrameNormalizer(NamedTuple):
    """Float32 mean and standard deviation of features: frames become `(x_TF - mean_F) / deviation_F`."""

    mean_F: Floats
    deviation_F: Floats

    def __call__(self, x_TF: Floats) -> Floats:
        """Return normalised frames."""
        scaled: Floats = (x_TF - self.mean_F) / self.deviation_F
        return scaled


def frame_scale(frames: Iterable[Floats]) -> FrameNormalizer:
    """Return the mean and standard deviation of every feature over all frames; 1 for constant features.

    Raises DataError if there are no frames.
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
        # Chan, Golub & LeVeque 1983: combine the sums of squared deviations of two samples.
        total, apart_F = count + len(x_TF), own_F - mean_F
        squares_F = squares_F + own_squares_F + np.square(apart_F) * (count * len(x_TF) / total)
        mean_F = mean_F + apart_F * (len(x_TF) / total)
        count = total
    if not count:
        raise DataError("expected at least one frame to compute the mean. Received: none")
    deviation_F = np.sqrt(squares_F / count)
    changes_F = deviation_F > _ROUNDING * (1.0 + np.abs(mean_F))
    return FrameNormalizer(mean_F.astype(np.float32), np.where(changes_F, deviation_F, 1.0).astype(np.float32))


def utterance_normalised(x_TF: Floats) -> Floats:
    """Normalise every feature of a whole sequence to mean 0 and standard deviation 1 over time.

    Constant features, as in silence, become 0.
    """
    if not len(x_TF):
        return x_TF
    x_TF64 = x_TF.astype(np.float64)
    mean_F, deviation_F = x_TF64.mean(axis=0), x_TF64.std(axis=0)
    changes_F = deviation_F > _ROUNDING * (1.0 + np.abs(mean_F))
    return ((x_TF64 - mean_F) / np.where(changes_F, deviation_F, 1.0)).astype(np.float32)
