"""Decimal numbers in text to float32, by the compiled library."""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from elman.kernels.native import library

__all__ = ["parse_numbers"]


def parse_numbers(text: bytes, count: int) -> npt.NDArray[np.float32] | None:
    """Return the `count` numbers of a text, separated by blanks; None for another text, or without the library.

    Numbers are rounded to double and then to float32, as numpy and Python round them.
    """
    if library.why_not() is not None:
        return None
    function = getattr(library.load(), "elman_parse_numbers", None)
    if function is None:  # libraries of an earlier version
        return None
    function.restype = ctypes.c_int64
    function.argtypes = [ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    values = np.empty(count, dtype=np.float32)
    return values if function(text, len(text), count, values.ctypes.data) == count else None
