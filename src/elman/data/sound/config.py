"""The options of sounds: what a network hears of them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.options import option

__all__ = ["SoundConfig"]


@dataclass(frozen=True)
class SoundConfig:
    """What a network hears: the rate of the samples, and the features of a frame."""

    sample_rate: int = option(16000, "samples a second that sounds are brought to", least=1000, most=384000)
    window_ms: float = option(25.0, "milliseconds of sound that a frame looks at", least=0.1, most=10000.0)
    hop_ms: float = option(10.0, "milliseconds from one frame to the next", least=0.1, most=10000.0)
    fft: int = option(0, "points of the Fourier transform; 0: the power of two that holds the window", least=0)
    mels: int = option(40, "mel filters, the features of a frame", least=1, most=1024)
    low_hz: float = option(20.0, "where the lowest filter begins", least=0.0)
    high_hz: float = option(0.0, "where the highest filter ends; 0: half the sample rate", least=0.0)
    power_floor: float = option(1e-10, "the least power that is told apart from silence", least=1e-30)
    longest_seconds: float = option(3600.0, "refuse sounds that are longer", least=0.001)
