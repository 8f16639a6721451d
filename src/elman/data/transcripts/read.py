"""Reading recordings or drawings with their texts, from files and from Python objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from elman.data.sound import features_of, read_recordings, recordings_from
from elman.data.sound.config import SoundConfig
from elman.data.sources import Paths
from elman.data.strokes import holds_strokes, read_strokes, strokes_from
from elman.data.transcripts.config import TranscriptsConfig
from elman.data.transcripts.transcripts import Transcripts
from elman.display import Progress
from elman.errors import DataError

__all__ = ["given_part", "read_part"]


def read_part(
    paths: Paths,
    data: TranscriptsConfig,
    sound: SoundConfig,
    *,
    input: str = "",
    labelled: bool = True,
    encoding: str = "",
    errors: str = "",
    progress: Progress | None = None,
) -> Transcripts:
    """Read the recordings or drawings in `paths`; `input`, `encoding` and `errors` override the options in `data`.

    With `labelled`, each must have a text. Raises DataError, EncodingError, ConfigError, StorageError.
    """
    config = dataclasses.replace(data, encoding=encoding or data.encoding, errors=errors or data.errors)
    kind = input or data.input
    if kind == "auto":
        found = {holds_strokes(path) for path in paths}
        if len(found) > 1:
            raise DataError(f"expected either sounds or strokes. Received: both in {', '.join(map(str, paths))}")
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
    """Return sounds or drawings from Python objects, with texts; see `recordings_from` and `strokes_from`."""
    if kind == "strokes":
        return strokes_from(items, texts, name=name)
    recordings = recordings_from(
        items, texts, rate=rate or sound.sample_rate, name=name, longest_seconds=sound.longest_seconds
    )
    return features_of(recordings, sound)
