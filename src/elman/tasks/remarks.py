"""Remarks on the data of a run, which are shown before time is lost on it: unknown tokens, rare and missing labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.vocabulary.unknown import UnknownTokens
from elman.options import choices_of, fields_of

__all__ = [
    "constant_series",
    "first_places",
    "labels_not_learnt",
    "listed",
    "remark_on_unknown",
    "token_advice",
]

# With a larger share of unknown tokens, there is a remark.
_MANY_UNKNOWN = 0.1
# Names, and places, that a remark lists.
_LISTED = _PLACES = 3


def token_advice(section: Any, kind: str, option: str = "tokens") -> str:
    """Return the options that make fewer tokens unknown; empty if there are none.

    section  the options of the vocabulary
    kind     the kind of its tokens
    option   the name of the option that chooses it
    """
    options = []
    size = getattr(section, "vocabulary_size", 0)
    if kind in ("words", "characters") and getattr(section, "min_count", 1) > 1:
        options.append("min_count=1")
    if size:
        options.append(f"vocabulary_size above {size:,}")
    if kind == "words":
        known = choices_of(fields_of(type(section))[option][0])
        options += [f"{option}={each}" for each in ("subwords", "characters") if each in known]
    return " or ".join(options)


def remark_on_unknown(counts: UnknownTokens, what: str, advice: str) -> str | None:
    """Return a remark if more than a tenth of the tokens are unknown; `what` names them, as "words of the texts"."""
    if counts.unknown <= _MANY_UNKNOWN * counts.tokens:
        return None
    common = [f"{word!r} ({count:,} times)" for word, count in counts.found.most_common(_LISTED)]
    mostly = f", mostly {', '.join(common)}" if common else ""
    return f"{counts.unknown / counts.tokens:.0%} of the {what} are unknown{mostly}" + (
        f": try {advice}" * bool(advice)
    )


def labels_not_learnt(
    names: Sequence[str], train_N: npt.NDArray[Any], held_out: Sequence[tuple[str, npt.NDArray[Any]]], rare: str
) -> list[str]:
    """Return remarks on classes that occur once in the training data, and on those of other parts that it lacks.

    names     the classes
    train_N   the index of the class of each training example
    held_out  the name of each other part, and its classes
    rare      the option that helps with rare classes
    """
    counts_C = np.bincount(train_N.astype(np.int64), minlength=len(names))
    remarks = []
    once = [names[number] for number in np.flatnonzero(counts_C == 1).tolist()]
    if once:
        occur = "occurs" if len(once) == 1 else "occur"
        remarks.append(
            f"{len(once):,} of {len(names):,} classes {occur} once in the training data, {listed(once)}, too rarely to "
            f"be learnt well ({rare} gives rare classes more weight)"
        )
    for part, truth_N in held_out:
        found_C = np.bincount(truth_N.astype(np.int64), minlength=len(names))
        lacking = np.flatnonzero((found_C > 0) & (counts_C == 0)).tolist()
        if lacking:
            count, whole = int(found_C[lacking].sum()), len(truth_N)
            remarks.append(
                f"{count:,} of {whole:,} {part} examples have classes that the training data lacks, "
                f"{listed([names[number] for number in lacking])}, so they cannot be predicted (stratify keeps the "
                "classes of the parts alike where elman cuts them)"
            )
    return remarks


def constant_series(ids: Sequence[str], series: Sequence[npt.NDArray[Any]]) -> str | None:
    """Return a remark on series whose values never change in the training data, or None."""
    constant = [name for name, values in zip(ids, series, strict=True) if _is_constant(values)]
    if not constant:
        return None
    are = "is" if len(constant) == 1 else "are"
    return f"{len(constant):,} of {len(ids):,} series {are} constant in the training data, {listed(constant)}"


def _is_constant(values_TY: npt.NDArray[Any]) -> bool:
    # The first value decides in most series.
    if not len(values_TY) or not bool(np.all((values_TY[-1] == values_TY[0]) | np.isnan(values_TY[-1]))):
        return False
    seen_TY = np.isfinite(values_TY)
    low_Y = np.where(seen_TY, values_TY, np.inf).min(axis=0)
    high_Y = np.where(seen_TY, values_TY, -np.inf).max(axis=0)
    return bool(np.all(low_Y >= high_Y))


def listed(names: Sequence[str]) -> str:
    """Return the first of some names, as "such as 'a', 'b'", or all of a few."""
    shown = ", ".join(map(repr, names[:_LISTED]))
    return f"such as {shown}" if len(names) > _LISTED else shown


def first_places(part: Any, rows: Sequence[int]) -> str:
    """Return the places of the first of some items, in brackets; empty for data without places."""
    places: Sequence[str] = getattr(part, "places", ())
    if len(places) != len(part):
        return ""
    shown = ", ".join(places[row] for row in rows[:_PLACES])
    return f" ({shown}{', ...' if len(rows) > _PLACES else ''})"
