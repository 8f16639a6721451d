"""`TaggedDataset`: sentences or sequences of frames, with a tag per time step. Does not import torch."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.bad_rows import checked, index_places, picked
from elman.data.columns import frame_columns, order_of, real_columns
from elman.data.labels import label_text, label_texts, type_of_labels
from elman.data.parts import digest_of
from elman.data.texts import is_sequence
from elman.data.values import as_array, precise
from elman.errors import DataError

__all__ = [
    "LONGEST_WORD",
    "Frames",
    "TaggedDataset",
    "check_fit",
    "check_frames",
    "check_words",
    "joined",
    "tagged_from",
]

# The frames of one sequence, `x_TI`: float32, or float64 if float32 loses too much of how they vary.
Frames = npt.NDArray[np.floating[Any]]

# In characters. A longer text is most likely not a word but the wrong column or file.
LONGEST_WORD = 10_000


@dataclass(frozen=True)
class TaggedDataset:
    """Sequences with tags.

    name           name of the data in messages: a file's path, or "the sentences"
    words          the words of every sequence; None for frames
    frames         the frames `x_TI` of every sequence; None for words
    tags           a tag for every time step; None if there are none
    intents        a label for every sequence; None if there are none
    places         where every sequence comes from, for messages
    feature_names  the names of the I features of a frame; empty if they have none
    label_types    types of the tags and of the labels, as in `LABEL_TYPES`; None for files
    """

    name: str
    words: list[list[str]] | None
    frames: list[Frames] | None
    tags: list[list[str]] | None
    intents: list[str] | None
    places: list[str]
    feature_names: tuple[str, ...] = ()
    label_types: tuple[str, str] | None = None

    def __len__(self) -> int:
        return len(self.places)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of time steps of every sequence."""
        steps: Iterable[Sequence[Any] | Frames] = self.frames if self.frames is not None else self.words or ()
        return np.array([len(each) for each in steps], dtype=np.int64)

    @property
    def features(self) -> int:
        """I, the number of features of a frame; 0 for words."""
        return self.frames[0].shape[1] if self.frames else 0

    def take(self, rows: Iterable[int]) -> TaggedDataset:
        """Return the sequences at these indices."""
        chosen = list(rows)

        def pick(values: Any) -> Any:
            return None if values is None else [values[row] for row in chosen]

        return dataclasses.replace(
            self,
            words=pick(self.words),
            frames=pick(self.frames),
            tags=pick(self.tags),
            intents=pick(self.intents),
            places=pick(self.places),
        )

    def contents(self) -> Iterator[object]:
        """Yield the words or frames of each sequence as something hashable."""
        if self.frames is not None:
            yield from map(digest_of, self.frames)
        else:
            yield from map(tuple, self.words or ())

    def with_features(self, names: tuple[str, ...]) -> TaggedDataset:
        """Return the data with the features of frames in the order of `names`, if both have names.

        Row numbers without a name are left out. Raises DataError, with the existing names, if one of `names` is
        missing, and for another column.
        """
        if self.frames is None or not names or not self.feature_names:
            return self
        order = order_of(names, self.feature_names, self.name, values=self._feature)
        return self if order is None else self._with(order)

    def without_row_numbers(self) -> TaggedDataset:
        """Return the data without the features that are row numbers. Raises DataError if there are no others."""
        real = real_columns(self.feature_names, self._feature)
        if len(real) == len(self.feature_names):
            return self
        if not real:
            raise DataError(f"{self.name}: expected columns of features. Received: row numbers without a name")
        return self._with(real)

    def _feature(self, number: int) -> npt.NDArray[Any]:
        return np.concatenate([x_TI[:, number] for x_TI in self.frames or ()])

    def _with(self, order: list[int]) -> TaggedDataset:
        names = tuple(self.feature_names[place] for place in order)
        frames = [np.ascontiguousarray(x_TI[:, order]) for x_TI in self.frames or ()]
        return dataclasses.replace(self, frames=frames, feature_names=names)

    def check_labels(self, *, intents: bool) -> None:
        """Raise DataError unless there are tags and, with `intents`, labels of the sentences."""
        if self.tags is None:
            raise DataError(f"{self.name}: expected a tag for every step. Received: none")
        if intents and self.intents is None:
            raise DataError(f"{self.name}: expected a label of every sentence with intent=true. Received: none")

    def fingerprint(self) -> str:
        """Return a hash of the sequences and their labels."""
        digest = hashlib.sha256()
        for row in range(len(self)):
            for values in (self.words, self.tags):
                digest.update("\x1f".join(values[row]).encode("utf-8", "surrogatepass") if values else b"-")
                digest.update(b"\x1e")
            if self.frames is not None:
                single = np.ascontiguousarray(self.frames[row], dtype=np.float32)
                digest.update(repr(single.shape).encode() + single.tobytes())
            if self.intents is not None:
                digest.update(self.intents[row].encode("utf-8", "surrogatepass"))
            digest.update(b"\x1d")
        return digest.hexdigest()


