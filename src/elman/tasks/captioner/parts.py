"""From paths to the training, validation and test part of a captioner's data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elman.data.captioned import Captioned, CaptionedConfig, read_captioned
from elman.data.sources import Sources
from elman.data.tokens import Progress
from elman.errors import ConfigError, DataError

__all__ = ["Parts", "Sources", "as_paths", "make_parts", "read_parts"]


@dataclass(frozen=True)
class Parts:
    """Items to learn from, and those held out; None where a part has none."""

    train: Captioned
    valid: Captioned | None
    test: Captioned | None

    def fingerprint(self) -> str:
        """Changes with any number, caption or part."""
        held = ["-" if part is None else part.fingerprint() for part in (self.train, self.valid, self.test)]
        return hashlib.sha256("+".join(held).encode()).hexdigest()


def read_parts(sources: Sources, config: CaptionedConfig, seed: int, progress: Progress | None = None) -> Parts:
    """Read the files, and hold out a share for validation where no such file is given.

    Raises DataError, EncodingError, ConfigError, StorageError.
    """
    if not sources.train:
        raise ConfigError("expected at least one file to train on. Received: none")
    read: list[Captioned | None] = []
    for number, paths in enumerate((sources.train, sources.valid, sources.test)):
        if progress is not None:
            progress("reading", number / 3)
        read.append(read_captioned(paths, config) if paths else None)
    train, valid, test = read
    if train is None:
        raise DataError("expected at least one item to train on. Received: none")
    return make_parts(train, config, seed, valid=valid, test=test)


def make_parts(
    train: Captioned,
    config: CaptionedConfig,
    seed: int,
    *,
    valid: Captioned | None = None,
    test: Captioned | None = None,
) -> Parts:
    """The parts; without `valid`, a random share of `train`, drawn by `seed`, becomes it.

    Raises DataError where too few items are left.
    """
    if valid is None and config.held_out:
        count = max(1, round(config.held_out * len(train)))
        if count >= len(train):
            raise DataError(
                f"expected at least 2 items to hold some of them out; held_out=0 trains on all. Received: {len(train)}"
            )
        order = np.random.default_rng(seed).permutation(len(train))
        valid, train = train.take(np.sort(order[:count])), train.take(np.sort(order[count:]))
    return Parts(train, valid, test)


def as_paths(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None) -> list[str | os.PathLike[str]]:
    """One path, several or none, as a list."""
    if paths is None:
        return []
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)
