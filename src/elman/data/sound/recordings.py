"""Recordings: sounds in files or in memory, with texts, and their features."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.bad_rows import checked, index_places
from elman.data.decoding import raw_blocks
from elman.data.sound.config import SoundConfig
from elman.data.sound.read import Samples, Sound, SoundInfo, as_sound, read_sound, resampled, resampled_length
from elman.data.sound.read import sound_info as info_of
from elman.data.texts import is_sequence
from elman.data.transcripts import LazyFrames, Transcripts, checked_text, digest_of, listed_texts
from elman.display import Progress
from elman.errors import ConfigError, DataError

__all__ = ["Recordings", "features_of", "file_digest", "recordings_from"]


_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Recordings:
    """Sounds with texts.

    name     name of the data in messages
    sounds   paths of files, or sounds in memory
    infos    length, rate and channels of each sound
    texts    the text of each sound; None if there are none
    places   where each sound comes from, for messages, such as "train.csv, line 7: george.wav"
    digests  a hash of each sound: of the file's bytes, or of the samples
    """

    name: str
    sounds: Sequence[Path | Sound]
    infos: Sequence[SoundInfo]
    texts: list[str] | None
    places: Sequence[str]
    digests: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.sounds)

    @property
    def seconds(self) -> float:
        """Total duration in seconds."""
        return sum(info.seconds for info in self.infos)

    def take(self, rows: Iterable[int]) -> Recordings:
        """Return the recordings at these indices, in this order."""
        chosen = [int(row) for row in rows]
        return Recordings(
            self.name,
            [self.sounds[row] for row in chosen],
            [self.infos[row] for row in chosen],
            None if self.texts is None else [self.texts[row] for row in chosen],
            [self.places[row] for row in chosen],
            [self.digests[row] for row in chosen],
        )

    def samples(self, row: int, rate: int) -> Samples:
        """Return the samples of one recording at this rate. Raises the errors of `read_sound`."""
        sound = self.sounds[row]
        if isinstance(sound, Sound):
            return resampled(sound.samples, sound.info.rate, rate, self.places[row])
        # The length was checked when the header was read.
        found = read_sound(sound, rate, name=self.places[row], longest_seconds=math.inf)
        if found.info != self.infos[row]:
            raise DataError(f"{self.places[row]}: expected a file that has not changed since its header was read. "
                            f"Received: another length, rate or number of channels")  # fmt: skip
        return found.samples

    def notes(self, rate: int) -> tuple[str, ...]:
        """Return notes about sounds that are converted to one channel and this rate."""
        notes = []
        total = f"of {len(self):,} recordings"
        channels = Counter(info.channels for info in self.infos if info.channels > 1)
        if channels:
            counts = ", ".join(str(each) for each in sorted(channels))
            notes.append(f"{channels.total():,} {total} have more than one channel ({counts}); their mean is used")
        rates = Counter(info.rate for info in self.infos if info.rate != rate)
        if rates:
            shown = ", ".join(f"{each:,}" for each in sorted(rates)[:5]) + (", ..." if len(rates) > 5 else "")
            notes.append(f"{rates.total():,} {total} have another rate than {rate:,} Hz ({shown}); they are resampled")
        return tuple(notes)


def recordings_from(
    sounds: Sequence[Any],
    texts: Sequence[Any] | None = None,
    *,
    rate: int = 0,
    name: str = "the recordings",
    longest_seconds: float = 3600.0,
) -> Recordings:
    """Create `Recordings` from Python objects.

    Args:
        sounds: a list of paths, of samples of shape N or N x channels, or of pairs of samples and their rate, in
            either order. Integers are scaled by the range of their dtype.
        texts: the text of each sound; None if there are none.
        rate: sample rate in Hz of samples without a rate.
        name: name of the recordings in messages.
        longest_seconds: longer sounds are refused.

    Sounds that cannot be used, or whose texts cannot, are left out within `bad_rows_of`. Else raises DataError, with
    the index of the first from 0; ConfigError for samples without a rate; StorageError.
    """
    if isinstance(sounds, os.PathLike) or not is_sequence(sounds):
        raise DataError(f"expected a list of sounds. Received: {type(sounds).__name__}")
    if getattr(sounds, "ndim", 0) == 1 and getattr(getattr(sounds, "dtype", None), "kind", "f") in ("i", "u", "f"):
        raise DataError(f"{name}: expected a list of sounds, such as [samples]. Received: {len(sounds):,} numbers")
    if not len(sounds):
        raise DataError(f"expected at least one sound in {name}. Received: none")
    written = listed_texts(texts, len(sounds), name)
    places = index_places(name, sounds, len(sounds))
    sounds = list(sounds)

    def one(row: int) -> tuple[Path | Sound, SoundInfo, bytes, str, str]:
        """Return a sound, its header, its hash, its text and its place."""
        sound, info, digest, place = _sound(sounds[row], places[row], rate, longest_seconds)
        return sound, info, digest, "" if written is None else checked_text(written[row], places[row]), place

    rows, _ = checked(len(sounds), one)
    found, infos, digests, kept_texts, kept_places = (list(column) for column in zip(*rows, strict=True))
    return Recordings(name, found, infos, None if written is None else kept_texts, kept_places, digests)


def _sound(each: Any, place: str, rate: int, longest_seconds: float) -> tuple[Path | Sound, SoundInfo, bytes, str]:
    """Return a sound from a path or from samples, its header, its hash and its place."""
    if isinstance(each, str | os.PathLike):
        path = Path(each).expanduser()
        place = f"{place}: {path}"
        info = info_of(path, name=place, longest_seconds=longest_seconds)
        return path, info, file_digest(path, place), place
    own, given = _samples_and_rate(each, rate)
    if not given:
        raise ConfigError(f"{place}: expected the sample rate of the samples (rate). Received: none")
    sound = as_sound(
        own, int(given) if isinstance(given, np.integer) else given, place, longest_seconds=longest_seconds
    )
    return sound, sound.info, digest_of(sound.samples, sound.info.rate), place


def _samples_and_rate(sound: Any, rate: int) -> tuple[Any, Any]:
    """Return samples and their rate: of a pair in either order, as scipy's (rate, samples), or of samples alone."""
    if not isinstance(sound, tuple) or len(sound) != 2:
        return sound, rate
    first, second = sound
    alone = [np.ndim(each) == 0 for each in sound]
    return (second, first) if alone == [True, False] else (first, second)


