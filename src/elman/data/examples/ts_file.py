"""Series in `.ts` files, the format of the UCR and UEA archives that sktime and aeon read.

A header of `@key value` lines, then one series per line, with colons between channels and commas between values. The
label is last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from elman.data.examples.base import Examples, Floats
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.lines import text_lines
from elman.data.examples.series import checked_series, named
from elman.data.inputs import InputFile
from elman.errors import DataError

__all__ = ["read_ts"]

_TRUTH = {"true": True, "false": False}


@dataclass
class _Header:
    """Content of a file's header. `labels` is None if lines have no label, and empty if any label is allowed."""

    labels: frozenset[str] | None = None
    regression: bool = False
    equal_length: bool = False
    lines: int = 0


def read_ts(file: InputFile, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Read the series in a `.ts` file; labels are classes or, in a file for regression, numbers.

    Raises DataError, with line, step and channel, for a file that contradicts its header, values that are not numbers,
    channels of different lengths, and time stamps, which are not supported.
    """
    lines = text_lines(file, config)
    header = _header(lines, file.name)
    if header.labels is None and labelled:
        raise DataError(f"{file.name}: expected a label at the end of every line. Received: a header without "
                        "@classLabel true or @targetLabel true")  # fmt: skip
    inputs: list[Floats] = []
    labels: list[str] = []
    places: list[str] = []
    for number, line in enumerate(lines[header.lines :], header.lines + 1):
        place = f"{file.name}, line {number}"
        if not line.strip() or line.startswith(("#", "%")):
            continue
        cells = line.strip().split(":")
        if header.labels is not None:
            labels.append(_label(cells.pop().strip(), header, place))
        values_TI = _values(cells, place)
        if inputs and values_TI.shape[1] != inputs[0].shape[1]:
            raise DataError(f"{place}: expected {inputs[0].shape[1]} channels, as above. "
                            f"Received: {values_TI.shape[1]}")  # fmt: skip
        if inputs and header.equal_length and len(values_TI) != len(inputs[0]):
            raise DataError(f"{place}: expected {len(inputs[0])} steps, as above: the header has @equalLength true. "
                            f"Received: {len(values_TI)}")  # fmt: skip
        inputs.append(checked_series(values_TI, place, missing=config.missing))
        places.append(place)
    if not inputs:
        raise DataError(f"{file.name}: expected one series per line after @data. Received: none")
    return Examples("series", inputs, None if header.labels is None else labels, places, ("",) * inputs[0].shape[1])


def _header(lines: list[str], name: str) -> _Header:
    header = _Header()
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.startswith(("#", "%")):
            continue
        key = words[0].lower()
        place = f"{name}, line {number}"
        if key == "@data":
            header.lines = number
            return header
        if key in ("@timestamps", "@equallength", "@classlabel", "@targetlabel"):
            said = _TRUTH.get(words[1].lower()) if len(words) > 1 else None
            if said is None:
                raise DataError(f"{place}: expected true or false after {words[0]}. Received: {line.strip()[:40]!r}")
            if key == "@timestamps" and said:
                raise DataError(f"{place}: expected series without time stamps; use a table of series for these. "
                                f"Received: {line.strip()!r}")  # fmt: skip
            if key == "@equallength":
                header.equal_length = said
            elif key in ("@classlabel", "@targetlabel") and said:
                header.labels = frozenset(words[2:]) if key == "@classlabel" else frozenset()
                header.regression = key == "@targetlabel"
        elif not key.startswith("@"):
            raise DataError(f"{place}: expected a line of a .ts file's header, such as @classLabel true a b. "
                            f"Received: {line.strip()[:40]!r}")  # fmt: skip
    raise DataError(f"{name}: expected a line @data after the header of a .ts file. Received: none")


def _label(cell: str, header: _Header, place: str) -> str:
    if not cell or (header.labels and cell not in header.labels):
        known = f"among {', '.join(sorted(header.labels))}, as in the header" if header.labels else "after the last ':'"
        raise DataError(f"{place}: expected a label {known}. Received: {cell[:40]!r}")
    if header.regression:
        try:
            finite = np.isfinite(float(cell))
        except ValueError:
            finite = False
        if not finite:
            raise DataError(f"{place}: expected a finite number as label. Received: {cell[:40]!r}")
    return cell


def _values(cells: list[str], place: str) -> npt.NDArray[np.float64]:
    """Return the channels of a line as `values_TI`, NaN for "?" and "NaN"."""
    channels = []
    for channel, text in enumerate(cells):
        if "(" in text:
            raise DataError(f"{place}, channel {channel + 1}: expected values with commas between them, without time "
                            f"stamps. Received: {text.strip()[:40]!r}")  # fmt: skip
        parts = text.split(",") if text.strip() else []
        try:
            if "_" in text:
                raise ValueError
            channels.append([float(part) for part in parts])
        except ValueError:
            channels.append([_number(part, f"{place}, {named(step, channel)}") for step, part in enumerate(parts)])
        if len(channels[-1]) != len(channels[0]):
            raise DataError(f"{place}, channel {channel + 1}: expected {len(channels[0])} steps, as in channel 1. "
                            f"Received: {len(channels[-1])}")  # fmt: skip
    if not channels or not channels[0]:
        raise DataError(f"{place}: expected a series. Received: no values")
    return np.array(channels).T


def _number(text: str, place: str) -> float:
    if text.strip() == "?":
        return float("nan")
    try:
        number = float(text)
    except ValueError:
        number = None
    if number is None or "_" in text:
        raise DataError(f"{place}: expected a number. Received: {text.strip()[:40]!r}")
    return number
