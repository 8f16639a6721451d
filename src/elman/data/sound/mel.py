"""The mel scale and its filters, as in Slaney's Auditory Toolbox (1998). Knows nothing about sounds."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError

__all__ = ["hertz_of_mel", "mel_filters", "mel_of_hertz"]

Doubles = npt.NDArray[np.float64]

# The scale is linear up to 1000 Hz, which is 15 mel, and logarithmic above: 27 mel from there to 6400 Hz.
_HERTZ_A_MEL = 200.0 / 3.0
_BEND = 1000.0
_LOG_STEP = math.log(6.4) / 27.0


def mel_of_hertz(hertz: npt.ArrayLike) -> Doubles:
    """Frequencies as mel."""
    values = np.asarray(hertz, dtype=np.float64)
    above = _BEND / _HERTZ_A_MEL + np.log(np.maximum(values, _BEND) / _BEND) / _LOG_STEP
    return np.where(values < _BEND, values / _HERTZ_A_MEL, above)


def hertz_of_mel(mel: npt.ArrayLike) -> Doubles:
    """Mel as frequencies."""
    values = np.asarray(mel, dtype=np.float64)
    bend = _BEND / _HERTZ_A_MEL
    return np.where(values < bend, values * _HERTZ_A_MEL, _BEND * np.exp((np.maximum(values, bend) - bend) * _LOG_STEP))


def mel_filters(rate: int, fft: int, mels: int, low: float, high: float) -> Doubles:
    """Triangles of area 1 at equal distances on the mel scale: their weights `FK` for K = fft // 2 + 1 frequencies.

    Each begins at the middle of the one before it and ends at the middle of the next, from `low` to `high` Hz. Raises
    ConfigError for a range that is none, and where a filter lies between two frequencies and would hear nothing.
    """
    if not 0.0 <= low < high <= rate / 2:
        raise ConfigError(f"expected low_hz below high_hz, and high_hz at most half of {rate:,} Hz. "
                          f"Received: low_hz={low:g}, high_hz={high:g}")  # fmt: skip
    edges = hertz_of_mel(np.linspace(mel_of_hertz(low), mel_of_hertz(high), mels + 2))
    begin, middle, end = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequencies_K = np.linspace(0.0, rate / 2, fft // 2 + 1) if fft % 2 == 0 else np.arange(fft // 2 + 1) * rate / fft
    rise, fall = (frequencies_K - begin) / (middle - begin), (end - frequencies_K) / (end - middle)
    weights_FK = np.maximum(0.0, np.minimum(rise, fall)) * (2.0 / (end - begin))
    deaf = np.flatnonzero(~weights_FK.any(axis=1))
    if len(deaf):
        raise ConfigError(
            f"expected filters that each hear a frequency; the narrowest are narrower than {rate / fft:.1f} Hz, the "
            f"distance of two frequencies (fewer mels or a longer window help). Received: mels={mels}, of which "
            f"{len(deaf)} would hear nothing"
        )
    return weights_FK
