"""From paths to the training, validation and test part of pairs, with their languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from elman.data.pairs.config import PairsConfig
from elman.data.pairs.languages import Languages, check_direction, languages_of
from elman.data.pairs.pairs import Pairs
from elman.data.pairs.read import read_pairs
from elman.data.parts import Parts, hold_out, read_parts
from elman.data.sources import Paths, Sources
from elman.data.tokens import Progress

__all__ = ["PairParts", "make_parts", "read_pair_parts", "read_part"]


@dataclass(frozen=True)
class PairParts(Parts[Pairs]):
    """Pairs to learn from, and those held out; None where a part has none.

    languages  as the files' names tell them
    remarks    what whoever uses the parts should hear, a sentence each
    """

    languages: Languages = ("", "")
    remarks: tuple[str, ...] = ()


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


def read_pair_parts(sources: Sources, config: PairsConfig, seed: int, progress: Progress | None = None) -> PairParts:
    """Read the files, and hold out a share for validation where no such file is given.

    Raises as `read_pairs`, and DataError for held-out files of the other direction.
    """
    languages = languages_of(sources.train, config)

    def read(paths: Sequence[str]) -> Pairs:
        check_direction(languages, languages_of(paths, config))
        return read_part(paths, config)

    train, valid, test = read_parts(sources, read, "pair", progress)
    return make_parts(train, config, seed, valid=valid, test=test, languages=languages)


def make_parts(
    train: Pairs,
    config: PairsConfig,
    seed: int,
    *,
    valid: Pairs | None = None,
    test: Pairs | None = None,
    languages: Languages = ("", ""),
) -> PairParts:
    """The parts; without `valid`, a random share of `train`, drawn by `seed`, becomes it.

    Raises DataError where too few pairs are left.
    """
    remarks = tuple(remark for part in (train, valid, test) if part is not None for remark in part.remarks())
    if valid is None:
        train, valid = hold_out(train, config.held_out, seed, "pairs")
    return PairParts(train, valid, test, languages, remarks)
