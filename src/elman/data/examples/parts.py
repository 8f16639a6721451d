"""Splitting examples into training, validation and test parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.examples.base import Examples
from elman.data.examples.config import ExamplesConfig
from elman.data.parts import Parts
from elman.data.split import check_split, shares_of
from elman.errors import ConfigError, DataError
from elman.options import automatic_value

__all__ = ["ExampleParts", "make_parts", "split_rows"]

Ints = npt.NDArray[np.int64]


def split_rows(
    labels: Sequence[str] | None, count: int, shares: Sequence[float], *, seed: int, stratify: bool
) -> tuple[Ints, Ints, Ints]:
    """Split row indices at random, by `seed`, into training, validation and test; each part in ascending order.

    Each part gets its share of the `count` rows, rounded to whole rows. A part whose share is above 0 gets at least
    one row, if there are enough rows. With `stratify` and `labels` this holds within every class, so that the only
    row of a class is in training. Do not stratify by real-valued labels.

    Raises ConfigError for shares that are not three numbers with a sum of 1, and for another number of labels.
    """
    fractions = check_split(shares)
    if labels is not None and len(labels) != count:
        raise ConfigError(f"expected a label for each of the {count} rows. Received: {len(labels)} labels")
    draw = np.random.default_rng([seed, count])
    if labels is None or not stratify:
        groups = [draw.permutation(count)]
    else:
        numbers = np.unique(np.asarray(labels, dtype=object), return_inverse=True)[1]
        groups = [draw.permutation(np.flatnonzero(numbers == number)) for number in range(len(set(labels)))]
    owed = np.zeros(3)  # rows that each part lacks after the rounding of earlier classes
    parts: list[list[Ints]] = [[], [], []]
    for group in groups:
        wanted = len(group) * np.asarray(fractions) + owed
        sizes = _whole(wanted, len(group), np.asarray(fractions) > 0)
        owed = wanted - sizes
        for part, rows in zip(parts, np.split(group, np.cumsum(sizes)[:2]), strict=True):
            part.append(rows)
    train, valid, test = (np.sort(np.concatenate([*part, np.empty(0, np.int64)])).astype(np.int64) for part in parts)
    return train, valid, test


def _whole(wanted: npt.NDArray[np.float64], count: int, used: npt.NDArray[np.bool_]) -> Ints:
    """Round `wanted` to integers with the sum `count`, at least 1 for each used part while `count` allows it."""
    least = (used & (np.cumsum(used) <= count)).astype(np.int64)
    sizes = np.maximum(np.floor(wanted).astype(np.int64), least)
    while sizes.sum() < count:
        sizes[np.argmax(np.where(used, wanted - sizes, -np.inf))] += 1
    while (excess := int(sizes.sum()) - count) > 0:
        lacking = np.where(sizes > least, wanted - sizes, np.inf)
        most, second = np.argsort(lacking, kind="stable")[:2]
        # As many at once as are taken from the same part: with very many classes, a part is owed thousands of rows.
        rows = np.ceil(lacking[second] - lacking[most]) if np.isfinite(lacking[second]) else excess
        sizes[most] -= int(min(max(rows, 1), excess, sizes[most] - least[most]))
    return sizes


@dataclass(frozen=True)
class ExampleParts(Parts[Examples]):
    """Training, validation and test examples; None for a part without examples.

    known   all examples of the training data, including the shares held out from it
    names   the classes in a given order; None for sorted labels
    values  type of the labels before they became text, as in `ClassTargets`
    """

    known: Examples = field(kw_only=True)
    names: Sequence[str] | None = field(default=None, kw_only=True)
    values: str = field(default="text", kw_only=True)

    def fingerprint(self) -> str:
        """Return a hash of the inputs and labels of every part."""
        return "+".join("-" if part is None else part.fingerprint() for _, part in self.named())

    def cut_again(self, config: ExamplesConfig, *, seed: int, regression: bool) -> ExampleParts:
        """Return the parts that `make_parts` makes of the training data with other options, with the same test data."""
        held_out: dict[str, Any] = {"test": self.test, "names": self.names, "values": self.values}
        return make_parts(self.known, config, seed=seed, regression=regression, **held_out)


def make_parts(
    examples: Examples,
    config: ExamplesConfig,
    *,
    seed: int,
    regression: bool = False,
    valid: Examples | None = None,
    test: Examples | None = None,
    names: Sequence[str] | None = None,
    values: str = "text",
) -> ExampleParts:
    """Split `examples` into parts.

    With `valid` or `test`, these are used as they are, and their shares of `examples` stay in the training part.
    Without `config.split`, nothing else is cut then. Labels of a `regression` are not stratified. `names` and `values`
    are as in `ExampleParts`.

    Raises DataError for examples without labels and for an empty training part; ConfigError for invalid shares.
    """
    if examples.labels is None:
        raise DataError(f"{examples.places[0]}: expected a label for every example. Received: none")
    usual = automatic_value(config, "split")
    shares = shares_of(config.split, usual, valid=valid is not None, test=test is not None)
    labels, stratify = None if regression else examples.labels, config.stratify and not regression
    rows = split_rows(labels, len(examples), shares, seed=seed, stratify=stratify)
    if not len(rows[0]):
        raise DataError(f"expected examples in the training part. Received: {len(examples)} in all, split by {shares}")
    train, *held_out = (examples.take(part) if len(part) else None for part in rows)
    return ExampleParts(
        train or examples, valid or held_out[0], test or held_out[1], known=examples, names=names, values=values
    )