def file_digest(path: Path, name: str) -> bytes:
    """Return a hash of a file's bytes. Raises StorageError."""
    digest = hashlib.sha256()
    for block in raw_blocks(path, name, _BLOCK):
        digest.update(block)
    return digest.digest()


def features_of(
    recordings: Recordings, config: SoundConfig, *, max_bytes: int = 2 << 30, progress: Progress | None = None
) -> Transcripts:
    """Return the log-mel features of recordings, not normalised, with their texts.

    Args:
        recordings: the sounds.
        config: sample rate and features.
        max_bytes: if all features fit in this number of bytes, they are computed at once and kept; else they are
            computed at every access, and errors in sounds are raised there.
        progress: called with "computing features" and the fraction of the recordings that is done.

    Raises the errors of `read_sound` and `LogMel`.
    """
    from elman.data.sound.features import LogMel

    log_mel = LogMel(config)
    lengths = [
        log_mel.frames(resampled_length(info.frames, info.rate, config.sample_rate)) for info in recordings.infos
    ]

    def make(row: int) -> Any:
        return log_mel(recordings.samples(row, config.sample_rate))

    frames: Any = LazyFrames(make, range(len(recordings)))
    if 4 * sum(lengths) * log_mel.features <= max_bytes:
        kept = []
        for row in range(len(recordings)):
            kept.append(make(row))
            if progress is not None:
                progress("computing features", (row + 1) / len(recordings))
        frames = kept
    return Transcripts(
        recordings.name,
        "sound",
        frames,
        np.array(lengths, dtype=np.int64),
        log_mel.features,
        recordings.texts,
        recordings.places,
        recordings.digests,
        recordings.notes(config.sample_rate),
    )
