"""The mel scale and its filters, as in Slaney's Auditory Toolbox (1998)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError

__all__ = ["hertz_to_mel", "mel_filters", "mel_to_hertz"]

Doubles = npt.NDArray[np.float64]

# The scale is linear up to 1000 Hz, which is 15 mel, and logarithmic above: 27 mel from there to 6400 Hz.
_HERTZ_A_MEL = 200.0 / 3.0
_BEND = 1000.0
_LOG_STEP = math.log(6.4) / 27.0


def hertz_to_mel(hertz: npt.ArrayLike) -> Doubles:
    """Convert frequencies in Hz to mel."""
    values = np.asarray(hertz, dtype=np.float64)
    above = _BEND / _HERTZ_A_MEL + np.log(np.maximum(values, _BEND) / _BEND) / _LOG_STEP
    return np.where(values < _BEND, values / _HERTZ_A_MEL, above)


def mel_to_hertz(mel: npt.ArrayLike) -> Doubles:
    """Convert mel to frequencies in Hz."""
    values = np.asarray(mel, dtype=np.float64)
    bend = _BEND / _HERTZ_A_MEL
    return np.where(values < bend, values * _HERTZ_A_MEL, _BEND * np.exp((np.maximum(values, bend) - bend) * _LOG_STEP))


def mel_filters(rate: int, fft: int, mels: int, low: float, high: float) -> Doubles:
    """Return the weights `FK` of triangular filters of area 1, for F mel filters and K = fft // 2 + 1 frequencies.

    Filters are equally spaced on the mel scale from `low` to `high` Hz; each extends from the centre of the previous
    one to the centre of the next. Raises ConfigError for an invalid range, and for a filter so narrow that it covers
    no frequency of the transform.
    """
    if not 0.0 <= low < high <= rate / 2:
        raise ConfigError(f"expected low_hz below high_hz, and high_hz at most half of {rate:,} Hz. "
                          f"Received: low_hz={low:g}, high_hz={high:g}")  # fmt: skip
    edges = mel_to_hertz(np.linspace(hertz_to_mel(low), hertz_to_mel(high), mels + 2))
    begin, middle, end = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequencies_K = np.linspace(0.0, rate / 2, fft // 2 + 1) if fft % 2 == 0 else np.arange(fft // 2 + 1) * rate / fft
    rise, fall = (frequencies_K - begin) / (middle - begin), (end - frequencies_K) / (end - middle)
    weights_FK = np.maximum(0.0, np.minimum(rise, fall)) * (2.0 / (end - begin))
    empty = np.flatnonzero(~weights_FK.any(axis=1))
    if len(empty):
        raise ConfigError(
            f"expected filters that each cover a frequency of the transform; the narrowest are narrower than "
            f"{rate / fft:.1f} Hz, the distance of two frequencies; use fewer mels or a longer window. "
            f"Received: mels={mels}, of which {len(empty)} cover none"
        )
    return weights_FK
