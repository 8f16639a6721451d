"""Parsing of many numbers at once. Imports torch only for large texts, to use the native engine."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

__all__ = ["parse_numbers"]

# Bytes from which on the native engine, which is several times as fast, is worth its import.
_LARGE = 1 << 19


def parse_numbers(text: bytes, count: int) -> npt.NDArray[np.float32] | None:
    """Return the `count` numbers in a text, separated by white space; None if the text is anything else."""
    if len(text) >= _LARGE:
        from elman.kernels import text_numbers

        found = text_numbers.parse_numbers(text, count)
        if found is not None:
            return found
    return parse_with_numpy(text, count)


def parse_with_numpy(text: bytes, count: int) -> npt.NDArray[np.float32] | None:
    """Return the same without the native engine."""
    with warnings.catch_warnings():
        # numpy warns about text that is no number, and about numbers that are too large for float32.
        warnings.simplefilter("error")
        try:
            found = np.fromstring(text, dtype=np.float32, sep=" ")
        except (ValueError, Warning):
            return None
    return found if len(found) == count else None
