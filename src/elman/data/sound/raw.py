"""Raw PCM from a stream: signed 16-bit little-endian samples of one channel, without a header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

__all__ = ["raw_blocks"]

# Bytes per sample.
_SAMPLE = 2


def raw_blocks(source: Any, rate: int, seconds: float, *, name: str) -> Iterator[npt.NDArray[np.int16]]:
    """Yield samples from a buffered binary stream as soon as they are available, at most `seconds` at a time.

    `name` is the stream's name in messages. Raises DataError if the stream ends within a sample.
    """
    size = max(1, round(rate * seconds)) * _SAMPLE
    rest = b""
    while block := source.read1(size):
        block = rest + block
        whole = len(block) - len(block) % _SAMPLE
        rest = block[whole:]
        if whole:
            yield np.frombuffer(block[:whole], dtype="<i2")
    if rest:
        raise DataError(f"{name}: expected raw PCM, two bytes per sample. Received: half a sample at the end")
