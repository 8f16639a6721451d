"""Reading the training, validation and test parts of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from elman.data.pairs.config import PairsConfig
from elman.data.pairs.languages import Languages, check_direction, languages_of
from elman.data.pairs.pairs import Pairs
from elman.data.pairs.read import read_pairs
from elman.data.parts import Parts, held_out_share, hold_out, read_parts
from elman.data.sources import Paths, Sources
from elman.display import Progress

__all__ = ["PairParts", "make_parts", "read_pair_parts", "read_part"]


@dataclass(frozen=True)
class PairParts(Parts[Pairs]):
    """Training, validation and test pairs; None for a part without pairs.

    languages  detected from the file names
    remarks    remarks about pairs that were left out
    """

    languages: Languages = ("", "")
    remarks: tuple[str, ...] = ()


def read_part(
    paths: Paths, config: PairsConfig, *, with_targets: bool = True, encoding: str = "", errors: str = ""
) -> Pairs:
    """Read the pairs in `paths` with the options of `config`; `encoding` and `errors` override these."""
    return read_pairs(
        paths,
        format=config.format,
        source_column=config.source_column,
        target_column=config.target_column,
        header=config.header,
        quoting=config.quoting,
        encoding=encoding or config.encoding,
        errors=errors or config.errors,
        with_targets=with_targets,
    )


def read_pair_parts(sources: Sources, config: PairsConfig, seed: int, progress: Progress | None = None) -> PairParts:
    """Read all parts; without validation files, a share of the training pairs is held out.

    Raises the errors of `read_pairs`, and DataError for held-out files with source and target languages exchanged.
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
    """Create the parts; without `valid`, a random share of `train` is held out, drawn by `seed`.

    Without `config.held_out`, nothing is held out if there is test data.

    Raises DataError if too few pairs are left.
    """
    remarks = tuple(remark for part in (train, valid, test) if part is not None for remark in part.remarks())
    if valid is None:
        train, valid = hold_out(train, held_out_share(config, test), seed, "pairs")
    return PairParts(train, valid, test, languages, remarks)
