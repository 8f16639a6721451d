"""Tables with one series per row and no names of columns, as the UCR archive has them: the label, then the values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elman.data.decimal_sign import pointed
from elman.data.examples.base import Examples, Floats
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.series import checked_series
from elman.data.labels import common_spelling, label_text
from elman.data.table import MISSING, Table
from elman.errors import DataError

__all__ = ["holds_rows", "series_of_rows"]


def holds_rows(names: Sequence[str], decimal: str = ".") -> bool:
    """Return whether the first row of a table has no names of columns, but at least three numbers."""
    return len(names) > 2 and all(_is_number(name, decimal) for name in names)


def series_of_rows(table: Table, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Return the series in the rows of a table without names: a label, then the value of each step.

    Missing values at the end of a row are padding. If not `labelled`, the first column may be missing: it has labels if
    all of its numbers are whole and others are not. Raises DataError for a value that is not a number, and for data
    that could be read either way.
    """
    names = list(table.columns)
    values_NT = np.stack([table.numbers(name, missing=True) for name in names], axis=1)
    first = [(cell or "").strip() for cell in table.columns[names[0]]]
    whole_first, whole_others = _whole(values_NT[:, 0]), _whole(values_NT[:, 1:])
    if not labelled and whole_first and whole_others:
        raise DataError(f"{table.name}: expected a label before the values of each row, or none; with whole numbers "
                        "only this is not certain: pass the values as an array. Received: whole numbers")  # fmt: skip
    has_labels = labelled or whole_first
    inputs: list[Floats] = []
    for row, value_T in enumerate(values_NT[:, 1:] if has_labels else values_NT):
        there = np.flatnonzero(~np.isnan(value_T))
        length = int(there[-1]) + 1 if len(there) else 0
        inputs.append(checked_series(value_T[:length, None], table.where(row), missing=config.missing))
    labels = None
    if has_labels:
        labels = [common_spelling(label_text(value, table.where(row))) for row, value in enumerate(values_NT[:, 0])]
        if "" in first:
            raise DataError(f"{table.where(first.index(''))}: expected a label in the first cell. Received: none")
    return Examples("series", inputs, labels, [table.where(row) for row in range(len(table))], ("",))


def _whole(values: np.ndarray) -> bool:
    known = values[~np.isnan(values)]
    return bool((known == np.round(known)).all())


def _is_number(text: str, decimal: str) -> bool:
    try:
        float(pointed(text) if decimal == "," else text)
    except ValueError:
        return text.strip().lower() in MISSING
    return True
