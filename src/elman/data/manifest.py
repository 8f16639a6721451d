"""How recordings or drawings and their texts are listed: options, and texts in files of their own. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elman.data import shared_options as shared
from elman.data.decoding import text_in
from elman.errors import DataError
from elman.options import option

__all__ = ["ManifestConfig", "text_beside"]


@dataclass(frozen=True)
class ManifestConfig:
    """How recordings, or drawings, and their texts are listed."""

    path_column: str = option("path", "manifests: the column of the sound files; relative ones start at the manifest")
    text_column: str = option("text", "manifests: the column of the texts")
    part: str = option("", "arrays (.npz) of several parts: the one to read of files without :PART, such as train")
    encoding: str = option("utf-8", "the encoding of texts and manifests")
    errors: str = shared.errors()


def text_beside(path: Path, name: str, config: ManifestConfig) -> str:
    """The text in the file that is named like another one: that of `7.wav` in `7.txt`. Line ends become spaces.

    Raises DataError where there is none, or nothing in it; EncodingError, StorageError. `name` is what messages call
    the file at `path`.
    """
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise DataError(f"{name}: expected its text in {beside.name} beside it. Received: no such file")
    text = " ".join(text_in(beside, str(beside), encoding=config.encoding, errors=config.errors).split())
    if not text:
        raise DataError(f"{beside}: expected a text. Received: an empty file")
    return text