def joined(parts: Sequence[TaggedDataset]) -> TaggedDataset:
    """Concatenate data. Raises DataError if only some have words, tags or intents, or if their features differ."""
    first = parts[0]
    if len(parts) == 1:
        return first
    parts = [first, *(other.with_features(first.feature_names) for other in parts[1:])]
    for other in parts[1:]:
        for what in ("words", "tags", "intents"):
            if (getattr(first, what) is None) != (getattr(other, what) is None):
                raise DataError(f"{other.name}: expected {what} in all the data or in none. Received: only in some")
        if first.features != other.features:
            raise DataError(
                f"{other.name}: expected frames of {first.features} features, as in {first.name}. "
                f"Received: {other.features}"
            )

    def chained(what: str) -> Any:
        values = [getattr(part, what) for part in parts]
        return None if values[0] is None else [item for value in values for item in value]

    return TaggedDataset(
        ", ".join(part.name for part in parts),
        chained("words"),
        chained("frames"),
        chained("tags"),
        chained("intents"),
        chained("places"),
        first.feature_names,
    )


def tagged_from(
    sequences: Sequence[Any],
    tags: Sequence[Sequence[Any]] | None = None,
    *,
    intents: Sequence[Any] | None = None,
    name: str = "the sentences",
) -> TaggedDataset:
    """Create a `TaggedDataset` from lists or arrays.

    sequences  lists of words, texts (split at white space), or arrays or data frames `x_TI` of frames
    tags       a tag for every time step of each sequence; texts, or finite numbers, of which 1.0 and 1 are one tag
    intents    a label for each sequence; as for tags

    Sequences that cannot be used, and those with labels that do not match them, are left out within `bad_rows_of`. Else
    raises DataError, with the index of the sequence from 0.
    """
    sequences = _sequences(sequences, name)
    places = index_places(name, sequences, len(sequences))
    if hasattr(sequences, "iloc"):
        sequences = list(sequences)
    if not places:
        raise DataError(f"expected at least one sequence in {name}. Received: none")
    tag_rows = None if tags is None else _listed(tags, "tags of each sequence")
    labels = None if intents is None else _listed(intents, "labels")
    _check_counts(name, len(places), tag_rows, labels)
    of_words = any(map(_is_sentence, sequences))

    def one(row: int) -> tuple[Any, list[Any] | None, Any]:
        """Return the words or frames of a sequence, its tags and its label, as they are given."""
        words = of_words and _is_sentence(sequences[row])
        given = _words_of(sequences[row], places[row]) if words else check_frames(sequences[row], places[row])
        if of_words and not words:
            raise DataError(f"{places[row]}: expected words, as in other sequences. Received: frames")
        found = None if tag_rows is None else _listed(tag_rows[row], "tags", f"{places[row]}: ")
        if found is not None:
            _check_tags(label_texts(found, f"the tags of {places[row]}"), len(given), places[row])
        if labels is not None:
            label_text(labels[row], f"the label of {places[row]}")
        return given, found, None if labels is None else labels[row]

    rows, kept = checked(len(places), one)
    sequences, places = picked(sequences, kept), picked(places, kept)
    given = [each for each, _, _ in rows]
    found_tags = None if tag_rows is None else [each or [] for _, each, _ in rows]
    found_labels = None if labels is None else [label for _, _, label in rows]
    names = frame_columns(sequences[0])
    if not names or not all(map(frame_columns, sequences)):
        names = ()
    for row, each in enumerate(sequences if names else ()):
        order = order_of(names, frame_columns(each), places[row], like="in the first sequence")
        if not of_words and order is not None:
            given[row] = np.ascontiguousarray(given[row][:, order])
    found = TaggedDataset(
        name,
        given if of_words else None,
        None if of_words else given,
        None if found_tags is None else [label_texts(each, "the tags") for each in found_tags],
        None if found_labels is None else label_texts(found_labels, "the labels"),
        places,
        names,
        label_types=(
            type_of_labels([tag for each in found_tags or () for tag in each], f"the tags of {name}"),
            type_of_labels(found_labels or (), f"the labels of {name}"),
        ),
    )
    check_fit(found)
    return found


