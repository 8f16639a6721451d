"""From paths to the training, validation and test part of a tagger's data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.data.sources import Paths, Sources
from elman.data.tagged import Tagged, read_tagged
from elman.data.tagged.config import TaggedConfig
from elman.data.tokens import Progress
from elman.errors import ConfigError, DataError

__all__ = ["Parts", "Sources", "as_paths", "counted", "make_parts", "read_part", "read_parts"]


@dataclass(frozen=True)
class Parts:
    """Sequences to learn from, and those held out; None where a part has none."""

    train: Tagged
    valid: Tagged | None
    test: Tagged | None

    def fingerprint(self) -> str:
        """Changes with any word, frame, tag, label or part."""
        held = ["-" if part is None else part.fingerprint() for part in (self.train, self.valid, self.test)]
        return hashlib.sha256("+".join(held).encode()).hexdigest()


def read_part(
    paths: Paths,
    config: TaggedConfig,
    *,
    format: str = "",
    with_tags: bool = True,
    encoding: str = "",
    errors: str = "",
    punctuation: bool = False,
) -> Tagged:
    """The sequences in `paths`, read as `config` says, or in another `format` or encoding.

    Raises DataError, EncodingError, ConfigError, StorageError.
    """
    return read_tagged(
        paths,
        format=format or config.format,
        word_column=config.word_column,
        tag_column=config.tag_column,
        sequence_column=config.sequence_column,
        time_column=config.time_column,
        encoding=encoding or config.encoding,
        errors=errors or config.errors,
        with_tags=with_tags,
        punctuation=punctuation,
    )


def read_parts(sources: Sources, config: TaggedConfig, seed: int, progress: Progress | None = None) -> Parts:
    """Read the files, and hold out a share for validation where no such file is given; as `read_part`."""
    if not sources.train:
        raise ConfigError("expected at least one file to train on. Received: none")
    read: list[Tagged | None] = []
    for number, paths in enumerate((sources.train, sources.valid, sources.test)):
        if progress is not None:
            progress("reading", number / 3)
        read.append(read_part(paths, config) if paths else None)
    train, valid, test = read
    if train is None:
        raise DataError("expected at least one sequence to train on. Received: none")
    return make_parts(train, config, seed, valid=valid, test=test)


def make_parts(
    train: Tagged, config: TaggedConfig, seed: int, *, valid: Tagged | None = None, test: Tagged | None = None
) -> Parts:
    """The parts; without `valid`, a random share of `train`, drawn by `seed`, becomes it.

    Raises DataError where too few sequences are left.
    """
    if valid is None and config.held_out:
        count = max(1, round(config.held_out * len(train)))
        if count >= len(train):
            raise DataError(
                f"expected at least 2 sequences to hold some of them out; held_out=0 trains on all. "
                f"Received: {len(train)}"
            )
        order = np.random.default_rng(seed).permutation(len(train))
        valid, train = train.take(sorted(order[:count].tolist())), train.take(sorted(order[count:].tolist()))
    return Parts(train, valid, test)


def counted(part: Tagged | None) -> dict[str, Any]:
    """How many sequences and steps a part has."""
    return {"sequences": 0, "steps": 0} if part is None else {"sequences": len(part), "steps": int(part.lengths.sum())}


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
    raise DataError(f"expected tags beside sentences, or paths of files. Received: {type(paths).__name__} alone")
