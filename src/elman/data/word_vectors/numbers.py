"""Parsing of many numbers at once. Does not import torch."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

__all__ = ["parse_numbers"]


def parse_numbers(text: bytes, count: int) -> npt.NDArray[np.float32] | None:
    """Return the `count` numbers in a text, separated by white space; None if the text is anything else."""
    with warnings.catch_warnings():
        # numpy warns about text that is no number, and about numbers that are too large for float32.
        warnings.simplefilter("error")
        try:
            found = np.fromstring(text, dtype=np.float32, sep=" ")
        except (ValueError, Warning):
            return None
    return found if len(found) == count else None
