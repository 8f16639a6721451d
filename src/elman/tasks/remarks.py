"""Remarks on the data of a run, which are shown before time is lost on it.

They are on unknown tokens, texts that are too long, rare and missing labels, and constant series.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.vocabulary.unknown import UnknownTokens
from elman.display import places_of
from elman.options import choices_of, fields_of

__all__ = [
    "constant_columns",
    "constant_series",
    "first_places",
    "labels_not_learnt",
    "labels_not_measured",
    "labels_once",
    "listed",
    "remark_on_unknown",
    "token_advice",
    "too_long",
]

# Names that a remark lists.
_LISTED = 3
# The name of the part whose figures select the weights.
VALIDATION = "validation"


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
    if not counts.many:
        return None
    common = [f"{word!r} ({count:,} times)" for word, count in counts.found.most_common(_LISTED)]
    mostly = f", mostly {', '.join(common)}" if common else ""
    return f"{counts.unknown / counts.tokens:.0%} of the {what} are unknown{mostly}" + (
        f": try {advice}" * bool(advice)
    )


def labels_not_learnt(
    names: Sequence[str], train_N: npt.NDArray[Any], held_out: Sequence[tuple[str, npt.NDArray[Any]]], rare: str
) -> list[str]:
    """Return remarks on classes that occur once in the training data, or not in it, or not in the validation data.

    names     the classes
    train_N   the index of the class of each training example
    held_out  the name of each other part, and its classes
    rare      the option that helps with rare classes
    """
    counts_C = np.bincount(train_N.astype(np.int64), minlength=len(names))
    remarks = labels_once(names, counts_C, "classes", f" ({rare} gives rare classes more weight)")
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
        if part == VALIDATION:
            remarks += labels_not_measured(names, counts_C, found_C, "classes")
    return remarks


def labels_once(names: Sequence[str], counts_C: npt.NDArray[Any], noun: str, advice: str = "") -> list[str]:
    """Return the remark on labels that occur once in the training data, if there are any.

    counts_C  how often each label occurs
    noun      what the labels are, in the plural
    advice    what helps, in brackets
    """
    once = [names[number] for number in np.flatnonzero(counts_C == 1).tolist()]
    if not once:
        return []
    occur = "occurs" if len(once) == 1 else "occur"
    return [
        f"{len(once):,} of {len(names):,} {noun} {occur} once in the training data, {listed(once)}, too rarely to be "
        f"learnt well{advice}"
    ]


def labels_not_measured(
    names: Sequence[str], counts_C: npt.NDArray[Any], valid_C: npt.NDArray[Any], noun: str
) -> list[str]:
    """Return the remark on labels that the validation data lacks, if there are any; arguments as in `labels_once`.

    Labels that occur once are left out: they have a remark, and cannot be in both parts.
    """
    lacking = [names[number] for number in np.flatnonzero((counts_C > 1) & (valid_C == 0)).tolist()]
    if not lacking:
        return []
    are = "is" if len(lacking) == 1 else "are"
    return [
        f"{len(lacking):,} of {len(names):,} {noun} {are} not in the validation data, {listed(lacking)}, so its "
        "figures say nothing about them"
    ]


def too_long(count: int, whole: int, what: str, fate: str, advice: str) -> list[str]:
    """Return the remark on texts that are longer than an option allows, if there are any.

    count, whole  the number of too long texts, and of all
    what          their name, in the plural
    fate          what they are longer than and what is done with them
    advice        what to try
    """
    return [f"{count:,} of {whole:,} ({count / whole:.1%}) {what} are {fate}: {advice}"] if count else []


def constant_series(ids: Sequence[str], series: Sequence[npt.NDArray[Any]], advice: str) -> list[str]:
    """Return the remark on series whose values never change in the training data, if there are any."""
    constant = [name for name, values in zip(ids, series, strict=True) if _is_constant(values)]
    return _constant(constant, len(ids), "series", advice)


def constant_columns(names: Sequence[str], series: Sequence[npt.NDArray[Any]], noun: str, advice: str) -> list[str]:
    """Return the remark on columns of multivariate series that are constant within each one, if there are any.

    names  the names of the columns
    noun   what the columns are, in the plural
    """
    constant = [
        names[column] for column in range(len(names)) if all(_is_constant(each[:, [column]]) for each in series)
    ]
    # Series that are constant in all columns have a remark of their own.
    return _constant(constant, len(names), noun, advice) if len(constant) < len(names) else []


def _constant(names: Sequence[str], whole: int, noun: str, advice: str) -> list[str]:
    if not names:
        return []
    are = "is" if len(names) == 1 else "are"
    return [f"{len(names):,} of {whole:,} {noun} {are} constant in the training data, {listed(names)}: {advice}"]


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
    return f" ({places_of([places[row] for row in rows])})"
