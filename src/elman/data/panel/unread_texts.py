"""Columns of texts that no option names, although they may have the names of several series."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.decimal_sign import has_decimal_comma
from elman.data.panel.config import ONE_SERIES, PanelConfig
from elman.data.panel.roles import ColumnRoles
from elman.data.panel.sources import Source
from elman.data.panel.times import looks_like_a_time
from elman.errors import DataError

__all__ = ["check_unread_texts"]

_log = logging.getLogger("elman.data")

Ints = npt.NDArray[np.int64]

# Texts of truth values, which files have in place of booleans.
_TRUTH = ("true", "false")
_SHOWN = 2


def check_unread_texts(source: Source, roles: ColumnRoles, config: PanelConfig, times: Ints, *, trained: bool) -> None:
    """Look for names of several series in columns that are not read, where all rows are taken as one series.

    times    the time of each row
    trained  whether the series are for a model that is trained

    Raises DataError, with the column, if its texts or whole numbers separate times that come twice or go back, or if
    each of its texts is in consecutive rows. Other texts, or those for a trained model, are remarked on. A column with
    one text, without a text in some row, or with a text for nearly every row cannot have names of series.
    """
    if roles.series is not None or config.id_column == ONE_SERIES:
        return
    read = {*roles.time, *roles.targets}
    read |= {*config.past_covariates, *config.future_covariates, *config.static_columns}
    found = {name: source.labels(name) for name in source.names if name not in read}
    found = {name: labels for name, labels in found.items() if _come_twice(labels)}
    wide = config.layout == "wide"
    if found and not _is_one_series(times, config):
        name = next((name for name, labels in found.items() if _separates(_codes(labels), times, config)), None)
        if name is not None and not wide:
            raise _refusal(source, name, found[name], config)
        return
    named = {name: _codes(labels) for name, labels in found.items() if _are_texts(labels)}
    if not named:
        return
    certain = not trained and not wide and _are_distinct(times)
    for name, codes in named.items():
        if certain and int((codes[1:] != codes[:-1]).sum()) == int(codes.max()):
            raise _refusal(source, name, found[name], config)
    for name in named:
        _log.warning(
            "%s: the texts in the column %r (%s) are not read, and all rows are one series; id_column=%s takes them as "
            "the names of series, id_column=%s says that there is one",
            source.name, name, _shown(found[name]), name, ONE_SERIES,
        )  # fmt: skip


def _come_twice(labels: Sequence[Any]) -> bool:
    """Return whether all labels are texts or whole numbers, and most come several times, as the names of series do."""
    try:
        different = list(dict.fromkeys(labels))
    except TypeError:
        return False
    if not 2 <= len(different) <= len(labels) // 2:
        return False
    return all(type(label) is int or (isinstance(label, str) and label.strip()) for label in different)


def _are_texts(labels: Sequence[Any]) -> bool:
    """Return whether labels are mostly neither numbers nor truth values nor times."""
    different = [str(label).strip() for label in dict.fromkeys(labels)]
    numbers = sum(map(_is_number, different))
    truth = all(label.lower() in _TRUTH for label in different)
    return 2 * numbers <= len(different) and not truth and not looks_like_a_time(different[0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return has_decimal_comma(text)
    return True


def _codes(labels: Sequence[Any]) -> Ints:
    """Return the index of each label among the different ones."""
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return np.fromiter(map(numbers.__getitem__, labels), dtype=np.int64, count=len(labels))


def _are_distinct(times: Ints) -> bool:
    return len(np.unique(times)) == len(times)


def _is_one_series(times: Ints, config: PanelConfig) -> bool:
    """Return whether times are in order and distinct, or the options say what to do about those that are not."""
    backward = config.sort == "error" and bool((times[1:] < times[:-1]).any())
    return not backward and (config.duplicates != "error" or _are_distinct(times))


def _separates(codes: Ints, times: Ints, config: PanelConfig) -> bool:
    """Return whether the times of each label are those of one series."""
    order = np.argsort(codes, kind="stable")
    begins = np.flatnonzero(np.diff(codes[order])) + 1
    return all(_is_one_series(part, config) for part in np.split(times[order], begins))


def _refusal(source: Source, name: str, labels: Sequence[Any], config: PanelConfig) -> DataError:
    return DataError(
        f"{source.name}: expected the names of the series in the column {config.id_column!r}, or in the one that the "
        f"option id_column names (id_column={ONE_SERIES}: all rows are one series). "
        f"Received: {_shown(labels)} in the column {name!r}"
    )


def _shown(labels: Sequence[Any]) -> str:
    different = list(dict.fromkeys(labels))
    more = f" and {len(different) - _SHOWN:,} more" if len(different) > _SHOWN else ""
    return ", ".join(repr(str(label)[:40]) for label in different[:_SHOWN]) + more
