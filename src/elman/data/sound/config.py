"""Options of sounds and their features. Does not import torch."""

from __future__ import annotations

from elman.options import option, section

__all__ = ["SoundConfig"]


@section
class SoundConfig:
    """Sample rate and log-mel features."""

    sample_rate: int = option(16000, "sample rate in Hz; sounds are resampled to it", least=1000, most=384000)
    window_ms: float = option(25.0, "length of a frame's window in milliseconds", least=0.1, most=10000.0)
    hop_ms: float = option(10.0, "milliseconds from one frame to the next", least=0.1, most=10000.0)
    fft: int = option(0, "points of the Fourier transform; 0: the next power of two from the window", least=0)
    mels: int = option(40, "number of mel filters, the features of a frame", least=1, most=1024)
    low_hz: float = option(20.0, "lower end of the lowest filter in Hz", least=0.0)
    high_hz: float = option(0.0, "upper end of the highest filter in Hz; 0: half the sample rate", least=0.0)
    power_floor: float = option(1e-10, "smaller powers are set to this before the logarithm", least=1e-30)
    longest_seconds: float = option(3600.0, "refuse sounds longer than this", least=0.001)
