"""Frequencies: regular grids of times, with an integer (ordinal) for each time of the grid.

Times are whole seconds since 1970 without time zone and daylight saving time, or plain integers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.panel.calendar import calendar_features, chosen_features
from elman.errors import ArtifactError, ConfigError, DataError

__all__ = ["DAY", "Frequency"]

Ints = npt.NDArray[np.int64]

DAY = 86_400
_WEEK = 7 * DAY
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SECONDS = {"s": 1, "S": 1, "min": 60, "T": 60, "h": 3600, "H": 3600, "D": DAY, "d": DAY}
# Days of the month with a number of their own: the last one, and the last and the first from Monday to Friday.
_LAST, _LAST_WORKING, _FIRST_WORKING = 0, -1, -2
_ENDS = (_LAST, _LAST_WORKING)
# Months per step, and the day of the month.
_CALENDAR = {
    **dict.fromkeys(("MS", "M"), (1, 1)), "ME": (1, _LAST), "BMS": (1, _FIRST_WORKING),
    **dict.fromkeys(("BME", "BM"), (1, _LAST_WORKING)),
    **dict.fromkeys(("QS", "Q"), (3, 1)), "QE": (3, _LAST), "BQS": (3, _FIRST_WORKING),
    **dict.fromkeys(("BQE", "BQ"), (3, _LAST_WORKING)),
    **dict.fromkeys(("YS", "Y", "A", "AS"), (12, 1)), "YE": (12, _LAST),
    **dict.fromkeys(("BYS", "BAS"), (12, _FIRST_WORKING)),
    **dict.fromkeys(("BYE", "BY", "BA"), (12, _LAST_WORKING)),
}  # fmt: skip
# Names of pandas before 2.2 for the ends of months, which are read as their beginnings where times are these.
_EITHER = ("M", "Q", "Y", "A")
# Half a month: whether the second half has its last day, and not its first.
_HALVES = {"SMS": 1, "SME": _LAST, "SM": _LAST}
_MIDDLE = 15
_NAME = re.compile(r"(\d*)([A-Za-z]+)(?:-([A-Za-z]{3}|\d{1,2}))?")
_EXAMPLES = "YS, QS, MS, ME, BME, SMS, W-SUN, D, B, h, 15min, s or step"


@dataclass(frozen=True)
class Frequency:
    """A regular grid of times.

    unit      "second", "business" (days from Monday to Friday), "month", "half-month" (the 15th, and the first or the
              last day), or "step" (times are integers)
    multiple  units between consecutive times
    phase     offset of the grid in units since 1970, below `multiple`
    day       for months: day of the month, 1 to 28, 0 for the last, and of those from Monday to Friday -1 for the last
              and -2 for the first
    clock     for months and business days: seconds since midnight

    Names are those of pandas: "MS", "QE", "YS-APR", "BME", "SMS", "W-SUN", "D", "B", "h", "15min"; also "step" for
    integers and "MS-15" for the 15th of each month. "M", "Q", "Y" and "A" are ends of months if the times are.
    """

    unit: str
    multiple: int = 1
    phase: int = 0
    day: int = 1
    clock: int = 0

    @classmethod
    def named(cls, name: str, near: int | None = None) -> Frequency:
        """Create a frequency from its name. Raises ConfigError for an unknown name.

        `near` is a time on the grid, which determines what the name leaves open: the day of the week of "W", or the
        minutes of "h".
        """
        found = _NAME.fullmatch(name.strip())
        if found is None or (found[1] and int(found[1]) == 0):
            raise ConfigError(f"expected a frequency such as {_EXAMPLES}. Received: {name!r}")
        count, word, anchor = int(found[1] or 1), found[2], (found[3] or "").upper()
        if word in _CALENDAR:
            return cls._monthly(count, word, anchor, near, name)
        if word in _HALVES and count == 1 and not anchor:
            return cls("half-month", day=_HALVES[word], clock=0 if near is None else near % DAY)
        if word == "W" and (not anchor or anchor in _WEEKDAYS):
            weekday = _WEEKDAYS.index(anchor or "SUN")
            phase = (weekday - 3) % 7 * DAY  # 1970 began on a Thursday
            if near is not None:
                # A name with a day fixes the day but not the phase of several weeks; one without leaves both open.
                phase = near % (count * _WEEK) if not anchor or (near - phase) % _WEEK == 0 else phase
            return cls("second", count * _WEEK, phase)
        if word == "B" and count == 1 and not anchor:
            return cls("business", clock=0 if near is None else near % DAY)
        if word in _SECONDS and not anchor:
            multiple = count * _SECONDS[word]
            return cls("second", multiple, 0 if near is None else near % multiple)
        if word == "step" and not anchor:
            return cls("step", count, 0 if near is None else near % count)
        raise ConfigError(f"expected a frequency such as {_EXAMPLES}. Received: {name!r}")

    @classmethod
    def _monthly(cls, count: int, word: str, anchor: str, near: int | None, name: str) -> Frequency:
        months, day = _CALENDAR[word]
        if word in _EITHER and near is not None and not anchor.isdecimal() and _is_last(near // DAY):
            day = _LAST
        multiple = count * months
        if months == 1 and anchor and not (day == 1 and anchor.isdecimal() and 1 <= int(anchor) <= 28):
            raise ConfigError(f"expected months as MS, ME, or MS-15 for a day up to 28. Received: {name!r}")
        if months > 1 and anchor and anchor not in _MONTHS:
            raise ConfigError(f"expected a month such as {word}-JAN. Received: {name!r}")
        day = int(anchor) if months == 1 and anchor else day
        month = _MONTHS.index(anchor) if months > 1 and anchor else 11 if day in _ENDS else 0
        grid = cls("month", multiple, month % multiple, day, 0 if near is None else near % DAY)
        if near is None:
            return grid
        seen = int(_month(np.array([near // DAY]))[0])
        fits = not anchor or months == 1 or (seen - month) % months == 0
        return replace(grid, phase=seen % multiple) if fits else grid

    @property
    def name(self) -> str:
        """Name of the frequency. It does not include the phase of minutes and hours."""
        if self.unit == "step":
            return f"{_count(self.multiple)}step"
        if self.unit == "business":
            return "B"
        if self.unit == "month":
            return self._month_name()
        if self.unit == "half-month":
            return "SME" if self.day == _LAST else "SMS"
        if self.multiple % _WEEK == 0:
            weekday = _WEEKDAYS[(self.phase // DAY + 3) % 7]
            return f"{_count(self.multiple // _WEEK)}W-{weekday}"
        word, seconds = next(
            (word, _SECONDS[word]) for word in ("D", "h", "min", "s") if self.multiple % _SECONDS[word] == 0
        )
        return f"{_count(self.multiple // seconds)}{word}"

    def _month_name(self) -> str:
        end, working = "E" if self.day in _ENDS else "S", "B" * (self.day < 0)
        if self.day > 1:
            return f"{_count(self.multiple)}MS-{self.day}"
        for months, letter in ((12, "Y"), (3, "Q")):
            if self.multiple % months == 0:
                month = self.phase % months
                usual = months - 1 if end == "E" else 0
                anchor = "" if month == usual else f"-{_MONTHS[month]}"
                return f"{_count(self.multiple // months)}{working}{letter}{end}{anchor}"
        return f"{_count(self.multiple)}{working}M{end}"

    @property
    def dated(self) -> bool:
        """Whether times are dates, not integers."""
        return self.unit != "step"

    @property
    def days(self) -> bool:
        """Whether a step is a day or longer, so that local dates do not depend on changes of the clocks."""
        return self.dated and (self.unit != "second" or self.multiple >= DAY)

    @property
    def season(self) -> int:
        """Number of steps in the usual season, or 1 if there is none.

        It is 12 for MS, 24 for SMS, 4 for QS, 52 for W, 7 for D, 5 for B, 24 for h, 96 for 15min and 60 for s.
        """
        if self.unit == "step":
            return 1
        if self.unit == "business":
            return 5
        if self.unit == "month":
            return _share(12, self.multiple)
        if self.unit == "half-month":
            return 24
        if self.multiple % _WEEK == 0:
            return _share(52, self.multiple // _WEEK)
        if self.multiple >= DAY:
            return _share(7 * DAY, self.multiple)
        return _share(DAY if self.multiple >= 60 else 60, self.multiple)

    def locate(self, times: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Return the ordinals of times (seconds since 1970, or integers), and a mask of those not on the grid."""
        if self.unit in ("second", "step"):
            ordinals, rest = np.divmod(times - self.phase, self.multiple)
            return ordinals, rest != 0
        days, clock = np.divmod(times, DAY)
        if self.unit == "business":
            weeks, weekdays = np.divmod(days + 3, 7)
            return weeks * 5 + np.minimum(weekdays, 4), (weekdays > 4) | (clock != self.clock)
        months = _month(days)
        if self.unit == "half-month":
            first = days - months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + 1
            second = first >= _MIDDLE if self.day == 1 else first > _MIDDLE
            ordinals = 2 * months + second
            return ordinals, (self.seconds(ordinals) != times)
        ordinals, rest = np.divmod(months - self.phase, self.multiple)
        return ordinals, (rest != 0) | (clock != self.clock) | (days != _day_of(months, self.day))

    def seconds(self, ordinals: Ints) -> Ints:
        """Return the times of ordinals: seconds since 1970, or integers."""
        if self.unit in ("second", "step"):
            return ordinals * self.multiple + self.phase
        if self.unit == "business":
            weeks, weekdays = np.divmod(ordinals, 5)
            return (weeks * 7 + weekdays - 3) * DAY + self.clock
        if self.unit == "half-month":
            months, second = np.divmod(ordinals, 2)
            at_middle = second == (self.day == 1)
            return np.where(at_middle, _day_of(months, _MIDDLE), _day_of(months, self.day)) * DAY + self.clock
        return _day_of(ordinals * self.multiple + self.phase, self.day) * DAY + self.clock

    def ordinal(self, time: Any) -> Any:
        """Return the ordinal of a time (datetime64, datetime, ISO text, or int), or an array for an array.

        Raises DataError for a time that is not on the grid.
        """
        values = np.asarray(time)
        if self.dated and values.dtype.kind in "iufb":
            raise DataError(f"expected a time of the frequency {self.name}. Received: {values.ravel()[:1]}")
        try:
            moments = values.astype("datetime64[us]" if self.dated else np.int64)
            times = moments.astype("datetime64[s]").astype(np.int64) if self.dated else moments
        except (ValueError, TypeError) as error:
            raise DataError(f"expected a time of the frequency {self.name}. Received: {time!r}") from error
        ordinals, wrong = self.locate(times)
        wrong |= times.astype("datetime64[s]") != moments if self.dated else moments != values
        if wrong.any():
            shown = values.ravel()[int(np.flatnonzero(wrong.ravel())[0])]
            raise DataError(f"expected a time of the frequency {self.name}. Received: {shown}")
        return int(ordinals) if values.ndim == 0 else ordinals

    def time(self, ordinal: Any) -> Any:
        """Return the time of an ordinal as datetime64[s], or as int for integer times; an array for an array."""
        values = np.asarray(ordinal, dtype=np.int64)
        times = self.seconds(values)
        if self.dated:
            return times.astype("datetime64[s]")[()]
        return int(times) if values.ndim == 0 else times

    def format(self, ordinal: int) -> str:
        """Return the time of an ordinal as text: an integer, 2020-01-31, or 2020-01-31 12:00:00 if not at midnight."""
        return show_time(int(self.seconds(np.array([ordinal]))[0]), self.dated)

    def calendar(self, ordinals: Sequence[int] | Ints, features: Sequence[str] = ("auto",)) -> npt.NDArray[np.float64]:
        """Return calendar features of each ordinal, [len, F], from -1 to 1; see `calendar_names`.

        features  some of month, day_of_month, day_of_year, weekday, hour (each a sine and a cosine) and weekend (0 or
                  1), or "auto": those that suit the frequency, none for integers

        Raises ConfigError for an unknown feature, and for any other than "auto" if times are integers.
        """
        chosen = chosen_features(self, features)
        return calendar_features(self.seconds(np.asarray(ordinals, dtype=np.int64)), chosen)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values for `from_json`."""
        return {"name": self.name, **asdict(self)}

    @classmethod
    def from_json(cls, values: Any) -> Frequency:
        """Create from the result of `to_json`. Raises ArtifactError for other values."""
        fields = {"multiple", "phase", "day", "clock"}
        good = (
            isinstance(values, Mapping)
            and set(values) == {"name", "unit", *fields}
            and values["unit"] in ("second", "business", "month", "half-month", "step")
            and all(type(values[name]) is int for name in fields)
            and values["multiple"] >= 1
            and 0 <= values["phase"] < values["multiple"]
            and _FIRST_WORKING <= values["day"] <= 28
            and 0 <= values["clock"] < DAY
        )
        if not good:
            raise ArtifactError(f"expected a frequency with unit, multiple, phase, day and clock. Received: {values!r}")
        return cls(values["unit"], **{name: values[name] for name in fields})


def show_time(time: int, dated: bool) -> str:
    """Format a time (seconds since 1970, or an integer) as text."""
    if not dated:
        return str(time)
    text = str(np.datetime64(time, "s")).replace("T", " ")
    return text.removesuffix(" 00:00:00")


def _is_last(day: int) -> bool:
    """Return whether a day (since 1970) is the last of its month."""
    before, after = _month(np.array([day, day + 1]))
    return bool(before != after)


def _day_of(months: Ints, day: int) -> Ints:
    """Return the day (since 1970) of each month with this number in the month; see `Frequency`."""
    first = (months + (day in _ENDS)).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    if day > 0:
        return first + (day - 1)
    found: Ints = first - 1 if day in _ENDS else first
    weekday = (found + 3) % 7
    if day == _LAST_WORKING:
        found = found - np.maximum(weekday - 4, 0)
    if day == _FIRST_WORKING:
        found = found + np.where(weekday > 4, 7 - weekday, 0)
    return found


def _month(days: Ints) -> Ints:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _count(number: int) -> str:
    return "" if number == 1 else str(number)


def _share(whole: int, part: int) -> int:
    """Return the number of parts in the whole, or 1 if it is not a multiple of `part`."""
    return whole // part if whole % part == 0 else 1
