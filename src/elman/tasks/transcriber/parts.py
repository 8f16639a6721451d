"""From paths to the training, validation and test part of a transcriber's data."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.sound import features_of, read_recordings, recordings_from
from elman.data.sound.config import SoundConfig
from elman.data.sources import Paths, Sources
from elman.data.strokes import holds_strokes, read_strokes, strokes_from
from elman.data.tokens import Progress
from elman.data.transcripts import Transcripts
from elman.errors import ConfigError, DataError
from elman.tasks.transcriber.config import DataConfig, TranscriberConfig

__all__ = ["Parts", "Sources", "as_paths", "counted", "given_part", "make_parts", "read_part", "read_parts"]


@dataclass(frozen=True)
class Parts:
    """Recordings to learn from, and those held out; None where a part has none."""

    train: Transcripts
    valid: Transcripts | None
    test: Transcripts | None

    def fingerprint(self) -> str:
        """Changes with any sound, drawing, text or part."""
        held = ["-" if part is None else part.fingerprint() for part in (self.train, self.valid, self.test)]
        return hashlib.sha256("+".join(held).encode()).hexdigest()

    def notes(self) -> list[str]:
        """What a person should be told of the recordings once."""
        return list(dict.fromkeys(note for part in vars(self).values() if part is not None for note in part.notes))


def read_part(
    paths: Paths,
    data: DataConfig,
    sound: SoundConfig,
    *,
    input: str = "",
    labelled: bool = True,
    encoding: str = "",
    errors: str = "",
    progress: Progress | None = None,
) -> Transcripts:
    """The recordings or drawings in `paths`, read as the options say, or as another `input` or in another encoding.

    With `labelled` each must have its text. Raises DataError, EncodingError, ConfigError, StorageError.
    """
    config = dataclasses.replace(data, encoding=encoding or data.encoding, errors=errors or data.errors)
    kind = input or data.input
    if kind == "auto":
        found = {holds_strokes(path) for path in paths}
        if len(found) > 1:
            raise DataError(f"expected sounds alone or strokes alone. Received: both in {', '.join(map(str, paths))}")
        kind = "strokes" if True in found else "sound"
    if kind == "strokes":
        return read_strokes(paths, config, labelled=labelled)
    recordings = read_recordings(
        paths, config, labelled=labelled, longest_seconds=sound.longest_seconds, progress=progress
    )
    return features_of(recordings, sound, progress=progress)


def given_part(
    items: Any, texts: Sequence[Any] | None, sound: SoundConfig, *, kind: str, rate: int = 0, name: str
) -> Transcripts:
    """Sounds or drawings that a program holds, and their texts; see `recordings_from` and `strokes_from`."""
    if kind == "strokes":
        return strokes_from(items, texts, name=name)
    recordings = recordings_from(
        items, texts, rate=rate or sound.sample_rate, name=name, longest_seconds=sound.longest_seconds
    )
    return features_of(recordings, sound)


def read_parts(sources: Sources, config: TranscriberConfig, progress: Progress | None = None) -> Parts:
    """Read the files, and hold out a share for validation where no such file is given; as `read_part`."""
    if not sources.train:
        raise ConfigError("expected at least one file to train on. Received: none")
    train, valid, test = (
        read_part(paths, config.data, config.sound, progress=progress) if paths else None
        for paths in (sources.train, sources.valid, sources.test)
    )
    if train is None:
        raise DataError("expected at least one recording to train on. Received: none")
    return make_parts(train, config, valid=valid, test=test)


def make_parts(
    train: Transcripts,
    config: TranscriberConfig,
    *,
    valid: Transcripts | None = None,
    test: Transcripts | None = None,
) -> Parts:
    """The parts; without `valid`, a random share of `train`, drawn by the seed, becomes it.

    Raises DataError where too few recordings are left.
    """
    held_out = config.data.held_out
    if valid is None and held_out:
        count = max(1, round(held_out * len(train)))
        if count >= len(train):
            raise DataError(
                f"expected at least 2 recordings to hold some of them out; held_out=0 trains on all. "
                f"Received: {len(train)}"
            )
        order = np.random.default_rng(config.training.seed).permutation(len(train))
        valid, train = train.take(sorted(order[:count].tolist())), train.take(sorted(order[count:].tolist()))
    return Parts(train, valid, test)


def counted(part: Transcripts | None) -> dict[str, Any]:
    """How many recordings and frames a part has."""
    return (
        {"recordings": 0, "frames": 0}
        if part is None
        else {
            "recordings": len(part),
            "frames": int(part.lengths.sum()),
        }
    )


def as_paths(paths: Any) -> list[str | os.PathLike[str]]:
    """One path, several or none, as a list. Raises DataError for what is no path."""
    if paths is None:
        return []
    if isinstance(paths, str | os.PathLike):
        return [paths]
    if isinstance(paths, Iterable):
        found = list(paths)
        if all(isinstance(path, str | os.PathLike) for path in found):
            return [Path(path) if isinstance(path, os.PathLike) else path for path in found]
    raise DataError(f"expected texts beside sounds, or paths of files. Received: {type(paths).__name__} alone")
