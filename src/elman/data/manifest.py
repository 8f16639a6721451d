"""Options for lists of recordings or drawings with texts, and texts in separate files. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elman.data import shared_options as shared
from elman.data.decoding import text_in
from elman.errors import DataError
from elman.options import option

__all__ = ["ManifestConfig", "sidecar_text"]


@dataclass(frozen=True)
class ManifestConfig:
    """Options for lists of recordings or drawings with their texts."""

    path_column: str = option("path", "manifests: column with the paths of sound files, relative to the manifest")
    text_column: str = option("text", "manifests: the column of the texts")
    part: str = option("", "arrays (.npz) with several parts: the part to read, such as train, if a path has no :PART")
    quoting: str = shared.quoting()
    encoding: str = shared.encoding()
    errors: str = shared.errors()


def sidecar_text(path: Path, name: str, config: ManifestConfig) -> str:
    """Return the text in the `.txt` file with the same stem: that of `7.wav` in `7.txt`. Line ends become spaces.

    `name` is the name of the file at `path` in messages. Raises DataError if there is no such file or it is empty;
    EncodingError, StorageError.
    """
    sidecar = path.with_suffix(".txt")
    if not sidecar.is_file():
        raise DataError(f"{name}: expected its text in {sidecar.name} next to it. Received: no such file")
    text = " ".join(text_in(sidecar, str(sidecar), encoding=config.encoding, errors=config.errors).split())
    if not text:
        raise DataError(f"{sidecar}: expected a text. Received: an empty file")
    return text
