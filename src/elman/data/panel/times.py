"""Parsing of times to seconds since 1970 or integers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

__all__ = ["LocalRule", "Times", "compact_dates", "from_parts", "looks_like_a_time", "parse_times", "same_clock"]

Ints = npt.NDArray[np.int64]

_ISO = re.compile(
    r"(\d{4})-(\d\d)(-(\d\d)([T ](\d\d)(:?(\d\d)(:?(\d\d)(\.0+)?)?)?)?)?(\s?Z|\s?[+-]\d\d(:?\d\d)?)?", re.ASCII
)
_COMPACT = re.compile(r"(1[5-9]|2[01])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", re.ASCII)
_QUARTER = re.compile(r"(\d{4})-?Q([1-4])", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_YEAR = re.compile(r"(1[5-9]|2[01])\d\d", re.ASCII)
_PARTS = ("year", "month", "day", "hour", "minute", "second")

Where = Callable[[int], str]
# Returns whether local times (seconds since 1970) are to be used in place of UTC.
LocalRule = Callable[[Ints], bool]


class Times(NamedTuple):
    """A column of times.

    values  seconds since 1970, or integers
    dated   whether they are dates
    zone    name of their time zone; empty without one
    local   whether they are local times of a zone, and not UTC
    """

    values: Ints
    dated: bool
    zone: str = ""
    local: bool = False


def same_clock(seconds: Ints) -> bool:
    """Return whether several times are all at the same time of day, as those of days, weeks and months are."""
    return len(seconds) > 1 and bool((seconds % 86_400 == seconds[0] % 86_400).all() and (seconds != seconds[0]).any())


def looks_like_a_time(text: str) -> bool:
    """Return whether a text is a date or a time. Integers other than years and compact dates are not."""
    return bool(_ISO.fullmatch(text) or _QUARTER.fullmatch(text) or _COMPACT.fullmatch(text) or _YEAR.fullmatch(text))


def parse_times(
    texts: Sequence[str],
    where: Where,
    column: str,
    time_format: str = "",
    dated: bool | None = None,
    local: LocalRule = same_clock,
) -> tuple[Ints, bool]:
    """Parse times, and return them with whether they are dates (seconds since 1970) or integers.

    Without a `time_format` (as for strptime), times are ISO 8601 down to whole seconds (2020-01, 2020-01-31,
    2020-01-31 12:00), quarters (2020Q1), compact dates (20200131), years (all from 1500 to 2199), or integers. With
    `dated` false, years and compact dates are integers too. Times with a time zone are converted to UTC, unless `local`
    is true of the local times: days do not depend on changes of the clocks. Either all of them have a zone or none.

    `where` returns the location of a row. Raises DataError with the location of an invalid time.
    """
    rows: dict[str, int] = {}
    for row, text in enumerate(texts):
        rows.setdefault(text, row)
    if not time_format and all(_INTEGER.fullmatch(text.strip()) for text in rows):
        return _integers(texts, rows, dated, where, column)
    parse = _zoned if time_format else _iso
    values: dict[str, int] = {}
    walls: dict[str, int] = {}
    zoned: dict[bool, int] = {}
    plain: list[str] = []
    for text, row in rows.items():
        found = None if time_format else _ISO.fullmatch(text.strip())
        if found is not None and not found[12]:
            plain.append(text)
            zoned.setdefault(False, row)
            continue
        try:
            moment = parse(text.strip(), time_format)
        except ValueError:
            raise DataError(_no_time(where(row), column, text, time_format)) from None
        zoned.setdefault(moment.tzinfo is not None, row)
        values[text], walls[text] = _seconds(moment), _seconds(moment.replace(tzinfo=None))
    if len(zoned) == 2:
        raise DataError(
            f"{where(max(zoned.values()))}: expected all times in the column {column!r} with a zone, or none. "
            f"Received: {texts[max(zoned.values())][:40]!r}, unlike the times above"
        )
    if True in zoned and local(np.fromiter(walls.values(), dtype=np.int64, count=len(walls))):
        values = walls
    values.update(_many(plain, rows, where, column))
    return np.fromiter(map(values.__getitem__, texts), dtype=np.int64, count=len(texts)), True


def _integers(
    texts: Sequence[str], rows: Mapping[str, int], asked: bool | None, where: Where, column: str
) -> tuple[Ints, bool]:
    stripped = {text: text.strip() for text in rows}
    values = {text: int(short) for text, short in stripped.items()}
    dated = False
    if asked is not False and all(len(short) in (6, 8) and short.isdecimal() for short in stripped.values()):
        whole = np.fromiter(map(values.__getitem__, texts), dtype=np.int64, count=len(texts))
        dates = compact_dates(whole, where, column, expected=bool(asked))
        if dates is not None:
            return dates, True
    if asked is not False and all(_YEAR.fullmatch(short) for short in stripped.values()):
        dated = True
        values = {text: _seconds(datetime(year, 1, 1)) for text, year in values.items()}
    return np.fromiter(map(values.__getitem__, texts), dtype=np.int64, count=len(texts)), dated


def compact_dates(numbers: Ints, where: Where, column: str, *, expected: bool = False) -> Ints | None:
    """Return the seconds since 1970 of integers such as 20240131; None unless all look like dates from 1500 to 2199.

    Integers such as 202401 are months if January follows December, or if dates are `expected`. Raises DataError, with
    the location, for the first one that is not a date although all look like dates.
    """
    months = _compact_months(numbers, expected)
    if months is not None:
        return months
    years, rest = np.divmod(numbers, 10_000)
    month, day = np.divmod(rest, 100)
    alike = (years >= 1500) & (years < 2200) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    if not len(numbers) or not alike.all():
        return None
    months = ((years - 1970) * 12 + month - 1).astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + (day - 1)
    wrong = np.flatnonzero(dates.astype("datetime64[M]") != months)
    if len(wrong):
        raise DataError(
            f"{where(int(wrong[0]))}: expected a date in the column {column!r}, as all of its numbers look like one "
            f"(20240131), or the option frequency=step for integers. Received: {numbers[wrong[0]]}"
        )
    seconds: Ints = dates.astype(np.int64) * 86_400
    return seconds


def _compact_months(numbers: Ints, expected: bool) -> Ints | None:
    """Return the seconds since 1970 of integers such as 202401, or None; see `compact_dates`."""
    if not len(numbers) or numbers.min() < 150_001 or numbers.max() > 219_912:
        return None
    years, month = np.divmod(numbers, 100)
    if ((month < 1) | (month > 12)).any():
        return None
    # From December to January.
    if not expected and not (np.diff(np.unique(numbers)) == 89).any():
        return None
    dates = ((years - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[D]")
    seconds: Ints = dates.astype(np.int64) * 86_400
    return seconds


def _many(texts: Sequence[str], rows: Mapping[str, int], where: Where, column: str) -> dict[str, int]:
    """Parse ISO times without a time zone, all at once."""
    short = [text.strip() for text in texts]
    try:
        seconds = np.array(short, dtype="datetime64[s]") if short else np.empty(0, dtype="datetime64[s]")
    except ValueError:
        for text, stripped in zip(texts, short, strict=True):
            try:
                np.datetime64(stripped, "s")
            except ValueError:
                raise DataError(_no_time(where(rows[text]), column, text, "")) from None
        raise
    return dict(zip(texts, seconds.astype(np.int64).tolist(), strict=True))


def _iso(text: str, time_format: str) -> datetime:
    del time_format
    quarter = _QUARTER.fullmatch(text)
    if quarter:
        return datetime(int(quarter[1]), 3 * int(quarter[2]) - 2, 1)
    if not _ISO.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))


def _zoned(text: str, time_format: str) -> datetime:
    moment = datetime.strptime(text, time_format)
    if moment.microsecond:
        raise ValueError(text)
    return moment


def _seconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def _no_time(place: str, column: str, text: str, time_format: str) -> str:
    wanted = (
        f"as {time_format!r} says"
        if time_format
        else "in whole seconds as in ISO 8601 (2020-01-31 12:00:00), or an integer; other forms by time_format"
    )
    shown = repr(text[:40]) if text.strip() else "an empty cell"
    return f"{place}: expected a time in the column {column!r} {wanted}. Received: {shown}"


def from_parts(parts: Mapping[str, npt.NDArray[np.float64]], where: Where) -> Ints:
    """Return times in seconds since 1970 from columns in the order year, month, day, hour, minute, second.

    Raises DataError with the location of a value out of range.
    """
    names = list(parts)
    size = len(parts[names[0]])
    columns = [np.full(size, 1.0) for _ in range(3)] + [np.zeros(size) for _ in range(3)]
    bounds = [(1, 9999), (1, 12), (1, 31), (0, 23), (0, 59), (0, 59)]
    for place, name in enumerate(names):
        least, most = bounds[place]
        wrong = (parts[name] < least) | (parts[name] > most) | (parts[name] % 1 != 0)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{where(row)}: expected the {_PARTS[place]} in the column {name!r}, from {least} to {most}. "
                f"Received: {parts[name][row]:g}"
            )
        columns[place] = parts[name]
    year, month, day, hour, minute, second = (column.astype(np.int64) for column in columns)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + (day - 1)
    wrong = dates.astype("datetime64[M]") != months
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{where(row)}: expected a day of the month {months[row]}. Received: {day[row]}")
    seconds: Ints = dates.astype(np.int64) * 86_400 + hour * 3600 + minute * 60 + second
    return seconds