def _is_sentence(value: Any) -> bool:
    """Return whether a sequence is a text or a list of words."""
    return isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(word, str) for word in value))


def _words_of(value: Any, place: str) -> list[str]:
    return check_words(value.split() if isinstance(value, str) else list(value), place)


def _sequences(sequences: Any, name: str) -> Sequence[Any]:
    """Return `sequences`. Raises DataError unless it is a list or an array of them."""
    if not is_sequence(sequences):
        received = f"{type(sequences).__name__} {str(sequences)[:40]!r}"
        raise DataError(f"expected {name} in a list or an array. Received: {received}")
    return sequences if hasattr(sequences, "__getitem__") else list(sequences)


def _listed(values: Any, what: str, place: str = "") -> list[Any]:
    """Return a list or an array of labels as a list. Raises DataError, after `place`, for anything else."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if not isinstance(values, Iterable) or isinstance(values, bytes | Mapping):
        received = f"{type(values).__name__} {str(values)[:40]}"
        raise DataError(f"{place}expected a list or an array of {what}. Received: {received}")
    return list(values)


def check_words(words: list[str], place: str) -> list[str]:
    """Return the words of a sentence. Raises DataError for no words, an empty word, and too long a word."""
    if not words:
        raise DataError(f"{place}: expected at least one word. Received: none")
    for word in words:
        if not word:
            raise DataError(f"{place}: expected words. Received: an empty one")
        if len(word) > LONGEST_WORD:
            raise DataError(
                f"{place}: expected words of at most {LONGEST_WORD:,} characters. Received: one of {len(word):,}"
            )
    return words


def check_frames(values: Any, place: str) -> Frames:
    """Return `values` as frames `x_TI`. Raises DataError unless they are a matrix of finite numbers."""
    try:
        array = as_array(values, place)
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{place}: expected frames of equal size. Received: {error}") from error
    if array.dtype.kind not in "fiub" or array.ndim != 2 or not array.size:
        raise DataError(
            f"{place}: expected words, or frames as a matrix of numbers, time x features. "
            f"Received: {array.dtype}, {array.shape}"
        )
    with np.errstate(over="ignore"):
        x_TI = np.ascontiguousarray(array, dtype=np.float32)
    bad = np.argwhere(~np.isfinite(x_TI))
    if len(bad):
        t, i = (int(number) for number in bad[0])
        expected = "numbers that float32 can hold" if np.isfinite(array[t, i]) else "finite numbers"
        raise DataError(f"{place}, step {t}: expected {expected}. Received: {array[t, i]} in feature {i}")
    return precise(array, x_TI)


def check_fit(data: TaggedDataset) -> None:
    """Raise DataError unless tags match time steps, intents match sequences, and all frames have the same features."""
    _check_counts(data.name, len(data), data.tags, data.intents)
    for length, tags, place in zip(data.lengths.tolist(), data.tags or (), data.places, strict=False):
        _check_tags(tags, length, place)
    for values, place in zip(data.frames or (), data.places, strict=False):
        if values.shape[1] != data.features:
            raise DataError(f"{place}: expected frames of {data.features} features. Received: {values.shape[1]}")


def _check_counts(name: str, count: int, tags: Sequence[Any] | None, labels: Sequence[Any] | None) -> None:
    """Raise DataError unless each of `count` sequences has its tags, and its label, if there are any."""
    if tags is not None and len(tags) != count:
        raise DataError(f"expected tags for the {count} sequences of {name}. Received: {len(tags)}")
    if labels is not None and len(labels) != count:
        raise DataError(f"expected a label for each of the {count} sequences of {name}. Received: {len(labels)}")


def _check_tags(tags: Sequence[str], steps: int, place: str) -> None:
    """Raise DataError unless each time step has a tag."""
    if len(tags) != steps:
        raise DataError(f"{place}: expected a tag for each of the {steps} steps. Received: {len(tags)} tags")
    if not all(tags):
        raise DataError(f"{place}: expected tags. Received: an empty one")
