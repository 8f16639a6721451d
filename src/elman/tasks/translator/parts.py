"""From paths to the training, validation and test part of a translator's data, and their languages."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from elman.data.pairs import Pairs, read_pairs
from elman.data.pairs.config import PairsConfig
from elman.data.sources import Paths, Sources
from elman.data.tokens import Progress
from elman.errors import ConfigError, DataError

__all__ = [
    "Languages",
    "Parts",
    "Sources",
    "as_paths",
    "check_direction",
    "check_source",
    "languages_of",
    "make_parts",
    "read_part",
    "read_parts",
]

# The names of a source's and a target's language; both empty where file names do not tell them.
Languages = tuple[str, str]

# Suffixes that tell a side of pairs: languages (de, deu, de_AT), or roles such as src.
_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")
_NO_LANGUAGES = {"txt", "csv", "tsv", "tab", "zip", "gz", "tok", "bpe", "lc", "raw"}


@dataclass(frozen=True)
class Parts:
    """Pairs to learn from, and those held out; None where a part has none.

    languages  as the files' names tell them
    remarks    what whoever uses the parts should hear, a sentence each
    """

    train: Pairs
    valid: Pairs | None
    test: Pairs | None
    languages: Languages = ("", "")
    remarks: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Changes with any sentence or part."""
        held = ["-" if part is None else part.fingerprint() for part in (self.train, self.valid, self.test)]
        return hashlib.sha256("+".join(held).encode()).hexdigest()


def read_part(
    paths: Paths, config: PairsConfig, *, with_targets: bool = True, encoding: str = "", errors: str = ""
) -> Pairs:
    """The pairs in `paths`, read as `config` says, or in another encoding; as `read_pairs`."""
    return read_pairs(
        paths,
        format=config.format,
        source_column=config.source_column,
        target_column=config.target_column,
        header=config.header,
        encoding=encoding or config.encoding,
        errors=errors or config.errors,
        with_targets=with_targets,
    )


def read_parts(sources: Sources, config: PairsConfig, seed: int, progress: Progress | None = None) -> Parts:
    """Read the files, and hold out a share for validation where no such file is given.

    Raises as `read_pairs`, and DataError for held-out files of the other direction.
    """
    if not sources.train:
        raise ConfigError("expected at least one file to train on. Received: none")
    languages = languages_of(sources.train, config)
    read: list[Pairs | None] = []
    for number, paths in enumerate((sources.train, sources.valid, sources.test)):
        if progress is not None:
            progress("reading", number / 3)
        if paths:
            check_direction(languages, languages_of(paths, config))
        read.append(read_part(paths, config) if paths else None)
    train, valid, test = read
    if train is None:
        raise DataError("expected at least one pair to train on. Received: none")
    return make_parts(train, config, seed, valid=valid, test=test, languages=languages)


def make_parts(
    train: Pairs,
    config: PairsConfig,
    seed: int,
    *,
    valid: Pairs | None = None,
    test: Pairs | None = None,
    languages: Languages = ("", ""),
) -> Parts:
    """The parts; without `valid`, a random share of `train`, drawn by `seed`, becomes it.

    Raises DataError where too few pairs are left.
    """
    remarks = tuple(told for part in (train, valid, test) if part is not None for told in part.remarks())
    if valid is None and config.held_out:
        count = max(1, round(config.held_out * len(train)))
        if count >= len(train):
            raise DataError(
                f"expected at least 2 pairs to hold some of them out; held_out=0 trains on all. Received: {len(train)}"
            )
        order = np.random.default_rng(seed).permutation(len(train))
        valid, train = train.take(sorted(order[:count].tolist())), train.take(sorted(order[count:].tolist()))
    return Parts(train, valid, test, languages, remarks)


def languages_of(paths: Paths, config: PairsConfig) -> Languages:
    """The languages that the names of aligned files tell: `("de", "en")` for `train.de` and `train.en`."""
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
    """The suffix of a file where it may be a language's, else an empty text."""
    name = PurePath(os.fspath(path)).name.removesuffix(".gz")
    suffix = PurePath(name).suffix.removeprefix(".")
    return suffix if _LANGUAGE.fullmatch(suffix) and suffix not in _NO_LANGUAGES else ""


def check_direction(known: Languages, found: Languages) -> None:
    """Raise DataError where `found` is the other direction of `known`, as the files' names tell."""
    if all(known) and found == known[::-1]:
        raise DataError(
            f"expected pairs from {known[0]} to {known[1]}, as the model was trained. Received: files from {found[0]} "
            f"to {found[1]}"
        )


def check_source(known: Languages, path: str | os.PathLike[str]) -> None:
    """Raise DataError where a file of sources is, by its name, in the language that the model writes."""
    found = _language(path)
    if all(known) and found == known[1]:
        raise DataError(
            f"expected sentences in {known[0]}: the model translates from {known[0]} to {known[1]}. Received: "
            f"{os.fspath(path)}, in {found} by its name"
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
            return found
    raise DataError(f"expected targets beside sources, or paths of files. Received: {type(paths).__name__} alone")
