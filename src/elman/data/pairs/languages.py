"""Languages of pairs, detected from the suffixes of file names. Does not import torch."""

from __future__ import annotations

import os
import re
from pathlib import PurePath

from elman.data.pairs.config import PairsConfig
from elman.data.sources import Paths
from elman.errors import DataError

__all__ = ["Languages", "check_direction", "check_languages", "check_source", "languages_of"]

# The language codes of source and target; both empty if file names do not show them.
Languages = tuple[str, str]

# Suffixes that name one side of pairs: languages (de, deu, de_AT), or roles such as src.
_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")
_NO_LANGUAGES = {"txt", "csv", "tsv", "tab", "zip", "gz", "tok", "bpe", "lc", "raw"}


def languages_of(paths: Paths, config: PairsConfig) -> Languages:
    """Return the languages in the names of aligned files: `("de", "en")` for `train.de` and `train.en`."""
    found = list(dict.fromkeys(_language(path) for path in paths))
    if len(found) != 2 or not all(found):
        return ("", "")
    source, target = config.source_column.removeprefix("."), config.target_column.removeprefix(".")
    if {source, target} == set(found):
        return source, target
    if source == "2" or target == "1":
        return found[1], found[0]
    return found[0], found[1]


def _language(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a file if it may be a language code, else an empty string."""
    name = PurePath(os.fspath(path)).name.removesuffix(".gz")
    suffix = PurePath(name).suffix.removeprefix(".")
    return suffix if _LANGUAGE.fullmatch(suffix) and suffix not in _NO_LANGUAGES else ""


def check_languages(known: Languages, paths: Paths, config: PairsConfig, *, with_targets: bool = True) -> None:
    """Raise DataError for files of pairs, or of sources only, whose names show other languages than `known`."""
    if with_targets:
        check_direction(known, languages_of(paths, config))
        return
    for path in paths:
        check_source(known, path)


def check_direction(known: Languages, found: Languages) -> None:
    """Raise DataError if `found` is `known` with source and target exchanged."""
    if all(known) and found == known[::-1]:
        raise DataError(
            f"expected pairs from {known[0]} to {known[1]}, as the model was trained. Received: files from {found[0]} "
            f"to {found[1]}"
        )


def check_source(known: Languages, path: str | os.PathLike[str]) -> None:
    """Raise DataError if a file of sources is, by its name, in the target language of the model."""
    found = _language(path)
    if all(known) and found == known[1]:
        raise DataError(
            f"expected sentences in {known[0]}: the model translates from {known[0]} to {known[1]}. Received: "
            f"{os.fspath(path)}, in {found} by its name"
        )
