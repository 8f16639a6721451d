"""Reading recordings from paths: manifests, folders of sound files, and sound files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from elman.data.bad_rows import collect, picked, usable
from elman.data.decoding import check_encoding
from elman.data.inputs import InputFile, find_files, is_new
from elman.data.manifest import ManifestConfig, read_manifest, sidecar_text
from elman.data.sound.read import SUFFIXES, sound_info
from elman.data.sound.recordings import Recordings, file_digest
from elman.display import Progress
from elman.errors import DataError

__all__ = ["is_sound", "read_recordings"]

# Sound files of unsupported formats, which would otherwise be read as manifests.
_OTHERS = (".mp3", ".m4a", ".mp4", ".aac", ".aif", ".aiff", ".wma", ".webm", ".amr")


# The folder of the sounds of a Common Voice table.
_CLIPS = "clips"


def is_sound(path: Path) -> bool:
    """Return whether a file is a sound file, by its suffix."""
    return path.suffix.lower() in SUFFIXES


def read_recordings(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    config: ManifestConfig,
    *,
    labelled: bool = True,
    longest_seconds: float = 3600.0,
    progress: Progress | None = None,
) -> Recordings:
    """Read the recordings in files, folders and globs, concatenated in the order given.

    Headers are read and files are hashed; samples are not decoded.

    Args:
        paths: sound files (.wav, .flac, .ogg, .oga, .opus), folders of them, and manifests: tables (CSV, TSV, JSON
            lines) with a column of paths, relative to the manifest, and one of texts. "-" is a manifest on standard
            input, relative to the working folder. The text of a sound file that is not in a manifest is in a text file
            next to it, such as `7.txt` for `7.wav`.
        config: the columns and the encoding.
        labelled: whether texts are required, and a file that occurs twice is read once. If False, texts are not read
            and `texts` is None.
        longest_seconds: longer sounds are refused.
        progress: called with "reading" and the fraction of the sounds whose headers have been read.

    Raises DataError with file and line for a sound that is missing or cannot be used, a text that is missing or empty,
    and a manifest without sounds; EncodingError, StorageError, ConfigError.
    """
    check_encoding(config.encoding)
    named = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    sounds: list[Path] = []
    texts: list[str] = []
    places: list[str] = []
    problems: dict[int, DataError] = {}
    seen: set[str] = set()
    for each in named:
        folder = Path(each).expanduser().is_dir()
        found = find_files([each])
        files = [file for file in found if is_sound(file.path)] if folder else found
        if not files:
            raise DataError(f"expected sound files ({', '.join(SUFFIXES)}) in the folder {each}. "
                            f"Received: {len(found):,} other files")  # fmt: skip
        for file in files:
            if labelled and not is_new(file, seen):
                continue
            try:
                if is_sound(file.path):
                    sounds.append(file.path)
                    places.append(file.name)
                    if labelled:
                        texts.append(_text_beside(file, config, problems, len(texts)))
                elif file.path.suffix.lower() in _OTHERS:
                    raise DataError(f"{file.name}: expected a sound file ({', '.join(SUFFIXES)}) or a manifest. "
                                    f"Received: one of the kind {file.path.suffix}")  # fmt: skip
                else:
                    _add_manifest(file, config, labelled, sounds, texts, places, problems)
            finally:
                if file.spooled:
                    file.path.unlink(missing_ok=True)
    infos: list[Any] = []
    digests: list[Any] = []
    for row, (path, place) in enumerate(zip(sounds, places, strict=True)):
        info, digest = None, None
        try:
            if row not in problems:
                info = sound_info(path, name=place, longest_seconds=longest_seconds)
                digest = file_digest(path, place)
        except DataError as error:
            collect(problems, row, error)
        infos.append(info)
        digests.append(digest)
        if progress is not None:
            progress("reading", (row + 1) / len(sounds))
    kept = usable(len(sounds), problems)
    sounds, infos, texts, places, digests = (
        picked(each, kept) for each in (sounds, infos, texts if labelled else sounds, places, digests)
    )
    return Recordings(", ".join(named), sounds, infos, texts if labelled else None, places, digests)


def _text_beside(file: InputFile, config: ManifestConfig, problems: dict[int, DataError], row: int) -> str:
    """Return the text of a sound file; empty, with a problem of this row, if there is none."""
    try:
        return sidecar_text(file.path, file.name, config)
    except DataError as error:
        collect(problems, row, error)
        return ""


def _add_manifest(
    file: InputFile,
    config: ManifestConfig,
    labelled: bool,
    sounds: list[Path],
    texts: list[str],
    places: list[str],
    problems: dict[int, DataError],
) -> None:
    """Add the sounds of a manifest, with the problems of its rows."""
    begin = len(sounds)
    table = replace(read_manifest(file.path, config), name=file.name)
    folder = Path() if file.spooled else file.path.parent
    for row, value in enumerate(table.column(config.path_column, hint="named by path_column")):
        name = (value or "").strip()
        place = table.where(row)
        if not name or "\0" in name:
            problem = DataError(f"{place}: expected the path of a sound file. Received: {name[:40]!r}")
            collect(problems, begin + row, table.no_value(row, config.path_column) if value is None else problem)
            name = ""
        # Common Voice has its sounds in a folder next to the table.
        beside = folder / _CLIPS / name
        sounds.append(beside if beside.is_file() and not (folder / name).is_file() else folder / name)
        places.append(f"{place}: {name}")
    if labelled:
        for row, text in enumerate(table.column(config.text_column, hint="named by text_column")):
            if not text or not text.strip():
                problem = DataError(f"{table.where(row)}: expected a text. Received: an empty one")
                collect(problems, begin + row, table.no_value(row, config.text_column) if text is None else problem)
            texts.append((text or "").strip())
