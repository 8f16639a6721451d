"""Options for lists of recordings or drawings with texts, and texts in separate files. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from elman.data import shared_options as shared
from elman.data.decoding import text_in
from elman.errors import DataError
from elman.options import option

if TYPE_CHECKING:
    from elman.data.table import Table

__all__ = ["ManifestConfig", "read_manifest", "sidecar_text"]


@dataclass(frozen=True)
class ManifestConfig:
    """Options for lists of recordings or drawings with their texts."""

    path_column: str = option(
        "path",
        "manifests: column with the paths of sound files, relative to the manifest; by default also audio_filepath, "
        "file_name or wav_filename",
    )
    text_column: str = option(
        "text", "manifests: the column of the texts; by default also sentence, transcript or transcription"
    )
    delimiter: str = option("", "manifests: separator of the cells (default: a tab for .tsv, else detected)")
    part: str = option("", "arrays (.npz) with several parts: the part to read, such as train, if a path has no :PART")
    quoting: str = shared.quoting()
    encoding: str = shared.encoding()
    errors: str = shared.errors()


# Names of columns in other manifests: of NeMo, Hugging Face's audio folders, DeepSpeech and Common Voice.
_PATHS = ("audio_filepath", "file_name", "wav_filename")
_TEXTS = ("sentence", "transcript", "transcription")


def read_manifest(path: Path, config: ManifestConfig) -> Table:
    """Read a manifest, a table with the columns `config.path_column` and, if there are texts, `config.text_column`.

    Without these columns, the options' defaults stand for one column with a name that other manifests use.
    """
    from elman.data.table import checked_delimiter, read_table

    delimiter = checked_delimiter(config.delimiter)
    table = read_table(
        path,
        delimiter=delimiter,
        quoting=config.quoting,
        encoding=config.encoding,
        errors=config.errors,
        skips=True,
    )
    columns = dict(table.columns)
    for name, usual, others in ((config.path_column, "path", _PATHS), (config.text_column, "text", _TEXTS)):
        found = [other for other in others if other in columns]
        if name == usual and name not in columns and len(found) == 1:
            columns[name] = columns[found[0]]
    return replace(table, columns=columns)


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
